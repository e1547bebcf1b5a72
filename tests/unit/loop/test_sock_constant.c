/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are written without a copy (sock_write_constant). */
#include "sock_test.h"

/* Allocates for the head alone, if at all: what a slow reader has not taken of a constant is nowhere a second time. */
static void constants_are_not_copied(void **state)
{
    static char constant[8 << 20], got[sizeof(constant) + 16];
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(constant); i++)
        constant[i] = (char)(i * 31 >> 7);
    mem_fail_after(0);
    ssize_t queued = sock_write_constant(f->us.sock, SPAN("head:"), span_of(constant, sizeof(constant)));
    mem_fail_never();
    assert_in_range(queued, 1, sizeof(constant));
    assert_int_equal(sock_queued(f->us.sock), queued);
    assert_int_equal(write_text(f->us.sock, "x"), -EBUSY);
    assert_int_equal(sock_write_constant(f->us.sock, SPAN("x"), SPAN("y")), -EBUSY);

    size_t seen = 0;
    while (seen < 5 + sizeof(constant)) {
        ssize_t n = recv(f->peer, got + seen, sizeof(got) - seen, MSG_DONTWAIT);
        seen += n > 0 ? (size_t)n : 0;
        turn(f->loop);
    }
    assert_int_equal(seen, 5 + sizeof(constant));
    assert_memory_equal(got, "head:", 5);
    assert_memory_equal(got + 5, constant, sizeof(constant));
    turn_until(f->loop, f->us.drains == 1);
    assert_int_equal(write_text(f->us.sock, "on"), 0);
}

static void a_constant_waits_behind_the_queue_and_before_the_end(void **state)
{
    static const char constant[100000] = {'c'};
    struct fixture *f = *state;
    size_t given = fill(f->us.sock);
    size_t queued = sock_queued(f->us.sock);
    sock_queue_max(f->us.sock, queued + 1);
    assert_int_equal(sock_write_constant(f->us.sock, SPAN("12"), span_of(constant, sizeof(constant))), -ENOBUFS);
    assert_int_equal(sock_write_constant(f->us.sock, SPAN("1"), span_of(constant, sizeof(constant))),
                     queued + 1 + sizeof(constant));
    sock_shutdown(f->us.sock);
    peer_read(f, given + 1 + sizeof(constant));
    char end;
    ssize_t n;
    while ((n = recv(f->peer, &end, 1, MSG_DONTWAIT)) < 0)
        turn(f->loop);
    assert_int_equal(n, 0);
}

static void a_constant_that_fits_is_written_at_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sock_write_constant(f->us.sock, SPAN("a"), SPAN("")), 0);
    assert_int_equal(sock_write_constant(f->us.sock, SPAN("b"), SPAN("c")), 0);
    char bytes[10] = "";
    assert_int_equal(recv(f->peer, bytes, sizeof(bytes), MSG_DONTWAIT), 3);
    assert_string_equal(bytes, "abc");
    sock_shutdown(f->us.sock);
    assert_int_equal(sock_write_constant(f->us.sock, SPAN("b"), SPAN("c")), -EPIPE);
}

int main(void)
{
#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        case_of(constants_are_not_copied),
        case_of(a_constant_waits_behind_the_queue_and_before_the_end),
        case_of(a_constant_that_fits_is_written_at_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
