/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "profile_testing.h"

#include <math.h>
#include <string.h>

/* assert_float_equal() of cmocka takes an absolute distance. */
static void assert_near(double value, double wanted)
{
    if (fabs(value - wanted) > 1e-4 * fabs(wanted) + 1e-9)
        fail_msg("%.9g is not %.9g", value, wanted);
}

static double rate_of(double wt, double hours)
{
    return PROFILE_RATE_FACTOR * wt / (hours * 3600);
}

/* ── earning ── */

static void nobody_is_trusted_at_first(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    profile_advance(&profile, test_at(0, 0));
    assert_false(profile_is_trusted(&profile));
    assert_false(profile_in(&profile));
    assert_true(isinf(profile_wait_s(&profile)));
    assert_int_equal(profile_reserve(&profile, 10, test_at(0, 0)), 0);
    assert_true(profile.balance == 0);
}

static void three_days_earn_trust_and_two_do_not(void **state)
{
    (void)state;
    struct profile two = test_trusted(1, 2, 8, 3600);
    assert_false(profile_is_trusted(&two));
    assert_int_equal(two.days_earned, 2);

    struct profile three = {.id = 1};
    for (uint64_t day = 0; day < 3; day++)
        test_work_day(&three, day, 8, 3600);
    profile_advance(&three, test_at(2, 23));
    assert_false(profile_is_trusted(&three)); /* the third day is not over */
    profile_advance(&three, test_at(3, 0));
    assert_true(profile_in(&three));
    assert_near(profile_rate(&three), rate_of(3600, 1));
    assert_near(three.balance, PROFILE_BURST_REQUESTS * 3600);
    assert_near(three.day_balance, PROFILE_RATE_FACTOR * 8 * 3600);
}

static void the_days_need_not_follow_each_other(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    test_work_day(&profile, 0, 8, 1000);
    test_work_day(&profile, 30, 8, 1000);
    test_work_day(&profile, 60, 8, 1000);
    profile_advance(&profile, test_at(61, 0));
    assert_true(profile_in(&profile));
}

static void the_first_rate_is_that_of_the_lowest_day(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    test_work_day(&profile, 0, 8, 5000);
    test_work_day(&profile, 1, 4, 1000);
    test_work_day(&profile, 2, 8, 9000);
    profile_advance(&profile, test_at(3, 0));
    assert_near(profile_rate(&profile), rate_of(1000, 1));
    assert_near(profile_day(&profile), PROFILE_RATE_FACTOR * 4000);
}

static void aborted_and_siege_calls_earn_nothing(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    for (uint64_t day = 0; day < 10; day++) {
        struct profile_use aborted = {.prompt_tokens = 5000, .aborted = true};
        struct profile_use siege = {.prompt_tokens = 5000, .siege = true};
        struct profile_use empty = {0};
        profile_settle(&profile, &aborted, test_at(day, 10));
        profile_settle(&profile, &siege, test_at(day, 11));
        profile_settle(&profile, &empty, test_at(day, 12));
    }
    profile_advance(&profile, test_at(10, 0));
    assert_false(profile_is_trusted(&profile));
    assert_int_equal(profile.days_earned, 0);
    assert_int_equal(profile.today, 0);
    assert_true(profile.request_wt == 0);
}

static void hours_without_use_are_left_out(void **state)
{
    (void)state;
    struct profile busy = test_trusted(1, 7, 15, 1000), short_days = test_trusted(2, 7, 3, 1000);
    assert_near(profile_rate(&busy), rate_of(1000, 1));
    assert_near(profile_rate(&short_days), rate_of(1000, 1));
    assert_near(profile_day(&busy), PROFILE_RATE_FACTOR * 15000);
    assert_near(profile_day(&short_days), PROFILE_RATE_FACTOR * 3000);
}

static void honest_callers_come_in_waves(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    for (uint64_t day = 0; day < 7; day++) {
        test_work_day(&profile, day, 8, 1000); /* 17:00 is its busiest hour */
        for (uint64_t i = 0; i < 40; i++) {
            struct profile_use use = test_use(1000);
            profile_settle(&profile, &use, test_at(day, 17));
        }
    }
    profile_advance(&profile, test_at(7, 17));
    assert_near(profile_rate(&profile), rate_of(40000, 1));
    assert_near(profile_burst(&profile), 40000);
    /* All of the busiest hour within a minute, and what it uses by the hour after it. */
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(profile_reserve(&profile, 1000, test_at(7, 17) + i * 1500), 1000);
    assert_int_equal(profile_reserve(&profile, 1000, test_at(7, 18)), 1000);
}

