/* SPDX-License-Identifier: Apache-2.0 */
/* What changes when the gate is pressed: siege, shortened answers, strangers. */
#include "gate_testing.h"

static void a_siege_shortens_answers_and_waits_of_the_unknown(void **state)
{
    (void)state;
    struct gate_ask many = {.place = {FAIR_UNKNOWN, 1, 1}, .prompt_tokens = PROMPT, .output_expected = 20000, .output_max = 40000, .output_max_short = 256};
    ask(0, FAIR_IN_PROFILE);
    for (size_t i = 1; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    learn_capacity(0);
    assert_false(view().siege);
    (void)gate_ask(gate, &turns[10], &many, now);
    (void)gate_ask(gate, &turns[11], &many, now);
    gate_tick(gate, now += GATE_TICK_MS);
    assert_true(view().siege && view().waiting_s > GATE_SIEGE_BEGINS_S);
    gate_shorten(gate, true); /* they wait already */
    for (size_t i = 1; i < SLOTS && turns[10].state == TURN_WAITING; i++)
        done(i);
    assert_int_equal(turns[10].state, TURN_RUNNING);
    assert_int_equal(turns[10].output_max, 256);
    assert_true(turns[10].siege && turns[10].shorten);
    assert_true(turns[10].kv == PROMPT + 256); /* and no more of the cache is kept for it */
    for (uint32_t ms = 0; ms < limits.siege_wait_ms_max; ms += GATE_TICK_MS)
        gate_tick(gate, now += GATE_TICK_MS);
    assert_int_not_equal(turns[11].state, TURN_WAITING);
    for (int i = 0; i * GATE_TICK_MS < GATE_SIEGE_CALM_MS - (int)limits.siege_wait_ms_max; i++)
        gate_tick(gate, now += GATE_TICK_MS);
    assert_true(view().siege);
    for (int i = 0; i * GATE_TICK_MS <= (int)limits.siege_wait_ms_max; i++)
        gate_tick(gate, now += GATE_TICK_MS);
    assert_false(view().siege);
}

/* Whoever names no shorter maximum keeps its own, and so does who asks for little. */
static void answers_are_shortened_while_told_and_only_where_that_is_less(void **state)
{
    (void)state;
    static const struct {
        bool shorten;
        uint64_t output_max, output_max_short, expected;
        bool shortened;
    } cases[] = {{true, 0, 256, 256, true},     {true, 1000, 256, 256, true},   {true, 100, 256, 100, false},
                 {true, 512, 256, 512, false},  {true, 513, 256, 256, true},    {true, 1000, 0, 1000, true},
                 {true, 0, 0, 0, true},         {false, 0, 256, 0, false},      {false, 1000, 256, 1000, false},
                 {false, 100, 256, 100, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct gate_ask one = {.place = {FAIR_UNKNOWN, 1, 1},
                               .prompt_tokens = PROMPT,
                               .output_max = cases[i].output_max,
                               .output_max_short = cases[i].output_max_short};
        gate_shorten(gate, cases[i].shorten);
        assert_int_equal(gate_ask(gate, &turns[0], &one, now), TURN_RUNNING);
        assert_int_equal(turns[0].output_max, cases[i].expected);
        assert_int_equal(turns[0].shorten, cases[i].shortened);
        done(0);
    }
}

/* A siege with one in-profile call, `unknown` running ones and many that wait in vain; the limit is 10 calls. */
static void besiege(size_t unknown, uint64_t output_max)
{
    struct gate_limits wide = limits;
    wide.calls_max = 10;
    wide.fair.waiting_max = TURNS;
    gate_set_limits(gate, &wide);
    const struct limiter_facts facts = {.slots = 10, .at_ms = now};
    gate_know(gate, 0, true, &facts);
    ask(0, FAIR_IN_PROFILE);
    for (size_t i = 1; i <= unknown; i++) {
        struct gate_ask one = {.place = {FAIR_UNKNOWN, 1000 + i, 2000 + i}, .prompt_tokens = PROMPT, .output_expected = OUTPUT, .output_max = output_max, .output_max_short = SHORT};
        (void)gate_ask(gate, &turns[i], &one, now);
    }
    learn_capacity(0);
    for (size_t i = 40; i < 44; i++) {
        struct gate_ask many = {.place = {FAIR_UNKNOWN, i, i}, .prompt_tokens = PROMPT, .output_expected = 20000, .output_max = 40000};
        (void)gate_ask(gate, &turns[i], &many, now);
    }
    gate_tick(gate, now += GATE_TICK_MS);
    gate_shorten(gate, view().siege);
}

static size_t first_running(size_t from)
{
    while (turns[from].state != TURN_RUNNING)
        from++;
    return from;
}

static void a_siege_caps_what_runs_already(void **state)
{
    (void)state;
    besiege(9, 600);
    assert_true(view().siege);
    assert_int_equal(turns[first_running(1)].output_max, SHORT);
    assert_int_equal(turns[0].output_max, 0); /* in profile */
}

static void a_siege_lets_strangers_in_who_ask_first_and_for_little(void **state)
{
    (void)state;
    besiege(9, 600);
    struct gate_ask large = {.place = {FAIR_UNKNOWN, 600, 600}, .prompt_tokens = PROMPT, .output_expected = 20000};
    for (uint32_t ms = 0; ms <= limits.siege_wait_ms_max; ms += GATE_TICK_MS) {
        if (ms == limits.siege_wait_ms_max / 2)
            (void)gate_ask(gate, &turns[47], &large, now); /* debts are forgotten when nobody waits */
        gate_tick(gate, now += GATE_TICK_MS);
    }
    assert_int_equal(turns[40].state, TURN_REFUSED);
    for (size_t i = 40; i < 44; i++)
        done(i);
    struct gate_ask again = {.place = {FAIR_UNKNOWN, 40, 40}, .prompt_tokens = PROMPT, .output_expected = OUTPUT, .output_max = 400, .output_max_short = SHORT};
    struct gate_ask first = again;
    first.place.network = first.place.identity = 500;
    assert_int_equal(gate_ask(gate, &turns[45], &again, now), TURN_WAITING);
    assert_int_equal(gate_ask(gate, &turns[46], &first, now), TURN_WAITING);
    for (size_t at = first_running(1); turns[46].state == TURN_WAITING; at = first_running(at + 1)) {
        assert_int_equal(turns[45].state, TURN_WAITING);
        done(at);
    }
    gate_tick(gate, now += GATE_TICK_MS);
    assert_int_equal(turns[46].state, TURN_RUNNING);
    assert_int_equal(turns[46].output_max, 400);
    assert_int_equal(turns[45].state, TURN_WAITING); /* the place that is left is kept for another stranger */
    for (size_t i = 1; i <= 9; i++)
        done(i);
    assert_int_equal(turns[45].state, TURN_RUNNING);
    assert_int_equal(turns[45].output_max, SHORT);
}

/* Each call under way writes so many tokens in each tick. */
static void flow(size_t calls, unsigned tokens, unsigned ticks)
{
    for (unsigned tick = 0; tick < ticks; tick++) {
        gate_tick(gate, now += GATE_TICK_MS);
        for (size_t i = 0; i < calls; i++)
            gate_progress(gate, &turns[i], turns[i].output_tokens + tokens, now);
    }
}

/* Many calls are 1.4 times as slow as one: more than is tolerated in a siege, and less than in peace. */
static void what_runs_beyond_the_strict_limit_is_cut_when_a_siege_begins(void **state)
{
    (void)state;
    struct gate_limits wide = limits;
    wide.calls_max = 30;
    gate_set_limits(gate, &wide);
    ask(0, FAIR_IN_PROFILE);
    flow(1, 14, 20);
    size_t calls = 1;
    while (ask(calls, FAIR_UNKNOWN) == TURN_RUNNING)
        calls++;
    done(calls); /* which waits */
    assert_in_range(calls, 20, 30);
    flow(calls, 10, 100);
    assert_int_equal(turns[calls - 1].state, TURN_RUNNING);
    assert_false(view().siege);
    for (size_t i = 40; i < 44; i++) {
        struct gate_ask many = {.place = {FAIR_UNKNOWN, i, i}, .prompt_tokens = 100000, .output_expected = 40000};
        assert_int_equal(gate_ask(gate, &turns[i], &many, now), TURN_WAITING);
    }
    gate_tick(gate, now += GATE_TICK_MS);
    assert_true(view().siege);
    assert_in_range(view().limit, calls / 2, calls - 1);
    assert_int_equal(view().cuts, calls - view().limit);
    assert_int_equal(turns[calls - 1].state, TURN_CUT);
    assert_int_equal(turns[0].state, TURN_RUNNING);
    assert_int_equal(turns[1].state, TURN_RUNNING);
}

static void without_in_profile_callers_there_is_no_siege(void **state)
{
    (void)state;
    struct gate_ask many = {.place = {FAIR_UNKNOWN, 1, 1}, .prompt_tokens = PROMPT, .output_expected = 40000};
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    learn_capacity(0);
    (void)gate_ask(gate, &turns[10], &many, now);
    gate_tick(gate, now += GATE_TICK_MS);
    assert_false(view().siege);
    now += limits.siege_wait_ms_max;
    gate_tick(gate, now);
    assert_int_equal(turns[10].state, TURN_WAITING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_siege_shortens_answers_and_waits_of_the_unknown, begin, end),
        cmocka_unit_test_setup_teardown(answers_are_shortened_while_told_and_only_where_that_is_less, begin, end),
        cmocka_unit_test_setup_teardown(a_siege_caps_what_runs_already, begin, end),
        cmocka_unit_test_setup_teardown(a_siege_lets_strangers_in_who_ask_first_and_for_little, begin, end),
        cmocka_unit_test_setup_teardown(what_runs_beyond_the_strict_limit_is_cut_when_a_siege_begins, begin, end),
        cmocka_unit_test_setup_teardown(without_in_profile_callers_there_is_no_siege, begin, end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
