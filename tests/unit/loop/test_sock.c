/* SPDX-License-Identifier: Apache-2.0 */
#include "sock_test.h"

static void peer_close(struct fixture *f)
{
    close(f->peer);
    f->peer = -1;
}

static void peer_reset(struct fixture *f)
{
    close_with_reset(f->peer);
    f->peer = -1;
}

static void hears_what_the_peer_sends(void **state)
{
    struct fixture *f = *state;
    send_text(f->peer, "one");
    turn_until(f->loop, f->us.reads == 1);
    send_text(f->peer, "two");
    turn_until(f->loop, f->us.reads == 2);
    assert_heard(&f->us, "onetwo");
}

static void writes_at_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(write_text(f->us.sock, "hello"), 0);
    char bytes[10] = "";
    assert_int_equal(recv(f->peer, bytes, sizeof(bytes), MSG_DONTWAIT), 5);
    assert_string_equal(bytes, "hello");
    assert_int_equal(sock_queued(f->us.sock), 0);
    turn_idle(f->loop);
    assert_int_equal(f->us.drains, 0);
}

static void writes_many_parts_in_order(void **state)
{
    struct fixture *f = *state;
    const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct span parts[26 * 2];
    for (size_t i = 0; i < 26; i++) {
        parts[2 * i] = span_of(letters + i, 1);
        parts[2 * i + 1] = SPAN_NULL;
    }
    assert_int_equal(sock_write(f->us.sock, parts, COUNT_OF(parts)), 0);
    char bytes[40] = "";
    assert_int_equal(recv(f->peer, bytes, sizeof(bytes), MSG_DONTWAIT), 26);
    assert_string_equal(bytes, letters);
    assert_int_equal(sock_write(f->us.sock, NULL, 0), 0);
}

static void queues_for_a_slow_reader_and_drains_once(void **state)
{
    struct fixture *f = *state;
    size_t given = fill(f->us.sock);
    assert_true(sock_queued(f->us.sock) > 0);
    peer_read(f, given);
    turn_until(f->loop, f->us.drains > 0);
    turn_idle(f->loop);
    assert_int_equal(f->us.drains, 1);
    assert_int_equal(sock_queued(f->us.sock), 0);
    assert_int_equal(write_text(f->us.sock, "after"), 0);
    assert_waits(f->loop);
}

/*
 * Parts of several lengths and a reader that takes little, so that the socket stops somewhere inside a part and the queue
 * empties in pieces; the loop turns only now and then, so that the socket has room while the queue still waits. Every
 * byte tells its place.
 */
static void keeps_order_across_the_queue(void **state)
{
    struct fixture *f = *state;
    static unsigned char sent[1000 * 1000];
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (unsigned char)(i * 2654435761u >> 13);
    sock_queue_max(f->us.sock, sizeof(sent));
    static unsigned char heard[sizeof(sent)];
    size_t given = 0, taken = 0;
    for (int round = 0; taken < sizeof(sent); round++) {
        size_t n = MIN(sizeof(sent) - given, (size_t)1000 + given % 70000);
        const struct span parts[] = {span_of(sent + given, n / 3),
                                     span_of(sent + given + n / 3, n - n / 3)};
        if (n > 0)
            assert_true(sock_write(f->us.sock, parts, 2) >= 0);
        given += n;
        ssize_t got =
            recv(f->peer, heard + taken, MIN(sizeof(heard) - taken, (size_t)20000), MSG_DONTWAIT);
        taken += got > 0 ? (size_t)got : 0;
        if (round % 3 == 0)
            turn(f->loop);
    }
    assert_memory_equal(heard, sent, sizeof(sent));
}

