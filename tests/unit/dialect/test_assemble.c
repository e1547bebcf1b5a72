/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

#define HEAD                                                                                       \
    "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"public\",\"choices\":" \
    "["
#define USAGE(prompt, completion, total)                                                           \
    "],\"usage\":{\"prompt_tokens\":" prompt ",\"completion_tokens\":" completion                  \
    ",\"total_tokens\":" total "}}"

/* An event with one choice; `rest` is behind its index. */
static void choice(unsigned index, const char *rest)
{
    char data[600];
    snprintf(data, sizeof(data),
             "{\"id\":\"x\",\"created\":5,\"model\":\"w\",\"choices\":[{\"index\":%u,%s}]}", index,
             rest);
    gather(data);
}

static void assert_gathered(bool cut, const char *text)
{
    buf_clear(&out);
    assert_int_equal(answer_gathered(answer, cut, &out, &refusal), 0);
    assert_out(text);
}

static void choices_are_put_together_apart(void **state)
{
    (void)state;
    terms.choices = 2;
    choice(1, "\"delta\":{\"role\":\"assistant\",\"content\":null}");
    choice(1, "\"delta\":{\"content\":\"B\\\"\"}");
    choice(0, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}");
    choice(0, "\"delta\":{\"content\":\"A\\n\"}");
    gather("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u0000\"}},{\"index\":1,\"delta\":"
           "{\"content\":\"\\ud83d\\ude42\"},\"finish_reason\":\"stop\"}]}");
    choice(0, "\"delta\":{},\"finish_reason\":\"length\"");
    gather("null");
    gather("[DONE]");
    assert_int_equal(answer_state_now, ANSWER_DONE);
    assert_gathered(false, HEAD
                    "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"A\\n\\u0000"
                    "\"},\"finish_reason\":\"length\"},{\"index\":1,\"message\":{\"role\":"
                    "\"assistant\",\"content\":\"B\\\"\xf0\x9f\x99\x82\"},\"finish_reason\":"
                    "\"stop\"}" USAGE("7", "4", "11"));
}

static void thinking_and_refusal_are_put_together(void **state)
{
    (void)state;
    choice(0, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}");
    choice(0, "\"delta\":{\"reasoning\":\"th\"}");
    choice(0, "\"delta\":{\"reasoning_content\":\"ink\",\"reasoning\":\"ink\"}");
    choice(0, "\"delta\":{\"refusal\":\"no\"},\"finish_reason\":\"stop\"");
    gather("[DONE]");
    assert_gathered(false,
                    HEAD "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
                         "\"reasoning_content\":\"think\",\"reasoning\":\"think\","
                         "\"refusal\":\"no\"},\"finish_reason\":\"stop\"}" USAGE("7", "3", "10"));
}

