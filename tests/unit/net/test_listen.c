/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_storage address;
static socklen_t address_len;
static struct err err;

static void parse(const char *text)
{
    err.text[0] = '\0';
    assert_int_equal(net_parse_address(span_str(text), &address, &address_len, &err), 0);
    assert_string_equal(err.text, "");
}

static void assert_formats(const char *text, const char *with_port, const char *without)
{
    char shown[128];
    parse(text);
    net_format_address(&address, true, shown, sizeof(shown));
    assert_string_equal(shown, with_port);
    net_format_address(&address, false, shown, sizeof(shown));
    assert_string_equal(shown, without);
}

/* ── text ── */

static void reads_what_it_writes(void **state)
{
    (void)state;
    assert_formats("127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1");
    assert_int_equal(address_len, sizeof(struct sockaddr_in));
    assert_formats("0.0.0.0:0", "0.0.0.0:0", "0.0.0.0");
    assert_formats("[::1]:65535", "[::1]:65535", "::1");
    assert_int_equal(address_len, sizeof(struct sockaddr_in6));
    assert_formats("[2001:DB8::A]:1", "[2001:db8::a]:1", "2001:db8::a");
    assert_formats(":8080", "[::]:8080", "::");
    assert_formats("8080", "[::]:8080", "::");
    assert_formats("unix:/run/x.sock", "unix:/run/x.sock", "unix:/run/x.sock");
}

/* An IPv6 listener names its IPv4 clients so; people and logs know them by their own address. */
static void mapped_addresses_are_shown_as_v4(void **state)
{
    (void)state;
    assert_formats("[::ffff:192.0.2.1]:80", "192.0.2.1:80", "192.0.2.1");
}

static void an_unnamed_unix_peer_has_a_name(void **state)
{
    (void)state;
    struct sockaddr_storage nowhere = {.ss_family = AF_UNSPEC};
    char shown[128];
    net_format_address(&nowhere, true, shown, sizeof(shown));
    assert_string_equal(shown, "unix:");
}

static void refuses_other_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        ":",
        "localhost:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:+80",
        "127.0.0.1: 80",
        "127.0.0.1:80 ",
        "127.1:80",
        "256.0.0.1:80",
        "1.2.3.4.5:80",
        "::1:80",
        "::1",
        "[]:80",
        "[::1]",
        "[::1]80",
        "[::1]:",
        "[::1",
        "[127.0.0.1]:80",
        "[fe80::1%eth0]:80",
        "[2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0]:80",
        "99999999999999999999",
        "unix:",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct sockaddr_storage before = address;
        err.text[0] = '\0';
        int r = net_parse_address(span_str(texts[i]), &address, &address_len, &err);
        if (r != -EINVAL)
            fail_msg("'%s' was taken", texts[i]);
        assert_string_not_equal(err.text, "");
        assert_memory_equal(&before, &address, sizeof(address));
        assert_int_equal(net_parse_address(span_str(texts[i]), &address, &address_len, NULL),
                         -EINVAL);
    }
}

static void refuses_zero_bytes(void **state)
{
    (void)state;
    assert_int_equal(net_parse_address(SPAN("127.0.0.1\0:80"), &address, &address_len, NULL),
                     -EINVAL);
    assert_int_equal(net_parse_address(SPAN("unix:/a\0b"), &address, &address_len, NULL), -EINVAL);
}

static void paths_have_a_length(void **state)
{
    (void)state;
    char text[5 + sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    memset(text, 'p', sizeof(text));
    memcpy(text, "unix:/", 6);
    assert_int_equal(net_parse_address(span_of(text, sizeof(text)), &address, &address_len, &err),
                     -EINVAL);
    assert_string_equal(err.text, "a socket's path has 1 to 107 bytes");
    assert_int_equal(
        net_parse_address(span_of(text, sizeof(text) - 1), &address, &address_len, &err), 0);
}

static void errors_name_what_is_wrong(void **state)
{
    (void)state;
    (void)!net_parse_address(SPAN("localhost:80"), &address, &address_len, &err);
    assert_string_equal(err.text, "'localhost' is not an IPv4 address");
    (void)!net_parse_address(SPAN("::1:80"), &address, &address_len, &err);
    assert_string_equal(err.text, "'::1:80': an IPv6 address needs brackets");
    (void)!net_parse_address(SPAN("1.2.3.4:http"), &address, &address_len, &err);
    assert_string_equal(err.text, "'http' is not a port (0 to 65535)");
}

/* ── listening ── */

static int listen_text(const char *text, bool reuse_port)
{
    parse(text);
    return net_listen(&address, address_len, reuse_port, &err);
}

/* The address that the kernel chose, back in `address`. */
static void take_bound_address(int fd)
{
    address_len = sizeof(address);
    memset(&address, 0, sizeof(address));
    assert_int_equal(getsockname(fd, (void *)&address, &address_len), 0);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);
    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static bool can_connect(void)
{
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (void *)&address, address_len) == 0;
    close(fd);
    return connected;
}