static void three_busy_hours_do_not_become_twenty_four(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 3, 3600);
    double spent = 0;
    for (uint64_t minute = 0; minute < 24 * 60; minute++)
        spent += (double)profile_reserve(&profile, 120, test_at(7, 0) + minute * 60000);
    /* A full day balance, and what grows back in a day. */
    assert_true(spent <= 2 * PROFILE_RATE_FACTOR * 3 * 3600 + 120);
    assert_true(spent >= PROFILE_RATE_FACTOR * 3 * 3600);
}

static void the_rate_grows_by_half_a_day_at_most(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 1000);
    double before = profile_rate(&profile);
    for (uint64_t day = 7; day < 20; day++) {
        test_work_day(&profile, day, 8, 100000);
        profile_advance(&profile, test_at(day + 1, 0));
        double now = profile_rate(&profile);
        assert_true(now <= before * PROFILE_GROWTH_MAX * 1.0001);
        before = now;
        if (day == 7)
            assert_near(now, rate_of(1000, 1) * PROFILE_GROWTH_MAX);
    }
    assert_near(before, rate_of(100000, 1)); /* it gets there */
}

static void a_day_without_use_does_not_let_it_grow(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 1000);
    test_work_day(&profile, 7, 8, 1000000);
    profile_advance(&profile, test_at(12, 0));
    assert_near(profile_rate(&profile), rate_of(1000, 1) * PROFILE_GROWTH_MAX);
}

static void a_week_off_changes_nothing(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 1000);
    double rate = profile_rate(&profile);
    profile_advance(&profile, test_at(14, 0) - 1);
    assert_near(profile_rate(&profile), rate);
    assert_true(profile_in(&profile));
}

static void it_halves_in_fourteen_days(void **state)
{
    (void)state;
    struct profile at_once = test_trusted(1, 7, 8, 1000), day_by_day = at_once;
    double rate = profile_rate(&at_once), day = profile_day(&at_once);
    /* Day 6 is the last with use; until day 14 it is in the mean. */
    profile_advance(&at_once, test_at(13 + 14, 5));
    assert_near(profile_rate(&at_once), rate / 2);
    assert_near(profile_day(&at_once), day / 2);
    for (uint64_t i = 8; i <= 13 + 14; i++)
        profile_advance(&day_by_day, test_at(i, i % 24));
    assert_near(profile_rate(&day_by_day), rate / 2);
}

static void it_lapses_when_it_was_not_used_for_long(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 1000);
    struct profile other = profile;
    profile_advance(&profile, test_at(6 + PROFILE_LAPSE_DAYS, 23));
    assert_true(profile_is_trusted(&profile));
    assert_true(profile_rate(&profile) < rate_of(1000, 1) / 100);
    profile_advance(&profile, test_at(7 + PROFILE_LAPSE_DAYS, 0));
    assert_false(profile_is_trusted(&profile));
    assert_int_equal(profile.days_earned, 0);
    assert_true(profile.balance == 0);
    profile_advance(&other, test_at(10000, 0));
    assert_false(profile_is_trusted(&other));
}

static void less_use_lowers_it_slowly(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 1000);
    for (uint64_t day = 7; day < 21; day++)
        test_work_day(&profile, day, 8, 10);
    profile_advance(&profile, test_at(21, 0));
    assert_true(profile_rate(&profile) > rate_of(1000, 1) * 0.49);
    assert_true(profile_rate(&profile) < rate_of(1000, 1) * 0.75);
}

/* ── the balance ── */

static void the_balance_is_spent_and_grows_back(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 3600); /* 2 wt/s, burst 21600 */
    uint64_t now_ms = test_at(7, 10);
    assert_int_equal(profile_reserve(&profile, 21599, now_ms), 21599);
    assert_true(profile_in(&profile));
    assert_int_equal(profile_reserve(&profile, 1001, now_ms), 1001); /* below zero once */
    assert_false(profile_in(&profile));
    assert_near(profile_wait_s(&profile), 500);
    assert_int_equal(profile_reserve(&profile, 1, now_ms), 0);
    assert_near(profile.balance, -1000);
    assert_int_equal(profile_reserve(&profile, 1, now_ms + 500000), 0);
    assert_int_equal(profile_reserve(&profile, 1, now_ms + 500001), 1);
    profile_advance(&profile, test_at(7, 23));
    assert_near(profile.balance, 21600); /* and no further */
}

