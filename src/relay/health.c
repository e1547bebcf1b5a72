/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One check of one backend:
 *
 *   RESTING ─▶ MODELS ─▶ (TOKEN) ─▶ RESTING, with a verdict: good, failed or none
 *
 * A tick of 250 ms starts the checks, ends those that take too long and looks for changed states.
 * Nothing here is hot.
 */
#include "relay/health.h"

#include "base/alloc.h"
#include "base/random.h"
#include "http/sse.h"
#include "relay/models.h"
#include "relay/relay.h"
#include "relay/token_ask.h"

#define TICK_MS 250
#define HEAD_BYTES_MAX 16384
#define LIST_BYTES_MAX 1048576 /* an engine with more to say about its models is refused */
#define LIST_DEPTH_MAX 16
#define EVENT_BYTES_MAX 65536
#define ASK_BYTES_MAX 4096

enum probe_step { RESTING, MODELS, TOKEN };

struct probe {
    struct health *health;
    struct backend *backend;
    enum probe_step step;
    struct relay_call *call; /* NULL while RESTING */
    uint64_t next_ms, give_up_ms;
    uint64_t checked_ms; /* when the last check began */
    unsigned status;
    char server[32]; /* of the answer under way */
    struct buf ask, answer;
    struct sse_splitter sse;
    bool got_token;
    bool does_not_chat;
    uint32_t slow_in_row; /* no token in time, while it had calls */
    uint32_t failed_in_row;
    enum backend_state told;
    struct err why;
};

struct health {
    struct loop *loop;
    const struct health_events *events;
    void *owner;
    struct relay *relay;
    struct json_parser *parser;
    struct tick *tick;
    struct probe *probes;
    size_t probes_count;
};

/* Verdicts. */

static void rest(struct probe *probe)
{
    probe->step = RESTING;
    buf_release(&probe->ask);
    buf_release(&probe->answer);
    sse_splitter_release(&probe->sse);
}

static void good(struct probe *probe)
{
    rest(probe);
    probe->slow_in_row = 0;
    probe->failed_in_row = 0;
    probe->why.text[0] = '\0';
    backend_probed(probe->backend, true, loop_now_ms(probe->health->loop));
}

/* `probe->why` says what. */
static void is_down(struct probe *probe)
{
    rest(probe);
    probe->slow_in_row = 0;
    backend_probed(probe->backend, false, loop_now_ms(probe->health->loop));
}

/* It answers, and wrongly: started again it may do better. */
static void failed(struct probe *probe)
{
    struct pool *pool = probe->backend->pool;
    is_down(probe);
    if (++probe->failed_in_row < pool->breaker.failures || !probe->backend->embedded)
        return;
    probe->failed_in_row = 0;
    probe->health->events->on_embedded_dead(probe->health->owner, pool);
}

static void took_too_long(struct probe *probe)
{
    struct backend *backend = probe->backend;
    bool token = probe->step == TOKEN;
    bool at_work = atomic_load_explicit(&backend->in_flight, memory_order_relaxed) > 0;
    (void)err_set(&probe->why, -ETIMEDOUT, "no %s within %u ms", token ? "token" : "list of models",
                  backend->pool->probe_timeout_ms);
    if (token && at_work && ++probe->slow_in_row < backend->pool->breaker.failures)
        rest(probe);
    else
        failed(probe);
}

/* Asking. */

static const struct relay_events models_events, token_events;

static void ask(struct probe *probe, enum probe_step step, const struct relay_ask *what)
{
    struct health *health = probe->health;
    buf_release(&probe->answer);
    buf_init(&probe->answer, LIST_BYTES_MAX);
    probe->step = step;
    probe->status = 0;
    probe->server[0] = '\0';
    probe->give_up_ms = loop_now_ms(health->loop) + probe->backend->pool->probe_timeout_ms;
    probe->call = relay_call_new_to(health->relay, probe->backend, what,
                                    step == MODELS ? &models_events : &token_events, probe);
    if (!probe->call)
        rest(probe); /* our own lack of memory: no verdict */
}

static void ask_models(struct probe *probe)
{
    struct relay_ask what = {.method = SPAN("GET"), .path = SPAN("/v1/models")};
    ask(probe, MODELS, &what);
}

static int on_event(void *owner, struct span data, struct span event)
{
    struct probe *probe = owner;
    (void)event;
    probe->got_token |= token_event(data);
    return 0;
}

