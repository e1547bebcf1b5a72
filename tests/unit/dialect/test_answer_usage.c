/* SPDX-License-Identifier: Apache-2.0 */
/* The ways in which engines report usage; see src/dialect/answer_usage.c. */
#include "answers.h"

static void says(uint32_t index)
{
    char data[120];
    snprintf(data, sizeof(data), "{\"choices\":[{\"index\":%u,\"delta\":{\"content\":\"a\"}}]}",
             index);
    event(data);
}

static void ends(uint32_t index)
{
    char data[120];
    snprintf(data, sizeof(data),
             "{\"choices\":[{\"index\":%u,\"delta\":{},\"finish_reason\":\"stop\"}]}", index);
    event(data);
}

static void reports(unsigned prompt, unsigned completion)
{
    char data[160];
    snprintf(data, sizeof(data),
             "{\"choices\":[],\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,"
             "\"total_tokens\":%u}}",
             prompt, completion, prompt + completion);
    event(data);
}

static void reports_beside(uint32_t index, unsigned prompt, unsigned completion)
{
    char data[200];
    snprintf(data, sizeof(data),
             "{\"choices\":[{\"index\":%u,\"delta\":{\"content\":\"a\"}}],\"usage\":"
             "{\"prompt_tokens\":%u,\"completion_tokens\":%u}}",
             index, prompt, completion);
    event(data);
    assert_null(strstr(buf_cstr(&out), "usage"));
}

static void assert_reported(uint64_t prompt, uint64_t completion)
{
    assert_true(answer_meter(answer)->usage_seen);
    assert_int_equal(answer_meter(answer)->usage_prompt, prompt);
    assert_int_equal(answer_meter(answer)->usage_completion, completion);
}

static void one_report_for_all_choices(void **state)
{
    (void)state;
    terms.choices = 2;
    says(0);
    says(1);
    ends(0);
    ends(1);
    reports(9, 2);
    assert_reported(9, 2);
}

static void a_report_for_each_choice_is_added(void **state)
{
    (void)state;
    terms.choices = 3;
    says(0), says(1), says(2);
    ends(1);
    reports(9, 4);
    assert_reported(9, 4);
    says(0);
    ends(0);
    reports(9, 5);
    ends(2);
    reports(9, 6);
    assert_reported(9, 15);
}

static void a_report_again_replaces_the_one_before(void **state)
{
    (void)state;
    says(0);
    reports(9, 1);
    says(0);
    reports(9, 2);
    ends(0);
    reports(9, 2);
    reports(9, 3);
    assert_reported(9, 3);
}

static void reports_beside_choices_are_of_the_choice(void **state)
{
    (void)state;
    terms.choices = 2;
    reports_beside(0, 9, 1);
    reports_beside(1, 9, 1);
    reports_beside(1, 9, 2);
    reports_beside(0, 9, 4);
    assert_reported(9, 6);
    ends(0), ends(1);
    reports(9, 6);
    assert_reported(9, 6);
}

static void each_of_several_prompts_counts(void **state)
{
    (void)state;
    terms.choices = 4; /* two prompts, two choices of each */
    terms.prompts = 2;
    reports_beside(0, 10, 1);
    reports_beside(1, 10, 1);
    reports_beside(2, 30, 1);
    reports_beside(3, 30, 1);
    assert_reported(40, 4);
}

static void usage_leaves_with_its_details_and_nothing_else(void **state)
{
    (void)state;
    terms.include_usage = true;
    says(0);
    event(
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"total_tokens\":"
        "11,\"prompt_tokens_details\":{\"cached_tokens\":4,\"who\":\"me\"},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":1},\"prompt_cache_hit_tokens\":5,"
        "\"prompt_cache_miss_tokens\":6,\"cost\":1}}");
    event("[DONE]");
    assert_non_null(strstr(
        buf_cstr(&out),
        "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"total_tokens\":11,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":"
        "{\"reasoning_tokens\":1},\"prompt_cache_hit_tokens\":5,\"prompt_cache_miss_tokens\":6}}"));
    assert_int_equal(answer_meter(answer)->usage_cached, 5);
    assert_int_equal(answer_meter(answer)->usage_reasoning, 1);
}

static void usage_says_what_is_charged(void **state)
{
    (void)state;
    terms.include_usage = true;
    for (int i = 0; i < 9; i++)
        says(0);
    reports(10, 3);
    event("[DONE]");
    assert_non_null(strstr(buf_cstr(&out), "\"completion_tokens\":9,\"total_tokens\":19}"));
    assert_true(meter_settle(answer_meter(answer)).disputed);
}

static void missing_numbers_are_none(void **state)
{
    (void)state;
    says(0);
    event("{\"choices\":[],\"usage\":null}");
    assert_false(answer_meter(answer)->usage_seen);
    event("{\"choices\":[],\"usage\":{\"prompt_tokens\":null,\"prompt_tokens_details\":null}}");
    assert_reported(0, 0);
}

static void details_that_are_too_long_stay_behind(void **state)
{
    (void)state;
    char data[6000];
    terms.include_usage = true;
    says(0);
    snprintf(data, sizeof(data),
             "{\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1,"
             "\"prompt_tokens_details\":{\"%05000d\":1}}}",
             0);
    event(data);
    event("[DONE]");
    assert_non_null(strstr(buf_cstr(&out), "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1,"
                                           "\"total_tokens\":3}}"));
}

static void wrong_numbers_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\"prompt_tokens\":-1",
        "\"prompt_tokens\":1.5",
        "\"prompt_tokens\":\"1\"",
        "\"completion_tokens\":1099511627777",
        "\"completion_tokens\":18446744073709551615",
        "\"completion_tokens\":[]",
        "\"prompt_tokens_details\":7",
        "\"completion_tokens_details\":[]",
        "\"prompt_cache_hit_tokens\":true",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char data[120];
        start_again();
        snprintf(data, sizeof(data), "{\"choices\":[],\"usage\":{%s}}", wrong[i]);
        if (event_of(span_str(data)) != -EINVAL)
            fail_msg("taken: %s", data);
        assert_int_equal(refusal.reason, REASON_BAD_ANSWER);
    }
    start_again();
    event("{\"choices\":[],\"usage\":{\"completion_tokens\":1099511627776}}");
}

static void a_cut_is_told(void **state)
{
    (void)state;
    terms.include_usage = true;
    says(0);
    answer_note_cut(answer, SPAN("tokens_per_day"));
    buf_clear(&out);
    answer_finish(answer, true, &out);
    assert_non_null(strstr(buf_cstr(&out), "\"total_tokens\":"));
    assert_non_null(strstr(buf_cstr(&out), ",\"seawall\":{\"cut\":\"tokens_per_day\"}}"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, answers_set_up, answers_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_report_for_all_choices),
        TEST(a_report_for_each_choice_is_added),
        TEST(a_report_again_replaces_the_one_before),
        TEST(reports_beside_choices_are_of_the_choice),
        TEST(each_of_several_prompts_counts),
        TEST(usage_leaves_with_its_details_and_nothing_else),
        TEST(usage_says_what_is_charged),
        TEST(missing_numbers_are_none),
        TEST(details_that_are_too_long_stay_behind),
        TEST(wrong_numbers_are_refused),
        TEST(a_cut_is_told),
    };
#undef TEST
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
