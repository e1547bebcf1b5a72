/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/meter.h"

static struct meter counted(uint64_t tokens)
{
    struct meter meter = {.prompt_estimate = 50, .counting_exact = true};
    meter_count(&meter, tokens);
    return meter;
}

static void without_a_report_the_count_and_the_estimate_are_charged(void **state)
{
    (void)state;
    struct meter meter = counted(3);
    meter_count(&meter, 4);
    struct settlement settled = meter_settle(&meter);
    assert_int_equal(settled.prompt_tokens, 50);
    assert_int_equal(settled.completion_tokens, 7);
    assert_int_equal(settled.completion_difference, 0);
    assert_false(settled.disputed);
}

static void the_engines_prompt_replaces_the_estimate_unless_it_says_none(void **state)
{
    (void)state;
    struct meter meter = counted(1);
    meter_usage(&meter, 0, 1, 0, 0);
    assert_int_equal(meter_settle(&meter).prompt_tokens, 50);
    meter_usage(&meter, 12, 1, 0, 0);
    assert_int_equal(meter_settle(&meter).prompt_tokens, 12);
}

static void assert_settles(uint64_t count, uint64_t reported, uint64_t charged, bool disputed)
{
    struct meter meter = counted(count);
    meter_usage(&meter, 1, reported, 0, 0);
    struct settlement settled = meter_settle(&meter);
    assert_int_equal(settled.completion_tokens, charged);
    assert_int_equal(settled.disputed, disputed);
    assert_int_equal(settled.completion_difference, (int64_t)count - (int64_t)reported);
}

static void within_rounding_the_engine_is_right(void **state)
{
    (void)state;
    assert_settles(10, 10, 10, false);
    assert_settles(10, 8, 8, false);
    assert_settles(10, 12, 12, false);
    assert_settles(1000, 980, 980, false); /* 2 % */
}

static void beyond_rounding_the_larger_is_charged(void **state)
{
    (void)state;
    assert_settles(10, 7, 10, true);
    assert_settles(7, 10, 10, true);
    assert_settles(9, 3, 9, true); /* one of three choices reported */
    assert_settles(1000, 979, 1000, true);
    assert_settles(5, 0, 5, true);
}

static void reports_only_grow(void **state)
{
    (void)state;
    struct meter meter = counted(5);
    meter_usage(&meter, 10, 5, 4, 3);
    meter_usage(&meter, 9, 4, 3, 2);
    assert_int_equal(meter.usage_prompt, 10);
    assert_int_equal(meter.usage_completion, 5);
    assert_int_equal(meter.usage_cached, 4);
    assert_int_equal(meter.usage_reasoning, 3);
}

static void a_guess_overrules_only_what_is_far_off(void **state)
{
    (void)state;
    struct meter meter = counted(100);
    meter.counting_exact = false;
    meter_usage(&meter, 1, 25, 0, 0);
    assert_int_equal(meter_settle(&meter).completion_tokens, 25);
    assert_false(meter_settle(&meter).disputed);

    meter = counted(104);
    meter.counting_exact = false;
    meter_usage(&meter, 1, 25, 0, 0);
    assert_int_equal(meter_settle(&meter).completion_tokens, 104);
    assert_true(meter_settle(&meter).disputed);
}

static void numbers_stop_at_their_end(void **state)
{
    (void)state;
    struct meter meter = counted(UINT64_MAX);
    meter_count(&meter, 5);
    assert_true(meter.events_counted == UINT64_MAX);
    meter_usage(&meter, 1, 1, 0, 0);
    assert_true(meter_settle(&meter).completion_difference == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_report_the_count_and_the_estimate_are_charged),
        cmocka_unit_test(the_engines_prompt_replaces_the_estimate_unless_it_says_none),
        cmocka_unit_test(within_rounding_the_engine_is_right),
        cmocka_unit_test(beyond_rounding_the_larger_is_charged),
        cmocka_unit_test(reports_only_grow),
        cmocka_unit_test(a_guess_overrules_only_what_is_far_off),
        cmocka_unit_test(numbers_stop_at_their_end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
