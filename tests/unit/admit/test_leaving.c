/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admit/leaving.h"

static void calls_go_when_their_time_is_over(void **state)
{
    (void)state;
    struct leaving leaving = {0};
    leaving_forget(&leaving, 1000);
    leaving_add(&leaving, 10, 500);
    leaving_add(&leaving, 20, 300);
    leaving_add(&leaving, 40, 400);
    assert_int_equal(leaving.count, 3);
    assert_int_equal(leaving.kv, 70);
    leaving_forget(&leaving, 299);
    assert_int_equal(leaving.count, 3);
    leaving_forget(&leaving, 300);
    assert_int_equal(leaving.kv, 50);
    leaving_add(&leaving, 80, 450);
    leaving_forget(&leaving, 450);
    assert_int_equal(leaving.count, 1);
    assert_int_equal(leaving.kv, 10);
    assert_int_equal(leaving.next_ms, 500);
    leaving_forget(&leaving, UINT64_MAX);
    assert_int_equal(leaving.count + leaving.kv, 0);
}

static void what_is_too_much_counts_as_gone(void **state)
{
    (void)state;
    struct leaving leaving = {0};
    for (uint64_t i = 0; i < 2 * LEAVING_MAX; i++)
        leaving_add(&leaving, 1, 100 + i);
    assert_int_equal(leaving.count, LEAVING_MAX);
    assert_int_equal(leaving.kv, LEAVING_MAX);
    leaving_forget(&leaving, 100 + LEAVING_MAX - 2);
    assert_int_equal(leaving.count, 1);
    leaving_forget(&leaving, 100 + LEAVING_MAX - 1);
    assert_int_equal(leaving.count + leaving.kv, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_go_when_their_time_is_over),
        cmocka_unit_test(what_is_too_much_counts_as_gone),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
