/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/refusal.h"

static struct buf buf;

static const char *written(const struct refusal *refusal, struct span request_id)
{
    buf_clear(&buf);
    refusal_write(&buf, refusal, request_id);
    assert_int_equal(buf_status(&buf), 0);
    return buf_cstr(&buf);
}

static void a_refusal_carries_all_its_parts(void **state)
{
    (void)state;
    struct refusal refusal;
    memset(&refusal, 0xff, sizeof(refusal));
    assert_int_equal(refuse(&refusal, REASON_BAD_FIELD, "messages[3].role", "'%s' is no role", "x"),
                     -EINVAL);
    assert_int_equal(refusal.retry_after_s, 0);
    assert_string_equal(
        written(&refusal, SPAN("req-1")),
        "{\"error\":{\"message\":\"'x' is no role\",\"type\":\"invalid_request_error\","
        "\"param\":\"messages[3].role\",\"code\":\"invalid_value\"},"
        "\"request_id\":\"req-1\"}");
}

static void what_is_not_said_comes_from_the_reason(void **state)
{
    (void)state;
    struct refusal refusal = {.reason = REASON_NO_ROUTE};
    assert_string_equal(written(&refusal, SPAN_NULL),
                        "{\"error\":{\"message\":\"unknown request URL\",\"type\":"
                        "\"invalid_request_error\",\"param\":null,\"code\":\"unknown_url\"}}");
    assert_int_equal(refuse(&refusal, REASON_INTERNAL, NULL, "%s", ""), -EINVAL);
    assert_string_equal(written(&refusal, SPAN("r")),
                        "{\"error\":{\"message\":\"something failed on our side\",\"type\":"
                        "\"server_error\",\"param\":null,\"code\":\"internal_error\"},"
                        "\"request_id\":\"r\"}");
}

static void an_event_says_too_when_to_come_back(void **state)
{
    (void)state;
    struct refusal refusal = {.reason = REASON_NO_TURN, .retry_after_s = 7};
    buf_clear(&buf);
    refusal_write_event(&buf, &refusal, SPAN("r"), SPAN("a.b"));
    assert_non_null(strstr(buf_cstr(&buf), ",\"request_id\":\"r\",\"seawall\":{\"retry_after_ms\":7000,\"ticket\":\"a.b\"}}\n\n"));
    buf_clear(&buf);
    refusal_write_event(&buf, &refusal, SPAN("r"), SPAN_NULL);
    assert_non_null(strstr(buf_cstr(&buf), ",\"seawall\":{\"retry_after_ms\":7000}}\n\n"));
    refusal.retry_after_s = 0;
    buf_clear(&buf);
    refusal_write_event(&buf, &refusal, SPAN("r"), SPAN("a.b"));
    assert_true(span_starts(buf_span(&buf), SPAN("data: {\"error\":")));
    assert_null(strstr(buf_cstr(&buf), "seawall"));
}

static void hostile_text_stays_one_line_of_json(void **state)
{
    (void)state;
    struct refusal refusal;
    assert_int_equal(refuse(&refusal, REASON_UNKNOWN_FIELD, "a\"\n\x01", "%s", "\"\r\n\\\xff"),
                     -EINVAL);
    assert_string_equal(written(&refusal, SPAN("r")),
                        "{\"error\":{\"message\":\"\\\"\\r\\n\\\\\xef\xbf\xbd\",\"type\":"
                        "\"invalid_request_error\",\"param\":\"a\\\"\\n\\u0001\",\"code\":"
                        "\"unknown_parameter\"},\"request_id\":\"r\"}");
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct refusal refusal;
    assert_int_equal(refuse(&refusal, REASON_BAD_FIELD, text, "%s", text), -EINVAL);
    assert_int_equal(strlen(refusal.param), sizeof(refusal.param) - 1);
    assert_int_equal(strlen(refusal.message.text), sizeof(refusal.message.text) - 1);
}

static int set_up(void **state)
{
    (void)state;
    buf_init(&buf, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&buf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_carries_all_its_parts),
        cmocka_unit_test(what_is_not_said_comes_from_the_reason),
        cmocka_unit_test(an_event_says_too_when_to_come_back),
        cmocka_unit_test(hostile_text_stays_one_line_of_json),
        cmocka_unit_test(long_texts_are_cut),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
