/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes, who waits, who is sent away and who is cut. The order among those that wait is the fair queue's and tested there. */
#include "gate_testing.h"

static void who_finds_room_goes_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        assert_int_equal(ask(i, FAIR_UNKNOWN), TURN_RUNNING);
    assert_int_equal(ask(SLOTS, FAIR_UNKNOWN), TURN_WAITING);
    assert_int_equal(turns[0].backend, 0);
    assert_int_equal(news(), TURNS);
    assert_int_equal(view().limit, SLOTS);
}

static void who_waits_goes_when_another_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i <= SLOTS + 1; i++)
        ask(i, FAIR_UNKNOWN);
    (void)gate_workers_with_news(gate);
    done(2);
    assert_int_equal(gate_workers_with_news(gate), 1u << (SLOTS % 2));
    assert_int_equal(gate_workers_with_news(gate), 0);
    assert_int_equal(news(), SLOTS);
    assert_int_equal(turns[SLOTS].state, TURN_RUNNING);
    assert_int_equal(turns[SLOTS + 1].state, TURN_WAITING);
    assert_int_equal(news(), TURNS);
}

static void who_gives_up_waiting_leaves_no_trace(void **state)
{
    (void)state;
    for (size_t i = 0; i <= SLOTS + 1; i++)
        ask(i, FAIR_UNKNOWN);
    done(SLOTS);
    done(0);
    assert_int_equal(news(), SLOTS + 1);
    done(SLOTS + 1); /* with its news taken */
    assert_int_equal(ask(10, FAIR_UNKNOWN), TURN_RUNNING);
    assert_int_equal(ask(11, FAIR_UNKNOWN), TURN_WAITING);
    done(1);
    done(11); /* with its news not taken */
    assert_int_equal(news(), TURNS);
}

static void in_profile_cuts_the_newest_of_the_lowest_class(void **state)
{
    (void)state;
    ask(0, FAIR_PAID);
    for (size_t i = 1; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    assert_int_equal(ask(10, FAIR_IN_PROFILE), TURN_WAITING);
    assert_int_equal(news(), SLOTS - 1);
    assert_int_equal(turns[SLOTS - 1].state, TURN_CUT);
    assert_int_equal(news(), TURNS); /* one for one */
    done(SLOTS - 1);
    assert_int_equal(news(), 10);
    assert_int_equal(turns[10].state, TURN_RUNNING);
    assert_int_equal(view().cuts, 1);
    /* The next ones go down the list, and stop at their own kind. */
    size_t expected[] = {2, 1, 0};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        ask(11 + i, FAIR_IN_PROFILE);
        assert_int_equal(news(), expected[i]);
        done(expected[i]);
        assert_int_equal(news(), 11 + i);
    }
    assert_int_equal(ask(20, FAIR_IN_PROFILE), TURN_WAITING);
    assert_int_equal(news(), TURNS);
    assert_int_equal(view().cuts, 4);
}

static void a_place_that_was_cut_free_is_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    ask(10, FAIR_IN_PROFILE);
    assert_int_equal(news(), SLOTS - 1);
    done(SLOTS - 1);
    assert_int_equal(news(), 10);
    gate_tick(gate, now);
    done(10);
    /* It was free for in-profile work alone: nobody else takes it now. */
    assert_int_equal(view().holds, 1);
    assert_int_equal(ask(11, FAIR_UNKNOWN), TURN_WAITING);
    assert_int_equal(ask(12, FAIR_IN_PROFILE), TURN_RUNNING);
    done(12);
    now += GATE_HOLD_MS;
    for (int i = 0; i < 200; i++) /* until the mean of in-profile work has faded too */
        gate_tick(gate, now += GATE_TICK_MS);
    assert_int_equal(view().holds, 0);
    assert_int_equal(turns[11].state, TURN_RUNNING);
}

static void who_waits_too_long_is_sent_away(void **state)
{
    (void)state;
    for (size_t i = 0; i <= SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    now += limits.wait_ms_max - 1;
    gate_tick(gate, now);
    assert_int_equal(news(), TURNS);
    now += GATE_TICK_MS;
    gate_tick(gate, now);
    assert_int_equal(news(), SLOTS);
    assert_int_equal(turns[SLOTS].state, TURN_REFUSED);
    assert_int_equal(turns[SLOTS].refusal, GATE_WAITED);
    assert_int_equal(view().waited_out, 1);
    done(0);
    assert_int_equal(news(), TURNS);
}

static void a_full_queue_loses_the_newest_of_a_lower_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_IN_PROFILE);
    for (size_t i = 0; i < limits.fair.waiting_max; i++)
        assert_int_equal(ask(10 + i, FAIR_UNKNOWN), TURN_WAITING);
    assert_int_equal(ask(20, FAIR_UNKNOWN), TURN_REFUSED);
    assert_int_equal(turns[20].refusal, GATE_QUEUE_FULL);
    assert_int_equal(ask(21, FAIR_IN_PROFILE), TURN_WAITING);
    assert_int_equal(news(), 10 + limits.fair.waiting_max - 1);
    assert_int_equal(view().displaced, 1);
    done(20);
}