static void what_was_reserved_and_not_used_comes_back(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 3600);
    uint64_t now_ms = test_at(7, 10);
    double before = profile.balance, day_before = profile.day_balance;
    struct profile_use use = {.prompt_tokens = 100, .completion_tokens = 50, .aborted = true};
    use.reserved_wt = profile_reserve(&profile, 5000, now_ms);
    profile_settle(&profile, &use, now_ms);
    assert_near(profile.balance, before - 200);
    assert_near(profile.day_balance, day_before - 200);

    use.reserved_wt = profile_reserve(&profile, 10, now_ms);
    profile_settle(&profile, &use, now_ms);
    assert_near(profile.balance, before - 400); /* dearer than it was thought */
}

static void one_that_was_not_in_profile_gets_nothing_back(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 3600);
    uint64_t now_ms = test_at(7, 10);
    (void)profile_reserve(&profile, 22000, now_ms);
    double before = profile.balance;
    struct profile_use use = {.prompt_tokens = 100};
    use.reserved_wt = profile_reserve(&profile, 5000, now_ms);
    assert_int_equal(use.reserved_wt, 0);
    profile_settle(&profile, &use, now_ms);
    assert_near(profile.balance, before);
}

/* However often it is looked at, a second is worth `rate`. */
static void many_looks_refill_as_much_as_one(void **state)
{
    (void)state;
    struct profile often = test_trusted(1, 7, 8, 360), once;
    (void)profile_reserve(&often, 2000, test_at(7, 1));
    once = often;
    for (uint64_t ms = 0; ms <= 600000; ms++)
        profile_advance(&often, test_at(7, 1) + ms);
    profile_advance(&once, test_at(7, 1) + 600000);
    assert_near(often.balance, once.balance);
    assert_near(often.day_balance, once.day_balance);
}

static void what_is_spent_in_profile_is_bounded_by_the_bucket(void **state)
{
    (void)state;
    random_seed(5);
    for (int round = 0; round < 50; round++) {
        uint64_t wt = 100 + random_below(5000);
        struct profile profile = test_trusted(1, 7, 1 + random_below(10), wt);
        double rate = profile_rate(&profile), burst = profile_burst(&profile);
        double day = profile_day(&profile), spent = 0;
        uint64_t from_ms = test_at(7, 0), now_ms = from_ms, price_max = 6 * wt;
        for (int i = 0; i < 2000; i++) {
            now_ms += random_below(20000);
            spent += (double)profile_reserve(&profile, random_below((uint32_t)price_max), now_ms);
            double seconds = (double)(now_ms - from_ms) / 1000;
            assert_true(spent <= burst + rate * seconds + (double)price_max);
            assert_true(spent <= day + day / 86400 * seconds + (double)price_max);
        }
    }
    random_unseed();
}

/* ── grants ── */

static void a_grant_is_trust_at_once_and_does_not_decay(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    profile_grant(&profile, 10, test_at(0, 0));
    assert_true(profile_in(&profile));
    assert_near(profile_rate(&profile), 10);
    assert_near(profile_day(&profile), 864000);
    profile_advance(&profile, test_at(1000, 0));
    assert_near(profile_rate(&profile), 10);
    profile_grant(&profile, 0, test_at(1000, 0));
    assert_false(profile_is_trusted(&profile));
    assert_true(profile.balance == 0 && profile.day_balance == 0);
}

static void the_larger_of_grant_and_use_holds(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 3600);
    profile_grant(&profile, 1, test_at(7, 0));
    assert_near(profile_rate(&profile), 2);
    profile_grant(&profile, 50, test_at(7, 0));
    assert_near(profile_rate(&profile), 50);
    profile_grant(&profile, 0, test_at(7, 0));
    assert_near(profile_rate(&profile), 2);
    assert_near(profile.balance, profile_burst(&profile)); /* what the grant had filled beyond it is gone */
    (void)profile_reserve(&profile, 30000, test_at(7, 0));
    profile_grant(&profile, 0, test_at(7, 0));
    assert_false(profile_in(&profile)); /* taking it back fills nothing */
}

