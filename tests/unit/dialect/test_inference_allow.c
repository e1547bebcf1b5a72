/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "request.h"

static const struct span listed[] = {SPAN("top_k"), SPAN("own field"), SPAN("user"),
                                     SPAN("functions"), SPAN("image_url")};
static struct inference_caps caps;

static int caps_of_a_usual_model(void **state)
{
    (void)state;
    caps = (struct inference_caps){.engine_fields = listed,
                                   .engine_fields_count = COUNT_OF(listed),
                                   .output_tokens_max = 100,
                                   .context_tokens_max = 16,
                                   .choices_max = 2};
    return 0;
}

static void allowed(const char *body)
{
    accepts(ENDPOINT_CHAT, body);
    if (inference_allow(&inference, &caps, &refusal) < 0)
        fail_msg("%s: %s", body, refusal.message.text);
}

static void not_allowed(const char *body, enum reason reason, const char *param)
{
    accepts(ENDPOINT_CHAT, body);
    assert_int_equal(inference_allow(&inference, &caps, &refusal), -EINVAL);
    assert_int_equal(refusal.reason, reason);
    assert_string_equal(refusal.param, param);
}

static void only_listed_fields_of_engines_pass(void **state)
{
    (void)state;
    allowed(chat_with("\"top_k\":40,\"own\\u0020field\":{\"x\":1}"));
    assert_true(inference.fields[2].listed && inference.fields[3].listed);
    not_allowed(chat_with("\"min_p\":0.5"), REASON_UNKNOWN_FIELD, "min_p");
    assert_string_equal(refusal.message.text, "'min_p' is not allowed for this model");
    not_allowed(chat_with("\"ownfield\":1"), REASON_UNKNOWN_FIELD, "ownfield");
    assert_string_equal(refusal.message.text, "'ownfield' is not a field of this request");
    not_allowed(chat_with("\"ownfield\":null"), REASON_UNKNOWN_FIELD, "ownfield");
    not_allowed(chat_with("\"prompt\":\"x\""), REASON_UNKNOWN_FIELD, "prompt");
}

static void dropped_fields_pass_only_where_listed(void **state)
{
    (void)state;
    allowed(chat_with("\"user\":\"u\",\"metadata\":{}"));
    assert_true(inference.fields[2].listed);
    assert_false(inference.fields[3].listed);
}

static void what_the_service_does_not_have_is_refused_unless_listed(void **state)
{
    (void)state;
    not_allowed(chat_with("\"web_search_options\":{}"), REASON_UNKNOWN_FIELD, "web_search_options");
    not_allowed(chat_with("\"audio\":7"), REASON_UNKNOWN_FIELD, "audio");
    not_allowed(chat_with("\"function_call\":\"auto\""), REASON_UNKNOWN_FIELD, "function_call");
    assert_string_equal(refusal.message.text, "'function_call' is the old form: use 'tool_choice'");
    allowed(chat_with("\"functions\":[]"));
}

static void a_long_name_is_cut(void **state)
{
    (void)state;
    char members[400], name[300];
    memset(name, 'x', sizeof(name));
    snprintf(members, sizeof(members), "\"%.*s\":1", 300, name);
    accepts(ENDPOINT_CHAT, chat_with(members));
    assert_int_equal(inference_allow(&inference, &caps, &refusal), -EINVAL);
    assert_int_equal(strlen(refusal.param), 80);
}

static void parts_pass_where_listed(void **state)
{
    (void)state;
    allowed(messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
                        "{\"url\":\"data:,\"}}]}"));
    not_allowed(messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
                            "{\"url\":\"http://169.254.169.254/\"}}]}"),
                REASON_UNPROCESSABLE, "messages");
    not_allowed(messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{}}]}"),
                REASON_UNPROCESSABLE, "messages");
    assert_string_equal(refusal.message.text, "this model takes no 'file' in messages");
}

static void caps_end_where_they_say(void **state)
{
    (void)state;
    allowed(chat_with("\"n\":2,\"max_tokens\":100"));
    not_allowed(chat_with("\"n\":3"), REASON_BAD_FIELD, "n");
    not_allowed(chat_with("\"max_tokens\":101"), REASON_BAD_FIELD, "max_tokens");
    not_allowed(chat_with("\"max_completion_tokens\":2147483647"), REASON_BAD_FIELD,
                "max_completion_tokens");
    assert_string_equal(refusal.message.text,
                        "'max_completion_tokens' must be at most 100 for this model");
    caps.output_tokens_max = 0;
    allowed(chat_with("\"max_tokens\":2147483647"));
    assert_int_equal(inference.output_tokens_max, 2147483647);
}

static void only_hopeless_prompts_are_refused_here(void **state)
{
    (void)state;
    char message[800], text[16 * 32 + 33];
    memset(text, 'x', sizeof(text));
    snprintf(message, sizeof(message), "{\"role\":\"user\",\"content\":\"%.*s\"}", 16 * 32 + 31,
             text);
    allowed(messages_of(message));
    snprintf(message, sizeof(message), "{\"role\":\"user\",\"content\":\"%.*s\"}", 16 * 32 + 32,
             text);
    not_allowed(messages_of(message), REASON_CONTEXT_EXCEEDED, "");
    caps.context_tokens_max = 0;
    allowed(messages_of(message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(only_listed_fields_of_engines_pass, caps_of_a_usual_model),
        cmocka_unit_test_setup(dropped_fields_pass_only_where_listed, caps_of_a_usual_model),
        cmocka_unit_test_setup(what_the_service_does_not_have_is_refused_unless_listed,
                               caps_of_a_usual_model),
        cmocka_unit_test_setup(a_long_name_is_cut, caps_of_a_usual_model),
        cmocka_unit_test_setup(parts_pass_where_listed, caps_of_a_usual_model),
        cmocka_unit_test_setup(caps_end_where_they_say, caps_of_a_usual_model),
        cmocka_unit_test_setup(only_hopeless_prompts_are_refused_here, caps_of_a_usual_model),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
