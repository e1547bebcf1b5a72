/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slow fair queue to compare the real one with: plain arrays, every choice by a search through everything, nothing shared with src/admit/. It never forgets by itself:
 * model_forget() is told what the real one forgot and refuses when that may not be.
 */
#pragma once

#include <assert.h>
#include <math.h>
#include <string.h>

#include "admit/fair_queue.h"

#define MODEL_NETWORKS 5   /* of a class */
#define MODEL_IDENTITIES 4 /* of a network */
#define MODEL_ENTRIES 400

struct model_node {
    double counter, base, served_max, virtual_time, weight;
    uint64_t since, running;
    bool known; /* an identity that the real one has in memory */
};

enum model_state { MODEL_FREE, MODEL_WAITS, MODEL_RUNS };

struct model_entry {
    enum model_state state;
    unsigned path[3]; /* class; network of it; identity of that */
    uint64_t price;
    float beyond;
    bool gives_way;
    int64_t order; /* in its identity: lowest first */
};

struct model {
    struct model_node root, classes[FAIR_CLASSES], networks[FAIR_CLASSES][MODEL_NETWORKS],
        identities[FAIR_CLASSES][MODEL_NETWORKS][MODEL_IDENTITIES];
    struct model_entry entries[MODEL_ENTRIES];
    uint64_t number;
};

static inline void model_init(struct model *model, const struct fair_limits *limits)
{
    memset(model, 0, sizeof(*model));
    for (unsigned c = 0; c < FAIR_CLASSES; c++) {
        model->classes[c].weight = limits->weights[c];
        for (unsigned n = 0; n < MODEL_NETWORKS; n++) {
            model->networks[c][n].weight = 1;
            for (unsigned i = 0; i < MODEL_IDENTITIES; i++)
                model->identities[c][n][i].weight = 1;
        }
    }
}

/* Node of `path` at a depth: 0 the root … 3 the identity. */
static inline struct model_node *model_node(struct model *model, const unsigned *path,
                                            unsigned depth)
{
    switch (depth) {
    case 0:
        return &model->root;
    case 1:
        return &model->classes[path[0]];
    case 2:
        return &model->networks[path[0]][path[1]];
    default:
        return &model->identities[path[0]][path[1]][path[2]];
    }
}

static inline bool model_below(const struct model_entry *entry, const unsigned *path,
                               unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        if (entry->path[i] != path[i])
            return false;
    return true;
}

/* Entries of a state below a node. */
static inline unsigned model_count(const struct model *model, const unsigned *path, unsigned depth,
                                   enum model_state state)
{
    unsigned count = 0;
    for (size_t i = 0; i < MODEL_ENTRIES; i++)
        count += model->entries[i].state == state && model_below(&model->entries[i], path, depth);
    return count;
}

/* Children of a class or network that the real queue has in memory. */
static inline unsigned model_parts(const struct model *model, const unsigned *path, unsigned depth)
{
    unsigned networks = 0, identities = 0;
    for (unsigned n = 0; n < MODEL_NETWORKS; n++) {
        unsigned known = 0;
        for (unsigned i = 0; i < MODEL_IDENTITIES; i++)
            known += model->identities[path[0]][n][i].known;
        networks += known > 0;
        if (depth == 2 && n == path[1])
            identities = known;
    }
    return depth == 2 ? identities : networks;
}

/* Children of a class or network below which something waits. */
static inline unsigned model_waiting_below(struct model *model, const unsigned *path,
                                           unsigned depth)
{
    unsigned count = 0, child[3] = {path[0], depth == 2 ? path[1] : 0, 0};
    for (child[depth] = 0; child[depth] < (depth == 1 ? MODEL_NETWORKS : MODEL_IDENTITIES);
         child[depth]++)
        count += model_count(model, child, depth + 1, MODEL_WAITS) > 0;
    return count;
}

/* The lowest counter of those that wait below the node; INFINITY: nobody does. */
static inline double model_lowest(struct model *model, const unsigned *path, unsigned depth)
{
    double lowest = INFINITY;
    for (size_t i = 0; i < MODEL_ENTRIES; i++) {
        struct model_entry *entry = &model->entries[i];
        if (entry->state == MODEL_WAITS && model_below(entry, path, depth))
            lowest = fmin(lowest, model_node(model, entry->path, depth + 1)->counter);
    }
    return lowest;
}

