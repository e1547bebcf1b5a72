/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One measurement; there is one at a time, of `watch->at`:
 *
 *   RESTING ─▶ BEFORE ─────▶ TOKENS ─────▶ DURING ─────▶ AFTER ─▶ RESTING, with a verdict
 *              is it idle?   a stream      its count     closed; its count, again and again
 *                            begins        shows it
 *
 *   any ─▶ RESTING without one: put_off() when it was busy, give_up() for any other reason
 *
 * In BEFORE, DURING and AFTER `look` is the call for a page; in TOKENS and DURING `stream` is the call that will be hung up. A tick of STOPPING_LOOK_MS runs only
 * while something is measured, one of TICK_MS always.
 */
#include "relay/stopping.h"

#include "base/alloc.h"
#include "dialect/json_dom.h"
#include "http/sse.h"
#include "relay/backend.h"
#include "relay/facts.h"
#include "relay/relay.h"
#include "relay/token_ask.h"

#define TICK_MS 500
#define HEAD_BYTES_MAX 16384
#define EVENT_BYTES_MAX 65536
#define ASK_BYTES_MAX 4096
#define DEPTH_MAX 32

enum step { RESTING, BEFORE, TOKENS, DURING, AFTER };
enum page { METRICS, SLOTS, PAGES };

struct stopper {
    struct backend *backend;
    uint64_t due_ms;
    uint32_t tries;  /* in a row that gave no answer */
    bool took_calls; /* at the last look */
};

struct stop_watch {
    struct loop *loop;
    const struct stop_events *events;
    void *owner;
    struct relay *relay;
    struct json_parser *parser;
    struct tick *tick, *fast; /* fast: NULL while RESTING */
    struct stopper *stoppers;
    size_t count;

    struct stopper *at;
    enum step step;
    enum page page;
    struct relay_call *stream, *look;
    struct buf ask, body;
    struct sse_splitter sse;
    unsigned stream_status, look_status;
    uint32_t seen;                  /* tokens */
    uint64_t first_us, last_us;     /* their times */
    uint64_t closed_us, give_up_us; /* of AFTER */
    uint64_t timeout_ms;
};

static const struct relay_events stream_events, look_events;

/* ---- verdicts ---------------------------------------------------------------------------------------- */

static void rest(struct stop_watch *watch, uint64_t wait_ms)
{
    relay_cancel(TAKE(watch->stream));
    relay_cancel(TAKE(watch->look));
    sse_splitter_release(&watch->sse);
    buf_release(&watch->ask);
    buf_release(&watch->body);
    watch->at->due_ms = loop_now_ms(watch->loop) + wait_ms;
    watch->at = NULL;
    watch->step = RESTING;
}

static void put_off(struct stop_watch *watch)
{
    rest(watch, STOPPING_LATER_MS);
}

static void verdict(struct stop_watch *watch, uint32_t stop_ms, const char *why)
{
    struct backend *backend = watch->at->backend;
    bool again = backend_stop_ms(backend) == stop_ms;
    watch->at->tries = 0;
    rest(watch, STOPPING_AGAIN_MS);
    backend_set_stop_ms(backend, stop_ms);
    if (again && stop_ms != BACKEND_STOP_UNKNOWN)
        return;
    struct backend_view view;
    backend_view(backend, &view);
    watch->events->on_measured(watch->owner, backend->pool, &view, why);
}

/* It gave no answer: perhaps the next time. What was measured before stays. */
static void give_up(struct stop_watch *watch, const char *why)
{
    if (++watch->at->tries < STOPPING_TRIES)
        put_off(watch);
    else
        verdict(watch, backend_stop_ms(watch->at->backend), why);
}

/* The pace that was seen; a token at least takes the time between two looks at the clock. */
static uint64_t whole_stream_us(const struct stop_watch *watch)
{
    uint64_t each_us = (watch->last_us - watch->first_us) / (STOPPING_TOKENS_SEEN - 1);
    return each_us * (STOPPING_TOKENS - STOPPING_TOKENS_SEEN);
}

