/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "dialect/json_dom.h"

#define BYTES_MAX (4u << 20)
#define DEPTH_MAX 8

static struct json_parser *parser;
static char *text_copy;
static struct err err;

static int set_up(void **state)
{
    (void)state;
    parser = json_parser_new(BYTES_MAX, DEPTH_MAX);
    text_copy = malloc(BYTES_MAX + 1 + JSON_PADDING);
    return parser && text_copy ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    json_parser_free(parser);
    free(text_copy);
    return 0;
}

/* Parses a copy whose padding would make the text longer if it were read. */
static int parse(struct span text, struct json_value *ret_root)
{
    memcpy(text_copy, text.ptr, text.len);
    memset(text_copy + text.len, '7', JSON_PADDING);
    err.text[0] = '\0';
    return json_parse(parser, span_of(text_copy, text.len), ret_root, &err);
}

static struct json_value good(const char *text)
{
    struct json_value root = {0};
    int r = parse(span_str(text), &root);
    if (r < 0)
        fail_msg("%s: %s", text, err.text);
    return root;
}

static void bad(int code, struct span text)
{
    struct json_value root;
    int r = parse(text, &root);
    if (r != code)
        fail_msg("%.*s: %d instead of %d", (int)MIN(text.len, (size_t)80), text.ptr, r, code);
    assert_true(err.text[0] != '\0');
}

static struct json_value member(struct json_value object, const char *key)
{
    struct json_value value = {0};
    assert_true(json_get(object, span_str(key), &value));
    return value;
}

static void assert_string(struct json_value value, struct span expected)
{
    struct span s = json_string(value);
    assert_int_equal(s.len, expected.len);
    assert_memory_equal(s.ptr, expected.ptr, expected.len);
}

static void every_kind_is_told(void **state)
{
    (void)state;
    struct json_value root =
        good("{\"n\":null,\"t\":true,\"f\":false,\"i\":-5,\"u\":18446744073709551615,"
             "\"d\":1.5,\"s\":\"x\",\"a\":[1,2],\"o\":{\"k\":1}}");
    assert_int_equal(json_kind(root), JSON_OBJECT);
    assert_int_equal(json_count(root), 9);
    assert_int_equal(json_kind(member(root, "n")), JSON_NULL);
    assert_int_equal(json_kind(member(root, "t")), JSON_BOOL);
    assert_int_equal(json_kind(member(root, "f")), JSON_BOOL);
    assert_int_equal(json_kind(member(root, "i")), JSON_INT);
    assert_int_equal(json_kind(member(root, "u")), JSON_UINT);
    assert_int_equal(json_kind(member(root, "d")), JSON_DOUBLE);
    assert_int_equal(json_kind(member(root, "s")), JSON_STRING);
    assert_int_equal(json_kind(member(root, "a")), JSON_ARRAY);
    assert_int_equal(json_count(member(root, "a")), 2);
    assert_true(json_bool(member(root, "t")));
    assert_false(json_bool(member(root, "f")));
    assert_false(json_bool(member(root, "i")));
}

static void numbers_read_as_what_fits(void **state)
{
    (void)state;
    struct json_value root = good("[-5,9223372036854775807,9223372036854775808,0.25,\"1\"]"), item;
    struct json_walk walk = json_walk(root);
    int64_t i = 0;
    double d = 0;
    assert_true(json_walk_next(&walk, NULL, &item));
    assert_true(json_i64(item, &i));
    assert_int_equal(i, -5);
    assert_true(json_number(item, &d));
    assert_true(d == -5.0);
    assert_true(json_walk_next(&walk, NULL, &item));
    assert_true(json_i64(item, &i));
    assert_true(i == INT64_MAX);
    assert_true(json_walk_next(&walk, NULL, &item));
    assert_false(json_i64(item, &i));
    assert_true(json_number(item, &d));
    assert_true(d == 9223372036854775808.0);
    assert_true(json_walk_next(&walk, NULL, &item));
    assert_false(json_i64(item, &i));
    assert_true(json_number(item, &d));
    assert_true(d == 0.25);
    assert_true(json_walk_next(&walk, NULL, &item));
    assert_false(json_number(item, &d));
    assert_false(json_walk_next(&walk, NULL, &item));
}

