/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine may not send, in either form of the way back. */
#include "answers.h"

static void assert_refused(const char *data, enum reason reason)
{
    start_again();
    if (event_of(span_str(data)) != -EINVAL)
        fail_msg("taken: %s", data);
    assert_int_equal(refusal.reason, reason);
    assert_string_equal(refusal.message.text, ""); /* nothing of the engine's for the client */
    assert_true(answer_detail(answer)->text[0] != '\0');
    assert_int_equal(out.len, 0);

    start_again();
    assert_int_equal(
        answer_gather(the_answer(), parser, pad(span_str(data)), &answer_state_now, &refusal),
        -EINVAL);
    assert_int_equal(refusal.reason, reason);
}

static void bad(const char *data)
{
    assert_refused(data, REASON_BAD_ANSWER);
}

static void what_is_no_event_is_refused(void **state)
{
    (void)state;
    bad("");
    bad("hello");
    bad("<html></html>");
    bad("{");
    bad("[]");
    bad("7");
    bad("\"[DONE]\"");
    bad("true");
    bad("{\"choices\":[]}7");
    bad("{\"choices\":[],\"choices\":[]}");
    bad("{\"choices\":[],\"cho\\u0069ces\":[]}");
    bad("{\"choices\":[{\"index\":NaN}]}");
    bad("{\"id\":\"\xff\",\"choices\":[]}");
    bad("{\"id\":\"\\ud83d\",\"choices\":[]}");
    bad("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
}

static void wrong_types_at_the_top_are_refused(void **state)
{
    (void)state;
    bad("{}");
    bad("{\"id\":\"x\"}");
    bad("{\"choices\":null}");
    bad("{\"choices\":{}}");
    bad("{\"choices\":\"x\"}");
    bad("{\"choices\":[],\"id\":7}");
    bad("{\"choices\":[],\"created\":\"now\"}");
    bad("{\"choices\":[],\"object\":7}");
    bad("{\"choices\":[],\"usage\":[]}");
    bad("{\"choices\":[],\"service_tier\":7}");
}

static void wrong_choices_are_refused(void **state)
{
    (void)state;
    bad("{\"choices\":[7]}");
    bad("{\"choices\":[null]}");
    bad("{\"choices\":[[]]}");
    bad("{\"choices\":[{}]}");
    bad("{\"choices\":[{\"index\":null}]}");
    bad("{\"choices\":[{\"index\":\"0\"}]}");
    bad("{\"choices\":[{\"index\":0.0}]}");
    bad("{\"choices\":[{\"index\":-1}]}");
    bad("{\"choices\":[{\"index\":1}]}");
    bad("{\"choices\":[{\"index\":4294967296}]}");
    bad("{\"choices\":[{\"index\":9223372036854775807}]}");
    bad("{\"choices\":[{\"index\":18446744073709551615}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":7}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":[]}]}");
    bad("{\"choices\":[{\"index\":0,\"finish_reason\":7}]}");
    bad("{\"choices\":[{\"index\":0,\"finish_reason\":\"0123456789012345678901234567890123456789\"}"
        "]}");
    bad("{\"choices\":[{\"index\":0,\"logprobs\":[]}]}");
    bad("{\"choices\":[{\"index\":0,\"logprobs\":{\"content\":7}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"content\":7}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"content\":[]}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"role\":7}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":{}}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":7}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"refusal\":7}}]}");
}

static void wrong_calls_are_refused(void **state)
{
    (void)state;
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":{}}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[7]}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":-1}]}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":128}]}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":7}]}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":[]}]}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
        "{\"name\":7}}]}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
        "{\"arguments\":{}}}]}}]}");
    bad("{\"choices\":[{\"index\":0,\"delta\":{\"function_call\":{\"arguments\":7}}}]}");
    event("null");
    event("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":127}]}}]}");
}

static void an_engines_error_in_its_stream_ends_it(void **state)
{
    (void)state;
    assert_refused("{\"error\":{\"message\":\"/models/x.gguf broke\",\"code\":500}}",
                   REASON_ENGINE_ERROR);
    assert_non_null(strstr(answer_detail(answer)->text, "/models/x.gguf broke"));
    assert_refused("{\"error\":{\"message\":\"bad\",\"code\":400}}", REASON_REJECTED_BY_ENGINE);
    assert_refused("{\"error\":{\"message\":\"bad\",\"code\":\"words\"}}", REASON_ENGINE_ERROR);
    assert_refused("{\"error\":\"words\"}", REASON_ENGINE_ERROR);
    assert_non_null(strstr(answer_detail(answer)->text, "words"));
    assert_refused("{\"object\":\"error\",\"message\":\"old\",\"code\":503}", REASON_NO_BACKEND);
    start_again();
    event("{\"error\":null,\"choices\":[]}"); /* some send it with every event */
}

static void embeddings_have_no_events(void **state)
{
    (void)state;
    terms.endpoint = ENDPOINT_EMBEDDING;
    bad("{\"choices\":[{\"index\":0,\"text\":\"a\"}]}");
}

static void an_id_has_a_maximum(void **state)
{
    (void)state;
    char data[400], id[260];
    memset(id, 'i', sizeof(id));
    snprintf(data, sizeof(data), "{\"id\":\"%.256s\",\"choices\":[]}", id);
    event(data);
    snprintf(data, sizeof(data), "{\"id\":\"%.257s\",\"choices\":[]}", id);
    bad(data);
}

static void an_event_of_ten_megabytes_is_refused_by_its_size(void **state)
{
    (void)state;
    char *large = malloc(TEST_BYTES_MAX);
    json_parser_free(parser);
    parser = json_parser_new(1000, 16);
    memset(large, ' ', 1001);
    large[1001] = '\0';
    memcpy(large, "{\"choices\":[]}", 14);
    assert_refused(large, REASON_ANSWER_TOO_LARGE);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_no_event_is_refused, answers_set_up,
                                        answers_tear_down),
        cmocka_unit_test_setup_teardown(wrong_types_at_the_top_are_refused, answers_set_up,
                                        answers_tear_down),
        cmocka_unit_test_setup_teardown(wrong_choices_are_refused, answers_set_up,
                                        answers_tear_down),
        cmocka_unit_test_setup_teardown(wrong_calls_are_refused, answers_set_up, answers_tear_down),
        cmocka_unit_test_setup_teardown(an_engines_error_in_its_stream_ends_it, answers_set_up,
                                        answers_tear_down),
        cmocka_unit_test_setup_teardown(embeddings_have_no_events, answers_set_up,
                                        answers_tear_down),
        cmocka_unit_test_setup_teardown(an_id_has_a_maximum, answers_set_up, answers_tear_down),
        cmocka_unit_test_setup_teardown(an_event_of_ten_megabytes_is_refused_by_its_size,
                                        answers_set_up, answers_tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
