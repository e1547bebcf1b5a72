/* SPDX-License-Identifier: Apache-2.0 */
/* How the service is: for people, for `seawall top`, for Prometheus; and the reload. */
#include "admin/admin_internal.h"
#include "admin/metrics_page.h"
#include "admin/routes.h"
#include "base/alloc.h"
#include "base/json_out.h"

#include <unistd.h>

#define STATUS_BYTES_MAX (8U << 20)
#define METRICS_BYTES_MAX (8U << 20)

/* What the corridor knows, for one answer. */
struct look {
    struct pool *pools[ADMIN_POOLS_MAX];
    size_t pools_count;
    struct admin_gate *gates;   /* owned; one for each pool */
    struct admin_model *models; /* owned */
    size_t models_count;
};

/* Pools and their gates. look_release() is due also after -ENOMEM. */
static int look_take_pools(struct admin *admin, struct look *look)
{
    *look = (struct look){0};
    look->pools_count = admin->events->pools(admin->owner, look->pools, ADMIN_POOLS_MAX);
    look->gates = mem_array(MAX(look->pools_count, (size_t)1), sizeof(*look->gates));
    if (!look->gates)
        return -ENOMEM;
    for (size_t i = 0; i < look->pools_count; i++)
        admin->events->gate(admin->owner, i, &look->gates[i]);
    return 0;
}

static int look_take(struct admin *admin, struct look *look)
{
    int r = look_take_pools(admin, look);
    if (r < 0)
        return r;
    look->models = mem_array(ADMIN_MODELS_MAX, sizeof(*look->models));
    if (!look->models)
        return -ENOMEM;
    look->models_count = admin->events->models(admin->owner, look->models, ADMIN_MODELS_MAX);
    return 0;
}

static void look_release(struct look *look)
{
    mem_free(look->gates);
    mem_free(look->models);
}

static void put_text(struct json_out *out, struct span name, struct span text)
{
    json_out_key(out, name);
    json_out_string(out, text);
}

static void put_number(struct json_out *out, struct span name, uint64_t value)
{
    json_out_key(out, name);
    json_out_u64(out, value);
}

static void put_bool(struct json_out *out, struct span name, bool value)
{
    json_out_key(out, name);
    json_out_bool(out, value);
}

/* Seconds since a monotonic time; null when it never was. */
static void put_age(struct json_out *out, struct span name, uint64_t then_ms, uint64_t now_ms)
{
    json_out_key(out, name);
    if (then_ms == 0)
        json_out_null(out);
    else
        json_out_u64(out, now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0);
}

/* null: not known; -1: it does not stop. */
static void put_stop(struct json_out *out, uint32_t stop_ms)
{
    json_out_key(out, SPAN("stop_ms"));
    if (stop_ms == BACKEND_STOP_UNKNOWN)
        json_out_null(out);
    else
        json_out_i64(out, stop_ms == BACKEND_STOPS_NOT ? -1 : (int64_t)stop_ms);
}

static void put_backend(struct json_out *out, const struct backend_view *view,
                        const struct gate_backend_view *place, uint64_t now_ms)
{
    json_out_open(out, '{');
    put_text(out, SPAN("url"), view->url);
    put_text(out, SPAN("state"), backend_state_name(view->state));
    put_text(out, SPAN("engine"), engine_name(view->engine));
    put_bool(out, SPAN("embedded"), view->embedded);
    put_number(out, SPAN("weight"), view->weight);
    put_number(out, SPAN("in_flight"), view->in_flight);
    put_number(out, SPAN("requests"), view->requests);
    put_number(out, SPAN("failures"), view->failures);
    put_number(out, SPAN("retries"), view->retries);
    put_number(out, SPAN("first_byte_ms"), view->first_byte_ms_mean);
    put_age(out, SPAN("last_good_s"), view->last_good_ms, now_ms);
    put_age(out, SPAN("last_token_s"), view->last_token_ms, now_ms);
    put_number(out, SPAN("limit"), place->limit);
    put_number(out, SPAN("turns"), place->under_way);
    put_number(out, SPAN("kv_reserved"), place->kv_reserved);
    put_number(out, SPAN("kv_max"), place->kv_max);
    put_stop(out, view->stop_ms);
    put_number(out, SPAN("stopping"), place->stopping);
    json_out_close(out, '}');
}

static void put_classes(struct json_out *out, struct span name, const uint32_t counts[FAIR_CLASSES])
{
    json_out_key(out, name);
    json_out_open(out, '{');
    for (int class = 0; class < FAIR_CLASSES; class ++)
        put_number(out, fair_class_name((enum fair_class) class), counts[class]);
    json_out_close(out, '}');
}

