/* SPDX-License-Identifier: Apache-2.0 */
#include "loop_test.h"

#include "base/alloc.h"

#include <sys/resource.h>

enum { CLIENTS_MAX = 60 };

struct fixture {
    struct loop *loop;
    struct sock_listener *listener;
    union sock_address address;
    int listening;
    int accepted, told_short;
    struct sock *socks[CLIENTS_MAX];
    bool free_in_accept, pause_in_accept;
    int given_up; /* of `socks`, the first */
    struct rlimit descriptors;
};

static void on_accept(void *arg, struct sock *sock)
{
    struct fixture *f = arg;
    f->socks[f->accepted++] = sock;
    if (f->free_in_accept)
        sock_listener_free(TAKE(f->listener));
    if (f->pause_in_accept)
        sock_listener_pause(f->listener, true);
}

static void on_short(void *arg)
{
    struct fixture *f = arg;
    f->told_short++;
}

static bool make_room(void *arg)
{
    struct fixture *f = arg;
    if (f->given_up == f->accepted)
        return false;
    sock_close(TAKE(f->socks[f->given_up]));
    f->given_up++;
    return true;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new()};
    fixture.listening = listen_loopback(&fixture.address);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &fixture.descriptors), 0);
    *state = &fixture;
    return 0;
}

static void listen_now(struct fixture *f)
{
    f->listener = sock_listener_new(f->loop, f->listening, on_accept, on_short, f);
    assert_non_null(f->listener);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mem_fail_never();
    setrlimit(RLIMIT_NOFILE, &f->descriptors);
    for (int i = 0; i < f->accepted; i++)
        sock_close(f->socks[i]);
    sock_listener_free(f->listener);
    loop_free(f->loop);
    close(f->listening);
    return 0;
}

/* From here on no new descriptor can be had; what is open stays. */
static void use_up_descriptors(struct fixture *f)
{
    int next = fcntl(f->listening, F_DUPFD_CLOEXEC, 0);
    assert_true(next >= 0);
    close(next);
    struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = f->descriptors.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static bool is_closed_by_peer(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&ready, 1, 5000) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static void accepts_and_names_the_peer(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    int client = connect_loopback(&f->address);
    turn_until(f->loop, f->accepted == 1);
    struct sockaddr_storage seen;
    union sock_address own;
    socklen_t len = sizeof(own);
    assert_int_equal(getsockname(client, &own.any, &len), 0);
    sock_peer(f->socks[0], &seen);
    assert_memory_equal(&seen, &own.v4, sizeof(own.v4));
    int on = 0;
    len = sizeof(on);
    assert_int_equal(getsockopt(f->socks[0]->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_not_equal(on, 0);
    assert_int_not_equal(fcntl(f->socks[0]->fd, F_GETFD) & FD_CLOEXEC, 0);
    close(client);
    assert_waits(f->loop);
}

static void accepts_many_over_some_turns(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    int clients[CLIENTS_MAX];
    for (int i = 0; i < CLIENTS_MAX; i++)
        clients[i] = connect_loopback(&f->address);
    turn(f->loop);
    assert_in_range(f->accepted, 1, 16);
    turn_until(f->loop, f->accepted == CLIENTS_MAX);
    for (int i = 0; i < CLIENTS_MAX; i++)
        close(clients[i]);
}

static void paused_newcomers_wait(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    sock_listener_pause(f->listener, true);
    sock_listener_pause(f->listener, true);
    int client = connect_loopback(&f->address);
    assert_waits(f->loop);
    assert_int_equal(f->accepted, 0);
    sock_listener_pause(f->listener, false);
    turn_until(f->loop, f->accepted == 1);
    close(client);
}

static void pausing_in_the_callback_holds_at_once(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    f->pause_in_accept = true;
    int first = connect_loopback(&f->address);
    int second = connect_loopback(&f->address);
    turn_until(f->loop, f->accepted > 0);
    assert_waits(f->loop);
    assert_int_equal(f->accepted, 1);
    close(first);
    close(second);
}

static void freeing_in_the_callback_keeps_the_descriptor(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    f->free_in_accept = true;
    int first = connect_loopback(&f->address);
    int second = connect_loopback(&f->address);
    turn_until(f->loop, f->accepted > 0);
    turn_idle(f->loop);
    assert_int_equal(f->accepted, 1);
    f->free_in_accept = false;
    listen_now(f);
    turn_until(f->loop, f->accepted == 2);
    close(first);
    close(second);
}

static void turns_away_when_descriptors_run_out(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    int clients[3];
    for (int i = 0; i < 3; i++)
        clients[i] = connect_loopback(&f->address);
    use_up_descriptors(f);
    turn_until(f->loop, f->told_short == 3);
    assert_int_equal(f->accepted, 0);
    for (int i = 0; i < 3; i++)
        assert_true(is_closed_by_peer(clients[i]));
    assert_waits(f->loop);
    /* One goes, one may come. */
    close(clients[0]);
    close(clients[1]);
    int next = connect_loopback(&f->address);
    turn_until(f->loop, f->accepted == 1);
    close(clients[2]);
    close(next);
}

static void newcomers_take_the_place_of_who_is_given_up(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    sock_listener_on_full(f->listener, make_room);
    int first = connect_loopback(&f->address);
    turn_until(f->loop, f->accepted == 1);
    int second = connect_loopback(&f->address);
    use_up_descriptors(f);
    turn_until(f->loop, f->accepted == 2);
    assert_true(is_closed_by_peer(first));
    assert_int_equal(f->told_short, 0);
    close(first);
    close(second);
}

static void rests_when_even_the_reserve_is_gone(void **state)
{
    struct fixture *f = *state;
    int client = connect_loopback(&f->address);
    use_up_descriptors(f);
    listen_now(f);
    turn_until(f->loop, f->told_short == 1);
    assert_waits(f->loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &f->descriptors), 0);
    turn_until(f->loop, f->accepted == 1);
    close(client);
}

static void pausing_ends_the_rest(void **state)
{
    struct fixture *f = *state;
    int client = connect_loopback(&f->address);
    use_up_descriptors(f);
    listen_now(f);
    turn_until(f->loop, f->told_short == 1);
    sock_listener_pause(f->listener, true);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &f->descriptors), 0);
    sock_listener_pause(f->listener, false);
    turn_until(f->loop, f->accepted == 1);
    close(client);
}

