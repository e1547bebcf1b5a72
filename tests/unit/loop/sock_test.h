/* SPDX-License-Identifier: Apache-2.0 */
/* A socket of ours with its witness, and a plain descriptor at its other end. */
#pragma once

#include "loop_test.h"

#include "base/alloc.h"

struct fixture {
    struct loop *loop;
    struct witness us;
    int peer;
};

static inline int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new()};
    int fds[2];
    tcp_pair(fds);
    witness_init(&fixture.us, fixture.loop, fds[0]);
    fixture.peer = fds[1];
    *state = &fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    mem_fail_never();
    witness_release(&f->us);
    if (f->peer >= 0)
        close(f->peer);
    loop_free(f->loop);
    return 0;
}

static inline ssize_t write_text(struct sock *sock, const char *text)
{
    struct span part = span_str(text);
    return sock_write(sock, &part, 1);
}

/* Writes blocks until the socket takes no more at once; returns all bytes given. */
static inline size_t fill(struct sock *sock)
{
    static const char block[4096] = {'b'};
    struct span part = {block, sizeof(block)};
    size_t given = 0;
    ssize_t queued = 0;
    while (queued == 0) {
        queued = sock_write(sock, &part, 1);
        assert_true(queued >= 0);
        given += sizeof(block);
    }
    return given;
}

/* The peer reads `want` bytes while the loop turns. */
static inline void peer_read(struct fixture *f, size_t want)
{
    static char bytes[65536];
    while (want > 0) {
        ssize_t n = recv(f->peer, bytes, MIN(want, sizeof(bytes)), MSG_DONTWAIT);
        want -= n > 0 ? (size_t)n : 0;
        turn(f->loop);
    }
}
