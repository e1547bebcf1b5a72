/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "sim_asks.h"
#include "sim_presets.h"

static struct preset preset;
static struct ask ask;
static struct err err;

static void accept_as(const char *body, enum ask_kind kind)
{
    if (ask_of(body, kind, &preset, &ask, &err) < 0)
        fail_msg("%s: %s", body, err.text);
}

static void refuse_as(const char *body, enum ask_kind kind, const char *message)
{
    assert_int_equal(ask_of(body, kind, &preset, &ask, &err), -EINVAL);
    assert_string_equal(err.text, message);
}

#define MESSAGES "\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]"

static void nothing_asked_for_is_nothing_got(void **state)
{
    (void)state;
    preset = small_preset(PRESET_BATCH);
    accept_as("{" MESSAGES "}", ASK_CHAT);
    assert_false(ask.stream || ask.include_usage || ask.continuous_usage || ask.ignore_eos);
    assert_false(ask.has_seed);
    assert_true(ask.knows_model);
    assert_int_equal(ask.choices, 1);
    assert_true(ask.max_tokens == ASK_NO_LIMIT);
    assert_int_equal(ask.min_tokens, 0);
    assert_true(ask.effort == 1);
    assert_string_equal(ask.tool, "");
    assert_int_equal(prompt_tokens(&ask.prompt), 3); /* "user\nHello\n\n" are 12 bytes */
    ask_release(&ask);
}

static void every_field_arrives(void **state)
{
    (void)state;
    preset = small_preset(PRESET_BATCH);
    accept_as("{" MESSAGES ", \"stream\": true, \"stream_options\": {\"include_usage\": true, "
              "\"continuous_usage_stats\": true}, \"max_tokens\": 7, \"min_tokens\": 5, \"n\": 3, "
              "\"seed\": -4, "
              "\"ignore_eos\": true, \"reasoning_effort\": \"high\", \"model\": \"small-model\"}",
              ASK_CHAT);
    assert_true(ask.stream && ask.include_usage && ask.continuous_usage && ask.ignore_eos);
    assert_true(ask.has_seed && ask.knows_model);
    assert_int_equal(ask.max_tokens, 7);
    assert_int_equal(ask.min_tokens, 5);
    assert_int_equal(ask.choices, 3);
    assert_true(ask.effort == 2);
    ask_release(&ask);
    accept_as("{" MESSAGES ", \"max_completion_tokens\": 9, \"model\": \"another\"}", ASK_CHAT);
    assert_int_equal(ask.max_tokens, 9);
    assert_false(ask.knows_model);
    ask_release(&ask);
}

static void null_is_absent(void **state)
{
    (void)state;
    preset = small_preset(PRESET_BATCH);
    accept_as("{" MESSAGES
              ", \"stream\": null, \"stream_options\": null, \"max_tokens\": null, \"seed\": null, "
              "\"tool_choice\": null, \"reasoning_effort\": null, \"model\": null}",
              ASK_CHAT);
    assert_true(ask.knows_model);
    assert_false(ask.has_seed);
    ask_release(&ask);
}

static void minus_one_is_no_limit_for_slots_alone(void **state)
{
    (void)state;
    preset = small_preset(PRESET_SLOTS);
    accept_as("{" MESSAGES ", \"max_tokens\": -1}", ASK_CHAT);
    assert_true(ask.max_tokens == ASK_NO_LIMIT);
    ask_release(&ask);
    preset = small_preset(PRESET_BATCH);
    refuse_as("{" MESSAGES ", \"max_tokens\": -1}", ASK_CHAT,
              "'max_tokens' must be a whole number from 1 to 4294967294");
}

static void a_tool_is_called_when_it_must_be(void **state)
{
    (void)state;
#define TOOLS                                                                                      \
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"one\"}}, "                    \
    "{\"type\": \"function\", \"function\": {\"name\": \"two\"}}]"
    preset = small_preset(PRESET_BATCH);
    accept_as("{" MESSAGES ", " TOOLS "}", ASK_CHAT);
    assert_string_equal(ask.tool, "");
    assert_true(prompt_tokens(&ask.prompt) > 20);
    ask_release(&ask);
    accept_as("{" MESSAGES ", " TOOLS ", \"tool_choice\": \"auto\"}", ASK_CHAT);
    assert_string_equal(ask.tool, "");
    ask_release(&ask);
    accept_as("{" MESSAGES ", " TOOLS ", \"tool_choice\": \"required\"}", ASK_CHAT);
    assert_string_equal(ask.tool, "one");
    ask_release(&ask);
    accept_as("{" MESSAGES ", " TOOLS
              ", \"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"two\"}}}",
              ASK_CHAT);
    assert_string_equal(ask.tool, "two");
    ask_release(&ask);
    const char *message = "'tool_choice' needs a function of 'tools', named in 1 to 64 bytes";
    refuse_as("{" MESSAGES ", \"tool_choice\": \"required\"}", ASK_CHAT, message);
    refuse_as("{" MESSAGES ", \"tools\": [], \"tool_choice\": \"required\"}", ASK_CHAT, message);
    refuse_as("{" MESSAGES ", \"tools\": [7], \"tool_choice\": \"required\"}", ASK_CHAT, message);
    refuse_as("{" MESSAGES ", " TOOLS ", \"tool_choice\": {\"function\": {\"name\": \"three\"}}}",
              ASK_CHAT, message);
}

