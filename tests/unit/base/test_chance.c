/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/chance.h"

#include <math.h>

static void the_same_seed_gives_the_same_draws(void **state)
{
    (void)state;
    struct chance a = chance_of(7), b = chance_of(7), other = chance_of(8);
    for (int i = 0; i < 100; i++) {
        uint64_t drawn = chance_u64(&a);
        assert_true(drawn == chance_u64(&b));
        assert_false(drawn == chance_u64(&other));
    }
    assert_true(chance_seed(1, 2) == chance_seed(1, 2));
    assert_false(chance_seed(1, 2) == chance_seed(2, 1));
}

static void units_are_even(void **state)
{
    (void)state;
    struct chance chance = chance_of(1);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double unit = chance_unit(&chance);
        assert_true(unit >= 0 && unit < 1);
        sum += unit;
    }
    assert_true(sum > 49500 && sum < 50500);
}

/* Mean and coefficient of variation of 200,000 draws; the bounds are five deviations of the estimate wide, or more. */
static void moments_of(double (*draw)(struct chance *chance, double shape), double shape,
                       double mean, double cv)
{
    struct chance chance = chance_of(11);
    double sum = 0, squares = 0;
    const int count = 200000;
    for (int i = 0; i < count; i++) {
        double value = draw(&chance, shape);
        sum += value;
        squares += value * value;
    }
    double found = sum / count;
    double found_cv = sqrt(squares / count - found * found) / found;
    assert_true(fabs(found / mean - 1) < 0.02 * (cv > 1 ? cv : 1));
    assert_true(fabs(found_cv / cv - 1) < 0.05);
}

static double exponential(struct chance *chance, double shape)
{
    (void)shape;
    return chance_exponential(chance);
}

static void draws_have_the_moments_of_their_law(void **state)
{
    (void)state;
    moments_of(exponential, 0, 1, 1);
    moments_of(chance_gamma, 4, 4, 0.5);
    moments_of(chance_gamma, 0.25, 0.25, 2);
    moments_of(chance_weibull, 2, 0.886227, 0.522723);
    moments_of(chance_weibull, 0.5, 2, 2.236068);
}

static void lengths_have_their_median_and_their_p90(void **state)
{
    (void)state;
    struct chance chance = chance_of(3);
    int below_median = 0, below_p90 = 0;
    for (int i = 0; i < 100000; i++) {
        uint32_t length = chance_length(&chance, 200, 800, 1000000);
        assert_true(length >= 1);
        below_median += length < 200;
        below_p90 += length < 800;
    }
    assert_in_range(below_median, 49000, 51000);
    assert_in_range(below_p90, 89000, 91000);
}

static void lengths_stay_in_their_bounds(void **state)
{
    (void)state;
    struct chance chance = chance_of(4);
    for (int i = 0; i < 10000; i++) {
        assert_in_range(chance_length(&chance, 0.01, 0.01, 10), 1, 1);
        assert_in_range(chance_length(&chance, 100, 100000, 300), 1, 300);
        assert_in_range(chance_length(&chance, 50, 50, 300), 50, 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_draws),
        cmocka_unit_test(units_are_even),
        cmocka_unit_test(draws_have_the_moments_of_their_law),
        cmocka_unit_test(lengths_have_their_median_and_their_p90),
        cmocka_unit_test(lengths_stay_in_their_bounds),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
