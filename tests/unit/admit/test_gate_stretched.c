/* SPDX-License-Identifier: Apache-2.0 */
/* In-profile callers who have more under way than is ordinary for them give way to those who have not. */
#include "gate_testing.h"

#define ORDINARY 1.5F

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
    assert_false(turns[0].stretched);
    assert_true(turns[1].stretched && turns[2].stretched);
    assert_false(turns[3].stretched);

    assert_int_equal(ask_of(4, 9, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), 2);
    assert_int_equal(turns[2].state, TURN_CUT);
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
    assert_int_equal(news(), 3); /* two of 1.5 is more than two of 2 */
    assert_int_equal(ask_of(5, 10, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), TURNS); /* what is cut already is not counted as had */
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
    gate_tick(gate, now += GATE_LEFT_WAIT_MS / 2);
    assert_int_equal(view().cuts, 0);
    gate_tick(gate, now += GATE_LEFT_WAIT_MS);
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
    assert_true(turns[11].stretched);
    assert_int_equal(news(), 2); /* two and two instead of three and one */
    done(2);
    assert_int_equal(news(), 11);
    assert_int_equal(ask_of(12, 8, ORDINARY), TURN_WAITING);
    assert_int_equal(news(), TURNS); /* it would be the one with most */
    assert_int_equal(view().stretched_cuts, 1);
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
    assert_true(turns[1].stretched);
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
        cmocka_unit_test_setup_teardown(who_is_within_goes_past_who_is_beyond, begin, end),
        cmocka_unit_test_setup_teardown(who_is_within_is_counted_out_when_it_goes, begin, end),
        cmocka_unit_test_setup_teardown(where_nothing_is_known_nobody_is_stretched, begin, end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