static void calls_are_put_together_by_index(void **state)
{
    (void)state;
    choice(0, "\"delta\":{\"role\":\"assistant\",\"content\":null}");
    choice(
        0,
        "\"delta\":{\"tool_calls\":[{\"index\":2,\"id\":\"c\",\"type\":\"function\",\"function\":"
        "{\"name\":\"g\",\"arguments\":\"\"}}]}");
    choice(
        0,
        "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"{\\\"\"}},{\"index\":2,\"id\":\"c\",\"function\":"
        "{\"name\":\"g\",\"arguments\":\"[\"}}]}");
    choice(0, "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":null,\"function\":{\"arguments\":"
              "\"x\\\":1}\"}}]},\"finish_reason\":\"tool_calls\"");
    gather("[DONE]");
    assert_gathered(
        false, HEAD
        "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":["
        "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
        "\"{\\\"x\\\":1}\"}},{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":"
        "\"g\",\"arguments\":\"[\"}}]},\"finish_reason\":\"tool_calls\"}" USAGE("7", "3", "10"));
}

static void calls_without_index_count_from_zero(void **state)
{
    (void)state;
    choice(0, "\"delta\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}},"
              "{\"function\":{\"name\":\"g\"}}]},\"finish_reason\":\"tool_calls\"");
    gather("[DONE]");
    assert_gathered(
        false,
        HEAD "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
             "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}},"
             "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},"
             "\"finish_reason\":\"tool_calls\"}" USAGE("7", "1", "8"));
}

static void a_call_of_the_older_form_is_put_together(void **state)
{
    (void)state;
    choice(0, "\"delta\":{\"function_call\":{\"name\":\"f\",\"arguments\":\"{\"}}");
    choice(
        0,
        "\"delta\":{\"function_call\":{\"arguments\":\"}\"}},\"finish_reason\":\"function_call\"");
    gather("[DONE]");
    assert_gathered(false, HEAD "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\","
                                "\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
                                "\"finish_reason\":\"function_call\"}" USAGE("7", "2", "9"));
}

static void logprobs_are_joined_as_they_were_written(void **state)
{
    (void)state;
    choice(0, "\"logprobs\":null,\"delta\":{\"content\":\"\"}");
    choice(0, "\"logprobs\":{\"content\":[ {\"logprob\":-0.79892945289611820} ],\"refusal\":null},"
              "\"delta\":{\"content\":\"a\"}");
    choice(0, "\"logprobs\":{\"content\":[]},\"delta\":{}");
    gather(
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"]\"}},{\"delta\":{\"content\":\"b\"},"
        "\"index\":0,\"logprobs\":{\"content\":[{\"logprob\":1e-3},{}]},\"finish_reason\":\"stop\"}"
        "]}");
    gather("[DONE]");
    assert_gathered(false, HEAD
                    "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a]b\"},"
                    "\"logprobs\":{\"content\":[{\"logprob\":-0.79892945289611820},"
                    "{\"logprob\":1e-3},{}],\"refusal\":null},\"finish_reason\":\"stop\"}" USAGE(
                        "7", "4", "11"));
}

static void completions_join_their_four_lists(void **state)
{
    (void)state;
    terms.endpoint = ENDPOINT_COMPLETION;
    choice(0, "\"text\":\" a\",\"logprobs\":{\"tokens\":[\" a\"],\"token_logprobs\":[null],"
              "\"top_logprobs\":[{\" a\":-1.0}],\"text_offset\":[0]}");
    choice(0, "\"text\":\"b\",\"logprobs\":{\"tokens\":[\"b\"],\"token_logprobs\":[-2.50],"
              "\"top_logprobs\":[{\"b\":-2.5}],\"text_offset\":[2],\"more\":7},"
              "\"finish_reason\":\"stop\",\"stop_reason\":11");
    gather("[DONE]");
    assert_gathered(
        false,
        "{\"id\":\"x\",\"object\":\"text_completion\",\"created\":5,\"model\":\"public\","
        "\"choices\":["
        "{\"index\":0,\"text\":\" ab\",\"logprobs\":{\"tokens\":[\" a\",\"b\"],\"token_logprobs\":"
        "[null,-2.50],\"top_logprobs\":[{\" a\":-1.0},{\"b\":-2.5}],\"text_offset\":[0,2]},"
        "\"finish_reason\":\"stop\",\"stop_reason\":11}" USAGE("7", "2", "9"));
}

static void wrong_lists_are_refused(void **state)
{
    (void)state;
    assert_int_equal(
        answer_gather(the_answer(), parser,
                      pad(SPAN("{\"choices\":[{\"index\":0,\"logprobs\":{\"text_offset\":7}}]}")),
                      &answer_state_now, &refusal),
        -EINVAL);
    assert_int_equal(refusal.reason, REASON_BAD_ANSWER);
}

static void a_completion_always_has_logprobs(void **state)
{
    (void)state;
    terms.endpoint = ENDPOINT_COMPLETION;
    choice(0, "\"text\":\"a\",\"finish_reason\":\"stop\",\"stop_reason\":\"x\"");
    gather("[DONE]");
    buf_clear(&out);
    assert_int_equal(answer_gathered(answer, false, &out, &refusal), 0);
    assert_non_null(strstr(buf_cstr(&out), "\"text\":\"a\",\"logprobs\":null,\"finish_reason\":"
                                           "\"stop\",\"stop_reason\":\"x\"}"));
}

static void half_an_answer_is_none(void **state)
{
    (void)state;
    choice(0, "\"delta\":{\"content\":\"a\"}");
    assert_int_equal(answer_gathered(answer, false, &out, &refusal), -EINVAL);
    assert_int_equal(refusal.reason, REASON_BAD_ANSWER);
    assert_int_equal(out.len, 0);
    /* Without [DONE], but the choice has ended. */
    choice(0, "\"delta\":{},\"finish_reason\":\"stop\"");
    assert_int_equal(answer_gathered(answer, false, &out, &refusal), 0);
    assert_true(out.len > 0);
    start_again();
    gather("{\"choices\":[]}");
    assert_int_equal(answer_gathered(answer, false, &out, &refusal), -EINVAL);
}

static void a_cut_ends_open_choices_with_length(void **state)
{
    (void)state;
    terms.choices = 2;
    terms.output_tokens_max = 1;
    choice(1, "\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"");
    choice(0, "\"delta\":{\"content\":\"a\"}");
    choice(0, "\"delta\":{\"content\":\"a\"}");
    assert_int_equal(answer_state_now, ANSWER_OPEN);
    choice(0, "\"delta\":{\"content\":\"a\"}");
    assert_int_equal(answer_state_now, ANSWER_CUT);
    assert_gathered(
        true,
        HEAD "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"aa\"},"
             "\"finish_reason\":\"length\"},{\"index\":1,\"message\":{\"role\":"
             "\"assistant\",\"content\":\"b\"},\"finish_reason\":\"stop\"}" USAGE("7", "3", "10"));
}

static void memory_has_a_maximum(void **state)
{
    (void)state;
    terms.answer_bytes_max = 1000;
    size_t events = 0;
    do {
        choice(0, "\"delta\":{\"content\":\"0123456789012345678901234567890123456789\"}");
        events++;
    } while (answer_state_now == ANSWER_OPEN);
    assert_int_equal(answer_state_now, ANSWER_CUT);
    assert_in_range(events, 15, 25);
    assert_int_equal(answer_gathered(answer, true, &out, &refusal), 0);

    /* Calls that say nothing take memory too. */
    start_again();
    choice(0, "\"delta\":{\"tool_calls\":[{\"index\":127}]}");
    assert_int_equal(answer_state_now, ANSWER_OPEN);
    choice(0, "\"delta\":{\"tool_calls\":[{\"index\":127}]}");
    assert_int_equal(answer_state_now, ANSWER_CUT);

    start_again();
    terms.answer_bytes_max = 10;
    choice(0, "\"delta\":{\"content\":\"a\"}");
    assert_int_equal(answer_state_now, ANSWER_CUT);
    assert_int_equal(answer_gathered(answer, true, &out, &refusal), -EINVAL);
    assert_int_equal(refusal.reason, REASON_ANSWER_TOO_LARGE);
}

static void nothing_is_gathered_behind_the_end(void **state)
{
    (void)state;
    choice(0, "\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"");
    gather("[DONE]");
    choice(0, "\"delta\":{\"content\":\"b\"}");
    assert_int_equal(answer_state_now, ANSWER_DONE);
    assert_gathered(false,
                    HEAD "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\"},"
                         "\"finish_reason\":\"stop\"}" USAGE("7", "1", "8"));
    start_again();
    assert_int_equal(
        answer_gather(the_answer(), parser, pad(SPAN("[DONE]")), &answer_state_now, &refusal),
        -EINVAL);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, answers_set_up, answers_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(choices_are_put_together_apart),
        TEST(thinking_and_refusal_are_put_together),
        TEST(calls_are_put_together_by_index),
        TEST(calls_without_index_count_from_zero),
        TEST(a_call_of_the_older_form_is_put_together),
        TEST(logprobs_are_joined_as_they_were_written),
        TEST(completions_join_their_four_lists),
        TEST(wrong_lists_are_refused),
        TEST(a_completion_always_has_logprobs),
        TEST(half_an_answer_is_none),
        TEST(a_cut_ends_open_choices_with_length),
        TEST(memory_has_a_maximum),
        TEST(nothing_is_gathered_behind_the_end),
    };
#undef TEST
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
