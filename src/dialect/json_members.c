/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw members of JSON text that json_parse() has accepted. Because the text is known to be valid in the whole grammar, this
 * need only find where values end; it checks nothing, and stays inside its span whatever it is given. Pure functions.
 */
#include "dialect/json_dom.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define NEAR_BYTES 64 /* a key, a role, most words: beyond them memchr() is the faster one */

/* Position of the first quote or, if `brackets`, bracket or brace at or behind `at`; the text's length when there is none. */
static inline size_t find_mark(struct span text, size_t at, bool brackets)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), fold = _mm_set1_epi8(0x20);
    const __m128i opening = _mm_set1_epi8('{'), closing = _mm_set1_epi8('}');
    for (; text.len - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + at));
        __m128i hit = _mm_cmpeq_epi8(block, quote);
        if (brackets) { /* a bracket is its brace but for one bit */
            __m128i folded = _mm_or_si128(block, fold);
            hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(folded, opening),
                                                 _mm_cmpeq_epi8(folded, closing)));
        }
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return at + (size_t)__builtin_ctz(mask);
    }
#endif
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '"' || (brackets && (c == '{' || c == '[' || c == '}' || c == ']')))
            break;
    }
    return at;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span skip_space(struct span text)
{
    while (text.len > 0 && is_space(text.ptr[0]))
        text = span_skip(text, 1);
    return text;
}

static inline size_t find_quote(struct span text, size_t at)
{
    size_t end = find_mark(span_take(text, at + NEAR_BYTES), at, false);
    if (end < at + NEAR_BYTES)
        return end;
    const char *quote = memchr(text.ptr + end, '"', text.len - end);
    return quote ? (size_t)(quote - text.ptr) : text.len;
}

/* Bytes of the string at the front, both quotes counted. */
static size_t string_len(struct span text)
{
    size_t at = 1;
    while (at < text.len) {
        size_t end = find_quote(text, at), slashes = 0;
        if (end == text.len)
            return text.len;
        /* The quote ends the string when an even number of backslashes stands before it. Each backslash is looked at once:
         * the run ends at the quote before. */
        while (end - slashes > at && text.ptr[end - slashes - 1] == '\\')
            slashes++;
        at = end + 1;
        if (slashes % 2 == 0)
            return at;
    }
    return text.len;
}

/* Bytes of the array or object at the front. */
static size_t nested_len(struct span text)
{
    size_t depth = 0;
    for (size_t at = find_mark(text, 0, true); at < text.len; at = find_mark(text, at, true)) {
        switch (text.ptr[at]) {
        case '"':
            at += string_len(span_skip(text, at));
            break;
        case '{':
        case '[':
            depth++;
            at++;
            break;
        default:
            at++;
            if (--depth == 0)
                return at;
        }
    }
    return text.len;
}

static size_t scalar_len(struct span text)
{
    size_t at = 0;
    while (at < text.len && !is_space(text.ptr[at]) && text.ptr[at] != ',' && text.ptr[at] != '}' &&
           text.ptr[at] != ']')
        at++;
    return at;
}

static size_t value_len(struct span text)
{
    if (text.len == 0)
        return 0;
    if (text.ptr[0] == '"')
        return string_len(text);
    if (text.ptr[0] == '{' || text.ptr[0] == '[')
        return nested_len(text);
    return scalar_len(text);
}

/* Takes the value at the front of *rest and what separates it from the next. */
static struct span take_value(struct span *rest)
{
    struct span value = span_take(*rest, value_len(*rest));
    *rest = skip_space(span_skip(*rest, value.len));
    if (rest->len > 0 && (rest->ptr[0] == ',' || rest->ptr[0] == ':'))
        *rest = skip_space(span_skip(*rest, 1));
    return value;
}

struct json_members json_members(struct span object_text)
{
    /* Behind the opening bracket. */
    return (struct json_members){skip_space(span_skip(skip_space(object_text), 1))};
}

static bool at_end(const struct json_members *members)
{
    return members->rest.len == 0 || members->rest.ptr[0] == '}' || members->rest.ptr[0] == ']';
}

bool json_members_next(struct json_members *members, struct span *ret_raw_key,
                       struct span *ret_raw_value)
{
    if (at_end(members))
        return false;
    struct span key = take_value(&members->rest);
    *ret_raw_key = span_take(span_skip(key, 1), key.len > 2 ? key.len - 2 : 0);
    *ret_raw_value = take_value(&members->rest);
    return true;
}

bool json_elements_next(struct json_members *elements, struct span *ret_raw_value)
{
    if (at_end(elements))
        return false;
    *ret_raw_value = take_value(&elements->rest);
    return true;
}
