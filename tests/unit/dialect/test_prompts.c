/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "request.h"

static void prompt(const char *value, uint32_t choices, uint64_t tokens)
{
    char body[400];
    snprintf(body, sizeof(body), "{\"model\":\"m\",\"prompt\":%s}", value);
    accepts(ENDPOINT_COMPLETION, body);
    assert_int_equal(inference.choices, choices);
    assert_int_equal(inference.prompts, choices); /* n is 1 */
    assert_int_equal(inference.prompt_tokens_estimate, tokens);
}

static void wrong(enum endpoint endpoint, const char *name, const char *value, const char *param)
{
    char body[400];
    snprintf(body, sizeof(body), "{\"model\":\"m\",\"%s\":%s}", name, value);
    refuses(endpoint, body, param);
}

static void every_form_of_a_prompt_is_read(void **state)
{
    (void)state;
    prompt("\"abcde\"", 1, 2);
    prompt("\"\"", 1, 0);
    prompt("[\"abcd\",\"\"]", 2, 1);
    prompt("[1,2,3]", 1, 3);
    prompt("[[1,2],[3]]", 2, 3);
    prompt("[2147483647]", 1, 1);
}

static void prompts_of_mixed_or_wrong_kinds_are_refused(void **state)
{
    (void)state;
    wrong(ENDPOINT_COMPLETION, "prompt", "7", "prompt");
    wrong(ENDPOINT_COMPLETION, "prompt", "{}", "prompt");
    wrong(ENDPOINT_COMPLETION, "prompt", "null", "prompt");
    wrong(ENDPOINT_COMPLETION, "prompt", "[]", "prompt");
    wrong(ENDPOINT_COMPLETION, "prompt", "[null]", "prompt[0]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[1.5]", "prompt[0]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[\"a\",1]", "prompt[1]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[\"a\",[1]]", "prompt[1]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[1,\"a\"]", "prompt[1]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[1,-1]", "prompt[1]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[2147483648]", "prompt[0]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[[1],[]]", "prompt[1]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[[1],[\"a\"]]", "prompt[1][0]");
    wrong(ENDPOINT_COMPLETION, "prompt", "[[1],[[2]]]", "prompt[1][0]");
}

static void inputs_are_read_and_may_not_be_empty(void **state)
{
    (void)state;
    accepts(ENDPOINT_EMBEDDING, "{\"model\":\"m\",\"input\":[\"abcd\",\"abcd\"]}");
    assert_int_equal(inference.choices, 1);
    assert_int_equal(inference.prompt_tokens_estimate, 2);
    wrong(ENDPOINT_EMBEDDING, "input", "\"\"", "input");
    wrong(ENDPOINT_EMBEDDING, "input", "[\"a\",\"\"]", "input[1]");
}

static void more_prompts_than_the_cap_are_refused(void **state)
{
    (void)state;
    char body[16 * 1024] = "{\"model\":\"m\",\"input\":[";
    size_t head = strlen(body);
    for (size_t count = 2048; count <= 2049; count++) {
        size_t len = head;
        for (size_t i = 0; i < count; i++)
            len += (size_t)snprintf(body + len, sizeof(body) - len, "%s\"a\"", i ? "," : "");
        snprintf(body + len, sizeof(body) - len, "]}");
        if (count == 2048)
            accepts(ENDPOINT_EMBEDDING, body);
        else
            refuses(ENDPOINT_EMBEDDING, body, "input");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_prompt_is_read),
        cmocka_unit_test(prompts_of_mixed_or_wrong_kinds_are_refused),
        cmocka_unit_test(inputs_are_read_and_may_not_be_empty),
        cmocka_unit_test(more_prompts_than_the_cap_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
