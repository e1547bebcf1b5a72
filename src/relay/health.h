/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Active health checks, on the control thread: each backend is asked every `probe_every_ms` (± 10 %).
 *
 * GET /v1/models tells which models it serves, their context where the engine says it, and which engine it is ("owned_by", the Server header, or the
 * shape of the list). That a server answers proves little: where the pool probes by tokens and no token came from real calls
 * since the last check, a completion of one token is asked for, and only a token counts as success.
 * A backend that fails is reported as failed; `on_change` hears of each backend whose state changed, and of an embedded backend that
 * has given no token for `failures` checks in a row, so that the supervisor may start it again.
 */
#pragma once

#include "loop/loop.h"
#include "relay/pool.h"

struct health;

struct health_events {
    void (*on_change)(void *owner, struct pool *pool, const struct backend_view *backend, const char *why);
    void (*on_embedded_dead)(void *owner, struct pool *pool);
};

struct health *health_new(struct loop *loop, const struct health_events *events, void *owner) must_check;
void health_free(struct health *health);
/* Checks these pools from now on (takes a reference to each), and none of before. 0 or -ENOMEM. */
int health_watch(struct health *health, struct pool *const *pools, size_t count) must_check;
