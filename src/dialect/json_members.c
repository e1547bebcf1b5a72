/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw members of JSON text that json_parse() has accepted. Because the text is known to be valid in the whole grammar, this
 * need only find where values end; it checks nothing, and stays inside its span whatever it is given. Pure functions.
 *
 * Arrays and objects are looked through 64 bytes at a time, as simdjson does it: a word for each kind of byte says where they
 * are, and what lies in strings is then cleared from the word of the brackets.
 */
#include "dialect/json_dom.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK_BYTES 64

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

/* Bytes of the string at the front, both quotes counted. */
static size_t string_len(struct span text)
{
    size_t at = 0;
    const char *quote;
    while ((quote = memchr(text.ptr + at + 1, '"', text.len - at - 1))) {
        /* It ends the string when an even number of backslashes stands before it. Each backslash is looked at once: the run
         * ends at the quote before. */
        const char *run = quote;
        while (run[-1] == '\\')
            run--;
        at = (size_t)(quote - text.ptr);
        if ((quote - run) % 2 == 0)
            return at + 1;
    }
    return text.len;
}

/* ---- arrays and objects, in blocks ------------------------------------------------------------ */

/* The bytes of a block that are `wanted` when the bits of `fold` are set in them; the lowest bit is the first byte. */
static inline uint64_t find_byte(const char *block, char fold, char wanted)
{
    uint64_t found = 0;
#ifdef __SSE2__
    for (int at = 0; at < BLOCK_BYTES; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + at));
        __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(fold));
        __m128i equal = _mm_cmpeq_epi8(folded, _mm_set1_epi8(wanted));
        found |= (uint64_t)(unsigned)_mm_movemask_epi8(equal) << at;
    }
#else
    for (int at = 0; at < BLOCK_BYTES; at++)
        found |= (uint64_t)((block[at] | fold) == wanted) << at;
#endif
    return found;
}

/* What stands behind a backslash, which may be another one that then escapes nothing. */
static uint64_t find_escaped(uint64_t backslashes)
{
    uint64_t escaped = 0;
    for (; backslashes; backslashes &= backslashes - 1) {
        uint64_t first = backslashes & -backslashes;
        if (!(escaped & first))
            escaped |= first << 1;
    }
    return escaped;
}

/* Each bit is the parity of the bits up to it: set from an opening quote to before the closing one. */
static inline uint64_t find_strings(uint64_t quotes)
{
    for (int shift = 1; shift < BLOCK_BYTES; shift *= 2)
        quotes ^= quotes << shift;
    return quotes;
}

/* Brackets and braces at the front, as bits, without those in strings. *ret_len: bytes looked at, up to 64; more when a string
 * is open behind the last of them: it is then passed over, so that the next block begins outside of strings again. */
static inline uint64_t find_brackets(struct span text, size_t *ret_len)
{
    char last[BLOCK_BYTES] = {0};
    const char *block = text.ptr;
    if (text.len < BLOCK_BYTES) {
        memcpy(last, text.ptr, text.len);
        block = last;
    }
    uint64_t quotes = find_byte(block, 0, '"');
    uint64_t backslashes = find_byte(block, 0, '\\');
    if (backslashes)
        quotes &= ~find_escaped(backslashes);
    uint64_t strings = find_strings(quotes);
    *ret_len = MIN(text.len, (size_t)BLOCK_BYTES);
    if (strings >> (BLOCK_BYTES - 1)) {
        size_t open = BLOCK_BYTES - 1 - (size_t)__builtin_clzll(quotes);
        *ret_len = open + string_len(span_skip(text, open));
    }
    /* A bracket is its brace but for one bit. */
    return (find_byte(block, 0x20, '{') | find_byte(block, 0x20, '}')) & ~strings;
}

/* Bytes of the array or object at the front. Not inlined: its frame would be made for every string and number too. */
__attribute__((noinline)) static size_t nested_len(struct span text)
{
    size_t depth = 0, block_len;
    for (size_t block = 0; block < text.len; block += block_len) {
        uint64_t brackets = find_brackets(span_skip(text, block), &block_len);
        for (; brackets; brackets &= brackets - 1) {
            size_t at = block + (size_t)__builtin_ctzll(brackets);
            if (text.ptr[at] == '{' || text.ptr[at] == '[')
                depth++;
            else if (--depth == 0)
                return at + 1;
        }
    }
    return text.len;
}

/* ---- values ----------------------------------------------------------------------------------- */

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
