/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and gauges: one table, one block of plain 64-bit numbers for each worker, summed by whoever reads. Written by one thread with relaxed atomic
 * stores, so a reader sees whole numbers. The table yields the metrics page and docs/metrics.md.
 */
#pragma once

#include "base/reason.h"

/* METRIC(field, kind, prometheus name, help) */
#define METRICS_TABLE(METRIC)                                                                      \
    METRIC(connections_open, gauge, "seawall_connections_open", "client connections open now")    \
    METRIC(connections_total, counter, "seawall_connections_total", "client connections accepted") \
    METRIC(connections_refused, counter, "seawall_connections_refused_total",                      \
           "client connections closed at once: limits or descriptors")                             \
    METRIC(requests_open, gauge, "seawall_requests_open", "requests under way")                   \
    METRIC(streams_open, gauge, "seawall_streams_open", "answers streaming now")                  \
    METRIC(bytes_in, counter, "seawall_bytes_in_total", "bytes of request bodies")                \
    METRIC(bytes_out, counter, "seawall_bytes_out_total", "bytes of answer bodies")               \
    METRIC(prompt_tokens, counter, "seawall_prompt_tokens_total", "prompt tokens charged")        \
    METRIC(completion_tokens, counter, "seawall_completion_tokens_total", "completion tokens charged") \
    METRIC(disputed_calls, counter, "seawall_disputed_calls_total",                                \
           "calls whose counted and reported tokens differ beyond rounding")                       \
    METRIC(upstream_calls, counter, "seawall_upstream_calls_total", "calls begun at engines")     \
    METRIC(upstream_cancelled, counter, "seawall_upstream_cancelled_total",                        \
           "calls stopped because the client went or the answer was cut")                          \
    METRIC(body_memory, gauge, "seawall_body_memory_bytes", "memory held by request bodies")

#define METRICS_BUCKETS 16 /* of each histogram; upper bounds in metrics.c */

struct metrics_counters {
#define METRIC(field, kind, name, help) uint64_t field;
    METRICS_TABLE(METRIC)
#undef METRIC
    uint64_t ended[REASON_COUNT];                     /* requests by how they ended */
    uint64_t first_token_ms[METRICS_BUCKETS + 1];     /* histogram, last is +Inf */
    uint64_t first_token_ms_sum;
    uint64_t duration_ms[METRICS_BUCKETS + 1];
    uint64_t duration_ms_sum;
};

#define METRIC_ADD(counters, field, n)                                                             \
    __atomic_store_n(&(counters)->field, (counters)->field + (n), __ATOMIC_RELAXED)
#define METRIC_SUB(counters, field, n)                                                             \
    __atomic_store_n(&(counters)->field, (counters)->field - (n), __ATOMIC_RELAXED)

void metrics_add(struct metrics_counters *sum, const struct metrics_counters *counters);
struct buf;
void metrics_write(struct buf *buf, const struct metrics_counters *sum);
/* docs/metrics.md */
void metrics_write_reference(struct buf *buf);
