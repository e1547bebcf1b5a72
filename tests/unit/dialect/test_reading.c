/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/reading.h"

#include "request.h"

static struct reading reading = {.inference = &inference, .refusal = &refusal};

static struct json_value parsed(const char *text)
{
    size_t len = strlen(text);
    memcpy(body_bytes, text, len);
    struct json_value root = {0};
    assert_int_equal(json_parse(parser, span_of(body_bytes, len), &root, NULL), 0);
    return root;
}

static void places_become_paths(void **state)
{
    (void)state;
    const struct place *place =
        PLACE_MEMBER(PLACE_ELEMENT(PLACE_MEMBER(NULL, "messages"), 12), "role");
    assert_int_equal(reading_refuse(&reading, place, "must be %d", 7), -EINVAL);
    assert_int_equal(refusal.reason, REASON_BAD_FIELD);
    assert_string_equal(refusal.param, "messages[12].role");
    assert_string_equal(refusal.message.text, "'messages[12].role' must be 7");
    assert_int_equal(reading_refuse(&reading, PLACE_MEMBER(NULL, "n"), "is missing"), -EINVAL);
    assert_string_equal(refusal.param, "n");
}

static void long_paths_are_cut(void **state)
{
    (void)state;
    const char *name = "a-rather-long-name-of-forty-eight-characters-abc";
    const struct place *outer = PLACE_MEMBER(PLACE_MEMBER(NULL, name), name);
    assert_int_equal(reading_refuse(&reading, PLACE_ELEMENT(PLACE_MEMBER(outer, name), 5), "x"),
                     -EINVAL);
    assert_int_equal(strlen(refusal.param), sizeof(refusal.param) - 1);
}

static void members_are_told_absent_null_and_wrong(void **state)
{
    (void)state;
    struct json_value object = parsed("{\"s\":\"x\",\"b\":true,\"o\":{},\"n\":null}"), value;
    const struct place *place = PLACE_MEMBER(NULL, "p");
    struct span text;
    bool flag = false;
    assert_int_equal(reading_string(&reading, place, object, "s", REQUIRED, &text), 1);
    assert_true(span_eq(text, SPAN("x")));
    assert_int_equal(reading_string(&reading, place, object, "n", OPTIONAL, &text), 0);
    assert_int_equal(reading_string(&reading, place, object, "gone", OPTIONAL, &text), 0);
    assert_int_equal(reading_string(&reading, place, object, "n", REQUIRED, &text), -EINVAL);
    assert_string_equal(refusal.message.text, "'p.n' is missing");
    assert_int_equal(reading_string(&reading, place, object, "b", OPTIONAL, &text), -EINVAL);
    assert_string_equal(refusal.message.text, "'p.b' must be a string");
    assert_int_equal(reading_flag(&reading, place, object, "b", &flag), 1);
    assert_true(flag);
    assert_int_equal(reading_flag(&reading, place, object, "s", &flag), -EINVAL);
    assert_string_equal(refusal.message.text, "'p.s' must be true or false");
    assert_int_equal(reading_object(&reading, place, object, "o", REQUIRED, &value), 1);
    assert_int_equal(reading_object(&reading, place, object, "s", REQUIRED, &value), -EINVAL);
    assert_string_equal(refusal.message.text, "'p.s' must be an object");
    assert_false(reading_member(object, "n", &value));
    assert_true(reading_member(object, "s", &value));
}

static void words_are_whole(void **state)
{
    (void)state;
    assert_true(word_in(SPAN("low"), "none low high"));
    assert_true(word_in(SPAN("none"), "none low high"));
    assert_true(word_in(SPAN("high"), "none low high"));
    assert_false(word_in(SPAN("hig"), "none low high"));
    assert_false(word_in(SPAN("low high"), "none low high"));
    assert_false(word_in(SPAN(""), "none low high"));
    assert_false(word_in(SPAN_NULL, "none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_become_paths),
        cmocka_unit_test(long_paths_are_cut),
        cmocka_unit_test(members_are_told_absent_null_and_wrong),
        cmocka_unit_test(words_are_whole),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
