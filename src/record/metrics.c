/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of metrics.h as sums, as Prometheus' text and as a page for people. */
#include "record/metrics.h"

static const struct metric {
    const char *name, *kind, *help;
    size_t offset; /* in its struct */
} metrics[] = {
#define METRIC(field, kind, name, help)                                                            \
    {name, #kind, help, offsetof(struct metrics_counters, field)},
    METRICS_TABLE(METRIC)
#undef METRIC
};

static const struct metric hub_metrics[] = {
#define METRIC(field, kind, name, help) {name, #kind, help, offsetof(struct metrics_hub, field)},
    METRICS_HUB_TABLE(METRIC)
#undef METRIC
};

static const struct histogram {
    const char *name, *help;
    size_t buckets_offset, sum_offset;
} histograms[] = {
#define HISTOGRAM(field, name, help)                                                               \
    {name, help, offsetof(struct metrics_counters, field),                                         \
     offsetof(struct metrics_counters, field##_sum_us)},
    METRICS_HISTOGRAMS(HISTOGRAM)
#undef HISTOGRAM
};

static const struct metric requests_metric = {
    "seawall_requests_total", "counter", "requests by how they ended; reasons are in reasons.md",
    0};

static const struct metric reduced_metric = {
    "seawall_reduced_total", "counter",
    "requests that each rung of the ladder touched (mode on), or would have (dry-run), of those that reached an engine", 0};

/* From an answer that was in a cache to one that took as long as anybody waits. */
static const uint64_t bounds_ms[METRICS_BUCKETS] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 20000, 40000, 60000, 120000, 300000};

size_t metrics_bucket(uint64_t us)
{
    size_t bucket = 0;
    while (bucket < METRICS_BUCKETS && us > bounds_ms[bucket] * 1000)
        bucket++;
    return bucket;
}

uint64_t metrics_bucket_ms(size_t bucket)
{
    return bucket < METRICS_BUCKETS ? bounds_ms[bucket] : UINT64_MAX;
}

/* ── sums ── */

/* The struct is an array of numbers under names. */
void metrics_add(struct metrics_counters *sum, const struct metrics_counters *counters)
{
    _Static_assert(sizeof(struct metrics_counters) % sizeof(uint64_t) == 0, "numbers only");
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)counters;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
        to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static const uint64_t *numbers_at(const void *block, size_t offset)
{
    return (const uint64_t *)(const void *)((const char *)block + offset);
}

/* ── Prometheus ── */

void metrics_write_head(struct buf *buf, const char *name, const char *kind, const char *help)
{
    buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void write_metrics(struct buf *buf, const struct metric *table, size_t count,
                          const void *block)
{
    for (size_t i = 0; i < count; i++) {
        metrics_write_head(buf, table[i].name, table[i].kind, table[i].help);
        buf_printf(buf, "%s %llu\n", table[i].name,
                   (unsigned long long)*numbers_at(block, table[i].offset));
    }
}

static void write_requests(struct buf *buf, const struct metrics_counters *sum)
{
    metrics_write_head(buf, requests_metric.name, requests_metric.kind, requests_metric.help);
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        const struct reason_info *info = reason_info((enum reason)reason);
        buf_printf(buf, "%s{reason=\"%s\",status=\"%u\"} %llu\n", requests_metric.name, info->name,
                   info->status, (unsigned long long)sum->ended[reason]);
    }
}

static void write_reduced(struct buf *buf, const struct metrics_counters *sum)
{
    metrics_write_head(buf, reduced_metric.name, reduced_metric.kind, reduced_metric.help);
    for (int rung = 0; rung < LADDER_RUNGS; rung++) {
        const char *name = ladder_rung_name((enum ladder_rung)rung).ptr;
        buf_printf(buf, "%s{rung=\"%s\",mode=\"on\"} %llu\n", reduced_metric.name, name, (unsigned long long)sum->reduced[rung]);
        buf_printf(buf, "%s{rung=\"%s\",mode=\"dry-run\"} %llu\n", reduced_metric.name, name,
                   (unsigned long long)sum->dry_run[rung]);
    }
}

static void append_bound(struct buf *buf, size_t bucket)
{
    uint64_t ms = bounds_ms[bucket];
    buf_printf(buf, "%llu.%03u", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

static void write_histogram(struct buf *buf, const struct histogram *histogram,
                            const struct metrics_counters *sum)
{
    const uint64_t *buckets = numbers_at(sum, histogram->buckets_offset);
    uint64_t count = 0;
    metrics_write_head(buf, histogram->name, "histogram", histogram->help);
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        count += buckets[i];
        buf_printf(buf, "%s_bucket{le=\"", histogram->name);
        append_bound(buf, i);
        buf_printf(buf, "\"} %llu\n", (unsigned long long)count);
    }
    count += buckets[METRICS_BUCKETS];
    buf_printf(buf, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", histogram->name,
               (unsigned long long)count, histogram->name);
    uint64_t sum_us = *numbers_at(sum, histogram->sum_offset);
    buf_printf(buf, "%llu.%06u\n%s_count %llu\n", (unsigned long long)(sum_us / 1000000),
               (unsigned)(sum_us % 1000000), histogram->name, (unsigned long long)count);
}

void metrics_write(struct buf *buf, const struct metrics_counters *sum,
                   const struct metrics_hub *hub)
{
    write_metrics(buf, metrics, COUNT_OF(metrics), sum);
    write_requests(buf, sum);
    write_reduced(buf, sum);
    for (size_t i = 0; i < COUNT_OF(histograms); i++)
        write_histogram(buf, &histograms[i], sum);
    write_metrics(buf, hub_metrics, COUNT_OF(hub_metrics), hub);
}

/* ── the page for people ── */

static const char page_intro[] =
    "# Metrics\n"
    "\n"
    "<!-- Written by `ninja docs` from src/record/metrics.h. Change it there. -->\n"
    "\n"
    "`GET /metrics` on the metrics address (loopback unless configured) answers in Prometheus' "
    "text format 0.0.4. Counters\n"
    "start at 0 with each gateway. Numbers of backends and of the process, which the page has too, "
    "explain themselves by\n"
    "their `# HELP` lines.\n"
    "\n"
    "| name | kind | what it counts |\n"
    "|---|---|---|\n";

static void write_rows(struct buf *buf, const struct metric *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(buf, "| `%s` | %s | %s |\n", table[i].name, table[i].kind, table[i].help);
}

void metrics_write_reference(struct buf *buf)
{
    buf_append(buf, span_str(page_intro));
    write_rows(buf, metrics, COUNT_OF(metrics));
    buf_printf(buf, "| `%s{reason,status}` | %s | %s |\n", requests_metric.name,
               requests_metric.kind,
               "requests by how they ended: see [reasons](reasons.md); the status is the reason's");
    buf_printf(buf, "| `%s{rung,mode}` | %s | %s |\n", reduced_metric.name, reduced_metric.kind, reduced_metric.help);
    for (size_t i = 0; i < COUNT_OF(histograms); i++)
        buf_printf(buf, "| `%s` | histogram | %s |\n", histograms[i].name, histograms[i].help);
    write_rows(buf, hub_metrics, COUNT_OF(hub_metrics));
    buf_append(buf, SPAN("\nUpper bounds of the histograms, in seconds: "));
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        append_bound(buf, i);
        buf_append(buf, i + 1 < METRICS_BUCKETS ? SPAN(", ") : SPAN(", and no bound.\n"));
    }
}
