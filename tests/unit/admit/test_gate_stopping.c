/* SPDX-License-Identifier: Apache-2.0 */
/* What is hung up, and goes on for a while in its engine. */
#include "gate_testing.h"

static void hung_up(size_t at)
{
    turns[at].stopped = true;
    gate_end(gate, &turns[at], PROMPT, 1, now);
}

static uint32_t stopping(void)
{
    struct gate_backend_view seen;
    gate_backend_view(gate, 0, &seen);
    return seen.stopping;
}

static void a_place_is_free_when_its_engine_has_stopped(void **state)
{
    (void)state;
    gate_know_stopping(gate, 0, 300);
    for (size_t i = 0; i <= SLOTS + 1; i++)
        ask(i, FAIR_UNKNOWN);
    hung_up(0);
    assert_int_equal(stopping(), 1);
    assert_int_equal(turns[SLOTS].state, TURN_WAITING);
    done(1); /* that one is free at once */
    assert_int_equal(news(), SLOTS);
    gate_tick(gate, now += 299);
    assert_int_equal(news(), TURNS);
    gate_tick(gate, now += GATE_TICK_MS);
    assert_int_equal(news(), SLOTS + 1);
    assert_int_equal(stopping(), 0);
}

static void in_profile_work_leaves_the_wait_for_a_stop_to_the_engine(void **state)
{
    (void)state;
    gate_know_stopping(gate, 0, GATE_STOP_SOON_MS);
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    assert_int_equal(ask(10, FAIR_IN_PROFILE), TURN_WAITING);
    assert_int_equal(news(), SLOTS - 1);
    assert_int_equal(turns[SLOTS - 1].state, TURN_CUT);
    hung_up(SLOTS - 1);
    assert_int_equal(news(), 10);
    assert_int_equal(turns[10].state, TURN_RUNNING);
    assert_int_equal(stopping(), 1);
}

static void for_an_engine_that_stops_late_one_is_cut_and_waited_for(void **state)
{
    (void)state;
    gate_know_stopping(gate, 0, 1500);
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    assert_int_equal(ask(10, FAIR_IN_PROFILE), TURN_WAITING);
    assert_int_equal(news(), SLOTS - 1);
    hung_up(SLOTS - 1);
    gate_tick(gate, now += 1000);
    assert_int_equal(news(), TURNS); /* not a second one for the same request */
    gate_tick(gate, now += 500);
    assert_int_equal(news(), 10);
    assert_int_equal(view().cuts, 1);
}

static void calls_that_do_not_stop_are_not_cut(void **state)
{
    (void)state;
    gate_know_stopping(gate, 0, GATE_STOPS_NOT);
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    assert_int_equal(ask(10, FAIR_IN_PROFILE), TURN_WAITING);
    assert_int_equal(news(), TURNS);
    assert_int_equal(view().cuts, 0);
    done(0);
    assert_int_equal(news(), 10);
}

/* OUTPUT tokens of 20 ms each are expected: who hangs up after one of them leaves the rest of that time to the engine. */
static void a_call_that_does_not_stop_counts_to_its_predicted_end(void **state)
{
    (void)state;
    gate_know_stopping(gate, 0, GATE_STOPS_NOT);
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    for (uint64_t tokens = 1; tokens <= 10; tokens++) {
        for (size_t i = 1; i < SLOTS; i++)
            gate_progress(gate, &turns[i], tokens, now);
        gate_tick(gate, now += 20);
    }
    gate_tick(gate, now += GATE_TICK_MS);
    hung_up(0);
    assert_int_equal(ask(10, FAIR_IN_PROFILE), TURN_WAITING);
    gate_tick(gate, now += (OUTPUT - 10) * 20);
    assert_int_equal(news(), TURNS);
    gate_tick(gate, now += 10 * 20);
    assert_int_equal(news(), 10);
}

static void the_reserve_covers_who_comes_while_an_engine_stops(void **state)
{
    (void)state;
    struct gate_limits learned = limits;
    learned.calls_max = 0;
    gate_set_limits(gate, &learned);
    for (int i = 0; i < 400; i++) { /* forty seconds, ten arrivals in each */
        assert_int_equal(ask(0, FAIR_IN_PROFILE), TURN_RUNNING);
        done(0);
        gate_tick(gate, now += GATE_TICK_MS);
    }
    assert_int_equal(ask(0, FAIR_IN_PROFILE), TURN_RUNNING);
    gate_tick(gate, now += GATE_TICK_MS);
    uint32_t before = view().reserve;
    gate_know_stopping(gate, 0, 1000);
    assert_in_range(view().reserve, before + 9, before + 11);
    gate_know_stopping(gate, 0, GATE_STOPS_NOT);
    assert_in_range(view().reserve, before + 19, before + 21);
}

/* More hang-ups than there is memory for are not remembered, and none is counted twice. */
static void who_hangs_up_all_the_time_holds_a_bounded_number_of_places(void **state)
{
    (void)state;
    struct gate_limits learned = limits;
    learned.calls_max = 0;
    learned.one_class = true;
    gate_set_limits(gate, &learned);
    gate_know_stopping(gate, 0, 10);
    for (int i = 0; i < 3 * LEAVING_MAX; i++) {
        if (ask(0, FAIR_UNKNOWN) == TURN_RUNNING)
            hung_up(0);
        else
            gate_end(gate, &turns[0], 0, 0, now);
    }
    assert_in_range(stopping(), 1, LEAVING_MAX);
    gate_tick(gate, now += GATE_TICK_MS);
    assert_int_equal(stopping(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_place_is_free_when_its_engine_has_stopped, begin, end),
        cmocka_unit_test_setup_teardown(in_profile_work_leaves_the_wait_for_a_stop_to_the_engine, begin, end),
        cmocka_unit_test_setup_teardown(for_an_engine_that_stops_late_one_is_cut_and_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(calls_that_do_not_stop_are_not_cut, begin, end),
        cmocka_unit_test_setup_teardown(a_call_that_does_not_stop_counts_to_its_predicted_end, begin, end),
        cmocka_unit_test_setup_teardown(the_reserve_covers_who_comes_while_an_engine_stops, begin, end),
        cmocka_unit_test_setup_teardown(who_hangs_up_all_the_time_holds_a_bounded_number_of_places, begin, end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
