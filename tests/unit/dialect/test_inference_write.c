/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "request.h"

static struct buf buf;

static int set_up(void **state)
{
    buf_init(&buf, 1 << 20);
    return set_up_parser(state);
}

static int tear_down(void **state)
{
    buf_release(&buf);
    return tear_down_parser(state);
}

/* Reads, allows `top_k`, `x"y` and `user`, writes, and compares. */
static void written(enum endpoint endpoint, const char *body, struct inference_target target,
                    const char *expected)
{
    static const struct span listed[] = {SPAN("top_k"), SPAN("x\"y"), SPAN("user"),
                                         SPAN("n_predict")};
    const struct inference_caps caps = {
        .engine_fields = listed, .engine_fields_count = COUNT_OF(listed), .choices_max = 8};
    accepts(endpoint, body);
    assert_int_equal(inference_allow(&inference, &caps, &refusal), 0);
    buf_clear(&buf);
    inference_write(&inference, &target, &buf);
    assert_int_equal(buf_status(&buf), 0);
    assert_string_equal(buf_cstr(&buf), expected);
    /* What was written reads again as the same request. */
    uint64_t tokens = inference.prompt_tokens_estimate, limit = inference.output_tokens_max;
    uint32_t choices = inference.choices;
    accepts(endpoint, buf_cstr(&buf));
    assert_int_equal(inference_allow(&inference, &caps, &refusal), 0);
    assert_true(span_eq(inference.model, target.model));
    assert_int_equal(inference.stream, target.stream);
    assert_int_equal(inference.prompt_tokens_estimate, tokens);
    assert_int_equal(inference.choices, choices);
    if (endpoint != ENDPOINT_EMBEDDING)
        assert_int_equal(inference.output_tokens_max,
                         target.output_tokens_max ? target.output_tokens_max : limit);
}

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void spans_go_on_as_they_were_written(void **state)
{
    (void)state;
    written(ENDPOINT_CHAT,
            "{ \"temperature\" : 0.70 ,\n\"messages\" : [ { \"role\":\"user\", "
            "\"content\":\"\\u00e4\\/\" } ],"
            "\"model\":\"a\",\"top\\u005fk\": 4 }",
            (struct inference_target){.model = SPAN("b")},
            "{\"model\":\"b\",\"temperature\":0.70,\"messages\":[ { \"role\":\"user\", "
            "\"content\":\"\\u00e4\\/\" } ],\"top_k\":4}");
}

static void names_are_escaped(void **state)
{
    (void)state;
    written(ENDPOINT_CHAT, "{\"model\":\"a\"," MESSAGES ",\"x\\u0022y\":[1]}",
            (struct inference_target){.model = SPAN("b\"\\\n")},
            "{\"model\":\"b\\\"\\\\\\n\"," MESSAGES ",\"x\\\"y\":[1]}");
}

static void the_door_sets_the_stream(void **state)
{
    (void)state;
    const char *asked =
        "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true,"
        "\"continuous_usage_stats\":true}," MESSAGES "}";
    const char *plain = "{\"model\":\"a\",\"stream\":false,\"stream_options\":{}," MESSAGES "}";
    const char *whole = "{\"model\":\"b\"," MESSAGES "}";
    const char *streamed = "{\"model\":\"b\"," MESSAGES ",\"stream\":true}";
    const char *metered = "{\"model\":\"b\"," MESSAGES
                          ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}";
    written(ENDPOINT_CHAT, plain, (struct inference_target){.model = SPAN("b")}, whole);
    written(ENDPOINT_CHAT, asked, (struct inference_target){.model = SPAN("b")}, whole);
    written(ENDPOINT_CHAT, plain, (struct inference_target){.model = SPAN("b"), .stream = true},
            streamed);
    written(ENDPOINT_CHAT, plain,
            (struct inference_target){.model = SPAN("b"), .stream = true, .ask_usage = true},
            metered);
    written(ENDPOINT_CHAT, asked, (struct inference_target){.model = SPAN("b"), .stream = true},
            metered);
    written(ENDPOINT_CHAT, plain, (struct inference_target){.model = SPAN("b"), .ask_usage = true},
            whole);
}

