/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

static int whole_of(const char *body)
{
    start_again();
    return answer_whole(the_answer(), parser, pad(span_str(body)), &out, &refusal);
}

static void whole(const char *body, const char *left)
{
    if (whole_of(body) < 0)
        fail_msg("%s: %s", body, answer_detail(answer)->text);
    assert_out(left);
}

static void bad(const char *body)
{
    if (whole_of(body) != -EINVAL)
        fail_msg("taken: %s", body);
    assert_int_equal(refusal.reason, REASON_BAD_ANSWER);
    assert_int_equal(out.len, 0);
}

static void a_chat_passes_with_our_head(void **state)
{
    (void)state;
    whole("{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"/srv/w.gguf\","
          "\"choices\":[ {\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"h\\u0069\","
          "\"tool_calls\":[]},\"logprobs\":null,\"finish_reason\":\"stop\",\"stop_reason\":null}],"
          "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":4,\"completion_tokens\":1},"
          "\"prompt_logprobs\":null,\"kv_transfer_params\":null,\"service_tier\":\"default\"}",
          "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"public\","
          "\"choices\":[ {\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"h\\u0069\","
          "\"tool_calls\":[]},\"logprobs\":null,\"finish_reason\":\"stop\",\"stop_reason\":null}],"
          "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4},"
          "\"service_tier\":\"default\"}");
}

static void thinking_leaves_under_both_names(void **state)
{
    (void)state;
    whole("{\"choices\":[{\"index\":0,\"message\":{\"reasoning\":\"t\\n\",\"content\":null}}],"
          "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}",
          "{\"object\":\"chat.completion\",\"model\":\"public\",\"choices\":[{\"index\":0,"
          "\"message\":{\"reasoning_content\":\"t\\n\",\"reasoning\":\"t\\n\",\"content\":null}}],"
          "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}");
    whole("{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\",\"reasoning\":null}}],"
          "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}",
          "{\"object\":\"chat.completion\",\"model\":\"public\",\"choices\":[{\"index\":0,"
          "\"message\":{\"content\":\"a\",\"reasoning\":null}}],"
          "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}");
}

static void an_answer_without_usage_is_guessed(void **state)
{
    (void)state;
    terms.endpoint = ENDPOINT_COMPLETION;
    whole("{\"choices\":[{\"index\":0,\"text\":\"abcdefghi\"}]}",
          "{\"object\":\"text_completion\",\"model\":\"public\",\"choices\":[{\"index\":0,\"text\":"
          "\"abcdefghi\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":"
          "10}}");
    assert_false(answer_meter(answer)->counting_exact);
}

static void listed_tokens_are_counted(void **state)
{
    (void)state;
    assert_int_equal(whole_of("{\"choices\":[{\"index\":0,\"message\":{\"content\":\"abcdefghi\"},"
                              "\"logprobs\":{\"content\":[{},{},{},{},{}]}}]}"),
                     0);
    assert_int_equal(answer_meter(answer)->events_counted, 5);
}

static void embeddings_pass(void **state)
{
    (void)state;
    terms.endpoint = ENDPOINT_EMBEDDING;
    whole("{\"object\":\"list\",\"model\":\"w\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
          "\"embedding\":[0.10,-2e-3]},{\"embedding\":\"AAAA\"}],\"usage\":{\"prompt_tokens\":3,"
          "\"total_tokens\":3,\"completion_tokens\":0}}",
          "{\"object\":\"list\",\"model\":\"public\",\"data\":[{\"object\":\"embedding\",\"index\":"
          "0,\"embedding\":[0.10,-2e-3]},{\"embedding\":\"AAAA\"}],\"usage\":{\"prompt_tokens\":3,"
          "\"total_tokens\":3}}");
    bad("{\"data\":[]}");
    bad("{\"data\":[7]}");
    bad("{\"data\":{}}");
    bad("{\"choices\":[{\"index\":0,\"text\":\"a\"}]}");
}

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    bad("");
    bad("null");
    bad("[]");
    bad("{}");
    bad("<html>");
    bad("{\"choices\":null}");
    bad("{\"choices\":[]}");
    bad("{\"data\":[{}]}");
    bad("{\"choices\":[{\"index\":1,\"message\":{}}]}");
    bad("{\"choices\":[{\"index\":0,\"message\":[]}]}");
    bad("{\"choices\":[{\"index\":0,\"message\":{\"content\":7}}]}");
    bad("{\"choices\":[{\"index\":0,\"message\":{\"tool_calls\":[7]}}]}");
    bad("{\"choices\":[{\"index\":0,\"message\":{}}],\"usage\":{\"prompt_tokens\":-1}}");
    terms.choices = 2;
    bad("{\"choices\":[{\"index\":0,\"message\":{}},{\"index\":0,\"message\":{}}]}");
    bad("{\"choices\":[{\"index\":0,\"message\":{}},{\"index\":1,\"message\":{}},{\"index\":2,"
        "\"message\":{}}]}");
}

static void an_error_with_status_200_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(whole_of("{\"error\":{\"message\":\"out of memory\",\"code\":500}}"), -EINVAL);
    assert_int_equal(refusal.reason, REASON_ENGINE_ERROR);
    assert_non_null(strstr(answer_detail(answer)->text, "out of memory"));
}

static void a_body_has_a_maximum(void **state)
{
    (void)state;
    const char *body = "{\"choices\":[{\"index\":0,\"message\":{}}]}";
    terms.answer_bytes_max = strlen(body);
    assert_int_equal(whole_of(body), 0);
    terms.answer_bytes_max--;
    assert_int_equal(whole_of(body), -EINVAL);
    assert_int_equal(refusal.reason, REASON_ANSWER_TOO_LARGE);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, answers_set_up, answers_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_chat_passes_with_our_head),
        TEST(thinking_leaves_under_both_names),
        TEST(an_answer_without_usage_is_guessed),
        TEST(listed_tokens_are_counted),
        TEST(embeddings_pass),
        TEST(what_is_no_answer_is_refused),
        TEST(an_error_with_status_200_is_an_error),
        TEST(a_body_has_a_maximum),
    };
#undef TEST
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
