/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's gate behind its lock: whose bell rings, what is news, what is told of it, and many threads at once. Who goes first is the gate's, and tested there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "gateway/turnstile.h"
#include "policy/ladder.h"
#include "relay/backend.h"

#include <pthread.h>
#include <sched.h>

#define WORKERS 4
#define WALL_MS UINT64_C(1795514400000)

static const struct gate_limits limits = {
    .fair = {{8, 2, 1}, 64, 4}, .wait_ms_max = 300, .siege_wait_ms_max = 200, .calls_max = 1};
static const struct predictor_facts facts = {.prompt_tokens = 10, .output_max = 40};
static struct pool *pool;
static struct turnstile *turnstile;
static struct turn turns[8];
static uint64_t now_ms = 1000;

static int begin(void **state)
{
    (void)state;
    const struct backend_spec backend = {.url = SPAN("http://127.0.0.1:1"), .weight = 1};
    const struct pool_spec spec = {.name = SPAN("main"),
                                   .backends = &backend,
                                   .backends_count = 1,
                                   .breaker_failures = 1,
                                   .breaker_pause_ms = 1000};
    struct err err = {""};
    pool = pool_new(&spec, &err);
    turnstile = pool ? turnstile_new(pool, &limits, WORKERS) : NULL;
    return turnstile ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    turnstile_unref(turnstile);
    turnstile_unref(NULL);
    pool_unref(pool);
    return 0;
}

static enum turn_state ask(size_t at, turnstile_bells *ret_bells)
{
    struct gate_ask ask = {.place = {FAIR_UNKNOWN, 100 + at, 100 + at},
                           .worker = (uint32_t)at % WORKERS,
                           .prompt_tokens = 10,
                           .output_max = 40};
    enum turn_state state = turnstile_ask(turnstile, &turns[at], &ask, &facts, now_ms, ret_bells);
    assert_in_range(ask.output_expected, 1, 40);
    return state;
}

static turnstile_bells leave(size_t at)
{
    const struct turnstile_use use = {.prompt_tokens = 10, .output_tokens = 20, .whole = true};
    return turnstile_end(turnstile, &turns[at], &use, &facts, now_ms);
}

static void assert_news(uint32_t worker, size_t at, enum turn_state wanted)
{
    enum turn_state state;
    assert_ptr_equal(turnstile_news(turnstile, worker, &state), &turns[at]);
    assert_int_equal(state, wanted);
    assert_null(turnstile_news(turnstile, worker, &state));
    assert_int_equal(state, TURN_NONE);
}

static void the_bell_of_who_is_next_rings(void **state)
{
    (void)state;
    turnstile_bells bells;
    assert_int_equal(ask(0, &bells), TURN_RUNNING);
    assert_int_equal(bells, 0);
    assert_int_equal(ask(1, &bells), TURN_WAITING);
    struct gate_view view;
    turnstile_view(turnstile, now_ms, &view);
    assert_int_equal(view.running[FAIR_UNKNOWN], 1);
    assert_int_equal(view.waiting[FAIR_UNKNOWN], 1);
    assert_int_equal(leave(0), 1U << 1);
    assert_news(1, 1, TURN_RUNNING);
    struct gate_backend_view backend;
    turnstile_backend_view(turnstile, 0, &backend);
    assert_true(backend.available);
    assert_int_equal(backend.under_way, 1);
    assert_int_equal(backend.limit, 1);
    assert_int_equal(leave(1), 0);
    turnstile_view(turnstile, now_ms, &view);
    assert_int_equal(view.running[FAIR_UNKNOWN] + view.waiting[FAIR_UNKNOWN], 0);
}

/* One call in profile that writes, and far more of others than can be done: rungs stand, answers are shortened; and fall when nobody looked for long. */
static void a_siege_climbs_the_ladder_and_its_end_is_seen_after_a_quiet_time(void **state)
{
    (void)state;
    turnstile_bells bells;
    const struct predictor_facts large = {.prompt_tokens = 100000, .output_max = 1000};
    struct gate_ask mine = {.place = {FAIR_IN_PROFILE, 1, 1}, .prompt_tokens = 10, .output_max = 40};
    struct gate_ask other = {
        .place = {FAIR_UNKNOWN, 2, 2}, .worker = 1, .prompt_tokens = large.prompt_tokens, .output_max = 1000, .output_max_short = 256};
    assert_int_equal(turnstile_rungs(turnstile, now_ms), 0);
    assert_int_equal(turnstile_ask(turnstile, &turns[0], &mine, &facts, now_ms, &bells), TURN_RUNNING);
    for (uint64_t tokens = 1; tokens < 20; tokens++) {
        (void)turnstile_tick(turnstile, now_ms += GATE_TICK_MS);
        turnstile_progress(turnstile, &turns[0], tokens, now_ms);
    }
    assert_int_equal(turnstile_rungs(turnstile, now_ms), 0);
    assert_int_equal(turnstile_ask(turnstile, &turns[1], &other, &large, now_ms, &bells), TURN_WAITING);
    (void)turnstile_tick(turnstile, now_ms += GATE_TICK_MS);
    assert_int_equal(turnstile_rungs(turnstile, now_ms), LADDER_RUNGS);
    assert_int_equal(leave(0), 1U << 1);
    assert_news(1, 1, TURN_RUNNING);
    assert_true(turns[1].shorten);
    assert_int_equal(turns[1].output_max, 256);
    (void)leave(1);
    assert_int_equal(turnstile_rungs(turnstile, now_ms), LADDER_RUNGS);
    assert_int_equal(turnstile_rungs(turnstile, now_ms += 2 * GATE_SIEGE_CALM_MS), 0);
}

