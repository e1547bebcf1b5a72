/* SPDX-License-Identifier: Apache-2.0 */
/* In-profile callers who have more under way than is ordinary for them give way to those who have not. */
#include "gate_testing.h"

#define ORDINARY 1.5F

/* As long as one waits until a call of its class is ended for it. */
static void wait_for_cut(void)
{
    gate_tick(gate, now += GATE_CUT_WAIT_MS);
}

static enum turn_state ask_of(size_t at, uint64_t identity, float ordinary_calls)
{
    struct gate_ask ask = {.place = {FAIR_IN_PROFILE, identity, identity},
                           .worker = at % 2,
                           .prompt_tokens = PROMPT,
                           .output_expected = OUTPUT,
                           .ordinary_calls = ordinary_calls};
    return gate_ask(gate, &turns[at], &ask, now);
}

static void the_newest_of_whom_has_most_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ask_of(i, 7, ORDINARY), TURN_RUNNING);
    assert_int_equal(ask_of(3, 8, ORDINARY), TURN_RUNNING);
    assert_false(turns[0].entry.stretched);
    assert_true(turns[1].entry.stretched && turns[2].entry.stretched);
    assert_false(turns[3].entry.stretched);

    assert_int_equal(ask_of(4, 9, ORDINARY), TURN_WAITING);
    gate_tick(gate, now += GATE_CUT_WAIT_MS - 1);
    assert_int_equal(news(), TURNS); /* one may end by itself */
    gate_tick(gate, now += GATE_TICK_MS);
    assert_int_equal(news(), 2);
    assert_int_equal(turns[2].state, TURN_CUT);
    wait_for_cut();
    assert_int_equal(news(), TURNS); /* one for one */
    done(2);
    assert_int_equal(news(), 4);
    assert_int_equal(turns[4].state, TURN_RUNNING);
    assert_int_equal(view().stretched_cuts, 1);
}

static void nobody_is_cut_below_what_is_ordinary(void **state)
{
    (void)state;
    ask_of(0, 7, 2);
    ask_of(1, 7, 2);
    ask_of(2, 8, ORDINARY);
    ask_of(3, 8, ORDINARY);
    assert_int_equal(ask_of(4, 9, ORDINARY), TURN_WAITING);
    wait_for_cut();
    assert_int_equal(news(), 3); /* two of 1.5 is more than two of 2 */
    done(3);
    assert_int_equal(news(), 4);
    assert_int_equal(ask_of(5, 10, ORDINARY), TURN_WAITING);
    wait_for_cut();
    assert_int_equal(news(), TURNS);
    assert_int_equal(view().cuts, 1);
}

static void lower_classes_are_cut_first(void **state)
{
    (void)state;
    ask(0, FAIR_UNKNOWN);
    for (size_t i = 1; i < SLOTS; i++)
        ask_of(i, 7, ORDINARY);
    assert_int_equal(ask_of(10, 9, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), 0);
    assert_int_equal(news(), TURNS);
    assert_int_equal(view().cuts, 1);
    assert_int_equal(view().stretched_cuts, 0);
}

static void calls_whose_clients_have_gone_are_cut_before_all_others(void **state)
{
    (void)state;
    ask_of(0, 7, ORDINARY);
    ask_of(1, 8, ORDINARY);
    ask(2, FAIR_UNKNOWN);
    ask(3, FAIR_UNKNOWN);
    gate_note_left(gate, &turns[0], true); /* in-profile, and nobody reads it */
    gate_note_left(gate, &turns[2], true);
    gate_note_left(gate, &turns[2], true); /* said twice, counted once */
    assert_int_equal(ask_of(10, 9, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), 2); /* of those that were left the lowest class, though another one is newer */
    assert_int_equal(ask_of(11, 10, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), 0);
    assert_int_equal(ask_of(12, 11, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), 3); /* nobody else was left: as always */
}

static void strangers_wait_for_nobody_who_has_gone(void **state)
{
    (void)state;
    ask(0, FAIR_IN_PROFILE);
    for (size_t i = 1; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    gate_note_left(gate, &turns[0], true); /* of a higher class: it stays */
    gate_note_left(gate, &turns[1], true);
    assert_int_equal(ask(10, FAIR_UNKNOWN), TURN_WAITING);
    gate_tick(gate, now += GATE_CUT_WAIT_MS / 2);
    assert_int_equal(view().cuts, 0);
    gate_tick(gate, now += GATE_CUT_WAIT_MS);
    assert_int_equal(view().cuts, 1);
    assert_int_equal(turns[1].state, TURN_CUT);
    assert_int_equal(turns[0].state, TURN_RUNNING);
    assert_int_equal(view().holds, 0); /* its place is for whoever waits */
}

static void who_was_returned_to_is_like_any_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        ask(i, FAIR_UNKNOWN);
    gate_note_left(gate, &turns[0], true);
    gate_note_left(gate, &turns[0], false);
    gate_note_left(gate, &turns[1], true);
    done(1); /* it took its note with it */
    assert_int_equal(ask_of(10, 9, ORDINARY), TURN_RUNNING);
    assert_int_equal(ask_of(11, 10, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), 3);
}

