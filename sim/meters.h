/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened since the start, and the page of GET /metrics: Prometheus text under vLLM's names. Times are seconds of
 * the engine's own time. Belongs to one server.
 */
#pragma once

#include "base/buf.h"
#include "engine.h"
#include "say.h"

#define METERS_BUCKETS_MAX 24

struct meters_histogram {
    uint64_t
        counts[METERS_BUCKETS_MAX]; /* of the bucket alone; the last is for what is above all */
    uint64_t count;
    double sum;
};

struct meters {
    struct meters_histogram first_token, between_tokens, whole_call;
    uint64_t finished[3]; /* by enum say_finish */
    uint64_t aborted;
};

enum meters_time { METERS_FIRST_TOKEN, METERS_BETWEEN_TOKENS, METERS_WHOLE_CALL };

void meters_time(struct meters *meters, enum meters_time what, double seconds);
/* Failures are the buffer's. */
void meters_write(const struct meters *meters, const struct engine_stats *stats,
                  const struct preset *preset, struct buf *buf);
