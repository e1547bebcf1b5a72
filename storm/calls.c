/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/calls.h"

#include "base/alloc.h"
#include "storm/ask.h"
#include "storm/behaviour.h"
#include "storm/timers.h"

#define REQUEST_BYTES_MAX (20U << 20)
#define DRIP_US 1000000

enum call_state { FREE, ASKING, DRIPPING, HOLDING, RESTING };

struct call {
    enum call_state state;
    struct timer timer;
    struct calls *calls;
    struct wire *wire; /* while ASKING, DRIPPING or HOLDING */
    struct list free;
    uint32_t group;
    struct offer offer;
    uint64_t owed;           /* work: what it asked for and was not given */
    uint32_t tries, sent;    /* begun; those that found a connection */
    bool admitted;           /* a 200 came, in any of them */
    uint64_t waits_until_us; /* for a token; 0: without end */
    struct chance chance;    /* of its retries */
    /* Of the try under way. */
    struct behaviour_answer answer;
    bool over, error;
    uint64_t first_us, last_us; /* of tokens; 0: none yet */
    uint32_t tokens, reported;
};

struct calls {
    struct calls_terms terms;
    struct prompt_text text;
    struct wires *wires;
    struct timers *timers;
    struct buf request; /* the one that is being written */
    uint64_t now_us;
    struct list free;
    struct call **all;
    uint32_t made;
    uint32_t open[2]; /* by side */
};

static const struct wire_events call_events;

int calls_new(const struct calls_terms *terms, struct calls **ret_calls, struct err *err)
{
    struct calls *calls = mem_zalloc(sizeof(*calls));
    if (!calls)
        return err_set(err, -ENOMEM, "out of memory");
    calls->terms = *terms;
    list_init(&calls->free);
    buf_init(&calls->request, REQUEST_BYTES_MAX);
    calls->all = mem_array(CALLS_MAX, sizeof(*calls->all));
    calls->timers = timers_new(CALLS_MAX);
    bool memory = calls->all && calls->timers && prompt_text_init(&calls->text, terms->seed) == 0;
    int r = memory ? wires_new(terms->target, &terms->limits, &call_events, &calls->wires, err)
                   : err_set(err, -ENOMEM, "out of memory");
    if (r < 0) {
        calls_free(calls);
        return r;
    }
    *ret_calls = calls;
    return 0;
}

static const struct scenario_group *group_of(const struct call *call)
{
    return &call->calls->terms.scenario->groups[call->group];
}

/* ── service ── */

static void call_asks(struct call *call)
{
    const struct calls_terms *terms = &call->calls->terms;
    call->owed = gaps_work(call->offer.input_tokens, call->offer.output_tokens);
    gaps_asked(terms->gaps, call->group, call->offer.identity, call->calls->now_us, call->owed);
}

static void call_given(struct call *call, uint64_t work)
{
    const struct calls_terms *terms = &call->calls->terms;
    gaps_given(terms->gaps, call->group, call->offer.identity, call->calls->now_us, work);
    call->owed -= MIN(call->owed, work);
}

static void call_withdraws(struct call *call)
{
    const struct calls_terms *terms = &call->calls->terms;
    gaps_withdrawn(terms->gaps, call->group, call->offer.identity, call->calls->now_us, call->owed);
}

/* ── the end ── */

/* What the engine says it made, where that is more than was seen. */
static uint32_t tokens_of(const struct call *call)
{
    bool known = call->reported != EVENT_NO_USAGE && call->reported > call->tokens;
    return known ? call->reported : call->tokens;
}

static void call_score(struct call *call, enum score_outcome outcome)
{
    uint64_t due = call->offer.due_us;
    uint32_t tokens = tokens_of(call);
    score_ended(call->calls->terms.score, call->group,
                &(struct score_end){
                    .due_us = due,
                    .outcome = outcome,
                    .status = call->answer.status,
                    .tries = call->sent,
                    .admitted = call->admitted,
                    .streamed = call->offer.streamed,
                    .shorter = tokens<call->offer.output_tokens, .ttft_us = call->first_us> due
                                   ? call->first_us - due
                                   : 0,
                    .total_us = call->calls->now_us - MIN(due, call->calls->now_us),
                    .first_to_last_us = call->last_us - call->first_us,
                    .tokens = tokens,
                });
}

static void call_end(struct call *call, enum score_outcome outcome)
{
    struct calls *calls = call->calls;
    timers_clear(calls->timers, &call->timer);
    call_score(call, outcome);
    call_withdraws(call);
    calls->open[group_of(call)->side]--;
    call->state = FREE;
    call->wire = NULL;
    list_push_back(&calls->free, &call->free);
}

