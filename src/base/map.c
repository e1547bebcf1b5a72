/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block of memory holds, in this order, the values, the hashes and the keys of all slots; a slot without a value is
 * free. At most three quarters are in use, so a probe is short. Removing moves later entries of the same run back instead
 * of leaving a mark, so a table that is filled and emptied all day stays as quick as a new one.
 */
#include "base/map.h"

#include "base/alloc.h"
#include "base/mac.h"
#include "base/random.h"

#define MAP_SLOTS_FIRST 16
#define MAP_KEY_BYTES_MAX 64
#define MAP_ENTRIES_LIMIT ((size_t)1 << 30) /* a hash has 32 bits */

struct map {
    void **values; /* the start of the block */
    uint32_t *hashes;
    unsigned char *keys;
    size_t slots; /* 0 or a power of two */
    size_t count;
    size_t entries_max;
    size_t key_len;
    struct mac_key hash_key;
};

struct map *map_new(size_t key_len, size_t entries_max)
{
    check(key_len >= 1 && key_len <= MAP_KEY_BYTES_MAX);
    struct map *map = mem_zalloc(sizeof(*map));
    if (!map)
        return NULL;
    map->key_len = key_len;
    map->entries_max = MIN(entries_max, MAP_ENTRIES_LIMIT);
    random_bytes(map->hash_key.bytes, sizeof(map->hash_key.bytes));
    return map;
}

void map_free(struct map *map)
{
    if (!map)
        return;
    mem_free(map->values);
    mem_free(map);
}

static uint32_t map_hash(const struct map *map, const void *key)
{
    return (uint32_t)mac_64(&map->hash_key, span_of(key, map->key_len));
}

static unsigned char *map_key_at(const struct map *map, size_t slot)
{
    return map->keys + slot * map->key_len;
}

/* The slot of `key`, or the free slot where it would go. There is always a free one. */
static size_t map_slot(const struct map *map, const void *key, uint32_t hash)
{
    size_t slot = hash & (map->slots - 1);
    while (map->values[slot]) {
        if (map->hashes[slot] == hash && memcmp(map_key_at(map, slot), key, map->key_len) == 0)
            break;
        slot = (slot + 1) & (map->slots - 1);
    }
    return slot;
}

static void map_set(struct map *map, size_t slot, const void *key, uint32_t hash, void *value)
{
    map->values[slot] = value;
    map->hashes[slot] = hash;
    memcpy(map_key_at(map, slot), key, map->key_len);
}

static int map_grow(struct map *map)
{
    struct map larger = *map;
    larger.slots = map->slots ? map->slots * 2 : MAP_SLOTS_FIRST;
    larger.values = mem_array(larger.slots, sizeof(void *) + sizeof(uint32_t) + map->key_len);
    if (!larger.values)
        return -ENOMEM;
    larger.hashes = (uint32_t *)(larger.values + larger.slots);
    larger.keys = (unsigned char *)(larger.hashes + larger.slots);
    for (size_t i = 0; i < map->slots; i++) {
        if (!map->values[i])
            continue;
        const unsigned char *key = map_key_at(map, i);
        size_t slot = map_slot(&larger, key, map->hashes[i]);
        map_set(&larger, slot, key, map->hashes[i], map->values[i]);
    }
    mem_free(map->values);
    *map = larger;
    return 0;
}

void *map_get(const struct map *map, const void *key)
{
    if (map->count == 0)
        return NULL;
    return map->values[map_slot(map, key, map_hash(map, key))];
}

int map_put(struct map *map, const void *key, void *value, void **ret_old)
{
    check(value != NULL);
    uint32_t hash = map_hash(map, key);
    size_t slot = map->slots ? map_slot(map, key, hash) : 0;
    void *old = map->slots ? map->values[slot] : NULL;
    if (!old) {
        if (map->count >= map->entries_max)
            return -ENOSPC;
        if ((map->count + 1) * 4 > map->slots * 3) {
            int r = map_grow(map);
            if (r < 0)
                return r;
            slot = map_slot(map, key, hash);
        }
        map->count++;
    }
    map_set(map, slot, key, hash, value);
    if (ret_old)
        *ret_old = old;
    return 0;
}

/* Closes the gap: an entry moves back when the gap lies between the slot its hash names and the slot it is in. */
static void map_close_gap(struct map *map, size_t gap)
{
    size_t mask = map->slots - 1;
    for (size_t slot = (gap + 1) & mask; map->values[slot]; slot = (slot + 1) & mask) {
        size_t from_home = (slot - map->hashes[slot]) & mask;
        size_t from_gap = (slot - gap) & mask;
        if (from_home < from_gap)
            continue;
        map_set(map, gap, map_key_at(map, slot), map->hashes[slot], map->values[slot]);
        gap = slot;
    }
    map->values[gap] = NULL;
}

void *map_remove(struct map *map, const void *key)
{
    if (map->count == 0)
        return NULL;
    size_t slot = map_slot(map, key, map_hash(map, key));
    void *value = map->values[slot];
    if (!value)
        return NULL;
    map_close_gap(map, slot);
    map->count--;
    return value;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

bool map_next(const struct map *map, size_t *at, const void **ret_key, void **ret_value)
{
    while (*at < map->slots) {
        size_t slot = (*at)++;
        if (!map->values[slot])
            continue;
        *ret_key = map_key_at(map, slot);
        *ret_value = map->values[slot];
        return true;
    }
    return false;
}
