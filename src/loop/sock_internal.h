/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The insides of a socket, shared by sock.c (reading, writing, closing), listener.c and connect.c.
 *
 * A socket is one descriptor under one uv_poll_t, not a uv_stream_t: a stream cannot watch for a hang-up while it does
 * not read, hides the exact error, and pays two epoll_ctl for each write that waited.
 *
 *   made ──▶ (connecting) ──▶ open ──▶ broken ──▶ closed
 *               connect.c       │  sock_fail()      ▲
 *                               └───────────────────┘ sock_close(), from any state
 *
 *   connecting  connect.c has its own callback on the descriptor; `reading` is false, nobody else has the pointer
 *   open        on_read, on_end, on_drain may come
 *   broken      on_error was told; nothing is watched any more
 *   closed      no callback comes; the descriptor is gone, the memory goes when libuv has let go of the handle
 *
 * What is watched follows from the flags alone (sock_interest). It is compared with what libuv was told once at the
 * end of the iteration, so stopping and resuming within one iteration costs no system call.
 */
#pragma once

#include "loop/internal.h"

#include "base/buf.h"

#include <netinet/in.h>

union sock_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct sock {
    uv_poll_t poll;
    struct loop *loop;
    struct loop_item item;
    struct soon settle;
    const struct sock_events *events;
    void *owner;
    struct buf queue;
    size_t queue_sent; /* bytes at the front of `queue` that the socket has taken */
    struct span constant; /* … and behind the queue, what is not copied */
    union sock_address address;
    int fd;
    int watched;         /* UV_READABLE and so on, as last told to libuv; 0: not watched */
    bool reading;        /* the owner wants on_read */
    bool hangup_watched; /* … or at least to hear of a hang-up */
    bool ended;          /* on_end was told */
    bool
        write_failed; /* the socket refused a write for good: what waits is dropped, reading goes on */
    bool shutdown_asked; /* nothing more is accepted for writing; FIN follows the queue */
    bool broken;
    bool closed;
};

/* Takes the descriptor over, also on failure (then it is closed). `address` may be NULL. */
struct sock *sock_new(struct loop *loop, int fd, const union sock_address *address) must_check;

/* Pending error of the socket as a negative errno; -ECONNRESET when the kernel names none. */
int sock_take_error(struct sock *sock);
