/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json_out.h"
#include "base/random.h"
#include "base/text.h"
#include "dies.h"

#include <math.h>

static struct buf buf;

static int buf_setup(void **state)
{
    (void)state;
    buf_init(&buf, 100000);
    return 0;
}

static int buf_teardown(void **state)
{
    (void)state;
    buf_release(&buf);
    return 0;
}

static void whole_document(void **state)
{
    (void)state;
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("a"));
    json_out_open(&out, '[');
    json_out_close(&out, ']');
    json_out_key(&out, SPAN("b\""));
    json_out_open(&out, '[');
    json_out_u64(&out, UINT64_MAX);
    json_out_i64(&out, -1);
    json_out_open(&out, '{');
    json_out_close(&out, '}');
    json_out_bool(&out, true);
    json_out_bool(&out, false);
    json_out_null(&out);
    json_out_string(&out, SPAN("x"));
    json_out_raw(&out, SPAN("{\"raw\":1}"));
    json_out_raw(&out, SPAN_NULL);
    json_out_close(&out, ']');
    json_out_key(&out, SPAN("c"));
    json_out_double(&out, 0.5);
    json_out_close(&out, '}');
    assert_string_equal(buf_cstr(&buf),
                        "{\"a\":[],\"b\\\"\":[18446744073709551615,-1,{},true,false,"
                        "null,\"x\",{\"raw\":1},null],\"c\":0.5}");
}

static void deepest_nesting(void **state)
{
    (void)state;
    struct json_out out = json_out_start(&buf);
    for (int i = 0; i < JSON_OUT_DEPTH_MAX; i++)
        json_out_open(&out, '[');
    json_out_u64(&out, 1);
    json_out_u64(&out, 2);
    for (int i = 0; i < JSON_OUT_DEPTH_MAX; i++)
        json_out_close(&out, ']');
    assert_int_equal(buf.len, 2 * JSON_OUT_DEPTH_MAX + 3);
    assert_non_null(strstr(buf_cstr(&buf), "[[1,2]]"));
}

static void numbers_read_back(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},
                {-0.0, "-0"},
                {0.1, "0.1"},
                {1e300, "1e+300"},
                {NAN, "null"},
                {1.5, "1.5"},
                {1e15, "1e+15"},
                {123456789, "123456789"},
                {INFINITY, "null"},
                {-INFINITY, "null"},
                {1.0 / 3, "0.3333333333333333"},
                {0.1 + 0.2, "0.30000000000000004"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_clear(&buf);
        struct json_out out = json_out_start(&buf);
        json_out_double(&out, rows[i].value);
        assert_string_equal(buf_cstr(&buf), rows[i].text);
    }
}

static void assert_escaped(struct span text, const char *expected)
{
    buf_clear(&buf);
    json_escape(&buf, text);
    assert_string_equal(buf_cstr(&buf), expected);
}

