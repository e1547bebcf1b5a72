/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/span.h"

static void assert_span(struct span s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

static void absent_and_empty_differ(void **state)
{
    (void)state;
    assert_true(span_is_null(SPAN_NULL));
    assert_true(span_is_null(span_str(NULL)));
    assert_false(span_is_null(SPAN("")));
    assert_true(span_eq(SPAN_NULL, SPAN("")));
}

static void equality(void **state)
{
    (void)state;
    assert_true(span_eq(SPAN("abc"), span_of("abcd", 3)));
    assert_false(span_eq(SPAN("abc"), SPAN("abd")));
    assert_false(span_eq(SPAN("abc"), SPAN("ab")));
    assert_true(span_eq(span_of("a\0b", 3), span_of("a\0b", 3)));
    assert_false(span_eq(span_of("a\0b", 3), span_of("a\0c", 3)));
}

static void case_is_ascii_only(void **state)
{
    (void)state;
    assert_true(span_eq_nocase(SPAN("Content-TYPE"), SPAN("content-type")));
    assert_false(span_eq_nocase(SPAN("Content-Type"), SPAN("Content-Typ")));
    assert_false(span_eq_nocase(SPAN("@"), SPAN("`")));
    assert_false(span_eq_nocase(SPAN("["), SPAN("{")));
    assert_false(span_eq_nocase(SPAN("\xc3\x84"), SPAN("\xc3\xa4")));
    assert_true(span_eq_nocase(SPAN_NULL, SPAN("")));
}

static void skip_and_take_stop_at_the_end(void **state)
{
    (void)state;
    assert_span(span_skip(SPAN("abc"), 1), "bc");
    assert_span(span_skip(SPAN("abc"), 4), "");
    assert_span(span_take(SPAN("abc"), 2), "ab");
    assert_span(span_take(SPAN("abc"), SIZE_MAX), "abc");
    assert_true(span_is_null(span_skip(SPAN_NULL, 5)));
    assert_true(span_is_null(span_take(SPAN_NULL, 5)));
}

static void start_and_end(void **state)
{
    (void)state;
    assert_true(span_starts(SPAN("/v1/models"), SPAN("/v1/")));
    assert_false(span_starts(SPAN("/v1"), SPAN("/v1/")));
    assert_true(span_starts(SPAN_NULL, SPAN("")));
    assert_true(span_ends(SPAN("a.yaml"), SPAN(".yaml")));
    assert_false(span_ends(SPAN("yaml"), SPAN(".yaml")));
    assert_true(span_ends(SPAN("yaml"), SPAN_NULL));
}

static void finding(void **state)
{
    (void)state;
    assert_int_equal(span_find(SPAN("ababc"), SPAN("abc")), 2);
    assert_int_equal(span_find(SPAN("ababc"), SPAN("ababcd")), -1);
    assert_int_equal(span_find(SPAN("abc"), SPAN("")), 0);
    assert_int_equal(span_find(SPAN_NULL, SPAN_NULL), 0);
    assert_int_equal(span_find(SPAN_NULL, SPAN("a")), -1);
    assert_int_equal(span_find(span_of("abc", 2), SPAN("c")), -1);
    assert_int_equal(span_find_byte(SPAN("a:b:c"), ':'), 1);
    assert_int_equal(span_find_byte(SPAN("\xff"), '\xff'), 0);
    assert_int_equal(span_find_byte(SPAN("abc"), '\0'), -1);
    assert_int_equal(span_find_byte(SPAN_NULL, 'a'), -1);
}

static void trimming_takes_spaces_and_tabs_only(void **state)
{
    (void)state;
    assert_span(span_trim(SPAN(" \t a b\t ")), "a b");
    assert_span(span_trim(SPAN("\r\na\v")), "\r\na\v");
    assert_span(span_trim(SPAN(" \t")), "");
    assert_true(span_is_null(span_trim(SPAN_NULL)));
}

static void splitting(void **state)
{
    (void)state;
    struct span rest = SPAN("a,,b,");
    struct span part;
    const char *expected[] = {"a", "", "b", ""};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(span_split(&rest, ',', &part));
        assert_span(part, expected[i]);
    }
    assert_false(span_split(&rest, ',', &part));

    rest = SPAN("");
    assert_true(span_split(&rest, ',', &part));
    assert_int_equal(part.len, 0);
    assert_false(span_split(&rest, ',', &part));
}

static void constant_time_equality(void **state)
{
    (void)state;
    assert_true(span_eq_constant_time(SPAN("secret"), SPAN("secret")));
    assert_false(span_eq_constant_time(SPAN("secret"), SPAN("secreT")));
    assert_false(span_eq_constant_time(SPAN("secret"), SPAN("secre")));
    assert_true(span_eq_constant_time(SPAN_NULL, SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_and_empty_differ),
        cmocka_unit_test(equality),
        cmocka_unit_test(case_is_ascii_only),
        cmocka_unit_test(skip_and_take_stop_at_the_end),
        cmocka_unit_test(start_and_end),
        cmocka_unit_test(finding),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_only),
        cmocka_unit_test(splitting),
        cmocka_unit_test(constant_time_equality),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
