/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/inference_text.h"

#include "request.h"

static struct inference_text text;

static void read_text(enum endpoint endpoint, const char *body)
{
    accepts(endpoint, body);
    inference_text(&inference, &text);
}

static void a_services_own_words_stand_apart(void **state)
{
    (void)state;
    static const char *const roles[] = {"system", "developer"};
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        char body[512], first[128];
        (void)snprintf(first, sizeof(first), "[ {\"role\":\"%s\",\"content\":\"Be brief.\"}",
                       roles[i]);
        (void)snprintf(
            body, sizeof(body),
            "{\"model\":\"m\",\"messages\":%s , {\"role\":\"user\",\"content\":\"hi\"}]}", first);
        read_text(ENDPOINT_CHAT, body);
        assert_true(span_eq(text.instructions, span_str(first)));
        assert_true(span_eq(text.rest, SPAN(" , {\"role\":\"user\",\"content\":\"hi\"}]")));
        assert_true(span_is_null(text.tools));
    }
}

static void without_them_all_is_the_clients(void **state)
{
    (void)state;
    read_text(ENDPOINT_CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                             "{\"role\":\"system\",\"content\":\"b\"}]}");
    assert_true(span_is_null(text.instructions));
    assert_true(span_starts(text.rest, SPAN("[{\"role\":\"user\"")));
    read_text(ENDPOINT_COMPLETION, "{\"model\":\"m\",\"prompt\":\"Once\"}");
    assert_true(span_is_null(text.instructions));
    assert_true(span_eq(text.rest, SPAN("\"Once\"")));
    read_text(ENDPOINT_EMBEDDING, "{\"model\":\"m\",\"input\":\"Once\"}");
    assert_true(span_is_null(text.rest));
}

static void tools_stand_apart_too(void **state)
{
    (void)state;
    read_text(ENDPOINT_CHAT,
              chat_with("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"));
    assert_true(
        span_eq(text.tools, SPAN("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_services_own_words_stand_apart),
        cmocka_unit_test(without_them_all_is_the_clients),
        cmocka_unit_test(tools_stand_apart_too),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_parser, tear_down_parser);
}