/* ---- asking ------------------------------------------------------------------------------------------ */

static void ask_page(struct stop_watch *watch)
{
    static const struct span paths[PAGES] = {SPAN("/metrics"), SPAN("/slots")};
    struct relay_ask what = {.method = SPAN("GET"), .path = paths[watch->page]};
    buf_release(&watch->body);
    buf_init(&watch->body, FACTS_PAGE_BYTES_MAX + JSON_PADDING);
    watch->look_status = 0;
    watch->look = relay_call_new_to(watch->relay, watch->at->backend, &what, &look_events, watch);
    if (!watch->look)
        put_off(watch);
}

static int on_event(void *owner, struct span data, struct span event)
{
    struct stop_watch *watch = owner;
    (void)event;
    if (!token_event(data))
        return 0;
    uint64_t now_us = loop_now_us(watch->loop);
    if (watch->seen++ == 0)
        watch->first_us = now_us;
    if (watch->seen == STOPPING_TOKENS_SEEN)
        watch->last_us = now_us;
    backend_saw_token(watch->at->backend,
                      now_us / 1000); /* the active check need not ask for one */
    return 0;
}

static int on_comment(void *owner, struct span text)
{
    (void)owner;
    (void)text;
    return 0;
}

static const struct sse_events sse_events = {on_event, on_comment};

static void ask_stream(struct stop_watch *watch)
{
    struct backend *backend = watch->at->backend;
    const struct token_ask token = {
        .model = backend->models->entries[0].name,
        .text = SPAN("Count from 1 to 500, one number after the other, and write nothing else."),
        .tokens_max = STOPPING_TOKENS,
        .ignore_end = true}; /* whoever has one of these pages knows it */
    struct relay_ask what;
    watch->step = TOKENS;
    watch->seen = 0;
    watch->stream_status = 0;
    watch->timeout_ms = loop_now_ms(watch->loop) + STOPPING_TIMEOUT_MS;
    buf_init(&watch->ask, ASK_BYTES_MAX);
    sse_splitter_init(&watch->sse, EVENT_BYTES_MAX, &sse_events, watch);
    if (token_ask_write(&token, &watch->ask, &what) == 0)
        watch->stream = relay_call_new_to(watch->relay, backend, &what, &stream_events, watch);
    if (!watch->stream)
        put_off(watch);
}

static void hang_up(struct stop_watch *watch)
{
    uint64_t most_us = MIN(whole_stream_us(watch) / 4 * 3, UINT64_C(1000) * STOPPING_GIVE_UP_MS);
    relay_cancel(TAKE(watch->stream));
    watch->step = AFTER;
    watch->closed_us = loop_now_us(watch->loop);
    watch->give_up_us = watch->closed_us + most_us;
    ask_page(watch);
}

/* ---- what the pages say ------------------------------------------------------------------------------ */

static bool read_page(struct stop_watch *watch, uint32_t *ret_running)
{
    struct engine_facts facts;
    if (watch->look_status != 200 || buf_reserve(&watch->body, JSON_PADDING) < 0)
        return false;
    struct span page = buf_span(&watch->body);
    if (watch->page == SLOTS)
        return facts_read_slots(watch->parser, page, ret_running);
    if (!facts_read_metrics(page, &facts))
        return false;
    *ret_running = facts.running + facts.waiting;
    return true;
}

static void says_nothing(struct stop_watch *watch)
{
    if (watch->step == BEFORE && watch->page + 1 < PAGES) {
        watch->page++;
        ask_page(watch);
    } else if (watch->step == BEFORE) {
        verdict(watch, BACKEND_STOP_UNKNOWN, "it does not say how many calls it works on");
    } else {
        give_up(watch, "it does not always say how many calls it works on");
    }
}

