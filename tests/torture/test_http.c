/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "torture.h"

#include "http/request.h"
#include "http/response.h"
#include "http/sse.h"

#define STEP 100

/* Three requests of a pipeline, cut into pieces that end inside of each other. */
static struct span requests(void)
{
    static char text[8192];
    static size_t len;
    if (len == 0) {
        static char body[3001];
        memset(body, 'b', sizeof(body) - 1);
        len = (size_t)snprintf(text, sizeof(text),
                               "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n%s"
                               "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "5dc\r\n%.1500s\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
                               body, body);
    }
    return span_of(text, len);
}

/* As far as the bytes go. Counts the messages that were whole. */
static int drive(struct http_request *request, unsigned *messages)
{
    for (;;) {
        switch (http_request_state(request)) {
        case HTTP_REQUEST_HEAD:
        case HTTP_REQUEST_BODY:
            return 0;
        case HTTP_REQUEST_HEAD_DONE:
            assert_int_equal(http_request_path(request).len, 2);
            (void)http_request_read_body(request);
            break;
        case HTTP_REQUEST_DONE:
            assert_int_equal(http_request_body(request).len, *messages == 0   ? 3000
                                                             : *messages == 1 ? 1500
                                                                              : 0);
            http_request_forget_body(request);
            (*messages)++;
            (void)http_request_next(request);
            break;
        case HTTP_REQUEST_REFUSED:
            assert_int_equal(http_request_refusal(request), REASON_OVERLOADED);
            return -ENOMEM;
        }
    }
}

static int request_scenario(void *given)
{
    (void)given;
    struct http_request_limits limits = {.head_bytes_max = 1000, .body_bytes_max = 4000};
    struct http_request *request = http_request_new(&limits);
    struct span rest = requests();
    unsigned messages = 0;
    int result = request ? 0 : -ENOMEM;
    while (result == 0 && rest.len > 0) {
        char piece[STEP + 64] = {0};
        size_t len = MIN(rest.len, (size_t)STEP);
        memcpy(piece, rest.ptr, len);
        rest = span_skip(rest, len);
        (void)http_request_feed(request, piece, len);
        result = drive(request, &messages);
        if (result == 0)
            result = http_request_park(request);
    }
    if (result == 0)
        assert_int_equal(messages, 3);
    http_request_free(request);
    return result;
}

static void requests_fail_one_by_one(void **state)
{
    (void)state;
    torture(request_scenario, NULL);
}

static int on_head(void *owner, const struct http_response *response)
{
    (void)owner;
    assert_int_equal(http_response_status(response), 200);
    return 0;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    (void)bytes;
    *(size_t *)owner += len;
    return 0;
}

static int on_done(void *owner)
{
    assert_int_equal(*(size_t *)owner, 3);
    return 0;
}

static int response_scenario(void *given)
{
    (void)given;
    static const struct http_response_events events = {on_head, on_body, on_done};
    char text[] = "HTTP/1.1 200 OK\r\nX-Long: "
                  "0123456789012345678901234567890123456789012345678901234567890123456789\r\n"
                  "Content-Length: 3\r\n\r\nabc";
    size_t body = 0;
    struct http_response *response = http_response_new(1000, &events, &body);
    int result = response ? 0 : -ENOMEM;
    for (size_t i = 0; result == 0 && i < sizeof(text) - 1; i++)
        result = http_response_feed(response, text + i, 1);
    if (result < 0 && response)
        assert_int_equal(http_response_end(response), result);
    http_response_free(response);
    return result;
}

static void responses_fail_one_by_one(void **state)
{
    (void)state;
    torture(response_scenario, NULL);
}

static int on_event(void *owner, struct span data, struct span event)
{
    assert_int_equal(data.len, 201);
    assert_true(span_eq(event, SPAN("delta")));
    ++*(unsigned *)owner;
    return 0;
}

static int on_comment(void *owner, struct span text)
{
    (void)owner;
    assert_true(span_eq(text, SPAN("ping")));
    return 0;
}

static int sse_scenario(void *given)
{
    (void)given;
    static const struct sse_events events = {on_event, on_comment};
    char text[1024];
    int len = snprintf(text, sizeof(text), ": ping\n\nevent: delta\ndata: %0100d\ndata: %0100d\n\n",
                       0, 0);
    unsigned count = 0;
    struct sse_splitter splitter;
    sse_splitter_init(&splitter, 1000, &events, &count);
    int result = 0;
    for (int round = 0; result == 0 && round < 3; round++)
        for (int i = 0; result == 0 && i < len; i += 7)
            result = sse_splitter_feed(&splitter, span_of(text + i, (size_t)MIN(7, len - i)));
    if (result == 0)
        assert_int_equal(count, 3);
    sse_splitter_release(&splitter);
    return result;
}

static void splitters_fail_one_by_one(void **state)
{
    (void)state;
    torture(sse_scenario, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_fail_one_by_one),
        cmocka_unit_test(responses_fail_one_by_one),
        cmocka_unit_test(splitters_fail_one_by_one),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
