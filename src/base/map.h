/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from keys of one fixed length to pointers: open addressing, linear probing, SipHash under a random key
 * (so that nobody on the wire can choose collisions). Grows by doubling up to `entries_max`. Owns copies of the keys,
 * never the values. Belongs to one thread, or is read by many while nobody writes.
 */
#pragma once

#include "base/span.h"

C_LINKAGE_BEGIN

struct map;

/* `key_len` 1 … 64. NULL when out of memory. */
struct map *map_new(size_t key_len, size_t entries_max) must_check;
void map_free(struct map *map);
/* The value, or NULL. */
void *map_get(const struct map *map, const void *key);
/* Adds or replaces; `value` is not NULL. 0, -ENOSPC (entries_max) or -ENOMEM. *ret_old (may be NULL) gets the value
 * that was replaced, or NULL. */
int map_put(struct map *map, const void *key, void *value, void **ret_old) must_check;
/* The removed value, or NULL. */
void *map_remove(struct map *map, const void *key);
size_t map_count(const struct map *map);
/* Walks all entries in no order: start with *at = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *map, size_t *at, const void **ret_key, void **ret_value);

C_LINKAGE_END