static void after_look(struct stop_watch *watch, bool works)
{
    char why[96];
    uint64_t now_us = loop_now_us(watch->loop), took_ms = (now_us - watch->closed_us + 999) / 1000;
    bool late = now_us >= watch->give_up_us;
    (void)snprintf(why, sizeof(why), "%llu ms after a hang-up it %s", (unsigned long long)took_ms,
                   works ? "still worked on the call" : "had stopped");
    if (works && late)
        verdict(watch, BACKEND_STOPS_NOT, why);
    else if (!works && late)
        verdict(watch, BACKEND_STOP_UNKNOWN, "its whole answer takes less time than a look at it");
    else if (!works)
        verdict(watch, (uint32_t)MAX(took_ms, UINT64_C(1)), why);
}

static void counted(struct stop_watch *watch, uint32_t running)
{
    if (watch->step == BEFORE) {
        if (running > 0)
            put_off(watch);
        else
            ask_stream(watch);
    } else if (watch->step == DURING) {
        if (running > 0)
            hang_up(watch);
        else
            give_up(watch, "its count of calls does not show them");
    } else {
        after_look(watch, running > 0);
    }
}

/* ---- the relay's events ------------------------------------------------------------------------------ */

static int on_look_head(void *owner, unsigned status, const struct http_response *head)
{
    struct stop_watch *watch = owner;
    (void)head;
    watch->look_status = status;
    return 0;
}

static int on_look_body(void *owner, char *bytes, size_t len)
{
    struct stop_watch *watch = owner;
    buf_append(&watch->body, span_of(bytes, len));
    return buf_status(&watch->body);
}

static void on_look_done(void *owner)
{
    struct stop_watch *watch = owner;
    uint32_t running;
    relay_call_free(TAKE(watch->look));
    if (read_page(watch, &running))
        counted(watch, running);
    else
        says_nothing(watch);
}

static void on_look_failed(void *owner, enum relay_failure failure, const struct err *detail)
{
    struct stop_watch *watch = owner;
    (void)failure;
    (void)detail;
    relay_call_free(TAKE(watch->look));
    says_nothing(watch);
}

static int on_stream_head(void *owner, unsigned status, const struct http_response *head)
{
    struct stop_watch *watch = owner;
    (void)head;
    watch->stream_status = status;
    return 0;
}

static int on_stream_body(void *owner, char *bytes, size_t len)
{
    struct stop_watch *watch = owner;
    return watch->stream_status == 200 ? sse_splitter_feed(&watch->sse, span_of(bytes, len)) : 0;
}

static void on_stream_done(void *owner)
{
    struct stop_watch *watch = owner;
    relay_call_free(TAKE(watch->stream));
    if (watch->stream_status == 200)
        give_up(watch, "its answer ended too early to see it stop");
    else if (watch->stream_status == 429 || watch->stream_status == 503)
        put_off(watch);
    else
        verdict(watch, BACKEND_STOP_UNKNOWN, "it refuses to be asked for tokens");
}

static void on_stream_failed(void *owner, enum relay_failure failure, const struct err *detail)
{
    struct stop_watch *watch = owner;
    (void)failure;
    (void)detail;
    relay_call_free(TAKE(watch->stream));
    give_up(watch, "its answer broke off");
}

static const struct relay_events look_events = {on_look_head, on_look_body, on_look_done,
                                                on_look_failed};
static const struct relay_events stream_events = {on_stream_head, on_stream_body, on_stream_done,
                                                  on_stream_failed};

/* ---- time -------------------------------------------------------------------------------------------- */

static bool has_calls(const struct backend *backend)
{
    return atomic_load_explicit(&backend->in_flight, memory_order_relaxed) > 0;
}

static void on_fast_tick(void *arg)
{
    struct stop_watch *watch = arg;
    if (watch->step == RESTING)
        return; /* the slow tick puts this one away */
    if (has_calls(watch->at->backend))
        put_off(watch);
    else if (watch->step != AFTER && loop_now_ms(watch->loop) >= watch->timeout_ms)
        give_up(watch, "it took too long");
    else if (watch->step == TOKENS && watch->seen >= STOPPING_TOKENS_SEEN) {
        watch->step = DURING;
        ask_page(watch);
    } else if (watch->step == AFTER && !watch->look)
        ask_page(watch);
}

