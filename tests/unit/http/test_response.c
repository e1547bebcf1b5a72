/* SPDX-License-Identifier: Apache-2.0 */
/* What the examples do not show: callbacks, lifetimes, reuse. The grammar is in
 * tests/examples/http1/answers.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "http/response.h"

#define HEAD "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nX: 1\r\nX: 2\r\nContent-Length: 5\r\n\r\n"

static struct log {
    int heads, bodies, dones;
    const char *body_at;
    size_t body_len;
    int head_result, body_result, done_result;
} seen;

static int on_head(void *owner, const struct http_response *response)
{
    assert_ptr_equal(owner, &seen);
    assert_true(http_response_status(response) > 0);
    seen.heads++;
    return seen.head_result;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    assert_ptr_equal(owner, &seen);
    seen.bodies++;
    seen.body_at = bytes;
    seen.body_len += len;
    return seen.body_result;
}

static int on_done(void *owner)
{
    assert_ptr_equal(owner, &seen);
    seen.dones++;
    return seen.done_result;
}

static const struct http_response_events events = {on_head, on_body, on_done};
static struct http_response *response;
static char fed[4096];

static int begin(void **state)
{
    (void)state;
    mem_fail_never();
    seen = (struct log){0};
    response = http_response_new(1024, &events, &seen);
    if (response)
        http_response_reset(response, false);
    return response == NULL;
}

static int end(void **state)
{
    (void)state;
    http_response_free(response);
    return 0;
}

static int feed(struct span bytes)
{
    memset(fed, '~', sizeof(fed));
    memcpy(fed, bytes.ptr, bytes.len);
    return http_response_feed(response, fed, bytes.len);
}

static void the_body_is_not_copied(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN(HEAD "hello")), 0);
    assert_int_equal(seen.heads + seen.bodies + seen.dones, 3);
    assert_ptr_equal(seen.body_at, fed + strlen(HEAD));
    assert_int_equal(seen.body_len, 5);
}

static void the_head_outlives_its_bytes(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN(HEAD "hello")), 0);
    memset(fed, '#', sizeof(fed));
    assert_int_equal(http_response_status(response), 200);
    assert_true(span_eq(http_response_header(response, SPAN("keep-alive")), SPAN("timeout=5")));
    assert_true(span_is_null(http_response_header(response, SPAN("x")))); /* twice */
    assert_true(span_is_null(http_response_header(response, SPAN("y"))));
    assert_true(http_response_keep_alive(response));
    http_response_reset(response, false);
    assert_int_equal(http_response_status(response), 0);
    assert_true(span_is_null(http_response_header(response, SPAN("keep-alive"))));
    assert_false(http_response_keep_alive(response));
}

static void one_allocation_serves_many_answers(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN(HEAD "hello")), 0);
    mem_fail_never();
    for (int i = 0; i < 10; i++) {
        http_response_reset(response, false);
        assert_int_equal(feed(SPAN(HEAD "hello")), 0);
        assert_true(http_response_keep_alive(response));
    }
    assert_int_equal(mem_fail_count(), 0);
    assert_int_equal(seen.dones, 11);
}

static void started_means_any_byte(void **state)
{
    (void)state;
    assert_false(http_response_started(response));
    assert_int_equal(http_response_end(response), 0);
    assert_int_equal(feed(SPAN("H")), 0);
    assert_true(http_response_started(response));
    assert_int_equal(http_response_status(response), 0);
    assert_int_equal(http_response_end(response), -EBADMSG);
    http_response_reset(response, false);
    assert_false(http_response_started(response));
}

static void an_interim_answer_counts_as_a_byte(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN("HTTP/1.1 100 Continue\r\n\r\n")), 0);
    assert_true(http_response_started(response));
    assert_int_equal(seen.heads, 0);
    assert_int_equal(http_response_end(response), -EBADMSG);
}

/* What a callback says ends the feed with it, and each later one too. */
static void callbacks_stop_the_feed(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        seen = (struct log){.head_result = which == 0 ? -ECANCELED : 0,
                            .body_result = which == 1 ? -ECANCELED : 0,
                            .done_result = which == 2 ? -ECANCELED : 0};
        http_response_reset(response, false);
        assert_int_equal(feed(SPAN(HEAD "hello")), -ECANCELED);
        assert_int_equal(seen.heads, 1);
        assert_int_equal(seen.bodies, which >= 1);
        assert_int_equal(seen.dones, which >= 2);
        assert_int_equal(feed(SPAN("x")), -ECANCELED);
        assert_int_equal(http_response_end(response), -ECANCELED);
        assert_false(http_response_keep_alive(response));
        assert_int_equal(seen.heads, 1);
    }
}

static void the_end_of_the_connection_ends_a_body(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN("HTTP/1.1 200 OK\r\n\r\nab")), 0);
    assert_int_equal(seen.dones, 0);
    assert_int_equal(http_response_end(response), 0);
    assert_int_equal(seen.dones, 1);
    assert_int_equal(http_response_end(response), 0);
    assert_int_equal(seen.dones, 1);
    assert_false(http_response_keep_alive(response));
}

static void done_comes_before_the_complaint_about_more(void **state)
{
    (void)state;
    assert_int_equal(feed(SPAN(HEAD "helloX")), -EXFULL);
    assert_int_equal(seen.dones, 1);
    assert_false(http_response_keep_alive(response));
}

static void head_is_forgotten_by_the_next_request(void **state)
{
    (void)state;
    http_response_reset(response, true);
    assert_int_equal(feed(SPAN(HEAD)), 0);
    assert_int_equal(seen.dones, 1);
    assert_true(http_response_keep_alive(response));
    http_response_reset(response, false);
    assert_int_equal(feed(SPAN(HEAD)), 0);
    assert_int_equal(seen.dones, 1);
    assert_false(http_response_keep_alive(response));
}

static void too_many_fields_are_too_large_a_head(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1024);
    buf_append(&text, SPAN("HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i < 101; i++)
        buf_append(&text, SPAN("x:y\r\n"));
    buf_append(&text, SPAN("\r\n"));
    assert_int_equal(feed(buf_span(&text)), -ENOSPC);
    assert_int_equal(seen.heads, 0);
    buf_release(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_body_is_not_copied),
        TEST(the_head_outlives_its_bytes),
        TEST(one_allocation_serves_many_answers),
        TEST(started_means_any_byte),
        TEST(an_interim_answer_counts_as_a_byte),
        TEST(callbacks_stop_the_feed),
        TEST(the_end_of_the_connection_ends_a_body),
        TEST(done_comes_before_the_complaint_about_more),
        TEST(head_is_forgotten_by_the_next_request),
        TEST(too_many_fields_are_too_large_a_head),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
