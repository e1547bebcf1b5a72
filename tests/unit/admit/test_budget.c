/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admit/budget.h"

#define MONO UINT64_C(5000000)
#define NOON UINT64_C(1795521600000) /* 2026-11-24T12:00:00Z */
#define DAY UINT64_C(86400000)
#define HOUR UINT64_C(3600000)

static struct budget budget;
static struct limits limits;
static struct budget_time time_now;
static struct budget_refusal refusal;

static int begin(void **state)
{
    (void)state;
    time_now = (struct budget_time){MONO, NOON};
    limits = (struct limits){{0}};
    budget_init(&budget, time_now);
    return 0;
}

static void pass(uint64_t ms)
{
    time_now.mono_ms += ms;
    time_now.wall_ms += ms;
    budget_advance(&budget, &limits, time_now);
}

/* How many tokens of answer could be held; -EDQUOT when it is refused. */
static int64_t judge(uint64_t prompt, uint64_t output, struct budget_price price)
{
    struct budget_want want = {prompt, output, price};
    uint64_t fits = 0;
    int result = budget_judge(&budget, &limits, &want, time_now, &fits, &refusal);
    return result < 0 ? result : (int64_t)fits;
}

static const struct budget_price gratis;

static void without_limits_everything_fits(void **state)
{
    (void)state;
    enum limit limit;
    budget_hold(&budget, UINT64_MAX, UINT64_MAX);
    budget_begin(&budget);
    assert_int_equal(judge(1000000, 1000000, gratis), 1000000);
    assert_true(budget_spare(&budget, &limits, 1, &limit) == UINT64_MAX);
}

static void a_minutes_balance_grows_evenly(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_MINUTE] = 600;
    assert_int_equal(judge(100, 200, gratis), 200);
    budget_use(&budget, &limits, 500, 0);
    assert_int_equal(judge(50, 50, gratis), 50);
    assert_int_equal(judge(50, 70, gratis), -EDQUOT);
    assert_int_equal(refusal.limit, LIMIT_TOKENS_MINUTE);
    assert_int_equal(refusal.wait_ms, 2000);
    assert_false(refusal.never);
    pass(1999);
    assert_int_equal(judge(50, 70, gratis), -EDQUOT);
    assert_int_equal(refusal.wait_ms, 1);
    pass(1);
    assert_int_equal(judge(50, 70, gratis), 70);
    pass(DAY);
    assert_int_equal(judge(0, 600, gratis), 600);
    assert_int_equal(budget_standing(&budget, &limits, LIMIT_TOKENS_MINUTE, time_now).used, 0);
}

static void a_prediction_above_the_limit_waits_for_a_full_balance(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_MINUTE] = 100;
    assert_int_equal(judge(40, 512, gratis), 60);
    budget_use(&budget, &limits, 1, 0);
    assert_int_equal(judge(40, 512, gratis), -EDQUOT);
    assert_int_equal(refusal.wait_ms, 600);
}

static void what_can_never_fit_is_told_as_such(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_MINUTE] = 100;
    assert_int_equal(judge(99, 1, gratis), 1);
    assert_int_equal(judge(100, 1, gratis), -EDQUOT);
    assert_true(refusal.never);
    assert_int_equal(judge(100, 0, gratis), 0); /* embeddings */
    assert_int_equal(judge(101, 0, gratis), -EDQUOT);
    assert_true(refusal.never);
    limits = (struct limits){{0}};
    limits.of[LIMIT_SPEND_DAY] = 1;
    assert_int_equal(judge(2, 0, (struct budget_price){1000000, 0}), -EDQUOT);
    assert_true(refusal.never && refusal.limit == LIMIT_SPEND_DAY);
    assert_int_equal(judge(UINT64_MAX, UINT64_MAX, (struct budget_price){UINT64_MAX, UINT64_MAX}),
                     -EDQUOT);
    assert_true(refusal.never);
}

static void what_is_left_of_a_day_is_given_out_to_its_end(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_DAY] = 1000;
    budget_use(&budget, &limits, 900, 0);
    assert_int_equal(judge(40, 512, gratis), 60);
    assert_int_equal(judge(99, 512, gratis), 1);
    assert_int_equal(judge(100, 512, gratis), -EDQUOT);
    assert_false(refusal.never);
    assert_int_equal(refusal.wait_ms, 12 * HOUR);
    budget_hold(&budget, 50, 0);
    assert_int_equal(judge(40, 512, gratis), 10);
    budget_release(&budget, 50, 0);
    pass(12 * HOUR - 1);
    assert_int_equal(judge(101, 1, gratis), -EDQUOT);
    pass(1);
    assert_int_equal(judge(400, 600, gratis), 600);
}

static void money_is_counted_by_both_prices(void **state)
{
    (void)state;
    /* 0.15 and 0.60 for a million; 0.000300 a day: 400 tokens of prompt (0.000060) and 400 of answer (0.000240). */
    const struct budget_price price = {150000, 600000};
    limits.of[LIMIT_SPEND_DAY] = 300;
    assert_int_equal(judge(400, 512, price), 400);
    budget_use(&budget, &limits, 800, budget_cost(400, price.in) + budget_cost(400, price.out));
    assert_int_equal(judge(1, 0, price), -EDQUOT);
    assert_int_equal(refusal.limit, LIMIT_SPEND_DAY);
    assert_int_equal(budget_standing(&budget, &limits, LIMIT_SPEND_DAY, time_now).used, 300);
    assert_int_equal(judge(1, 10, gratis), 10); /* a model without a price costs nothing */
    limits.of[LIMIT_SPEND_MONTH] = 300;
    assert_int_equal(judge(1, 0, price), -EDQUOT);
    assert_int_equal(refusal.limit,
                     LIMIT_SPEND_MONTH); /* the longer wait: the month goes on to its 30th */
    assert_int_equal(refusal.wait_ms % DAY, 12 * HOUR);
}

