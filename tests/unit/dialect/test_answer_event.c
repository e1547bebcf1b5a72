/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

#define HEAD                                                                                       \
    "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"public\""

/* An event of choice 0 that says one word. */
#define WORD                                                                                       \
    "{\"id\":\"x\",\"created\":5,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}"

static void an_event_leaves_with_our_head_and_the_engines_choices(void **state)
{
    (void)state;
    event("{\"choices\":[{ \"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"\\u0041 \"},"
          "\"logprobs\":{\"content\":[{\"logprob\":-0.25889989733695984}]}}],\"created\":5,"
          "\"id\":\"x\",\"model\":\"/srv/weights.gguf\",\"system_fingerprint\":\"b0\","
          "\"object\":\"chat.completion.chunk\",\"timings\":{\"a\":1},\"prompt_token_ids\":[1]}");
    assert_out(HEAD ",\"choices\":[{ \"finish_reason\":null,\"index\":0,\"delta\":{\"content\":"
                    "\"\\u0041 \"},\"logprobs\":{\"content\":[{\"logprob\":-0.25889989733695984}]}}"
                    "]}\n\n");
    assert_int_equal(answer_state_now, ANSWER_OPEN);
}

static void all_events_have_the_head_of_the_first(void **state)
{
    (void)state;
    event(WORD);
    event("{\"id\":\"other\",\"created\":6,\"choices\":[{\"index\":0,\"delta\":{}}]}");
    assert_out(HEAD ",\"choices\":[{\"index\":0,\"delta\":{}}]}\n\n");
}

static void a_head_may_lack_id_and_time(void **state)
{
    (void)state;
    terms.endpoint = ENDPOINT_COMPLETION;
    terms.model = SPAN("a\"b");
    event(
        "{\"created\":null,\"choices\":[{\"index\":0,\"text\":\"a\"}],\"service_tier\":\"x\\n\"}");
    assert_out("data: {\"object\":\"text_completion\",\"model\":\"a\\\"b\",\"choices\":[{\"index\":"
               "0,\"text\":\"a\"}],\"service_tier\":\"x\\n\"}\n\n");
}

static void a_time_is_an_integer(void **state)
{
    (void)state;
    static const struct {
        const char *created, *left;
    } cases[] = {
        {"1.75", ",\"created\":1,"},   {"1e3", ",\"created\":1000,"},  {"-5", ",\"created\":-5,"},
        {"-5.5", "chunk\",\"model\""}, {"1e300", "chunk\",\"model\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char data[100];
        start_again();
        snprintf(data, sizeof(data), "{\"created\":%s,\"choices\":[{\"index\":0}]}",
                 cases[i].created);
        event(data);
        if (!strstr(buf_cstr(&out), cases[i].left))
            fail_msg("%s: %s", cases[i].created, buf_cstr(&out));
    }
}

static void null_content_passes_and_null_events_vanish(void **state)
{
    (void)state;
    event("{\"id\":\"x\",\"created\":5,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
          "\"content\":null}}]}");
    assert_out(HEAD
               ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}"
               "]}\n\n");
    event("null");
    assert_out("");
    assert_int_equal(answer_meter(answer)->events_counted, 0);
}

static void line_ends_between_tokens_do_not_split_the_event(void **state)
{
    (void)state;
    event("{\"id\":\"x\",\"created\":5,\"choices\":[\n{\"index\":0,\r\n\"delta\":{\n\n\"content\":"
          "\"a\\n\"}}]}");
    assert_out(HEAD ",\"choices\":[ {\"index\":0,  \"delta\":{  \"content\":\"a\\n\"}}]}\n\n");
}

static void thinking_leaves_under_both_names(void **state)
{
    (void)state;
    const char *left =
        HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"h\\u006d\","
             "\"reasoning\":\"h\\u006d\"}}]}\n\n";
    event("{\"id\":\"x\",\"created\":5,\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":"
          "\"h\\u006d\"}}]}");
    assert_out(left);
    event("{\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"h\\u006d\"}}]}");
    assert_out(left);
    event("{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":null,\"reasoning\":"
          "\"h\\u006d\"}}]}");
    assert_out(left);
    event("{\"choices\":[{\"index\":0,\"delta\":{\"rea\\u0073oning\":\"h\"}}]}");
    assert_out(HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"h\","
                    "\"rea\\u0073oning\":\"h\"}}]}\n\n");
    event("{\"choices\":[{\"delta\":{\"reasoning\":\"h\" ,\"reasoning_content\" : null},"
          "\"message\":[\"reasoning\",\"h\"],\"index\":0}]}");
    assert_out(HEAD ",\"choices\":[{\"delta\":{\"reasoning\":\"h\" ,\"reasoning_content\" : \"h\"},"
                    "\"message\":[\"reasoning\",\"h\"],\"index\":0}]}\n\n");
    /* Both are there, or neither: copied. */
    event("{\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"b\" , \"reasoning_content\":\"b\"}"
          "}]}");
    assert_out(HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"b\" , "
                    "\"reasoning_content\":\"b\"}}]}\n\n");
    event("{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":null}}]}");
    assert_out(HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":null}}]}\n\n");
}

