/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/histogram.h"

#include <math.h>
#include <string.h>

static struct histogram histogram;

static int clear(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof(histogram));
    return 0;
}

static void nothing_has_no_quantile(void **state)
{
    (void)state;
    assert_true(histogram_quantile(&histogram, 0.5) == 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 60; i++)
        histogram_add(&histogram, i);
    assert_int_equal(histogram.count, 60);
    assert_true(histogram_quantile(&histogram, 0.5) == 30);
    assert_true(histogram_quantile(&histogram, 0) == 0);
}

static void large_values_are_known_to_one_in_64(void **state)
{
    (void)state;
    for (uint64_t value = 64; value < UINT64_MAX / 3; value *= 3) {
        memset(&histogram, 0, sizeof(histogram));
        histogram_add(&histogram, value);
        double found = histogram_quantile(&histogram, 0.99);
        assert_true(fabs(found / (double)value - 1) <= 1.0 / 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_has_no_quantile, clear),
        cmocka_unit_test_setup(small_values_are_exact, clear),
        cmocka_unit_test_setup(large_values_are_known_to_one_in_64, clear),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