/* What a child is lifted to: the lowest that waits or the time, whichever is more; else what was served at most. */
static inline double model_floor(struct model *model, const unsigned *path, unsigned depth)
{
    const struct model_node *node = model_node(model, path, depth);
    double lowest = model_lowest(model, path, depth);
    if (lowest == INFINITY)
        return node->served_max;
    return depth > 0 ? fmax(lowest, node->virtual_time) : lowest;
}

static inline void model_lift(struct model_node *node, double floor)
{
    node->base = floor;
    node->counter = node->counter < floor ? floor : node->counter;
}

static inline void model_arrive(struct model *model, size_t at, const unsigned *path,
                                uint64_t price, float beyond, bool first)
{
    struct model_entry *entry = &model->entries[at];
    for (unsigned depth = 3; depth > 0; depth--) {
        if (model_count(model, path, depth, MODEL_WAITS) > 0)
            break;
        struct model_node *node = model_node(model, path, depth);
        model_lift(node, model_floor(model, path, depth - 1));
        node->since = model->number;
        if (model_count(model, path, depth - 1, MODEL_WAITS) == 0) {
            struct model_node *parent = model_node(model, path, depth - 1);
            parent->virtual_time = parent->served_max;
        }
    }
    model_node(model, path, 3)->known = true;
    memcpy(entry->path, path, sizeof(entry->path));
    entry->state = MODEL_WAITS;
    entry->price = price;
    entry->beyond = beyond;
    entry->gives_way = false;
    entry->order = first ? -(int64_t)model->number : (int64_t)model->number;
    model->number++;
}

static inline void model_served(struct model *model, const unsigned *path, unsigned depth)
{
    const struct model_node *node = model_node(model, path, depth);
    struct model_node *parent = model_node(model, path, depth - 1);
    double served = node->counter - (double)node->running / node->weight;
    parent->served_max = parent->served_max < served ? served : parent->served_max;
}

static inline void model_charge(struct model *model, const unsigned *path, uint64_t price,
                                uint64_t used)
{
    for (unsigned depth = 3; depth > 0; depth--) {
        struct model_node *node = model_node(model, path, depth);
        if (price == used)
            continue;
        double counter = node->counter + ((double)used - (double)price) / node->weight;
        node->counter = counter < node->base ? node->base : counter;
    }
}

/* Entry `at` goes, whether it was its turn or not. */
static inline void model_go(struct model *model, size_t at)
{
    struct model_entry *entry = &model->entries[at];
    entry->state = MODEL_RUNS;
    double counter = model->classes[entry->path[0]].counter;
    for (unsigned c = 0; c < FAIR_CLASSES; c++)
        if (c != entry->path[0] && model_count(model, &c, 1, MODEL_WAITS) > 0 &&
            model->classes[c].counter < counter)
            model_lift(&model->classes[c], counter);
    for (unsigned depth = 3; depth > 0; depth--) {
        model_served(model, entry->path, depth);
        model_node(model, entry->path, depth)->running += entry->price;
    }
    model_charge(model, entry->path, 0, entry->price);
}

static inline void model_overrun(struct model *model, size_t at, uint64_t used)
{
    struct model_entry *entry = &model->entries[at];
    if (used <= entry->price)
        return;
    for (unsigned depth = 3; depth > 0; depth--)
        model_node(model, entry->path, depth)->running += used - entry->price;
    model_charge(model, entry->path, entry->price, used);
    entry->price = used;
}

/* The first of an identity; MODEL_ENTRIES: nothing of it waits. */
static inline size_t model_head(const struct model *model, const unsigned *path)
{
    size_t head = MODEL_ENTRIES;
    for (size_t i = 0; i < MODEL_ENTRIES; i++) {
        const struct model_entry *entry = &model->entries[i];
        if (entry->state == MODEL_WAITS && model_below(entry, path, 3) &&
            (head == MODEL_ENTRIES || entry->order < model->entries[head].order))
            head = i;
    }
    return head;
}

