/* SPDX-License-Identifier: Apache-2.0 */
/* What the examples do not show: memory, states, limits of size. The grammar is in
 * tests/examples/http1/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../base/dies.h"
#include "base/alloc.h"
#include "http/request.h"

#define LIMITS ((struct http_request_limits){.head_bytes_max = 16384, .body_bytes_max = 1048576})
#define HEAD "POST /a?b HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\nContent-Length: 5\r\n\r\n"

static struct http_request *request;

static int begin(void **state)
{
    (void)state;
    mem_fail_never();
    request = http_request_new(&LIMITS);
    return request == NULL;
}

static int end(void **state)
{
    (void)state;
    http_request_free(request);
    return 0;
}

/* A writable copy with the padding that the header asks for; one at a time. */
static char fed[2097152];

static enum http_request_state feed(struct span bytes)
{
    memset(fed, '~', sizeof(fed));
    memcpy(fed, bytes.ptr, bytes.len);
    return http_request_feed(request, fed, bytes.len);
}

/* Parks, and makes the fed bytes unusable. */
static void park(void)
{
    assert_int_equal(http_request_park(request), 0);
    memset(fed, '#', sizeof(fed));
}

static void assert_span(struct span span, const char *wanted)
{
    if (!span_eq(span, span_str(wanted)))
        fail_msg("'%.*s' and not '%s'", (int)span.len, span.ptr, wanted);
}

static void starts_empty(void **state)
{
    (void)state;
    assert_int_equal(http_request_state(request), HTTP_REQUEST_HEAD);
    assert_int_equal(http_request_refusal(request), REASON_OK);
    assert_false(http_request_started(request));
    assert_int_equal(http_request_unread(request), 0);
    assert_int_equal(http_request_memory(request), 0);
    assert_int_equal(http_request_headers(request), 0);
    assert_true(span_is_null(http_request_path(request)));
    assert_true(span_is_null(http_request_query(request)));
    assert_true(span_is_null(http_request_method_text(request)));
    assert_true(span_is_null(http_request_header(request, SPAN("host"))));
    assert_false(http_request_keep_alive(request) || http_request_has_body(request) ||
                 http_request_is_1_0(request));
    assert_int_equal(http_request_feed(request, NULL, 0), HTTP_REQUEST_HEAD);
    assert_int_equal(http_request_park(request), 0);
    http_request_free(NULL);
}

static void a_whole_message_is_not_copied(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        mem_fail_never();
        assert_int_equal(feed(SPAN(HEAD "hello")), HTTP_REQUEST_HEAD_DONE);
        assert_ptr_equal(http_request_path(request).ptr, fed + 5);
        assert_int_equal(http_request_read_body(request), HTTP_REQUEST_DONE);
        struct span body = http_request_body(request);
        assert_ptr_equal(body.ptr, fed + strlen(HEAD));
        assert_span(body, "hello");
        http_request_forget_body(request);
        assert_int_equal(http_request_next(request), HTTP_REQUEST_HEAD);
        assert_int_equal(http_request_park(request), 0);
        assert_false(http_request_started(request));
        assert_int_equal(mem_fail_count(), 0);
    }
}

static void the_head_can_be_asked(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN(HEAD "hello")), HTTP_REQUEST_HEAD_DONE);
    for (int parked = 0; parked < 2; parked++) {
        assert_int_equal(http_request_method(request), HTTP_POST);
        assert_span(http_request_method_text(request), "POST");
        assert_span(http_request_path(request), "/a");
        assert_span(http_request_query(request), "b");
        assert_int_equal(http_request_headers(request), 4);
        assert_span(http_request_header_at(request, 2).name, "X");
        assert_span(http_request_header_at(request, 2).value, "2");
        assert_span(http_request_header(request, SPAN("content-length")), "5");
        assert_true(span_is_null(http_request_header(request, SPAN("x")))); /* twice */
        assert_int_equal(http_request_header_count(request, SPAN("x")), 2);
        assert_int_equal(http_request_header_count(request, SPAN("y")), 0);
        assert_true(http_request_has_body(request) && http_request_keep_alive(request));
        assert_int_equal(http_request_unread(request), 5);
        park();
    }
    assert_int_equal(http_request_read_body(request), HTTP_REQUEST_DONE);
    assert_span(http_request_body(request), "hello");
    park();
    assert_span(http_request_body(request), "hello");
    assert_span(http_request_path(request), "/a");
}