static void escapes(void **state)
{
    (void)state;
    assert_escaped(SPAN_NULL, "");
    assert_escaped(SPAN("plain text, longer than a word / \x7f"),
                   "plain text, longer than a word / \x7f");
    assert_escaped(SPAN("\"\\"), "\\\"\\\\");
    assert_escaped(SPAN("\b\f\n\r\t\v\x1f"), "\\b\\f\\n\\r\\t\\u000b\\u001f");
    assert_escaped(span_of("a\0b", 3), "a\\u0000b");
    assert_escaped(SPAN("\xe6\xb5\xb7\xf0\x9f\x8c\x8a"), "\xe6\xb5\xb7\xf0\x9f\x8c\x8a");
    assert_escaped(SPAN("a\xff z"), "a\xef\xbf\xbd z");
    assert_escaped(SPAN("\xe6\xb5"), "\xef\xbf\xbd\xef\xbf\xbd");
    assert_escaped(SPAN("\xed\xa0\x80x"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
}

/* A byte at a time, by the plainest rules: what the fast path must agree with. */
static void escape_plainly(struct buf *ret_text, struct span text)
{
    while (text.len > 0) {
        unsigned char byte = (unsigned char)text.ptr[0];
        size_t len = text_utf8_len(text);
        if (byte == '"' || byte == '\\')
            buf_printf(ret_text, "\\%c", byte);
        else if (byte == '\n')
            buf_append(ret_text, SPAN("\\n"));
        else if (byte < 0x20)
            buf_printf(ret_text, "\\u%04x", byte);
        else if (len == 0)
            buf_append(ret_text, SPAN("\xef\xbf\xbd"));
        else
            buf_append(ret_text, span_take(text, len));
        text = span_skip(text, len ? len : 1);
    }
}

static void fast_path_agrees_with_the_plain_rules(void **state)
{
    (void)state;
    static const struct span pieces[] = {{"a", 1},
                                         {"\"", 1},
                                         {"\\", 1},
                                         {"\n", 1},
                                         {"\x01", 1},
                                         {"\x1f", 1},
                                         {" ", 1},
                                         {"!", 1},
                                         {"#", 1},
                                         {"[", 1},
                                         {"]", 1},
                                         {"\x7f", 1},
                                         {"\x80", 1},
                                         {"\xff", 1},
                                         {"\0", 1},
                                         {"\xc3\xa4", 2},
                                         {"\xe6\xb5\xb7", 3},
                                         {"\xf0\x9f\x8c\x8a", 4},
                                         {"\xe6\xb5", 2},
                                         {"abcdefg", 7}};
    struct buf text, expected;
    buf_init(&text, 1000);
    buf_init(&expected, 10000);
    random_seed(8259);
    for (int round = 0; round < 20000; round++) {
        buf_clear(&text);
        buf_clear(&expected);
        buf_clear(&buf);
        for (uint32_t count = random_below(12); count > 0; count--) {
            /* Mostly plain, so that the special byte stands at each place of a word. */
            bool plain = random_below(3) > 0;
            buf_append(&text, plain ? SPAN("x") : pieces[random_below(COUNT_OF(pieces))]);
        }
        escape_plainly(&expected, buf_span(&text));
        json_escape(&buf, buf_span(&text));
        assert_true(span_eq(buf_span(&buf), buf_span(&expected)));
        assert_true(text_is_utf8(buf_span(&buf)));
    }
    random_unseed();
    buf_release(&text);
    buf_release(&expected);
}

static void full_buffer_is_told_at_the_end(void **state)
{
    (void)state;
    struct buf small;
    buf_init(&small, 8);
    struct json_out out = json_out_start(&small);
    json_out_open(&out, '[');
    json_out_string(&out, SPAN("0123456789"));
    json_out_close(&out, ']');
    assert_int_equal(buf_status(&small), -ENOSPC);
    buf_release(&small);
}

static void value_without_key(void)
{
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    json_out_u64(&out, 1);
}

static void key_in_array(void)
{
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '[');
    json_out_key(&out, SPAN("a"));
}

static void key_after_key(void)
{
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("a"));
    json_out_key(&out, SPAN("b"));
}

static void close_after_key(void)
{
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("a"));
    json_out_close(&out, '}');
}

static void close_with_wrong_bracket(void)
{
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    json_out_close(&out, ']');
}

static void close_too_often(void)
{
    struct json_out out = json_out_start(&buf);
    json_out_close(&out, '}');
}

static void two_documents(void)
{
    struct json_out out = json_out_start(&buf);
    json_out_u64(&out, 1);
    json_out_u64(&out, 2);
}

static void too_deep(void)
{
    struct json_out out = json_out_start(&buf);
    for (int i = 0; i <= JSON_OUT_DEPTH_MAX; i++)
        json_out_open(&out, '[');
}

static void wrong_nesting_stops_the_process(void **state)
{
    (void)state;
    assert_dies(value_without_key, "after_key == in_object");
    assert_dies(key_in_array, "in_object(out)");
    assert_dies(key_after_key, "!out->after_key");
    assert_dies(close_after_key, "!out->after_key");
    assert_dies(close_with_wrong_bracket, "bracket == ");
    assert_dies(close_too_often, "depth > 0");
    assert_dies(two_documents, "depth > 0");
    assert_dies(too_deep, "depth < JSON_OUT_DEPTH_MAX");
}

int main(void)
{
#define WITH_BUF(test) cmocka_unit_test_setup_teardown(test, buf_setup, buf_teardown)
    const struct CMUnitTest tests[] = {
        WITH_BUF(whole_document),
        WITH_BUF(deepest_nesting),
        WITH_BUF(numbers_read_back),
        WITH_BUF(escapes),
        WITH_BUF(fast_path_agrees_with_the_plain_rules),
        WITH_BUF(full_buffer_is_told_at_the_end),
        WITH_BUF(wrong_nesting_stops_the_process),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
