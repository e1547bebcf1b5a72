/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of bytes for reading: pointer and length, by value, never owned, not terminated. An empty span may have a
 * NULL pointer; `span_is_null` tells "absent" from "empty". Any thread.
 */
#pragma once

#include "base/macros.h"

#include <string.h>

C_LINKAGE_BEGIN

struct span {
    const char *ptr;
    size_t len;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
#define SPAN_NULL ((struct span){NULL, 0})

static inline struct span span_of(const void *ptr, size_t len)
{
    return (struct span){(const char *)ptr, len};
}

static inline struct span span_str(const char *text)
{
    return text ? (struct span){text, strlen(text)} : SPAN_NULL;
}

static inline bool span_is_null(struct span s)
{
    return s.ptr == NULL;
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline struct span span_skip(struct span s, size_t n)
{
    n = n < s.len ? n : s.len;
    /* NULL plus zero is not defined in C. */
    return (struct span){n ? s.ptr + n : s.ptr, s.len - n};
}

static inline struct span span_take(struct span s, size_t n)
{
    return (struct span){s.ptr, n < s.len ? n : s.len};
}

static inline bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool span_ends(struct span s, struct span suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* ASCII letters compare without case; other bytes as they are. */
bool span_eq_nocase(struct span a, struct span b);

/* Position of the first `needle`, or -1. An empty needle is found at 0. */
ptrdiff_t span_find(struct span s, struct span needle);
ptrdiff_t span_find_byte(struct span s, char byte);

/* Without spaces and tabs at both ends (the OWS of RFC 9110, section 5.6.3). */
struct span span_trim(struct span s);

/* Takes the part before the first `separator` off the front of `*rest`: true and *ret_part, or false when `*rest`
 * is null. The last part leaves `*rest` null. */
bool span_split(struct span *rest, char separator, struct span *ret_part);

/* Compares in a time that depends on the lengths only. For secrets. */
bool span_eq_constant_time(struct span a, struct span b);

C_LINKAGE_END