static void forgetting_the_body_keeps_head_and_next_message(void **state)
{
    (void)state;
    for (int parked = 0; parked < 2; parked++) {
        assert_int_equal(feed(SPAN(HEAD "helloGET /c HTTP/1.1\r\nHost: d\r\n\r\n")),
                         HTTP_REQUEST_HEAD_DONE);
        if (parked)
            park();
        assert_int_equal(http_request_read_body(request), HTTP_REQUEST_DONE);
        http_request_forget_body(request);
        assert_int_equal(http_request_body(request).len, 0);
        park();
        assert_span(http_request_path(request), "/a");
        assert_int_equal(http_request_unread(request), 28);
        assert_int_equal(http_request_next(request), HTTP_REQUEST_HEAD_DONE);
        assert_span(http_request_path(request), "/c");
        assert_span(http_request_header(request, SPAN("host")), "d");
        assert_int_equal(http_request_next(request),
                         HTTP_REQUEST_HEAD); /* without read_body: there is none */
        park();
    }
}

static void a_large_body_gives_its_memory_back(void **state)
{
    (void)state;
    static char body[1000000];
    memset(body, 'b', sizeof(body));
    assert_int_equal(feed(SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")),
                     HTTP_REQUEST_HEAD_DONE);
    assert_int_equal(http_request_read_body(request), HTTP_REQUEST_BODY);
    for (size_t at = 0; at < sizeof(body); at += 50000) {
        park();
        assert_in_range(http_request_memory(request), at, 2 * at + 1000);
        (void)feed(span_of(body + at, 50000));
    }
    assert_int_equal(http_request_state(request), HTTP_REQUEST_DONE);
    assert_true(span_eq(http_request_body(request), span_of(body, sizeof(body))));
    park();
    http_request_forget_body(request);
    assert_in_range(http_request_memory(request), 1, 16384);
    assert_span(http_request_path(request), "/");
    (void)http_request_next(request);
    park();
    assert_in_range(http_request_memory(request), 0, 4096);
}

static void a_body_is_followed_by_readable_bytes(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN(HEAD "he")), HTTP_REQUEST_HEAD_DONE);
    assert_int_equal(http_request_read_body(request), HTTP_REQUEST_BODY);
    park();
    assert_int_equal(feed(SPAN("llo")), HTTP_REQUEST_DONE);
    struct span body = http_request_body(request);
    assert_true(http_request_memory(request) >= strlen(HEAD) + body.len + 64);
}

