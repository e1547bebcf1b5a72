/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prompt as a cache sees it: how many tokens, and the hash of each whole block from the prompt's start.
 *
 * No tokenizer: a prompt of n bytes has ceil(n / bytes_per_token) tokens, and a block ends where so many bytes do. Two
 * prompts that share a beginning share the hashes of its whole blocks. FNV-1a, 64 bits: nobody here gains by a
 * collision. Fed in any pieces with the same result. Belongs to one call.
 */
#pragma once

#include "base/buf.h"
#include "preset.h"

struct prompt {
    double block_bytes;
    double bytes_per_token;
    uint64_t bytes;
    uint64_t border; /* where the block under way ends */
    uint64_t hash;
    uint32_t blocks;   /* whole ones */
    struct buf hashes; /* one uint64_t each; those beyond a context are left out */
};

/* Allocates nothing. */
void prompt_init(struct prompt *prompt, const struct preset *preset);
void prompt_release(struct prompt *prompt);
void prompt_feed(struct prompt *prompt, struct span bytes);
/* At least 1; at most UINT32_MAX. */
uint32_t prompt_tokens(const struct prompt *prompt);
/* How many there are, in whole blocks, behind *ret_hashes. Lives as long as the prompt is not fed. */
uint32_t prompt_hashes(const struct prompt *prompt, const uint64_t **ret_hashes);
