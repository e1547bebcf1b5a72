/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "http/framing.h"

static struct head head;
static struct framing framing;
static const char *fault;

/* The framing of a response with these fields: responses let more through llhttp than requests
 * do. */
static int read_fields(const char *version, const char *fields)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text, "HTTP/%s 200 OK\r\n%s\r\n", version, fields);
    head_clear(&head);
    assert_int_equal(head_scan(&head.scan, text.ptr, text.len), HEAD_FIRST_LINE);
    assert_int_equal(head_scan(&head.scan, text.ptr, text.len), HEAD_WHOLE);
    int result = head_parse(&head, HEAD_OF_RESPONSE, text.ptr);
    memset(&framing, 0, sizeof(framing));
    fault = NULL;
    if (result == 0)
        result = framing_read(&head, text.ptr, &framing, &fault);
    buf_release(&text);
    return result;
}

static void nothing_said(void **state)
{
    (void)state;
    assert_int_equal(read_fields("1.1", "X: y\r\n"), 0);
    assert_false(framing.has_length || framing.chunked || framing.close);
    assert_int_equal(framing.length, 0);
}

static void lengths(void **state)
{
    (void)state;
    assert_int_equal(read_fields("1.1", "CONTENT-length: 18446744073709551615\r\n"), 0);
    assert_true(framing.has_length && !framing.chunked);
    assert_int_equal(framing.length, UINT64_MAX);
    assert_int_equal(read_fields("1.1", "Content-Length: 0\r\n"), 0);
    assert_true(framing.has_length);

    static const char *const bad[] = {"18446744073709551616",
                                      "",
                                      "+1",
                                      "-1",
                                      "1_0",
                                      "0x1",
                                      "1,1",
                                      "1, 1",
                                      "1 1",
                                      "a",
                                      "1a",
                                      "1.0",
                                      "\"1\""};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char field[100];
        (void)snprintf(field, sizeof(field), "Content-Length: %s\r\n", bad[i]);
        assert_int_equal(read_fields("1.1", field), -EBADMSG);
    }
    assert_int_equal(read_fields("1.1", "Content-Length: 1\r\nContent-Length: 1\r\n"), -EBADMSG);
    assert_int_equal(read_fields("1.1", "Content-Length: 1\r\nContent-Length: 2\r\n"), -EBADMSG);
}

static void codings(void **state)
{
    (void)state;
    assert_int_equal(read_fields("1.1", "transfer-encoding: Chunked\r\n"), 0);
    assert_true(framing.chunked && !framing.has_length);

    static const char *const bad[] = {
        "",         "gzip",     "identity", "gzip, chunked", "chunked, chunked", ",chunked",
        "chunked,", "xchunked", "chunkedx", "chunked;a",     "\"chunked\"",      "chunked chunked"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char field[100];
        (void)snprintf(field, sizeof(field), "Transfer-Encoding: %s\r\n", bad[i]);
        assert_int_equal(read_fields("1.1", field), -EBADMSG);
    }
    assert_int_equal(
        read_fields("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        -EBADMSG);
    assert_int_equal(read_fields("1.0", "Transfer-Encoding: chunked\r\n"), -EBADMSG);
    assert_int_equal(read_fields("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
                     -EBADMSG);
    assert_int_equal(read_fields("1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
                     -EBADMSG);
}

/* Even when llhttp and our own rules for each field have nothing to say. */
static void two_readers_must_agree(void **state)
{
    (void)state;
    struct span text = SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(read_fields("1.1", "Content-Length: 5\r\n"), 0);
    head.content_length = 6;
    assert_int_equal(framing_read(&head, text.ptr, &framing, &fault), -EBADMSG);
    head.content_length = 5;
    head.has_content_length = false;
    assert_int_equal(framing_read(&head, text.ptr, &framing, &fault), -EBADMSG);
    head.has_content_length = true;
    head.chunked = true;
    assert_int_equal(framing_read(&head, text.ptr, &framing, &fault), -EBADMSG);
    head.chunked = false;
    assert_int_equal(framing_read(&head, text.ptr, &framing, &fault), 0);
}

static void connection_options(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        bool close;
    } given[] = {
        {"Connection: close\r\n", true},
        {"Connection: keep-alive, Close\r\n", true},
        {"Connection: keep-alive\r\nConnection:\tclose\r\n", true},
        {"Connection: close\r\nConnection: keep-alive\r\n", true},
        {"Connection: keep-alive\r\n", false},
        {"Connection: closed, enclose\r\n", false},
        {"Connection:\r\n", false},
        {"Connections: close\r\n", false},
    };
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        assert_int_equal(read_fields("1.1", given[i].fields), 0);
        assert_int_equal(framing.close, given[i].close);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said),
        cmocka_unit_test(lengths),
        cmocka_unit_test(codings),
        cmocka_unit_test(two_readers_must_agree),
        cmocka_unit_test(connection_options),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