static void next_messages_wait_while_one_is_served(void **state)
{
    (void)state;
    struct span get = SPAN("GET /n HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(feed(get), HTTP_REQUEST_HEAD_DONE);
    park();
    for (size_t i = 1; i <= 50; i++) {
        assert_int_equal(feed(get), HTTP_REQUEST_HEAD_DONE);
        assert_int_equal(http_request_unread(request), i * get.len);
        park();
    }
    for (size_t i = 1; i <= 50; i++) {
        assert_int_equal(http_request_next(request), HTTP_REQUEST_HEAD_DONE);
        assert_int_equal(http_request_unread(request), (50 - i) * get.len);
        assert_span(http_request_path(request), "/n");
    }
    assert_int_equal(http_request_next(request), HTTP_REQUEST_HEAD);
    assert_false(http_request_started(request));
}

static void too_much_pipelined_is_refused(void **state)
{
    (void)state;
    struct http_request_limits small = {.head_bytes_max = 100, .body_bytes_max = 10};
    http_request_free(request);
    request = http_request_new(&small);
    assert_non_null(request);
    assert_int_equal(feed(SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), HTTP_REQUEST_HEAD_DONE);
    park();
    assert_int_equal(http_request_feed(request, fed, 200000), HTTP_REQUEST_HEAD_DONE);
    assert_int_equal(http_request_feed(request, fed, 200000), HTTP_REQUEST_REFUSED);
    assert_int_equal(http_request_refusal(request), REASON_OVERLOADED);
}

static void a_huge_head_is_refused_early(void **state)
{
    (void)state;
    static char huge[1048576];
    memset(huge, 'a', sizeof(huge));
    memcpy(huge, "GET / HTTP/1.1\r\nX: ", 19);
    size_t taken = 0;
    for (size_t at = 0; http_request_state(request) == HTTP_REQUEST_HEAD; at += 4096) {
        (void)feed(span_of(huge + at, 4096));
        park();
        taken = at + 4096;
    }
    assert_int_equal(taken, LIMITS.head_bytes_max);
    assert_int_equal(http_request_refusal(request), REASON_HEAD_TOO_LARGE);
    assert_int_equal(http_request_feed(request, huge, 100), HTTP_REQUEST_REFUSED);
    assert_int_equal(http_request_unread(request), 0);
}

static void ten_thousand_fields_are_refused(void **state)
{
    (void)state;
    struct http_request_limits wide = {.head_bytes_max = 1048576, .body_bytes_max = 10};
    http_request_free(request);
    request = http_request_new(&wide);
    assert_non_null(request);
    struct buf text;
    buf_init(&text, 1048576);
    buf_append(&text, SPAN("GET / HTTP/1.1\r\nHost: a\r\n"));
    for (int i = 0; i < 10000; i++)
        buf_append(&text, SPAN("x:y\r\n"));
    buf_append(&text, SPAN("\r\n"));
    assert_int_equal(feed(buf_span(&text)), HTTP_REQUEST_REFUSED);
    assert_int_equal(http_request_refusal(request), REASON_HEAD_TOO_LARGE);
    buf_release(&text);
}

static void a_refused_head_that_was_whole_can_be_logged(void **state)
{
    (void)state;
    assert_int_equal(
        feed(SPAN("POST /log HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n{}")),
        HTTP_REQUEST_REFUSED);
    assert_int_equal(http_request_refusal(request), REASON_TOO_LARGE);
    park();
    assert_span(http_request_path(request), "/log");
    assert_span(http_request_header(request, SPAN("host")), "a");
    assert_int_equal(http_request_unread(request), 0);
}

static void what_is_malformed_is_said(void **state)
{
    static const struct {
        const char *bytes, *fault;
    } cases[] = {
        {"GET  / HTTP/1.1\r\n", "the target is no path and no URL"},
        {"nonsense\r\n", "the first line is not 'METHOD target HTTP/1.1'"},
        {"GET / HTTP/2.0\r\n", "the first line is not 'METHOD target HTTP/1.1'"},
        {"\r\n\r\n", "there is no first line"},
        {"GET / HTTP/1.1\n", "a line does not end with CR LF"},
        {"GET / HTTP/1.1\r\nA: b\rc", "a line does not end with CR LF"},
        {"GET / HTTP/1.1\r\nA: \001", "a control character is in the header"},
        {"GET / HTTP/1.1\r\n A: b", "a line begins with white space"},
        {"GET / HTTP/1.1\r\nA b\r\n\r\n", "a header field is malformed"},
        {"GET / HTTP/1.1\r\nA: b\r\n\r\n", "there is no Host"},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "Host comes twice"},
        {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "Host is no name and no address"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
         "Transfer-Encoding must be 'chunked', once"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_request *one = http_request_new(&LIMITS);
        assert_non_null(one);
        char room[256] = "";
        snprintf(room, sizeof(room), "%s", cases[i].bytes);
        assert_int_equal(http_request_feed(one, room, strlen(cases[i].bytes)),
                         HTTP_REQUEST_REFUSED);
        assert_int_equal(http_request_refusal(one), REASON_BAD_HTTP);
        assert_string_equal(http_request_fault(one), cases[i].fault);
        http_request_free(one);
    }
}

/* So that the operator sees whose it was. */
static void a_good_first_line_outlives_a_bad_head(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN("HEAD /log?a HTTP/1.1\r\nHost: a\r\nno field\r\n\r\nmore")),
                     HTTP_REQUEST_REFUSED);
    park();
    assert_span(http_request_method_text(request), "HEAD");
    assert_int_equal(http_request_method(request), HTTP_HEAD);
    assert_span(http_request_path(request), "/log");
    assert_true(span_is_null(http_request_header(request, SPAN("host"))));
    assert_int_equal(http_request_headers(request), 0);
    assert_false(http_request_has_body(request));
    assert_int_equal(http_request_unread(request), 0);
    assert_null(strstr(http_request_fault(request), "log"));
}

