/* SPDX-License-Identifier: Apache-2.0 */
/* Searching and comparing runs of bytes; the one-liners are in the header. */
#include "base/span.h"

#include <sodium.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Up to eight bytes, the missing ones zero. */
static uint64_t load_word(const char *ptr, size_t len)
{
    uint64_t word = 0;
    if (len >= sizeof(word))
        memcpy(&word, ptr, sizeof(word)); /* of fixed size: one instruction */
    else
        memcpy(&word, ptr, len);
    return word;
}

/* Each of eight bytes that is an ASCII capital as its small letter. The sums carry into a byte's top bit, never beyond. */
static uint64_t ascii_lower(uint64_t word)
{
    uint64_t low = word & EACH_BYTE(0x7f);
    uint64_t beyond_z = low + EACH_BYTE(0x7f - 'Z');
    uint64_t from_a = low + EACH_BYTE(0x80 - 'A');
    uint64_t capital = (from_a ^ beyond_z) & ~word & EACH_BYTE(0x80);
    return word | capital >> 2;
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t at = 0; at < a.len; at += sizeof(uint64_t)) {
        uint64_t x = load_word(a.ptr + at, a.len - at);
        uint64_t y = load_word(b.ptr + at, a.len - at);
        if (x != y && ascii_lower(x) != ascii_lower(y))
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
