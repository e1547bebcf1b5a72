/* SPDX-License-Identifier: Apache-2.0 */
#include "http/target.h"

#include "base/text.h"

#define VERSION_BYTES 9 /* " HTTP/1.1" */

static struct head_piece piece_between(struct span line, const char *from, const char *to)
{
    return (struct head_piece){(uint32_t)(from - line.ptr), (uint32_t)(to - from)};
}

static enum http_method method_of(struct span text)
{
    static const struct {
        struct span text;
        enum http_method method;
    } methods[] = {
        {{"POST", 4}, HTTP_POST},   {{"GET", 3}, HTTP_GET},       {{"HEAD", 4}, HTTP_HEAD},
        {{"PUT", 3}, HTTP_PUT},     {{"DELETE", 6}, HTTP_DELETE}, {{"OPTIONS", 7}, HTTP_OPTIONS},
        {{"PATCH", 5}, HTTP_PATCH},
    };
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (span_eq(text, methods[i].text)) /* case matters: RFC 9110, section 9.1 */
            return methods[i].method;
    }
    return HTTP_OTHER;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static bool is_address_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
           c == '.';
}

bool target_is_host(struct span host)
{
    size_t at = 0;
    if (host.len > 0 && host.ptr[0] == '[') {
        for (at = 1; at < host.len && is_address_byte(host.ptr[at]);)
            at++;
        if (at < 3 || at == host.len || host.ptr[at++] != ']')
            return false;
    } else {
        while (at < host.len && is_name_byte(host.ptr[at]))
            at++;
        if (at == 0)
            return false;
    }
    struct span port = span_skip(host, at);
    uint64_t number;
    return port.len == 0 || (port.ptr[0] == ':' && port.len <= 6 &&
                             text_to_u64(span_skip(port, 1), &number) == 0 && number <= 65535);
}

/* The four forms of RFC 9112, section 3.2; the authority form belongs to CONNECT. */
static bool read_target(struct span line, struct span target, struct request_line *ret)
{
    const char *at = target.ptr;
    const char *end = target.ptr + target.len;

    for (size_t i = 0; i < target.len; i++) {
        /* A URI has no spaces, nothing above ASCII, and no fragment on the wire. */
        unsigned char c = (unsigned char)target.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '#')
            return false;
    }
    if (span_eq(target, SPAN("*"))) {
        ret->path = piece_between(line, at, end);
        return ret->method == HTTP_OPTIONS;
    }
    if (target.len == 0)
        return false;
    if (*at != '/') {
        if (span_eq_nocase(span_take(target, 7), SPAN("http://")))
            at += 7;
        else if (span_eq_nocase(span_take(target, 8), SPAN("https://")))
            at += 8;
        else
            return false;
        const char *authority = at;
        while (at < end && *at != '/' && *at != '?')
            at++;
        ret->authority = piece_between(line, authority, at);
        if (!target_is_host(span_of(authority, (size_t)(at - authority))))
            return false;
    }
    const char *question = memchr(at, '?', (size_t)(end - at));
    ret->has_query = question != NULL;
    ret->path = piece_between(line, at, question ? question : end);
    if (question)
        ret->query = piece_between(line, question + 1, end);
    return true;
}

enum reason request_line_read(struct span line, struct request_line *ret_line,
                              const char **ret_fault)
{
    struct request_line ret = {0};
    *ret_fault = "the first line is not 'METHOD target HTTP/1.1'";
    ptrdiff_t method_len = span_find_byte(line, ' ');
    if (method_len < 0 || line.len < (size_t)method_len + 1 + VERSION_BYTES)
        return REASON_BAD_HTTP;

    /* One space, not "white space" (RFC 9112, section 3). Versions are compared by case (section
     * 2.3). */
    struct span method = span_take(line, (size_t)method_len);
    struct span version = span_skip(line, line.len - VERSION_BYTES);
    struct span target =
        span_of(line.ptr + method_len + 1, line.len - VERSION_BYTES - (size_t)method_len - 1);
    ret.is_1_0 = span_eq(version, SPAN(" HTTP/1.0"));
    if (!head_is_token(method) || (!ret.is_1_0 && !span_eq(version, SPAN(" HTTP/1.1"))))
        return REASON_BAD_HTTP;
    /* We are no tunnel (RFC 9110, section 9.3.6). */
    if (span_eq(method, SPAN("CONNECT")))
        return REASON_NOT_IMPLEMENTED;

    ret.method = method_of(method);
    ret.method_text = (struct head_piece){0, (uint32_t)method.len};
    *ret_fault = "the target is no path and no URL";
    if (!read_target(line, target, &ret))
        return REASON_BAD_HTTP;
    *ret_line = ret;
    return REASON_OK;
}
