/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of GET /metrics that no worker counts: gates, backends, keys, the process. Behind what the record writes, in the same form.
 */
#pragma once

#include "admin/admin.h"
#include "base/buf.h"

struct metrics_page_facts {
    struct pool *const *pools;
    size_t pools_count;
    const struct admin_gate *gates; /* one for each of the pools */
    uint64_t uptime_s;
    uint32_t restarts, workers;
    struct admin_kept kept;
    uint64_t keys;
    bool trouble;
};

void metrics_page_write(struct buf *buf, const struct metrics_page_facts *facts);
/* docs/metrics-service.md */
void metrics_page_write_reference(struct buf *buf);

/* "up", "down", … */
struct span backend_state_name(enum backend_state state);
struct span engine_name(enum engine_kind kind);
