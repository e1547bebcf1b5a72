/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "loop/wheel.h"

#define HOUR_MS (3600 * UINT64_C(1000))
#define START_MS UINT64_C(123456)

static struct wheel wheel;
static uint64_t now_ms;

struct alarm {
    struct deadline deadline;
    int fired;
    uint64_t fired_ms;
    uint64_t again_ms;        /* set anew when it fires */
    struct deadline *cancels; /* cleared when it fires */
};

static void on_alarm(struct deadline *deadline)
{
    struct alarm *alarm = container_of(deadline, struct alarm, deadline);
    assert_int_equal(deadline->due_ms, 0);
    alarm->fired++;
    alarm->fired_ms = now_ms;
    if (alarm->again_ms)
        wheel_set(&wheel, deadline, alarm->again_ms);
    if (alarm->cancels)
        deadline_clear(alarm->cancels);
}

static int set_up(void **state)
{
    (void)state;
    now_ms = START_MS;
    wheel_init(&wheel, now_ms);
    return 0;
}

static void alarm_set(struct alarm *alarm, uint64_t due_ms)
{
    deadline_init(&alarm->deadline, on_alarm);
    wheel_set(&wheel, &alarm->deadline, due_ms);
}

static void advance_to(uint64_t to_ms, uint64_t step_ms)
{
    while (now_ms < to_ms) {
        now_ms = MIN(now_ms + step_ms, to_ms);
        wheel_advance(&wheel, now_ms);
    }
}

static void fires_not_early_and_soon_after(void **state)
{
    (void)state;
    enum { ALARMS = 500 };
    static struct alarm alarms[ALARMS];
    memset(alarms, 0, sizeof(alarms));
    for (uint64_t i = 0; i < ALARMS; i++)
        alarm_set(&alarms[i], START_MS + 1 + i * 7);
    advance_to(START_MS + 10000, 1);
    for (uint64_t i = 0; i < ALARMS; i++) {
        assert_int_equal(alarms[i].fired, 1);
        assert_in_range(alarms[i].fired_ms, START_MS + 1 + i * 7,
                        START_MS + 1 + i * 7 + WHEEL_STEP_MS);
    }
}

static void what_is_past_fires_at_the_next_step(void **state)
{
    (void)state;
    struct alarm alarm = {0};
    alarm_set(&alarm, 1);
    wheel_advance(&wheel, now_ms);
    assert_int_equal(alarm.fired, 0);
    advance_to(START_MS + WHEEL_STEP_MS, 1);
    assert_int_equal(alarm.fired, 1);
}

static void moving_later_is_a_store(void **state)
{
    (void)state;
    struct alarm alarm = {0};
    alarm_set(&alarm, START_MS + 1000);
    struct list before = alarm.deadline.link;
    wheel_set(&wheel, &alarm.deadline, START_MS + 5000);
    assert_memory_equal(&before, &alarm.deadline.link, sizeof(before));
    advance_to(START_MS + 4999, 50);
    assert_int_equal(alarm.fired, 0);
    advance_to(START_MS + 5100, 50);
    assert_int_equal(alarm.fired, 1);
}

static void moving_with_each_message_never_fires(void **state)
{
    (void)state;
    struct alarm alarm = {0};
    alarm_set(&alarm, START_MS + 1000);
    for (int i = 0; i < 1000; i++) {
        advance_to(now_ms + 30, 30);
        wheel_set(&wheel, &alarm.deadline, now_ms + 1000);
    }
    assert_int_equal(alarm.fired, 0);
    uint64_t due_ms = now_ms + 1000;
    advance_to(now_ms + 2000, 30);
    assert_in_range(alarm.fired_ms, due_ms, due_ms + 130);
}

static void moving_earlier_fires_earlier(void **state)
{
    (void)state;
    struct alarm alarm = {0};
    alarm_set(&alarm, START_MS + 50000);
    wheel_set(&wheel, &alarm.deadline, START_MS + 60000);
    wheel_set(&wheel, &alarm.deadline, START_MS + 300);
    advance_to(START_MS + 400, 10);
    assert_int_equal(alarm.fired, 1);
    advance_to(START_MS + 70000, 100);
    assert_int_equal(alarm.fired, 1);
}

