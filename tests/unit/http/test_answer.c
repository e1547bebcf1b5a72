/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../base/dies.h"
#include "http/answer.h"

#define DATE SPAN("Tue, 24 Nov 2026 00:00:00 GMT")

static struct buf out;

static int begin(void **state)
{
    (void)state;
    buf_init(&out, 4096);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

static void assert_written(const char *wanted)
{
    assert_int_equal(buf_status(&out), 0);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_clear(&out);
}

static void start_below(void)
{
    http_answer_start(&out, 99, DATE);
}

static void start_above(void)
{
    http_answer_start(&out, 1000, DATE);
}

static void heads_of_answers(void **state)
{
    (void)state;
    http_answer_start(&out, 200, DATE);
    http_answer_header(&out, SPAN("Content-Type"), SPAN("application/json"));
    http_answer_end(&out, HTTP_BODY_LENGTH, 17, true);
    assert_written("HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 00:00:00 GMT\r\nContent-Type: "
                   "application/json\r\n"
                   "Content-Length: 17\r\n\r\n");
    http_answer_start(&out, 429, DATE);
    http_answer_end(&out, HTTP_BODY_CHUNKED, 0, false);
    assert_written("HTTP/1.1 429 Too Many Requests\r\nDate: Tue, 24 Nov 2026 00:00:00 "
                   "GMT\r\nTransfer-Encoding: chunked\r\n"
                   "Connection: close\r\n\r\n");
    http_answer_start(&out, 299, DATE);
    http_answer_header(&out, SPAN("X"), SPAN(""));
    http_answer_end(&out, HTTP_BODY_NONE, 5, true);
    assert_written("HTTP/1.1 299 \r\nDate: Tue, 24 Nov 2026 00:00:00 GMT\r\nX: \r\n\r\n");
    assert_dies(start_below, "status >= 100");
    assert_dies(start_above, "status <= 999");
}

static void heads_of_asks(void **state)
{
    (void)state;
    http_ask_start(&out, SPAN("POST"), SPAN("/v1/chat/completions"), SPAN("127.0.0.1:9"));
    http_ask_header(&out, SPAN("Accept"), SPAN("*/*"));
    http_ask_end(&out, 5, true);
    assert_written("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:9\r\nAccept: "
                   "*/*\r\nContent-Length: 5\r\n\r\n");
    http_ask_start(&out, SPAN("GET"), SPAN("/health"), SPAN("a"));
    http_ask_end(&out, 5, false);
    assert_written("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void assert_refused(void)
{
    assert_int_equal(buf_status(&out), -EINVAL);
    buf_clear(&out);
}

static void nothing_ends_a_line_early(void **state)
{
    (void)state;
    struct span bad[] = {SPAN("a\rb"), SPAN("a\nb"), SPAN("a\r\nX: y"),
                         SPAN("a\0b"), SPAN("\r"),   SPAN("\n")};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        http_answer_header(&out, SPAN("X"), bad[i]);
        assert_refused();
        http_answer_header(&out, bad[i], SPAN("x"));
        assert_refused();
        http_answer_start(&out, 200, bad[i]);
        assert_refused();
        http_ask_header(&out, SPAN("X"), bad[i]);
        assert_refused();
        http_ask_start(&out, bad[i], SPAN("/"), SPAN("a"));
        assert_refused();
        http_ask_start(&out, SPAN("GET"), bad[i], SPAN("a"));
        assert_refused();
        http_ask_start(&out, SPAN("GET"), SPAN("/"), bad[i]);
        assert_refused();
    }
}

static void words_are_words(void **state)
{
    (void)state;
    http_ask_start(&out, SPAN("GET"), SPAN("/ HTTP/1.1"), SPAN("a"));
    assert_refused();
    http_ask_start(&out, SPAN("GET"), SPAN(""), SPAN("a"));
    assert_refused();
    http_ask_start(&out, SPAN("GET /"), SPAN("/"), SPAN("a"));
    assert_refused();
    http_answer_header(&out, SPAN(""), SPAN("a"));
    assert_refused();
    http_answer_header(&out, SPAN("a b"), SPAN("a"));
    assert_refused();
    http_answer_header(&out, SPAN("a:b"), SPAN("a"));
    assert_refused();
}

/* A failure stays until somebody looks. */
static void a_refused_value_fails_the_whole_head(void **state)
{
    (void)state;
    http_answer_start(&out, 200, DATE);
    size_t len = out.len;
    http_answer_header(&out, SPAN("X"), SPAN("a\r\nb"));
    http_answer_header(&out, SPAN("Y"), SPAN("z"));
    http_answer_end(&out, HTTP_BODY_NONE, 0, true);
    assert_int_equal(buf_status(&out), -EINVAL);
    assert_in_range(out.len, len, len + strlen("X: "));
}

static void chunks(void **state)
{
    (void)state;
    http_chunk(&out, SPAN("hello"));
    http_chunk(&out, SPAN(""));
    http_chunk(&out, SPAN("0123456789abcdef"));
    buf_append(&out, HTTP_LAST_CHUNK);
    assert_written("5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
}

static void a_chunk_is_whole_or_not_there(void **state)
{
    (void)state;
    buf_release(&out);
    buf_init(&out, 9);
    http_chunk(&out, SPAN("hello"));
    assert_int_equal(buf_status(&out), -ENOSPC);
    assert_int_equal(out.len, 0);
}

static void heads_of_chunks(void **state)
{
    (void)state;
    static const struct {
        uint64_t len;
        const char *head;
    } given[] = {{0, "0\r\n"},         {1, "1\r\n"},
                 {15, "f\r\n"},        {16, "10\r\n"},
                 {255, "ff\r\n"},      {256, "100\r\n"},
                 {65536, "10000\r\n"}, {UINT64_MAX, "ffffffffffffffff\r\n"}};
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        char head[20];
        size_t len = http_chunk_head(given[i].len, head);
        assert_true(span_eq(span_of(head, len), span_str(given[i].head)));
    }
}

static void status_texts(void **state)
{
    (void)state;
    static const unsigned known[] = {100, 200, 204, 400, 401, 403, 404, 405, 408, 411, 413,
                                     414, 415, 417, 422, 429, 431, 500, 501, 502, 503, 504};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        assert_true(http_status_text(known[i]).len > 1);
    assert_true(span_eq(http_status_text(200), SPAN("OK")));
    assert_int_equal(http_status_text(499).len, 0);
    assert_false(span_is_null(http_status_text(499)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(heads_of_answers),
        TEST(heads_of_asks),
        TEST(nothing_ends_a_line_early),
        TEST(words_are_words),
        TEST(a_refused_value_fails_the_whole_head),
        TEST(chunks),
        TEST(a_chunk_is_whole_or_not_there),
        TEST(heads_of_chunks),
        TEST(status_texts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
