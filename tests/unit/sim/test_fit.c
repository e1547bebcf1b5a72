/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/chance.h"
#include "fit.h"

#include <math.h>

/* An engine whose coefficients are known. */
#define STEP 5000.0
#define PREFILL 210.0
#define KV 900.0
#define CALL 12000.0
#define DECODE_BASE 3000.0
#define DECODE_EACH 1500.0

static double decode(uint32_t sequences)
{
    return sequences ? DECODE_BASE + DECODE_EACH * sequences : 0;
}

struct synthetic {
    struct fit_sample samples[FIT_SAMPLES_MAX];
    size_t count;
    struct chance chance;
    double noise;
};

static void add(struct synthetic *all, bool arrival, double steps, uint32_t sequences,
                double prefill, double kv)
{
    double us = (arrival ? CALL : 0) + steps * (STEP + decode(sequences)) + prefill * PREFILL +
                kv / 1000 * KV;
    us *= 1 + all->noise * (2 * chance_unit(&all->chance) - 1);
    all->samples[all->count++] = (struct fit_sample){us, arrival, steps, sequences, prefill, kv};
}

static void add_engine(struct synthetic *all)
{
    for (double tokens = 16; tokens <= 1024; tokens *= 2)
        add(all, true, 1, 0, tokens, tokens);
    for (uint32_t sequences = 1; sequences <= 16; sequences *= 2) {
        add(all, false, 1, sequences, 0, 40.0 * sequences);
        add(all, false, 1, sequences, 0, 900.0 * sequences);
    }
    add(all, false, 6, 4, 700, 6 * 4 * 60 + 700);
    add(all, false, 5, 1, 700, 5 * 60 + 700);
}

static double error_of(double given, double wanted)
{
    return fabs(given - wanted) / wanted;
}

static void coefficients_come_back(void **state)
{
    (void)state;
    struct synthetic all = {.chance = chance_of(1)};
    struct fit fit;
    add_engine(&all);
    assert_int_equal(fit_times(all.samples, all.count, &fit, NULL), 0);
    assert_true(error_of(fit.prefill_us, PREFILL) < 0.001);
    assert_true(error_of(fit.kv_us_per_1000, KV) < 0.001);
    assert_true(error_of(fit.call_us + fit.step_us, CALL + STEP) < 0.001);
    assert_int_equal(fit.decode_points, 5);
    for (uint32_t i = 0; i < fit.decode_points; i++) {
        assert_int_equal(fit.decode_us[i].sequences, 1u << i);
        assert_true(error_of(fit.decode_us[i].us + fit.step_us, decode(1u << i) + STEP) < 0.001);
    }
    assert_true(fit.error_max < 0.001);
}

static void without_divided_prompts_a_step_is_where_the_batches_meet_none(void **state)
{
    (void)state;
    struct synthetic all = {.chance = chance_of(1)};
    struct fit fit;
    add_engine(&all);
    assert_int_equal(fit_times(all.samples, all.count, &fit, NULL), 0);
    assert_true(error_of(fit.step_us, STEP + DECODE_BASE) < 0.001);
    assert_true(error_of(fit.decode_us[0].us, DECODE_EACH) < 0.001);
}

static void divided_prompts_tell_the_step_from_the_call(void **state)
{
    (void)state;
    struct synthetic all = {.chance = chance_of(1)};
    struct fit fit;
    add_engine(&all);
    add(&all, true, 3, 0, 1500, 1500);
    add(&all, true, 4, 0, 2000, 2000);
    assert_int_equal(fit_times(all.samples, all.count, &fit, NULL), 0);
    assert_true(error_of(fit.step_us, STEP) < 0.01);
    assert_true(error_of(fit.call_us, CALL) < 0.01);
    assert_true(error_of(fit.decode_us[4].us, decode(16)) < 0.01);
}

static void noise_of_a_tenth_moves_them_little(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct synthetic all = {.chance = chance_of(seed), .noise = 0.1};
        struct fit fit;
        for (int i = 0; i < 5; i++)
            add_engine(&all);
        assert_int_equal(fit_times(all.samples, all.count, &fit, NULL), 0);
        assert_true(error_of(fit.prefill_us, PREFILL) < 0.1);
        assert_true(error_of(fit.decode_us[4].us + fit.step_us, decode(16) + STEP) < 0.1);
        assert_true(error_of(fit.call_us + fit.step_us, CALL + STEP) < 0.1);
        assert_true(fit.error_median > 0.01 && fit.error_median < 0.1);
        assert_true(fit.error_max < 0.25);
    }
}