static void requests_and_calls_are_counted(void **state)
{
    (void)state;
    limits.of[LIMIT_REQUESTS_MINUTE] = 2;
    limits.of[LIMIT_CALLS] = 1;
    budget_begin(&budget);
    assert_int_equal(judge(1, 1, gratis), -EDQUOT);
    assert_int_equal(refusal.limit, LIMIT_CALLS);
    budget_end(&budget, true);
    assert_int_equal(judge(1, 1, gratis), 1);
    budget_begin(&budget);
    budget_end(&budget, true);
    assert_int_equal(judge(1, 1, gratis), -EDQUOT);
    assert_int_equal(refusal.limit, LIMIT_REQUESTS_MINUTE);
    assert_int_equal(refusal.wait_ms, 30000);
    budget_begin(&budget);
    budget_end(&budget, false); /* it never ran */
    pass(30000);
    assert_int_equal(judge(1, 1, gratis), 1);
}

static void a_debt_is_at_most_one_more_limit(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_MINUTE] = 60;
    budget_use(&budget, &limits, UINT64_MAX, 0);
    assert_int_equal(judge(1, 0, gratis), -EDQUOT);
    assert_int_equal(refusal.wait_ms, 61000);
    pass(61000);
    assert_int_equal(judge(1, 0, gratis), 0);
}

static void a_clock_that_jumps_forward_refills_once(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_DAY] = 100;
    uint64_t given = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t fits = judge(0, 100, gratis);
        if (fits > 0) {
            given += (uint64_t)fits;
            budget_use(&budget, &limits, (uint64_t)fits, 0);
        }
        /* To and fro by forty days, a millisecond each. */
        time_now.wall_ms = i % 2 ? time_now.wall_ms - 40 * DAY : time_now.wall_ms + 40 * DAY;
        time_now.mono_ms++;
        budget_advance(&budget, &limits, time_now);
    }
    assert_int_equal(given, 200);
}

static void a_clock_that_was_wrong_locks_nobody_for_ever(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_DAY] = 100;
    uint64_t right_ms = time_now.wall_ms;
    time_now.wall_ms += 4000 * DAY;
    budget_advance(&budget, &limits, time_now);
    budget_use(&budget, &limits, 100, 0);
    time_now.wall_ms = right_ms;
    budget_advance(&budget, &limits, time_now);
    assert_int_equal(judge(1, 0, gratis), -EDQUOT);
    assert_true(refusal.wait_ms <= DAY);
    pass(12 * HOUR); /* the day ends, but one has just ended by mistake */
    assert_int_equal(judge(1, 0, gratis), -EDQUOT);
    assert_int_equal(refusal.wait_ms, BUDGET_DAY_APART_MS - 12 * HOUR);
    pass(refusal.wait_ms);
    assert_int_equal(judge(1, 0, gratis), 0);
}

static void a_monotonic_clock_of_another_thread_may_be_behind(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_MINUTE] = 600;
    budget_use(&budget, &limits, 600, 0);
    pass(1000);
    time_now.mono_ms -= 5;
    budget_advance(&budget, &limits, time_now);
    time_now.mono_ms += 5;
    budget_advance(&budget, &limits, time_now);
    assert_int_equal(budget_standing(&budget, &limits, LIMIT_TOKENS_MINUTE, time_now).used, 590);
}

static void the_ledger_only_adds(void **state)
{
    (void)state;
    limits.of[LIMIT_TOKENS_DAY] = 1000;
    budget_use(&budget, &limits, 300, 0);
    budget_learn(&budget, 200, 0, 0);
    assert_int_equal(budget_standing(&budget, &limits, LIMIT_TOKENS_DAY, time_now).used, 300);
    budget_learn(&budget, 400, 0, 0);
    assert_int_equal(budget_standing(&budget, &limits, LIMIT_TOKENS_DAY, time_now).used, 400);
    assert_int_equal(budget_standing(&budget, &limits, LIMIT_TOKENS_DAY, time_now).reset_ms,
                     12 * HOUR);
}

static void the_nearest_limit_says_what_can_be_taken_more(void **state)
{
    (void)state;
    enum limit limit = LIMITS_COUNT;
    limits.of[LIMIT_TOKENS_MINUTE] = 100;
    limits.of[LIMIT_TOKENS_DAY] = 50;
    limits.of[LIMIT_SPEND_MONTH] = 10;
    assert_int_equal(budget_spare(&budget, &limits, 1000000, &limit), 10);
    assert_int_equal(limit, LIMIT_SPEND_MONTH);
    assert_int_equal(budget_spare(&budget, &limits, 0, &limit), 50);
    assert_int_equal(limit, LIMIT_TOKENS_DAY);
    budget_use(&budget, &limits, 100, 0);
    assert_int_equal(budget_spare(&budget, &limits, 0, &limit), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(without_limits_everything_fits),
        TEST(a_minutes_balance_grows_evenly),
        TEST(a_prediction_above_the_limit_waits_for_a_full_balance),
        TEST(what_can_never_fit_is_told_as_such),
        TEST(what_is_left_of_a_day_is_given_out_to_its_end),
        TEST(money_is_counted_by_both_prices),
        TEST(requests_and_calls_are_counted),
        TEST(a_debt_is_at_most_one_more_limit),
        TEST(a_clock_that_jumps_forward_refills_once),
        TEST(a_clock_that_was_wrong_locks_nobody_for_ever),
        TEST(a_monotonic_clock_of_another_thread_may_be_behind),
        TEST(the_ledger_only_adds),
        TEST(the_nearest_limit_says_what_can_be_taken_more),
    };
#undef TEST
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
