/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and gauges: one table, one block of plain 64-bit numbers for each worker, summed by whoever reads. Written by one thread with relaxed atomic
 * stores, so a reader sees whole numbers. The tables yield the metrics page and docs/metrics.md.
 */
#pragma once

#include "base/buf.h"
#include "base/reason.h"
#include "policy/ladder.h"

/* METRIC(field, kind, prometheus name, help) */
#define METRICS_TABLE(METRIC)                                                                      \
    METRIC(connections_open, gauge, "seawall_connections_open", "client connections open now")    \
    METRIC(connections_total, counter, "seawall_connections_total", "client connections accepted") \
    METRIC(connections_refused, counter, "seawall_connections_refused_total",                      \
           "client connections closed at once: limits or descriptors")                             \
    METRIC(connections_given_up, counter, "seawall_connections_given_up_total",                    \
           "client connections closed for newcomers: no whole head yet, or idle for longest, strangers' first")      \
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

/* Of the record itself; kept by the hub. */
#define METRICS_HUB_TABLE(METRIC)                                                                  \
    METRIC(access_lines_dropped, counter, "seawall_access_log_dropped_total",                      \
           "lines of the access log that could not be written")                                    \
    METRIC(ledger_rows_waiting, gauge, "seawall_ledger_rows_waiting",                              \
           "rows of the ledger that are not in the database yet")                                  \
    METRIC(ledger_rows_dropped, counter, "seawall_ledger_rows_dropped_total",                      \
           "rows of the ledger that found no place in memory while the database did not take them") \
    METRIC(trouble, gauge, "seawall_record_trouble",                                               \
           "1 while the access log or the ledger cannot be written")

/* HISTOGRAM(field, prometheus name, help): upper bounds in metrics.c. */
#define METRICS_HISTOGRAMS(HISTOGRAM)                                                              \
    HISTOGRAM(first_token_ms, "seawall_first_token_seconds",                                       \
              "from the request's first byte to the answer's first token")                         \
    HISTOGRAM(duration_ms, "seawall_answer_duration_seconds",                                      \
              "from the request's first byte to the answer's end, of requests that reached an engine")

#define METRICS_BUCKETS 16 /* of each histogram */

struct metrics_counters {
#define METRIC(field, kind, name, help) uint64_t field;
    METRICS_TABLE(METRIC)
#undef METRIC
    uint64_t ended[REASON_COUNT]; /* requests by how they ended */
    uint64_t reduced[LADDER_RUNGS], dry_run[LADDER_RUNGS]; /* of those that reached an engine */
#define HISTOGRAM(field, name, help) uint64_t field[METRICS_BUCKETS + 1], field##_sum_us; /* last is +Inf */
    METRICS_HISTOGRAMS(HISTOGRAM)
#undef HISTOGRAM
};

struct metrics_hub {
#define METRIC(field, kind, name, help) uint64_t field;
    METRICS_HUB_TABLE(METRIC)
#undef METRIC
};

#define METRIC_ADD(counters, field, n)                                                             \
    __atomic_store_n(&(counters)->field, (counters)->field + (n), __ATOMIC_RELAXED)
#define METRIC_SUB(counters, field, n)                                                             \
    __atomic_store_n(&(counters)->field, (counters)->field - (n), __ATOMIC_RELAXED)

/* The bucket of a histogram that a time falls into, and a bucket's upper bound (UINT64_MAX: the last one). */
size_t metrics_bucket(uint64_t us);
uint64_t metrics_bucket_ms(size_t bucket);
#define METRIC_OBSERVE(counters, field, us)                                                        \
    do {                                                                                           \
        uint64_t us_ = (us);                                                                       \
        size_t bucket_ = metrics_bucket(us_);                                                      \
        METRIC_ADD(counters, field[bucket_], 1);                                                   \
        METRIC_ADD(counters, field##_sum_us, us_);                                                 \
    } while (0)

void metrics_add(struct metrics_counters *sum, const struct metrics_counters *counters);
/* Prometheus text format 0.0.4. */
void metrics_write(struct buf *buf, const struct metrics_counters *sum, const struct metrics_hub *hub);
/* "# HELP …" and "# TYPE …" of one metric, for pages that add their own behind. */
void metrics_write_head(struct buf *buf, const char *name, const char *kind, const char *help);
/* docs/metrics.md */
void metrics_write_reference(struct buf *buf);
