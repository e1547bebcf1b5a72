/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slow fair queue to compare the real one with: plain arrays, every choice by a search through everything, nothing shared with src/admit/. It never forgets by itself:
 * model_forget() is told what the real one forgot and refuses when that may not be.
 */
#pragma once

#include <assert.h>
#include <string.h>

#include "admit/fair_queue.h"

#define MODEL_NETWORKS 5   /* of a class */
#define MODEL_IDENTITIES 4 /* of a network */
#define MODEL_ENTRIES 400

struct model_node {
    double counter, base, served_max, weight;
    uint64_t since, running;
};

enum model_state { MODEL_FREE, MODEL_WAITS, MODEL_RUNS };

struct model_entry {
    enum model_state state;
    unsigned path[3]; /* class; network of it; identity of that */
    uint64_t price;
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

/* The lowest counter of those that wait below the node, else what was served at most. */
static inline double model_floor(struct model *model, const unsigned *path, unsigned depth)
{
    struct model_node *lowest = NULL;
    for (size_t i = 0; i < MODEL_ENTRIES; i++) {
        struct model_entry *entry = &model->entries[i];
        if (entry->state != MODEL_WAITS || !model_below(entry, path, depth))
            continue;
        struct model_node *node = model_node(model, entry->path, depth + 1);
        if (!lowest || node->counter < lowest->counter)
            lowest = node;
    }
    return lowest ? lowest->counter : model_node(model, path, depth)->served_max;
}

static inline void model_lift(struct model_node *node, double floor)
{
    node->base = floor;
    node->counter = node->counter < floor ? floor : node->counter;
}

static inline void model_arrive(struct model *model, size_t at, const unsigned *path,
                                uint64_t price, bool first)
{
    struct model_entry *entry = &model->entries[at];
    for (unsigned depth = 3; depth > 0; depth--) {
        if (model_count(model, path, depth, MODEL_WAITS) > 0)
            break;
        struct model_node *node = model_node(model, path, depth);
        model_lift(node, model_floor(model, path, depth - 1));
        node->since = model->number;
    }
    memcpy(entry->path, path, sizeof(entry->path));
    entry->state = MODEL_WAITS;
    entry->price = price;
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

static inline void model_settle(struct model *model, size_t at, uint64_t used)
{
    struct model_entry *entry = &model->entries[at];
    entry->state = MODEL_FREE;
    for (unsigned depth = 3; depth > 0; depth--)
        model_node(model, entry->path, depth)->running -= entry->price;
    model_charge(model, entry->path, entry->price, used);
    for (unsigned depth = 3; depth > 0; depth--)
        model_served(model, entry->path, depth);
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

static inline bool model_before(struct model *model, const struct model_entry *a,
                                const struct model_entry *b)
{
    for (unsigned depth = 1; depth <= 3; depth++) {
        const struct model_node *x = model_node(model, a->path, depth);
        const struct model_node *y = model_node(model, b->path, depth);
        if (x == y)
            continue;
        return x->counter < y->counter || (x->counter == y->counter && x->since < y->since);
    }
    return a->order < b->order;
}

/* Whose turn it is; MODEL_ENTRIES: nobody's. */
static inline size_t model_next(struct model *model, unsigned classes)
{
    size_t next = MODEL_ENTRIES;
    for (size_t i = 0; i < MODEL_ENTRIES; i++) {
        const struct model_entry *entry = &model->entries[i];
        if (entry->state != MODEL_WAITS || !(classes & 1U << entry->path[0]))
            continue;
        if (next == MODEL_ENTRIES || model_before(model, entry, &model->entries[next]))
            next = i;
    }
    return next;
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
