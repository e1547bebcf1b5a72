/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gates.h"

#define TITLES "POOL   LIMIT  RUNNING  WAITING: IN-PROFILE  PAID  UNKNOWN  CUT  NOW\n"

static void assert_table(const char *pools, const char *expected)
{
    struct buf text;
    json_t *json = json_loads(pools, 0, NULL);
    assert_non_null(json);
    buf_init(&text, 4096);
    assert_int_equal(gates_write(json, &text), 0);
    assert_string_equal(buf_cstr(&text), expected);
    buf_release(&text);
    json_decref(json);
}

static void test_each_pool_has_its_line(void **state)
{
    (void)state;
    assert_table(
        "[{\"name\":\"large\",\"gate\":{\"limit\":16,\"running\":{\"in_profile\":9,\"paid\":1,"
        "\"unknown\":6},"
        "\"waiting\":{\"in_profile\":1,\"paid\":20,\"unknown\":4000},\"cut\":12,\"siege\":true}},"
        "{\"name\":\"small\",\"gate\":{\"limit\":4,\"running\":{},\"waiting\":{},\"cut\":0,"
        "\"siege\":false}}]",
        TITLES "large     16       16                    1    20    4,000   12  siege\n"
               "small      4        0                    0     0        0    0  calm\n");
}

static void test_rungs_of_the_ladder_are_told(void **state)
{
    (void)state;
    assert_table("[{\"name\":\"a\",\"gate\":{\"siege\":true,\"rungs\":2}},"
                 "{\"name\":\"b\",\"gate\":{\"siege\":false,\"rungs\":1}}]",
                 "POOL  LIMIT  RUNNING  WAITING: IN-PROFILE  PAID  UNKNOWN  CUT  NOW\n"
                 "a         0        0                    0     0        0    0  siege, rung 2\n"
                 "b         0        0                    0     0        0    0  crowd, rung 1\n");
}

static void test_a_service_without_gates_has_none(void **state)
{
    (void)state;
    assert_table("[{\"name\":\"large\"}]",
                 TITLES "large      0        0                    0     0        0    0  calm\n");
    assert_table("[]", "POOL  LIMIT  RUNNING  WAITING: IN-PROFILE  PAID  UNKNOWN  CUT  NOW\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pool_has_its_line),
        cmocka_unit_test(test_rungs_of_the_ladder_are_told),
        cmocka_unit_test(test_a_service_without_gates_has_none),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
