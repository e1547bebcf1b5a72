/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backend has read the beginning of this prompt before? A prompt is a chain of hashes, one for each block of PREFIX_BLOCK_BYTES, each keyed with the one before it, so
 * that a block's hash stands for all the text up to its end; and each backend has a table of the hashes that went there lately. Engines that keep the
 * KV of prompts need not compute what is found again.
 *
 * Pure; by value. SipHash under a key of this installation: nobody outside can make two prompts meet. A hash costs about a nanosecond for each byte and a half; only the first
 * PREFIX_BLOCKS_MAX blocks are looked at. The table is direct: a new hash replaces the one in its place, so it forgets by itself.
 */
#pragma once

#include "base/mac.h"

#define PREFIX_BLOCK_BYTES 512
#define PREFIX_BLOCKS_MAX 16
#define PREFIX_TABLE 2048 /* hashes of a backend: 16 KB; a power of two */

struct prefix {
    uint64_t secret, chain;
    uint32_t count;
    uint64_t blocks[PREFIX_BLOCKS_MAX];
};

void prefix_begin(struct prefix *prefix, const struct mac_key *key);
/* The next bytes of the prompt, in blocks; `end`: what is left over counts for what comes behind it. Less than a block is no reason to lean. */
void prefix_add(struct prefix *prefix, struct span bytes, bool end);
/* What follows is somebody's own: equal text of another is another prompt. */
void prefix_salt(struct prefix *prefix, uint64_t identity);

/* Zeroed: empty. */
struct prefix_table {
    uint64_t hashes[PREFIX_TABLE];
};

void prefix_remember(struct prefix_table *table, const struct prefix *prefix);
/* Blocks of the longest beginning that is remembered. */
uint32_t prefix_match(const struct prefix_table *table, const struct prefix *prefix);
