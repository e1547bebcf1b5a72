/* SPDX-License-Identifier: Apache-2.0 */
#include "loop_test.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <pthread.h>
#include <signal.h>

static struct loop *loop;

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mem_fail_never();
    loop_free(TAKE(loop));
    return 0;
}

static void *stop_from_a_thread(void *arg)
{
    (void)arg;
    loop_stop(loop);
    return NULL;
}

static void runs_until_another_thread_stops_it(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_from_a_thread, NULL), 0);
    loop_run(loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void stopping_before_running_counts(void **state)
{
    (void)state;
    loop_stop(loop);
    loop_run(loop);
    loop_stop(loop);
    loop_run(loop);
}

static void new_without_memory_is_null(void **state)
{
    (void)state;
    mem_fail_after(0);
    assert_null(loop_new());
    assert_null(tick_new(loop, 1, NULL, NULL));
    assert_int_equal(loop_on_signal(loop, SIGUSR1, NULL, NULL), -ENOMEM);
    mem_fail_never();
}

static void free_accepts_null(void **state)
{
    (void)state;
    loop_free(NULL);
    tick_free(NULL);
}

/* ── time ── */

static uint64_t seen_us[3];

static void note_time_and_work(struct soon *soon)
{
    (void)soon;
    seen_us[0] = loop_now_us(loop);
    uint64_t until_us = clock_mono_us() + 3000;
    while (clock_mono_us() < until_us)
        ;
    seen_us[1] = loop_now_us(loop);
}

static void on_stop_tick(void *arg)
{
    (void)arg;
    seen_us[2] = loop_now_us(loop);
    loop_stop(loop);
}

static void now_holds_within_an_iteration(void **state)
{
    (void)state;
    struct soon soon;
    soon_init(&soon, note_time_and_work);
    soon_call(loop, &soon);
    struct tick *tick = tick_new(loop, 10, on_stop_tick, NULL);
    loop_run(loop);
    tick_free(tick);
    assert_int_equal(seen_us[0], seen_us[1]);
    assert_true(seen_us[2] >= seen_us[0] + 3000);
    assert_true(seen_us[2] <= clock_mono_us());
    assert_int_equal(loop_now_ms(loop), loop_now_us(loop) / 1000);
}

static void wall_time_is_near_the_clock(void **state)
{
    (void)state;
    uint64_t wall_ms = clock_wall_ms();
    assert_in_range(loop_wall_ms(loop), wall_ms - 1000, wall_ms + 1);
}

/* ── deadlines ── */

struct waiting {
    struct deadline deadline;
    uint64_t fired_ms;
};

static void on_deadline_stop(struct deadline *deadline)
{
    struct waiting *waiting = container_of(deadline, struct waiting, deadline);
    waiting->fired_ms = clock_mono_us() / 1000;
    loop_stop(loop);
}

static void deadline_fires(void **state)
{
    (void)state;
    struct waiting waiting = {0};
    deadline_init(&waiting.deadline, on_deadline_stop);
    uint64_t due_ms = loop_now_ms(loop) + 120;
    deadline_set(loop, &waiting.deadline, due_ms);
    loop_run(loop);
    assert_true(waiting.fired_ms >= due_ms);
    /* Promised are 200 ms; the rest is for a machine that is busy. */
    assert_in_range(waiting.fired_ms, due_ms, due_ms + 1000);
    assert_int_equal(waiting.deadline.due_ms, 0);
}

static void the_wheel_starts_again_after_a_rest(void **state)
{
    (void)state;
    struct waiting waiting = {0};
    deadline_init(&waiting.deadline, on_deadline_stop);
    deadline_set(loop, &waiting.deadline, loop_now_ms(loop) + 10);
    deadline_clear(&waiting.deadline);
    uv_timer_stop(&loop->wheel_timer);
    loop->wheel.step -= 5000; /* as after 500 seconds without a deadline */
    deadline_set(loop, &waiting.deadline, loop_now_ms(loop) + 10);
    loop_run(loop);
    assert_true(waiting.fired_ms > 0);
}

static void deadline_outlives_the_loop(void **state)
{
    (void)state;
    struct waiting waiting = {0};
    struct soon soon;
    deadline_init(&waiting.deadline, on_deadline_stop);
    deadline_set(loop, &waiting.deadline, loop_now_ms(loop) + 10000);
    soon_init(&soon, note_time_and_work);
    soon_call(loop, &soon);
    loop_free(TAKE(loop));
    deadline_clear(&waiting.deadline);
    soon_cancel(&soon);
    assert_true(list_empty(&soon.link));
}

/* ── ticks ── */

static int ticks;
static struct tick *self;

static void on_tick(void *arg)
{
    assert_ptr_equal(arg, &ticks);
    if (++ticks == 3)
        loop_stop(loop);
}

static void on_tick_free_self(void *arg)
{
    (void)arg;
    ticks++;
    tick_free(TAKE(self));
}

static void tick_comes_again_and_again(void **state)
{
    (void)state;
    ticks = 0;
    struct tick *tick = tick_new(loop, 0, on_tick, &ticks);
    loop_run(loop);
    assert_int_equal(ticks, 3);
    tick_free(tick);
    turn_idle(loop);
    assert_int_equal(ticks, 3);
}

static void tick_may_free_itself(void **state)
{
    (void)state;
    ticks = 0;
    self = tick_new(loop, 1, on_tick_free_self, NULL);
    turn_until(loop, ticks > 0);
    assert_waits(loop);
    assert_int_equal(ticks, 1);
}

/* ── soon ── */

struct errand {
    struct soon soon;
    int called;
    struct errand *cancels;
    bool again;
};

static void on_errand(struct soon *soon)
{
    struct errand *errand = container_of(soon, struct errand, soon);
    errand->called++;
    if (errand->cancels)
        soon_cancel(&errand->cancels->soon);
    if (errand->again)
        soon_call(loop, soon);
}

static void soon_calls_once_for_two_asks(void **state)
{
    (void)state;
    struct errand errand = {0};
    soon_init(&errand.soon, on_errand);
    soon_call(loop, &errand.soon);
    soon_call(loop, &errand.soon);
    assert_int_equal(errand.called, 0);
    turn_idle(loop);
    assert_int_equal(errand.called, 1);
}

static void soon_may_be_called_off(void **state)
{
    (void)state;
    struct errand first = {0}, second = {0}, third = {0};
    soon_init(&first.soon, on_errand);
    soon_init(&second.soon, on_errand);
    soon_init(&third.soon, on_errand);
    soon_call(loop, &first.soon);
    soon_call(loop, &second.soon);
    soon_call(loop, &third.soon);
    first.cancels = &second;
    soon_cancel(&third.soon);
    turn_idle(loop);
    assert_int_equal(first.called, 1);
    assert_int_equal(second.called + third.called, 0);
}

static void soon_from_soon_comes_in_the_next_iteration(void **state)
{
    (void)state;
    struct errand errand = {.again = true};
    soon_init(&errand.soon, on_errand);
    soon_call(loop, &errand.soon);
    for (int i = 1; i <= 5; i++) {
        turn(loop);
        assert_int_equal(errand.called, i);
    }
    errand.again = false;
    turn(loop);
    assert_waits(loop);
    assert_int_equal(errand.called, 6);
}

/* ── signals ── */

static int signal_seen;

static void on_signal(int signum, void *arg)
{
    assert_ptr_equal(arg, &signal_seen);
    signal_seen = signum;
}

static void signals_arrive(void **state)
{
    (void)state;
    signal_seen = 0;
    assert_int_equal(loop_on_signal(loop, SIGUSR1, on_signal, &signal_seen), 0);
    assert_int_equal(loop_on_signal(loop, SIGUSR2, on_signal, &signal_seen), 0);
    raise(SIGUSR1);
    turn_until(loop, signal_seen == SIGUSR1);
    raise(SIGUSR2);
    turn_until(loop, signal_seen == SIGUSR2);
    assert_int_equal(loop_on_signal(loop, SIGKILL, on_signal, NULL), -EINVAL);
    assert_int_equal(loop_on_signal(loop, 0, on_signal, NULL), -EINVAL);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(runs_until_another_thread_stops_it),
        case_of(stopping_before_running_counts),
        case_of(new_without_memory_is_null),
        case_of(free_accepts_null),
        case_of(now_holds_within_an_iteration),
        case_of(wall_time_is_near_the_clock),
        case_of(deadline_fires),
        case_of(the_wheel_starts_again_after_a_rest),
        case_of(deadline_outlives_the_loop),
        case_of(tick_comes_again_and_again),
        case_of(tick_may_free_itself),
        case_of(soon_calls_once_for_two_asks),
        case_of(soon_may_be_called_off),
        case_of(soon_from_soon_comes_in_the_next_iteration),
        case_of(signals_arrive),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
