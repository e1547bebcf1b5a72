/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "request.h"

#define TOOLS "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}]"

static void tools_have_a_form(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with(TOOLS));
    assert_true(inference.has_tools);
    assert_int_equal(inference.prompt_bytes, 2 + strlen(TOOLS) - strlen("\"tools\":"));
    accepts(ENDPOINT_CHAT, chat_with("\"tools\":[]"));
    assert_false(inference.has_tools);
    assert_int_equal(inference.prompt_bytes, 2);
    accepts(ENDPOINT_CHAT,
            chat_with("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                      "\"description\":null,\"parameters\":null,\"strict\":true}}]"));
    refuses(ENDPOINT_CHAT, chat_with("\"tools\":{}"), "tools");
    refuses(ENDPOINT_CHAT, chat_with("\"tools\":[1]"), "tools[0]");
    refuses(ENDPOINT_CHAT, chat_with("\"tools\":[{\"function\":{\"name\":\"f\"}}]"),
            "tools[0].type");
    refuses(ENDPOINT_CHAT, chat_with("\"tools\":[{\"type\":\"custom\"}]"), "tools[0].type");
    refuses(ENDPOINT_CHAT, chat_with("\"tools\":[{\"type\":\"function\"}]"), "tools[0].function");
    refuses(ENDPOINT_CHAT, chat_with("\"tools\":[{\"type\":\"function\",\"function\":{}}]"),
            "tools[0].function.name");
    refuses(ENDPOINT_CHAT,
            chat_with("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"\"}}]"),
            "tools[0].function.name");
    refuses(
        ENDPOINT_CHAT,
        chat_with(
            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":1}}]"),
        "tools[0].function.description");
    refuses(ENDPOINT_CHAT,
            chat_with("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                      "\"parameters\":\"x\"}}]"),
            "tools[0].function.parameters");
}

static void names_have_a_length(void **state)
{
    (void)state;
    char members[400], name[130];
    memset(name, 'n', sizeof(name));
    for (int len = 128; len <= 129; len++) {
        snprintf(members, sizeof(members),
                 "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"%.*s\"}}]", len, name);
        if (len == 128)
            accepts(ENDPOINT_CHAT, chat_with(members));
        else
            refuses(ENDPOINT_CHAT, chat_with(members), "tools[0].function.name");
    }
}

static void more_tools_than_the_cap_are_refused(void **state)
{
    (void)state;
    char members[48 * 1024] = "\"tools\":[";
    size_t len = strlen(members);
    for (int i = 0; i < INFERENCE_TOOLS_MAX + 1; i++)
        len += (size_t)snprintf(members + len, sizeof(members) - len,
                                "%s{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
                                i ? "," : "");
    assert_true(len < sizeof(members) - 2);
    members[len] = ']';
    members[len + 1] = '\0';
    refuses(ENDPOINT_CHAT, chat_with(members), "tools");
}

static void choices_of_tools_have_a_form(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"tool_choice\":\"none\""));
    accepts(ENDPOINT_CHAT, chat_with("\"tool_choice\":\"auto\""));
    accepts(ENDPOINT_CHAT, chat_with("\"tool_choice\":\"required\"," TOOLS));
    accepts(
        ENDPOINT_CHAT,
        chat_with(TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"));
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":\"required\""), "tool_choice");
    refuses(
        ENDPOINT_CHAT,
        chat_with(
            "\"tools\":[],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"),
        "tool_choice");
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":\"some\""), "tool_choice");
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":\"none auto\""), "tool_choice");
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":\"\""), "tool_choice");
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":[]"), "tool_choice");
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":{}"), "tool_choice.type");
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":{\"type\":\"allowed_tools\"}"),
            "tool_choice.type");
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":{\"type\":\"function\"}"),
            "tool_choice.function");
    refuses(ENDPOINT_CHAT, chat_with("\"tool_choice\":{\"type\":\"function\",\"function\":{}}"),
            "tool_choice.function.name");
}

static void formats_of_answers_have_a_form(void **state)
{
    (void)state;
    accepts(ENDPOINT_CHAT, chat_with("\"response_format\":{\"type\":\"text\"}"));
    accepts(ENDPOINT_CHAT,
            chat_with("\"response_format\":{\"type\":\"json_object\",\"schema\":{}}"));
    accepts(ENDPOINT_CHAT,
            chat_with("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                      "{\"name\":\"a\",\"strict\":true,\"schema\":{}}}"));
    refuses(ENDPOINT_CHAT, chat_with("\"response_format\":\"text\""), "response_format");
    refuses(ENDPOINT_CHAT, chat_with("\"response_format\":{}"), "response_format.type");
    refuses(ENDPOINT_CHAT, chat_with("\"response_format\":{\"type\":\"xml\"}"),
            "response_format.type");
    refuses(ENDPOINT_CHAT,
            chat_with("\"response_format\":{\"type\":\"json_object\",\"schema\":[]}"),
            "response_format.schema");
    refuses(ENDPOINT_CHAT, chat_with("\"response_format\":{\"type\":\"json_schema\"}"),
            "response_format.json_schema");
    refuses(ENDPOINT_CHAT,
            chat_with("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}}"),
            "response_format.json_schema.name");
    refuses(
        ENDPOINT_CHAT,
        chat_with("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\","
                  "\"schema\":true}}"),
        "response_format.json_schema.schema");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_have_a_form),
        cmocka_unit_test(names_have_a_length),
        cmocka_unit_test(more_tools_than_the_cap_are_refused),
        cmocka_unit_test(choices_of_tools_have_a_form),
        cmocka_unit_test(formats_of_answers_have_a_form),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
