/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/gaps.h"

enum { KNOWN, BOTS };

#define S 1000000ULL

static struct scenario scenario;
static struct gaps *gaps;

static int begin(void **state)
{
    (void)state;
    scenario_of(SMALL_SCENARIO, &scenario);
    gaps = gaps_new(&scenario);
    return gaps ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    gaps_free(gaps);
    return 0;
}

static void an_answers_token_is_worth_two_of_a_prompt(void **state)
{
    (void)state;
    assert_int_equal(gaps_work(100, 30), 160);
}

static void who_is_given_all_it_wants_has_no_gap(void **state)
{
    (void)state;
    gaps_asked(gaps, KNOWN, 0, S, 100);
    gaps_given(gaps, KNOWN, 0, 2 * S, 100);
    gaps_asked(gaps, KNOWN, 1, S, 10);
    gaps_given(gaps, KNOWN, 1, 2 * S, 10);
    assert_int_equal(gaps_close(gaps, 5 * S), 1);
    assert_int_equal(gaps_window_of(gaps, KNOWN, 0)->clients, 2);
    assert_true(gaps_window_of(gaps, KNOWN, 0)->widest == 0);
    assert_int_equal(gaps_window_of(gaps, BOTS, 0)->clients, 0);
}

static void who_is_given_less_than_the_one_that_is_given_most_has_one(void **state)
{
    (void)state;
    gaps_asked(gaps, BOTS, 599, S, 1000);
    gaps_given(gaps, BOTS, 599, S, 300);
    gaps_asked(gaps, KNOWN, 0, S, 200); /* wants less than that: 200 - 50 */
    gaps_given(gaps, KNOWN, 0, S, 50);
    gaps_asked(gaps, KNOWN, 1, S, 900); /* wants more: 300 - 50 */
    gaps_given(gaps, KNOWN, 1, S, 50);
    (void)gaps_close(gaps, 5 * S);
    assert_true(gaps_window_of(gaps, KNOWN, 0)->mean == 200);
    assert_true(gaps_window_of(gaps, KNOWN, 0)->widest == 250);
    assert_true(gaps_window_of(gaps, BOTS, 0)->widest == 0);
}

static void nobody_is_behind_where_nobody_is_given_anything(void **state)
{
    (void)state;
    gaps_asked(gaps, KNOWN, 0, S, 100);
    (void)gaps_close(gaps, 5 * S);
    assert_int_equal(gaps_window_of(gaps, KNOWN, 0)->clients, 1);
    assert_true(gaps_window_of(gaps, KNOWN, 0)->widest == 0);
}

static void what_was_not_given_is_wanted_in_the_next_window(void **state)
{
    (void)state;
    gaps_asked(gaps, KNOWN, 0, S, 100);
    gaps_asked(gaps, KNOWN, 1, 6 * S, 100);
    gaps_given(gaps, KNOWN, 1, 6 * S, 100);
    (void)gaps_close(gaps, 10 * S);
    assert_true(gaps_window_of(gaps, KNOWN, 1)->widest == 100);
    assert_int_equal(gaps_window_of(gaps, KNOWN, 1)->clients, 2);
}

static void what_is_withdrawn_is_wanted_until_its_window_ends(void **state)
{
    (void)state;
    gaps_asked(gaps, KNOWN, 0, S, 100);
    gaps_withdrawn(gaps, KNOWN, 0, 2 * S, 100);
    gaps_asked(gaps, KNOWN, 1, S, 100);
    gaps_given(gaps, KNOWN, 1, 2 * S, 100);
    (void)gaps_close(gaps, 10 * S);
    assert_true(gaps_window_of(gaps, KNOWN, 0)->widest == 100);
    assert_int_equal(gaps_window_of(gaps, KNOWN, 1)->clients, 0);
}

static void more_than_was_asked_for_is_no_debt(void **state)
{
    (void)state;
    gaps_asked(gaps, KNOWN, 0, S, 10);
    gaps_given(gaps, KNOWN, 0, S, 50);
    gaps_withdrawn(gaps, KNOWN, 0, S, 50);
    gaps_asked(gaps, KNOWN, 0, 6 * S, 10);
    gaps_given(gaps, KNOWN, 0, 6 * S, 4);
    gaps_asked(gaps, KNOWN, 1, 6 * S, 10);
    gaps_given(gaps, KNOWN, 1, 6 * S, 10);
    (void)gaps_close(gaps, 10 * S);
    assert_true(gaps_window_of(gaps, KNOWN, 1)->widest == 6);
}

static void what_comes_after_the_end_is_not_counted(void **state)
{
    (void)state;
    assert_int_equal(gaps_close(gaps, 1000 * S), 30 / GAPS_WINDOW_S);
    gaps_asked(gaps, KNOWN, 0, 1001 * S, 10);
    assert_int_equal(gaps_close(gaps, 2000 * S), 30 / GAPS_WINDOW_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answers_token_is_worth_two_of_a_prompt),
        cmocka_unit_test_setup_teardown(who_is_given_all_it_wants_has_no_gap, begin, end),
        cmocka_unit_test_setup_teardown(who_is_given_less_than_the_one_that_is_given_most_has_one,
                                        begin, end),
        cmocka_unit_test_setup_teardown(nobody_is_behind_where_nobody_is_given_anything, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_was_not_given_is_wanted_in_the_next_window, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_is_withdrawn_is_wanted_until_its_window_ends, begin,
                                        end),
        cmocka_unit_test_setup_teardown(more_than_was_asked_for_is_no_debt, begin, end),
        cmocka_unit_test_setup_teardown(what_comes_after_the_end_is_not_counted, begin, end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