static void wrong_kinds_read_as_nothing(void **state)
{
    (void)state;
    struct json_value root = good("[{\"a\":1},\"s\",7]"), item;
    assert_false(json_get(root, SPAN("a"), &item));
    assert_true(span_is_null(json_string(root)));
    assert_int_equal(json_count(good("\"abc\"")), 0);
    struct json_walk walk = json_walk(good("\"abc\""));
    assert_false(json_walk_next(&walk, NULL, &item));
}

static void walks_keep_the_order(void **state)
{
    (void)state;
    struct json_value root = good("{\"b\":[[],{}],\"a\":{\"x\":1.5},\"\":3}"), item;
    struct json_walk walk = json_walk(root);
    struct span key;
    static const char *const keys[] = {"b", "a", ""};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_true(json_walk_next(&walk, &key, &item));
        assert_true(span_eq(key, span_str(keys[i])));
    }
    assert_false(json_walk_next(&walk, &key, &item));
    assert_false(json_get(root, SPAN("c"), &item));
}

static void strings_are_unescaped_and_may_hold_zero(void **state)
{
    (void)state;
    assert_string(good("\"a\\u0000b\\n\\/\\\"\""), span_of("a\0b\n/\"", 6));
    assert_string(good("\"\\ud83d\\ude00\""), SPAN("\xf0\x9f\x98\x80"));
    assert_string(good("\"\\uDBFF\\uDFFF\""), SPAN("\xf4\x8f\xbf\xbf"));
    assert_string(good("\"\x7f\xc3\xa4\""), SPAN("\x7f\xc3\xa4"));
    assert_string(member(good("{\"m\\u006fdel\":\"x\"}"), "model"), SPAN("x"));
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "}",
                                        "[1,]",
                                        "{\"a\":1,}",
                                        "{\"a\" 1}",
                                        "{a:1}",
                                        "{} {}",
                                        "{}x",
                                        "tru",
                                        "nullx",
                                        "01",
                                        "1.",
                                        ".5",
                                        "+1",
                                        "-",
                                        "1e",
                                        "NaN",
                                        "Infinity",
                                        "'a'",
                                        "\"abc",
                                        "[}",
                                        "// x\n1",
                                        "\"\\x41\"",
                                        "\"\\u12\"",
                                        "\"a\nb\"",
                                        "\f1",
                                        "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        bad(-EBADMSG, span_str(texts[i]));
    bad(-EBADMSG, span_of("{}\0", 3));
    bad(-EBADMSG, span_of("\"a\0b\"", 5));
}

static void what_is_no_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"\x80\"",         "\"\xc0\x80\"",
                                        "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                                        "\"\xe2\x82\"",     "{\"\xff\":1}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        bad(-EBADMSG, span_str(texts[i]));
        assert_string_equal(err.text, "not valid UTF-8");
    }
}

static void lone_surrogates_are_refused(void **state)
{
    (void)state;
    char text[32];
    /* Every high surrogate with a sample of followers, and every low one alone. */
    for (unsigned high = 0xd800; high < 0xe000; high++) {
        snprintf(text, sizeof(text), "\"\\u%04x\"", high);
        bad(-EBADMSG, span_str(text));
        for (unsigned next = high & 0x3f; next < 0x10000; next += 0x3bf) {
            snprintf(text, sizeof(text), "\"\\u%04x\\u%04X\"", high, next);
            struct json_value root;
            bool pair = high < 0xdc00 && next >= 0xdc00 && next < 0xe000;
            assert_int_equal(parse(span_str(text), &root), pair ? 0 : -EBADMSG);
        }
    }
    bad(-EBADMSG, SPAN("\"\\ud800x\""));
    bad(-EBADMSG, SPAN("\"\\ud800\\n\""));
    bad(-EBADMSG, SPAN("{\"\\udfff\":1}"));
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"1e999", "-1e999", "18446744073709551616",
                                        "-9223372036854775809", "100000000000000000000000"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        bad(-EBADMSG, span_str(texts[i]));
        assert_string_equal(err.text, "a number is malformed or out of range, or something else is behind it");
    }
    double d = 1;
    assert_true(json_number(good("1e-999"), &d));
    assert_true(d == 0.0);
}

