/* SPDX-License-Identifier: Apache-2.0 */
#include "kv.h"

#include "base/alloc.h"
#include "base/map.h"

/* Blocks are numbered from 1. Number 0 is the head of the ring of unused blocks, and stands for "none". */
struct block {
    uint64_t hash;
    uint32_t before; /* in its chain; 0: the first */
    uint32_t holders;
    uint32_t next, prev; /* in the ring, while nobody holds it; what is used next comes first */
    bool known;          /* in the table */
};

struct kv {
    struct block *blocks;
    struct map *table; /* hash → block; NULL: nothing is shared */
    uint32_t count;
    uint32_t used;
};

/* ── the ring of unused blocks ── */

static void ring_insert(struct kv *kv, uint32_t after, uint32_t number)
{
    struct block *blocks = kv->blocks;
    uint32_t next = blocks[after].next;
    blocks[number].prev = after;
    blocks[number].next = next;
    blocks[after].next = number;
    blocks[next].prev = number;
}

static void ring_remove(struct kv *kv, uint32_t number)
{
    struct block *block = &kv->blocks[number];
    kv->blocks[block->prev].next = block->next;
    kv->blocks[block->next].prev = block->prev;
}

static void hold_block(struct kv *kv, uint32_t number)
{
    if (kv->blocks[number].holders++ == 0) {
        ring_remove(kv, number);
        kv->used++;
    }
}

/* One without content is the first to be used again. */
static void let_go_block(struct kv *kv, uint32_t number)
{
    struct block *block = &kv->blocks[number];
    if (--block->holders > 0)
        return;
    ring_insert(kv, block->known ? kv->blocks[0].prev : 0, number);
    kv->used--;
}

/* ── the table of hashes ── */

/* Only behind the block that this very chain has: two blocks of the same content may exist for a while, when two
 * prompts were computed side by side. */
static uint32_t find(const struct kv *kv, uint64_t hash, uint32_t before)
{
    const struct block *block = kv->table ? map_get(kv->table, &hash) : NULL;
    return block && block->before == before ? (uint32_t)(block - kv->blocks) : 0;
}

static void forget(struct kv *kv, struct block *block)
{
    if (block->known)
        (void)map_remove(kv->table, &block->hash);
    block->known = false;
}

/* Without memory for the table the block is merely not found again. */
static void make_known(struct kv *kv, struct block *block, uint64_t hash)
{
    bool behind_known = block->before == 0 || kv->blocks[block->before].known;
    if (!kv->table || !behind_known || map_get(kv->table, &hash))
        return;
    block->hash = hash;
    block->known = map_put(kv->table, &hash, block, NULL) == 0;
}

/* ── what calls do ── */

void kv_reuse(struct kv *kv, struct kv_hold *hold, const uint64_t *hashes, uint32_t count)
{
    check(hold->blocks == 0);
    uint32_t number;
    for (uint32_t i = 0; i < count && (number = find(kv, hashes[i], hold->last)) != 0; i++) {
        hold_block(kv, number);
        hold->last = number;
        hold->blocks++;
    }
}

static void grow_by_one(struct kv *kv, struct kv_hold *hold)
{
    uint32_t number = kv->blocks[0].next;
    struct block *block = &kv->blocks[number];
    check(number != 0);
    forget(kv, block);
    hold_block(kv, number);
    block->before = hold->last;
    hold->last = number;
    hold->blocks++;
}

int kv_grow(struct kv *kv, struct kv_hold *hold, uint32_t blocks, const uint64_t *hashes,
            uint32_t count)
{
    if (blocks > hold->blocks && blocks - hold->blocks > kv->count - kv->used)
        return -ENOSPC;
    while (hold->blocks < blocks) {
        grow_by_one(kv, hold);
        if (hold->blocks <= count)
            make_known(kv, &kv->blocks[hold->last], hashes[hold->blocks - 1]);
    }
    return 0;
}

void kv_drop(struct kv *kv, struct kv_hold *hold)
{
    while (hold->last != 0) {
        uint32_t number = hold->last;
        hold->last = kv->blocks[number].before;
        let_go_block(kv, number);
    }
    hold->blocks = 0;
}

uint32_t kv_used(const struct kv *kv)
{
    return kv->used;
}

/* ── life ── */

struct kv *kv_new(uint32_t blocks, bool shares)
{
    check(blocks >= 1 && blocks <= KV_BLOCKS_MAX);
    struct kv *kv = mem_zalloc(sizeof(*kv));
    if (!kv)
        return NULL;
    kv->count = blocks;
    kv->blocks = mem_array((size_t)blocks + 1, sizeof(*kv->blocks));
    kv->table = shares ? map_new(sizeof(uint64_t), blocks) : NULL;
    if (!kv->blocks || (shares && !kv->table)) {
        kv_free(kv);
        return NULL;
    }
    for (uint32_t i = 1; i <= blocks; i++)
        ring_insert(kv, kv->blocks[0].prev, i);
    return kv;
}

void kv_free(struct kv *kv)
{
    if (!kv)
        return;
    map_free(kv->table);
    mem_free(kv->blocks);
    mem_free(kv);
}