/* Nobody in profile: nothing stands, until the operator says that crowds count. */
static void a_crowd_climbs_the_ladder_where_it_may(void **state)
{
    (void)state;
    turnstile_bells bells;
    const struct predictor_facts large = {.prompt_tokens = 100000, .output_max = 1000};
    struct gate_ask other = {.place = {FAIR_UNKNOWN, 2, 2}, .prompt_tokens = large.prompt_tokens, .output_max = 1000};
    assert_int_equal(ask(0, &bells), TURN_RUNNING);
    for (uint64_t tokens = 1; tokens < 20; tokens++) {
        (void)turnstile_tick(turnstile, now_ms += GATE_TICK_MS);
        turnstile_progress(turnstile, &turns[0], tokens, now_ms);
    }
    assert_int_equal(turnstile_ask(turnstile, &turns[1], &other, &large, now_ms, &bells), TURN_WAITING);
    (void)turnstile_tick(turnstile, now_ms += GATE_TICK_MS);
    assert_int_equal(turnstile_rungs(turnstile, now_ms), 0);
    turnstile_set_crowds(turnstile, true);
    (void)turnstile_tick(turnstile, now_ms += GATE_TICK_MS);
    assert_int_equal(turnstile_rungs(turnstile, now_ms), LADDER_RUNGS);
    (void)leave(1);
    (void)leave(0);
}

static void who_waited_too_long_is_news_at_a_tick(void **state)
{
    (void)state;
    turnstile_bells bells;
    assert_int_equal(ask(0, &bells), TURN_RUNNING);
    assert_int_equal(ask(2, &bells), TURN_WAITING);
    assert_int_equal(turnstile_tick(turnstile, now_ms + 100), 0);
    assert_int_equal(turnstile_tick(turnstile, now_ms + 1000), 1U << 2);
    assert_news(2, 2, TURN_REFUSED);
    assert_int_equal(turns[2].refusal, GATE_WAITED);
    assert_int_equal(leave(2) | leave(0), 0);
}

static void a_backend_that_is_down_takes_nobody_who_waits(void **state)
{
    (void)state;
    turnstile_bells bells;
    struct backend *backend = pool_pick(pool, 0, now_ms);
    assert_non_null(backend);
    assert_int_equal(ask(0, &bells), TURN_RUNNING);
    assert_int_equal(ask(3, &bells), TURN_WAITING);
    backend_report(backend, BACKEND_FAILED, now_ms);
    assert_int_equal(turnstile_tick(turnstile, now_ms + 100), 0);
    assert_int_equal(leave(0), 0);
    assert_int_equal(ask(1, &bells), TURN_RUNNING); /* to find nobody, at once */
    assert_int_equal(leave(1), 0);
    backend_probed(backend, true, now_ms);
    assert_int_equal(turnstile_tick(turnstile, now_ms + 250), 1U << 3);
    assert_news(3, 3, TURN_RUNNING);
    assert_int_equal(leave(3), 0);
}

static void limits_may_change_while_some_wait(void **state)
{
    (void)state;
    turnstile_bells bells;
    struct gate_limits wider = limits;
    wider.calls_max = 2;
    assert_int_equal(ask(0, &bells), TURN_RUNNING);
    assert_int_equal(ask(1, &bells), TURN_WAITING);
    turnstile_set_limits(turnstile, &wider);
    (void)turnstile_tick(turnstile, now_ms + 100);
    assert_news(1, 1, TURN_RUNNING);
    assert_int_equal(leave(0) | leave(1), 0);
}

