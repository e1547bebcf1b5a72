/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/listeners.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/seawall-listen-XXXXXX";
static char admin[64];
static char address[64];

/* A port that is free now, as text in `address`. */
static void choose_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    close(fd);
    snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(name.sin_port));
}

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    if (!mkdtemp(folder))
        return -1;
    snprintf(admin, sizeof(admin), "%s/admin.sock", folder);
    choose_port();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(admin);
    return rmdir(folder);
}

static struct config config_of(struct span *listen)
{
    *listen = span_str(address);
    return (struct config){.listen = listen, .listen_count = 1};
}

static void each_worker_has_its_own_socket(void **state)
{
    struct span listen;
    struct config config = config_of(&listen);
    struct listeners listeners;
    struct err err = {""};
    (void)state;
    assert_int_equal(listeners_open(&config, 3, admin, &listeners, &err), 0);
    assert_int_equal(listeners.count, 5);
    assert_true(listeners.fds[0] >= 0);
    assert_int_equal(listeners.fds[1], -1); /* no metrics */
    for (size_t i = 2; i < 5; i++) {
        int listening = 0;
        socklen_t len = sizeof(listening);
        assert_int_equal(getsockopt(listeners.fds[i], SOL_SOCKET, SO_ACCEPTCONN, &listening, &len), 0);
        assert_true(listening);
    }
    listeners_close(&listeners);
}

static int connect_to(const char *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int result = connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ? -errno : 0;
    close(fd);
    return result;
}

/* A gateway that drains still has its copies of them. */
static void once_shut_they_refuse_whoever_else_holds_them(void **state)
{
    struct span listen;
    struct config config = config_of(&listen);
    struct listeners listeners;
    struct err err = {""};
    (void)state;
    assert_int_equal(listeners_open(&config, 2, admin, &listeners, &err), 0);
    int copies[] = {dup(listeners.fds[2]), dup(listeners.fds[3])};
    assert_int_equal(connect_to(strchr(address, ':') + 1), 0);
    listeners_shut(&listeners);
    assert_int_equal(connect_to(strchr(address, ':') + 1), -ECONNREFUSED);
    int listening = 0;
    socklen_t len = sizeof(listening);
    assert_int_equal(getsockopt(listeners.fds[0], SOL_SOCKET, SO_ACCEPTCONN, &listening, &len), 0);
    assert_true(listening); /* the operator is still heard */
    listeners_shut(&listeners);
    close(copies[0]);
    close(copies[1]);
    listeners_close(&listeners);
}

static void a_taken_port_is_refused_and_nothing_stays_open(void **state)
{
    struct span listen;
    struct config config = config_of(&listen);
    struct listeners first, second;
    struct err err = {""};
    (void)state;
    assert_int_equal(listeners_open(&config, 1, admin, &first, &err), 0);
    int next = dup(first.fds[0]); /* the lowest free number now */
    close(next);
    unlink(admin);
    assert_true(listeners_open(&config, 1, admin, &second, &err) < 0);
    assert_non_null(strstr(err.text, address));
    int after = dup(first.fds[0]);
    assert_int_equal(after, next);
    close(after);
    listeners_close(&first);
}

/* The service can do without the metrics that nobody asked for; what somebody asked for is refused. */
static void metrics_whose_usual_port_is_taken_are_left_out(void **state)
{
    struct span listen;
    struct config config = config_of(&listen);
    struct listeners other, listeners;
    struct err err = {""};
    char taken[64];
    (void)state;
    assert_int_equal(listeners_open(&config, 1, admin, &other, &err), 0);
    snprintf(taken, sizeof(taken), "%s", address);
    config.metrics_listen = span_str(taken);
    choose_port();
    listen = span_str(address);
    unlink(admin);
    assert_int_equal(listeners_open(&config, 1, admin, &listeners, &err), 1);
    assert_non_null(strstr(err.text, taken));
    assert_int_equal(listeners.count, 3);
    assert_int_equal(listeners.fds[1], -1);
    listeners_close(&listeners);
    unlink(admin);
    config.metrics_asked_for = true;
    assert_int_equal(listeners_open(&config, 1, admin, &listeners, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, taken));
    listeners_close(&other);
}

static void too_many_are_refused(void **state)
{
    struct span listen;
    struct config config = config_of(&listen);
    struct listeners listeners;
    struct err err = {""};
    (void)state;
    assert_int_equal(listeners_open(&config, LISTENERS_FDS_MAX, admin, &listeners, &err), -E2BIG);
}

static void they_survive_an_exec_as_text(void **state)
{
    struct span listen;
    struct config config = config_of(&listen);
    struct listeners listeners, back;
    struct err err = {""};
    char text[256];
    (void)state;
    assert_int_equal(listeners_open(&config, 2, admin, &listeners, &err), 0);
    assert_true(fcntl(listeners.fds[2], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(listeners_export(&listeners, text, sizeof(text)), 0);
    assert_false(fcntl(listeners.fds[2], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(listeners_import(text, &back), 1);
    assert_true(fcntl(listeners.fds[2], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(back.count, listeners.count);
    assert_int_equal(back.workers, 2);
    assert_int_equal(back.addresses, 1);
    assert_memory_equal(back.fds, listeners.fds, listeners.count * sizeof(int));
    assert_int_equal(listeners_export(&listeners, text, 8), -ENOSPC);
    listeners_close(&listeners);
}

static void bad_text_is_refused(void **state)
{
    static const char *const bad[] = {"", "x", "1", "1 1 0 -1", "1 1 0 -1 0 0", "1 1 0 -1 9999", "100 100 1", "1 1 a b c"};
    struct listeners back;
    (void)state;
    assert_int_equal(listeners_import(NULL, &back), 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(listeners_import(bad[i], &back), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_worker_has_its_own_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(once_shut_they_refuse_whoever_else_holds_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_taken_port_is_refused_and_nothing_stays_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_whose_usual_port_is_taken_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(they_survive_an_exec_as_text, set_up, tear_down),
        cmocka_unit_test(bad_text_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
