/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/target.h"

static struct request_line line;

static enum reason read_line(struct span text)
{
    const char *fault = NULL;
    memset(&line, 0x55, sizeof(line));
    enum reason reason = request_line_read(text, &line, &fault);
    assert_true(reason != REASON_BAD_HTTP || fault);
    return reason;
}

static void assert_piece(struct span text, struct head_piece piece, struct span wanted)
{
    assert_true(span_eq(head_text(text.ptr, piece), wanted));
}

static void an_origin_target(void **state)
{
    (void)state;
    struct span text = SPAN("POST /v1/chat?a=b HTTP/1.1");
    assert_int_equal(read_line(text), REASON_OK);
    assert_int_equal(line.method, HTTP_POST);
    assert_false(line.is_1_0);
    assert_piece(text, line.method_text, SPAN("POST"));
    assert_piece(text, line.path, SPAN("/v1/chat"));
    assert_true(line.has_query);
    assert_piece(text, line.query, SPAN("a=b"));
    assert_int_equal(line.authority.len, 0);
}

static void an_absolute_target(void **state)
{
    (void)state;
    struct span text = SPAN("GET http://example.com:80?q HTTP/1.0");
    assert_int_equal(read_line(text), REASON_OK);
    assert_true(line.is_1_0);
    assert_piece(text, line.authority, SPAN("example.com:80"));
    assert_int_equal(line.path.len, 0);
    assert_piece(text, line.query, SPAN("q"));

    text = SPAN("GET hTTps://a/ HTTP/1.1");
    assert_int_equal(read_line(text), REASON_OK);
    assert_piece(text, line.authority, SPAN("a"));
    assert_piece(text, line.path, SPAN("/"));
    assert_false(line.has_query);
}

static void methods(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum http_method method;
    } given[] = {
        {"GET / HTTP/1.1", HTTP_GET},         {"HEAD / HTTP/1.1", HTTP_HEAD},
        {"POST / HTTP/1.1", HTTP_POST},       {"PUT / HTTP/1.1", HTTP_PUT},
        {"DELETE / HTTP/1.1", HTTP_DELETE},   {"OPTIONS / HTTP/1.1", HTTP_OPTIONS},
        {"PATCH / HTTP/1.1", HTTP_PATCH},     {"TRACE / HTTP/1.1", HTTP_OTHER},
        {"get / HTTP/1.1", HTTP_OTHER},       {"GETS / HTTP/1.1", HTTP_OTHER},
        {"OPTIONS * HTTP/1.1", HTTP_OPTIONS},
    };
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        assert_int_equal(read_line(span_str(given[i].line)), REASON_OK);
        assert_int_equal(line.method, given[i].method);
    }
    assert_int_equal(read_line(SPAN("CONNECT a:1 HTTP/1.1")), REASON_NOT_IMPLEMENTED);
}

static void refused_lines_leave_the_result_alone(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "GET",
        "GET ",
        "GET /",
        " / HTTP/1.1",
        "GET HTTP/1.1",
        "GET  HTTP/1.1",
        "GET / HTTP/1.",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / http/1.1",
        "GET /HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET  / HTTP/1.1",
        "G,T / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS ** HTTP/1.1",
        "GET a HTTP/1.1",
        "GET ?a HTTP/1.1",
        "GET /# HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /\x80 HTTP/1.1",
        "GET http:/a HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET http://? HTTP/1.1",
        "GET http://a@b/ HTTP/1.1",
        "GET http://a:/ HTTP/1.1",
        "GET ws://a/ HTTP/1.1",
        "GET http://a#b HTTP/1.1",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_int_equal(read_line(span_str(lines[i])), REASON_BAD_HTTP);
        assert_int_equal(line.path.at, 0x55555555);
    }
}

static void hosts(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",       "a.b-c_d~e", "127.0.0.1",  "127.0.0.1:80",     "a:0",         "a:65535",
        "a:00080", "[::1]",     "[::1]:8080", "[::ffff:1.2.3.4]", "xn--nxasmq6b"};
    static const char *const bad[] = {"",         ":",      ":80",    "a:",     "a:65536",
                                      "a:000080", "a:8x",   "a:+1",   "a:b:c",  "a/b",
                                      "a@b",      "a b",    "a,b",    "a%41",   "a\\b",
                                      "a\"",      "[",      "[]",     "[:",     "[:]",
                                      "[::1",     "[::1]a", "[::1]:", "[g::1]", "[fe80::1%eth0]",
                                      "a\xc3\xa9"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!target_is_host(span_str(good[i])))
            fail_msg("'%s' is a host", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (target_is_host(span_str(bad[i])))
            fail_msg("'%s' is none", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_target),
        cmocka_unit_test(an_absolute_target),
        cmocka_unit_test(methods),
        cmocka_unit_test(refused_lines_leave_the_result_alone),
        cmocka_unit_test(hosts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
