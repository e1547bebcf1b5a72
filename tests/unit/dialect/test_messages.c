/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "request.h"

static void plain_conversations_are_read(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, messages_of("{\"role\":\"system\",\"content\":\"be brief\"},"
                                       "{\"role\":\"developer\",\"content\":\"x\"},"
                                       "{\"role\":\"user\",\"content\":\"hi\",\"name\":\"ann\"},"
                                       "{\"role\":\"assistant\",\"content\":\"\"},"
                                       "{\"role\":\"function\",\"name\":\"f\",\"content\":\"1\"}"));
    assert_int_equal(inference.prompt_bytes, 8 + 1 + (2 + 3) + 0 + (1 + 1));
    assert_int_equal(inference.parts, 0);
    accepts(ENDPOINT_CHAT, messages_of("{\"content\":\"\\u0000\\n\",\"role\":\"user\"}"));
    assert_int_equal(inference.prompt_bytes, 2);
}

static void members_that_come_back_from_answers_pass(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT,
            messages_of("{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\","
                        "\"content\":\"y\",\"refusal\":null,\"annotations\":[],"
                        "\"audio\":null,\"function_call\":null,\"tool_calls\":null,"
                        "\"reasoning_content\":\"abc\",\"x-own\":{\"a\":1}}"));
    assert_int_equal(inference.prompt_bytes, 1 + 1 + 3);
}

static void roles_are_held_to_the_list(void **state)
{
    (void)state;
    refuses(ENDPOINT_CHAT, messages_of("{\"content\":\"x\"}"), "messages[0].role");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":null,\"content\":\"x\"}"), "messages[0].role");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":1,\"content\":\"x\"}"), "messages[0].role");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"User\",\"content\":\"x\"}"),
            "messages[0].role");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\\u0000\",\"content\":\"x\"}"),
            "messages[0].role");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":\"x\"},7"), "messages[1]");
    refuses(ENDPOINT_CHAT, messages_of(""), "messages");
}

static void contents_have_a_form(void **state)
{
    (void)state;
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\"}"), "messages[0].content");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":null}"),
            "messages[0].content");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":5}"), "messages[0].content");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":{}}"),
            "messages[0].content");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":[]}"),
            "messages[0].content");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":[\"x\"]}"),
            "messages[0].content[0]");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}"),
            "messages[0].content[0].type");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}"),
            "messages[0].content[0].text");
    refuses(ENDPOINT_CHAT,
            messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":1}]}"),
            "messages[0].content[0].text");
    refuses(ENDPOINT_CHAT,
            messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"},"
                        "{\"type\":\"hologram\"}]}"),
            "messages[0].content[1].type");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":\"x\",\"name\":1}"),
            "messages[0].name");
    accepts(ENDPOINT_CHAT,
            messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"ab\"},"
                        "{\"type\":\"text\",\"text\":\"c\"}]}"));
    assert_int_equal(inference.prompt_bytes, 3);
}

static void media_are_noted_with_where_they_come_from(void **state)
{
    (void)state;
    accepts(
        ENDPOINT_CHAT,
        messages_of(
            "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
            "\"data:image/png;base64,AAAA\"}},{\"type\":\"input_audio\",\"input_audio\":{}}]}"));
    assert_int_equal(inference.parts, 1u << PART_IMAGE | 1u << PART_AUDIO);
    assert_int_equal(inference.prompt_bytes, 0);
    assert_in_range(inference.prompt_tokens_estimate, 2000, 2100);
    accepts(ENDPOINT_CHAT,
            messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"video_url\","
                        "\"video_url\":\"http://x/\"},{\"type\":\"file\",\"file\":{}}]}"));
    assert_int_equal(inference.parts, 1u << PART_VIDEO | 1u << PART_REMOTE_URL | 1u << PART_FILE);
    accepts(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                                       "\"image_url\":\"DATA:,x\"}]}"));
    assert_int_equal(inference.parts, 1u << PART_IMAGE);
    refuses(ENDPOINT_CHAT,
            messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}"),
            "messages[0].content[0].image_url");
    refuses(
        ENDPOINT_CHAT,
        messages_of("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}"),
        "messages[0].content[0].image_url.url");
    refuses(
        ENDPOINT_CHAT,
        messages_of(
            "{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":\"x\"}]}"),
        "messages[0].content[0].input_audio");
}

#define CALL(id, function)                                                                         \
    "{\"role\":\"assistant\",\"tool_calls\":[{" id "\"function\":" function "}]}"

