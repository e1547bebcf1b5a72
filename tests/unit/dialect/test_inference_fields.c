/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/inference_fields.h"

#include "request.h"

static void names_are_found_for_their_endpoints(void **state)
{
    (void)state;
    int chat = field_find(ENDPOINT_CHAT, SPAN("logprobs"));
    int text = field_find(ENDPOINT_COMPLETION, SPAN("logprobs"));
    assert_true(chat >= 0 && text >= 0 && chat != text);
    assert_int_equal(field_rule(chat)->type, FLAG);
    assert_int_equal(field_rule(text)->type, INTEGER);
    assert_int_equal(field_find(ENDPOINT_EMBEDDING, SPAN("logprobs")), -1);
    assert_int_equal(field_find(ENDPOINT_COMPLETION, SPAN("messages")), -1);
    assert_int_equal(field_find(ENDPOINT_CHAT, SPAN("prompt")), -1);
    assert_int_equal(field_find(ENDPOINT_MODELS, SPAN("model")), -1);
    assert_int_equal(field_find(ENDPOINT_CHAT, SPAN("")), -1);
    assert_int_equal(field_find(ENDPOINT_CHAT, SPAN("Model")), -1);
    assert_int_equal(field_find(ENDPOINT_CHAT, span_of("model\0", 6)), -1);
    char long_name[600];
    memset(long_name, 'x', sizeof(long_name));
    memcpy(long_name, "model", 5);
    assert_int_equal(field_find(ENDPOINT_CHAT, span_of(long_name, 256 + 5)), -1);
}

/* A name stands once for each endpoint, and what the readers lean on holds. */
static void the_table_is_sound(void **state)
{
    (void)state;
    static const struct span names[] = {
#define FIELD(name, endpoints, type, min, max, handling, reader, words) SPAN(#name),
        INFERENCE_FIELDS(FIELD)
#undef FIELD
    };
    static const enum endpoint endpoints[] = {ENDPOINT_CHAT, ENDPOINT_COMPLETION,
                                              ENDPOINT_EMBEDDING};
    static const unsigned bits[] = {FIELD_CHAT, FIELD_TEXT, FIELD_EMBED};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct field_rule *rule = field_rule((int)i);
        assert_true(span_eq(rule->name, names[i]));
        assert_true(rule->min <= rule->max);
        assert_true((rule->type == WORD || rule->handling == REFUSE) == (rule->words[0] != '\0'));
        for (size_t e = 0; e < COUNT_OF(endpoints); e++) {
            if (rule->endpoints & bits[e])
                assert_int_equal(field_find(endpoints[e], rule->name), i);
        }
    }
}

static void limits_are_known_by_all_their_names(void **state)
{
    (void)state;
    static const char *const limits[] = {"max_tokens", "max_completion_tokens", "n_predict"};
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        assert_true(field_is_limit(field_rule(field_find(ENDPOINT_CHAT, span_str(limits[i])))));
    assert_false(field_is_limit(field_rule(field_find(ENDPOINT_CHAT, SPAN("min_tokens")))));
}

static void ranges_end_where_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *name, *inside[3], *outside[5];
    } cases[] = {
        {"temperature", {"0", "2", "0.7"}, {"-0.1", "2.0001", "\"1\"", "true", "[]"}},
        {"top_p", {"0", "1.0", "1e-3"}, {"-1", "1.01", "{}", "\"\"", "false"}},
        {"presence_penalty", {"-2", "2", "0"}, {"-2.1", "2.1", "3", "-3", "[0]"}},
        {"frequency_penalty", {"-2", "2", "-0"}, {"-2.1", "2.1", "1e300", "-1e300", "\"0\""}},
        {"max_tokens", {"1", "2147483647", "16"}, {"0", "-1", "2147483648", "1.0", "\"12\""}},
        {"max_completion_tokens",
         {"1", "2147483647", "16"},
         {"0", "-1", "1e3", "9223372036854775808", "true"}},
        {"n", {"1", "128", "2"}, {"0", "-1", "129", "1.5", "\"1\""}},
        {"seed",
         {"-9223372036854775808", "9223372036854775807", "0"},
         {"18446744073709551615", "1.5", "\"7\"", "true", "[]"}},
        {"top_logprobs", {"0", "0", "0"}, {"-1", "21", "0.5", "true", "\"1\""}},
        {"stream", {"true", "false", "true"}, {"1", "0", "\"true\"", "[]", "{}"}},
        {"logprobs", {"true", "false", "true"}, {"1", "0", "\"true\"", "[]", "{}"}},
        {"parallel_tool_calls", {"true", "false", "true"}, {"1", "0", "\"true\"", "[]", "{}"}},
        {"reasoning_effort",
         {"\"none\"", "\"high\"", "\"max\""},
         {"\"\"", "\"High\"", "1", "\"none low\"", "[]"}},
        {"service_tier",
         {"\"auto\"", "\"flex\"", "\"default\""},
         {"\"free\"", "1", "true", "\" \"", "{}"}},
        {"user", {"\"\"", "\"a\"", "\"\\u0000\""}, {"1", "true", "[]", "{}", "0.5"}},
        {"metadata", {"{}", "{\"a\":\"b\"}", "{}"}, {"[]", "\"\"", "1", "true", "0"}},
        {"top_k", {"-1", "0", "40"}, {"-2", "0.5", "\"1\"", "true", "[]"}},
    };
    char members[128];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t k = 0; k < COUNT_OF(cases[i].inside); k++) {
            snprintf(members, sizeof(members), "\"%s\":%s", cases[i].name, cases[i].inside[k]);
            accepts(ENDPOINT_CHAT, chat_with(members));
        }
        for (size_t k = 0; k < COUNT_OF(cases[i].outside); k++) {
            snprintf(members, sizeof(members), "\"%s\":%s", cases[i].name, cases[i].outside[k]);
            refuses(ENDPOINT_CHAT, chat_with(members), cases[i].name);
        }
        snprintf(members, sizeof(members), "\"%s\":null", cases[i].name);
        accepts(ENDPOINT_CHAT, chat_with(members));
        assert_int_equal(inference.fields_count, 2);
    }
}

static void the_message_tells_the_range(void **state)
{
    (void)state;
    refuses(ENDPOINT_CHAT, chat_with("\"temperature\":3"), "temperature");
    assert_string_equal(refusal.message.text, "'temperature' must be a number from 0 to 2");
    refuses(ENDPOINT_CHAT, chat_with("\"seed\":9223372036854775808"), "seed");
    assert_string_equal(refusal.message.text, "'seed' must be a 64-bit integer");
    refuses(ENDPOINT_CHAT, chat_with("\"max_tokens\":\"12\""), "max_tokens");
    assert_string_equal(refusal.message.text,
                        "'max_tokens' must be an integer from 1 to 2147483647");
    refuses(ENDPOINT_EMBEDDING, "{\"model\":\"m\",\"input\":\"x\",\"encoding_format\":\"int8\"}",
            "encoding_format");
    assert_string_equal(refusal.message.text, "'encoding_format' must be one of: float base64");
    refuses(ENDPOINT_CHAT, "{\"model\":\"\"}", "model");
    assert_string_equal(refusal.message.text, "'model' must have 1 to 512 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_for_their_endpoints),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(limits_are_known_by_all_their_names),
        cmocka_unit_test(ranges_end_where_they_say),
        cmocka_unit_test(the_message_tells_the_range),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
