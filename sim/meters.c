/* SPDX-License-Identifier: Apache-2.0 */
#include "meters.h"

#include "base/json_out.h"

/* Upper ends; vLLM's own, thinned where it has more than anybody reads. */
static const double first_token_ends[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08,
                                          0.1,   0.25,  0.5,  0.75, 1,    2.5,  5,
                                          7.5,   10,    20,   40,   80,   160,  640};
static const double between_ends[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
                                      0.75, 1,     2.5,  5,     7.5, 10,   20,  40,  80};
static const double call_ends[] = {0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,  15,
                                   20,  30,  40,  50, 60,  120, 240, 480, 960, 1920};

static const struct {
    const char *name;
    const char *help;
    const double *ends;
    size_t count;
    size_t at;
} histograms[] = {
    [METERS_FIRST_TOKEN] = {"vllm:time_to_first_token_seconds", "from arrival to the first token",
                            first_token_ends, COUNT_OF(first_token_ends),
                            offsetof(struct meters, first_token)},
    [METERS_BETWEEN_TOKENS] = {"vllm:time_per_output_token_seconds", "between two tokens of a call",
                               between_ends, COUNT_OF(between_ends),
                               offsetof(struct meters, between_tokens)},
    [METERS_WHOLE_CALL] = {"vllm:e2e_request_latency_seconds", "from arrival to the last token",
                           call_ends, COUNT_OF(call_ends), offsetof(struct meters, whole_call)},
};

void meters_time(struct meters *meters, enum meters_time what, double seconds)
{
    struct meters_histogram *histogram = (void *)((char *)meters + histograms[what].at);
    size_t i = 0;
    while (i < histograms[what].count && seconds > histograms[what].ends[i])
        i++;
    histogram->counts[i]++;
    histogram->count++;
    histogram->sum += seconds;
}

struct page {
    struct buf *buf;
    struct span labels; /* model_name="…" */
};

static void write_title(const struct page *page, const char *name, const char *type,
                        const char *help)
{
    buf_printf(page->buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_number(const struct page *page, const char *name, const char *type,
                         const char *help, double value)
{
    write_title(page, name, type, help);
    buf_printf(page->buf, "%s{%.*s} %.17g\n", name, (int)page->labels.len, page->labels.ptr, value);
}

static void write_histogram(const struct page *page, size_t what, const struct meters *meters)
{
    const struct meters_histogram *histogram =
        (const void *)((const char *)meters + histograms[what].at);
    const char *name = histograms[what].name;
    const int len = (int)page->labels.len;
    uint64_t below = 0;
    write_title(page, name, "histogram", histograms[what].help);
    for (size_t i = 0; i < histograms[what].count; i++) {
        below += histogram->counts[i];
        buf_printf(page->buf, "%s_bucket{le=\"%g\",%.*s} %llu\n", name, histograms[what].ends[i],
                   len, page->labels.ptr, (unsigned long long)below);
    }
    buf_printf(page->buf, "%s_bucket{le=\"+Inf\",%.*s} %llu\n", name, len, page->labels.ptr,
               (unsigned long long)histogram->count);
    buf_printf(page->buf, "%s_count{%.*s} %llu\n", name, len, page->labels.ptr,
               (unsigned long long)histogram->count);
    buf_printf(page->buf, "%s_sum{%.*s} %.17g\n", name, len, page->labels.ptr, histogram->sum);
}

static void write_finished(const struct page *page, const struct meters *meters)
{
    const char *name = "vllm:request_success_total";
    write_title(page, name, "counter", "calls by how they ended");
    for (size_t i = 0; i < COUNT_OF(meters->finished); i++)
        buf_printf(page->buf, "%s{finished_reason=\"%s\",%.*s} %llu\n", name,
                   say_finish_name((enum say_finish)i), (int)page->labels.len, page->labels.ptr,
                   (unsigned long long)meters->finished[i]);
    buf_printf(page->buf, "%s{finished_reason=\"abort\",%.*s} %llu\n", name, (int)page->labels.len,
               page->labels.ptr, (unsigned long long)meters->aborted);
}

/* The size of the cache, as vLLM tells it: in labels. */
static void write_cache_config(const struct page *page, const struct preset *preset)
{
    const char *name = "vllm:cache_config_info";
    write_title(page, name, "gauge", "the KV cache: tokens of a block, and blocks");
    buf_printf(page->buf, "%s{block_size=\"%u\",num_gpu_blocks=\"%u\",%.*s} 1\n", name,
               preset->kv.block_tokens, preset->kv.tokens / preset->kv.block_tokens,
               (int)page->labels.len, page->labels.ptr);
}

void meters_write(const struct meters *meters, const struct engine_stats *stats,
                  const struct preset *preset, struct buf *buf)
{
    struct buf labels;
    buf_init(&labels, 4096);
    buf_append(&labels, SPAN("model_name=\""));
    json_escape(&labels, span_str(preset->model.name));
    buf_append(&labels, SPAN("\""));
    const struct page page = {buf, buf_span(&labels)};
    const struct {
        const char *name, *type, *help;
        double value;
    } numbers[] = {
        {"vllm:num_requests_running", "gauge", "calls that run", stats->running},
        {"vllm:num_requests_waiting", "gauge", "calls that wait", stats->waiting},
        {"vllm:kv_cache_usage_perc", "gauge", "used share of the KV cache, 0 to 1", stats->kv_used},
        {"vllm:gpu_cache_usage_perc", "gauge", "the same under its older name", stats->kv_used},
        {"vllm:num_preemptions_total", "counter", "preemptions", (double)stats->preemptions},
        {"vllm:prompt_tokens_total", "counter", "tokens of prompts", (double)stats->prompt_tokens},
        {"vllm:generation_tokens_total", "counter", "tokens made",
         (double)stats->generation_tokens},
        {"vllm:prefix_cache_queries_total", "counter", "tokens looked up in the prefix cache",
         (double)stats->cache_queries},
        {"vllm:prefix_cache_hits_total", "counter", "tokens found in the prefix cache",
         (double)stats->cache_hits},
        {"simllm:steps_total", "counter", "steps of the engine", (double)stats->steps},
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        write_number(&page, numbers[i].name, numbers[i].type, numbers[i].help, numbers[i].value);
    for (size_t i = 0; i < COUNT_OF(histograms); i++)
        write_histogram(&page, i, meters);
    write_finished(&page, meters);
    write_cache_config(&page, preset);
    buf_release(&labels);
}
