/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "request.h"

static void stops_are_few_and_not_empty(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"stop\":\"\\n\""));
    accepts(ENDPOINT_CHAT, chat_with("\"stop\":[]"));
    accepts(ENDPOINT_CHAT,
            chat_with("\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\","
                      "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"]"));
    refuses(ENDPOINT_CHAT,
            chat_with("\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\","
                      "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]"),
            "stop");
    refuses(ENDPOINT_CHAT, chat_with("\"stop\":\"\""), "stop");
    refuses(ENDPOINT_CHAT, chat_with("\"stop\":7"), "stop");
    refuses(ENDPOINT_CHAT, chat_with("\"stop\":[\"a\",null]"), "stop[1]");
    char members[1200], text[1025];
    memset(text, 's', sizeof(text));
    snprintf(members, sizeof(members), "\"stop\":\"%.*s\"", 1024, text);
    accepts(ENDPOINT_CHAT, chat_with(members));
    snprintf(members, sizeof(members), "\"stop\":\"%.*s\"", 1025, text);
    refuses(ENDPOINT_CHAT, chat_with(members), "stop");
}

static void biases_are_by_token_id(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"logit_bias\":{}"));
    accepts(ENDPOINT_CHAT, chat_with("\"logit_bias\":{\"50256\":-100,\"0\":100,\"1\":0.5}"));
    refuses(ENDPOINT_CHAT, chat_with("\"logit_bias\":{\"hello\":1}"), "logit_bias");
    refuses(ENDPOINT_CHAT, chat_with("\"logit_bias\":{\"\":1}"), "logit_bias");
    refuses(ENDPOINT_CHAT, chat_with("\"logit_bias\":{\"-1\":1}"), "logit_bias");
    refuses(ENDPOINT_CHAT, chat_with("\"logit_bias\":{\"1234567890\":1}"), "logit_bias");
    refuses(ENDPOINT_CHAT, chat_with("\"logit_bias\":{\"1\":101}"), "logit_bias");
    refuses(ENDPOINT_CHAT, chat_with("\"logit_bias\":{\"1\":-100.5}"), "logit_bias");
    refuses(ENDPOINT_CHAT, chat_with("\"logit_bias\":{\"1\":false}"), "logit_bias");
    refuses(ENDPOINT_CHAT, chat_with("\"logit_bias\":[]"), "logit_bias");
    char members[16 * 1024] = "\"logit_bias\":{";
    size_t len = strlen(members);
    for (int i = 0; i <= 1024; i++)
        len +=
            (size_t)snprintf(members + len, sizeof(members) - len, "%s\"%d\":1", i ? "," : "", i);
    snprintf(members + len, sizeof(members) - len, "}");
    refuses(ENDPOINT_CHAT, chat_with(members), "logit_bias");
}

static void limits_agree_or_are_refused(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"max_tokens\":5"));
    assert_int_equal(inference.output_tokens_max, 5);
    accepts(ENDPOINT_CHAT, chat_with("\"max_completion_tokens\":6"));
    assert_int_equal(inference.output_tokens_max, 6);
    accepts(ENDPOINT_CHAT,
            chat_with("\"max_completion_tokens\":6,\"max_tokens\":6,\"n_predict\":6"));
    accepts(ENDPOINT_CHAT, chat_with("\"max_completion_tokens\":null,\"max_tokens\":7"));
    assert_int_equal(inference.output_tokens_max, 7);
    refuses(ENDPOINT_CHAT, chat_with("\"max_completion_tokens\":6,\"max_tokens\":7"), "max_tokens");
    refuses(ENDPOINT_CHAT, chat_with("\"max_tokens\":7,\"max_completion_tokens\":6"),
            "max_completion_tokens");
    refuses(ENDPOINT_CHAT, chat_with("\"max_tokens\":7,\"n_predict\":8"), "n_predict");
    refuses(ENDPOINT_CHAT, chat_with("\"n_predict\":-1"), "n_predict");
}