static void only_the_choice_that_thinks_is_rewritten(void **state)
{
    (void)state;
    terms.choices = 2;
    event("{\"id\":\"x\",\"created\":5,\"choices\":[{\"index\":1, \"delta\":{ \"content\":\"c\"}},"
          "{\"logprobs\":{\"a\": 1.50},\"index\":0,\"delta\":{\"role\":\"r\",\"reasoning\":\"t\","
          "\"tool_calls\":[ ]}}]}");
    assert_out(HEAD ",\"choices\":[{\"index\":1, \"delta\":{ \"content\":\"c\"}},{\"logprobs\":"
                    "{\"a\": 1.50},\"index\":0,\"delta\":{\"role\":\"r\",\"reasoning_content\":"
                    "\"t\",\"reasoning\":\"t\",\"tool_calls\":[ ]}}]}\n\n");
}

static void tokens_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *choice;
        uint64_t tokens;
    } cases[] = {
        {"\"delta\":{}", 0},
        {"\"delta\":null", 0},
        {"\"finish_reason\":\"stop\"", 0},
        {"\"delta\":{\"role\":\"assistant\",\"content\":\"\"}", 0},
        {"\"delta\":{\"content\":\"a\"}", 1},
        {"\"delta\":{\"reasoning\":\"a\"}", 1},
        {"\"delta\":{\"content\":\"a\",\"reasoning_content\":\"b\"}", 1},
        {"\"delta\":{\"refusal\":\"a\"}", 1},
        {"\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\"}]}", 1},
        {"\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]}", 0},
        {"\"delta\":{\"function_call\":{\"arguments\":\"{\"}}", 1},
        {"\"delta\":{\"content\":\"ab\"},\"logprobs\":{\"content\":[{},{}]}", 2},
        {"\"delta\":{\"content\":\"\"},\"logprobs\":{\"content\":[{}]}", 1},
        {"\"delta\":{\"content\":\"a\"},\"logprobs\":{\"tokens\":[1,2,3]}", 3},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char data[200];
        start_again();
        snprintf(data, sizeof(data), "{\"choices\":[{\"index\":0,%s}]}", cases[i].choice);
        event(data);
        if (answer_meter(answer)->events_counted != cases[i].tokens)
            fail_msg("%s", cases[i].choice);
    }
}

static void the_end_brings_usage_if_it_was_asked_for(void **state)
{
    (void)state;
    event(WORD);
    event("[DONE]");
    assert_out("data: [DONE]\n\n");
    assert_int_equal(answer_state_now, ANSWER_DONE);
    event(WORD); /* behind the end nothing counts */
    assert_out("");
    assert_int_equal(answer_state_now, ANSWER_DONE);
    answer_finish(answer, true, &out);
    answer_fail(answer, &refusal, SPAN_NULL, SPAN_NULL, &out);
    assert_out("");

    start_again();
    terms.include_usage = true;
    event(WORD);
    event(" [DONE] ");
    assert_out(HEAD ",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1,"
                    "\"total_tokens\":8}}\n\ndata: [DONE]\n\n");
}

static void an_end_without_a_choice_is_no_answer(void **state)
{
    (void)state;
    assert_int_equal(event_of(SPAN("[DONE]")), -EINVAL);
    assert_int_equal(refusal.reason, REASON_BAD_ANSWER);
    start_again();
    event("{\"choices\":[],\"usage\":{\"completion_tokens\":1}}");
    assert_out("");
    assert_int_equal(event_of(SPAN("[DONE]")), -EINVAL);
}

static void a_choice_beyond_its_maximum_is_cut(void **state)
{
    (void)state;
    terms.choices = 3;
    terms.output_tokens_max = 2;
    for (int i = 0; i < 3; i++)
        event(WORD);
    event("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}"); /* counts by itself */
    event("{\"choices\":[{\"index\":0,\"delta\":{}}]}");                  /* brings no token */
    assert_int_equal(answer_state_now, ANSWER_OPEN);
    event(WORD);
    assert_int_equal(answer_state_now, ANSWER_CUT);
    assert_out("");
    assert_int_equal(answer_meter(answer)->events_counted, 4);

    event("{\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}");
    buf_clear(&out);
    answer_finish(answer, true, &out);
    assert_out(HEAD ",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":"
                    "\"length\"}]}\n\ndata: [DONE]\n\n");
}

/* Who asks for four answers at once writes no more than who asks for one: four tokens are one each, and one more event. */
static void a_maximum_set_later_is_shared_by_all_choices(void **state)
{
    (void)state;
    terms.choices = 4;
    answer_set_output_max(the_answer(), 4);
    event(WORD);
    event("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}");
    event(WORD);
    assert_int_equal(answer_state_now, ANSWER_OPEN);
    event(WORD);
    assert_int_equal(answer_state_now, ANSWER_CUT);
}