static void depth_counts_every_bracket(void **state)
{
    (void)state;
    good("[[[[[[[[1]]]]]]]]");
    good("[[[[[[[[]]]]]]]]");
    good("[{\"a\":[{\"a\":[{\"a\":[{}]}]}]}]");
    bad(-ELOOP, SPAN("[[[[[[[[[1]]]]]]]]]"));
    bad(-ELOOP, SPAN("[[[[[[[[[]]]]]]]]]"));
    bad(-ELOOP, SPAN("[{\"a\":[{\"a\":[{\"a\":[{\"a\":{}}]}]}]}]"));
    good("[[[[[[[1]]]]]],[[[[[[[1]]]]]]]]");
}

static void deep_nesting_costs_nothing(void **state)
{
    (void)state;
    char *deep = malloc(1 << 20);
    assert_non_null(deep);
    memset(deep, '[', 1 << 19);
    memset(deep + (1 << 19), ']', 1 << 19);
    bad(-ELOOP, span_of(deep, 1 << 20));
    free(deep);
}

static void duplicate_keys_are_refused_at_every_level(void **state)
{
    (void)state;
    bad(-EEXIST, SPAN("{\"max_tokens\":1,\"max_tokens\":2}"));
    assert_string_equal(err.text, "the key 'max_tokens' occurs twice in one object");
    bad(-EEXIST, SPAN("{\"max_tokens\":1,\"max\\u005ftokens\":2}"));
    bad(-EEXIST, SPAN("{\"\":1,\"\":2}"));
    bad(-EEXIST, SPAN("[1,{\"b\":{\"a\":1,\"c\":[],\"a\":1}}]"));
    bad(-EEXIST, SPAN("{\"a\":{\"a\":1},\"b\":[{\"a\":2}],\"a\":3}"));
    good("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}],\"A\":1,\"aa\":1}");
    good("{\"a\":1,\"a\\u0000\":2,\"\":3,\"\\u0000\":4}");
    good("{\"12345678abcdefgh\":1,\"12345678Xabcdefgh\":1,\"12345678Yabcdefgh\":1}");
}

/* {"<prefix>0":0,…} with the last key as given; for objects of every size. */
static size_t write_object(char *text, size_t size, const char *prefix, size_t count, size_t last)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        size_t name = i + 1 == count ? last : i;
        int wrote = snprintf(text + len, size - len, "%c\"%s%zu\":0", i ? ',' : '{', prefix, name);
        assert_true(wrote > 0 && (size_t)wrote < size - len);
        len += (size_t)wrote;
    }
    text[len++] = '}';
    return len;
}

static void duplicates_are_found_in_objects_of_every_size(void **state)
{
    (void)state;
    static char text[2 << 20];
    static char long_prefix[301];
    memset(long_prefix, 'k', 300);
    const char *const prefixes[] = {"", "a-middle-sized-key-of-", long_prefix};
    static const size_t counts[] = {2, 3, 31, 32, 33, 34, 64, 65, 500, 4096};
    for (size_t p = 0; p < COUNT_OF(prefixes); p++) {
        for (size_t i = 0; i < COUNT_OF(counts); i++) {
            size_t count = counts[i];
            struct json_value root = {0};
            size_t len = write_object(text, sizeof(text), prefixes[p], count, count - 1);
            assert_int_equal(parse(span_of(text, len), &root), 0);
            assert_int_equal(json_count(root), count);
            len = write_object(text, sizeof(text), prefixes[p], count, 0);
            bad(-EEXIST, span_of(text, len));
            len = write_object(text, sizeof(text), prefixes[p], count, (count - 1) / 2);
            if (count > 2)
                bad(-EEXIST, span_of(text, len));
        }
    }
}

