/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/metrics_page.h"

#include "admin/process.h"
#include "record/metrics.h"

/* What each metric of a backend is, by itself and at its pool's gate. */
#define BACKEND_METRICS(METRIC)                                                                    \
    METRIC("seawall_backend_up", gauge, "1 while the backend takes calls (up, or not yet known)",  \
           view->state == BACKEND_UP || view->state == BACKEND_UNKNOWN)                            \
    METRIC("seawall_backend_in_flight", gauge, "calls under way at the backend", view->in_flight)  \
    METRIC("seawall_backend_requests_total", counter, "calls begun at the backend",                \
           view->requests)                                                                         \
    METRIC("seawall_backend_failures_total", counter, "calls that the backend failed",             \
           view->failures)                                                                         \
    METRIC("seawall_backend_retries_total", counter,                                               \
           "calls that went on to another backend after this one", view->retries)                  \
    METRIC("seawall_backend_weight", gauge, "the backend's share among its pool", view->weight)    \
    METRIC("seawall_backend_first_byte_milliseconds", gauge,                                       \
           "time to the first byte of an answer, smoothed", view->first_byte_ms_mean)              \
    METRIC("seawall_backend_limit", gauge,                                                         \
           "calls that the backend may have under way, as learned", place->limit)                  \
    METRIC("seawall_backend_turns", gauge, "calls that the gate has let go to the backend",        \
           place->under_way)                                                                       \
    METRIC("seawall_backend_kv_reserved_tokens", gauge,                                            \
           "of its KV cache, reserved for these calls", place->kv_reserved)                        \
    METRIC("seawall_backend_kv_tokens", gauge,                                                     \
           "of its KV cache, that may be reserved; 0: not known", place->kv_max)                   \
    METRIC("seawall_backend_prompt_blocks_total", counter,                                         \
           "blocks of 512 bytes at the beginning of prompts that went to the backend",             \
           place->blocks)                                                                          \
    METRIC("seawall_backend_known_blocks_total", counter,                                          \
           "of these, such as it had been sent before", place->known_blocks)                       \
    METRIC("seawall_backend_stops", gauge,                                                         \
           "1: it stops when a client hangs up; 0: it does not, or that is not known",             \
           view->stop_ms != BACKEND_STOP_UNKNOWN && view->stop_ms != BACKEND_STOPS_NOT)            \
    METRIC("seawall_backend_stop_milliseconds", gauge,                                             \
           "from a hang-up until the engine has stopped, as measured; 0: see seawall_backend_"     \
           "stops",                                                                                \
           view->stop_ms == BACKEND_STOPS_NOT ? 0 : view->stop_ms)                                 \
    METRIC("seawall_backend_stopping", gauge,                                                      \
           "calls that were hung up and that the engine has not stopped yet", place->stopping)

/* What each metric of a pool's gate is. */
#define GATE_METRICS(METRIC)                                                                       \
    METRIC("seawall_turns_limit", gauge, "calls that the pool's backends may have under way",      \
           gate->limit)                                                                            \
    METRIC("seawall_turns_kept_free", gauge, "of these, kept free for in-profile requests",        \
           gate->reserve)                                                                          \
    METRIC("seawall_turns_cut_total", counter, "calls that were ended for an in-profile request",  \
           gate->cuts)                                                                             \
    METRIC("seawall_turns_cut_in_profile_total", counter,                                          \
           "of these, in-profile calls beyond their caller's ordinary ones", gate->stretched_cuts)  \
    METRIC("seawall_turns_displaced_total", counter,                                               \
           "requests that lost their place in a full queue to a higher class", gate->displaced)    \
    METRIC("seawall_turns_waited_out_total", counter, "requests whose turn did not come in time",  \
           gate->waited_out)                                                                       \
    METRIC("seawall_turns_foreseen_total", counter,                                                \
           "requests that were refused at once, because their turn or first token was to come too "\
           "late",                                                                                 \
           gate->foreseen)                                                                         \
    METRIC("seawall_capacity_weighted_tokens", gauge,                                              \
           "weighted tokens that are served in a second while somebody waits; 0: not learned yet", \
           gate->capacity + 0.5)                                                                   \
    METRIC("seawall_siege", gauge, "1 while the pool is under siege", gate->siege)                 \
    METRIC("seawall_turns_waiting_seconds", gauge,                                                 \
           "what all that wait ask for, in seconds of all capacity; 0 while that is not known",    \
           gate->waiting_s + 0.5)                                                                  \
    METRIC("seawall_ladder_rungs", gauge, "rungs of the ladder that stand: see degradation.md",    \
           rungs)