static void put_gate(struct json_out *out, const struct gate_view *gate, uint32_t rungs)
{
    json_out_key(out, SPAN("gate"));
    json_out_open(out, '{');
    put_number(out, SPAN("limit"), gate->limit);
    put_number(out, SPAN("kept_free"), gate->reserve);
    put_classes(out, SPAN("running"), gate->running);
    put_classes(out, SPAN("waiting"), gate->waiting);
    put_number(out, SPAN("cut"), gate->cuts);
    put_number(out, SPAN("displaced"), gate->displaced);
    put_number(out, SPAN("waited_out"), gate->waited_out);
    put_number(out, SPAN("foreseen"), gate->foreseen);
    put_number(out, SPAN("capacity_wt_s"), (uint64_t)(gate->capacity + 0.5));
    put_bool(out, SPAN("siege"), gate->siege);
    put_number(out, SPAN("waiting_s"), (uint64_t)(gate->waiting_s + 0.5));
    put_number(out, SPAN("rungs"), rungs);
    json_out_close(out, '}');
}

static void put_pools(struct json_out *out, const struct look *look, uint64_t now_ms)
{
    json_out_key(out, SPAN("pools"));
    json_out_open(out, '[');
    for (size_t p = 0; p < look->pools_count; p++) {
        struct pool *pool = look->pools[p];
        json_out_open(out, '{');
        put_text(out, SPAN("name"), pool_name(pool));
        put_bool(out, SPAN("available"), pool_available(pool, now_ms));
        put_gate(out, &look->gates[p].all, look->gates[p].rungs);
        json_out_key(out, SPAN("backends"));
        json_out_open(out, '[');
        for (size_t b = 0; b < pool_backends(pool); b++) {
            struct backend_view view;
            backend_view(pool_backend(pool, b), &view);
            put_backend(out, &view, &look->gates[p].backends[b], now_ms);
        }
        json_out_close(out, ']');
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
}

/* A model is up when a backend of its pool has shown that it works and takes calls. */
static bool pool_is_up(const struct look *look, struct span name, uint64_t now_ms)
{
    for (size_t p = 0; p < look->pools_count; p++) {
        struct pool *pool = look->pools[p];
        if (!span_eq(pool_name(pool), name) || !pool_available(pool, now_ms))
            continue;
        for (size_t b = 0; b < pool_backends(pool); b++) {
            struct backend_view view;
            backend_view(pool_backend(pool, b), &view);
            if (view.state == BACKEND_UP)
                return true;
        }
    }
    return false;
}

static void put_models(struct json_out *out, const struct look *look, uint64_t now_ms)
{
    json_out_key(out, SPAN("models"));
    json_out_open(out, '[');
    for (size_t i = 0; i < look->models_count; i++) {
        json_out_open(out, '{');
        put_text(out, SPAN("name"), look->models[i].name);
        put_text(out, SPAN("pool"), look->models[i].pool);
        put_bool(out, SPAN("up"), pool_is_up(look, look->models[i].pool, now_ms));
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
}

#define TROUBLES 6

static size_t list_trouble(struct admin *admin, const char *ret_texts[TROUBLES])
{
    const char *all[TROUBLES] = {admin->keys_trouble.text,
                                 admin->snapshot_trouble.text,
                                 admin->used_trouble.text,
                                 admin->publish_again ? "a worker does not take the newest keys"
                                                      : "",
                                 record_hub_trouble(admin->record_hub),
                                 profiles_keeper_trouble(admin->profiles_keeper)};
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i][0])
            ret_texts[count++] = all[i];
    return count;
}

static void put_trouble(struct json_out *out, struct admin *admin)
{
    const char *texts[TROUBLES];
    size_t count = list_trouble(admin, texts);
    json_out_key(out, SPAN("trouble"));
    json_out_open(out, '[');
    for (size_t i = 0; i < count; i++)
        json_out_string(out, span_str(texts[i]));
    json_out_close(out, ']');
}

static uint64_t uptime_s(const struct admin *admin)
{
    return (loop_now_ms(admin->loop) - admin->started_ms) / 1000;
}

static void put_status(struct json_out *out, struct admin *admin, const struct look *look)
{
    uint64_t now_ms = loop_now_ms(admin->loop);
    json_out_open(out, '{');
    put_text(out, SPAN("version"), SPAN(SEAWALL_VERSION));
    put_number(out, SPAN("pid"), (uint64_t)getpid());
    put_number(out, SPAN("uptime_s"), uptime_s(admin));
    put_number(out, SPAN("restarts"), admin->restarts);
    put_number(out, SPAN("workers"), admin->workers);
    json_out_key(out, SPAN("listen"));
    json_out_raw(out, buf_span(&admin->listen));
    put_number(out, SPAN("keys"), keyring_count(admin->ring));
    put_models(out, look, now_ms);
    put_pools(out, look, now_ms);
    put_text(out, SPAN("lost"), span_str(admin->lost.text));
    put_trouble(out, admin);
    json_out_close(out, '}');
}

static void put_histogram(struct json_out *out, struct span name,
                          const uint64_t counts[METRICS_BUCKETS + 1])
{
    json_out_key(out, name);
    json_out_open(out, '[');
    for (size_t i = 0; i <= METRICS_BUCKETS; i++)
        json_out_u64(out, counts[i]);
    json_out_close(out, ']');
}

