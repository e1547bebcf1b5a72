/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probe_event.h"

#include <errno.h>

static bool text_in(const char *json)
{
    struct probe_event event;
    assert_int_equal(probe_event_read(span_str(json), &event), 0);
    return event.has_text;
}

static void text_is_content_thinking_or_a_tool(void **state)
{
    (void)state;
    assert_true(text_in("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"));
    assert_true(text_in("{\"choices\":[{\"delta\":{\"reasoning\":\"a\"}}]}"));
    assert_true(
        text_in("{\"choices\":[{\"delta\":{}},{\"delta\":{\"reasoning_content\":\"a\"}}]}"));
    assert_true(text_in("{\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}"));
    assert_true(text_in("{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"));
    assert_false(text_in("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}"));
    assert_false(text_in("{\"choices\":[{\"delta\":{\"content\":\"\"}}]}"));
    assert_false(text_in("{\"choices\":[]}"));
    assert_false(text_in("{}"));
}

static void usage_is_read(void **state)
{
    (void)state;
    struct probe_event event;
    assert_int_equal(
        probe_event_read(
            SPAN("{\"choices\":[],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":7,"
                 "\"prompt_tokens_details\":{\"cached_tokens\":3}}}"),
            &event),
        0);
    assert_int_equal(event.prompt_tokens, 31);
    assert_int_equal(event.output_tokens, 7);
    assert_int_equal(event.cached_tokens, 3);
    assert_int_equal(
        probe_event_read(
            SPAN("{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":99999999999}}"), &event),
        0);
    assert_int_equal(event.prompt_tokens, 0);
    assert_int_equal(event.output_tokens, UINT32_MAX);
    assert_int_equal(probe_event_read(SPAN("{\"usage\":null}"), &event), 0);
    assert_int_equal(event.prompt_tokens, 0);
}

static void errors_and_nonsense_are_refused(void **state)
{
    (void)state;
    struct probe_event event;
    assert_int_equal(probe_event_read(SPAN("{\"error\":{\"message\":\"x\"}}"), &event), -EINVAL);
    assert_int_equal(probe_event_read(SPAN("[]"), &event), -EINVAL);
    assert_int_equal(probe_event_read(SPAN("{\"choices\":"), &event), -EINVAL);
    assert_int_equal(probe_event_read(SPAN_NULL, &event), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_content_thinking_or_a_tool),
        cmocka_unit_test(usage_is_read),
        cmocka_unit_test(errors_and_nonsense_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