void calls_free(struct calls *calls)
{
    if (!calls)
        return;
    for (uint32_t i = 0; i < calls->made; i++) {
        if (calls->all[i]->state != FREE)
            call_score(calls->all[i], OUTCOME_OPEN);
        mem_free(calls->all[i]);
    }
    wires_free(calls->wires);
    timers_free(calls->timers);
    prompt_text_release(&calls->text);
    buf_release(&calls->request);
    mem_free(calls->all);
    mem_free(calls);
}

/* There is room for a timer of each call. */
static void set_timer(struct call *call, uint64_t due_us)
{
    int r = timers_set(call->calls->timers, &call->timer, due_us);
    check(r == 0);
}

/* ── one try ── */

/* Comes again later, or not at all. */
static void call_refused(struct call *call, enum score_outcome outcome)
{
    uint64_t wait_us;
    call->wire = NULL;
    if (!behaviour_retries(group_of(call), &call->answer, call->tries, &call->chance, &wait_us)) {
        call_end(call, outcome);
        return;
    }
    call->state = RESTING;
    set_timer(call, call->calls->now_us + wait_us);
}

static void write_request(struct call *call, size_t *ret_head_bytes)
{
    struct calls *calls = call->calls;
    const struct scenario_group *group = group_of(call);
    char room[POPULATION_KEY_BYTES];
    struct ask ask = {
        .host = calls->terms.target->host,
        .prefix = calls->terms.target->prefix,
        .model = calls->terms.model,
        .scenario = calls->terms.scenario,
        .group = group,
        .offer = &call->offer,
        .key = population_key(calls->terms.population, call->group, call->offer.identity,
                              call->offer.seed, room),
        .header = calls->terms.header,
        .text_seed = group->prompt == PROMPT_SAME ? call->group : call->offer.seed,
    };
    buf_clear(&calls->request);
    ask_write(&ask, &calls->text, &calls->request, ret_head_bytes);
}

static void start_patience(struct call *call)
{
    uint64_t patience_us = behaviour_patience_us(group_of(call), call->tries);
    call->state = ASKING;
    call->waits_until_us = patience_us ? call->calls->now_us + patience_us : 0;
    if (patience_us)
        set_timer(call, call->waits_until_us);
    else
        timers_clear(call->calls->timers, &call->timer);
}

static void call_sent(struct call *call)
{
    const struct scenario_group *group = group_of(call);
    if (group->reads == READS_NEVER) {
        call->state = HOLDING;
        set_timer(call, call->calls->now_us + (uint64_t)(group->hold_s * 1e6));
    } else if (group->body_bytes_s > 0) {
        call->state = DRIPPING;
        set_timer(call, call->calls->now_us + DRIP_US);
    } else {
        start_patience(call);
    }
}

/* No connection: our own want is `unsent`, the other side's refusal is a failed try. */
static void call_not_connected(struct call *call, int result)
{
    bool own =
        result == -EMFILE || result == -EBUSY || result == -EADDRNOTAVAIL || result == -ENOMEM;
    if (own && call->tries == 1)
        call_end(call, OUTCOME_UNSENT);
    else
        call_refused(call, OUTCOME_FAILED);
}

static void call_try(struct call *call)
{
    struct calls *calls = call->calls;
    const struct scenario_group *group = group_of(call);
    struct wire_terms terms = {
        .identity = population_at(calls->terms.population, call->group, call->offer.identity),
        .connections_max = group->connections,
        .attacker = group->side == SIDE_ATTACKER,
        .reads = group->reads != READS_NEVER,
        .owner = call,
    };
    size_t head_bytes;
    call->tries++;
    call->answer = (struct behaviour_answer){0, BEHAVIOUR_NO_ADVICE, BEHAVIOUR_NO_ADVICE};
    call->over = call->error = false;
    call->first_us = call->last_us = 0;
    call->tokens = 0;
    call->reported = EVENT_NO_USAGE;
    int r = wires_get(calls->wires, &terms, &call->wire);
    if (r < 0) {
        call_not_connected(call, r);
        return;
    }
    call->sent++;
    write_request(call, &head_bytes);
    bool slow = group->body_bytes_s > 0;
    if (!wire_send(call->wire, buf_span(&calls->request), slow ? head_bytes : SIZE_MAX))
        call_refused(call, OUTCOME_FAILED);
    else
        call_sent(call);
}

/* ── what comes back ── */

static void on_head(void *owner, const struct http_response *response)
{
    struct call *call = owner;
    struct span advice_ms = http_response_header(response, SPAN("retry-after-ms"));
    struct span advice = http_response_header(response, SPAN("retry-after"));
    struct span should = http_response_header(response, SPAN("x-should-retry"));
    call->answer.status = http_response_status(response);
    call->admitted = call->admitted || call->answer.status == 200;
    if (!span_is_null(advice_ms))
        call->answer.retry_after_ms = behaviour_read_seconds(advice_ms) / 1000;
    else if (!span_is_null(advice))
        call->answer.retry_after_ms = behaviour_read_seconds(advice);
    if (span_eq(should, SPAN("true")) || span_eq(should, SPAN("false")))
        call->answer.should_retry = should.len == 4;
}

