/* SPDX-License-Identifier: Apache-2.0 */
/* The loop itself: life, time, deadlines' timer, ticks, `soon` and signals. See internal.h for an iteration's order. */
#include "loop/internal.h"

#include "base/alloc.h"
#include "base/clock.h"

/* The wall clock is looked up once a second and follows the monotonic clock between, which saves a clock call an
 * iteration: a step of the wall clock is seen at most this much later. */
#define WALL_LOOKUP_US 1000000

struct tick {
    uv_timer_t timer;
    struct loop_item item;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

struct signal_watch {
    uv_signal_t signal;
    struct loop_item item;
    struct loop *loop;
    void (*fn)(int signum, void *arg);
    void *arg;
};

static void on_stop_bell(uv_async_t *bell);
static void on_turn_end(uv_prepare_t *prepare);
static void on_no_wait(uv_idle_t *idle);

struct loop *loop_new(void)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));
    if (!loop)
        return NULL;
    if (uv_loop_init(&loop->uv) != 0) {
        mem_free(loop);
        return NULL;
    }
    if (uv_async_init(&loop->uv, &loop->stop_bell, on_stop_bell) != 0) {
        check(uv_loop_close(&loop->uv) == 0);
        mem_free(loop);
        return NULL;
    }
    check(uv_prepare_init(&loop->uv, &loop->turn_end) == 0);
    check(uv_prepare_start(&loop->turn_end, on_turn_end) == 0);
    check(uv_idle_init(&loop->uv, &loop->no_wait) == 0);
    check(uv_timer_init(&loop->uv, &loop->wheel_timer) == 0);
    list_init(&loop->items);
    list_init(&loop->soon);
    list_init(&loop->settle);
    loop_read_time(loop);
    wheel_init(&loop->wheel, loop_now_ms(loop));
    return loop;
}

static void list_drop_all(struct list *list)
{
    list_each(at, list) list_remove(at);
}

/* The last uv_run() frees what was closed, and waits for a name look-up that runs on one of libuv's threads. */
void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    struct list *link;
    while ((link = list_first(&loop->items))) {
        struct loop_item *item = list_entry(link, struct loop_item, link);
        item->close(item);
    }
    list_drop_all(&loop->soon);
    list_drop_all(&loop->settle);
    wheel_release(&loop->wheel);
    uv_close((uv_handle_t *)&loop->stop_bell, NULL);
    uv_close((uv_handle_t *)&loop->turn_end, NULL);
    uv_close((uv_handle_t *)&loop->no_wait, NULL);
    uv_close((uv_handle_t *)&loop->wheel_timer, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    check(uv_loop_close(&loop->uv) == 0);
    mem_free(loop);
}

void loop_run(struct loop *loop)
{
    loop->time_is_read = false;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    check(uv_async_send(&loop->stop_bell) == 0);
}

static void on_stop_bell(uv_async_t *bell)
{
    uv_stop(bell->loop);
}

void loop_add(struct loop *loop, struct loop_item *item, void (*close)(struct loop_item *item))
{
    item->close = close;
    list_push_back(&loop->items, &item->link);
}

/* ── time ── */

void loop_read_time(struct loop *loop)
{
    loop->now_us = clock_mono_us();
    loop->time_is_read = true;
    if (loop->wall_read_us == 0 || loop->now_us - loop->wall_read_us >= WALL_LOOKUP_US) {
        loop->wall_offset_ms = clock_wall_ms() - loop->now_us / 1000;
        loop->wall_read_us = loop->now_us;
    }
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_us / 1000;
}

uint64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

uint64_t loop_wall_ms(const struct loop *loop)
{
    return loop->now_us / 1000 + loop->wall_offset_ms;
}

/* ── deadlines: the wheel's timer runs only while a deadline is set ── */

static void on_wheel_timer(uv_timer_t *timer)
{
    struct loop *loop = container_of(timer, struct loop, wheel_timer);
    loop_enter(loop);
    if (!wheel_advance(&loop->wheel, loop_now_ms(loop)))
        uv_timer_stop(timer);
}