static void one_limit_goes_out_when_the_door_sets_it(void **state)
{
    (void)state;
    const char *body = "{\"model\":\"a\",\"max_completion_tokens\":9," MESSAGES
                       ",\"max_tokens\":9,\"n_predict\":9}";
    written(ENDPOINT_CHAT, body, (struct inference_target){.model = SPAN("b")},
            "{\"model\":\"b\",\"max_completion_tokens\":9," MESSAGES
            ",\"max_tokens\":9,\"n_predict\":9}");
    written(ENDPOINT_CHAT, body,
            (struct inference_target){.model = SPAN("b"), .output_tokens_max = 5},
            "{\"model\":\"b\"," MESSAGES ",\"max_tokens\":5}");
    written(ENDPOINT_CHAT, "{\"model\":\"a\"," MESSAGES "}",
            (struct inference_target){.model = SPAN("b"), .output_tokens_max = 5},
            "{\"model\":\"b\"," MESSAGES ",\"max_tokens\":5}");
}

/* The words for each engine; the client's own of the same name go. */
static void an_engine_is_told_to_think_less(void **state)
{
    (void)state;
    const char *body = "{\"model\":\"a\",\"reasoning_effort\":\"high\",\"thinking\":{\"type\":\"enabled\"}," MESSAGES "}";
    written(ENDPOINT_CHAT, body, (struct inference_target){.model = SPAN("b"), .thought = THOUGHT_EFFORT},
            "{\"model\":\"b\",\"thinking\":{\"type\":\"enabled\"}," MESSAGES ",\"reasoning_effort\":\"low\"}");
    written(ENDPOINT_CHAT, body, (struct inference_target){.model = SPAN("b"), .thought = THOUGHT_THINKING, .stream = true},
            "{\"model\":\"b\",\"reasoning_effort\":\"high\"," MESSAGES ",\"thinking\":{\"type\":\"disabled\"},\"stream\":true}");
    written(ENDPOINT_CHAT, "{\"model\":\"a\"," MESSAGES "}",
            (struct inference_target){.model = SPAN("b"), .thought = THOUGHT_EFFORT},
            "{\"model\":\"b\"," MESSAGES ",\"reasoning_effort\":\"low\"}");
}

