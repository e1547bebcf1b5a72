/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Active health checks, on the control thread: each backend is asked every `probe_every_ms`, give or
 * take a tenth; one that is not up, each HEALTH_DOWN_EVERY_MS.
 *
 * GET /v1/models tells which models it serves, their context where the engine says it, and which
 * engine it is ("owned_by", the Server header). That a server answers proves little: where the pool
 * probes by tokens and no token came from real calls since the last check, a completion of one
 * token is asked for, and only a token counts as success. What other answers mean:
 *
 *   429                             nothing: it lives and is full
 *   404 to the list                 good, but no token can be asked for
 *   400, 404, 405, 422 or 501       good: it does not chat (embeddings, say); not asked again
 *     to the token                  until its list changes
 *   no token in time, with calls    nothing, until it happened breaker_failures times in a row:
 *     in flight                     a long prompt may hold it up
 *   all else                        failed
 *
 * `on_change` hears of each backend whose state changed, whoever changed it, and `on_embedded_dead`
 * of an embedded backend that failed breaker_failures checks in a row, so that the supervisor may
 * start it again; a refused connection or a 503 does not count there, since large weights load
 * slowly and a process that ended is the supervisor's to see. `on_models` comes after each list of
 * models that was read (pool_models_version() tells whether it changed anything), before the
 * backend that told of it counts as up: nobody who sees it up sees the list of before. None of them
 * may call health_watch() or health_free().
 */
#pragma once

#include "loop/loop.h"
#include "relay/pool.h"

#define HEALTH_DOWN_EVERY_MS 500 /* how often a backend that is not up is asked, at least */

struct health;

struct health_events {
    void (*on_change)(void *owner, struct pool *pool, const struct backend_view *backend,
                      const char *why);
    void (*on_embedded_dead)(void *owner, struct pool *pool);
    void (*on_models)(void *owner, struct pool *pool);
};

/* `events` stays the caller's. NULL when out of memory. */
struct health *health_new(struct loop *loop, const struct health_events *events,
                          void *owner) must_check;
/* Ends the checks under way. Accepts NULL. */
void health_free(struct health *health);
/* Checks these pools from now on (takes a reference to each), and none of before. 0 or -ENOMEM
 * (then those of before). */
int health_watch(struct health *health, struct pool *const *pools, size_t count) must_check;
