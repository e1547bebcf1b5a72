/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/redact.h"

#include "base/text.h"
#include "identity/key.h"

#define INSTEAD "***"

static const struct span prefix = {KEY_PREFIX, sizeof(KEY_PREFIX) - 1};

static size_t base62_run(struct span text)
{
    size_t len = 0;
    while (len < text.len &&
           (((unsigned)text.ptr[len] - '0') < 10 || (((unsigned)text.ptr[len] | 0x20) - 'a') < 26))
        len++;
    return len;
}

/* How much of a text that begins like a key of ours may be shown, and how long it is in all. */
static size_t our_key(struct span text, size_t *ret_shown)
{
    size_t id = base62_run(span_skip(text, prefix.len));
    size_t len = prefix.len + id;
    *ret_shown = prefix.len;
    if (len == text.len || text.ptr[len] != '-')
        return len;
    if (id == TEXT_BASE62_U64)
        *ret_shown = len + 1;
    return len + 1 + base62_run(span_skip(text, len + 1));
}

static struct span redact_slow(struct arena *arena, struct span text, size_t len_max,
                               struct span presented)
{
    char room[REDACT_BYTES_MAX + KEY_TEXT_BYTES];
    size_t len = 0;
    while (text.len > 0 && len < len_max) {
        size_t shown = 1, taken = 1;
        if (presented.len > 0 && span_starts(text, presented)) {
            shown = 0;
            taken = presented.len;
        } else if (span_starts(text, prefix)) {
            taken = our_key(text, &shown);
        }
        memcpy(room + len, text.ptr, shown);
        len += shown;
        if (taken > shown) {
            memcpy(room + len, INSTEAD, sizeof(INSTEAD) - 1);
            len += sizeof(INSTEAD) - 1;
        }
        text = span_skip(text, taken);
    }
    return arena_copy(arena, span_of(room, MIN(len, len_max)));
}

struct span redact_keys(struct arena *arena, struct span text, size_t len_max,
                        struct span presented)
{
    check(len_max <= REDACT_BYTES_MAX);
    if (span_is_null(text))
        return SPAN_NULL;
    if (presented.len < KEY_IMPORTED_TEXT_MIN)
        presented = SPAN_NULL;
    /* A key may begin before the cut and end behind it. */
    struct span near = span_take(text, len_max + presented.len);
    if (span_find(near, prefix) < 0 && (span_is_null(presented) || span_find(near, presented) < 0))
        return arena_copy(arena, span_take(text, len_max));
    return redact_slow(arena, near, len_max, presented);
}
