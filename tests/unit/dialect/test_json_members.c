/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/json_dom.h"

static void assert_span(struct span s, const char *expected)
{
    if (!span_eq(s, span_str(expected)))
        fail_msg("'%.*s' instead of '%s'", (int)s.len, s.ptr, expected);
}

static void members_come_as_written(void **state)
{
    (void)state;
    struct json_members members =
        json_members(SPAN(" { \"a\" : 1 ,\n\"b\\u0063\":\t\"x\\\"},{\" , \"\":[1, {\"]\":2}] "
                          ",\"d\":{ \"e\" : null }\r\n}"));
    static const char *const expected[][2] = {{"a", "1"},
                                              {"b\\u0063", "\"x\\\"},{\""},
                                              {"", "[1, {\"]\":2}]"},
                                              {"d", "{ \"e\" : null }"}};
    struct span key, value;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(json_members_next(&members, &key, &value));
        assert_span(key, expected[i][0]);
        assert_span(value, expected[i][1]);
    }
    assert_false(json_members_next(&members, &key, &value));
    assert_false(json_members_next(&members, &key, &value));
}

static void backslashes_before_a_quote_are_counted(void **state)
{
    (void)state;
    struct json_members members =
        json_members(SPAN("{\"a\\\\\":\"\\\\\\\"\",\"b\":\"\\\\\",\"c\":\"\"}"));
    struct span key, value;
    assert_true(json_members_next(&members, &key, &value));
    assert_span(key, "a\\\\");
    assert_span(value, "\"\\\\\\\"\"");
    assert_true(json_members_next(&members, &key, &value));
    assert_span(value, "\"\\\\\"");
    assert_true(json_members_next(&members, &key, &value));
    assert_span(value, "\"\"");
    assert_false(json_members_next(&members, &key, &value));
}

static void elements_come_as_written(void **state)
{
    (void)state;
    struct json_members elements =
        json_members(SPAN("[ [ ] , {} ,-1.5e3,true , \"a,b\",[[\"]\"],1]]"));
    static const char *const expected[] = {"[ ]", "{}", "-1.5e3", "true", "\"a,b\"", "[[\"]\"],1]"};
    struct span value;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(json_elements_next(&elements, &value));
        assert_span(value, expected[i]);
    }
    assert_false(json_elements_next(&elements, &value));
}

/* Values are looked through in blocks of 64 bytes: each mark comes to lie on each side of a block's border. */
static void where_a_value_lies_in_its_text_makes_no_difference(void **state)
{
    (void)state;
    static const char *const values[] = {"[\"\\\"]\",{\"a\":[\"]\"]}]", "{\"\\\\\":\"{\"}",
                                         "[\"\\\\\\\"\",[]]", "\"]\\\\\\\"\"", "-1.5e3"};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        for (size_t fill = 0; fill < 200; fill++) {
            char inner[256], whole[300];
            int inner_len =
                snprintf(inner, sizeof(inner), "[\"%.*s\",%s]", (int)fill,
                         "0123456789012345678901234567890123456789012345678901234567890123456789"
                         "0123456789012345678901234567890123456789012345678901234567890123456789"
                         "012345678901234567890123456789012345678901234567890123456789",
                         values[i]);
            snprintf(whole, sizeof(whole), "{\"k\": %s ,\"l\":%s}", inner, values[i]);
            struct json_members members = json_members(span_str(whole));
            struct span key, value;
            assert_true(json_members_next(&members, &key, &value));
            assert_int_equal(value.len, inner_len);
            assert_memory_equal(value.ptr, inner, value.len);
            assert_true(json_members_next(&members, &key, &value));
            assert_span(value, values[i]);
            assert_false(json_members_next(&members, &key, &value));
        }
    }
}

static void empty_ones_have_nothing(void **state)
{
    (void)state;
    struct span key, value;
    static const char *const texts[] = {"{}", "{ }", " [\n] ", "[]"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct json_members members = json_members(span_str(texts[i]));
        assert_false(json_members_next(&members, &key, &value));
    }
}

/* Texts that were never accepted must still end, inside the span. */
static void walking_stays_inside_whatever_it_is_given(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"a\\\\\\\"b\":[1,{\"c\":\"d]\"}, \"e\\\\\" ],\"f\":-1e5 , \"g\":{}}";
    struct span key, value;
    for (size_t start = 0; start < sizeof(whole); start++) {
        for (size_t end = start; end < sizeof(whole); end++) {
            size_t len = end - start, steps = 0;
            char *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, whole + start, len);
            struct json_members members = json_members(span_of(copy, len));
            while (json_members_next(&members, &key, &value)) {
                assert_true(value.ptr >= copy && value.ptr + value.len <= copy + len);
                assert_true(++steps <= len);
            }
            members = json_members(span_of(copy, len));
            for (steps = 0; json_elements_next(&members, &value);)
                assert_true(++steps <= len);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_as_written),
        cmocka_unit_test(backslashes_before_a_quote_are_counted),
        cmocka_unit_test(elements_come_as_written),
        cmocka_unit_test(where_a_value_lies_in_its_text_makes_no_difference),
        cmocka_unit_test(empty_ones_have_nothing),
        cmocka_unit_test(walking_stays_inside_whatever_it_is_given),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