static void nothing_overtakes_the_queue(void **state)
{
    struct fixture *f = *state;
    size_t given = fill(f->us.sock);
    size_t queued = sock_queued(f->us.sock);
    static char bytes[65536];
    struct pollfd room = {.fd = f->us.sock->fd, .events = POLLOUT};
    while (poll(&room, 1, 0) == 0) {
        ssize_t n = recv(f->peer, bytes, sizeof(bytes), MSG_DONTWAIT);
        given -= n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(write_text(f->us.sock, "last"), queued + 4);
    peer_read(f, given);
    turn_until(f->loop, f->us.drains == 1);
    assert_int_equal(recv(f->peer, bytes, sizeof(bytes), 0), 4);
    assert_memory_equal(bytes, "last", 4);
}

static void refuses_what_the_queue_has_no_room_for(void **state)
{
    struct fixture *f = *state;
    size_t given = fill(f->us.sock);
    size_t queued = sock_queued(f->us.sock);
    sock_queue_max(f->us.sock, queued + 5);
    assert_int_equal(write_text(f->us.sock, "123456"), -ENOBUFS);
    assert_int_equal(sock_queued(f->us.sock), queued);
    assert_int_equal(write_text(f->us.sock, "12345"), queued + 5);
    assert_int_equal(write_text(f->us.sock, "1"), -ENOBUFS);
    sock_queue_max(f->us.sock, 1);
    assert_int_equal(write_text(f->us.sock, "1"), -ENOBUFS);
    peer_read(f, given + 5);
    turn_until(f->loop, f->us.drains == 1);
    assert_int_equal(write_text(f->us.sock, "12"), -ENOBUFS);
    assert_int_equal(write_text(f->us.sock, "1"), 0);
}

static void tells_the_end_once_and_writes_on(void **state)
{
    struct fixture *f = *state;
    send_text(f->peer, "last");
    assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
    turn_until(f->loop, f->us.ends > 0);
    assert_heard(&f->us, "last");
    assert_int_equal(write_text(f->us.sock, "answer"), 0);
    assert_waits(f->loop);
    assert_int_equal(f->us.ends, 1);
    assert_int_equal(f->us.errors, 0);
    char bytes[10];
    assert_int_equal(recv(f->peer, bytes, sizeof(bytes), 0), 6);
}

static void drains_after_the_end(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
    turn_until(f->loop, f->us.ends > 0);
    size_t given = fill(f->us.sock);
    assert_waits(f->loop);
    peer_read(f, given);
    turn_until(f->loop, f->us.drains == 1);
    assert_waits(f->loop);
    assert_int_equal(f->us.errors, 0);
}

static void tells_a_reset_after_the_end(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
    turn_until(f->loop, f->us.ends > 0);
    peer_reset(f);
    turn_until(f->loop, f->us.errors > 0);
    assert_int_equal(f->us.error, -ECONNRESET);
    assert_waits(f->loop);
    assert_int_equal(f->us.errors, 1);
}

static void reads_what_came_before_a_reset(void **state)
{
    struct fixture *f = *state;
    send_text(f->peer, "early answer");
    peer_reset(f);
    turn_until(f->loop, f->us.errors > 0);
    assert_heard(&f->us, "early answer");
    assert_int_equal(f->us.error, -ECONNRESET);
    assert_int_equal(f->us.ends, 0);
    assert_int_equal(write_text(f->us.sock, "x"), -EPIPE);
    assert_waits(f->loop);
    assert_int_equal(f->us.errors, 1);
}

static void reads_on_after_a_failed_write(void **state)
{
    struct fixture *f = *state;
    send_text(f->peer, "413");
    peer_reset(f);
    assert_int_equal(write_text(f->us.sock, "body"), -ECONNRESET);
    assert_int_equal(write_text(f->us.sock, "body"), -EPIPE);
    turn_until(f->loop, f->us.ends + f->us.errors > 0);
    assert_heard(&f->us, "413");
    assert_waits(f->loop);
    assert_int_equal(f->us.ends + f->us.errors, 1);
}

static void tells_when_the_queue_meets_a_reset(void **state)
{
    struct fixture *f = *state;
    (void)fill(f->us.sock);
    sock_read_stop(f->us.sock, false);
    turn_idle(f->loop);
    peer_reset(f);
    turn_until(f->loop, f->us.errors > 0);
    assert_int_equal(f->us.error, -ECONNRESET);
    assert_int_equal(sock_queued(f->us.sock), 0);
    assert_int_equal(f->us.drains, 0);
}

static void stops_and_resumes(void **state)
{
    struct fixture *f = *state;
    sock_read_stop(f->us.sock, false);
    sock_read_stop(f->us.sock, false);
    send_text(f->peer, "kept");
    assert_waits(f->loop);
    assert_int_equal(f->us.reads, 0);
    sock_read_start(f->us.sock);
    sock_read_start(f->us.sock);
    turn_until(f->loop, f->us.reads > 0);
    assert_heard(&f->us, "kept");
}

static void stopped_without_watch_sees_no_end(void **state)
{
    struct fixture *f = *state;
    sock_read_stop(f->us.sock, false);
    peer_close(f);
    assert_waits(f->loop);
    assert_int_equal(f->us.ends + f->us.errors, 0);
    sock_read_start(f->us.sock);
    turn_until(f->loop, f->us.ends > 0);
    assert_waits(f->loop);
    assert_int_equal(f->us.errors, 0);
}

static void stopped_without_watch_sees_no_reset(void **state)
{
    struct fixture *f = *state;
    sock_read_stop(f->us.sock, false);
    peer_reset(f);
    assert_waits(f->loop);
    assert_int_equal(f->us.ends + f->us.errors, 0);
    sock_read_start(f->us.sock);
    turn_until(f->loop, f->us.errors > 0);
    assert_int_equal(f->us.error, -ECONNRESET);
}

static void watched_hangup(struct fixture *f, void (*go)(struct fixture *f))
{
    sock_read_stop(f->us.sock, true);
    send_text(f->peer, "unread");
    assert_waits(f->loop);
    assert_int_equal(f->us.errors, 0);
    go(f);
    turn_until(f->loop, f->us.errors > 0);
    assert_int_equal(f->us.error, -ECONNRESET);
    assert_waits(f->loop);
    assert_int_equal(f->us.errors, 1);
    assert_int_equal(f->us.reads + f->us.ends, 0);
}

static void stopped_with_watch_tells_a_close(void **state)
{
    watched_hangup(*state, peer_close);
}

static void stopped_with_watch_tells_a_reset(void **state)
{
    watched_hangup(*state, peer_reset);
}

static void watch_after_the_end_waits_for_the_reset(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
    turn_until(f->loop, f->us.ends > 0);
    sock_read_stop(f->us.sock, true);
    assert_waits(f->loop);
    assert_int_equal(f->us.errors, 0);
    peer_reset(f);
    turn_until(f->loop, f->us.errors > 0);
    assert_int_equal(f->us.error, -ECONNRESET);
}

static void resuming_calls_the_watch_off(void **state)
{
    struct fixture *f = *state;
    sock_read_stop(f->us.sock, true);
    turn_idle(f->loop);
    send_text(f->peer, "all");
    peer_close(f);
    sock_read_start(f->us.sock);
    turn_until(f->loop, f->us.ends > 0);
    assert_heard(&f->us, "all");
    assert_int_equal(f->us.errors, 0);
}

static void stopping_in_on_read_keeps_the_rest(void **state)
{
    struct fixture *f = *state;
    f->us.stop_in_read = true;
    static char block[SOCK_READ_BYTES];
    memset(block, 'r', sizeof(block));
    (void)send(f->peer, block, sizeof(block), MSG_DONTWAIT);
    turn_until(f->loop, f->us.reads == 1);
    send_text(f->peer, "rest");
    peer_reset(f);
    assert_waits(f->loop);
    assert_int_equal(f->us.reads, 1);
    f->us.stop_in_read = false;
    sock_read_start(f->us.sock);
    turn_until(f->loop, f->us.errors > 0);
    assert_true(span_ends(buf_span(&f->us.heard), SPAN("rest")));
}

static void shuts_down_at_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(write_text(f->us.sock, "bye"), 0);
    sock_shutdown(f->us.sock);
    sock_shutdown(f->us.sock);
    char bytes[10];
    assert_int_equal(receive_all(f->peer, bytes, sizeof(bytes)), 3);
    assert_int_equal(write_text(f->us.sock, "more"), -EPIPE);
    send_text(f->peer, "still heard");
    peer_close(f);
    turn_until(f->loop, f->us.ends > 0);
    assert_heard(&f->us, "still heard");
    assert_waits(f->loop);
    assert_int_equal(f->us.errors, 0);
}

