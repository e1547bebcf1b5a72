/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/query.h"

static const char *const names[] = {"from", "by"};

static void test_known_names_are_taken(void **state)
{
    (void)state;
    struct err err = {""};
    assert_int_equal(query_check(SPAN_NULL, names, 2, &err), 0);
    assert_int_equal(query_check(SPAN(""), names, 2, &err), 0);
    assert_int_equal(query_check(SPAN("by=key&from=1"), names, 2, &err), 0);
    assert_int_equal(query_check(SPAN("by=key&"), names, 2, &err), 0);
    assert_int_equal(query_check(SPAN("by"), names, 2, &err), 0);
}

static void test_unknown_and_double_names_are_refused(void **state)
{
    (void)state;
    struct err err = {""};
    assert_int_equal(query_check(SPAN("bye=key"), names, 2, &err), -EINVAL);
    assert_string_equal(err.text, "unknown parameter 'bye'");
    assert_int_equal(query_check(SPAN("from=1&by=a&from=2"), names, 2, &err), -EINVAL);
    assert_string_equal(err.text, "parameter 'from' comes twice");
    assert_int_equal(query_check(SPAN("=1"), names, 2, &err), -EINVAL);
}

static void test_values_lose_their_escapes(void **state)
{
    (void)state;
    struct buf value;
    buf_init(&value, 16);
    struct span query = SPAN("a=x%2Fy%20z&b=&c&d=%zz&e=%2&f=%00&g=123456789012345678901&h=1=2");
    assert_int_equal(query_get(query, SPAN("a"), &value), 1);
    assert_string_equal(buf_cstr(&value), "x/y z");
    assert_int_equal(query_get(query, SPAN("b"), &value), 0);
    assert_int_equal(query_get(query, SPAN("c"), &value), 0);
    assert_int_equal(query_get(query, SPAN("missing"), &value), 0);
    assert_int_equal(query_get(query, SPAN("d"), &value), -EINVAL);
    assert_int_equal(query_get(query, SPAN("e"), &value), -EINVAL);
    assert_int_equal(query_get(query, SPAN("f"), &value), -EINVAL);
    assert_int_equal(query_get(query, SPAN("g"), &value), -ENOSPC);
    assert_int_equal(query_get(query, SPAN("h"), &value), 1);
    assert_string_equal(buf_cstr(&value), "1=2");
    buf_release(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_names_are_taken),
        cmocka_unit_test(test_unknown_and_double_names_are_refused),
        cmocka_unit_test(test_values_lose_their_escapes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
