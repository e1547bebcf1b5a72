/* SPDX-License-Identifier: Apache-2.0 */
/* Searching and comparing runs of bytes; the one-liners are in the header. */
#include "base/span.h"

#include <sodium.h>

static unsigned char ascii_lower(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20) : byte;
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    }
    return true;
}

ptrdiff_t span_find(struct span s, struct span needle)
{
    if (needle.len == 0)
        return 0;
    if (needle.len > s.len)
        return -1;
    const char *at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at ? at - s.ptr : -1;
}

ptrdiff_t span_find_byte(struct span s, char byte)
{
    if (s.len == 0)
        return -1;
    const char *at = memchr(s.ptr, byte, s.len);
    return at ? at - s.ptr : -1;
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && is_ows(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_ows(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool span_split(struct span *rest, char separator, struct span *ret_part)
{
    if (span_is_null(*rest))
        return false;
    ptrdiff_t at = span_find_byte(*rest, separator);
    if (at < 0) {
        *ret_part = *rest;
        *rest = SPAN_NULL;
    } else {
        *ret_part = span_take(*rest, (size_t)at);
        *rest = span_skip(*rest, (size_t)at + 1);
    }
    return true;
}

bool span_eq_constant_time(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || sodium_memcmp(a.ptr, b.ptr, a.len) == 0);
}
