/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a target behind '?'. A value is no longer than it was written and has no byte 0; any text that is escaped as a value comes back. */
#include "fuzz.h"

#include "admin/query.h"

static const char *const names[] = {"a", "since", "by"};

static void read_query(struct span query)
{
    struct err err = {""};
    struct buf value;
    int checked = query_check(query, names, COUNT_OF(names), &err);
    check(checked == 0 || (checked == -EINVAL && err.text[0] != '\0'));
    buf_init(&value, query.len + 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        int result = query_get(query, span_str(names[i]), &value);
        check(result == 0 || result == 1 || result == -EINVAL);
        if (result < 0)
            continue;
        check((result == 1) == (value.len > 0) && value.len <= query.len);
        check(span_find_byte(buf_span(&value), '\0') < 0);
    }
    buf_release(&value);
}

static void write_query(struct span text)
{
    struct err err = {""};
    struct buf query, value;
    buf_init(&query, text.len * 3 + 16);
    buf_init(&value, text.len + 1);
    buf_append(&query, SPAN("since=x&a="));
    for (size_t i = 0; i < text.len; i++)
        buf_printf(&query, "%%%02x", (unsigned)(unsigned char)text.ptr[i]);
    check(buf_status(&query) == 0 && query_check(buf_span(&query), names, COUNT_OF(names), &err) == 0);
    int result = query_get(buf_span(&query), SPAN("a"), &value);
    if (span_find_byte(text, '\0') >= 0)
        check(result == -EINVAL);
    else
        check(result == (text.len > 0) && span_eq(buf_span(&value), text));
    buf_release(&query);
    buf_release(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    read_query(span_of(data, size));
    write_query(span_of(data, size));
    return 0;
}
