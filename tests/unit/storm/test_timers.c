/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "base/chance.h"
#include "storm/timers.h"

#define MANY 2000

static struct timer timer_list[MANY];

static int clear(void **state)
{
    (void)state;
    memset(timer_list, 0, sizeof(timer_list));
    return 0;
}

static void they_come_in_the_order_of_their_time(void **state)
{
    (void)state;
    struct timers *timers = timers_new(MANY);
    struct chance chance = chance_of(1);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(timers_set(timers, &timer_list[i], chance_u64(&chance) % 100000), 0);
    for (size_t i = 0; i < MANY; i += 3) /* some move */
        assert_int_equal(timers_set(timers, &timer_list[i], chance_u64(&chance) % 100000), 0);
    for (size_t i = 0; i < MANY; i += 5) /* some go */
        timers_clear(timers, &timer_list[i]);
    uint64_t before = 0, taken = 0;
    for (struct timer *timer; (timer = timers_take(timers, 100000)); taken++) {
        assert_true(timer->due_us >= before && timer->place == 0);
        assert_false((timer - timer_list) % 5 == 0);
        before = timer->due_us;
        assert_true(timers_next(timers) >= before);
    }
    assert_int_equal(taken, MANY - MANY / 5);
    timers_free(timers);
}

static void nothing_comes_before_its_time(void **state)
{
    (void)state;
    struct timers *timers = timers_new(2);
    assert_true(timers_next(timers) == UINT64_MAX);
    assert_int_equal(timers_set(timers, &timer_list[0], 10), 0);
    assert_null(timers_take(timers, 9));
    assert_ptr_equal(timers_take(timers, 10), &timer_list[0]);
    assert_null(timers_take(timers, 10));
    timers_free(timers);
}

static void more_than_the_maximum_are_refused(void **state)
{
    (void)state;
    struct timers *timers = timers_new(1);
    assert_int_equal(timers_set(timers, &timer_list[0], 10), 0);
    assert_int_equal(timers_set(timers, &timer_list[1], 10), -ENOSPC);
    assert_int_equal(timers_set(timers, &timer_list[0], 20), 0);
    timers_clear(timers, &timer_list[1]);
    timers_clear(timers, &timer_list[0]);
    assert_int_equal(timers_set(timers, &timer_list[1], 10), 0);
    timers_free(timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(they_come_in_the_order_of_their_time, clear),
        cmocka_unit_test_setup(nothing_comes_before_its_time, clear),
        cmocka_unit_test_setup(more_than_the_maximum_are_refused, clear),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
