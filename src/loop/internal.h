/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share: the loop's insides. Nobody outside src/loop and its tests includes this.
 *
 * One iteration, as libuv walks it:
 *
 *   wait ─▶ sockets, mailboxes, signals, children ─▶ closed handles are freed ─▶ ticks and deadlines
 *     ▲                                                                               │
 *     └── interests are settled ◀── `soon` callbacks ◀────────────────────────────────┘
 *
 * The clock is read by the first callback after the wait (loop_enter) and then holds until the next wait.
 */
#pragma once

#include "loop/loop.h"
#include "loop/sock.h"
#include "loop/wheel.h"

#include <uv.h>

/* Something made from the loop that loop_free() has to close. `close` takes itself off the list. */
struct loop_item {
    struct list link;
    void (*close)(struct loop_item *item);
};

struct loop {
    uv_loop_t uv;
    uv_async_t stop_bell;
    uv_prepare_t turn_end;
    uv_idle_t no_wait; /* active when `soon` work is left: the next wait ends at once */
    uv_timer_t wheel_timer;
    struct wheel wheel;
    struct list items;
    struct list soon;
    struct list settle; /* after `soon`: sockets whose interest may have changed */
    uint64_t now_us;
    uint64_t wall_offset_ms; /* wall clock minus monotonic clock */
    uint64_t wall_read_us;   /* when that was looked up */
    bool time_is_read;
    char read_bytes[SOCK_READ_BYTES + SOCK_READ_PADDING];
};

void loop_read_time(struct loop *loop);

/* The first line of every libuv callback. */
static inline void loop_enter(struct loop *loop)
{
    if (!loop->time_is_read)
        loop_read_time(loop);
}

void loop_add(struct loop *loop, struct loop_item *item, void (*close)(struct loop_item *item));
/* As soon_call(), but after all of those, and its callback adds nothing. */
void loop_settle(struct loop *loop, struct soon *soon);