static void begin(struct stop_watch *watch, struct stopper *stopper)
{
    if (!watch->fast)
        watch->fast = tick_new(watch->loop, STOPPING_LOOK_MS, on_fast_tick, watch);
    if (!watch->fast)
        return;
    watch->at = stopper;
    watch->step = BEFORE;
    watch->page = METRICS;
    watch->timeout_ms = loop_now_ms(watch->loop) + STOPPING_TIMEOUT_MS;
    ask_page(watch);
}

/* Only this thread writes `models`. */
static bool is_ready(const struct backend *backend)
{
    struct breaker breaker = backend_breaker(backend);
    return breaker.state == BACKEND_UP && backend->models && backend->models->count > 0 &&
           !has_calls(backend);
}

static void look_after(struct stop_watch *watch, struct stopper *stopper, uint64_t now_ms)
{
    const struct backend *backend = stopper->backend;
    bool takes_calls = backend_takes_calls(backend, now_ms);
    if (takes_calls && !stopper->took_calls)
        stopper->due_ms = stopper->tries = 0; /* it may be another engine now */
    stopper->took_calls = takes_calls;
    if (watch->step == RESTING && now_ms >= stopper->due_ms && is_ready(backend))
        begin(watch, stopper);
}

static void on_tick(void *arg)
{
    struct stop_watch *watch = arg;
    for (size_t i = 0; i < watch->count; i++)
        look_after(watch, &watch->stoppers[i], loop_now_ms(watch->loop));
    if (watch->step == RESTING)
        tick_free(TAKE(watch->fast));
}

/* ---- life -------------------------------------------------------------------------------------------- */

static void stoppers_free(struct stopper *stoppers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pool_unref(stoppers[i].backend->pool);
    mem_free(stoppers);
}

struct stop_watch *stop_watch_new(struct loop *loop, const struct stop_events *events, void *owner)
{
    struct stop_watch *watch = mem_zalloc(sizeof(*watch));
    if (!watch)
        return NULL;
    watch->loop = loop;
    watch->events = events;
    watch->owner = owner;
    watch->relay = relay_new(loop, HEAD_BYTES_MAX);
    watch->parser = json_parser_new(FACTS_PAGE_BYTES_MAX, DEPTH_MAX);
    if (watch->relay && watch->parser)
        watch->tick = tick_new(loop, TICK_MS, on_tick, watch);
    if (!watch->tick) {
        stop_watch_free(watch);
        return NULL;
    }
    return watch;
}

void stop_watch_free(struct stop_watch *watch)
{
    if (!watch)
        return;
    if (watch->at)
        rest(watch, 0);
    tick_free(watch->tick);
    tick_free(watch->fast);
    stoppers_free(watch->stoppers, watch->count);
    relay_free(watch->relay);
    json_parser_free(watch->parser);
    mem_free(watch);
}

/* What the pool's settings want; where tokens cost money nothing is measured. */
static bool wants(const struct pool *pool)
{
    return pool->probe_stop && pool->probe_tokens;
}

/* What is known already is not asked again because of a reload. */
static uint64_t first_due_ms(const struct stop_watch *watch, const struct backend *backend)
{
    bool known = backend_stop_ms(backend) != BACKEND_STOP_UNKNOWN;
    return known ? loop_now_ms(watch->loop) + STOPPING_AGAIN_MS : 0;
}

int stop_watch_set(struct stop_watch *watch, struct pool *const *pools, size_t count)
{
    size_t backends = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        backends += wants(pools[i]) ? pools[i]->backends_count : 0;
    struct stopper *stoppers = mem_array(MAX(backends, (size_t)1), sizeof(*stoppers));
    if (!stoppers)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; wants(pools[i]) && k < pools[i]->backends_count; k++, at++) {
            struct backend *backend = &pool_ref(pools[i])->backends[k];
            stoppers[at] = (struct stopper){backend, first_due_ms(watch, backend), 0, true};
        }
    if (watch->at)
        rest(watch, 0);
    stoppers_free(watch->stoppers, watch->count);
    watch->stoppers = stoppers;
    watch->count = backends;
    relay_forget_idle(watch->relay);
    return 0;
}