static void on_first_token(struct call *call)
{
    call->first_us = call->calls->now_us;
    score_begun(call->calls->terms.score, call->group, call->first_us, call->offer.input_tokens);
    call_given(call, gaps_work(call->offer.input_tokens, 0));
}

/* What usage counts beyond the events that came is counted when usage comes. */
static void take_usage(struct call *call, uint32_t tokens)
{
    call->reported = tokens;
    if (tokens <= call->tokens)
        return;
    score_tokens(call->calls->terms.score, call->group, call->calls->now_us, tokens - call->tokens);
    call_given(call, gaps_work(0, tokens - call->tokens));
}

static bool on_event(void *owner, struct event_facts facts)
{
    struct call *call = owner;
    call->over = call->over || facts.over;
    call->error = call->error || facts.error;
    if (facts.text) {
        if (call->first_us == 0)
            on_first_token(call);
        call->last_us = call->calls->now_us;
        call->tokens++;
        score_tokens(call->calls->terms.score, call->group, call->last_us, 1);
        call_given(call, gaps_work(0, 1));
        if (call->waits_until_us)
            call->waits_until_us =
                call->last_us + behaviour_patience_us(group_of(call), call->tries);
    }
    if (facts.completion_tokens != EVENT_NO_USAGE)
        take_usage(call, facts.completion_tokens);
    return !(facts.text && group_of(call)->reads == READS_FIRST);
}

static void on_end(void *owner, int result)
{
    struct call *call = owner;
    unsigned status = call->answer.status;
    timers_clear(call->calls->timers, &call->timer);
    call->wire = NULL;
    if (result == -ECANCELED)
        call_end(call, OUTCOME_LEFT);
    else if (result == 0 && status >= 300)
        call_refused(call, OUTCOME_REFUSED);
    else if (result == 0 && call->over && !call->error && call->first_us > 0)
        call_end(call, OUTCOME_COMPLETED);
    else if (status == 200 || result == 0) /* half an answer: client libraries do not ask again */
        call_end(call, OUTCOME_FAILED);
    else
        call_refused(call, OUTCOME_FAILED);
}

static const struct wire_events call_events = {on_head, on_event, on_end};

/* ── time ── */

static void hang_up(struct call *call)
{
    wire_close(call->wire);
    call_end(call, OUTCOME_LEFT);
}

static void on_timer(struct call *call)
{
    uint64_t now_us = call->calls->now_us;
    switch (call->state) {
    case ASKING:
        if (call->waits_until_us > now_us)
            set_timer(call, call->waits_until_us);
        else
            hang_up(call);
        break;
    case DRIPPING:
        if (wire_allow(call->wire, MAX((size_t)group_of(call)->body_bytes_s, (size_t)1)))
            set_timer(call, now_us + DRIP_US);
        else
            start_patience(call);
        break;
    case HOLDING:
        hang_up(call);
        break;
    case RESTING:
        call_try(call);
        break;
    case FREE:
        break;
    }
}

static struct call *call_new(struct calls *calls)
{
    struct list *first = list_first(&calls->free);
    if (first) {
        list_remove(first);
        return list_entry(first, struct call, free);
    }
    struct call *call = calls->made < CALLS_MAX ? mem_zalloc(sizeof(*call)) : NULL;
    if (!call)
        return NULL;
    call->calls = calls;
    list_init(&call->free);
    calls->all[calls->made++] = call;
    return call;
}

void calls_start(struct calls *calls, uint32_t group, const struct offer *offer, uint64_t now_us)
{
    struct score *score = calls->terms.score;
    calls->now_us = now_us;
    score_offered(score, group, offer->due_us);
    struct call *call = call_new(calls);
    if (!call) {
        score_ended(score, group,
                    &(struct score_end){.due_us = offer->due_us, .outcome = OUTCOME_UNSENT});
        return;
    }
    call->group = group;
    call->offer = *offer;
    call->tries = call->sent = 0;
    call->admitted = false;
    call->chance = chance_of(chance_seed(offer->seed, 1));
    calls->open[group_of(call)->side]++;
    call_asks(call);
    call_try(call);
}

void calls_run(struct calls *calls, uint64_t now_us, uint64_t until_us,
               uint64_t (*clock_us)(void *owner), void *owner)
{
    struct timer *timer;
    calls->now_us = now_us;
    while ((timer = timers_take(calls->timers, now_us)))
        on_timer(container_of(timer, struct call, timer));
    until_us = MIN(until_us, timers_next(calls->timers));
    wires_wait(calls->wires, until_us > now_us ? until_us - now_us : 0);
    calls->now_us = clock_us(owner);
    wires_handle(calls->wires);
}

uint32_t calls_open(const struct calls *calls, enum scenario_side side)
{
    return calls->open[side];
}

const struct wires *calls_wires(const struct calls *calls)
{
    return calls->wires;
}
