/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include "base/alloc.h"
#include "base/chance.h"
#include "base/list.h"
#include "pace.h"
#include "seats.h"

#define STEP_US_MIN 1 /* so that time goes on whatever a preset says */

struct engine_call {
    struct list link; /* in waiting, running or told */
    void *owner;
    uint64_t ready_us; /* may be scheduled from then on */
    uint32_t prompt_tokens;
    uint32_t output_tokens;
    uint32_t made;     /* tokens that came out */
    uint32_t computed; /* tokens whose KV is there, when the step under way has ended */
    bool in_step;
    bool runs;
    struct seat seat;
    struct seat_prompt prompt;
    uint64_t hashes[];
};

struct engine {
    struct preset preset;
    struct chance chance; /* jitter */
    struct seats *seats;

    struct list waiting; /* in order of arrival, the preempted in front */
    struct list running; /* in order of arrival */
    struct list ended;   /* those of `running` whose share of the ended step is not told yet */
    uint32_t waiting_count, running_count;

    bool stepping;
    uint64_t step_ends_us; /* of the step under way, or of the last */
    uint64_t stalled_until_us;
    struct engine_stats stats;
};

/* ── one call ── */

/* All it has; when all of them are computed, the next one comes. */
static uint32_t tokens_of(const struct engine_call *call)
{
    return call->prompt_tokens + call->made;
}

static void leave_running(struct engine *engine, struct engine_call *call)
{
    seats_leave(engine->seats, &call->seat);
    list_remove(&call->link);
    call->runs = false;
    call->in_step = false;
    engine->running_count--;
}

static void preempt(struct engine *engine, struct engine_call *call)
{
    leave_running(engine, call);
    call->computed = 0;
    list_push_front(&engine->waiting, &call->link);
    engine->waiting_count++;
    engine->stats.preemptions++;
}

void engine_abort(struct engine *engine, struct engine_call *call)
{
    if (call->runs) {
        leave_running(engine, call);
    } else {
        list_remove(&call->link);
        engine->waiting_count--;
    }
    mem_free(call);
}

int engine_submit(struct engine *engine, const struct engine_ask *ask, uint64_t now_us,
                  struct engine_call **ret_call)
{
    check(ask->prompt_tokens >= 1 && ask->output_tokens >= 1);
    if ((uint64_t)ask->prompt_tokens + ask->output_tokens > engine_context(engine))
        return -E2BIG;
    uint32_t vacant = engine->preset.scheduler.running_max - engine->running_count;
    if (engine->waiting_count >= (uint64_t)engine->preset.scheduler.waiting_max + vacant)
        return -EAGAIN;
    size_t hashes_bytes = ask->hashes_count * sizeof(*ask->hashes);
    struct engine_call *call = mem_zalloc(sizeof(*call) + hashes_bytes);
    if (!call)
        return -ENOMEM;
    call->owner = ask->owner;
    call->ready_us = now_us + (uint64_t)engine->preset.time.call_us;
    call->prompt_tokens = ask->prompt_tokens;
    call->output_tokens = ask->output_tokens;
    if (hashes_bytes > 0)
        memcpy(call->hashes, ask->hashes, hashes_bytes);
    call->prompt = (struct seat_prompt){call->hashes, ask->hashes_count};
    list_push_back(&engine->waiting, &call->link);
    engine->waiting_count++;
    *ret_call = call;
    return 0;
}

/* ── a step begins ── */

struct plan {
    struct pace_step load;
    uint64_t tokens_left;
    bool short_of_kv;
};

static void take_share(struct plan *plan, struct engine_call *call, uint32_t tokens)
{
    bool decodes = call->made > 0 && tokens == 1;
    plan->tokens_left -= tokens;
    plan->load.decoding += decodes;
    plan->load.prefill_tokens += decodes ? 0 : tokens;
    call->computed += tokens;
    plan->load.kv_tokens += call->computed;
    call->in_step = true;
}

static uint32_t share_of(const struct plan *plan, const struct engine_call *call)
{
    return (uint32_t)MIN(tokens_of(call) - call->computed, plan->tokens_left);
}

/* Makes room by sending the newest back, which may be the call itself: then false. */
static bool grow_running(struct engine *engine, struct plan *plan, struct engine_call *call,
                         uint32_t tokens)
{
    while (seats_grow(engine->seats, &call->seat, &call->prompt, call->computed + tokens) < 0) {
        struct engine_call *newest = list_entry(engine->running.prev, struct engine_call, link);
        plan->short_of_kv = true;
        preempt(engine, newest);
        if (newest == call)
            return false;
    }
    return true;
}

static void plan_running(struct engine *engine, struct plan *plan)
{
    struct list *at = engine->running.next;
    while (at != &engine->running && plan->tokens_left > 0) {
        struct engine_call *call = list_entry(at, struct engine_call, link);
        uint32_t tokens = share_of(plan, call);
        if (!grow_running(engine, plan, call, tokens))
            return; /* it was the last one */
        take_share(plan, call, tokens);
        at = call->link.next;
    }
}