static void a_ticket_is_good_for_whom_it_was_given_to(void **state)
{
    (void)state;
    const struct fair_place mine = {FAIR_UNKNOWN, 1, 1}, other = {FAIR_UNKNOWN, 1, 2};
    char text[TICKET_TEXT_BYTES + 1];
    uint32_t wait_ms, left_ms = 0;
    turnstile_bells bells;
    assert_int_equal(ask(0, &bells), TURN_RUNNING);
    assert_true(turnstile_promise(turnstile, &mine, 100, WALL_MS, &wait_ms, text));
    assert_int_equal(strlen(text), TICKET_TEXT_BYTES);
    assert_true(wait_ms >= TICKET_SOONEST_MS);
    struct span ticket = span_str(text);
    assert_int_equal(turnstile_claim(turnstile, ticket, &other, WALL_MS + wait_ms, &left_ms),
                     TICKET_FORGED);
    assert_int_equal(turnstile_claim(turnstile, ticket, &mine, WALL_MS, &left_ms),
                     TICKET_EARLY);
    assert_int_equal(left_ms, wait_ms);
    assert_int_equal(turnstile_claim(turnstile, ticket, &mine, WALL_MS + wait_ms, &left_ms),
                     TICKET_DUE);
    assert_int_equal(turnstile_claim(turnstile, ticket, &mine, WALL_MS + wait_ms, &left_ms),
                     TICKET_USED);
    struct turnstile *next = turnstile_new(pool, &limits, WORKERS);
    assert_non_null(next);
    assert_int_equal(turnstile_claim(next, ticket, &mine, WALL_MS + wait_ms, &left_ms),
                     TICKET_FORGED);
    turnstile_unref(next);
    assert_int_equal(leave(0), 0);
}

static void a_promise_is_remembered_and_kept_early_where_there_is_room(void **state)
{
    (void)state;
    const struct fair_place mine = {FAIR_UNKNOWN, 1, 1};
    char text[TICKET_TEXT_BYTES + 1];
    uint32_t wait_ms, left_ms = 0;
    turnstile_bells bells;
    assert_int_equal(ask(0, &bells), TURN_RUNNING);
    assert_true(turnstile_promise(turnstile, &mine, 100, WALL_MS, &wait_ms, text));
    assert_int_equal(turnstile_claim(turnstile, SPAN_NULL, &mine, WALL_MS, &left_ms), TICKET_EARLY);
    assert_int_equal(left_ms, wait_ms);
    assert_int_equal(leave(0), 0);
    assert_int_equal(turnstile_claim(turnstile, SPAN_NULL, &mine, WALL_MS, &left_ms), TICKET_DUE);
    assert_int_equal(turnstile_claim(turnstile, SPAN_NULL, &mine, WALL_MS + wait_ms, &left_ms), TICKET_NONE);
}

static void the_pool_lives_as_long_as_its_turnstile(void **state)
{
    (void)state;
    struct turnstile *held = turnstile_ref(turnstile);
    pool_unref(TAKE(pool));
    assert_true(span_eq(pool_name(turnstile_pool(held)), SPAN("main")));
    turnstile_unref(held);
}

/* Each worker asks, waits for its turn and goes on, again and again. */
#define ROUNDS 2000

static void *work(void *arg)
{
    uint32_t worker = *(uint32_t *)arg;
    struct turn turn;
    for (int i = 0; i < ROUNDS; i++) {
        struct gate_ask ask = {
            .place = {FAIR_UNKNOWN, worker + 1, worker + 1}, .worker = worker, .prompt_tokens = 10};
        const struct turnstile_use use = {.prompt_tokens = 10};
        turnstile_bells bells;
        enum turn_state state = turnstile_ask(turnstile, &turn, &ask, NULL, 1000, &bells);
        while (state == TURN_WAITING) {
            struct turn *next = turnstile_news(turnstile, worker, &state);
            check(!next || next == &turn);
            if (!next) {
                state = TURN_WAITING;
                (void)sched_yield();
            }
        }
        check(state == TURN_RUNNING);
        check(turnstile_progress(turnstile, &turn, 1, 1000).output_max == 0);
        (void)turnstile_end(turnstile, &turn, &use, NULL, 1000);
    }
    return NULL;
}

static void many_workers_share_it(void **state)
{
    (void)state;
    pthread_t threads[WORKERS];
    uint32_t numbers[WORKERS];
    struct gate_view view;
    for (uint32_t i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    turnstile_view(turnstile, now_ms, &view);
    assert_int_equal(view.running[FAIR_UNKNOWN] + view.waiting[FAIR_UNKNOWN], 0);
}

static void runs_out_of_memory_cleanly(void **state)
{
    (void)state;
    struct turnstile *other = NULL;
    int64_t live = mem_live_count();
    uint64_t successes = 0;
    for (; !other; successes++) {
        mem_fail_after(successes);
        other = turnstile_new(pool, &limits, WORKERS);
        mem_fail_never();
        if (!other)
            assert_int_equal(mem_live_count(), live);
    }
    assert_true(successes > 2);
    turnstile_unref(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_bell_of_who_is_next_rings),
        CASE(a_siege_climbs_the_ladder_and_its_end_is_seen_after_a_quiet_time),
        CASE(a_crowd_climbs_the_ladder_where_it_may),
        CASE(who_waited_too_long_is_news_at_a_tick),
        CASE(a_backend_that_is_down_takes_nobody_who_waits),
        CASE(limits_may_change_while_some_wait),
        CASE(a_ticket_is_good_for_whom_it_was_given_to),
        CASE(a_promise_is_remembered_and_kept_early_where_there_is_room),
        CASE(the_pool_lives_as_long_as_its_turnstile),
        CASE(many_workers_share_it),
        CASE(runs_out_of_memory_cleanly),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
