/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory block is always one byte larger than `cap`, so that buf_cstr() can terminate a full buffer. Blocks double:
 * appending n bytes one by one copies less than 2n.
 */
#include "base/buf.h"

#include "base/alloc.h"

#include <stdarg.h>

#define BUF_BLOCK_MIN 64

void buf_init(struct buf *buf, size_t max)
{
    check(max > 0);
    *buf = (struct buf){.max = max};
}

void buf_release(struct buf *buf)
{
    if (!buf)
        return;
    mem_free(buf->ptr);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    if (!buf)
        return;
    buf->len = 0;
    buf->failed = 0;
}

void buf_shrink(struct buf *buf, size_t keep)
{
    buf_clear(buf);
    if (!buf->ptr || buf->cap < keep)
        return;
    char *smaller = keep ? mem_realloc(buf->ptr, keep) : NULL;
    if (!smaller) {
        buf_release(buf);
        return;
    }
    buf->ptr = smaller;
    buf->cap = keep - 1;
}

int buf_reserve(struct buf *buf, size_t more)
{
    if (buf->failed)
        return buf->failed;
    if (more <= buf->cap - buf->len)
        return 0;
    if (more > buf->max - buf->len)
        return buf->failed = -ENOSPC;

    size_t need = buf->len + more;
    size_t cap = buf->cap ? buf->cap : BUF_BLOCK_MIN / 2 - 1;
    while (cap < need)
        cap = cap > buf->max / 2 ? buf->max : cap * 2 + 1;
    cap = MIN(cap, buf->max);
    if (cap == SIZE_MAX)
        return buf->failed = -ENOMEM;
    char *larger = mem_realloc(buf->ptr, cap + 1);
    if (!larger)
        return buf->failed = -ENOMEM;
    buf->ptr = larger;
    buf->cap = cap;
    return 0;
}

void buf_append_slow(struct buf *buf, struct span bytes)
{
    if (bytes.len == 0 || buf_reserve(buf, bytes.len) < 0)
        return;
    memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_append(buf, span_of(digits + at, sizeof(digits) - at));
}

void buf_append_i64(struct buf *buf, int64_t value)
{
    if (value >= 0) {
        buf_append_u64(buf, (uint64_t)value);
        return;
    }
    /* Sign and digits together or not at all. */
    char text[21];
    int len = snprintf(text, sizeof(text), "%lld", (long long)value);
    buf_append(buf, span_of(text, (size_t)len));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    if (buf_reserve(buf, 0) < 0)
        return;
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);

    size_t room = buf->ptr ? buf->cap - buf->len + 1 : 0;
    int len = vsnprintf(room ? buf->ptr + buf->len : NULL, room, format, args);
    if (len < 0) {
        buf->failed = -ENOMEM;
    } else if ((size_t)len < room || buf_reserve(buf, (size_t)len) == 0) {
        if ((size_t)len >= room && len > 0)
            (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void buf_consume(struct buf *buf, size_t n)
{
    check(n <= buf->len);
    if (n == 0)
        return;
    memmove(buf->ptr, buf->ptr + n, buf->len - n);
    buf->len -= n;
}

const char *buf_cstr(struct buf *buf)
{
    if (buf->failed || !buf->ptr)
        return "";
    buf->ptr[buf->len] = '\0';
    return buf->ptr;
}