/* … and of a class at it. */
#define CLASS_METRICS(METRIC)                                                                      \
    METRIC("seawall_turns_waiting", gauge, "requests that wait for their turn",                    \
           gate->waiting[class])                                                                   \
    METRIC("seawall_turns_running", gauge, "calls that have their turn", gate->running[class])

#define SERVICE_METRICS(METRIC)                                                                    \
    METRIC("seawall_uptime_seconds", gauge, "since this gateway began to serve", facts->uptime_s)  \
    METRIC("seawall_restarts_total", counter, "gateways that came after the first one",            \
           facts->restarts)                                                                        \
    METRIC("seawall_workers", gauge, "worker threads", facts->workers)                             \
    METRIC("seawall_keys", gauge, "API keys, disabled and expired ones included", facts->keys)     \
    METRIC("seawall_kept_answers", gauge, "answers that their callers may return to: see resuming.md", \
           facts->kept.answers)                                                                    \
    METRIC("seawall_kept_answers_left", gauge, "of these, under way without a client",             \
           facts->kept.left)                                                                       \
    METRIC("seawall_kept_bytes", gauge, "memory that is held for them", facts->kept.bytes)         \
    METRIC("seawall_trouble", gauge, "1 while `seawall status` names trouble", facts->trouble)     \
    METRIC("process_open_fds", gauge, "open descriptors", process_open_fds())                      \
    METRIC("process_max_fds", gauge, "descriptors that may be open", process_fds_max())            \
    METRIC("process_resident_memory_bytes", gauge, "memory in RAM", process_rss_bytes())

struct metric_text {
    const char *name, *kind, *help;
};

#define METRIC(name, kind, help, value) {name, #kind, help},
static const struct metric_text backend_metrics[] = {BACKEND_METRICS(METRIC)};
static const struct metric_text gate_metrics[] = {GATE_METRICS(METRIC)};
static const struct metric_text class_metrics[] = {CLASS_METRICS(METRIC)};
static const struct metric_text service_metrics[] = {SERVICE_METRICS(METRIC)};
#undef METRIC

static uint64_t backend_value(size_t metric, const struct backend_view *view,
                              const struct gate_backend_view *place)
{
    const uint64_t values[] = {
#define METRIC(name, kind, help, value) (uint64_t)(value),
        BACKEND_METRICS(METRIC)
#undef METRIC
    };
    return values[metric];
}

static uint64_t gate_value(size_t metric, const struct gate_view *gate, uint32_t rungs)
{
    const uint64_t values[] = {
#define METRIC(name, kind, help, value) (uint64_t)(value),
        GATE_METRICS(METRIC)
#undef METRIC
    };
    return values[metric];
}

static uint64_t class_value(size_t metric, const struct gate_view *gate, size_t class)
{
    const uint64_t values[] = {
#define METRIC(name, kind, help, value) (uint64_t)(value),
        CLASS_METRICS(METRIC)
#undef METRIC
    };
    return values[metric];
}

/* Quotes, backslashes and newlines of a label are escaped. */
static void append_label(struct buf *buf, const char *name, struct span value)
{
    buf_printf(buf, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '"' || c == '\\')
            buf_append_byte(buf, '\\');
        if (c == '\n')
            buf_append(buf, SPAN("\\n"));
        else
            buf_append_byte(buf, c);
    }
    buf_append_byte(buf, '"');
}

/* `name` is of the second label; NULL: there is none. */
static void append_sample(struct buf *buf, const char *metric, struct span pool, const char *name,
                          struct span label, uint64_t value)
{
    buf_printf(buf, "%s{", metric);
    append_label(buf, "pool", pool);
    if (name) {
        buf_append_byte(buf, ',');
        append_label(buf, name, label);
    }
    buf_append(buf, SPAN("} "));
    buf_append_u64(buf, value);
    buf_append_byte(buf, '\n');
}

static void write_head(struct buf *buf, const struct metric_text *text)
{
    metrics_write_head(buf, text->name, text->kind, text->help);
}