static int on_comment(void *owner, struct span text)
{
    (void)owner;
    (void)text;
    return 0;
}

static const struct sse_events sse_events = {on_event, on_comment};

static void ask_token(struct probe *probe)
{
    struct relay_ask what;
    const struct token_ask token = {
        .model = probe->backend->models->entries[0].name, .text = SPAN("Hi"), .tokens_max = 1};
    buf_init(&probe->ask, ASK_BYTES_MAX);
    if (token_ask_write(&token, &probe->ask, &what) < 0) {
        rest(probe);
        return;
    }
    probe->got_token = false;
    sse_splitter_init(&probe->sse, EVENT_BYTES_MAX, &sse_events, probe);
    ask(probe, TOKEN, &what);
}

/* The list is there, or not needed. */
static void after_models(struct probe *probe, uint64_t before_ms)
{
    const struct backend *backend = probe->backend;
    uint64_t token_ms = atomic_load_explicit(&backend->last_token_ms, memory_order_relaxed);
    bool can_ask = backend->models && backend->models->count > 0 && !probe->does_not_chat;
    if (!backend->pool->probe_tokens || !can_ask || token_ms > before_ms)
        good(probe);
    else
        ask_token(probe);
}

static bool same_models(const struct model_list *a, const struct model_list *b)
{
    if (!a || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->entries[i].name, b->entries[i].name) != 0)
            return false;
    return true;
}

static int take_list(struct probe *probe)
{
    struct backend *backend = probe->backend;
    enum engine_kind engine;
    struct model_list *list = mem_zalloc(sizeof(*list));
    int result = list ? buf_reserve(&probe->answer, JSON_PADDING) : -ENOMEM;
    if (result == 0)
        result = models_parse(probe->health->parser, buf_span(&probe->answer),
                              span_str(probe->server), list, &engine, &probe->why);
    if (result == 0) {
        /* Only this thread writes backend->models. */
        if (!same_models(backend->models, list))
            probe->does_not_chat = false;
        backend_set_engine(backend, engine);
        result = backend_set_models(backend, list);
    }
    if (result == 0)
        probe->health->events->on_models(probe->health->owner, backend->pool);
    mem_free(list);
    return result;
}

/* The relay's events. */

static int on_head(void *owner, unsigned status, const struct http_response *head)
{
    struct probe *probe = owner;
    struct span server =
        span_take(http_response_header(head, SPAN("server")), sizeof(probe->server) - 1);
    probe->status = status;
    if (server.len)
        memcpy(probe->server, server.ptr, server.len);
    probe->server[server.len] = '\0';
    return 0;
}

static int on_models_body(void *owner, char *bytes, size_t len)
{
    struct probe *probe = owner;
    buf_append(&probe->answer, span_of(bytes, len));
    return buf_status(&probe->answer);
}

static int on_token_body(void *owner, char *bytes, size_t len)
{
    struct probe *probe = owner;
    return probe->status == 200 ? sse_splitter_feed(&probe->sse, span_of(bytes, len)) : 0;
}

static void end_call(struct probe *probe)
{
    relay_call_free(TAKE(probe->call));
}

static void refused(struct probe *probe, const char *what)
{
    (void)err_set(&probe->why, -EBADMSG, "answers %u to %s", probe->status, what);
    if (probe->status == 503)
        is_down(probe); /* it loads */
    else
        failed(probe);
}

static void on_models_done(void *owner)
{
    struct probe *probe = owner;
    uint64_t before_ms = probe->checked_ms;
    end_call(probe);
    probe->checked_ms = loop_now_ms(probe->health->loop);
    if (probe->status == 429) {
        rest(probe);
    } else if (probe->status == 404) {
        good(probe);
    } else if (probe->status != 200) {
        refused(probe, "GET /v1/models");
    } else {
        int result = take_list(probe);
        if (result == 0)
            after_models(probe, before_ms);
        else if (result == -EBADMSG)
            failed(probe);
        else
            rest(probe);
    }
}

static void on_token_done(void *owner)
{
    struct probe *probe = owner;
    unsigned status = probe->status;
    end_call(probe);
    if (status == 200 && probe->got_token) {
        backend_saw_token(probe->backend, loop_now_ms(probe->health->loop));
        good(probe);
    } else if (status == 400 || status == 404 || status == 405 || status == 422 || status == 501) {
        probe->does_not_chat = true;
        good(probe);
    } else if (status == 429) {
        rest(probe);
    } else if (status == 200) {
        (void)err_set(&probe->why, -EBADMSG, "answers without a token");
        failed(probe);
    } else {
        refused(probe, "a request for one token");
    }
}