static void streams_and_their_options(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with(""));
    assert_false(inference.stream || inference.include_usage);
    accepts(ENDPOINT_CHAT,
            chat_with("\"stream\":true,\"stream_options\":{\"include_usage\":true,"
                      "\"include_obfuscation\":false,\"continuous_usage_stats\":true}"));
    assert_true(inference.stream && inference.include_usage);
    accepts(ENDPOINT_CHAT,
            chat_with("\"stream\":false,\"stream_options\":{\"include_usage\":null}"));
    assert_false(inference.stream || inference.include_usage);
    accepts(ENDPOINT_CHAT, chat_with("\"stream_options\":null"));
    refuses(ENDPOINT_CHAT, chat_with("\"stream_options\":[]"), "stream_options");
    refuses(ENDPOINT_CHAT, chat_with("\"stream_options\":{\"include_usage\":1}"),
            "stream_options.include_usage");
    refuses(ENDPOINT_CHAT, chat_with("\"stream_options\":{\"include_obfuscation\":1}"),
            "stream_options.include_obfuscation");
}

static void logprobs_and_how_many(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"logprobs\":true,\"top_logprobs\":20"));
    assert_true(inference.has_logprobs);
    accepts(ENDPOINT_CHAT, chat_with("\"logprobs\":false,\"top_logprobs\":0"));
    assert_false(inference.has_logprobs);
    refuses(ENDPOINT_CHAT, chat_with("\"top_logprobs\":1"), "top_logprobs");
    refuses(ENDPOINT_CHAT, chat_with("\"top_logprobs\":1,\"logprobs\":false"), "top_logprobs");
    accepts(ENDPOINT_COMPLETION, text_with("\"logprobs\":0"));
    assert_true(inference.has_logprobs);
    refuses(ENDPOINT_COMPLETION, text_with("\"logprobs\":21"), "logprobs");
    refuses(ENDPOINT_COMPLETION, text_with("\"logprobs\":true"), "logprobs");
}

static void choices_multiply(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"n\":3"));
    assert_int_equal(inference.choices, 3);
    accepts(ENDPOINT_COMPLETION, "{\"n\":3,\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}");
    assert_int_equal(inference.choices, 6);
    accepts(ENDPOINT_COMPLETION, text_with("\"n\":2,\"best_of\":4"));
    assert_int_equal(inference.choices, 4);
    refuses(ENDPOINT_COMPLETION, text_with("\"best_of\":1,\"n\":2"), "best_of");
}

static void small_readers(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"thinking\":{\"type\":\"enabled\",\"budget\":1}"));
    accepts(ENDPOINT_CHAT, chat_with("\"thinking\":{\"type\":\"disabled\"}"));
    refuses(ENDPOINT_CHAT, chat_with("\"thinking\":{\"type\":\"auto\"}"), "thinking.type");
    refuses(ENDPOINT_CHAT, chat_with("\"thinking\":{}"), "thinking.type");
    refuses(ENDPOINT_CHAT, chat_with("\"thinking\":true"), "thinking");
    accepts(ENDPOINT_CHAT, chat_with("\"store\":false"));
    refuses(ENDPOINT_CHAT, chat_with("\"store\":true"), "store");
    accepts(ENDPOINT_CHAT, chat_with("\"modalities\":[\"text\"]"));
    refuses(ENDPOINT_CHAT, chat_with("\"modalities\":[\"text\",\"audio\"]"), "modalities");
    refuses(ENDPOINT_CHAT, chat_with("\"modalities\":[1]"), "modalities");
    accepts(ENDPOINT_CHAT, chat_with("\"stop_token_ids\":[1,2]"));
    refuses(ENDPOINT_CHAT, chat_with("\"stop_token_ids\":[1,-2]"), "stop_token_ids[1]");
    accepts(ENDPOINT_COMPLETION, text_with("\"suffix\":\"abc\",\"echo\":true"));
    assert_int_equal(inference.prompt_bytes, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_are_few_and_not_empty),
        cmocka_unit_test(biases_are_by_token_id),
        cmocka_unit_test(limits_agree_or_are_refused),
        cmocka_unit_test(streams_and_their_options),
        cmocka_unit_test(logprobs_and_how_many),
        cmocka_unit_test(choices_multiply),
        cmocka_unit_test(small_readers),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
