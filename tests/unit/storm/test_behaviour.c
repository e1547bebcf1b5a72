/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/behaviour.h"

static const struct scenario_group sdk = {.retry = RETRY_SDK, .retries = 2};
static struct chance chance;

static bool comes_again(const struct scenario_group *group, unsigned status, uint32_t tries,
                        double *ret_wait_s)
{
    struct behaviour_answer answer = {status, BEHAVIOUR_NO_ADVICE, BEHAVIOUR_NO_ADVICE};
    uint64_t wait_us = 0;
    bool again = behaviour_retries(group, &answer, tries, &chance, &wait_us);
    *ret_wait_s = (double)wait_us / 1e6;
    return again;
}

static void an_sdk_comes_twice_and_waits_twice_as_long(void **state)
{
    (void)state;
    double wait_s;
    for (int i = 0; i < 1000; i++) {
        assert_true(comes_again(&sdk, 503, 1, &wait_s));
        assert_true(wait_s > 0.375 - 1e-6 && wait_s <= 0.5);
        assert_true(comes_again(&sdk, 503, 2, &wait_s));
        assert_true(wait_s > 0.75 - 1e-6 && wait_s <= 1);
        assert_false(comes_again(&sdk, 503, 3, &wait_s));
    }
}

static void an_sdk_never_waits_more_than_8_s_by_itself(void **state)
{
    (void)state;
    struct scenario_group patient = {.retry = RETRY_SDK, .retries = 50};
    double wait_s;
    assert_true(comes_again(&patient, 500, 40, &wait_s));
    assert_true(wait_s > 6 - 1e-6 && wait_s <= 8);
}

static void an_sdk_knows_which_statuses_are_worth_it(void **state)
{
    (void)state;
    double wait_s;
    const unsigned again[] = {0, 408, 409, 429, 500, 502, 503, 504};
    const unsigned never[] = {400, 401, 403, 404, 413, 422};
    for (size_t i = 0; i < COUNT_OF(again); i++)
        assert_true(comes_again(&sdk, again[i], 1, &wait_s));
    for (size_t i = 0; i < COUNT_OF(never); i++)
        assert_false(comes_again(&sdk, never[i], 1, &wait_s));
}

static void an_sdk_takes_advice_of_up_to_a_minute(void **state)
{
    (void)state;
    uint64_t wait_us;
    struct behaviour_answer answer = {429, 7000, BEHAVIOUR_NO_ADVICE};
    assert_true(behaviour_retries(&sdk, &answer, 1, &chance, &wait_us));
    assert_int_equal(wait_us, 7000000);
    answer.retry_after_ms = 60001;
    assert_true(behaviour_retries(&sdk, &answer, 1, &chance, &wait_us));
    assert_true(wait_us <= 500000);
    answer.should_retry = 0;
    assert_false(behaviour_retries(&sdk, &answer, 1, &chance, &wait_us));
    answer = (struct behaviour_answer){400, BEHAVIOUR_NO_ADVICE, 1};
    assert_true(behaviour_retries(&sdk, &answer, 1, &chance, &wait_us));
}

static void a_cheat_hears_no_advice(void **state)
{
    (void)state;
    struct scenario_group cheat = {.retry = RETRY_CHEAT, .retries = 20, .retry_wait_ms = 50};
    struct behaviour_answer answer = {401, 30000, 0};
    uint64_t wait_us;
    assert_true(behaviour_retries(&cheat, &answer, 20, &chance, &wait_us));
    assert_int_equal(wait_us, 50000);
    assert_false(behaviour_retries(&cheat, &answer, 21, &chance, &wait_us));
}

static void who_never_retries_does_not(void **state)
{
    (void)state;
    struct scenario_group never = {.retry = RETRY_NEVER, .retries = 5};
    double wait_s;
    assert_false(comes_again(&never, 503, 1, &wait_s));
}

static void patience_rises_up_to_its_maximum(void **state)
{
    (void)state;
    struct scenario_group group = {.patience_s = 10, .patience_growth = 1.5, .patience_max_s = 20};
    assert_int_equal(behaviour_patience_us(&group, 1), 10000000);
    assert_int_equal(behaviour_patience_us(&group, 2), 15000000);
    assert_int_equal(behaviour_patience_us(&group, 3), 20000000);
    group.patience_max_s = 1;
    assert_int_equal(behaviour_patience_us(&group, 3), 10000000);
    group.patience_s = 0;
    assert_int_equal(behaviour_patience_us(&group, 1), 0);
}

static void seconds_of_a_header_are_read_or_ignored(void **state)
{
    (void)state;
    assert_int_equal(behaviour_read_seconds(SPAN("7")), 7000);
    assert_int_equal(behaviour_read_seconds(SPAN("0.25")), 250);
    const char *none[] = {
        "", "-1", "Fri, 27 Nov 2026 10:00:00 GMT", "7 s", "nan", "1e99", "9999999999999999"};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_int_equal(behaviour_read_seconds(span_str(none[i])), BEHAVIOUR_NO_ADVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_sdk_comes_twice_and_waits_twice_as_long),
        cmocka_unit_test(an_sdk_never_waits_more_than_8_s_by_itself),
        cmocka_unit_test(an_sdk_knows_which_statuses_are_worth_it),
        cmocka_unit_test(an_sdk_takes_advice_of_up_to_a_minute),
        cmocka_unit_test(a_cheat_hears_no_advice),
        cmocka_unit_test(who_never_retries_does_not),
        cmocka_unit_test(patience_rises_up_to_its_maximum),
        cmocka_unit_test(seconds_of_a_header_are_read_or_ignored),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
