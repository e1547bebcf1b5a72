/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stranger wrote, for a log. The first line is the key that the request presents, the rest is the text; a key of ours is put into it at each place in turn.
 * Nothing of its secret comes out, nor the presented key as a whole, and no more than was asked for. No text is a key of ours that we did not make.
 */
#include "fuzz.h"

#include "identity/key.h"
#include "identity/redact.h"

#define TEXT_BYTES_MAX 200

static const struct span ours = SPAN(KEY_PREFIX "0000000000A-qZ7xK2mWv9Lr4TyB8NcD1eHsG5uJpE0aF"),
                         secret = SPAN("qZ7xK2mW");
static struct arena *arena;

static bool has(struct span text, struct span part)
{
    return span_find(text, part) >= 0;
}

static void see(struct span text, struct span presented, bool secret_is_input)
{
    for (size_t len_max = 0; len_max <= REDACT_BYTES_MAX; len_max += REDACT_BYTES_MAX / 2) {
        struct span seen = redact_keys(arena, text, len_max, presented);
        check(!span_is_null(seen) && seen.len <= len_max);
        check(secret_is_input || !has(seen, secret));
        /* With a star in it, it may be made of what stands instead of another. */
        if (presented.len >= KEY_IMPORTED_TEXT_MIN && span_find_byte(presented, '*') < 0)
            check(!has(seen, presented));
        arena_clear(arena);
    }
}

static void see_with_key(struct span text, size_t at, struct span presented, bool secret_is_input)
{
    char longer[TEXT_BYTES_MAX + KEY_TEXT_BYTES];
    memcpy(longer, text.ptr, at);
    memcpy(longer + at, ours.ptr, ours.len);
    memcpy(longer + at + ours.len, text.ptr + at, text.len - at);
    see(span_of(longer, text.len + ours.len), presented, secret_is_input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size), presented;
    uint64_t id;
    if (size == 0 || size > TEXT_BYTES_MAX)
        return 0;
    if (!arena)
        arena = arena_new(4096);
    check(arena != NULL);
    check(!key_check_text(&(struct mac_key){{3, 2, 1}}, text, &id));
    if (!span_split(&text, '\n', &presented) || text.len == 0)
        return 0;
    bool secret_is_input = has(text, secret) || has(presented, secret);
    see(text, presented, true);
    for (size_t at = 0; at <= text.len; at++)
        see_with_key(text, at, presented, secret_is_input);
    return 0;
}
