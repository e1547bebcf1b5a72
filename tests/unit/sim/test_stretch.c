/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stretch.h"

#define EVENTS 20

static uint64_t times[4][EVENTS];

/* A call of 100 prompt tokens whose events come each `gap` from `first`. */
static struct probe_call stream(int number, uint64_t first, uint64_t gap)
{
    for (uint64_t i = 0; i < EVENTS; i++)
        times[number][i] = first + i * gap;
    return (struct probe_call){
        .whole = true, .prompt_tokens = 100, .events = EVENTS, .event_us = times[number]};
}

/* What comes from `event` on comes later. */
static void delay(int number, int event, uint64_t us)
{
    for (int i = event; i < EVENTS; i++)
        times[number][i] += us;
}

static void a_step_is_the_mean_gap_while_all_decode(void **state)
{
    (void)state;
    struct stretch stretch;
    struct probe_call calls[] = {stream(0, 1000, 100), stream(1, 2000, 100)};
    /* Alone the first one is faster; that is before the second one begins. */
    for (int i = 0; i < 10; i++)
        times[0][i] = 1500 + 50 * (uint64_t)i;
    delay(1, 5, 40);
    assert_int_equal(stretch_of_steps(calls, 2, 1, &stretch), 0);
    assert_true(stretch.sample.us > 100 && stretch.sample.us < 105 && stretch.sample.steps == 1);
    assert_true(stretch.spread == 0);
    assert_int_equal(stretch.sample.sequences, 2);
    assert_false(stretch.sample.arrival);
    assert_true(stretch.sample.prefill_tokens == 0);
    assert_true(stretch.sample.kv_tokens > 2 * 100 && stretch.sample.kv_tokens < 2 * 120);
}

static void events_of_several_tokens_are_several_steps(void **state)
{
    (void)state;
    struct stretch stretch;
    struct probe_call call = stream(0, 1000, 100);
    assert_int_equal(stretch_of_steps(&call, 1, 2, &stretch), 0);
    assert_true(stretch.sample.us == 100 && stretch.sample.steps == 2);
}

static void calls_one_after_the_other_share_no_time(void **state)
{
    (void)state;
    struct stretch stretch;
    struct probe_call calls[] = {stream(0, 1000, 100), stream(1, 1050, 100), stream(2, 9000, 100)};
    assert_int_equal(stretch_together(calls, 3), 2);
    assert_int_equal(stretch_together(calls, 2), 2);
    assert_int_equal(stretch_of_steps(calls, 3, 1, &stretch), -ENOENT);
}

static struct probe_call newcomer(uint64_t sent, uint64_t first, uint64_t *event)
{
    *event = first;
    return (struct probe_call){
        .sent_us = sent, .prompt_tokens = 300, .cached_tokens = 20, .events = 1, .event_us = event};
}

static void a_newcomer_makes_one_step_longer(void **state)
{
    (void)state;
    struct stretch stretch;
    uint64_t event;
    struct probe_call calls[] = {stream(0, 1000, 100), stream(1, 1003, 100)};
    /* Events 0 to 9 come at 1000 to 1900; it is sent at 1850, so the step that ends at 1900 is still without it. */
    delay(0, 10, 500);
    delay(1, 10, 500);
    struct probe_call late = newcomer(1850, 2506, &event);
    assert_int_equal(stretch_of_arrival(calls, 2, &late, 1, &stretch), 0);
    assert_true(stretch.sample.us == 700 && stretch.sample.steps == 2); /* 1800 to 2500 */
    assert_true(stretch.sample.prefill_tokens == 280);
    assert_int_equal(stretch.sample.sequences, 2);
    assert_true(stretch.largest_share == 1);
}

static void a_divided_prompt_shows(void **state)
{
    (void)state;
    struct stretch stretch;
    uint64_t event;
    struct probe_call call = stream(0, 1000, 100);
    delay(0, 10, 400);
    delay(0, 11, 400);
    delay(0, 12, 200);
    struct probe_call late = newcomer(1910, 3200, &event);
    assert_int_equal(stretch_of_arrival(&call, 1, &late, 1, &stretch), 0);
    assert_true(stretch.sample.steps == 3);
    assert_true(stretch.largest_share > 0.39 && stretch.largest_share < 0.41);
}

static void a_newcomer_before_or_behind_the_others_tells_nothing(void **state)
{
    (void)state;
    struct stretch stretch;
    uint64_t event;
    struct probe_call call = stream(0, 1000, 100);
    struct probe_call early = newcomer(900, 1300, &event);
    assert_int_equal(stretch_of_arrival(&call, 1, &early, 1, &stretch), -ENOENT);
    struct probe_call late = newcomer(1850, 9000, &event);
    assert_int_equal(stretch_of_arrival(&call, 1, &late, 1, &stretch), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_the_mean_gap_while_all_decode),
        cmocka_unit_test(events_of_several_tokens_are_several_steps),
        cmocka_unit_test(calls_one_after_the_other_share_no_time),
        cmocka_unit_test(a_newcomer_makes_one_step_longer),
        cmocka_unit_test(a_divided_prompt_shows),
        cmocka_unit_test(a_newcomer_before_or_behind_the_others_tells_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
