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
        cmocka_unit_test(what_is_dropped_does_not_go_out),
        cmocka_unit_test(an_embedding_gets_nothing_of_a_generation),
        cmocka_unit_test(it_appends_and_says_when_there_is_no_room),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