/* By another process that holds it too: the loop is not woken for ever, and nobody was refused for want of anything. */
static void a_listener_that_was_shut_is_quiet(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    assert_int_equal(shutdown(f->listening, SHUT_RDWR), 0);
    turn(f->loop);
    assert_waits(f->loop);
    assert_int_equal(f->accepted + f->told_short, 0);
}

static void out_of_memory_costs_the_newcomer_only(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    int client = connect_loopback(&f->address);
    mem_fail_after(0);
    turn_until(f->loop, f->told_short == 1);
    mem_fail_never();
    assert_true(is_closed_by_peer(client));
    close(client);
    client = connect_loopback(&f->address);
    turn_until(f->loop, f->accepted == 1);
    close(client);
}

static void new_without_memory_is_null(void **state)
{
    struct fixture *f = *state;
    mem_fail_after(0);
    assert_null(sock_listener_new(f->loop, f->listening, on_accept, NULL, f));
    mem_fail_never();
    sock_listener_free(NULL);
}

static void loop_free_takes_the_listener_along(void **state)
{
    struct fixture *f = *state;
    listen_now(f);
    loop_free(f->loop);
    f->listener = NULL;
    assert_int_not_equal(fcntl(f->listening, F_GETFD), -1);
    f->loop = loop_new();
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(accepts_and_names_the_peer),
        case_of(accepts_many_over_some_turns),
        case_of(paused_newcomers_wait),
        case_of(pausing_in_the_callback_holds_at_once),
        case_of(freeing_in_the_callback_keeps_the_descriptor),
        case_of(turns_away_when_descriptors_run_out),
        case_of(newcomers_take_the_place_of_who_is_given_up),
        case_of(rests_when_even_the_reserve_is_gone),
        case_of(pausing_ends_the_rest),
        case_of(a_listener_that_was_shut_is_quiet),
        case_of(out_of_memory_costs_the_newcomer_only),
        case_of(new_without_memory_is_null),
        case_of(loop_free_takes_the_listener_along),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
