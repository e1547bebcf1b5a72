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

/* What the engine gets of a body with these members, behind its model. The operator lists
 * images, and if so `id_slot` and `cache_control`. */
static const char *sent(const char *members, bool listed)
{
    static const struct span names[] = {SPAN("image_url"), SPAN("id_slot"), SPAN("cache_control")};
    const struct inference_caps caps = {.engine_fields = names,
                                        .engine_fields_count = listed ? COUNT_OF(names) : 1,
                                        .choices_max = 8};
    char body[4096];
    snprintf(body, sizeof(body), "{\"model\":\"m\",%s}", members);
    accepts(ENDPOINT_CHAT, body);
    assert_int_equal(inference_allow(&inference, &caps, &refusal), 0);
    buf_clear(&buf);
    inference_write(&inference, &(struct inference_target){.model = SPAN("m")}, &buf);
    const char *text = buf_cstr(&buf);
    assert_true(span_starts(span_str(text), SPAN("{\"model\":\"m\",")));
    return text + 13;
}

static void assert_sent(const char *members, const char *expected)
{
    char all[4096];
    snprintf(all, sizeof(all), "%s}", expected);
    assert_string_equal(sent(members, false), all);
}

static void assert_untouched(const char *members)
{
    assert_sent(members, members);
    for (size_t i = 0; i < inference.fields_count; i++)
        assert_int_equal(inference.fields[i].below, NESTED_ANY);
}

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void what_is_known_goes_as_it_was_written(void **state)
{
    (void)state;
    assert_untouched(HI);
    assert_untouched("\"messages\":[ {\"content\" : \"h\\u0069\", \"role\":\"user\" } ]");
    assert_untouched(
        "\"messages\":[{\"role\":\"user\",\"name\":\"a\",\"content\":[{\"type\":\"text\","
        "\"text\":\"hi\"},{ \"image_url\":{\"url\":\"data:x\",\"detail\":\"low\"},"
        "\"type\":\"image_url\"}]}]");
    assert_untouched(
        "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":"
        "null, "
        "\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"}}],\"refusal\":null,\"reasoning_content\":\"r\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"x\"},"
        "{\"role\":\"assistant\",\"content\":\"b\", \"prefix\":true}]");
    assert_untouched(HI ",\"tools\":[ {\"type\":\"function\",\"function\":{\"name\":\"f\","
                        "\"parameters\":{\"id_slot\":{\"x\":1}},\"strict\":true}}],"
                        "\"tool_choice\":{\"type\":\"function\", \"function\":{\"name\":\"f\"}},"
                        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
                        "\"name\":\"n\",\"schema\":{\"q\":[]}, \"strict\":false}}");
}

static void what_is_not_known_stays_behind(void **state)
{
    (void)state;
    assert_sent(
        "\"messages\":[{\"foo\":{\"id_slot\":1},\"role\":\"user\" ,\"content\": \"h\\u0069\"},"
        "{\"role\":\"user\",\"content\":\"b\"}],\"seed\":1",
        "\"messages\":[{\"role\":\"user\",\"content\":\"h\\u0069\"},"
        "{\"role\":\"user\",\"content\":\"b\"}],\"seed\":1");
    assert_sent(
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\","
        "\"cache_control\":{}},{\"type\":\"text\",\"text\":\"b\",\"image_url\":\"http:\"}]}]",
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
        "{\"type\":\"text\",\"text\":\"b\"}]}]");
    assert_sent("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                "\"image_url\":{\"url\":\"data:x\",\"x\":1}}]}]",
                "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                "\"image_url\":{\"url\":\"data:x\"}}]}]");
    assert_sent(HI ",\"tools\":[{\"type\":\"function\",\"yyy\":1,\"function\":{\"zzz\":2,"
                   "\"name\":\"f\",\"parameters\":{ \"a\":1}}}]",
                HI ",\"tools\":[{\"type\":\"function\",\"function\":{"
                   "\"name\":\"f\",\"parameters\":{ \"a\":1}}}]");
    assert_sent(HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"zzz\":2}}],"
                   "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\",\"z\":1}}",
                HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
                   "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}");
    assert_sent(HI ",\"response_format\":{\"r\":1,\"type\":\"json_schema\",\"json_schema\":{"
                   "\"name\":\"n\",\"q\":[1],\"schema\":{}}}",
                HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
                   "\"name\":\"n\",\"schema\":{}}}");
    assert_sent(HI ",\"thinking\":{\"type\":\"enabled\",\"id_slot\":1}",
                HI ",\"thinking\":{\"type\":\"enabled\"}");
}