/* Of an entry that is its identity's next: calls of that here for its ordinary ones, where it is stretched. */
static inline float model_lateness(const struct model *model, const struct model_entry *next)
{
    unsigned here = 0;
    for (size_t i = 0; i < MODEL_ENTRIES; i++) {
        const struct model_entry *entry = &model->entries[i];
        here += entry->state != MODEL_FREE && !entry->gives_way && model_below(entry, next->path, 3);
    }
    return next->beyond > 0 ? (float)here / next->beyond : 0;
}

/* Whose turn it is below a node; MODEL_ENTRIES: nobody's. Classes go by counters; networks and identities by how far they are stretched, then by counters and the price of what they
 * would be served. */
static inline size_t model_first(struct model *model, const unsigned *path, unsigned depth,
                                 unsigned classes)
{
    static const unsigned children[] = {FAIR_CLASSES, MODEL_NETWORKS, MODEL_IDENTITIES};
    if (depth == 3)
        return model_head(model, path);
    size_t first = MODEL_ENTRIES;
    double first_key = 0;
    float first_late = 0;
    uint64_t first_since = 0;
    unsigned below[3] = {0};
    memcpy(below, path, depth * sizeof(*path));
    for (below[depth] = 0; below[depth] < children[depth]; below[depth]++) {
        if (depth == 0 && !(classes & 1U << below[0]))
            continue;
        size_t at = model_first(model, below, depth + 1, classes);
        if (at == MODEL_ENTRIES)
            continue;
        const struct model_node *node = model_node(model, below, depth + 1);
        double key = node->counter + (depth == 0 ? 0 : (double)model->entries[at].price);
        float late = depth == 0 ? 0 : model_lateness(model, &model->entries[at]);
        bool as_late = late == first_late;
        if (first == MODEL_ENTRIES || late < first_late || (as_late && key < first_key) ||
            (as_late && key == first_key && node->since < first_since)) {
            first = at;
            first_late = late;
            first_key = key;
            first_since = node->since;
        }
    }
    return first;
}

/* Moves the time of a class or network on by the share of each in `used`. */
static inline void model_pass_time(struct model *model, const unsigned *path, unsigned depth,
                                   uint64_t used)
{
    struct model_node *node = model_node(model, path, depth);
    if (model_count(model, path, depth, MODEL_WAITS) == 0)
        return;
    unsigned most = 2 * (model_waiting_below(model, path, depth) + 1);
    unsigned parts = model_parts(model, path, depth);
    double time = node->virtual_time + (double)used / (parts < most ? parts : most);

    const struct model_node *child = model_node(model, path, depth + 1);
    double lowest = model_lowest(model, path, depth);
    double served = child->counter - (double)child->running;
    double least = served < lowest ? served : lowest;
    node->virtual_time = time > least ? time : least;
}

static inline void model_settle(struct model *model, size_t at, uint64_t used)
{
    struct model_entry *entry = &model->entries[at];
    entry->state = MODEL_FREE;
    for (unsigned depth = 3; depth > 0; depth--)
        model_node(model, entry->path, depth)->running -= entry->price;
    model_charge(model, entry->path, entry->price, used);
    for (unsigned depth = 3; depth > 0; depth--)
        model_served(model, entry->path, depth);
    for (unsigned depth = 2; depth > 0; depth--)
        model_pass_time(model, entry->path, depth, used < entry->price ? used : entry->price);
}

static inline size_t model_next(struct model *model, unsigned classes)
{
    return model_first(model, (const unsigned[3]){0}, 0, classes);
}

/* The real queue has no such node any more. True when that is right: it is idle and owes nothing. */
static inline bool model_forget(struct model *model, const unsigned *path, unsigned depth)
{
    struct model_node *node = model_node(model, path, depth);
    bool right = model_count(model, path, depth, MODEL_WAITS) == 0 &&
                 model_count(model, path, depth, MODEL_RUNS) == 0 &&
                 node->counter <= model_floor(model, path, depth - 1);
    *node = (struct model_node){.weight = node->weight};
    return right;
}
