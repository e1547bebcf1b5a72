/* SPDX-License-Identifier: Apache-2.0 */
#include "loop_test.h"

#include "base/alloc.h"

#include <sys/resource.h>
#include <sys/un.h>

struct fixture {
    struct loop *loop;
    union sock_address address;
    int listening;
    struct sock *sock;
    int connected, failed;
    int error;
};

static void on_connected(void *owner, struct sock *sock)
{
    struct fixture *f = owner;
    f->connected++;
    f->sock = sock;
}

static void on_failed(void *owner, int error)
{
    struct fixture *f = owner;
    f->failed++;
    f->error = error;
}

static const struct sock_connect_events events = {on_connected, on_failed};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new()};
    fixture.listening = listen_loopback(&fixture.address);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mem_fail_never();
    sock_close(f->sock);
    loop_free(f->loop);
    if (f->listening >= 0)
        close(f->listening);
    return 0;
}

static struct sock_connect *connect_tcp(struct fixture *f)
{
    struct sock_connect *attempt =
        sock_connect_new(f->loop, &f->address.any, sizeof(f->address.v4), &events, f);
    assert_non_null(attempt);
    return attempt;
}

static void connects_and_carries_bytes(void **state)
{
    struct fixture *f = *state;
    (void)connect_tcp(f);
    assert_int_equal(f->connected, 0);
    turn_until(f->loop, f->connected == 1);
    int peer = accept4(f->listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(peer >= 0);

    struct witness us = {.loop = f->loop, .sock = f->sock};
    buf_init(&us.heard, 100);
    assert_int_equal(sock_start(f->sock, &witness_events, &us), 0);
    send_text(peer, "hello");
    turn_until(f->loop, us.reads == 1);
    assert_heard(&us, "hello");
    struct span answer = SPAN("back");
    assert_int_equal(sock_write(f->sock, &answer, 1), 0);
    char bytes[10];
    assert_int_equal(recv(peer, bytes, sizeof(bytes), 0), 4);

    struct sockaddr_storage seen;
    sock_peer(f->sock, &seen);
    assert_memory_equal(&seen, &f->address.v4, sizeof(f->address.v4));
    int on = 0;
    socklen_t len = sizeof(on);
    assert_int_equal(getsockopt(f->sock->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_not_equal(on, 0);
    buf_release(&us.heard);
    close(peer);
}

static void a_refusal_is_told_later(void **state)
{
    struct fixture *f = *state;
    close(f->listening);
    f->listening = -1;
    (void)connect_tcp(f);
    assert_int_equal(f->failed, 0);
    turn_until(f->loop, f->failed == 1);
    assert_int_equal(f->error, -ECONNREFUSED);
    assert_waits(f->loop);
    assert_int_equal(f->connected, 0);
}

static void cancelled_attempts_tell_nothing(void **state)
{
    struct fixture *f = *state;
    sock_connect_cancel(connect_tcp(f));
    turn_idle(f->loop);
    assert_int_equal(f->connected + f->failed, 0);
    sock_connect_cancel(NULL);
}

static socklen_t unix_address(struct sockaddr_un *ret_address, const char *folder)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/socket", folder);
    return sizeof(*ret_address);
}

static void unix_sockets_too(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/test_connect_XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct sockaddr_un address;
    socklen_t len = unix_address(&address, folder);
    const struct sockaddr *any = (const void *)&address;

    struct sock_connect *attempt = sock_connect_new(f->loop, any, len, &events, f);
    assert_int_equal(f->failed, 0);
    turn_until(f->loop, f->failed == 1);
    assert_int_equal(f->error, -ENOENT);

    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, any, len), 0);
    assert_int_equal(listen(listening, 1), 0);
    attempt = sock_connect_new(f->loop, any, len, &events, f);
    sock_connect_cancel(attempt);
    (void)!sock_connect_new(f->loop, any, len, &events, f);
    assert_int_equal(f->connected, 0);
    turn_until(f->loop, f->connected == 1);
    turn_idle(f->loop);
    assert_int_equal(f->connected + f->failed, 2);
    close(listening);
    unlink(address.sun_path);
    rmdir(folder);
}

static void null_without_memory_or_descriptors(void **state)
{
    struct fixture *f = *state;
    for (uint64_t successes = 0; successes < 2; successes++) {
        mem_fail_after(successes);
        assert_null(sock_connect_new(f->loop, &f->address.any, sizeof(f->address.v4), &events, f));
        mem_fail_never();
    }
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_null(sock_connect_new(f->loop, &f->address.any, sizeof(f->address.v4), &events, f));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void loop_free_takes_attempts_along(void **state)
{
    struct fixture *f = *state;
    (void)connect_tcp(f);
    loop_free(f->loop);
    assert_int_equal(f->connected + f->failed, 0);
    f->loop = loop_new();
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(connects_and_carries_bytes),         case_of(a_refusal_is_told_later),
        case_of(cancelled_attempts_tell_nothing),    case_of(unix_sockets_too),
        case_of(null_without_memory_or_descriptors), case_of(loop_free_takes_attempts_along),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