static void prompts_have_several_shapes(void **state)
{
    (void)state;
    preset = small_preset(PRESET_BATCH);
    accept_as("{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": "
              "\"abcd\"}, "
              "{\"type\": \"image_url\", \"image_url\": {}}]}, {\"role\": \"assistant\", "
              "\"content\": null}, "
              "{\"role\": \"tool\"}]}",
              ASK_CHAT);
    ask_release(&ask);
    accept_as("{\"prompt\": \"abcdefgh\"}", ASK_COMPLETION);
    assert_int_equal(prompt_tokens(&ask.prompt), 2);
    ask_release(&ask);
    accept_as("{\"prompt\": [\"abcdefgh\"]}", ASK_COMPLETION);
    assert_int_equal(prompt_tokens(&ask.prompt), 2);
    ask_release(&ask);
    accept_as("{\"input\": [\"abcd\", \"efgh\", \"\"]}", ASK_EMBEDDINGS);
    assert_int_equal(prompt_tokens(&ask.prompt), 2);
    assert_int_equal(ask.inputs, 3);
    assert_int_equal(ask.max_tokens, 1);
    ask_release(&ask);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    int64_t held = mem_live_count(); /* simdjson keeps a little for ever */
    preset = small_preset(PRESET_BATCH);
    refuse_as("[]", ASK_CHAT, "the body must be a JSON object");
    refuse_as("{}", ASK_CHAT, "'messages' must be a list of one message or more");
    refuse_as("{\"messages\": []}", ASK_CHAT, "'messages' must be a list of one message or more");
    refuse_as("{\"messages\": [1]}", ASK_CHAT, "a message must be an object");
    refuse_as("{\"messages\": [{\"content\": \"x\"}]}", ASK_CHAT, "a message must have a 'role'");
    refuse_as("{\"messages\": [{\"role\": \"user\", \"content\": 7}]}", ASK_CHAT,
              "'content' must be a string or a list of parts");
    refuse_as("{\"messages\": [{\"role\": \"user\", \"content\": [\"x\"]}]}", ASK_CHAT,
              "a part of 'content' must be an object");
    refuse_as("{" MESSAGES ", \"n\": 65}", ASK_CHAT, "'n' must be a whole number from 1 to 64");
    refuse_as("{" MESSAGES ", \"n\": 0}", ASK_CHAT, "'n' must be a whole number from 1 to 64");
    refuse_as("{" MESSAGES ", \"n\": 1.5}", ASK_CHAT, "'n' must be a whole number from 1 to 64");
    refuse_as("{" MESSAGES ", \"stream\": 1}", ASK_CHAT, "'stream' must be true or false");
    refuse_as("{" MESSAGES ", \"stream_options\": []}", ASK_CHAT,
              "'stream_options' must be an object");
    refuse_as("{" MESSAGES ", \"model\": 1}", ASK_CHAT, "'model' must be a string");
    refuse_as("{" MESSAGES ", \"reasoning_effort\": \"extreme\"}", ASK_CHAT,
              "'reasoning_effort' must be none, minimal, low, medium or high");
    refuse_as("{}", ASK_COMPLETION, "'prompt' must be a string or a list of 1 to 1 strings");
    refuse_as("{\"prompt\": [\"a\", \"b\"]}", ASK_COMPLETION,
              "'prompt' must be a string or a list of 1 to 1 strings");
    refuse_as("{\"input\": [1]}", ASK_EMBEDDINGS,
              "'input' must be a string or a list of 1 to 256 strings");
    assert_int_equal(ask_of("{\"messages\":", ASK_CHAT, &preset, &ask, &err), -EINVAL);
    assert_int_equal(ask_of("{\"n\": 1, \"n\": 2}", ASK_CHAT, &preset, &ask, &err), -EINVAL);
    assert_int_equal(mem_live_count(), held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asked_for_is_nothing_got),
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(null_is_absent),
        cmocka_unit_test(minus_one_is_no_limit_for_slots_alone),
        cmocka_unit_test(a_tool_is_called_when_it_must_be),
        cmocka_unit_test(prompts_have_several_shapes),
        cmocka_unit_test(what_is_wrong_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
