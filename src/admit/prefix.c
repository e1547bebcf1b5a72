/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/prefix.h"

static uint64_t hash(const struct prefix *prefix, struct span bytes)
{
    struct mac_key key;
    memcpy(key.bytes, &prefix->chain, sizeof(prefix->chain));
    memcpy(key.bytes + sizeof(prefix->chain), &prefix->secret, sizeof(prefix->secret));
    return mac_64(&key, bytes);
}

void prefix_begin(struct prefix *prefix, const struct mac_key *key)
{
    prefix->secret = mac_64(key, SPAN("prefix"));
    prefix->chain = 0;
    prefix->count = 0;
}

void prefix_add(struct prefix *prefix, struct span bytes, bool end)
{
    while (bytes.len >= PREFIX_BLOCK_BYTES && prefix->count < PREFIX_BLOCKS_MAX) {
        prefix->chain = hash(prefix, span_take(bytes, PREFIX_BLOCK_BYTES));
        prefix->blocks[prefix->count++] = prefix->chain;
        bytes = span_skip(bytes, PREFIX_BLOCK_BYTES);
    }
    if (end && bytes.len > 0 && prefix->count < PREFIX_BLOCKS_MAX)
        prefix->chain = hash(prefix, bytes);
}

void prefix_salt(struct prefix *prefix, uint64_t identity)
{
    prefix->chain = hash(prefix, span_of((const char *)&identity, sizeof(identity)));
}

static size_t slot_of(uint64_t hash)
{
    return hash & (PREFIX_TABLE - 1);
}

void prefix_remember(struct prefix_table *table, const struct prefix *prefix)
{
    for (uint32_t i = 0; i < prefix->count; i++)
        table->hashes[slot_of(prefix->blocks[i])] = prefix->blocks[i];
}

uint32_t prefix_match(const struct prefix_table *table, const struct prefix *prefix)
{
    uint32_t count = prefix->count;
    while (count > 0 &&
           table->hashes[slot_of(prefix->blocks[count - 1])] != prefix->blocks[count - 1])
        count--;
    return count;
}
