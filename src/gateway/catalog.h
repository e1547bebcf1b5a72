/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which models there are now, and which pool serves each: one immutable snapshot of configuration and discovery.
 *
 * The control thread makes one at start, at a reload, and when a pool's backends serve other models than before; each worker gets a
 * reference. Names that a configuration gives are all there is; without them every name that a backend reports is a model
 * (weights' paths shortened to the file's name).
 */
#pragma once

#include "admit/budget.h"
#include "config/config.h"
#include "dialect/inference.h"
#include "gateway/turnstile.h"
#include "policy/ladder.h"
#include "relay/pool.h"

struct catalog_model {
    struct span name;
    struct span upstream_model;
    struct pool *pool;
    struct turnstile *turnstile; /* of that pool */
    struct inference_caps caps;
    struct span smaller;              /* name of the model that may answer in its place; null: none */
    enum inference_thought thought;   /* how its engine is told to think less */
    struct budget_price price;
};

struct catalog {
    _Atomic uint32_t references;
    struct config *config;
    struct ladder_settings ladder;
    struct pool **pools;
    struct turnstile **turnstiles; /* one for each pool */
    size_t pools_count;
    struct catalog_model *models; /* sorted by name */
    size_t models_count;
    bool discovers; /* models may still turn up */
    uint64_t created_s;
    uint32_t workers;
    struct arena *memory;
};

/* Pools of `before` (may be NULL) whose settings are the same go on, with their connections, health and turnstiles. `workers`: how many there will be. NULL
 * with *err. */
struct catalog *catalog_new(struct config *config, struct catalog *before, uint32_t workers, uint64_t wall_s,
                            struct err *err) must_check;
/* The same pools, models discovered anew. */
struct catalog *catalog_rediscover(struct catalog *catalog) must_check;
struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog);

/* NULL when there is none of that name. */
const struct catalog_model *catalog_find(const struct catalog *catalog, struct span name);
/* Sum of pool_models_version(): tells when to rediscover. */
uint64_t catalog_version(const struct catalog *catalog);