static void tool_calls_have_a_form(void **state)
{
    (void)state;
    accepts(
        ENDPOINT_CHAT,
        messages_of(CALL(
            "\"id\":\"a\",\"type\":\"function\",",
            "{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}") ","
                                                                "{\"role\":\"tool\",\"tool_call_"
                                                                "id\":\"a\",\"content\":\"ok\"}"));
    assert_int_equal(inference.prompt_bytes, 1 + 7 + 2);
    accepts(ENDPOINT_CHAT,
            messages_of(CALL("\"id\":\"a\",", "{\"name\":\"f\",\"arguments\":\"\"}")));
    refuses(ENDPOINT_CHAT, messages_of(CALL("", "{\"name\":\"f\",\"arguments\":\"\"}")),
            "messages[0].tool_calls[0].id");
    refuses(ENDPOINT_CHAT,
            messages_of(
                CALL("\"id\":\"a\",\"type\":\"custom\",", "{\"name\":\"f\",\"arguments\":\"\"}")),
            "messages[0].tool_calls[0].type");
    refuses(ENDPOINT_CHAT, messages_of(CALL("\"id\":\"a\",", "{\"name\":\"f\",\"arguments\":{}}")),
            "messages[0].tool_calls[0].function.arguments");
    refuses(ENDPOINT_CHAT, messages_of(CALL("\"id\":\"a\",", "{\"arguments\":\"\"}")),
            "messages[0].tool_calls[0].function.name");
    refuses(ENDPOINT_CHAT, messages_of(CALL("\"id\":\"a\",", "null")),
            "messages[0].tool_calls[0].function");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"assistant\",\"tool_calls\":{}}"),
            "messages[0].tool_calls");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"assistant\",\"tool_calls\":[1]}"),
            "messages[0].tool_calls[0]");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"tool\",\"content\":\"x\"}"),
            "messages[0].tool_call_id");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"function\",\"content\":\"x\"}"),
            "messages[0].name");
}

static void an_assistant_may_be_silent_only_for_a_reason(void **state)
{
    (void)state;
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"assistant\"}"), "messages[0].content");
    refuses(ENDPOINT_CHAT,
            messages_of("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[]}"),
            "messages[0].content");
    accepts(ENDPOINT_CHAT,
            messages_of("{\"role\":\"assistant\",\"content\":null,\"reasoning\":\"hm\"}"));
    accepts(ENDPOINT_CHAT, messages_of("{\"role\":\"assistant\",\"refusal\":\"no\"}"));
    accepts(ENDPOINT_CHAT, messages_of("{\"role\":\"assistant\",\"function_call\":"
                                       "{\"name\":\"f\",\"arguments\":\"1\"}}"));
    assert_int_equal(inference.prompt_bytes, 2);
    refuses(ENDPOINT_CHAT,
            messages_of("{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\"}}"),
            "messages[0].function_call.arguments");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"reasoning\":\"hm\"}"),
            "messages[0].content");
    refuses(ENDPOINT_CHAT,
            messages_of("{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":[]}"),
            "messages[0].reasoning_content");
}

static void a_prefix_is_the_last_word(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT,
            messages_of("{\"role\":\"user\",\"content\":\"x\"},"
                        "{\"role\":\"assistant\",\"content\":\"y\",\"prefix\":true}"));
    accepts(ENDPOINT_CHAT,
            messages_of("{\"role\":\"assistant\",\"content\":\"y\",\"prefix\":false},"
                        "{\"role\":\"user\",\"content\":\"x\"}"));
    refuses(ENDPOINT_CHAT,
            messages_of("{\"role\":\"assistant\",\"content\":\"y\",\"prefix\":true},"
                        "{\"role\":\"user\",\"content\":\"x\"}"),
            "messages[0].prefix");
    refuses(ENDPOINT_CHAT, messages_of("{\"role\":\"assistant\",\"content\":\"y\",\"prefix\":1}"),
            "messages[0].prefix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_conversations_are_read),
        cmocka_unit_test(members_that_come_back_from_answers_pass),
        cmocka_unit_test(roles_are_held_to_the_list),
        cmocka_unit_test(contents_have_a_form),
        cmocka_unit_test(media_are_noted_with_where_they_come_from),
        cmocka_unit_test(tool_calls_have_a_form),
        cmocka_unit_test(an_assistant_may_be_silent_only_for_a_reason),
        cmocka_unit_test(a_prefix_is_the_last_word),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