static void senseless_grants_are_bounded(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    profile_grant(&profile, -5, test_at(0, 0));
    assert_false(profile_is_trusted(&profile));
    profile_grant(&profile, NAN, test_at(0, 0));
    assert_false(profile_is_trusted(&profile));
    profile_grant(&profile, INFINITY, test_at(0, 0));
    assert_near(profile_rate(&profile), PROFILE_RATE_MAX);
}

/* ── the clock ── */

static void a_thread_whose_clock_is_behind_changes_nothing(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 3600);
    uint64_t now_ms = test_at(7, 10);
    (void)profile_reserve(&profile, 20000, now_ms);
    double before = profile.balance;
    for (int i = 0; i < 1000; i++) {
        profile_advance(&profile, now_ms - 500);
        profile_advance(&profile, now_ms);
    }
    assert_near(profile.balance, before);
}

static void a_clock_set_back_does_not_stop_the_refill(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 3600);
    (void)profile_reserve(&profile, 20000, test_at(7, 10));
    double before = profile.balance;
    profile_advance(&profile, test_at(7, 7));
    assert_near(profile.balance, before);
    profile_advance(&profile, test_at(7, 7) + 100000);
    assert_near(profile.balance, before + 200);
}

static void an_hour_is_counted_once_where_threads_differ(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    for (int i = 0; i < 100; i++) {
        struct profile_use use = test_use(10);
        profile_settle(&profile, &use, test_at(0, 10) + (i % 2 ? 0 : PROFILE_HOUR_MS - 1));
        profile_settle(&profile, &use, test_at(0, 11));
    }
    assert_int_equal(profile.days[0].hours, 2);
}

static void a_clock_that_was_years_ahead_is_forgiven(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    struct profile_use use = test_use(1000);
    profile_settle(&profile, &use, test_at(20000, 0));
    for (uint64_t day = 0; day < 7; day++)
        test_work_day(&profile, day, 8, 1000);
    profile_advance(&profile, test_at(7, 0));
    assert_int_equal(profile.today, TEST_DAY0 + 7);
    assert_true(profile_in(&profile));
    assert_near(profile_rate(&profile), rate_of(1000, 1));
}

static void a_leap_of_days_and_back_keeps_the_trust(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 8, 1000);
    double rate = profile_rate(&profile);
    profile_advance(&profile, test_at(12, 0));
    for (uint64_t day = 7; day < 14; day++)
        test_work_day(&profile, day, 8, 1000);
    profile_advance(&profile, test_at(14, 0));
    assert_true(profile_in(&profile));
    assert_true(profile_rate(&profile) >= rate * 0.99);
}

/* Whatever the clock does: numbers stay finite, balances within the bucket, growth within its bound for the days that passed. */
static void no_clock_breaks_it(void **state)
{
    (void)state;
    static const uint64_t odd[] = {
        0,          1,          999,        PROFILE_DAY_MS - 1, PROFILE_DAY_MS,
        UINT64_MAX, 1ULL << 63, 1ULL << 43, UINT32_MAX};
    random_seed(7);
    struct profile profile = {.id = 1};
    uint64_t now_ms = test_at(0, 0);
    for (int i = 0; i < 200000; i++) {
        uint32_t dice = random_below(100);
        if (dice == 0)
            now_ms = odd[random_below(COUNT_OF(odd))];
        else if (dice < 5)
            now_ms -= MIN(now_ms, random_u64() % (10 * PROFILE_DAY_MS));
        else if (dice < 10)
            now_ms = test_at(random_below(40), 0);
        else
            now_ms += random_below(3600000);
        struct profile_use use = {.prompt_tokens = dice == 50 ? UINT64_MAX : random_below(100000),
                                  .completion_tokens = dice == 51 ? UINT64_MAX : random_below(9000),
                                  .aborted = dice == 52,
                                  .siege = dice == 53};
        use.reserved_wt = profile_reserve(&profile, random_below(200000), now_ms);
        double burst = profile_burst(&profile); /* a small call may lower it afterwards */
        profile_settle(&profile, &use, now_ms);
        burst = fmax(burst, profile_burst(&profile));
        assert_true(isfinite(profile.balance) && profile.balance <= burst * 1.01);
        assert_true(isfinite(profile.day_balance) &&
                    profile.day_balance <= profile_day(&profile) * 1.01);
        assert_true(isfinite(profile.rate) && profile.rate >= 0 &&
                    profile.rate <= (float)PROFILE_RATE_MAX);
        for (size_t d = 0; d < PROFILE_DAYS; d++)
            assert_true(profile.days[d].hours <= 24 && isfinite(profile.days[d].wt));
    }
    random_unseed();
}

