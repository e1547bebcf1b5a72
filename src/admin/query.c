/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/query.h"

#include "base/text.h"

/* Takes "name=value" off the front; a part without '=' has an empty value. */
static bool take(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    struct span part;
    if (!span_split(rest, '&', &part))
        return false;
    ptrdiff_t at = span_find_byte(part, '=');
    *ret_name = at < 0 ? part : span_take(part, (size_t)at);
    *ret_value = at < 0 ? SPAN("") : span_skip(part, (size_t)at + 1);
    return true;
}

static bool is_among(struct span name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq(name, span_str(names[i])))
            return true;
    return false;
}

int query_check(struct span query, const char *const *names, size_t names_count, struct err *err)
{
    struct span rest = query, name, value;
    while (take(&rest, &name, &value)) {
        struct span later = rest, other;
        if (name.len == 0 && value.len == 0)
            continue;
        if (!is_among(name, names, names_count))
            return err_set(err, -EINVAL, "unknown parameter '%.*s'",
                           (int)MIN(name.len, (size_t)100), name.ptr);
        while (take(&later, &other, &value))
            if (span_eq(name, other))
                return err_set(err, -EINVAL, "parameter '%.*s' comes twice", (int)name.len,
                               name.ptr);
    }
    return 0;
}

static int unescape(struct span text, struct buf *value)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '%') {
            if (text_unhex(span_take(span_skip(text, i + 1), 2), &byte, 1) < 0)
                return -EINVAL;
            i += 2;
        }
        if (byte == '\0')
            return -EINVAL;
        buf_append_byte(value, byte);
    }
    return buf_status(value);
}

int query_get(struct span query, struct span name, struct buf *value)
{
    struct span rest = query, found, text;
    buf_clear(value);
    while (take(&rest, &found, &text)) {
        if (!span_eq(found, name))
            continue;
        int result = unescape(text, value);
        return result < 0 ? result : value->len > 0;
    }
    return 0;
}
