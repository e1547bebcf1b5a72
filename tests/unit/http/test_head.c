/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "http/head.h"

static struct head head;

/* Scans and parses a whole head. HEAD_WHOLE, or what either said. */
static int read_head(enum head_type type, struct span bytes)
{
    head_clear(&head);
    int result = head_scan(&head.scan, bytes.ptr, bytes.len);
    if (result == HEAD_FIRST_LINE)
        result = head_scan(&head.scan, bytes.ptr, bytes.len);
    if (result != HEAD_WHOLE)
        return result;
    result = head_parse(&head, type, bytes.ptr);
    return result < 0 ? result : HEAD_WHOLE;
}

static void the_first_line_is_told_once(void **state)
{
    (void)state;
    struct span bytes = SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\nbehind");
    struct head_scan scan = {0};
    assert_int_equal(head_scan(&scan, bytes.ptr, 15), HEAD_MORE);
    assert_int_equal(scan.first_line_len, 0);
    assert_int_equal(head_scan(&scan, bytes.ptr, 16), HEAD_FIRST_LINE);
    assert_int_equal(scan.first_line_len, 14);
    assert_int_equal(head_scan(&scan, bytes.ptr, 16), HEAD_MORE);
    assert_int_equal(head_scan(&scan, bytes.ptr, bytes.len - 7), HEAD_MORE);
    assert_int_equal(head_scan(&scan, bytes.ptr, bytes.len), HEAD_WHOLE);
    assert_int_equal(scan.at, bytes.len - 6);
}

static void a_wrong_byte_is_found_at_once(void **state)
{
    (void)state;
    struct head_scan scan = {0};
    assert_int_equal(head_scan(&scan, "\x16", 1), -EBADMSG);
    scan = (struct head_scan){0};
    assert_int_equal(head_scan(&scan, "GET /\n", 6), -EBADMSG);
    scan = (struct head_scan){0};
    assert_int_equal(head_scan(&scan, "GET /\r", 6), HEAD_MORE);
    assert_int_equal(head_scan(&scan, "GET /\rx", 7), -EBADMSG);
    scan = (struct head_scan){0};
    assert_int_equal(head_scan(&scan, "\r\n", 2), -EBADMSG);
}

/* At each place of a line, so that the blocks of the fast scan and its rest are both met. */
static void control_characters_are_found_everywhere(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool wrong = (c < 0x20 && c != '\t') || c == 0x7f;
        for (size_t place = 0; place < 40; place++) {
            char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: "
                          "0123456789012345678901234567890123456789\r\n\r\n";
            text[28 + place] = (char)c;
            struct head_scan scan = {0};
            assert_int_equal(head_scan(&scan, text, sizeof(text) - 1), HEAD_FIRST_LINE);
            assert_int_equal(head_scan(&scan, text, sizeof(text) - 1),
                             wrong ? -EBADMSG : HEAD_WHOLE);
        }
    }
}

/* llhttp's table of names and ours are the same. */
static void names_are_tokens(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX?Y: b\r\n\r\n";
        char byte = (char)c;
        *strchr(text, '?') = byte;
        int result = read_head(HEAD_OF_REQUEST, span_of(text, sizeof(text) - 1));
        if (c == ':') {
            assert_int_equal(result, HEAD_WHOLE);
            assert_true(span_eq(head_text(text, head_field(&head, 1)->value), SPAN("Y: b")));
        } else {
            assert_int_equal(result, head_is_token_byte(byte) ? HEAD_WHOLE : -EBADMSG);
        }
    }
    assert_int_equal(read_head(HEAD_OF_REQUEST, SPAN("GET / HTTP/1.1\r\n: b\r\n\r\n")), -EBADMSG);
}

static void tokens(void **state)
{
    (void)state;
    assert_true(head_is_token(SPAN("!#$%&'*+-.^_`|~09AZaz")));
    assert_false(head_is_token(SPAN("")));
    for (const char *c = "\"(),/:;<=>?@[\\]{} \t\x7f\x80\xff"; *c; c++)
        assert_false(head_is_token_byte(*c));
    assert_false(head_is_token_byte('\0'));
    assert_false(head_is_token(SPAN("a b")));
}

static void fields_are_found_by_name(void **state)
{
    (void)state;
    struct span bytes = SPAN("GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a:\t2 \t\r\nX-B:\r\n\r\n");
    struct span value = SPAN_NULL;
    assert_int_equal(read_head(HEAD_OF_REQUEST, bytes), HEAD_WHOLE);
    assert_int_equal(head.count, 4);
    assert_int_equal(head_find(&head, bytes.ptr, SPAN("host"), &value), 1);
    assert_true(span_eq(value, SPAN("a")));
    assert_int_equal(head_find(&head, bytes.ptr, SPAN("x-a"), &value), 2);
    assert_true(span_eq(value, SPAN("2")));
    assert_int_equal(head_find(&head, bytes.ptr, SPAN("x-b"), &value), 1);
    assert_int_equal(value.len, 0);
    assert_false(span_is_null(value));
    assert_int_equal(head_find(&head, bytes.ptr, SPAN("x-c"), &value), 0);
}

static void what_llhttp_says_is_kept(void **state)
{
    (void)state;
    assert_int_equal(
        read_head(HEAD_OF_REQUEST, SPAN("POST / HTTP/1.0\r\nContent-Length: 12\r\n\r\n")),
        HEAD_WHOLE);
    assert_true(head.is_1_0 && head.has_content_length && !head.chunked);
    assert_int_equal(head.content_length, 12);
    assert_int_equal(
        read_head(HEAD_OF_RESPONSE, SPAN("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n")),
        HEAD_WHOLE);
    assert_true(!head.is_1_0 && !head.has_content_length && head.chunked);
    assert_int_equal(head.status, 503);
}

static void an_unknown_method_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(read_head(HEAD_OF_REQUEST, SPAN("FOO / HTTP/1.1\r\nHost: a\r\n\r\n")),
                     -ENOTSUP);
    assert_int_equal(head.count, 0);
}

static void fields_have_a_maximum(void **state)
{
    (void)state;
    for (int count = HEAD_FIELDS_MAX; count <= HEAD_FIELDS_MAX + 1; count++) {
        struct buf text;
        buf_init(&text, 4096);
        buf_append(&text, SPAN("GET / HTTP/1.1\r\n"));
        for (int i = 0; i < count; i++)
            buf_printf(&text, "x%d: y\r\n", i);
        buf_append(&text, SPAN("\r\n"));
        int result = read_head(HEAD_OF_REQUEST, buf_span(&text));
        assert_int_equal(result, count > HEAD_FIELDS_MAX ? -ENOSPC : HEAD_WHOLE);
        assert_int_equal(head.count, count > HEAD_FIELDS_MAX ? 0 : HEAD_FIELDS_MAX);
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_told_once),
        cmocka_unit_test(a_wrong_byte_is_found_at_once),
        cmocka_unit_test(control_characters_are_found_everywhere),
        cmocka_unit_test(names_are_tokens),
        cmocka_unit_test(tokens),
        cmocka_unit_test(fields_are_found_by_name),
        cmocka_unit_test(what_llhttp_says_is_kept),
        cmocka_unit_test(an_unknown_method_is_told_apart),
        cmocka_unit_test(fields_have_a_maximum),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
