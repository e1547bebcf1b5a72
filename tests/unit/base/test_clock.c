/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

static void mono_never_goes_back(void **state)
{
    (void)state;
    uint64_t last = clock_mono_us();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_mono_us();
        assert_true(now >= last);
        last = now;
    }
}

static void units_are_those_of_the_kernel(void **state)
{
    (void)state;
    struct timespec before, after;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
    uint64_t mono_us = clock_mono_us();
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
    assert_true(mono_us / 1000000 >= (uint64_t)before.tv_sec);
    assert_true(mono_us / 1000000 <= (uint64_t)after.tv_sec);

    time_t from = time(NULL);
    uint64_t wall_ms = clock_wall_ms();
    time_t to = time(NULL);
    assert_true(wall_ms / 1000 >= (uint64_t)from); /* time() may lag behind by a tick, never lead */
    assert_true(wall_ms / 1000 <= (uint64_t)to + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mono_never_goes_back),
        cmocka_unit_test(units_are_those_of_the_kernel),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