static void an_identity_may_wait_only_so_often(void **state)
{
    (void)state;
    struct gate_ask ask_again = {.place = {FAIR_UNKNOWN, 1, 1}, .prompt_tokens = PROMPT, .output_expected = OUTPUT};
    for (size_t i = 0; i < SLOTS + limits.fair.per_identity_max; i++)
        (void)gate_ask(gate, &turns[i], &ask_again, now);
    assert_int_equal(gate_ask(gate, &turns[30], &ask_again, now), TURN_REFUSED);
    assert_int_equal(turns[30].refusal, GATE_IDENTITY_FULL);
    assert_int_equal(ask(31, FAIR_UNKNOWN), TURN_WAITING);
}

/* 1,000 tokens of cache, 900 of which may be reserved. */
static void the_cache_is_not_promised_twice(void **state)
{
    (void)state;
    struct gate_ask large = {.place = {FAIR_UNKNOWN, 1, 1}, .prompt_tokens = 400, .output_expected = 40};
    gate_know(gate, 0, true, &(struct limiter_facts){.kv_tokens = 1000, .at_ms = now});
    assert_int_equal(gate_ask(gate, &turns[0], &large, now), TURN_RUNNING);
    assert_int_equal(gate_ask(gate, &turns[1], &large, now), TURN_RUNNING);
    assert_int_equal(ask(2, FAIR_UNKNOWN), TURN_WAITING); /* 880 and 150 */
    gate_progress(gate, &turns[0], 100, now + 100);       /* it writes more than expected */
    struct gate_backend_view backend;
    gate_backend_view(gate, 0, &backend);
    assert_int_equal(backend.kv_reserved, 400 + 100 + 400 + 40);
    gate_end(gate, &turns[0], 400, 100, now + 200);
    gate_backend_view(gate, 0, &backend);
    assert_int_equal(backend.kv_reserved, 400 + 40 + PROMPT + OUTPUT);
    assert_int_equal(turns[2].state, TURN_RUNNING);
}

/* It waits for more of the cache than one cut frees; what fits in sooner is not let past it. */
static void nobody_goes_while_in_profile_waits(void **state)
{
    (void)state;
    struct gate_ask large = {.place = {FAIR_IN_PROFILE, 1, 1}, .prompt_tokens = 700};
    gate_know(gate, 0, true, &(struct limiter_facts){.kv_tokens = 1000, .at_ms = now});
    for (size_t i = 0; i < 3; i++)
        ask(i, FAIR_UNKNOWN);
    assert_int_equal(gate_ask(gate, &turns[10], &large, now), TURN_WAITING);
    assert_int_equal(ask(3, FAIR_UNKNOWN), TURN_WAITING);
    assert_int_equal(news(), 2);
    done(2);
    assert_int_equal(turns[3].state, TURN_WAITING);
    assert_int_equal(ask(4, FAIR_PAID), TURN_WAITING);
    assert_int_equal(news(), 1);
    done(1);
    assert_int_equal(news(), 10);
    assert_int_equal(turns[10].state, TURN_RUNNING);
    assert_int_equal(view().cuts, 2);
}

static void where_nobody_takes_calls_nobody_is_told_to_wait(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        assert_int_equal(ask(i, FAIR_UNKNOWN), TURN_RUNNING);
    assert_int_equal(ask(5, FAIR_UNKNOWN), TURN_WAITING);
    gate_know(gate, 0, false, NULL);
    assert_int_equal(ask(6, FAIR_UNKNOWN), TURN_RUNNING);
    assert_int_equal(ask(7, FAIR_IN_PROFILE), TURN_RUNNING);
    assert_int_equal(turns[5].state, TURN_WAITING);
    done(6);
    done(7);
    gate_know(gate, 0, true, NULL);
    assert_int_equal(ask(8, FAIR_UNKNOWN), TURN_WAITING);
    done(0);
    assert_int_equal(turns[5].state, TURN_RUNNING);
}

/* Calls whose tokens nobody sees before their end: the limit must not stay where it began. */
static void whole_answers_teach_the_limit_too(void **state)
{
    (void)state;
    struct gate_limits learned = limits;
    learned.calls_max = 0;
    learned.fair.waiting_max = TURNS;
    gate_set_limits(gate, &learned);
    uint32_t first = view().limit;
    for (int second = 0; second < 20; second++) {
        for (size_t i = 0; i < TURNS; i++)
            (void)ask(i, FAIR_UNKNOWN);
        now += 1000;
        gate_tick(gate, now);
        for (size_t i = 0; i < TURNS; i++)
            done(i);
        gate_tick(gate, now += GATE_TICK_MS);
    }
    assert_true(view().limit > first);
}

