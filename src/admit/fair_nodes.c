/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/fair_nodes.h"

#include "base/alloc.h"

/* Of a place's identity, or of its network alone: the upper bits of products (Dietzfelbinger et al., 1997). Networks and identities are keyed hashes or random numbers
 * already, so nobody chooses them; the factors keep one who knows some of them from knowing their buckets. */
static uint32_t bucket_of(const struct fair_queue *queue, const struct fair_place *place, enum fair_level level)
{
    uint64_t below = (uint64_t)place->class << 8 | level;
    if (level == LEVEL_IDENTITY)
        below += place->identity;
    uint64_t sum = queue->factors[0] * place->network + queue->factors[1] * below;
    return (uint32_t)(sum >> (64 - queue->bucket_bits));
}

static bool is_network(const struct fair_queue *queue, const struct fair_node *node, const struct fair_place *place)
{
    return node->id == place->network && node->parent == &queue->classes[place->class];
}

static struct fair_node *find_network(const struct fair_queue *queue, uint32_t bucket, const struct fair_place *place)
{
    struct fair_node *node = queue->buckets[bucket];
    while (node && !is_network(queue, node, place))
        node = node->bucket_next;
    return node;
}

static struct fair_node *find_identity(const struct fair_queue *queue, uint32_t bucket, const struct fair_place *place)
{
    struct fair_node *node = queue->buckets[bucket];
    while (node && (node->id != place->identity || !is_network(queue, node->parent, place)))
        node = node->bucket_next;
    return node;
}

struct fair_node *fair_node_find(const struct fair_queue *queue, const struct fair_place *place, enum fair_level level)
{
    uint32_t bucket = bucket_of(queue, place, level);
    return level == LEVEL_IDENTITY ? find_identity(queue, bucket, place) : find_network(queue, bucket, place);
}

static void revive(struct fair_queue *queue, struct fair_node *node)
{
    if (list_empty(&node->remembered_link))
        return;
    list_remove(&node->remembered_link);
    queue->remembered_count--;
}

/* A new child of `parent`; NULL when out of memory. */
static struct fair_node *node_new(struct fair_queue *queue, struct fair_node *parent, uint64_t id, uint32_t bucket)
{
    if (fair_heap_reserve(&parent->heap, parent->parts + 1) < 0)
        return NULL;
    struct fair_node *node = mem_zalloc(sizeof(*node));
    if (!node)
        return NULL;
    node->parent = parent;
    node->id = id;
    node->weight = 1;
    node->level = parent->level + 1;
    list_init(&node->remembered_link);
    if (node->level == LEVEL_IDENTITY)
        list_init(&node->entries);
    parent->parts++;

    node->bucket = bucket;
    node->bucket_next = queue->buckets[bucket];
    queue->buckets[bucket] = node;
    queue->nodes++;
    return node;
}

static void node_drop(struct fair_queue *queue, struct fair_node *node)
{
    struct fair_node **at = &queue->buckets[node->bucket];
    while (*at != node)
        at = &(*at)->bucket_next;
    *at = node->bucket_next;
    node->parent->parts--;
    if (node->level != LEVEL_IDENTITY)
        fair_heap_release(&node->heap);
    revive(queue, node);
    mem_free(node);
    queue->nodes--;
}

double fair_node_floor(const struct fair_node *parent)
{
    if (parent->heap.count == 0)
        return parent->served_max;
    return MAX(parent->virtual_time, fair_heap_lowest(&parent->heap));
}

static void remember(struct fair_queue *queue, struct fair_node *node)
{
    list_push_back(&queue->remembered, &node->remembered_link);
    queue->remembered_count++;
}

void fair_node_let_go(struct fair_queue *queue, struct fair_node *node)
{
    while (node->level > LEVEL_CLASS && node->parts == 0) {
        struct fair_node *parent = node->parent;
        if (parent->heap.count > 0 && node->seat.counter > fair_node_floor(parent)) {
            remember(queue, node);
            return;
        }
        node_drop(queue, node);
        node = parent;
    }
}

struct fair_node *fair_node_oldest(const struct fair_queue *queue)
{
    return list_entry(queue->remembered.next, struct fair_node, remembered_link);
}

void fair_node_forget(struct fair_queue *queue, struct fair_node *node)
{
    struct fair_node *parent = node->parent;
    node_drop(queue, node);
    fair_node_let_go(queue, parent);
}

void fair_node_look_at(struct fair_queue *queue, struct fair_node *node)
{
    revive(queue, node);
    fair_node_let_go(queue, node);
}

struct fair_node *fair_node_make(struct fair_queue *queue, const struct fair_place *place)
{
    uint32_t bucket = bucket_of(queue, place, LEVEL_IDENTITY);
    struct fair_node *leaf = find_identity(queue, bucket, place);
    if (leaf) {
        revive(queue, leaf);
        return leaf;
    }
    uint32_t network_bucket = bucket_of(queue, place, LEVEL_NETWORK);
    struct fair_node *network = find_network(queue, network_bucket, place);
    if (!network)
        network = node_new(queue, &queue->classes[place->class], place->network, network_bucket);
    if (!network)
        return NULL;
    revive(queue, network);
    leaf = node_new(queue, network, place->identity, bucket);
    if (!leaf)
        fair_node_let_go(queue, network);
    return leaf;
}
