/* SPDX-License-Identifier: Apache-2.0 */
#include "seats.h"

#include "base/alloc.h"

struct slot {
    uint64_t *hashes; /* of the prompt it has, room for a whole context */
    uint32_t count;
    bool taken;
    uint64_t left_at; /* a count of calls, not a time */
};

struct seats {
    uint32_t block_tokens;
    uint32_t context;
    struct kv *kv; /* batch */

    struct slot *slots; /* slots */
    uint64_t *hashes;
    uint32_t slots_count;
    bool shares;
    uint64_t leavings;
    uint64_t tokens_used;
};

/* ── slots ── */

static uint32_t common_blocks(const struct slot *slot, const struct seat_prompt *prompt)
{
    uint32_t most = MIN(slot->count, prompt->count), i = 0;
    while (i < most && slot->hashes[i] == prompt->hashes[i])
        i++;
    return i;
}

static int take_slot(struct seats *seats, struct seat *seat, const struct seat_prompt *prompt,
                     uint32_t *ret_blocks)
{
    struct slot *best = NULL;
    uint32_t best_blocks = 0;
    for (uint32_t i = 0; i < seats->slots_count; i++) {
        struct slot *slot = &seats->slots[i];
        uint32_t blocks = seats->shares && !slot->taken ? common_blocks(slot, prompt) : 0;
        bool better = !best || blocks > best_blocks ||
                      (blocks == best_blocks && slot->left_at < best->left_at);
        if (!slot->taken && better) {
            best = slot;
            best_blocks = blocks;
        }
    }
    if (!best)
        return -EAGAIN;
    best->taken = true;
    best->count = best_blocks;
    seat->slot = (uint32_t)(best - seats->slots) + 1;
    *ret_blocks = best_blocks;
    return 0;
}

/* The slot knows what has been computed, also when the call is broken off. */
static void grow_slot(struct seats *seats, struct seat *seat, const struct seat_prompt *prompt,
                      uint32_t tokens)
{
    struct slot *slot = &seats->slots[seat->slot - 1];
    uint32_t blocks = MIN(tokens / seats->block_tokens, prompt->count);
    for (; slot->count < blocks; slot->count++)
        slot->hashes[slot->count] = prompt->hashes[slot->count];
    seats->tokens_used += tokens - seat->tokens;
}

static void leave_slot(struct seats *seats, struct seat *seat)
{
    struct slot *slot = &seats->slots[seat->slot - 1];
    slot->taken = false;
    slot->left_at = ++seats->leavings;
    seats->tokens_used -= seat->tokens;
}

/* ── both ── */

int seats_take(struct seats *seats, struct seat *seat, const struct seat_prompt *prompt,
               uint32_t *ret_cached)
{
    uint32_t blocks = 0;
    *seat = (struct seat){.slot = 0};
    if (seats->kv) {
        kv_reuse(seats->kv, &seat->hold, prompt->hashes, prompt->count);
        blocks = seat->hold.blocks;
    } else if (take_slot(seats, seat, prompt, &blocks) < 0) {
        return -EAGAIN;
    } else {
        seats->tokens_used += (uint64_t)blocks * seats->block_tokens;
    }
    seat->tokens = blocks * seats->block_tokens;
    *ret_cached = seat->tokens;
    return 0;
}

int seats_grow(struct seats *seats, struct seat *seat, const struct seat_prompt *prompt,
               uint32_t tokens)
{
    if (tokens > seats->context)
        return -ENOSPC;
    if (tokens <= seat->tokens)
        return 0;
    if (seats->kv) {
        uint32_t blocks = (tokens + seats->block_tokens - 1) / seats->block_tokens;
        int r = kv_grow(seats->kv, &seat->hold, blocks, prompt->hashes, prompt->count);
        if (r < 0)
            return r;
    } else {
        grow_slot(seats, seat, prompt, tokens);
    }
    seat->tokens = tokens;
    return 0;
}

void seats_leave(struct seats *seats, struct seat *seat)
{
    if (seats->kv)
        kv_drop(seats->kv, &seat->hold);
    else if (seat->slot > 0)
        leave_slot(seats, seat);
    *seat = (struct seat){.slot = 0};
}

uint32_t seats_context(const struct seats *seats)
{
    return seats->context;
}

uint64_t seats_tokens_used(const struct seats *seats)
{
    return seats->kv ? (uint64_t)kv_used(seats->kv) * seats->block_tokens : seats->tokens_used;
}

/* ── life ── */

static bool make_slots(struct seats *seats, const struct preset *preset)
{
    uint32_t count = preset->scheduler.running_max;
    seats->context = MIN(seats->context, preset->kv.tokens / count);
    size_t hashes_each = seats->context / seats->block_tokens + 1;
    seats->slots_count = count;
    seats->slots = mem_array(count, sizeof(*seats->slots));
    seats->hashes = mem_array(count * hashes_each, sizeof(*seats->hashes));
    for (uint32_t i = 0; seats->slots && seats->hashes && i < count; i++)
        seats->slots[i].hashes = seats->hashes + i * hashes_each;
    return seats->slots && seats->hashes;
}

struct seats *seats_new(const struct preset *preset)
{
    struct seats *seats = mem_zalloc(sizeof(*seats));
    if (!seats)
        return NULL;
    seats->block_tokens = preset->kv.block_tokens;
    seats->context = preset->model.context_tokens;
    seats->shares = preset->kv.prefix_cache;
    bool made;
    if (preset->scheduler.kind == PRESET_SLOTS) {
        made = make_slots(seats, preset);
    } else {
        seats->kv = kv_new(preset->kv.tokens / preset->kv.block_tokens, seats->shares);
        made = seats->kv != NULL;
    }
    if (!made) {
        seats_free(seats);
        return NULL;
    }
    return seats;
}

void seats_free(struct seats *seats)
{
    if (!seats)
        return;
    kv_free(seats->kv);
    mem_free(seats->slots);
    mem_free(seats->hashes);
    mem_free(seats);
}
