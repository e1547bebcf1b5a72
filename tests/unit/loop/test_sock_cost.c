/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message costs in system calls. The calls are counted by taking their names in this program, which goes before
 * the C library for libuv too.
 */
#include "loop_test.h"

#include <sys/epoll.h>
#include <sys/syscall.h>

static int reads, writes, controls, waits, options;
static int watched_fd = -1; /* reads and writes of this descriptor count */

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    reads += fd == watched_fd;
    return syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    writes += fd == watched_fd;
    return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    writes += fd == watched_fd;
    return syscall(SYS_sendmsg, fd, message, flags);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    options += fd == watched_fd;
    return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    controls++;
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
    waits++;
    return (int)syscall(SYS_epoll_pwait, epoll, events, max, timeout, mask, 8);
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    return epoll_pwait(epoll, events, max, timeout, NULL);
}

enum { MESSAGES = 100 };

struct fixture {
    struct loop *loop;
    struct sock *sock;
    int peer;
    int echoes;
    bool pauses; /* stops and resumes reading around each answer */
};

static void on_read_echo(void *owner, char *bytes, size_t len)
{
    struct fixture *f = owner;
    if (f->pauses)
        sock_read_stop(f->sock, true);
    const struct span parts[] = {span_of(bytes, 1), span_of(bytes + 1, len - 1)};
    assert_int_equal(sock_write(f->sock, parts, 2), 0);
    f->echoes++;
    if (f->pauses)
        sock_read_start(f->sock);
}

static void on_end(void *owner)
{
    (void)owner;
}

static void on_error(void *owner, int error)
{
    (void)owner;
    (void)error;
}

static const struct sock_events echo_events = {on_read_echo, on_end, on_error, NULL};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new()};
    int fds[2];
    tcp_pair(fds);
    fixture.sock = sock_new(fixture.loop, fds[0], NULL);
    fixture.peer = fds[1];
    watched_fd = fds[0];
    assert_int_equal(sock_start(fixture.sock, &echo_events, &fixture), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    watched_fd = -1;
    sock_close(f->sock);
    close(f->peer);
    loop_free(f->loop);
    return 0;
}

static void echo(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        char answer[10];
        int want = f->echoes + 1;
        send_text(f->peer, "question");
        while (f->echoes < want)
            turn_waiting(f->loop);
        assert_int_equal(recv(f->peer, answer, sizeof(answer), 0), 8);
    }
}

static void count_echoes(struct fixture *f)
{
    echo(f, 1);
    reads = writes = controls = waits = options = 0;
    echo(f, MESSAGES);
    assert_int_equal(reads, MESSAGES);
    assert_int_equal(writes, MESSAGES);
    assert_int_equal(waits, MESSAGES);
    assert_int_equal(controls, 0);
    assert_int_equal(options, 0);
}

static void an_echo_is_one_read_and_one_write(void **state)
{
    count_echoes(*state);
}

static void stopping_and_resuming_in_one_iteration_is_free(void **state)
{
    struct fixture *f = *state;
    f->pauses = true;
    count_echoes(f);
}

/* What a pause over an iteration costs; also shows that the counting sees libuv's calls. */
static void pausing_for_longer_costs_a_little(void **state)
{
    struct fixture *f = *state;
    turn_idle(f->loop);
    controls = 0;
    sock_read_stop(f->sock, false);
    turn_idle(f->loop);
    assert_int_equal(controls, 1);
    sock_read_start(f->sock);
    turn_idle(f->loop);
    assert_in_range(controls, 2, 3);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(an_echo_is_one_read_and_one_write),
        case_of(stopping_and_resuming_in_one_iteration_is_free),
        case_of(pausing_for_longer_costs_a_little),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