void deadline_set(struct loop *loop, struct deadline *deadline, uint64_t due_ms)
{
    if (!uv_is_active((uv_handle_t *)&loop->wheel_timer)) {
        wheel_advance(&loop->wheel, loop_now_ms(loop));
        check(uv_timer_start(&loop->wheel_timer, on_wheel_timer, WHEEL_STEP_MS, WHEEL_STEP_MS) ==
              0);
    }
    wheel_set(&loop->wheel, deadline, due_ms);
}

/* ── ticks ── */

static void on_tick(uv_timer_t *timer)
{
    struct tick *tick = container_of(timer, struct tick, timer);
    loop_enter(tick->loop);
    tick->fn(tick->arg);
}

static void on_tick_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct tick, timer));
}

static void tick_close(struct loop_item *item)
{
    tick_free(container_of(item, struct tick, item));
}

struct tick *tick_new(struct loop *loop, uint32_t every_ms, void (*fn)(void *arg), void *arg)
{
    struct tick *tick = mem_zalloc(sizeof(*tick));
    if (!tick)
        return NULL;
    tick->loop = loop;
    tick->fn = fn;
    tick->arg = arg;
    every_ms = MAX(every_ms, 1u); /* libuv takes 0 for "once" */
    check(uv_timer_init(&loop->uv, &tick->timer) == 0);
    check(uv_timer_start(&tick->timer, on_tick, every_ms, every_ms) == 0);
    loop_add(loop, &tick->item, tick_close);
    return tick;
}

void tick_free(struct tick *tick)
{
    if (!tick)
        return;
    list_remove(&tick->item.link);
    uv_close((uv_handle_t *)&tick->timer, on_tick_closed);
}

/* ── soon ── */

void soon_init(struct soon *soon, void (*fn)(struct soon *soon))
{
    list_init(&soon->link);
    soon->fn = fn;
}

void soon_call(struct loop *loop, struct soon *soon)
{
    if (list_empty(&soon->link))
        list_push_back(&loop->soon, &soon->link);
}

void loop_settle(struct loop *loop, struct soon *soon)
{
    if (list_empty(&soon->link))
        list_push_back(&loop->settle, &soon->link);
}

void soon_cancel(struct soon *soon)
{
    list_remove(&soon->link);
}

static void call_all(struct list *list)
{
    struct list *link;
    while ((link = list_first(list))) {
        struct soon *soon = list_entry(link, struct soon, link);
        list_remove(link);
        soon->fn(soon);
    }
}

/* Just before the wait. What a `soon` callback asks for anew is done after the next wait, which then does not wait: a
 * callback that asks again and again cannot starve the sockets. */
static void on_turn_end(uv_prepare_t *prepare)
{
    struct loop *loop = container_of(prepare, struct loop, turn_end);
    loop_enter(loop);
    if (!list_empty(&loop->soon)) {
        struct list round;
        list_push_back(&loop->soon, &round);
        list_remove(&loop->soon);
        call_all(&round);
    }
    call_all(&loop->settle);
    if (list_empty(&loop->soon))
        uv_idle_stop(&loop->no_wait);
    else
        check(uv_idle_start(&loop->no_wait, on_no_wait) == 0);
    loop->time_is_read = false;
}

static void on_no_wait(uv_idle_t *idle)
{
    (void)idle;
}

/* ── signals ── */

static void on_signal(uv_signal_t *signal, int signum)
{
    struct signal_watch *watch = container_of(signal, struct signal_watch, signal);
    loop_enter(watch->loop);
    watch->fn(signum, watch->arg);
}

static void on_signal_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct signal_watch, signal));
}

static void signal_close(struct loop_item *item)
{
    struct signal_watch *watch = container_of(item, struct signal_watch, item);
    list_remove(&item->link);
    uv_close((uv_handle_t *)&watch->signal, on_signal_closed);
}

int loop_on_signal(struct loop *loop, int signum, void (*fn)(int signum, void *arg), void *arg)
{
    struct signal_watch *watch = mem_zalloc(sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    int r = uv_signal_init(&loop->uv, &watch->signal);
    if (r < 0) {
        mem_free(watch);
        return r;
    }
    watch->loop = loop;
    watch->fn = fn;
    watch->arg = arg;
    loop_add(loop, &watch->item, signal_close);
    r = uv_signal_start(&watch->signal, on_signal, signum);
    if (r < 0)
        signal_close(&watch->item);
    return r;
}
