/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KV cache of an engine that pages it (vLLM's way): blocks, shared by prompts that begin alike, and given away
 * again in the order of their last use.
 *
 * A call's blocks are a chain from its last block back to its first, for what two calls share is always a beginning. A
 * block that belongs to nobody keeps what it has until it is needed; then the one unused for longest goes. A chain is
 * let go from its end, so a block never outlives the blocks before it.
 *
 * A prompt's blocks are known by their hashes; each hash covers the prompt from its start to the end of that block.
 * Numbers only: no time, no sockets. Memory is taken in kv_new() and for the table of hashes. Belongs to one engine.
 */
#pragma once

#include "base/macros.h"

#define KV_BLOCKS_MAX 4000000

struct kv;

/* What one call holds; all zeroes: nothing. */
struct kv_hold {
    uint32_t last; /* 0: none */
    uint32_t blocks;
};

/* `blocks` 1 … KV_BLOCKS_MAX. `shares`: prompts that begin alike share. NULL when out of memory. */
struct kv *kv_new(uint32_t blocks, bool shares) must_check;
void kv_free(struct kv *kv);

/* Takes as many of a prompt's first blocks as are here, into a hold that is empty. */
void kv_reuse(struct kv *kv, struct kv_hold *hold, const uint64_t *hashes, uint32_t count);

/* Until the hold has `blocks`: 0, or -ENOSPC and nothing changes. Those that `hashes` names can be found from now on. */
int kv_grow(struct kv *kv, struct kv_hold *hold, uint32_t blocks, const uint64_t *hashes,
            uint32_t count) must_check;

/* The hold is empty again. */
void kv_drop(struct kv *kv, struct kv_hold *hold);

/* Blocks that some hold has. */
uint32_t kv_used(const struct kv *kv);
