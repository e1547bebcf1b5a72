/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include "base/text.h"

struct unit {
    struct span name;
    uint64_t factor;
};

/* Largest first: writing takes the first that divides. The last is what a number without a unit
 * is. */
static const struct unit size_units[] = {
    {{"GiB", 3}, 1u << 30}, {{"MiB", 3}, 1u << 20}, {{"KiB", 3}, 1u << 10}, {{"", 0}, 1}};
static const struct unit duration_units[] = {
    {{"h", 1}, 3600000}, {{"m", 1}, 60000}, {{"s", 1}, 1000}, {{"ms", 2}, 1}};

static int value_with_unit(struct span text, const struct unit *units, size_t units_count,
                           uint64_t *ret_value)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    uint64_t number;
    int rc = text_to_u64(span_take(text, digits), &number);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < units_count; i++) {
        if (!span_eq(span_skip(text, digits), units[i].name))
            continue;
        return __builtin_mul_overflow(number, units[i].factor, ret_value) ? -ERANGE : 0;
    }
    return -EINVAL;
}

int value_size(struct span text, uint64_t *ret_bytes)
{
    return value_with_unit(text, size_units, COUNT_OF(size_units), ret_bytes);
}

int value_rate(struct span text, uint64_t *ret_bytes_per_second)
{
    if (span_eq(text, SPAN("0"))) {
        *ret_bytes_per_second = 0;
        return 0;
    }
    if (!span_ends(text, SPAN("/s")))
        return -EINVAL;
    return value_size(span_take(text, text.len - 2), ret_bytes_per_second);
}

int value_duration(struct span text, uint64_t *ret_ms)
{
    if (span_eq(text, SPAN("0"))) {
        *ret_ms = 0;
        return 0;
    }
    return value_with_unit(text, duration_units, COUNT_OF(duration_units), ret_ms);
}

int value_percent(struct span text, uint64_t *ret_percent)
{
    if (!span_ends(text, SPAN("%")))
        return -EINVAL;
    return text_to_u64(span_take(text, text.len - 1), ret_percent);
}

int value_bool(struct span text, bool *ret_value)
{
    bool yes = span_eq(text, SPAN("true"));
    if (!yes && !span_eq(text, SPAN("false")))
        return -EINVAL;
    *ret_value = yes;
    return 0;
}

static void value_write(struct buf *buf, uint64_t value, const struct unit *units)
{
    while (value % units->factor != 0)
        units++;
    buf_append_u64(buf, value / units->factor);
    if (value != 0)
        buf_append(buf, units->name);
}

void value_write_size(struct buf *buf, uint64_t bytes)
{
    value_write(buf, bytes, size_units);
}

void value_write_duration(struct buf *buf, uint64_t ms)
{
    value_write(buf, ms, duration_units);
}

void value_quote(struct span text, char ret_text[VALUE_QUOTE_BYTES])
{
    static const struct span more = {"…", sizeof("…") - 1};
    size_t len = 0;
    while (text.len > 0) {
        size_t step = text_utf8_len(text);
        bool shown = step > 0 && (unsigned char)text.ptr[0] >= 0x20 && text.ptr[0] != 0x7f;
        step = MAX(step, (size_t)1);
        size_t room = VALUE_QUOTE_BYTES - 1 - len;
        if (text.len > room && step + more.len > room) {
            memcpy(ret_text + len, more.ptr, more.len);
            len += more.len;
            break;
        }
        if (shown)
            memcpy(ret_text + len, text.ptr, step);
        else
            ret_text[len] = '?';
        len += step;
        text = span_skip(text, step);
    }
    ret_text[len] = '\0';
}