static void tcp_listens_as_promised(void **state)
{
    (void)state;
    int fd = listen_text("127.0.0.1:0", false);
    assert_true(fd >= 0);
    assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEPORT), 0);
    take_bound_address(fd);
    assert_true(can_connect());
    close(fd);
    assert_false(can_connect());
}

static void a_port_in_use_is_told(void **state)
{
    (void)state;
    int fd = listen_text("127.0.0.1:0", false);
    take_bound_address(fd);
    assert_int_equal(net_listen(&address, address_len, false, &err), -EADDRINUSE);
    char expected[200], shown[128];
    net_format_address(&address, true, shown, sizeof(shown));
    (void)snprintf(expected, sizeof(expected), "cannot listen on '%s': Address already in use",
                   shown);
    assert_string_equal(err.text, expected);
    assert_int_equal(net_listen(&address, address_len, true, NULL), -EADDRINUSE);
    close(fd);
}

static void workers_share_a_port(void **state)
{
    (void)state;
    int first = listen_text("127.0.0.1:0", true);
    take_bound_address(first);
    int second = net_listen(&address, address_len, true, &err);
    assert_true(first >= 0 && second >= 0);
    assert_int_equal(net_listen(&address, address_len, false, NULL), -EADDRINUSE);
    close(first);
    assert_true(can_connect());
    close(second);
}

static void all_addresses_take_v4_too(void **state)
{
    (void)state;
    int fd = listen_text(":0", false);
    assert_true(fd >= 0);
    take_bound_address(fd);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    v4.sin_port = ((const struct sockaddr_in6 *)(const void *)&address)->sin6_port;
    memcpy(&address, &v4, sizeof(v4));
    address_len = sizeof(v4);
    assert_true(can_connect());
    close(fd);
}

static void foreign_addresses_are_refused(void **state)
{
    (void)state;
    assert_int_equal(listen_text("192.0.2.1:0", false), -EADDRNOTAVAIL);
    assert_string_equal(err.text,
                        "cannot listen on '192.0.2.1:0': Cannot assign requested address");
}

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/test_listen_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    unlink(path);
    return rmdir(folder);
}

static int listen_unix(char ret_path[100])
{
    char text[120];
    (void)snprintf(ret_path, 100, "%s/socket", folder);
    (void)snprintf(text, sizeof(text), "unix:%s", ret_path);
    return listen_text(text, false);
}

static void unix_sockets_are_private(void **state)
{
    (void)state;
    char path[100];
    mode_t before = umask(0);
    int fd = listen_unix(path);
    umask(before);
    assert_true(fd >= 0);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_true(S_ISSOCK(found.st_mode));
    assert_true(can_connect());
    close(fd);
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    (void)state;
    char path[100];
    close(listen_unix(path));
    assert_int_equal(access(path, F_OK), 0);
    int fd = listen_unix(path);
    assert_true(fd >= 0);
    assert_true(can_connect());
    close(fd);
}

static void a_live_unix_socket_is_left_alone(void **state)
{
    (void)state;
    char path[100];
    int fd = listen_unix(path);
    assert_int_equal(listen_unix(path), -EADDRINUSE);
    assert_true(can_connect());
    close(fd);
}

static void a_file_is_left_alone(void **state)
{
    (void)state;
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(file, "precious", 8), 8);
    close(file);
    assert_int_equal(listen_unix(path), -EEXIST);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, 8);
}

#define with_folder(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(mapped_addresses_are_shown_as_v4),
        cmocka_unit_test(an_unnamed_unix_peer_has_a_name),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(refuses_zero_bytes),
        cmocka_unit_test(paths_have_a_length),
        cmocka_unit_test(errors_name_what_is_wrong),
        cmocka_unit_test(tcp_listens_as_promised),
        cmocka_unit_test(a_port_in_use_is_told),
        cmocka_unit_test(workers_share_a_port),
        cmocka_unit_test(all_addresses_take_v4_too),
        cmocka_unit_test(foreign_addresses_are_refused),
        with_folder(unix_sockets_are_private),
        with_folder(a_stale_unix_socket_is_replaced),
        with_folder(a_live_unix_socket_is_left_alone),
        with_folder(a_file_is_left_alone),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
