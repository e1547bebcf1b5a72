/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/redact.h"

#include "base/text.h"
#include "identity/key.h"

#define INSTEAD "***"
#define NEAR_BYTES_MAX (REDACT_BYTES_MAX + KEY_IMPORTED_TEXT_MAX)

static const struct span prefix = {KEY_PREFIX, sizeof(KEY_PREFIX) - 1};

static size_t base62_run(struct span text)
{
    size_t len = 0;
    while (len < text.len &&
           (((unsigned)text.ptr[len] - '0') < 10 || (((unsigned)text.ptr[len] | 0x20) - 'a') < 26))
        len++;
    return len;
}

/* How long a text is that begins like a key of ours, and how much of it may be shown. */
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

/* Which bytes nobody is to see. Looks at each place, for a key may begin inside of what looks like another. */
static void mark(struct span text, struct span presented, bool ret_hidden[NEAR_BYTES_MAX])
{
    for (size_t at = 0; at < text.len; at++) {
        struct span rest = span_skip(text, at);
        size_t shown;
        if (presented.len > 0 && span_starts(rest, presented))
            memset(ret_hidden + at, true, presented.len);
        if (span_starts(rest, prefix)) {
            size_t len = our_key(rest, &shown);
            memset(ret_hidden + at + shown, true, len - shown);
        }
    }
}

static struct span redact_slow(struct arena *arena, struct span text, size_t len_max,
                               struct span presented)
{
    bool hidden[NEAR_BYTES_MAX] = {false};
    char room[REDACT_BYTES_MAX + sizeof(INSTEAD)];
    size_t len = 0;
    mark(text, presented, hidden);
    for (size_t at = 0; at < text.len && len < len_max; at++) {
        if (!hidden[at]) {
            room[len++] = text.ptr[at];
        } else if (at == 0 || !hidden[at - 1]) {
            memcpy(room + len, INSTEAD, sizeof(INSTEAD) - 1);
            len += sizeof(INSTEAD) - 1;
        }
    }
    return arena_copy(arena, span_of(room, MIN(len, len_max)));
}

struct span redact_keys(struct arena *arena, struct span text, size_t len_max,
                        struct span presented)
{
    check(len_max <= REDACT_BYTES_MAX);
    if (span_is_null(text))
        return SPAN_NULL;
    if (presented.len < KEY_IMPORTED_TEXT_MIN || presented.len > KEY_IMPORTED_TEXT_MAX)
        presented = SPAN_NULL;
    /* A key may begin before the cut and end behind it. */
    struct span near = span_take(text, len_max + presented.len);
    if (span_find(near, prefix) < 0 && (span_is_null(presented) || span_find(near, presented) < 0))
        return arena_copy(arena, span_take(text, len_max));
    return redact_slow(arena, near, len_max, presented);
}