static void put_counters(struct json_out *out, const struct metrics_counters *sum)
{
    uint64_t requests = 0, errors = 0;
    for (size_t i = 0; i < REASON_COUNT; i++) {
        requests += sum->ended[i];
        errors += reason_info((enum reason)i)->status >= 400 ? sum->ended[i] : 0;
    }
#define METRIC(field, kind, name, help) put_number(out, SPAN(#field), sum->field);
    METRICS_TABLE(METRIC)
#undef METRIC
    put_number(out, SPAN("requests_total"), requests);
    put_number(out, SPAN("errors_total"), errors);
    json_out_key(out, SPAN("bounds_ms"));
    json_out_open(out, '[');
    for (size_t i = 0; i < METRICS_BUCKETS; i++)
        json_out_u64(out, metrics_bucket_ms(i));
    json_out_close(out, ']');
    put_histogram(out, SPAN("first_token_ms"), sum->first_token_ms);
    put_histogram(out, SPAN("duration_ms"), sum->duration_ms);
}

static void put_top(struct json_out *out, struct admin *admin, const struct look *look)
{
    struct metrics_counters sum;
    uint64_t now_ms = loop_now_ms(admin->loop);
    memset(&sum, 0, sizeof(sum));
    record_hub_counters(admin->record_hub, &sum);
    json_out_open(out, '{');
    put_number(out, SPAN("now_ms"), now_ms);
    put_number(out, SPAN("uptime_s"), uptime_s(admin));
    put_counters(out, &sum);
    put_pools(out, look, now_ms);
    json_out_close(out, '}');
}

static void answer_look(const struct ask *ask,
                        void (*put)(struct json_out *out, struct admin *admin,
                                    const struct look *look))
{
    struct look look;
    struct buf buf;
    buf_init(&buf, STATUS_BYTES_MAX);
    struct json_out out = json_out_start(&buf);
    int r = look_take(ask->admin, &look);
    if (r == 0)
        put(&out, ask->admin, &look);
    if (r < 0 || buf_status(&buf) < 0)
        caller_answer_error(ask->caller, 503, "out of memory for the answer");
    else
        caller_answer_json(ask->caller, 200, buf_span(&buf));
    look_release(&look);
    buf_release(&buf);
}

void route_status(const struct ask *ask)
{
    answer_look(ask, put_status);
}

void route_top(const struct ask *ask)
{
    answer_look(ask, put_top);
}

void route_metrics(const struct ask *ask)
{
    struct admin *admin = ask->admin;
    const char *trouble[TROUBLES];
    struct look look;
    int r = look_take_pools(admin, &look);
    struct admin_kept kept;
    admin->events->kept(admin->owner, &kept);
    const struct metrics_page_facts facts = {.pools = look.pools,
                                             .pools_count = look.pools_count,
                                             .gates = look.gates,
                                             .uptime_s = uptime_s(admin),
                                             .restarts = admin->restarts,
                                             .workers = admin->workers,
                                             .kept = kept,
                                             .keys = keyring_count(admin->ring),
                                             .trouble = list_trouble(admin, trouble) > 0};
    struct buf buf;
    buf_init(&buf, METRICS_BYTES_MAX);
    record_hub_metrics(admin->record_hub, &buf);
    if (r == 0)
        metrics_page_write(&buf, &facts);
    if (r < 0 || buf_status(&buf) < 0)
        caller_answer_error(ask->caller, 503, "out of memory for the answer");
    else
        caller_answer(ask->caller, 200, SPAN("text/plain; version=0.0.4; charset=utf-8"),
                      buf_span(&buf));
    look_release(&look);
    buf_release(&buf);
}

/* ── reload ── */

static void reload_done(void *arg, const char *error)
{
    struct admin *admin = arg;
    struct caller *caller = TAKE(admin->reloading);
    check(caller);
    if (error) {
        caller_answer_error(caller, 422, "%s", error);
        return;
    }
    char names[256];
    struct buf buf;
    buf_init(&buf, 1024);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    put_bool(&out, SPAN("reloaded"), true);
    if (admin->events->waiting(admin->owner, names, sizeof(names)) > 0)
        put_text(&out, SPAN("at_next_start"), span_str(names));
    json_out_close(&out, '}');
    if (buf_status(&buf) < 0)
        caller_answer_error(caller, 503, "out of memory for the answer: it is reloaded");
    else
        caller_answer_json(caller, 200, buf_span(&buf));
    buf_release(&buf);
}

void route_reload(const struct ask *ask)
{
    struct admin *admin = ask->admin;
    if (admin->reloading) {
        caller_answer_error(ask->caller, 409, "another reload is under way");
        return;
    }
    admin->reloading = ask->caller;
    admin->events->reload(admin->owner, reload_done, admin);
}