static void a_few_wild_samples_move_nothing(void **state)
{
    (void)state;
    struct synthetic all = {.chance = chance_of(3), .noise = 0.02};
    struct fit fit;
    for (int i = 0; i < 3; i++)
        add_engine(&all);
    for (size_t i = 5; i < all.count; i += 9)
        all.samples[i].us *= 3;
    assert_int_equal(fit_times(all.samples, all.count, &fit, NULL), 0);
    assert_true(error_of(fit.prefill_us, PREFILL) < 0.05);
    assert_true(error_of(fit.decode_us[4].us + fit.step_us, decode(16) + STEP) < 0.05);
    assert_true(error_of(fit.call_us + fit.step_us, CALL + STEP) < 0.08);
    assert_true(fit.error_max > 0.5);
}

static void nothing_becomes_negative(void **state)
{
    (void)state;
    /* Longer prompts that come sooner, and more KV that is faster. */
    const struct fit_sample samples[] = {{9000, true, 1, 0, 10, 0},
                                         {5000, true, 1, 0, 100, 0},
                                         {4000, false, 1, 1, 0, 10},
                                         {3000, false, 1, 1, 0, 5000},
                                         {100, false, 1, 2, 0, 10}};
    struct fit fit;
    assert_int_equal(fit_times(samples, 5, &fit, NULL), 0);
    assert_true(fit.prefill_us >= 0 && fit.kv_us_per_1000 >= 0 && fit.call_us >= 0 &&
                fit.step_us >= 0);
    assert_true(fit.decode_us[0].us >= 0 && fit.decode_us[1].us >= 0);
    assert_true(fit.error_max > 0.1);
}

static void samples_that_say_too_little_are_refused(void **state)
{
    (void)state;
    struct fit fit;
    struct err err;
    const struct fit_sample arrival = {9000, true, 1, 0, 10, 0}, step = {4000, false, 1, 1, 0, 10},
                            two = {4000, false, 1, 2, 0, 10};
    assert_int_equal(fit_times(NULL, 0, &fit, &err), -EINVAL);
    assert_int_equal(fit_times(&arrival, 1, &fit, &err), -EINVAL);
    assert_int_equal(fit_times(&step, 1, &fit, &err), -EINVAL);
    assert_int_equal(fit_times((struct fit_sample[]){arrival, two}, 2, &fit, &err), -EINVAL);
    assert_string_equal(err.text, "no sample of a first token, or none of a single sequence");
    assert_int_equal(fit_times((struct fit_sample[]){arrival, step}, 2, &fit, &err), 0);
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    struct fit fit;
    struct err err;
    const struct fit_sample bad[] = {{0, true, 1, 0, 1, 1},        {NAN, true, 1, 0, 1, 1},
                                     {INFINITY, true, 1, 0, 1, 1}, {1, true, -1, 0, 1, 1},
                                     {1, true, 1, 0, -1, 1},       {1, true, 1, 0, 1, NAN}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(fit_times(&bad[i], 1, &fit, &err), -EINVAL);
        assert_string_equal(err.text, "sample 0 has a number out of range");
    }
    static struct fit_sample many[FIT_SAMPLES_MAX + 1];
    assert_int_equal(fit_times(many, FIT_SAMPLES_MAX + 1, &fit, &err), -EINVAL);
    for (uint32_t i = 0; i <= PRESET_POINTS_MAX; i++)
        many[i] = (struct fit_sample){100, true, 1, i + 1, 1, 1};
    assert_int_equal(fit_times(many, PRESET_POINTS_MAX, &fit, &err), 0);
    assert_int_equal(fit_times(many, PRESET_POINTS_MAX + 1, &fit, &err), -EINVAL);
}

static void quantiles(void **state)
{
    (void)state;
    double values[] = {4, 1, 3, 2};
    assert_true(fit_quantile(values, 4, 0.5) == 2.5);
    assert_true(fit_quantile(values, 4, 0) == 1 && fit_quantile(values, 4, 1) == 4);
    assert_true(fit_quantile(values, 1, 0.9) == 1);
    assert_true(fit_quantile(values, 0, 0.5) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coefficients_come_back),
        cmocka_unit_test(without_divided_prompts_a_step_is_where_the_batches_meet_none),
        cmocka_unit_test(divided_prompts_tell_the_step_from_the_call),
        cmocka_unit_test(noise_of_a_tenth_moves_them_little),
        cmocka_unit_test(a_few_wild_samples_move_nothing),
        cmocka_unit_test(nothing_becomes_negative),
        cmocka_unit_test(samples_that_say_too_little_are_refused),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(quantiles),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
