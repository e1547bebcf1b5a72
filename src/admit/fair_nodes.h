/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of a fair queue (fair_queue.c says what they mean): found by place, made when somebody comes, let go when nothing is left in them, remembered while what they
 * were given has to be. Of the queue alone.
 */
#pragma once

#include "admit/fair_heap.h"
#include "admit/fair_queue.h"

enum fair_level { LEVEL_ROOT, LEVEL_CLASS, LEVEL_NETWORK, LEVEL_IDENTITY };

/* What a turn touches stands together. */
struct fair_node {
    struct fair_seat seat;
    double base;
    struct fair_node *parent;
    uint64_t running_price; /* of all that runs below it */
    uint32_t weight;
    uint32_t parts; /* children; of an identity: entries that wait or run */
    enum fair_level level;
    uint32_t bucket;
    union {
        struct {
            struct fair_heap heap;
            double served_max;
            double virtual_time; /* of a class or network, while children wait */
        };
        struct { /* of an identity */
            struct list entries;
            uint32_t waiting;
            uint32_t giving_way; /* of those that run: they are being ended */
        };
    };
    uint64_t id;
    struct fair_node *bucket_next;
    struct list remembered_link;
};

struct class_totals {
    struct list arrivals; /* all that wait, oldest first */
    uint64_t price;
    uint32_t waiting;
};

struct fair_queue {
    struct fair_limits limits;
    struct fair_node root;
    struct fair_node classes[FAIR_CLASSES];
    struct class_totals totals[FAIR_CLASSES];
    struct list remembered; /* longest not looked at first */
    size_t remembered_count, remembered_max;
    size_t nodes;
    uint32_t waiting, running;
    uint64_t number;
    uint64_t factors[2]; /* odd; of the hash */
    uint32_t bucket_bits;
    struct fair_node **buckets; /* never grows: a lock is held */
};

/* Of a place's identity or network; NULL: there is none. */
struct fair_node *fair_node_find(const struct fair_queue *queue, const struct fair_place *place, enum fair_level level);
/* The identity's node, made with its network's when there is none; NULL when out of memory. Not remembered any more: somebody is there. */
struct fair_node *fair_node_make(struct fair_queue *queue, const struct fair_place *place) must_check;
/* What a child that begins to wait below `parent` is lifted to. */
double fair_node_floor(const struct fair_node *parent);
/* Drops a node in which nothing is left, and its parent if that was the last of it, unless they are to be remembered. */
void fair_node_let_go(struct fair_queue *queue, struct fair_node *node);
/* Is it still to be remembered? Then longest of all. */
void fair_node_look_at(struct fair_queue *queue, struct fair_node *node);
/* Of those remembered, the one that was not looked at for longest. There is one. */
struct fair_node *fair_node_oldest(const struct fair_queue *queue);
/* One that is remembered goes, come what may. */
void fair_node_forget(struct fair_queue *queue, struct fair_node *node);
