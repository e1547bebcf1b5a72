/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"

#include "request.h"

static void a_request_is_read_whole(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT,
            "{ \"model\" : \"gpt\\u002d4\" , \"messages\":[{\"role\":\"user\","
            "\"content\":\"hello world\"}],\"n\":2, \"x\\n\":[1, {}],\"temperature\":null }");
    assert_true(span_eq(inference.model, SPAN("gpt-4")));
    assert_int_equal(inference.endpoint, ENDPOINT_CHAT);
    assert_int_equal(inference.choices, 2);
    assert_int_equal(inference.prompt_bytes, 11);
    assert_int_equal(inference.prompt_tokens_estimate,
                     3 + 4 + 3); /* text, its message, the reply */
    assert_int_equal(inference.fields_count, 4);
    assert_true(span_eq(inference.fields[0].name, SPAN("model")));
    assert_true(span_eq(inference.fields[0].raw, SPAN("\"gpt\\u002d4\"")));
    assert_true(span_eq(inference.fields[3].name, SPAN("x\n")));
    assert_true(span_eq(inference.fields[3].raw, SPAN("[1, {}]")));
    assert_int_equal(inference.fields[3].known, -1);
}

static void nothing_stays_from_the_request_before(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT,
            chat_with("\"n\":2,\"stream\":true,\"max_tokens\":5,\"logprobs\":true,"
                      "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"));
    accepts(ENDPOINT_CHAT, chat_with(""));
    assert_int_equal(inference.choices, 1);
    assert_int_equal(inference.output_tokens_max, 0);
    assert_false(inference.stream || inference.has_tools || inference.has_logprobs);
    assert_int_equal(inference.fields_count, 2);
}

static void what_tells_of_the_answers_length_is_noted(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
            "{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"user\",\"content\":"
            "[{\"type\":\"text\",\"text\":\"abc\"},{\"type\":\"text\",\"text\":\"defg\"}]}]}");
    assert_int_equal(inference.messages, 3);
    assert_int_equal(inference.last_message_bytes, 7);
    assert_false(inference.is_structured || inference.reasons);
    accepts(ENDPOINT_CHAT, chat_with("\"response_format\":{\"type\":\"json_object\"},\"reasoning_effort\":\"low\""));
    assert_true(inference.is_structured && inference.reasons);
    assert_int_equal(inference.messages, 1);
    accepts(ENDPOINT_CHAT, chat_with("\"response_format\":{\"type\":\"text\"},\"reasoning_effort\":\"none\""));
    assert_false(inference.is_structured || inference.reasons);
    accepts(ENDPOINT_CHAT, chat_with("\"thinking\":{\"type\":\"enabled\"}"));
    assert_true(inference.reasons);
    accepts(ENDPOINT_CHAT, chat_with("\"thinking\":{\"type\":\"disabled\"}"));
    assert_false(inference.reasons);
    accepts(ENDPOINT_COMPLETION, "{\"model\":\"m\",\"prompt\":\"abc\"}");
    assert_int_equal(inference.messages + inference.last_message_bytes, 0);
}

static void an_escaped_name_is_the_same_field(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"max\\u005ftokens\":9"));
    assert_int_equal(inference.output_tokens_max, 9);
}

static void what_must_be_there_must_be_there(void **state)
{
    (void)state;
    refuses(ENDPOINT_CHAT, "{}", "model");
    refuses(ENDPOINT_CHAT, "{\"model\":null,\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
            "model");
    refuses(ENDPOINT_CHAT, "{\"model\":\"m\"}", "messages");
    refuses(ENDPOINT_CHAT, "{\"model\":\"m\",\"prompt\":\"x\"}", "messages");
    refuses(ENDPOINT_COMPLETION, "{\"model\":\"m\",\"prompt\":null}", "prompt");
    refuses(ENDPOINT_EMBEDDING, "{\"model\":\"m\"}", "input");
    refuses(ENDPOINT_CHAT, "{\"model\":7}", "model");
    refuses(ENDPOINT_CHAT, "{\"model\":\"m\",\"messages\":\"hi\"}", "messages");
}

static void refused_document(const char *body, enum reason reason)
{
    assert_int_equal(read_body(ENDPOINT_CHAT, body), -EINVAL);
    assert_int_equal(refusal.reason, reason);
    assert_string_equal(refusal.param, "");
    assert_true(refusal.message.text[0] != '\0');
}

static void what_is_no_object_of_json_is_refused(void **state)
{
    (void)state;
    refused_document("", REASON_BAD_JSON);
    refused_document("{\"model\":", REASON_BAD_JSON);
    refused_document("[]", REASON_BAD_JSON);
    refused_document("\"x\"", REASON_BAD_JSON);
    refused_document("null", REASON_BAD_JSON);
    refused_document("{\"model\":\"m\",\"model\":\"n\"}", REASON_BAD_JSON);
    refused_document("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
                     REASON_BAD_JSON);
    refused_document("{\"model\":\"\xff\"}", REASON_BAD_JSON);
    refused_document("{\"model\":\"\\ud800\"}", REASON_BAD_JSON);
    refused_document("{\"n\":1e999}", REASON_BAD_JSON);
}

static void a_body_above_the_parsers_size_is_too_large(void **state)
{
    (void)state;
    struct json_parser *small = json_parser_new(10, 4);
    assert_non_null(small);
    memset(body_bytes, ' ', 11 + JSON_PADDING);
    assert_int_equal(
        inference_read(small, ENDPOINT_CHAT, span_of(body_bytes, 11), &inference, &refusal),
        -EINVAL);
    assert_int_equal(refusal.reason, REASON_TOO_LARGE);
    json_parser_free(small);
}

static void more_fields_than_the_cap_are_refused(void **state)
{
    (void)state;
    for (int count = INFERENCE_FIELDS_MAX; count <= INFERENCE_FIELDS_MAX + 1; count++) {
        char members[4096];
        size_t len = 0;
        for (int i = 2; i < count; i++) /* two are there */
            len += (size_t)snprintf(members + len, sizeof(members) - len, "%s\"x%d\":1",
                                    i > 2 ? "," : "", i);
        if (count == INFERENCE_FIELDS_MAX)
            accepts(ENDPOINT_CHAT, chat_with(members));
        else
            refuses(ENDPOINT_CHAT, chat_with(members), "");
    }
}

static void running_out_of_memory_is_no_refusal(void **state)
{
    (void)state;
    struct json_parser *fresh = json_parser_new(1 << 20, 4);
    assert_non_null(fresh);
    char *body = malloc(100000 + JSON_PADDING);
    assert_non_null(body);
    memset(body, ' ', 100000 + JSON_PADDING);
    mem_fail_after(0);
    int r = inference_read(fresh, ENDPOINT_CHAT, span_of(body, 100000), &inference, &refusal);
    mem_fail_never();
    assert_int_equal(r, -ENOMEM);
    free(body);
    json_parser_free(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_whole),
        cmocka_unit_test(nothing_stays_from_the_request_before),
        cmocka_unit_test(what_tells_of_the_answers_length_is_noted),
        cmocka_unit_test(an_escaped_name_is_the_same_field),
        cmocka_unit_test(what_must_be_there_must_be_there),
        cmocka_unit_test(what_is_no_object_of_json_is_refused),
        cmocka_unit_test(a_body_above_the_parsers_size_is_too_large),
        cmocka_unit_test(more_fields_than_the_cap_are_refused),
        cmocka_unit_test(running_out_of_memory_is_no_refusal),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