static void more_keys_than_the_cap_are_refused(void **state)
{
    (void)state;
    static char text[1 << 20];
    size_t len = write_object(text, sizeof(text), "", JSON_KEYS_MAX + 1, JSON_KEYS_MAX);
    bad(-ENOSPC, span_of(text, len));
}

static void long_texts_are_refused_and_the_border_is_not(void **state)
{
    (void)state;
    char *text = malloc(BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', BYTES_MAX + 1);
    text[0] = '7';
    struct json_value root = {0};
    assert_int_equal(parse(span_of(text, BYTES_MAX), &root), 0);
    bad(-ENOSPC, span_of(text, BYTES_MAX + 1));
    free(text);
}

static void a_parser_serves_small_after_large_and_after_errors(void **state)
{
    (void)state;
    char *text = malloc(BYTES_MAX);
    assert_non_null(text);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < BYTES_MAX; i += 2)
            memcpy(text + i, i ? ",1" : "[1", 2);
        text[BYTES_MAX - 2] = ']';
        text[BYTES_MAX - 1] = ' ';
        struct json_value root = {0};
        assert_int_equal(parse(span_of(text, BYTES_MAX), &root), 0);
        assert_int_equal(json_count(root), BYTES_MAX / 2 - 1);
        bad(-EBADMSG, SPAN("{"));
        assert_int_equal(json_count(good("{\"a\":1}")), 1);
    }
    free(text);
}

static void err_may_be_absent(void **state)
{
    (void)state;
    static const char text[2 + JSON_PADDING] = "[[";
    struct json_value root;
    assert_int_equal(json_parse(parser, span_of(text, 2), &root, NULL), -EBADMSG);
}

static void running_out_of_memory_fails_the_text_only(void **state)
{
    (void)state;
    static char text[64 << 10];
    size_t len = write_object(text, sizeof(text) - JSON_PADDING, "key", 3000, 2999);
    for (uint64_t n = 0;; n++) {
        mem_fail_after(n);
        struct json_parser *fresh = json_parser_new(BYTES_MAX, DEPTH_MAX);
        struct json_value root;
        int r = fresh ? json_parse(fresh, span_of(text, len), &root, &err) : -ENOMEM;
        mem_fail_never();
        if (fresh && r < 0) {
            assert_int_equal(r, -ENOMEM);
            assert_int_equal(json_parse(fresh, span_of(text, len), &root, &err), 0);
        }
        json_parser_free(fresh);
        if (r == 0) {
            assert_true(n > 4); /* simdjson's own allocations are among them */
            break;
        }
        assert_int_equal(r, -ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_told),
        cmocka_unit_test(numbers_read_as_what_fits),
        cmocka_unit_test(wrong_kinds_read_as_nothing),
        cmocka_unit_test(walks_keep_the_order),
        cmocka_unit_test(strings_are_unescaped_and_may_hold_zero),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(what_is_no_utf8_is_refused),
        cmocka_unit_test(lone_surrogates_are_refused),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(depth_counts_every_bracket),
        cmocka_unit_test(deep_nesting_costs_nothing),
        cmocka_unit_test(duplicate_keys_are_refused_at_every_level),
        cmocka_unit_test(duplicates_are_found_in_objects_of_every_size),
        cmocka_unit_test(more_keys_than_the_cap_are_refused),
        cmocka_unit_test(long_texts_are_refused_and_the_border_is_not),
        cmocka_unit_test(a_parser_serves_small_after_large_and_after_errors),
        cmocka_unit_test(err_may_be_absent),
        cmocka_unit_test(running_out_of_memory_fails_the_text_only),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
