/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one request: bump allocation, given back whole, with a list of clean-ups for what is not memory.
 *
 * arena_defer() hangs an action on the arena in the same breath as the thing is taken; arena_clear() and
 * arena_free() run the actions in reverse order, then give the memory back. Blocks up to a keep size stay for the
 * next request of a connection. Under sanitizers every object is its own malloc, so overruns are seen.
 * Belongs to one thread. All sizes are bytes; pointers are aligned to 16.
 */
#pragma once

#include "base/span.h"

C_LINKAGE_BEGIN

struct arena;

/* `size_max`: what one request may take in all; above it allocation returns NULL. */
struct arena *arena_new(size_t size_max) must_check;
void arena_free(struct arena *arena);
void arena_clear(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size) must_check;
void *arena_zalloc(struct arena *arena, size_t size) must_check;

/* A terminated copy; SPAN_NULL when out of memory. */
struct span arena_copy(struct arena *arena, struct span bytes) must_check;

/* Calls fn(thing) once, when the arena is cleared or freed. 0 or -ENOMEM; then the caller still owns `thing`. */
int arena_defer(struct arena *arena, void (*fn)(void *thing), void *thing) must_check;

/* Takes the action off the list without running it. True when it was there. */
bool arena_undefer(struct arena *arena, void (*fn)(void *thing), const void *thing);

size_t arena_size(const struct arena *arena);

C_LINKAGE_END