/* ── large numbers ── */

static void no_number_overflows(void **state)
{
    (void)state;
    assert_int_equal(profile_wt(UINT64_MAX, UINT64_MAX), PROFILE_WT_MAX);
    assert_int_equal(profile_wt(0, UINT64_MAX), PROFILE_WT_MAX);
    assert_int_equal(profile_wt(3, 4), 11);

    struct profile profile = {.id = 1, .days_earned = UINT16_MAX};
    profile.days[0].requests = UINT16_MAX;
    struct profile_use use = {.prompt_tokens = UINT64_MAX, .completion_tokens = UINT64_MAX};
    for (uint64_t day = 0; day < 9; day++) {
        use.reserved_wt = profile_reserve(&profile, UINT64_MAX, test_at(day, 1));
        profile_settle(&profile, &use, test_at(day, 1));
    }
    assert_int_equal(profile.days_earned, UINT16_MAX);
    assert_true(isfinite(profile.balance) && isfinite(profile.day_balance));
    assert_true(profile.balance >= -2.0 * PROFILE_WT_MAX);
    use = (struct profile_use){.reserved_wt = UINT64_MAX};
    profile_settle(&profile, &use, test_at(9, 0));
    assert_true(profile.balance <= profile_burst(&profile));
}

static void counts_stay_at_their_maximum(void **state)
{
    (void)state;
    struct profile profile = {.id = 1};
    struct profile_use use = test_use(1);
    for (int i = 0; i < 70000; i++)
        profile_settle(&profile, &use, test_at(0, 1));
    assert_int_equal(profile.days[0].requests, UINT16_MAX);
    assert_int_equal(profile.days[0].hours, 1);
    assert_near(profile.days[0].wt, 70000);
}

/* ── from elsewhere ── */

/* From `first` on, `hours` hours of `wt` each. */
static struct profile_past past_day(uint64_t day, uint64_t first, uint64_t hours, uint64_t requests,
                                    double wt)
{
    struct profile_past past = {.day = (uint32_t)(TEST_DAY0 + day),
                                .requests = requests,
                                .output_log = 2.0 * (double)requests};
    for (uint64_t hour = first; hour < first + hours; hour++)
        past.hours_wt[hour] = wt;
    return past;
}

static void imported_days_are_as_if_they_had_been_settled(void **state)
{
    (void)state;
    struct profile lived = {.id = 1}, imported = {.id = 1};
    for (uint64_t day = 0; day < 20; day++) {
        if (day % 7 >= 5)
            continue;
        test_work_day(&lived, day, 4 + day % 3, 1000);
        struct profile_past past = past_day(day, 9, 4 + day % 3, 4 + day % 3, 1000);
        profile_import(&imported, &past);
    }
    profile_advance(&lived, test_at(21, 0));
    profile_advance(&imported, test_at(21, 0));
    assert_true(profile_in(&imported));
    assert_near(profile_rate(&imported), profile_rate(&lived));
    assert_near(profile_day(&imported), profile_day(&lived));
    assert_near(profile_burst(&imported), profile_burst(&lived));
    assert_int_equal(imported.days_earned, lived.days_earned);
    assert_int_equal(imported.hour, lived.hour);
    assert_memory_equal(imported.days, lived.days, sizeof(lived.days));
    assert_near(imported.output_log, 2);
}

static struct profile imported_elsewhere(void)
{
    struct profile profile = {.id = 1};
    for (uint64_t day = 0; day < 7; day++) {
        struct profile_past past = past_day(day, 8, 8, 80, 10000);
        profile_import(&profile, &past);
    }
    return profile;
}