static void an_answer_beyond_its_bytes_is_cut(void **state)
{
    (void)state;
    terms.endpoint = ENDPOINT_COMPLETION;
    terms.answer_bytes_max = 300;
    size_t left = 0;
    do {
        event("{\"id\":\"x\",\"created\":5,\"choices\":[{\"index\":0,\"text\":\"abcdef\"}]}");
        left += out.len;
    } while (answer_state_now == ANSWER_OPEN);
    assert_int_equal(answer_state_now, ANSWER_CUT);
    assert_in_range(left, 100, 300);
    buf_clear(&out);
    answer_finish(answer, true, &out);
    assert_non_null(
        strstr(buf_cstr(&out), "\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\""));
}

static void a_cut_before_the_first_event_still_ends_well(void **state)
{
    (void)state;
    terms.include_usage = true;
    answer_finish(the_answer(), true, &out);
    assert_out("data: {\"object\":\"chat.completion.chunk\",\"model\":\"public\",\"choices\":["
               "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n"
               "data: {\"object\":\"chat.completion.chunk\",\"model\":\"public\",\"choices\":[],"
               "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0,\"total_tokens\":7}}\n\n"
               "data: [DONE]\n\n");
}

static void an_early_end_says_why_and_when_to_come_back(void **state)
{
    (void)state;
    event(WORD);
    answer_note_end(answer, &(struct answer_end){.reason = SPAN("gave_way"), .retry_after_s = 7, .ticket = SPAN("a.b.c")});
    buf_clear(&out);
    answer_finish(answer, true, &out);
    assert_out(HEAD ",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}],"
                    "\"seawall\":{\"ended\":\"gave_way\",\"retry_after\":7,\"ticket\":\"a.b.c\"}}\n\ndata: [DONE]\n\n");

    start_again();
    event(WORD);
    answer_note_end(answer, &(struct answer_end){.reason = SPAN("gave_way"), .retry_after_s = 2});
    buf_clear(&out);
    answer_finish(answer, true, &out);
    assert_non_null(strstr(buf_cstr(&out), "\"seawall\":{\"ended\":\"gave_way\",\"retry_after\":2}}\n"));

    start_again();
    event(WORD);
    answer_note_end(answer, &(struct answer_end){.reason = SPAN("stopped")});
    buf_clear(&out);
    answer_finish(answer, true, &out);
    assert_non_null(strstr(buf_cstr(&out), "\"seawall\":{\"ended\":\"stopped\"}}\n"));

    start_again();
    event(WORD);
    answer_note_end(answer, &(struct answer_end){.reason = SPAN("shortened"), .reduced = SPAN("output=256, model=\"small\"")});
    buf_clear(&out);
    answer_finish(answer, true, &out);
    assert_non_null(strstr(buf_cstr(&out), "\"seawall\":{\"ended\":\"shortened\",\"reduced\":\"output=256, model=\\\"small\\\"\"}}\n"));
}

static void an_end_that_is_no_cut_invents_no_reason(void **state)
{
    (void)state;
    event(WORD);
    buf_clear(&out);
    answer_finish(answer, false, &out);
    assert_out("data: [DONE]\n\n");
}

static void a_failure_is_an_error_event(void **state)
{
    (void)state;
    event(WORD);
    buf_clear(&out);
    refusal = (struct refusal){.reason = REASON_IDLE_TIMEOUT};
    answer_fail(answer, &refusal, SPAN("req-1"), SPAN_NULL, &out);
    assert_out("data: {\"error\":{\"message\":\"the model stopped answering\",\"type\":"
               "\"server_error\",\"param\":null,\"code\":\"model_stalled\"},\"request_id\":"
               "\"req-1\"}\n\n");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, answers_set_up, answers_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_event_leaves_with_our_head_and_the_engines_choices),
        TEST(all_events_have_the_head_of_the_first),
        TEST(a_head_may_lack_id_and_time),
        TEST(a_time_is_an_integer),
        TEST(null_content_passes_and_null_events_vanish),
        TEST(line_ends_between_tokens_do_not_split_the_event),
        TEST(thinking_leaves_under_both_names),
        TEST(only_the_choice_that_thinks_is_rewritten),
        TEST(tokens_are_counted),
        TEST(the_end_brings_usage_if_it_was_asked_for),
        TEST(an_early_end_says_why_and_when_to_come_back),
        TEST(an_end_without_a_choice_is_no_answer),
        TEST(a_choice_beyond_its_maximum_is_cut),
        TEST(a_maximum_set_later_is_shared_by_all_choices),
        TEST(an_answer_beyond_its_bytes_is_cut),
        TEST(a_cut_before_the_first_event_still_ends_well),
        TEST(an_end_that_is_no_cut_invents_no_reason),
        TEST(a_failure_is_an_error_event),
    };
#undef TEST
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
