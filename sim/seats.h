/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the calls that run keep their KV: the one difference between the two schedulers.
 *
 *   batch  a shared pool of blocks (kv.h). There is always a seat; it is the pool that may be full when a call grows.
 *   slots  a fixed number of slots of equal size. A seat may have to be waited for; then the call grows up to the
 *          slot's size without asking. A slot keeps the last prompt: a call gets the free slot that shares the longest
 *          beginning with it, else the one unused for longest.
 *
 * Numbers only. Belongs to one engine.
 */
#pragma once

#include "kv.h"
#include "preset.h"

struct seats;

/* A prompt, as far as the cache is concerned: the hashes of its whole blocks. */
struct seat_prompt {
    const uint64_t *hashes;
    uint32_t count;
};

/* What one call holds; all zeroes: nothing. */
struct seat {
    struct kv_hold hold; /* batch */
    uint32_t slot;       /* slots; counted from 1 */
    uint32_t tokens;
};

/* NULL when out of memory. */
struct seats *seats_new(const struct preset *preset) must_check;
void seats_free(struct seats *seats);

/* 0 and *ret_cached, the tokens of the prompt that are here already; -EAGAIN: all slots are taken. */
int seats_take(struct seats *seats, struct seat *seat, const struct seat_prompt *prompt,
               uint32_t *ret_cached) must_check;
/* From now on the call has `tokens`: 0, or -ENOSPC and nothing changes. */
int seats_grow(struct seats *seats, struct seat *seat, const struct seat_prompt *prompt,
               uint32_t tokens) must_check;
/* The seat is empty again; may be empty before. */
void seats_leave(struct seats *seats, struct seat *seat);

/* What one call may have at most. */
uint32_t seats_context(const struct seats *seats);
/* Held by calls, in whole blocks where there are blocks. */
uint64_t seats_tokens_used(const struct seats *seats);