/* All samples of one metric stand together, as the format wants it. */
static void write_backends(struct buf *buf, const struct metrics_page_facts *facts)
{
    for (size_t m = 0; m < COUNT_OF(backend_metrics); m++) {
        write_head(buf, &backend_metrics[m]);
        for (size_t p = 0; p < facts->pools_count; p++) {
            struct pool *pool = facts->pools[p];
            for (size_t b = 0; b < pool_backends(pool); b++) {
                struct backend_view view;
                backend_view(pool_backend(pool, b), &view);
                append_sample(buf, backend_metrics[m].name, pool_name(pool), "backend", view.url,
                              backend_value(m, &view, &facts->gates[p].backends[b]));
            }
        }
    }
}

static void write_gates(struct buf *buf, const struct metrics_page_facts *facts)
{
    for (size_t m = 0; m < COUNT_OF(gate_metrics); m++) {
        write_head(buf, &gate_metrics[m]);
        for (size_t p = 0; p < facts->pools_count; p++)
            append_sample(buf, gate_metrics[m].name, pool_name(facts->pools[p]), NULL, SPAN_NULL,
                          gate_value(m, &facts->gates[p].all, facts->gates[p].rungs));
    }
}

static void write_classes(struct buf *buf, const struct metrics_page_facts *facts)
{
    for (size_t m = 0; m < COUNT_OF(class_metrics); m++) {
        write_head(buf, &class_metrics[m]);
        for (size_t p = 0; p < facts->pools_count; p++)
            for (size_t class = 0; class < FAIR_CLASSES; class ++)
                append_sample(buf, class_metrics[m].name, pool_name(facts->pools[p]), "class",
                              fair_class_name((enum fair_class) class),
                              class_value(m, &facts->gates[p].all, class));
    }
}

void metrics_page_write(struct buf *buf, const struct metrics_page_facts *facts)
{
    const uint64_t values[] = {
#define METRIC(name, kind, help, value) (uint64_t)(value),
        SERVICE_METRICS(METRIC)
#undef METRIC
    };
    if (facts->pools_count > 0) {
        write_classes(buf, facts);
        write_gates(buf, facts);
        write_backends(buf, facts);
    }
    for (size_t i = 0; i < COUNT_OF(service_metrics); i++) {
        write_head(buf, &service_metrics[i]);
        buf_printf(buf, "%s %llu\n", service_metrics[i].name, (unsigned long long)values[i]);
    }
    metrics_write_head(buf, "seawall_build_info", "gauge", "the version that serves");
    buf_printf(buf, "seawall_build_info{version=\"%s\"} 1\n", SEAWALL_VERSION);
}

struct span backend_state_name(enum backend_state state)
{
    switch (state) {
    case BACKEND_UNKNOWN:
        return SPAN("unknown");
    case BACKEND_UP:
        return SPAN("up");
    case BACKEND_DOWN:
        return SPAN("down");
    case BACKEND_TRIAL:
        return SPAN("on trial");
    }
    return SPAN("unknown");
}

struct span engine_name(enum engine_kind kind)
{
    switch (kind) {
    case ENGINE_UNKNOWN:
        return SPAN("unknown");
    case ENGINE_LLAMACPP:
        return SPAN("llama.cpp");
    case ENGINE_VLLM:
        return SPAN("vLLM");
    case ENGINE_SGLANG:
        return SPAN("SGLang");
    case ENGINE_OTHER:
        return SPAN("other");
    }
    return SPAN("unknown");
}

static void write_rows(struct buf *buf, const struct metric_text *texts, size_t count, const char *labels)
{
    buf_append(buf, SPAN("| metric | kind | what |\n|---|---|---|\n"));
    for (size_t i = 0; i < count; i++)
        buf_printf(buf, "| `%s%s` | %s | %s |\n", texts[i].name, labels, texts[i].kind, texts[i].help);
}

void metrics_page_write_reference(struct buf *buf)
{
    buf_append(
        buf,
        SPAN("# Metrics of the service, its gates and its backends\n\n"
             "<!-- Written by `ninja docs` from src/admin/metrics_page.c. Change it there. -->\n\n"
             "On the same page as those of [requests](metrics.md).\n\n"));
    write_rows(buf, service_metrics, COUNT_OF(service_metrics), "");
    buf_append(buf, SPAN("\n"));
    write_rows(buf, class_metrics, COUNT_OF(class_metrics), "{pool,class}");
    buf_append(buf, SPAN("\n"));
    write_rows(buf, gate_metrics, COUNT_OF(gate_metrics), "{pool}");
    buf_append(buf, SPAN("\n"));
    write_rows(buf, backend_metrics, COUNT_OF(backend_metrics), "{pool,backend}");
}