static void a_stretched_one_cuts_whoever_is_further_beyond_than_it_would_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS - 1; i++)
        ask_of(i, 7, ORDINARY);
    ask(3, FAIR_UNKNOWN);
    assert_int_equal(ask_of(10, 8, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), 3); /* lower classes first */
    done(3);
    assert_int_equal(news(), 10);
    assert_int_equal(ask_of(11, 8, ORDINARY), TURN_WAITING);
    assert_true(turns[11].entry.stretched);
    wait_for_cut();
    assert_int_equal(news(), 2); /* two and two instead of three and one */
    done(2);
    assert_int_equal(news(), 11);
    assert_int_equal(ask_of(12, 8, ORDINARY), TURN_WAITING);
    wait_for_cut();
    assert_int_equal(news(), TURNS); /* it would be the one with most */
    assert_int_equal(view().stretched_cuts, 1);
}

static void who_asks_for_more_is_cut_before_who_asks_for_less(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        ask_of(i, 7 + i / 2, ORDINARY);
    assert_int_equal(ask_of(5, 7, ORDINARY), TURN_WAITING); /* the one whose calls are older has one more that waits */
    assert_int_equal(ask_of(4, 9, ORDINARY), TURN_WAITING);
    assert_int_equal(ask_of(6, 10, ORDINARY), TURN_WAITING);
    wait_for_cut();
    assert_int_equal(news(), 1);
    done(1);
    assert_int_equal(news(), 4); /* not the one that waits for longest */
    wait_for_cut();
    assert_int_equal(news(), 3); /* now they have as many; but its last running one is ordinary */
}

/* Its prompt would have to be read beside another one's; a place there is. */
static void nobody_is_cut_for_who_waits_until_prompts_are_read(void **state)
{
    (void)state;
    struct gate_ask large = {.place = {FAIR_IN_PROFILE, 7, 7}, .prompt_tokens = 10000, .output_expected = OUTPUT, .ordinary_calls = ORDINARY};
    for (uint64_t i = 0; i < 40; i++) { /* an engine that reads a thousand tokens in 100 ms */
        uint64_t tokens = 500 + 100 * (i % 10);
        struct gate_ask one = {.place = {FAIR_UNKNOWN, 1, 1}, .prompt_tokens = tokens, .output_expected = OUTPUT};
        assert_int_equal(gate_ask(gate, &turns[0], &one, now), TURN_RUNNING);
        gate_progress(gate, &turns[0], 1, now += 20 + tokens / 10);
        gate_end(gate, &turns[0], tokens, 1, now);
    }
    ask(0, FAIR_UNKNOWN);
    assert_int_equal(gate_ask(gate, &turns[1], &large, now), TURN_RUNNING);
    assert_int_equal(gate_ask(gate, &turns[2], &large, now), TURN_WAITING);
    gate_tick(gate, now += GATE_CUT_WAIT_MS);
    assert_int_equal(news(), TURNS);
    gate_tick(gate, now += (uint64_t)(GATE_READ_MS_MAX / GATE_READ_SHARE));
    assert_int_equal(news(), 2);
    assert_int_equal(turns[2].state, TURN_RUNNING);
    assert_int_equal(view().cuts, 0);
}

/* What is beyond the strict limit is for people who ask for little more than what is ordinary for them. */
static void in_a_siege_who_asks_for_much_is_held_to_the_strict_limit(void **state)
{
    (void)state;
    struct gate_limits wide = limits;
    wide.calls_max = 0;
    wide.fair.waiting_max = TURNS;
    gate_set_limits(gate, &wide);
    for (size_t i = 0; i < 30; i++)
        ask_of(i, 100 + i, ORDINARY);
    for (int i = 0; i < 100; i++) /* what is kept for so many is learned */
        gate_tick(gate, now += GATE_TICK_MS);
    for (size_t i = 30; i < 34; i++)
        ask(i, FAIR_UNKNOWN);
    learn_capacity(0);
    struct gate_ask many = {.place = {FAIR_UNKNOWN, 1, 1}, .prompt_tokens = PROMPT, .output_expected = 20000, .output_max = 40000};
    (void)gate_ask(gate, &turns[40], &many, now);
    gate_tick(gate, now += GATE_TICK_MS);
    assert_true(view().siege);
    for (size_t i = 60; view().running[FAIR_IN_PROFILE] <= view().limit; i++)
        assert_int_equal(ask_of(i, 100 + i, ORDINARY), TURN_RUNNING);
    for (size_t i = 50; i < 53; i++) /* up to twice what is ordinary */
        assert_int_equal(ask_of(i, 7, ORDINARY), TURN_RUNNING);
    assert_int_equal(ask_of(53, 7, ORDINARY), TURN_WAITING);
    assert_int_equal(ask_of(54, 8, ORDINARY), TURN_RUNNING); /* past it */
}