static void a_stranger_gets_what_was_learned_elsewhere(void **state)
{
    (void)state;
    struct profile profile = {.id = 1}, elsewhere = imported_elsewhere();
    profile_merge(&profile, &elsewhere, test_at(7, 3));
    assert_true(profile_in(&profile));
    assert_near(profile_rate(&profile), rate_of(10000, 1));
    assert_near(profile_burst(&profile), 10000);
    assert_near(profile.balance, 10000);
}

static void a_second_import_changes_nothing(void **state)
{
    (void)state;
    struct profile profile = {.id = 1}, elsewhere = imported_elsewhere();
    profile_merge(&profile, &elsewhere, test_at(7, 3));
    (void)profile_reserve(&profile, 5000, test_at(7, 3));
    struct profile before = profile;
    profile_merge(&profile, &elsewhere, test_at(7, 3));
    assert_memory_equal(&profile, &before, sizeof(before));
}

static void an_import_takes_nothing_away(void **state)
{
    (void)state;
    struct profile profile = test_trusted(1, 7, 10, 50000), elsewhere = {.id = 1};
    struct profile_past past = past_day(6, 0, 1, 1, 10);
    double rate = profile_rate(&profile), day = profile_day(&profile);
    profile_grant(&profile, 1, test_at(7, 0));
    profile_import(&elsewhere, &past);
    profile_merge(&profile, &elsewhere, test_at(7, 1));
    assert_near(profile_rate(&profile), rate);
    assert_near(profile_day(&profile), day > 86400 ? day : 86400);
    assert_true(profile.granted_rate == 1);
    assert_near(profile.days[1].wt, 500000);
    assert_near(profile.request_wt, 50000);
}

static void old_usage_is_no_trust(void **state)
{
    (void)state;
    struct profile profile = {.id = 1}, elsewhere = imported_elsewhere();
    profile_merge(&profile, &elsewhere, test_at(300, 0));
    assert_false(profile_is_trusted(&profile));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_trusted_at_first),
        cmocka_unit_test(three_days_earn_trust_and_two_do_not),
        cmocka_unit_test(the_days_need_not_follow_each_other),
        cmocka_unit_test(the_first_rate_is_that_of_the_lowest_day),
        cmocka_unit_test(aborted_and_siege_calls_earn_nothing),
        cmocka_unit_test(hours_without_use_are_left_out),
        cmocka_unit_test(honest_callers_come_in_waves),
        cmocka_unit_test(three_busy_hours_do_not_become_twenty_four),
        cmocka_unit_test(the_rate_grows_by_half_a_day_at_most),
        cmocka_unit_test(a_day_without_use_does_not_let_it_grow),
        cmocka_unit_test(a_week_off_changes_nothing),
        cmocka_unit_test(it_halves_in_fourteen_days),
        cmocka_unit_test(it_lapses_when_it_was_not_used_for_long),
        cmocka_unit_test(less_use_lowers_it_slowly),
        cmocka_unit_test(the_balance_is_spent_and_grows_back),
        cmocka_unit_test(what_was_reserved_and_not_used_comes_back),
        cmocka_unit_test(one_that_was_not_in_profile_gets_nothing_back),
        cmocka_unit_test(many_looks_refill_as_much_as_one),
        cmocka_unit_test(what_is_spent_in_profile_is_bounded_by_the_bucket),
        cmocka_unit_test(a_grant_is_trust_at_once_and_does_not_decay),
        cmocka_unit_test(the_larger_of_grant_and_use_holds),
        cmocka_unit_test(senseless_grants_are_bounded),
        cmocka_unit_test(a_thread_whose_clock_is_behind_changes_nothing),
        cmocka_unit_test(a_clock_set_back_does_not_stop_the_refill),
        cmocka_unit_test(an_hour_is_counted_once_where_threads_differ),
        cmocka_unit_test(a_clock_that_was_years_ahead_is_forgiven),
        cmocka_unit_test(a_leap_of_days_and_back_keeps_the_trust),
        cmocka_unit_test(no_clock_breaks_it),
        cmocka_unit_test(no_number_overflows),
        cmocka_unit_test(counts_stay_at_their_maximum),
        cmocka_unit_test(imported_days_are_as_if_they_had_been_settled),
        cmocka_unit_test(a_stranger_gets_what_was_learned_elsewhere),
        cmocka_unit_test(a_second_import_changes_nothing),
        cmocka_unit_test(an_import_takes_nothing_away),
        cmocka_unit_test(old_usage_is_no_trust),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
