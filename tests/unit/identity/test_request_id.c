/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "identity/request_id.h"

static void names_have_time_and_chance(void **state)
{
    (void)state;
    uint64_t wall_us = 1795476901042000;
    char text[REQUEST_ID_BYTES + 1], again[REQUEST_ID_BYTES + 1];
    request_id_new(wall_us, text);
    request_id_new(wall_us, again);
    assert_int_equal(strlen(text), REQUEST_ID_BYTES);
    assert_memory_equal(text, "req_", 4);
    uint64_t time, chance;
    assert_int_equal(text_unbase62(span_of(text + 4, 11), &time), 0);
    assert_int_equal(text_unbase62(span_of(text + 15, 11), &chance), 0);
    assert_true(time == wall_us);
    assert_memory_equal(text, again, 15);
    assert_true(memcmp(text + 15, again + 15, 11) != 0);
}

static void later_names_sort_later(void **state)
{
    (void)state;
    char before[REQUEST_ID_BYTES + 1], after[REQUEST_ID_BYTES + 1];
    for (unsigned bit = 0; bit < 60; bit++) {
        request_id_new((UINT64_C(1) << bit) - 1, before);
        request_id_new(UINT64_C(1) << bit, after);
        assert_true(memcmp(before, after, 15) < 0);
    }
}

static void a_name_tells_when_it_was_made(void **state)
{
    (void)state;
    char text[REQUEST_ID_BYTES + 1];
    uint64_t wall_us = 0;
    request_id_new(1795476901042000, text);
    assert_int_equal(request_id_time(span_str(text), &wall_us), 0);
    assert_int_equal(wall_us, 1795476901042000);
    static const char *const others[] = {"",
                                         "req_",
                                         "req_0000000000a0000000000",
                                         "req_0000000000a0000000000bc",
                                         "REQ_0000000000a0000000000b",
                                         "req_000000000-a0000000000b",
                                         "req_0000000000a00000 0000b",
                                         "req_zzzzzzzzzzz0000000000b"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_int_equal(request_id_time(span_str(others[i]), &wall_us), -EINVAL);
    assert_int_equal(wall_us, 1795476901042000);
}

static void assert_cleaned(struct span header, const char *expected)
{
    char room[65];
    struct span left = request_id_of_client(header, room);
    assert_false(span_is_null(left));
    assert_ptr_equal(left.ptr, room);
    assert_int_equal(left.len, strlen(expected));
    assert_string_equal(room, expected);
}

static void clients_names_are_cleaned_and_cut(void **state)
{
    (void)state;
    assert_cleaned(SPAN("abc-123"), "abc-123");
    assert_cleaned(SPAN(" a b\t"), "a b");
    assert_cleaned(SPAN("a\"b\\c"), "abc");
    assert_cleaned(SPAN("a\0b\r\nc\x1b[31m\x7f"), "abc[31m");
    assert_cleaned(SPAN("\xe6\xa8\xa1x\xff"), "x");
    assert_cleaned(SPAN("{'~!}"), "{'~!}");

    char letters[200], expected[65];
    memset(letters, 'l', sizeof(letters));
    memset(expected, 'l', 64);
    expected[64] = '\0';
    assert_cleaned(span_of(letters, 64), expected);
    assert_cleaned(span_of(letters, 65), expected);
    memset(letters, '"', 100); /* what is dropped takes no place */
    assert_cleaned(span_of(letters, 164), expected);
}

static void nothing_left_is_null(void **state)
{
    (void)state;
    char room[65] = "x";
    assert_true(span_is_null(request_id_of_client(SPAN_NULL, room)));
    assert_true(span_is_null(request_id_of_client(SPAN(""), room)));
    assert_true(span_is_null(request_id_of_client(SPAN(" \t "), room)));
    assert_true(span_is_null(request_id_of_client(SPAN("\"\\\x01\xff"), room)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_time_and_chance),
        cmocka_unit_test(later_names_sort_later),
        cmocka_unit_test(a_name_tells_when_it_was_made),
        cmocka_unit_test(clients_names_are_cleaned_and_cut),
        cmocka_unit_test(nothing_left_is_null),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