static void with_one_class_nobody_is_cut(void **state)
{
    (void)state;
    struct gate_limits one = limits;
    one.one_class = true;
    gate_set_limits(gate, &one);
    for (size_t i = 0; i < SLOTS; i++)
        assert_int_equal(ask(i, FAIR_UNKNOWN), TURN_RUNNING);
    assert_int_equal(ask(10, FAIR_IN_PROFILE), TURN_WAITING);
    assert_int_equal(news(), TURNS);
    assert_int_equal(turns[10].place.class, FAIR_UNKNOWN);
    assert_int_equal(view().reserve, 0);
}

static void who_waits_for_backends_that_stay_away_hears_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    assert_int_equal(ask(10, FAIR_IN_PROFILE), TURN_WAITING);
    (void)news(); /* the one that is cut for it */
    assert_int_equal(ask(11, FAIR_UNKNOWN), TURN_WAITING);
    gate_know(gate, 0, false, NULL);
    gate_tick(gate, now += GATE_TICK_MS);
    gate_tick(gate, now += GATE_NOBODY_MS - 1);
    assert_int_equal(news(), TURNS);
    gate_know(gate, 0, true, NULL); /* it is back for a moment: the time begins anew */
    gate_tick(gate, now += GATE_TICK_MS);
    gate_know(gate, 0, false, NULL);
    gate_tick(gate, now += GATE_TICK_MS);
    gate_tick(gate, now += GATE_NOBODY_MS - 1);
    assert_int_equal(turns[10].state, TURN_WAITING);
    gate_tick(gate, now += GATE_TICK_MS);
    assert_int_equal(turns[10].state, TURN_REFUSED);
    assert_int_equal(turns[11].state, TURN_REFUSED);
    assert_int_equal(turns[11].refusal, GATE_NO_BACKEND);
    assert_int_equal(turns[0].state, TURN_RUNNING); /* what runs may end well */
    assert_true(news() != TURNS && news() != TURNS);
}

/* Whatever happens in whatever order: what is counted is what there is. */
static void nothing_is_lost_whatever_happens(void **state)
{
    (void)state;
    gate_know(gate, 1, true, NULL);
    for (int step = 0; step < 20000; step++) {
        size_t at = random_below(TURNS);
        now += random_below(200);
        switch (random_below(9)) {
        case 0:
        case 1:
        case 2:
            if (turns[at].state == TURN_NONE)
                (void)ask(at, random_below(FAIR_CLASSES));
            break;
        case 3:
        case 4:
            turns[at].stopped = random_below(2);
            gate_end(gate, &turns[at], random_below(1000), random_below(1000), now);
            break;
        case 8:
            gate_know_stopping(gate, 0, random_below(3) ? random_below(1000) : GATE_STOPS_NOT);
            break;
        case 5:
            gate_progress(gate, &turns[at], turns[at].output_tokens + random_below(100), now);
            break;
        case 6:
            gate_tick(gate, now);
            break;
        case 7:
            gate_know(gate, 0, random_below(4) > 0, NULL);
            break;
        }
        struct gate_view seen = view();
        uint32_t running[FAIR_CLASSES] = {0}, waiting[FAIR_CLASSES] = {0};
        for (size_t i = 0; i < TURNS; i++) {
            bool runs = turns[i].state == TURN_RUNNING || turns[i].state == TURN_CUT;
            running[turns[i].place.class] += runs;
            waiting[turns[i].place.class] += turns[i].state == TURN_WAITING;
        }
        assert_memory_equal(seen.running, running, sizeof(running));
        assert_memory_equal(seen.waiting, waiting, sizeof(waiting));
        struct gate_backend_view one, two;
        gate_backend_view(gate, 0, &one);
        gate_backend_view(gate, 1, &two);
        assert_int_equal(one.under_way + two.under_way, running[0] + running[1] + running[2]);
        assert_in_range(one.under_way, 0, SLOTS);
    }
}

int main(void)
{
    random_seed(7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_finds_room_goes_at_once, begin, end),
        cmocka_unit_test_setup_teardown(who_waits_goes_when_another_ends, begin, end),
        cmocka_unit_test_setup_teardown(who_gives_up_waiting_leaves_no_trace, begin, end),
        cmocka_unit_test_setup_teardown(in_profile_cuts_the_newest_of_the_lowest_class, begin, end),
        cmocka_unit_test_setup_teardown(a_place_that_was_cut_free_is_held, begin, end),
        cmocka_unit_test_setup_teardown(who_waits_too_long_is_sent_away, begin, end),
        cmocka_unit_test_setup_teardown(a_full_queue_loses_the_newest_of_a_lower_class, begin, end),
        cmocka_unit_test_setup_teardown(an_identity_may_wait_only_so_often, begin, end),
        cmocka_unit_test_setup_teardown(the_cache_is_not_promised_twice, begin, end),
        cmocka_unit_test_setup_teardown(nobody_goes_while_in_profile_waits, begin, end),
        cmocka_unit_test_setup_teardown(where_nobody_takes_calls_nobody_is_told_to_wait, begin, end),
        cmocka_unit_test_setup_teardown(whole_answers_teach_the_limit_too, begin, end),
        cmocka_unit_test_setup_teardown(with_one_class_nobody_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(who_waits_for_backends_that_stay_away_hears_of_it, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_lost_whatever_happens, begin, end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
