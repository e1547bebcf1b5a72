/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dies.h"

static void kept_promise(void)
{
    check(1 + 1 == 2);
}

static void broken_promise(void)
{
    check(1 + 1 == 3);
}

static void long_condition(void)
{
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    check_failed(text, "file.c", 7, "function");
}

static void true_condition_goes_on(void **state)
{
    (void)state;
    char text[100];
    assert_false(dies(kept_promise, text, sizeof(text)));
    assert_string_equal(text, "");
}

static void false_condition_names_the_place_and_aborts(void **state)
{
    (void)state;
    char text[600];
    assert_true(dies(broken_promise, text, sizeof(text)));
    assert_non_null(strstr(text, "check failed: 1 + 1 == 3, in broken_promise ("));
    assert_non_null(strstr(text, "test_check.c:"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void long_text_is_cut(void **state)
{
    (void)state;
    char text[1000];
    assert_true(dies(long_condition, text, sizeof(text)));
    assert_int_equal(strlen(text), 511);
}

static void take_leaves_null_behind(void **state)
{
    (void)state;
    int thing = 1;
    int *mine = &thing;
    int *yours = TAKE(mine);
    assert_ptr_equal(yours, &thing);
    assert_null(mine);
}

static void min_and_max_look_once(void **state)
{
    (void)state;
    int looks = 0;
    assert_int_equal(MIN(++looks, 5), 1);
    assert_int_equal(MAX(++looks, 1), 2);
    assert_int_equal(looks, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(true_condition_goes_on),
        cmocka_unit_test(false_condition_names_the_place_and_aborts),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(take_leaves_null_behind),
        cmocka_unit_test(min_and_max_look_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