/* The line that was good is of the message before. */
static void a_bad_first_line_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN("GET /first HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n")),
                     HTTP_REQUEST_HEAD_DONE);
    assert_null(http_request_fault(request));
    assert_int_equal(http_request_next(request), HTTP_REQUEST_REFUSED);
    assert_true(span_is_null(http_request_path(request)));
    assert_true(span_is_null(http_request_method_text(request)));
}

static void a_body_refused_on_its_way_keeps_the_head(void **state)
{
    (void)state;
    assert_int_equal(
        feed(SPAN("POST /log HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab")),
        HTTP_REQUEST_HEAD_DONE);
    assert_int_equal(http_request_read_body(request), HTTP_REQUEST_BODY);
    park();
    assert_int_equal(feed(SPAN("c\n0\r\n\r\n")), HTTP_REQUEST_REFUSED);
    assert_int_equal(http_request_refusal(request), REASON_BAD_HTTP);
    park();
    assert_span(http_request_path(request), "/log");
}

static void expectation_ends_with_the_body(void **state)
{
    (void)state;
    assert_int_equal(
        feed(SPAN(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")),
        HTTP_REQUEST_HEAD_DONE);
    assert_true(http_request_expects_continue(request));
    assert_int_equal(http_request_read_body(request), HTTP_REQUEST_BODY);
    assert_true(http_request_expects_continue(request));
    park();
    assert_int_equal(feed(SPAN("x")), HTTP_REQUEST_DONE);
    assert_false(http_request_expects_continue(request));
    (void)http_request_next(request);
    park();
    assert_int_equal(feed(SPAN(HEAD)), HTTP_REQUEST_HEAD_DONE);
    assert_false(http_request_expects_continue(request));
}

static void started_tells_idle_from_cut_off(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN("\r\n")), HTTP_REQUEST_HEAD);
    assert_false(http_request_started(request)); /* a stray line end is no request */
    park();
    assert_int_equal(feed(SPAN("G")), HTTP_REQUEST_HEAD);
    assert_true(http_request_started(request));
    assert_int_equal(http_request_unread(request), 0);
}

static void read_body_too_early(void)
{
    (void)http_request_read_body(request);
}

static void next_too_early(void)
{
    (void)http_request_next(request);
}

static void body_too_early(void)
{
    (void)http_request_body(request);
}

static void feed_without_parking(void)
{
    (void)feed(SPAN("TP/1.1\r\n"));
}

static void mistakes_of_the_owner_die(void **state)
{
    (void)state;
    assert_dies(read_body_too_early, "HTTP_REQUEST_HEAD_DONE");
    assert_dies(next_too_early, "is_legal");
    assert_dies(body_too_early, "HTTP_REQUEST_DONE");
    assert_int_equal(feed(SPAN("GET / HT")), HTTP_REQUEST_HEAD);
    assert_dies(feed_without_parking, "request->len == 0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(starts_empty),
        TEST(a_whole_message_is_not_copied),
        TEST(the_head_can_be_asked),
        TEST(forgetting_the_body_keeps_head_and_next_message),
        TEST(a_large_body_gives_its_memory_back),
        TEST(a_body_is_followed_by_readable_bytes),
        TEST(next_messages_wait_while_one_is_served),
        TEST(too_much_pipelined_is_refused),
        TEST(a_huge_head_is_refused_early),
        TEST(ten_thousand_fields_are_refused),
        TEST(a_refused_head_that_was_whole_can_be_logged),
        TEST(what_is_malformed_is_said),
        TEST(a_good_first_line_outlives_a_bad_head),
        TEST(a_bad_first_line_leaves_nothing),
        TEST(a_body_refused_on_its_way_keeps_the_head),
        TEST(expectation_ends_with_the_body),
        TEST(started_tells_idle_from_cut_off),
        TEST(mistakes_of_the_owner_die),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