static void clearing_and_zero_call_it_off(void **state)
{
    (void)state;
    struct alarm cleared = {0}, zeroed = {0};
    alarm_set(&cleared, START_MS + 200);
    alarm_set(&zeroed, START_MS + 200);
    deadline_clear(&cleared.deadline);
    deadline_clear(&cleared.deadline);
    wheel_set(&wheel, &zeroed.deadline, 0);
    advance_to(START_MS + 1000, 10);
    assert_int_equal(cleared.fired + zeroed.fired, 0);
    assert_int_equal(cleared.deadline.due_ms, 0);
}

static void hours_away_works(void **state)
{
    (void)state;
    struct alarm alarm = {0};
    alarm_set(&alarm, START_MS + 5 * HOUR_MS);
    advance_to(START_MS + 5 * HOUR_MS - 1, 90);
    assert_int_equal(alarm.fired, 0);
    advance_to(START_MS + 5 * HOUR_MS + 200, 90);
    assert_int_equal(alarm.fired, 1);
}

static void the_length_of_the_ring_is_no_border(void **state)
{
    (void)state;
    for (uint64_t steps = WHEEL_SLOTS - 3; steps < WHEEL_SLOTS + 4; steps++) {
        set_up(NULL);
        struct alarm alarm = {0};
        uint64_t due_ms = START_MS + steps * WHEEL_STEP_MS;
        alarm_set(&alarm, due_ms);
        advance_to(due_ms + 1000, 100);
        assert_int_equal(alarm.fired, 1);
        assert_in_range(alarm.fired_ms, due_ms, due_ms + 200);
    }
}

static void a_process_that_slept_for_a_day_fires_all(void **state)
{
    (void)state;
    struct alarm near = {0}, far = {0}, beyond = {0};
    alarm_set(&near, START_MS + 100);
    alarm_set(&far, START_MS + 3 * HOUR_MS);
    alarm_set(&beyond, START_MS + 30 * HOUR_MS);
    now_ms += 24 * HOUR_MS;
    wheel_advance(&wheel, now_ms);
    assert_int_equal(near.fired, 1);
    assert_int_equal(far.fired, 1);
    assert_int_equal(beyond.fired, 0);
    advance_to(START_MS + 31 * HOUR_MS, 100);
    assert_int_equal(beyond.fired, 1);
}

static void a_callback_may_set_itself_anew(void **state)
{
    (void)state;
    struct alarm alarm = {0};
    alarm_set(&alarm, START_MS + 100);
    alarm.again_ms = START_MS + 100; /* past by then: the next step, not the same one for ever */
    advance_to(START_MS + 1050, 100);
    assert_in_range(alarm.fired, 9, 11);
}

static void a_callback_may_clear_its_neighbour(void **state)
{
    (void)state;
    struct alarm first = {0}, second = {0};
    alarm_set(&first, START_MS + 100);
    alarm_set(&second, START_MS + 100);
    first.cancels = &second.deadline;
    advance_to(START_MS + 1000, 100);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
}

static void a_whole_empty_round_says_empty(void **state)
{
    (void)state;
    struct alarm alarm = {0};
    alarm_set(&alarm, START_MS + 500);
    for (int i = 0; i < WHEEL_SLOTS; i++) {
        now_ms += WHEEL_STEP_MS;
        assert_true(wheel_advance(&wheel, now_ms));
    }
    assert_int_equal(alarm.fired, 1);
    advance_to(now_ms + 600, 100);
    assert_false(wheel_advance(&wheel, now_ms));
    alarm_set(&alarm, now_ms + 100);
    assert_true(wheel_advance(&wheel, now_ms));
}

static void release_lets_go_of_all(void **state)
{
    (void)state;
    struct alarm near = {0}, far = {0};
    alarm_set(&near, START_MS + 100);
    alarm_set(&far, START_MS + HOUR_MS);
    wheel_release(&wheel);
    assert_true(list_empty(&near.deadline.link));
    assert_true(list_empty(&far.deadline.link));
    deadline_clear(&near.deadline);
}

#define case_of(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(fires_not_early_and_soon_after),
        case_of(what_is_past_fires_at_the_next_step),
        case_of(moving_later_is_a_store),
        case_of(moving_with_each_message_never_fires),
        case_of(moving_earlier_fires_earlier),
        case_of(clearing_and_zero_call_it_off),
        case_of(hours_away_works),
        case_of(the_length_of_the_ring_is_no_border),
        case_of(a_process_that_slept_for_a_day_fires_all),
        case_of(a_callback_may_set_itself_anew),
        case_of(a_callback_may_clear_its_neighbour),
        case_of(a_whole_empty_round_says_empty),
        case_of(release_lets_go_of_all),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