/* What else the template was given stays, however the member's name was written. */
static void a_template_is_told_to_think_less(void **state)
{
    (void)state;
    static const struct span listed[] = {SPAN("chat_template_kwargs")};
    const struct inference_caps caps = {.engine_fields = listed, .engine_fields_count = 1, .choices_max = 8};
    const struct inference_target target = {.model = SPAN("b"), .thought = THOUGHT_TEMPLATE};
    static const struct {
        const char *given, *written;
    } cases[] = {
        {"", "{\"enable_thinking\":false}"},
        {",\"chat_template_kwargs\":{}", "{\"enable_thinking\":false}"},
        {",\"chat_template_kwargs\":{\"a\\\"b\": [1] ,\"enable\\u005fthinking\":true,\"c\":\"d\"}",
         "{\"enable_thinking\":false,\"a\\\"b\":[1],\"c\":\"d\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char body[512], expected[512];
        snprintf(body, sizeof(body), "{\"model\":\"a\"," MESSAGES "%s}", cases[i].given);
        snprintf(expected, sizeof(expected), "{\"model\":\"b\"," MESSAGES ",\"chat_template_kwargs\":%s}", cases[i].written);
        accepts(ENDPOINT_CHAT, body);
        assert_int_equal(inference_allow(&inference, &caps, &refusal), 0);
        assert_true(inference_can_think_less(&inference, THOUGHT_TEMPLATE));
        buf_clear(&buf);
        inference_write(&inference, &target, &buf);
        assert_string_equal(buf_cstr(&buf), expected);
        accepts(ENDPOINT_CHAT, buf_cstr(&buf));
        assert_false(inference_can_think_less(&inference, THOUGHT_TEMPLATE));
    }
}

static void who_thinks_little_already_is_not_told(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        enum inference_thought thought;
        bool can;
    } cases[] = {
        {"", THOUGHT_AS_ASKED, false},
        {"", THOUGHT_EFFORT, true},
        {"\"reasoning_effort\":\"medium\"", THOUGHT_EFFORT, true},
        {"\"reasoning_effort\":\"low\"", THOUGHT_EFFORT, false},
        {"\"reasoning_effort\":\"minimal\"", THOUGHT_EFFORT, false},
        {"\"reasoning_effort\":\"none\"", THOUGHT_EFFORT, false},
        {"\"reasoning_effort\":\"none\"", THOUGHT_THINKING, true},
        {"\"reasoning_effort\":null", THOUGHT_EFFORT, true},
        {"\"thinking\":{\"type\":\"disabled\"}", THOUGHT_EFFORT, false},
        {"\"chat_template_kwargs\":{\"enable_thinking\":false}", THOUGHT_EFFORT, false},
        {"\"thinking\":{\"type\":\"enabled\"}", THOUGHT_THINKING, true},
        {"\"thinking\":{\"type\":\"disabled\"}", THOUGHT_THINKING, false},
        {"\"chat_template_kwargs\":{\"enable_thinking\":false}", THOUGHT_TEMPLATE, false},
        {"\"chat_template_kwargs\":{\"enable_thinking\":\"false\"}", THOUGHT_TEMPLATE, true},
        {"\"chat_template_kwargs\":{\"enable_thinking\":true}", THOUGHT_TEMPLATE, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        accepts(ENDPOINT_CHAT, chat_with(cases[i].members));
        assert_int_equal(inference_can_think_less(&inference, cases[i].thought), cases[i].can);
    }
    accepts(ENDPOINT_COMPLETION, text_with(""));
    assert_false(inference_can_think_less(&inference, THOUGHT_EFFORT));
}

static void what_is_dropped_does_not_go_out(void **state)
{
    (void)state;
    written(
        ENDPOINT_CHAT,
        "{\"model\":\"a\",\"user\":\"u\",\"user_id\":\"u\",\"metadata\":{},\"store\":false,"
        "\"service_tier\":\"auto\",\"safety_identifier\":\"s\",\"prompt_cache_key\":\"k\","
        "\"verbosity\":\"low\",\"prediction\":{},\"modalities\":[\"text\"],\"seed\":null," MESSAGES
        "}",
        (struct inference_target){.model = SPAN("b")},
        "{\"model\":\"b\",\"user\":\"u\"," MESSAGES "}");
}

static void an_embedding_gets_nothing_of_a_generation(void **state)
{
    (void)state;
    written(
        ENDPOINT_EMBEDDING, "{\"input\":[\"x\", \"y\"],\"dimensions\":3,\"model\":\"a\"}",
        (struct inference_target){.model = SPAN("b"), .output_tokens_max = 5, .ask_usage = true},
        "{\"model\":\"b\",\"input\":[\"x\", \"y\"],\"dimensions\":3}");
}

static void it_appends_and_says_when_there_is_no_room(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with(""));
    struct inference_target target = {.model = SPAN("b")};
    struct buf small;
    buf_init(&small, 60);
    inference_write(&inference, &target, &small);
    assert_int_equal(buf_status(&small), -ENOSPC);
    buf_release(&small);
    buf_clear(&buf);
    buf_append(&buf, SPAN("headroom"));
    inference_write(&inference, &target, &buf);
    assert_string_equal(buf_cstr(&buf), "headroom{\"model\":\"b\"," MESSAGES "}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_go_on_as_they_were_written),
        cmocka_unit_test(names_are_escaped),
        cmocka_unit_test(the_door_sets_the_stream),
        cmocka_unit_test(one_limit_goes_out_when_the_door_sets_it),
        cmocka_unit_test(an_engine_is_told_to_think_less),
        cmocka_unit_test(a_template_is_told_to_think_less),
        cmocka_unit_test(who_thinks_little_already_is_not_told),
        cmocka_unit_test(what_is_dropped_does_not_go_out),
        cmocka_unit_test(an_embedding_gets_nothing_of_a_generation),
        cmocka_unit_test(it_appends_and_says_when_there_is_no_room),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