/* A message whose own members are all known is not looked through again: each call answers for itself, and no member counts
 * for two. */
static void calls_and_names_hide_nothing(void **state)
{
    (void)state;
#define CALLS(call)                                                                                \
    "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" call "]}]"
    assert_untouched(CALLS("{\"id\":\"1\", \"function\":{\"name\":\"f\",\"arguments\":\"\"}}"));
    assert_sent(
        CALLS("{\"id\":\"1\",\"id_slot\":2,\"function\":{\"name\":\"f\",\"arguments\":\"\"}}"),
        CALLS("{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}"));
    assert_sent(
        CALLS("{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\","
              "\"id_slot\":2}}"),
        CALLS("{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}"
              "}"));
#undef CALLS
    assert_sent(
        "\"messages\":[{\"role\":\"function\",\"name\":\"f\",\"content\":\"x\",\"id_slot\":1}]",
        "\"messages\":[{\"role\":\"function\",\"name\":\"f\",\"content\":\"x\"}]");
    assert_sent(
        "\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"x\",\"id_slot\":1}]",
        "\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"x\"}]");
    assert_sent("\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"id_slot\":1}]",
                "\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]");
    assert_sent(
        "\"messages\":[{\"role\":\"assistant\",\"refusal\":\"x\",\"function_call\":{\"name\":\"f\","
        "\"arguments\":\"\",\"id_slot\":1}}]",
        "\"messages\":[{\"role\":\"assistant\",\"refusal\":\"x\",\"function_call\":{\"name\":\"f\","
        "\"arguments\":\"\"}}]");
}

/* What nobody reads, because of another member, is not a way around. */
static void members_that_nobody_reads_are_held_to_the_same(void **state)
{
    (void)state;
    assert_sent(
        "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"tool_calls\":[[{\"id_slot\":1}]]}]",
        "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"tool_calls\":[[{}]]}]");
    assert_sent(HI ",\"response_format\":{\"type\":\"text\",\"json_schema\":{\"q\":1}}",
                HI ",\"response_format\":{\"type\":\"text\",\"json_schema\":{}}");
}

/* What OpenAI's, DeepSeek's and vLLM's clients hold after an answer, and send back. */
static void echoed_messages_are_taken(void **state)
{
    (void)state;
    assert_sent(
        "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"content\":\"b\",\"refusal\":null,"
        "\"role\":\"assistant\",\"annotations\":[],\"audio\":null,\"function_call\":null,"
        "\"tool_calls\":[{\"id\":\"1\",\"function\":{\"arguments\":\"{}\",\"name\":\"f\"},"
        "\"type\":\"function\",\"index\":0}],\"reasoning\":\"r\",\"reasoning_content\":\"r\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"x\"}]",
        "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"content\":\"b\",\"refusal\":null,"
        "\"role\":\"assistant\",\"function_call\":null,"
        "\"tool_calls\":[{\"id\":\"1\",\"function\":{\"arguments\":\"{}\",\"name\":\"f\"},"
        "\"type\":\"function\"}],\"reasoning\":\"r\",\"reasoning_content\":\"r\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"x\"}]");
}

static void names_are_compared_without_their_escapes(void **state)
{
    (void)state;
    assert_sent("\"messages\":[{\"r\\u006fle\":\"user\",\"content\":\"a\",\"f\\u006fo\":1}]",
                "\"messages\":[{\"r\\u006fle\":\"user\",\"content\":\"a\"}]");
}

static void what_the_operator_lists_goes_along(void **state)
{
    (void)state;
    const char *members = "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"id_slot\":1,"
                          "\"cache_control\":{\"x\":1},\"foo\":2}]";
    assert_string_equal(sent(members, true),
                        "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"id_slot\":1,"
                        "\"cache_control\":{\"x\":1}}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_goes_as_it_was_written),
        cmocka_unit_test(what_is_not_known_stays_behind),
        cmocka_unit_test(calls_and_names_hide_nothing),
        cmocka_unit_test(members_that_nobody_reads_are_held_to_the_same),
        cmocka_unit_test(echoed_messages_are_taken),
        cmocka_unit_test(names_are_compared_without_their_escapes),
        cmocka_unit_test(what_the_operator_lists_goes_along),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
