/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "member.h"

static void test_what_is_not_there_is_told_apart(void **state)
{
    (void)state;
    json_t *json =
        json_pack("{s:s, s:i, s:i, s:b}", "text", "a", "number", 7, "debt", -3, "flag", 1);
    assert_string_equal(member_text(json, "text", "?"), "a");
    assert_string_equal(member_text(json, "number", "?"), "?");
    assert_string_equal(member_text(json, "none", "?"), "?");
    assert_string_equal(member_text(NULL, "text", "?"), "?");
    assert_int_equal(member_number(json, "number"), 7);
    assert_int_equal(member_number(json, "debt"), 0);
    assert_int_equal(member_number(json, "text"), 0);
    assert_int_equal(member_number(NULL, "number"), 0);
    assert_true(member_is_true(json, "flag"));
    assert_false(member_is_true(json, "number"));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_there_is_told_apart),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
