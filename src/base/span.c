/* SPDX-License-Identifier: Apache-2.0 */
/* Searching and comparing runs of bytes; the one-liners are in the header. */
#include "base/span.h"

#include <sodium.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t load_word(const char *ptr)
{
    uint64_t word;
    memcpy(&word, ptr, sizeof(word));
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

static bool same_letters(uint64_t x, uint64_t y)
{
    return x == y || ascii_lower(x) == ascii_lower(y);
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    if (a.len < sizeof(uint64_t)) {
        uint64_t x = 0, y = 0;
        for (size_t i = 0; i < a.len; i++) {
            x = x << 8 | (unsigned char)a.ptr[i];
            y = y << 8 | (unsigned char)b.ptr[i];
        }
        return same_letters(x, y);
    }
    /* The last word overlaps the one before. */
    size_t last = a.len - sizeof(uint64_t);
    for (size_t at = 0; at < last; at += sizeof(uint64_t)) {
        if (!same_letters(load_word(a.ptr + at), load_word(b.ptr + at)))
            return false;
    }
    return same_letters(load_word(a.ptr + last), load_word(b.ptr + last));
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
