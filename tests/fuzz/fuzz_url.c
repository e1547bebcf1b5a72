/* SPDX-License-Identifier: Apache-2.0 */
/* A backend's address. What is taken fits its fields, goes into a request's line and Host as it is, and written out again means the same. */
#include "fuzz.h"

#include "base/buf.h"
#include "relay/url.h"

static void check_printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        check(text.ptr[i] > ' ' && text.ptr[i] < 0x7f && text.ptr[i] != '?' && text.ptr[i] != '#');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url url, again;
    struct err err = {""};
    struct buf text;
    int result = url_parse(span_of(data, size), &url, &err);
    check(result == 0 || (result == -EINVAL && err.text[0] != '\0'));
    if (result < 0)
        return 0;
    struct span authority = span_str(url.authority), path = span_str(url.prefix);
    check_printable(authority);
    check_printable(path);
    check(url.port > 0 && span_str(url.host).len > 0 && !span_ends(path, SPAN("/")));

    buf_init(&text, 1024);
    buf_printf(&text, "%s://%s%s/v1", url.tls ? "https" : "http", url.authority, url.prefix);
    check(url_parse(buf_span(&text), &again, &err) == 0);
    check(again.tls == url.tls && again.port == url.port && again.host_is_address == url.host_is_address);
    check(strcmp(again.host, url.host) == 0 && strcmp(again.authority, url.authority) == 0);
    check(strcmp(again.prefix, url.prefix) == 0 && strcmp(again.port_text, url.port_text) == 0);
    buf_release(&text);
    return 0;
}