static void shuts_down_behind_the_queue(void **state)
{
    struct fixture *f = *state;
    size_t given = fill(f->us.sock);
    sock_shutdown(f->us.sock);
    peer_read(f, given);
    turn_until(f->loop, f->us.drains == 1);
    char byte;
    assert_int_equal(recv(f->peer, &byte, 1, 0), 0);
}

static void closes_in_on_read(void **state)
{
    struct fixture *f = *state;
    f->us.close_in_read = true;
    send_text(f->peer, "x");
    shutdown(f->peer, SHUT_WR);
    turn_until(f->loop, !f->us.sock);
    turn_idle(f->loop);
    assert_int_equal(f->us.ends + f->us.errors, 0);
}

/* What the stop would have changed must not be looked at after the socket is gone. */
static void closes_in_on_read_after_a_stop(void **state)
{
    struct fixture *f = *state;
    f->us.stop_in_read = true;
    f->us.close_in_read = true;
    send_text(f->peer, "x");
    turn_until(f->loop, !f->us.sock);
    turn_idle(f->loop);
    assert_int_equal(f->us.reads, 1);
}

/* Readable and writable in one event, with a queue that is half gone: what the close dropped must not be sent. */
static void closes_in_on_read_with_a_queue_half_sent(void **state)
{
    struct fixture *f = *state;
    static char bytes[65536];
    for (int i = 0; i < 50; i++)
        (void)fill(f->us.sock);
    size_t queued = sock_queued(f->us.sock);
    while (sock_queued(f->us.sock) == queued) {
        (void)recv(f->peer, bytes, 4096, MSG_DONTWAIT);
        turn(f->loop);
    }
    assert_true(sock_queued(f->us.sock) > 0);
    f->us.close_in_read = true;
    send_text(f->peer, "x");
    while (recv(f->peer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        continue;
    turn_until(f->loop, !f->us.sock);
    turn_idle(f->loop);
    assert_int_equal(f->us.errors + f->us.drains, 0);
}

static void closes_in_on_read_before_a_reset(void **state)
{
    struct fixture *f = *state;
    f->us.close_in_read = true;
    send_text(f->peer, "x");
    peer_reset(f);
    turn_until(f->loop, !f->us.sock);
    turn_idle(f->loop);
    assert_int_equal(f->us.reads, 1);
    assert_int_equal(f->us.ends + f->us.errors, 0);
}

static void closes_in_on_end(void **state)
{
    struct fixture *f = *state;
    f->us.close_in_end = true;
    peer_close(f);
    turn_until(f->loop, !f->us.sock);
    turn_idle(f->loop);
    assert_int_equal(f->us.errors, 0);
}

static void closes_in_on_error(void **state)
{
    struct fixture *f = *state;
    f->us.close_in_error = true;
    (void)fill(f->us.sock);
    peer_reset(f);
    turn_until(f->loop, !f->us.sock);
    turn_idle(f->loop);
    assert_int_equal(f->us.errors, 1);
}

static void closes_in_on_drain(void **state)
{
    struct fixture *f = *state;
    f->us.close_in_drain = true;
    size_t given = fill(f->us.sock);
    peer_read(f, given);
    turn_until(f->loop, !f->us.sock);
    turn_idle(f->loop);
    assert_int_equal(f->us.drains, 1);
}

static void reset_is_seen_as_reset(void **state)
{
    struct fixture *f = *state;
    sock_reset(TAKE(f->us.sock));
    char byte;
    assert_int_equal(recv(f->peer, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void fails_without_memory_for_the_queue(void **state)
{
    struct fixture *f = *state;
    static const char block[200 * 1024] = {'m'};
    struct span part = {block, sizeof(block)};
    ssize_t r = 0;
    mem_fail_after(0);
    while (r == 0)
        r = sock_write(f->us.sock, &part, 1);
    mem_fail_never();
    assert_int_equal(r, -ENOMEM);
    assert_int_equal(write_text(f->us.sock, "x"), -EPIPE);
    send_text(f->peer, "heard");
    turn_until(f->loop, f->us.reads == 1);
}

static void new_without_memory_closes_the_descriptor(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    mem_fail_after(0);
    assert_null(sock_new(f->loop, fds[0], NULL));
    mem_fail_never();
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    close(fds[1]);
}

static void speaks_before_it_has_an_owner(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct sock *sock = sock_new(f->loop, fds[0], NULL);
    assert_int_equal(write_text(sock, "503"), 0);
    size_t given = 3 + fill(sock);
    char *bytes = mem_alloc(given);
    size_t len = 0;
    while (len < given) {
        ssize_t n = recv(fds[1], bytes + len, given - len, MSG_DONTWAIT);
        len += n > 0 ? (size_t)n : 0;
        turn(f->loop);
    }
    assert_memory_equal(bytes, "503", 3);
    mem_free(bytes);
    close(fds[1]);
    turn_idle(f->loop);
    sock_close(sock);
}

static void unix_peer_that_closes_is_told(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct witness local;
    witness_init(&local, f->loop, fds[0]);
    struct sockaddr_storage address;
    sock_peer(local.sock, &address);
    assert_int_equal(address.ss_family, AF_UNSPEC);
    send_text(fds[1], "bye");
    close(fds[1]);
    turn_until(f->loop, local.errors > 0);
    assert_heard(&local, "bye");
    assert_int_equal(local.ends, 1);
    assert_int_equal(local.error, -ECONNRESET);
    assert_waits(f->loop);
    witness_release(&local);
}

static void urgent_data_does_not_spin(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(send(f->peer, "!", 1, MSG_OOB), 1);
    assert_waits(f->loop);
    assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
    turn_until(f->loop, f->us.ends > 0);
    assert_waits(f->loop);
}

/* The other's event is in the same batch from the kernel when the first closes it. */
static struct witness *victim;

static void on_read_close_victim(void *owner, char *bytes, size_t len)
{
    (void)owner;
    (void)bytes;
    (void)len;
    if (!victim)
        return;
    sock_close(TAKE(victim->sock));
    victim = NULL;
}

static void closes_another_with_an_event_under_way(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    tcp_pair(fds);
    struct witness other;
    witness_init(&other, f->loop, fds[0]);
    struct sock_events events = witness_events;
    events.on_read = on_read_close_victim;
    assert_int_equal(sock_start(f->us.sock, &events, &f->us), 0);
    turn_idle(f->loop);
    victim = &other;
    send_text(f->peer, "x");
    send_text(fds[1], "y");
    turn_until(f->loop, !victim || other.reads > 0);
    turn_idle(f->loop);
    victim = NULL;
    witness_release(&other);
    close(fds[1]);
}

static void loop_free_takes_open_sockets_along(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    int fds[2];
    tcp_pair(fds);
    struct witness us;
    witness_init(&us, loop, fds[0]);
    (void)fill(us.sock);
    loop_free(loop);
    buf_release(&us.heard);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    close(fds[1]);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(hears_what_the_peer_sends),
        case_of(writes_at_once),
        case_of(writes_many_parts_in_order),
        case_of(queues_for_a_slow_reader_and_drains_once),
        case_of(keeps_order_across_the_queue),
        case_of(nothing_overtakes_the_queue),
        case_of(refuses_what_the_queue_has_no_room_for),
        case_of(tells_the_end_once_and_writes_on),
        case_of(drains_after_the_end),
        case_of(tells_a_reset_after_the_end),
        case_of(reads_what_came_before_a_reset),
        case_of(reads_on_after_a_failed_write),
        case_of(tells_when_the_queue_meets_a_reset),
        case_of(stops_and_resumes),
        case_of(stopped_without_watch_sees_no_end),
        case_of(stopped_without_watch_sees_no_reset),
        case_of(stopped_with_watch_tells_a_close),
        case_of(stopped_with_watch_tells_a_reset),
        case_of(watch_after_the_end_waits_for_the_reset),
        case_of(resuming_calls_the_watch_off),
        case_of(stopping_in_on_read_keeps_the_rest),
        case_of(shuts_down_at_once),
        case_of(shuts_down_behind_the_queue),
        case_of(closes_in_on_read),
        case_of(closes_in_on_read_after_a_stop),
        case_of(closes_in_on_read_before_a_reset),
        case_of(closes_in_on_end),
        case_of(closes_in_on_error),
        case_of(closes_in_on_drain),
        case_of(closes_in_on_read_with_a_queue_half_sent),
        case_of(reset_is_seen_as_reset),
        case_of(fails_without_memory_for_the_queue),
        case_of(new_without_memory_closes_the_descriptor),
        case_of(speaks_before_it_has_an_owner),
        case_of(unix_peer_that_closes_is_told),
        case_of(urgent_data_does_not_spin),
        case_of(closes_another_with_an_event_under_way),
        cmocka_unit_test(loop_free_takes_open_sockets_along),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
