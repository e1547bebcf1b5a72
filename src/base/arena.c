/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects are cut from blocks that double from ARENA_BLOCK_FIRST to ARENA_BLOCK_LAST; the first block stays when the
 * arena is cleared, so a connection that waits for its next request holds that much and no more. An object of
 * ARENA_OWN_FROM bytes or more gets a block to itself; under sanitizers that is every object.
 *
 * The entries of the clean-up list come from the arena too, and those that ran or were taken off are used again, so
 * a connection that defers and undefers all day does not grow.
 */
#include "base/arena.h"

#include "base/alloc.h"

#define ARENA_ALIGN 16
#define ARENA_BLOCK_FIRST 1024 /* an open stream holds it */
#define ARENA_BLOCK_LAST 65536
#ifdef SEAWALL_SANITIZED
#define ARENA_OWN_FROM 1
#else
#define ARENA_OWN_FROM ARENA_BLOCK_FIRST
#endif

struct arena_block {
    _Alignas(ARENA_ALIGN) struct arena_block *next;
    size_t size; /* behind this header */
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*fn)(void *thing);
    void *thing;
};

struct arena {
    char *at; /* the free part of the newest shared block */
    char *end;
    struct arena_block *blocks;      /* shared, newest first; the last is the one that stays */
    struct arena_block *own_blocks;  /* one object each */
    struct arena_deferred *deferred; /* newest first */
    struct arena_deferred *spare;    /* entries to use again */
    size_t size_used;
    size_t size_max;
};

struct arena *arena_new(size_t size_max)
{
    struct arena *arena = mem_zalloc(sizeof(*arena));
    if (arena)
        arena->size_max = size_max;
    return arena;
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = mem_alloc(sizeof(*block) + size);
    if (block)
        block->size = size;
    return block;
}

static void blocks_free(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
}

static void arena_use_block(struct arena *arena, struct arena_block *block)
{
    arena->at = (char *)(block + 1);
    arena->end = arena->at + block->size;
}

void arena_clear(struct arena *arena)
{
    if (!arena)
        return;
    /* An action may still use the arena's memory, and may defer further actions. */
    while (arena->deferred) {
        struct arena_deferred *entry = arena->deferred;
        arena->deferred = entry->next;
        entry->fn(entry->thing);
    }
    arena->spare = NULL;

    blocks_free(arena->own_blocks);
    arena->own_blocks = NULL;
    while (arena->blocks && arena->blocks->next) {
        struct arena_block *newest = arena->blocks;
        arena->blocks = newest->next;
        mem_free(newest);
    }
    if (arena->blocks)
        arena_use_block(arena, arena->blocks);
    arena->size_used = 0;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    arena_clear(arena);
    blocks_free(arena->blocks);
    mem_free(arena);
}

static void *arena_alloc_own(struct arena *arena, size_t size)
{
    struct arena_block *block = block_new(size);
    if (!block)
        return NULL;
    block->next = arena->own_blocks;
    arena->own_blocks = block;
    return block + 1;
}

static bool arena_add_block(struct arena *arena)
{
    size_t size = arena->blocks ? MIN(arena->blocks->size * 2, (size_t)ARENA_BLOCK_LAST)
                                : (size_t)ARENA_BLOCK_FIRST;
    struct arena_block *block = block_new(size);
    if (!block)
        return false;
    block->next = arena->blocks;
    arena->blocks = block;
    arena_use_block(arena, block);
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size = size ? size : 1;
    if (size > PTRDIFF_MAX - ARENA_ALIGN)
        return NULL;
    size_t rounded = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (rounded > arena->size_max - arena->size_used)
        return NULL;

    void *object;
    if (size >= ARENA_OWN_FROM) {
        object = arena_alloc_own(arena, size);
        if (!object)
            return NULL;
    } else {
        if (rounded > (size_t)(arena->end - arena->at) && !arena_add_block(arena))
            return NULL;
        object = arena->at;
        arena->at += rounded;
    }
    arena->size_used += rounded;
    return object;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *object = arena_alloc(arena, size);
    if (object)
        memset(object, 0, size);
    return object;
}

struct span arena_copy(struct arena *arena, struct span bytes)
{
    if (bytes.len == SIZE_MAX)
        return SPAN_NULL;
    char *copy = arena_alloc(arena, bytes.len + 1);
    if (!copy)
        return SPAN_NULL;
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = '\0';
    return span_of(copy, bytes.len);
}

int arena_defer(struct arena *arena, void (*fn)(void *thing), void *thing)
{
    struct arena_deferred *entry = arena->spare;
    if (entry)
        arena->spare = entry->next;
    else
        entry = arena_alloc(arena, sizeof(*entry));
    if (!entry)
        return -ENOMEM;
    *entry = (struct arena_deferred){.next = arena->deferred, .fn = fn, .thing = thing};
    arena->deferred = entry;
    return 0;
}

bool arena_undefer(struct arena *arena, void (*fn)(void *thing), const void *thing)
{
    for (struct arena_deferred **link = &arena->deferred; *link; link = &(*link)->next) {
        struct arena_deferred *entry = *link;
        if (entry->fn != fn || entry->thing != thing)
            continue;
        *link = entry->next;
        entry->next = arena->spare;
        arena->spare = entry;
        return true;
    }
    return false;
}

size_t arena_size(const struct arena *arena)
{
    return arena->size_used;
}
