/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "faults.h"

static struct faults faults;
static struct err err;

static int begin(void **state)
{
    (void)state;
    faults_init(&faults, 1);
    return 0;
}

static int count(enum fault fault, int calls)
{
    int struck = 0;
    for (int i = 0; i < calls; i++)
        struck += fault_in(faults_strike(&faults), fault);
    return struck;
}

static void nothing_strikes_unless_armed(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(faults_strike(&faults).bits, 0);
}

static void a_rate_is_a_share_of_calls(void **state)
{
    (void)state;
    assert_int_equal(faults_arm_text(&faults, "error:0.1", &err), 0);
    assert_in_range(count(FAULT_ERROR, 10000), 900, 1100);
    assert_int_equal(faults_arm_text(&faults, "error", &err), 0);
    assert_int_equal(count(FAULT_ERROR, 100), 100);
}

static void times_run_out(void **state)
{
    (void)state;
    struct fault_arm arm = {.rate = 1, .times = 3};
    assert_int_equal(faults_arm(&faults, FAULT_STALL, &arm, &err), 0);
    assert_int_equal(count(FAULT_STALL, 100), 3);
    assert_int_equal(count(FAULT_STALL, 100), 0);
}

static void texts_are_read(void **state)
{
    (void)state;
    assert_int_equal(faults_arm_text(&faults, "slow_start:0.5:12.5", &err), 0);
    assert_true(faults.arms[FAULT_SLOW_START].rate == 0.5);
    assert_true(faults.arms[FAULT_SLOW_START].seconds == 12.5);
    for (int i = 0; i < FAULTS; i++)
        assert_int_equal(faults_arm_text(&faults, fault_name((enum fault)i), &err), 0);
    const struct {
        const char *text, *message;
    } bad[] = {
        {"", "'' is no fault"},
        {"errors", "'errors' is no fault"},
        {"error:", "'error:' is not NAME[:RATE[:SECONDS]]"},
        {"error:x", "'error:x' is not NAME[:RATE[:SECONDS]]"},
        {"error:1:2:3", "'error:1:2:3' is not NAME[:RATE[:SECONDS]]"},
        {"error:1.5", "the rate of a fault is 0 to 1"},
        {"error:-1", "the rate of a fault is 0 to 1"},
        {"error:nan", "the rate of a fault is 0 to 1"},
        {"stall:1:4000", "a fault lasts 0 to 3600 seconds"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(faults_arm_text(&faults, bad[i].text, &err), -EINVAL);
        assert_string_equal(err.text, bad[i].message);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(nothing_strikes_unless_armed),
        TEST(a_rate_is_a_share_of_calls),
        TEST(times_run_out),
        TEST(texts_are_read),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
