/* SPDX-License-Identifier: Apache-2.0 */
/* Who would come too late, and hears so before. */
#include "gate_testing.h"

static enum turn_state ask_for(size_t at, enum fair_class class, uint64_t output)
{
    struct gate_ask ask = {.place = {class, 1000 + at, 2000 + at}, .prompt_tokens = PROMPT, .output_expected = output};
    return gate_ask(gate, &turns[at], &ask, now);
}

/* All places are taken, one waits, and 800 wt/s are served. */
static void be_pressed(void)
{
    for (size_t i = 0; i <= SLOTS; i++)
        ask_for(i, FAIR_UNKNOWN, 20);
    for (uint64_t tick = 1; tick <= 100; tick++) {
        for (size_t i = 0; i < SLOTS; i++)
            gate_progress(gate, &turns[i], 10 * tick, now);
        gate_tick(gate, now += GATE_TICK_MS);
    }
    assert_in_range((uint64_t)view().capacity, 500, 1200);
}

static void who_would_wait_in_vain_hears_so_at_once(void **state)
{
    (void)state;
    be_pressed();
    assert_int_equal(ask_for(10, FAIR_UNKNOWN, 30000), TURN_WAITING); /* only little is before it */
    assert_int_equal(ask_for(11, FAIR_UNKNOWN, 40000), TURN_REFUSED);
    assert_int_equal(turns[11].refusal, GATE_FORESEEN);
    assert_int_equal(view().foreseen, 1);
    assert_int_equal(view().waiting[FAIR_UNKNOWN], 2);
    assert_int_equal(ask_for(12, FAIR_UNKNOWN, 20), TURN_WAITING); /* it goes before the large one */
    assert_int_equal(ask_for(13, FAIR_IN_PROFILE, 40000), TURN_WAITING);
    assert_int_equal(news(), SLOTS - 1); /* cut for it */
    assert_int_equal(news(), TURNS);     /* who was refused at once is no news */
}

static void before_anything_is_known_nobody_is_refused_by_foresight(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    assert_int_equal(ask_for(10, FAIR_UNKNOWN, 1000000), TURN_WAITING);
    assert_int_equal(ask_for(11, FAIR_UNKNOWN, 2000000), TURN_WAITING);
}

/* Or those who are refused would hide the flood that they are part of. */
static void who_is_refused_by_foresight_is_part_of_the_siege(void **state)
{
    (void)state;
    be_pressed();
    done(0);
    (void)news();
    assert_int_equal(ask_for(20, FAIR_IN_PROFILE, 20), TURN_WAITING);
    done(1);
    assert_int_equal(turns[20].state, TURN_RUNNING);
    assert_int_equal(ask_for(10, FAIR_UNKNOWN, 500), TURN_WAITING);
    for (int i = 0; i < 10; i++) {
        (void)ask_for(11, FAIR_UNKNOWN, 30000);
        if (turns[11].state == TURN_WAITING)
            gate_end(gate, &turns[11], 0, 0, now);
        gate_end(gate, &turns[11], 0, 0, now);
    }
    assert_int_equal(ask_for(11, FAIR_UNKNOWN, 30000), TURN_WAITING);
    for (size_t i = 12; i < 16; i++)
        (void)ask_for(i, FAIR_UNKNOWN, 40000);
    assert_true(view().foreseen > 0);
    gate_tick(gate, now += GATE_TICK_MS);
    assert_true(view().siege);
    while (news() != TURNS) {
    }
}

static void whose_first_token_would_miss_costs_no_prompt(void **state)
{
    (void)state;
    struct gate_limits strict = limits;
    for (size_t i = 0; i < 10; i++) { /* a prompt takes a second here */
        assert_int_equal(ask_for(0, FAIR_UNKNOWN, 20), TURN_RUNNING);
        gate_progress(gate, &turns[0], 1, now += 1000);
        done(0);
    }
    strict.first_token_ms_max = 700; /* a second is not clearly more */
    gate_set_limits(gate, &strict);
    assert_int_equal(ask_for(0, FAIR_UNKNOWN, 20), TURN_RUNNING);
    strict.first_token_ms_max = 600;
    gate_set_limits(gate, &strict);
    assert_int_equal(ask_for(1, FAIR_UNKNOWN, 20), TURN_REFUSED);
    assert_int_equal(turns[1].refusal, GATE_FORESEEN);
    assert_int_equal(ask_for(2, FAIR_IN_PROFILE, 20), TURN_RUNNING);
    assert_int_equal(view().running[FAIR_UNKNOWN], 1);
}

static void when_its_turn_comes_too_late_for_its_first_token_it_is_refused(void **state)
{
    (void)state;
    struct gate_limits strict = limits;
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(ask_for(0, FAIR_UNKNOWN, 20), TURN_RUNNING);
        gate_progress(gate, &turns[0], 1, now += 1000);
        done(0);
    }
    strict.first_token_ms_max = 1000;
    gate_set_limits(gate, &strict);
    for (size_t i = 0; i < SLOTS; i++)
        ask_for(i, FAIR_UNKNOWN, 20);
    assert_int_equal(ask_for(10, FAIR_UNKNOWN, 20), TURN_WAITING);
    now += 600; /* and a second for its prompt */
    done(0);
    assert_int_equal(news(), 10);
    assert_int_equal(turns[10].state, TURN_REFUSED);
    assert_int_equal(turns[10].refusal, GATE_FORESEEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_would_wait_in_vain_hears_so_at_once, begin, end),
        cmocka_unit_test_setup_teardown(before_anything_is_known_nobody_is_refused_by_foresight, begin, end),
        cmocka_unit_test_setup_teardown(who_is_refused_by_foresight_is_part_of_the_siege, begin, end),
        cmocka_unit_test_setup_teardown(whose_first_token_would_miss_costs_no_prompt, begin, end),
        cmocka_unit_test_setup_teardown(when_its_turn_comes_too_late_for_its_first_token_it_is_refused, begin, end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
