/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_engine.h"

#include "relay/dial.h"

struct caller {
    struct loop *loop;
    struct dial_memory memory;
    struct sock *sock;
    uint64_t ends;
    int error;
    struct err what;
};

static void on_connected(void *owner, struct sock *sock)
{
    struct caller *caller = owner;
    caller->sock = sock;
    caller->ends++;
}

static void on_failed(void *owner, int error, const struct err *what)
{
    struct caller *caller = owner;
    caller->error = error;
    caller->what = *what;
    caller->ends++;
}

static const struct dial_events events = {on_connected, on_failed};

static struct dial *dial(struct caller *caller, const char *host, uint16_t port, uint32_t within_ms)
{
    static struct url url;
    char text[512];
    (void)snprintf(text, sizeof(text), "http://%s:%u", host, (unsigned)port);
    assert_int_equal(url_parse(span_str(text), &url, NULL), 0);
    struct dial *dial = dial_new(caller->loop, &url, &caller->memory, within_ms, &events, caller);
    assert_non_null(dial);
    assert_int_equal(caller->ends, 0);
    return dial;
}

static int set_up(void **state)
{
    static struct caller caller;
    caller = (struct caller){.loop = loop_new()};
    *state = &caller;
    return caller.loop ? 0 : -1;
}

static int tear_down(void **state)
{
    struct caller *caller = *state;
    sock_close(caller->sock);
    loop_free(caller->loop);
    return 0;
}

static void connects_to_a_number_at_once(void **state)
{
    struct caller *caller = *state;
    uint16_t port;
    int fd = listen_somewhere(8, &port);
    (void)dial(caller, "127.0.0.1", port, 1000);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_non_null(caller->sock);
    assert_int_equal(caller->memory.until_ms, UINT64_MAX);
    close(fd);
}

static void remembers_what_a_name_means(void **state)
{
    struct caller *caller = *state;
    uint16_t port;
    int fd = listen_somewhere(8, &port);
    (void)dial(caller, "localhost", port, 1000);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_non_null(caller->sock);
    uint64_t until_ms = caller->memory.until_ms;
    assert_in_range(until_ms, loop_now_ms(caller->loop) + 1,
                    loop_now_ms(caller->loop) + DIAL_REMEMBER_MS);

    sock_close(TAKE(caller->sock));
    caller->ends = 0;
    (void)dial(caller, "localhost", port, 1000);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_non_null(caller->sock);
    assert_int_equal(caller->memory.until_ms, until_ms);
    close(fd);
}

static void says_who_refused(void **state)
{
    struct caller *caller = *state;
    uint16_t port;
    int fd = refuse_somewhere(&port);
    (void)dial(caller, "127.0.0.1", port, 1000);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_null(caller->sock);
    assert_int_equal(caller->error, -ECONNREFUSED);
    assert_non_null(strstr(caller->what.text, "cannot connect to '127.0.0.1:"));
    assert_int_equal(caller->memory.until_ms, 0);
    close(fd);
}

/* A label of 64 letters is no name: no server is asked. */
static void says_that_a_name_is_unknown(void **state)
{
    struct caller *caller = *state;
    (void)dial(caller, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn.example",
               1, 1000);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_null(caller->sock);
    assert_true(caller->error < 0);
    assert_non_null(strstr(caller->what.text, "cannot resolve 'nnn"));
}

static struct sockaddr_storage loopback(const char *address, uint16_t port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, address, &v4.sin_addr), 1);
    memcpy(&storage, &v4, sizeof(v4));
    return storage;
}

static void goes_on_to_the_next_address(void **state)
{
    struct caller *caller = *state;
    uint16_t refused, stuck, open;
    int stuck_fds[STUCK_FDS];
    int refusing = refuse_somewhere(&refused);
    int listening = listen_somewhere(8, &open);
    stuck = stuck_somewhere(stuck_fds);
    caller->memory = (struct dial_memory){
        .addresses = {loopback("127.0.0.1", refused), loopback("127.0.0.1", stuck),
                      loopback("127.0.0.1", open)},
        .count = 3,
        .until_ms = UINT64_MAX,
    };
    (void)dial(caller, "several.example", 80, 600);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_non_null(caller->sock);
    assert_int_equal(caller->memory.first, 2);

    /* The next caller begins with the one that worked. */
    sock_close(TAKE(caller->sock));
    caller->ends = 0;
    uint64_t before_ms = loop_now_ms(caller->loop);
    (void)dial(caller, "several.example", 80, 60000);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_non_null(caller->sock);
    assert_in_range(loop_now_ms(caller->loop) - before_ms, 0, 10000);
    close(refusing);
    close(listening);
    for (int i = 0; i < STUCK_FDS; i++)
        close(stuck_fds[i]);
}

static void gives_up_in_time(void **state)
{
    struct caller *caller = *state;
    int fds[STUCK_FDS];
    uint16_t port = stuck_somewhere(fds);
    (void)dial(caller, "127.0.0.1", port, 100);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_int_equal(caller->error, -ETIMEDOUT);
    for (int i = 0; i < STUCK_FDS; i++)
        close(fds[i]);
}

static void a_cancelled_dial_is_silent(void **state)
{
    struct caller *caller = *state;
    uint16_t port;
    int fd = listen_somewhere(8, &port);
    dial_cancel(NULL);
    dial_cancel(dial(caller, "127.0.0.1", port, 1000));
    dial_cancel(dial(caller, "localhost", port, 1000));
    run_some_turns(caller->loop);
    assert_int_equal(caller->ends, 0);
    close(fd);
}

static void runs_out_of_memory_cleanly(void **state)
{
    struct caller *caller = *state;
    struct url url;
    assert_int_equal(url_parse(SPAN("http://127.0.0.1:1"), &url, NULL), 0);
    for (uint64_t successes = 0; successes < 2; successes++) {
        mem_fail_after(successes);
        assert_null(dial_new(caller->loop, &url, &caller->memory, 1000, &events, caller));
        mem_fail_never();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connects_to_a_number_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remembers_what_a_name_means, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_who_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_that_a_name_is_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_to_the_next_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_up_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_dial_is_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_out_of_memory_cleanly, set_up, tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
