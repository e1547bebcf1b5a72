/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

static struct err detail;

static enum reason reason_of(unsigned status, const char *body)
{
    detail.text[0] = '\0';
    answer_engine_error(parser, status, pad(span_str(body)), &refusal, &detail);
    return refusal.reason;
}

static void a_status_has_a_reason(void **state)
{
    (void)state;
    assert_int_equal(reason_of(400, "{}"), REASON_REJECTED_BY_ENGINE);
    assert_int_equal(reason_of(401, "{}"), REASON_ENGINE_ERROR); /* our key, not the client's */
    assert_int_equal(reason_of(403, "{}"), REASON_ENGINE_ERROR);
    assert_int_equal(reason_of(404, "{}"), REASON_ENGINE_ERROR);
    assert_int_equal(reason_of(413, "{}"), REASON_REJECTED_BY_ENGINE);
    assert_int_equal(reason_of(415, "{}"), REASON_REJECTED_BY_ENGINE);
    assert_int_equal(reason_of(422, "{}"), REASON_REJECTED_BY_ENGINE);
    assert_int_equal(reason_of(429, "{}"), REASON_OVERLOADED);
    assert_int_equal(reason_of(500, "{}"), REASON_ENGINE_ERROR);
    assert_int_equal(reason_of(501, "{}"), REASON_UNPROCESSABLE);
    assert_int_equal(reason_of(503, "{}"), REASON_NO_BACKEND);
    assert_int_equal(reason_of(599, "{}"), REASON_ENGINE_ERROR);
    assert_string_equal(refusal.message.text, "");
}

static void any_body_will_do(void **state)
{
    (void)state;
    assert_int_equal(reason_of(500, ""), REASON_ENGINE_ERROR);
    assert_string_equal(detail.text, "engine's status 500: no words");
    assert_int_equal(reason_of(400, "<html>\r\n  <b>Bad\x01</b></html>"),
                     REASON_REJECTED_BY_ENGINE);
    assert_string_equal(detail.text, "engine's status 400: <html> <b>Bad </b></html>");
    assert_int_equal(reason_of(500, "[1]"), REASON_ENGINE_ERROR);
    assert_string_equal(detail.text, "engine's status 500: [1]");
    assert_int_equal(reason_of(500, "{\"error\":7}"), REASON_ENGINE_ERROR);
    assert_int_equal(reason_of(500, "{\"error\":\"words \xc3\xa9 here\"}"), REASON_ENGINE_ERROR);
    assert_string_equal(detail.text, "engine's status 500: words here");
    assert_int_equal(reason_of(500, "{\"error\":{\"message\":7,\"type\":[]}}"),
                     REASON_ENGINE_ERROR);
    assert_int_equal(reason_of(500, "{\"message\":\"top\"}"), REASON_ENGINE_ERROR);
    assert_string_equal(detail.text, "engine's status 500: top");
    answer_engine_error(parser, 500, pad(SPAN("x")), &refusal, NULL);
    assert_int_equal(refusal.reason, REASON_ENGINE_ERROR);
}

static void the_operator_gets_the_first_words_only(void **state)
{
    (void)state;
    char body[400];
    memset(body, 'w', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    (void)reason_of(500, body);
    assert_int_equal(strlen(detail.text), strlen("engine's status 500: ") + 200);
}

static void assert_overflow(unsigned status, const char *body, const char *message)
{
    assert_int_equal(reason_of(status, body), REASON_CONTEXT_EXCEEDED);
    assert_string_equal(refusal.message.text, message);
}

static void a_context_that_is_too_small_is_told_with_its_numbers(void **state)
{
    (void)state;
    const char *both = "the request has 1131 tokens, this model's context holds 1024";
    assert_overflow(400,
                    "{\"error\":{\"code\":400,\"message\":\"/secret/path\",\"type\":"
                    "\"exceed_context_size_error\",\"n_prompt_tokens\":1131,\"n_ctx\":1024}}",
                    both);
    assert_overflow(400,
                    "{\"error\":{\"message\":\"This model's maximum context length is 1024 tokens. "
                    "However, you requested 1131 tokens (31 in the messages).\",\"code\":400}}",
                    both);
    assert_overflow(
        400,
        "{\"object\":\"error\",\"message\":\"You passed 1131 input tokens and requested 0 "
        "output tokens. However, the model's context length is only 1024 tokens\"}",
        both);
    assert_overflow(400,
                    "{\"error\":{\"message\":\"You passed 4 input tokens and requested 2045 output "
                    "tokens. However, the model's context length is only 2048 tokens\"}}",
                    "this model's context holds 2048 tokens");
    assert_overflow(400, "{\"error\":{\"type\":\"exceed_context_size_error\"}}", "");
    assert_overflow(400,
                    "{\"error\":{\"type\":\"exceed_context_size_error\",\"n_ctx\":-1,"
                    "\"n_prompt_tokens\":\"x\"}}",
                    "");
    /* Words about a context without a number, or with another status, are only words. */
    assert_int_equal(reason_of(400, "{\"error\":{\"message\":\"context length unknown\"}}"),
                     REASON_REJECTED_BY_ENGINE);
    assert_int_equal(reason_of(404, "{\"error\":{\"message\":\"context length 5\"}}"),
                     REASON_ENGINE_ERROR);
}

static void what_the_model_cannot_do_is_said_so(void **state)
{
    (void)state;
    assert_int_equal(reason_of(500, "{\"error\":{\"message\":\"image input is not supported\"}}"),
                     REASON_UNPROCESSABLE);
    assert_int_equal(reason_of(400, "{\"error\":{\"message\":\"it does not support tools\"}}"),
                     REASON_UNPROCESSABLE);
    assert_int_equal(reason_of(401, "{\"error\":{\"message\":\"not supported\"}}"),
                     REASON_ENGINE_ERROR);
    assert_string_equal(refusal.message.text, "");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, answers_set_up, answers_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_status_has_a_reason),
        TEST(any_body_will_do),
        TEST(the_operator_gets_the_first_words_only),
        TEST(a_context_that_is_too_small_is_told_with_its_numbers),
        TEST(what_the_model_cannot_do_is_said_so),
    };
#undef TEST
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