static void on_failed(void *owner, enum relay_failure failure, const struct err *detail)
{
    struct probe *probe = owner;
    end_call(probe);
    (void)err_set(&probe->why, -EIO, "%s", detail->text[0] ? detail->text : "answers too much");
    if (failure == RELAY_CONNECT_FAILED)
        is_down(probe); /* it starts, or is gone for good */
    else
        failed(probe);
}

static const struct relay_events models_events = {on_head, on_models_body, on_models_done,
                                                  on_failed};
static const struct relay_events token_events = {on_head, on_token_body, on_token_done, on_failed};

/* The tick. */

static void look_for_change(struct probe *probe)
{
    static const char *const words[] = {
        [BACKEND_UNKNOWN] = "not asked yet",
        [BACKEND_UP] = "answers",
        [BACKEND_DOWN] = "calls to it failed",
        [BACKEND_TRIAL] = "one call may try it",
    };
    struct backend_view view;
    backend_view(probe->backend, &view);
    if (view.state == probe->told)
        return;
    probe->told = view.state;
    const char *why =
        view.state == BACKEND_DOWN && probe->why.text[0] ? probe->why.text : words[view.state];
    probe->health->events->on_change(probe->health->owner, probe->backend->pool, &view, why);
}

/* ± 10 %, so that many gateways do not ask at the same moment; sooner while it is not up. */
static uint64_t next_check_ms(const struct probe *probe, uint64_t now_ms)
{
    uint32_t every = probe->backend->pool->probe_every_ms;
    if (probe->told != BACKEND_UP)
        every = MIN(every, (uint32_t)HEALTH_DOWN_EVERY_MS);
    uint32_t tenth = every / 10;
    return now_ms + every - tenth + random_below(2 * tenth + 1);
}

static void on_tick(void *arg)
{
    struct health *health = arg;
    uint64_t now_ms = loop_now_ms(health->loop);
    for (size_t i = 0; i < health->probes_count; i++) {
        struct probe *probe = &health->probes[i];
        struct pool *pool = probe->backend->pool;
        if (probe->call && now_ms >= probe->give_up_ms) {
            relay_cancel(TAKE(probe->call));
            took_too_long(probe);
        }
        if (!probe->call && now_ms >= probe->next_ms &&
            (pool->probe_models || pool->probe_tokens)) {
            probe->next_ms = next_check_ms(probe, now_ms);
            ask_models(probe);
        }
        look_for_change(probe);
    }
}

/* The calls of health.h. */

static void probes_free(struct probe *probes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        relay_cancel(TAKE(probes[i].call));
        rest(&probes[i]);
        pool_unref(probes[i].backend->pool);
    }
    mem_free(probes);
}

struct health *health_new(struct loop *loop, const struct health_events *events, void *owner)
{
    struct health *health = mem_zalloc(sizeof(*health));
    if (!health)
        return NULL;
    health->loop = loop;
    health->events = events;
    health->owner = owner;
    health->relay = relay_new(loop, HEAD_BYTES_MAX);
    health->parser = json_parser_new(LIST_BYTES_MAX, LIST_DEPTH_MAX);
    if (health->relay && health->parser)
        health->tick = tick_new(loop, TICK_MS, on_tick, health);
    if (!health->tick) {
        health_free(health);
        return NULL;
    }
    return health;
}

void health_free(struct health *health)
{
    if (!health)
        return;
    tick_free(health->tick);
    probes_free(health->probes, health->probes_count);
    relay_free(health->relay);
    json_parser_free(health->parser);
    mem_free(health);
}

int health_watch(struct health *health, struct pool *const *pools, size_t count)
{
    size_t backends = 0;
    for (size_t i = 0; i < count; i++)
        backends += pools[i]->backends_count;
    struct probe *probes = mem_array(MAX(backends, (size_t)1), sizeof(*probes));
    if (!probes)
        return -ENOMEM;

    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < pools[i]->backends_count; k++, at++) {
            probes[at].health = health;
            probes[at].backend = &pool_ref(pools[i])->backends[k];
            probes[at].told = BACKEND_UNKNOWN;
        }
    probes_free(health->probes, health->probes_count);
    health->probes = probes;
    health->probes_count = backends;
    relay_forget_idle(health->relay);
    return 0;
}
