/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/event.h"

static void a_piece_of_text_is_seen(void **state)
{
    (void)state;
    const char *texts[] = {
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\" the\"}}],\"usage\":null}",
        "{\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"a\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":null,\"reasoning_content\":\"hm\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"\",\"reasoning\":\"hm\"}}]}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct event_facts facts = event_read(span_str(texts[i]));
        assert_true(facts.text && !facts.over && !facts.error);
        assert_int_equal(facts.completion_tokens, EVENT_NO_USAGE);
    }
}

static void what_brings_no_text_is_no_token(void **state)
{
    (void)state;
    const char *others[] = {
        "{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":null},\"finish_reason\":\"stop\"}]}",
        "{\"note\":\"they said \\\"content\\\":\\\"x\\\"\"}",
        "{\"content\"",
        "{\"content\":",
        "",
    };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(event_read(span_str(others[i])).text);
}

static void usage_end_and_error_are_seen(void **state)
{
    (void)state;
    struct event_facts facts = event_read(
        SPAN("{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\": 42}}"));
    assert_int_equal(facts.completion_tokens, 42);
    assert_true(event_read(SPAN("[DONE]")).over);
    assert_true(event_read(SPAN("{\"error\":{\"message\":\"no\"}}")).error);
    facts = event_read(SPAN("{\"completion_tokens_details\":{},\"completion_tokens\":\"x\"}"));
    assert_int_equal(facts.completion_tokens, EVENT_NO_USAGE);
}

static void a_whole_answer_has_text_and_usage(void **state)
{
    (void)state;
    struct event_facts facts = event_read_whole(SPAN(
        "{\"choices\":[{\"message\":{\"content\":\"ok\"}}],\"usage\":{\"completion_tokens\":7}}"));
    assert_true(facts.text && facts.over && !facts.error);
    assert_int_equal(facts.completion_tokens, 7);
    assert_true(event_read_whole(SPAN("{\"error\":{}}")).error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_of_text_is_seen),
        cmocka_unit_test(what_brings_no_text_is_no_token),
        cmocka_unit_test(usage_end_and_error_are_seen),
        cmocka_unit_test(a_whole_answer_has_text_and_usage),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
