/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread's events: time, deadlines, ticks, signals, messages from other threads. libuv lies behind it.
 *
 * A loop and everything made from it belongs to the thread that runs it; the exceptions are mailbox_post() and
 * loop_stop(). Callbacks never block. `now` is read once an iteration.
 */
#pragma once

#include "base/err.h"
#include "base/list.h"

struct loop;

struct loop *loop_new(void) must_check;
/* Only after loop_run() has returned. Closes and frees what is still open on it without a callback: sockets, listeners,
 * attempts, ticks, signals, children (which go on). Mailboxes and helpers fall silent and stay until they are freed, deadlines
 * and soons are taken out. Waits for a name look-up that runs. Accepts NULL. */
void loop_free(struct loop *loop);
/* Returns after loop_stop(). */
void loop_run(struct loop *loop);
/* Any thread; the loop ends after the current iteration. */
void loop_stop(struct loop *loop);

uint64_t loop_now_ms(const struct loop *loop);  /* monotonic, of this iteration */
uint64_t loop_now_us(const struct loop *loop);  /* monotonic, of this iteration, finer */
uint64_t loop_wall_ms(const struct loop *loop); /* since 1970, of this iteration */

/*
 * Deadlines: a lazy wheel of 100 ms steps, made for thousands that nearly never fire. Moving one later costs a store;
 * it fires at most 200 ms late, never early. The struct is a member of whatever waits.
 */
struct deadline {
    struct list link;
    uint64_t due_ms; /* 0: not set */
    void (*fn)(struct deadline *deadline);
};

void deadline_init(struct deadline *deadline, void (*fn)(struct deadline *deadline));
/* Replaces what was set; 0 clears. */
void deadline_set(struct loop *loop, struct deadline *deadline, uint64_t due_ms);
void deadline_clear(struct deadline *deadline);

/* Calls fn(arg) each `every_ms` until the loop is freed or the tick stopped. NULL when out of memory. */
struct tick;
struct tick *tick_new(struct loop *loop, uint32_t every_ms, void (*fn)(void *arg), void *arg) must_check;
void tick_free(struct tick *tick);

/* Calls fn(arg) at the end of this iteration, after all I/O callbacks; asking twice calls once, asking from `fn` itself
 * calls in the next iteration, which then does not wait. The struct is a member of its owner. */
struct soon {
    struct list link;
    void (*fn)(struct soon *soon);
};
void soon_init(struct soon *soon, void (*fn)(struct soon *soon));
void soon_call(struct loop *loop, struct soon *soon);
void soon_cancel(struct soon *soon);

/* Calls fn(signum, arg) on the loop for each arrival of `signum`. 0 or -errno. */
int loop_on_signal(struct loop *loop, int signum, void (*fn)(int signum, void *arg), void *arg) must_check;
