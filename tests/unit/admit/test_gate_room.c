/* SPDX-License-Identifier: Apache-2.0 */
/* Places: how many, at which backend, and which are kept. */
#include "gate_testing.h"

static void places_are_kept_for_in_profile_work(void **state)
{
    (void)state;
    ask(0, FAIR_IN_PROFILE);
    for (int i = 0; i < 100; i++)
        gate_tick(gate, now += GATE_TICK_MS);
    assert_int_equal(view().reserve, SLOTS / 2); /* 3, but never more than half */
    assert_int_equal(ask(1, FAIR_UNKNOWN), TURN_RUNNING);
    assert_int_equal(ask(2, FAIR_UNKNOWN), TURN_WAITING);
    assert_int_equal(ask(3, FAIR_IN_PROFILE), TURN_RUNNING);
    assert_int_equal(ask(4, FAIR_IN_PROFILE), TURN_RUNNING);
}

static void what_is_larger_than_the_cache_goes_alone(void **state)
{
    (void)state;
    struct gate_ask huge = {.place = {FAIR_UNKNOWN, 1, 1}, .prompt_tokens = 5000};
    gate_know(gate, 0, true, &(struct limiter_facts){.kv_tokens = 1000, .at_ms = now});
    assert_int_equal(gate_ask(gate, &turns[0], &huge, now), TURN_RUNNING);
    assert_int_equal(ask(1, FAIR_UNKNOWN), TURN_WAITING);
    gate_end(gate, &turns[0], 0, 0, now);
    assert_int_equal(turns[1].state, TURN_RUNNING);
}

static void a_backend_that_takes_no_calls_gets_none(void **state)
{
    (void)state;
    gate_know(gate, 1, true, NULL);
    assert_int_equal(view().limit, 2 * SLOTS);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ask(i, FAIR_UNKNOWN), TURN_RUNNING);
    assert_int_equal(turns[0].backend + turns[1].backend, 1); /* in turns */
    gate_know(gate, 0, false, NULL);
    assert_int_equal(ask(4, FAIR_UNKNOWN), TURN_RUNNING);
    assert_int_equal(turns[4].backend, 1);
    gate_know(gate, 1, false, NULL);
    assert_int_equal(view().limit, 0);
}

static void idle_backends_take_turns(void **state)
{
    (void)state;
    uint32_t calls[2] = {0};
    gate_know(gate, 1, true, NULL);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask(0, FAIR_UNKNOWN), TURN_RUNNING);
        calls[turns[0].backend]++;
        done(0);
    }
    assert_int_equal(calls[0], 5);
    assert_int_equal(calls[1], 5);
}

static void weights_share_until_limits_are_reached(void **state)
{
    (void)state;
    uint32_t calls[2] = {0};
    gate_know(gate, 1, true, NULL);
    gate_set_weight(gate, 0, 3);
    for (size_t i = 0; i < 2 * SLOTS; i++) {
        assert_int_equal(ask(i, FAIR_UNKNOWN), TURN_RUNNING);
        calls[turns[i].backend]++;
        if (i == SLOTS - 1) {
            assert_int_equal(calls[0], 3);
            assert_int_equal(calls[1], 1);
        }
    }
    assert_int_equal(calls[0], SLOTS);
}

static void how_long_a_call_takes_follows_what_was_seen(void **state)
{
    (void)state;
    assert_true(gate_call_s(gate, PROMPT, 100) == GATE_CALL_S_GUESS);
    ask(0, FAIR_UNKNOWN);
    for (uint64_t token = 1; token <= 100; token++) { /* one each tick */
        gate_progress(gate, &turns[0], token, now);
        gate_tick(gate, now += GATE_TICK_MS);
    }
    double seconds = gate_call_s(gate, PROMPT, 100);
    assert_true(seconds > 0.9 * 100 * GATE_TICK_MS / 1000 && seconds < 1.1 * 100 * GATE_TICK_MS / 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places_are_kept_for_in_profile_work, begin, end),
        cmocka_unit_test_setup_teardown(what_is_larger_than_the_cache_goes_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_backend_that_takes_no_calls_gets_none, begin, end),
        cmocka_unit_test_setup_teardown(idle_backends_take_turns, begin, end),
        cmocka_unit_test_setup_teardown(weights_share_until_limits_are_reached, begin, end),
        cmocka_unit_test_setup_teardown(how_long_a_call_takes_follows_what_was_seen, begin, end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