static void in_a_siege_nothing_is_protected_of_who_asks_for_much(void **state)
{
    (void)state;
    struct gate_ask many = {.place = {FAIR_UNKNOWN, 1, 1}, .prompt_tokens = PROMPT, .output_expected = 20000, .output_max = 40000};
    for (size_t i = 0; i < SLOTS; i++)
        ask_of(i, 7, 1);
    learn_capacity(0);
    (void)gate_ask(gate, &turns[10], &many, now);
    gate_tick(gate, now += GATE_TICK_MS);
    assert_true(view().siege);
    assert_int_equal(ask_of(20, 7, 1), TURN_WAITING);
    assert_int_equal(ask_of(21, 7, 1), TURN_WAITING);
    for (size_t i = SLOTS; i-- > 0;) {
        assert_int_equal(ask_of(30 + i, 30 + i, 1), TURN_WAITING);
        assert_int_equal(turns[i].state, TURN_CUT); /* and at once */
        done(i);
        assert_int_equal(turns[30 + i].state, TURN_RUNNING);
    }
    wait_for_cut();
    assert_int_equal(view().cuts, SLOTS); /* and who asks for much has nobody cut */
    assert_int_equal(turns[20].state, TURN_WAITING);
}

/* Each needs more of the cache than is left; then one comes that does not. */
static void who_is_within_goes_past_who_is_beyond(void **state)
{
    (void)state;
    struct limiter_facts facts = {.kv_tokens = 1000, .at_ms = now};
    struct gate_ask large = {.place = {FAIR_IN_PROFILE, 7, 7},
                             .prompt_tokens = 500,
                             .output_expected = OUTPUT,
                             .ordinary_calls = ORDINARY};
    gate_know(gate, 0, true, &facts);
    assert_int_equal(gate_ask(gate, &turns[0], &large, now), TURN_RUNNING);
    assert_int_equal(gate_ask(gate, &turns[1], &large, now), TURN_WAITING);
    assert_true(turns[1].entry.stretched);
    assert_int_equal(ask_of(2, 8, ORDINARY), TURN_RUNNING);
    assert_int_equal(turns[1].state, TURN_WAITING);
    assert_int_equal(view().cuts, 0);
}

static void who_is_within_is_counted_out_when_it_goes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        ask_of(i, 20 + i, ORDINARY);
    assert_int_equal(ask_of(4, 9, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), TURNS); /* nobody has more than is ordinary */
    done(4);
    done(0);
    assert_int_equal(ask(5, FAIR_UNKNOWN), TURN_RUNNING);
}

static void where_nothing_is_known_nobody_is_stretched(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOTS; i++)
        assert_int_equal(ask_of(i, 7, 0), TURN_RUNNING);
    assert_int_equal(ask_of(4, 9, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), TURNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_of_whom_has_most_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(nobody_is_cut_below_what_is_ordinary, begin, end),
        cmocka_unit_test_setup_teardown(calls_whose_clients_have_gone_are_cut_before_all_others, begin, end),
        cmocka_unit_test_setup_teardown(strangers_wait_for_nobody_who_has_gone, begin, end),
        cmocka_unit_test_setup_teardown(who_was_returned_to_is_like_any_other, begin, end),
        cmocka_unit_test_setup_teardown(lower_classes_are_cut_first, begin, end),
        cmocka_unit_test_setup_teardown(a_stretched_one_cuts_whoever_is_further_beyond_than_it_would_be, begin, end),
        cmocka_unit_test_setup_teardown(who_asks_for_more_is_cut_before_who_asks_for_less, begin, end),
        cmocka_unit_test_setup_teardown(nobody_is_cut_for_who_waits_until_prompts_are_read, begin, end),
        cmocka_unit_test_setup_teardown(in_a_siege_who_asks_for_much_is_held_to_the_strict_limit, begin, end),
        cmocka_unit_test_setup_teardown(in_a_siege_nothing_is_protected_of_who_asks_for_much, begin, end),
        cmocka_unit_test_setup_teardown(who_is_within_goes_past_who_is_beyond, begin, end),
        cmocka_unit_test_setup_teardown(who_is_within_is_counted_out_when_it_goes, begin, end),
        cmocka_unit_test_setup_teardown(where_nothing_is_known_nobody_is_stretched, begin, end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