/* A prompt that is all in the cache still has one token to compute, the one that brings the answer's first. */
static bool seat_waiting(struct engine *engine, struct plan *plan, struct engine_call *call)
{
    uint32_t cached;
    if (seats_take(engine->seats, &call->seat, &call->prompt, &cached) < 0)
        return false;
    call->computed = MIN(cached, tokens_of(call) - 1);
    if (seats_grow(engine->seats, &call->seat, &call->prompt,
                   call->computed + share_of(plan, call)) < 0) {
        seats_leave(engine->seats, &call->seat);
        call->computed = 0;
        return false;
    }
    if (engine->preset.kv.prefix_cache) {
        engine->stats.cache_queries += tokens_of(call);
        engine->stats.cache_hits += call->computed;
    }
    return true;
}

static void plan_waiting(struct engine *engine, struct plan *plan, uint64_t now_us)
{
    while (!list_empty(&engine->waiting) && plan->tokens_left > 0 &&
           engine->running_count < engine->preset.scheduler.running_max) {
        struct engine_call *call = list_entry(engine->waiting.next, struct engine_call, link);
        if (call->ready_us > now_us || !seat_waiting(engine, plan, call))
            return;
        list_remove(&call->link);
        engine->waiting_count--;
        list_push_back(&engine->running, &call->link);
        engine->running_count++;
        call->runs = true;
        take_share(plan, call, share_of(plan, call));
    }
}

static void begin_step(struct engine *engine, uint64_t now_us)
{
    struct plan plan = {.tokens_left = engine->preset.scheduler.step_tokens_max};
    plan_running(engine, &plan);
    if (!plan.short_of_kv)
        plan_waiting(engine, &plan, now_us);
    double swing = 2.0 * chance_unit(&engine->chance) - 1.0;
    double us =
        pace_step_us(&engine->preset, &plan.load) * (1.0 + swing * engine->preset.time.jitter);
    engine->stepping = true;
    engine->step_ends_us = now_us + MAX((uint64_t)us, (uint64_t)STEP_US_MIN);
    engine->stats.steps++;
}

/* ── a step ends ── */

static void end_step(struct engine *engine)
{
    struct list *all = &engine->running;
    engine->stepping = false;
    if (list_empty(all))
        return;
    engine->ended = *all;
    engine->ended.next->prev = &engine->ended;
    engine->ended.prev->next = &engine->ended;
    list_init(all);
}

/* Its share of the ended step; true when that brought a token. */
static bool tell(struct engine *engine, struct engine_call *call, struct engine_event *ret_event)
{
    bool came = call->in_step && call->computed == tokens_of(call);
    list_remove(&call->link);
    list_push_back(&engine->running, &call->link);
    call->in_step = false;
    if (!came)
        return false;
    if (call->made == 0)
        engine->stats.prompt_tokens += call->prompt_tokens;
    engine->stats.generation_tokens++;
    call->made++;
    *ret_event = (struct engine_event){.owner = call->owner,
                                       .at_us = engine->step_ends_us,
                                       .number = call->made,
                                       .last = call->made == call->output_tokens};
    if (ret_event->last)
        engine_abort(engine, call);
    return true;
}

uint64_t engine_due(const struct engine *engine)
{
    if (!list_empty(&engine->ended))
        return engine->step_ends_us;
    uint64_t due = ENGINE_NEVER;
    if (engine->stepping || engine->running_count > 0)
        due = engine->step_ends_us;
    else if (engine->waiting_count > 0)
        due = MAX(list_entry(engine->waiting.next, struct engine_call, link)->ready_us,
                  engine->step_ends_us);
    return MAX(due, engine->stalled_until_us);
}

bool engine_next(struct engine *engine, uint64_t now_us, struct engine_event *ret_event)
{
    for (;;) {
        while (!list_empty(&engine->ended)) {
            if (tell(engine, list_entry(engine->ended.next, struct engine_call, link), ret_event))
                return true;
        }
        uint64_t due = engine_due(engine);
        if (due > now_us || due == ENGINE_NEVER)
            return false;
        if (engine->stepping) {
            engine->step_ends_us = due;
            end_step(engine);
        } else {
            begin_step(engine, due);
        }
    }
}

void engine_stall(struct engine *engine, uint64_t until_us)
{
    engine->stalled_until_us = MAX(engine->stalled_until_us, until_us);
}

/* ── the whole ── */

uint32_t engine_context(const struct engine *engine)
{
    return seats_context(engine->seats);
}

void engine_stats(const struct engine *engine, struct engine_stats *ret_stats)
{
    *ret_stats = engine->stats;
    ret_stats->running = engine->running_count;
    ret_stats->waiting = engine->waiting_count;
    ret_stats->kv_used =
        (double)seats_tokens_used(engine->seats) / (double)engine->preset.kv.tokens;
}

struct engine *engine_new(const struct preset *preset, uint64_t seed)
{
    struct engine *engine = mem_zalloc(sizeof(*engine));
    if (!engine)
        return NULL;
    engine->preset = *preset;
    engine->chance = chance_of(seed);
    list_init(&engine->waiting);
    list_init(&engine->running);
    list_init(&engine->ended);
    engine->seats = seats_new(preset);
    if (!engine->seats) {
        mem_free(engine);
        return NULL;
    }
    return engine;
}

static void drop_all(struct engine *engine, struct list *calls)
{
    list_each(at, calls) engine_abort(engine, list_entry(at, struct engine_call, link));
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    drop_all(engine, &engine->ended);
    drop_all(engine, &engine->running);
    drop_all(engine, &engine->waiting);
    seats_free(engine->seats);
    mem_free(engine);
}
