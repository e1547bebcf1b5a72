/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the loop share: turning it by hand, connected pairs with one plain descriptor, and an owner that
 * notes what it is told.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "loop/sock_internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

/* One iteration that does not wait. */
static inline void turn(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

/* One iteration that waits, as all do in loop_run(). What `soon` callbacks do comes before the wait. */
static inline void turn_waiting(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_ONCE);
}

/* Until the kernel has something, or a moment has passed. */
static inline void wait_a_moment(struct loop *loop)
{
    struct pollfd ready = {.fd = uv_backend_fd(&loop->uv), .events = POLLIN};
    (void)poll(&ready, 1, 2);
}

/* Some iterations that wait for nothing, with time for the kernel's loopback. */
static inline void turn_idle(struct loop *loop)
{
    for (int i = 0; i < 10; i++)
        turn(loop);
}

static inline void timer_flag(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* How many iterations the loop makes in 30 ms: a few when it waits, thousands when it spins. */
static inline int turns_in_30_ms(struct loop *loop)
{
    bool over = false;
    uv_timer_t timer;
    assert_int_equal(uv_timer_init(&loop->uv, &timer), 0);
    timer.data = &over;
    uv_update_time(&loop->uv);
    assert_int_equal(uv_timer_start(&timer, timer_flag, 30, 0), 0);
    int turns = 0;
    while (!over) {
        turn_waiting(loop);
        turns++;
    }
    uv_close((uv_handle_t *)&timer, NULL);
    turn_idle(loop);
    return turns;
}

#define assert_waits(loop) assert_in_range(turns_in_30_ms(loop), 1, 6)

#define turn_until(loop, condition)                                                                \
    while (turn(loop), !(condition))                                                               \
    wait_a_moment(loop)

/* ── descriptors ── */

static inline int listen_loopback(union sock_address *ret_address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    union sock_address address = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    assert_int_equal(bind(fd, &address.any, sizeof(address.v4)), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, &address.any, &len), 0);
    *ret_address = address;
    return fd;
}

static inline int connect_loopback(const union sock_address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &address->any, sizeof(address->v4)), 0);
    return fd;
}

/* fds[0] and fds[1] are the ends of one TCP connection. The send buffer of fds[0] is small, so that a slow reader shows
 * soon; a small receive buffer would make every test wait for delayed acknowledgements. */
static inline void tcp_pair(int fds[2])
{
    union sock_address address;
    int listening = listen_loopback(&address);
    fds[1] = connect_loopback(&address);
    fds[0] = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fds[0] >= 0);
    int small = 16384;
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    close(listening);
}

static inline void close_with_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(fd);
}

static inline void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Until the other end has sent FIN or RST. */
static inline size_t receive_all(int fd, char *ret_bytes, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len < size && (n = recv(fd, ret_bytes + len, size - len, 0)) > 0)
        len += (size_t)n;
    return len;
}

/* ── an owner that notes ── */

struct witness {
    struct loop *loop;
    struct sock *sock;
    struct buf heard; /* what on_read brought */
    int reads, ends, errors, drains;
    int error;
    unsigned padding; /* of the bytes behind, so that sanitizers see them read */
    bool close_in_read, close_in_end, close_in_error, close_in_drain;
    bool stop_in_read;
};

static inline void witness_close_if(struct witness *witness, bool wanted)
{
    if (wanted)
        sock_close(TAKE(witness->sock));
}

static inline void witness_on_read(void *owner, char *bytes, size_t len)
{
    struct witness *witness = owner;
    witness->reads++;
    buf_append(&witness->heard, span_of(bytes, len));
    memset(bytes, 'x', len);
    for (size_t i = 0; i < SOCK_READ_PADDING; i++)
        witness->padding ^= (unsigned char)bytes[len + i];
    if (witness->stop_in_read)
        sock_read_stop(witness->sock, false);
    witness_close_if(witness, witness->close_in_read);
}

static inline void witness_on_end(void *owner)
{
    struct witness *witness = owner;
    witness->ends++;
    witness_close_if(witness, witness->close_in_end);
}

static inline void witness_on_error(void *owner, int error)
{
    struct witness *witness = owner;
    witness->errors++;
    witness->error = error;
    witness_close_if(witness, witness->close_in_error);
}

static inline void witness_on_drain(void *owner)
{
    struct witness *witness = owner;
    witness->drains++;
    witness_close_if(witness, witness->close_in_drain);
}

static const struct sock_events witness_events = {witness_on_read, witness_on_end, witness_on_error,
                                                  witness_on_drain};

/* A started socket on `fd`. */
static inline void witness_init(struct witness *witness, struct loop *loop, int fd)
{
    *witness = (struct witness){.loop = loop, .sock = sock_new(loop, fd, NULL)};
    buf_init(&witness->heard, (size_t)64 << 20);
    assert_non_null(witness->sock);
    assert_int_equal(sock_start(witness->sock, &witness_events, witness), 0);
}

static inline void witness_release(struct witness *witness)
{
    sock_close(witness->sock);
    buf_release(&witness->heard);
}

#define assert_heard(witness, text) assert_string_equal(buf_cstr(&(witness)->heard), text)
