/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct sockaddr_in *as_v4(const struct sockaddr_storage *address)
{
    return (const void *)address;
}

static const struct sockaddr_in6 *as_v6(const struct sockaddr_storage *address)
{
    return (const void *)address;
}

static const struct sockaddr_un *as_unix(const struct sockaddr_storage *address)
{
    return (const void *)address;
}

/* ── text to address ── */

/* The text in front of an error; long nonsense is cut. */
#define SHOWN(text) (int)MIN((text).len, (size_t)100), (text).ptr

static int parse_unix(struct span path, struct sockaddr_storage *ret_address, socklen_t *ret_len,
                      struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path.len == 0 || path.len >= sizeof(address.sun_path) || span_find_byte(path, '\0') >= 0)
        return err_set(err, -EINVAL, "a socket's path has 1 to %zu bytes",
                       sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path.ptr, path.len);
    memset(ret_address, 0, sizeof(*ret_address));
    memcpy(ret_address, &address, sizeof(address));
    *ret_len = sizeof(address);
    return 0;
}

static int parse_port(struct span text, in_port_t *ret_port, struct err *err)
{
    uint64_t port;
    if (text_to_u64(text, &port) < 0 || port > UINT16_MAX)
        return err_set(err, -EINVAL, "'%.*s' is not a port (0 to 65535)", SHOWN(text));
    *ret_port = htons((uint16_t)port);
    return 0;
}

/* No zone ids ("fe80::1%eth0"): nobody serves on a link-local address. */
static int parse_host(int family, struct span host, void *ret_host, struct err *err)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (host.len >= sizeof(text) || span_find_byte(host, '\0') >= 0)
        return err_set(err, -EINVAL, "'%.*s' is not an address", SHOWN(host));
    memcpy(text, host.ptr, host.len);
    if (inet_pton(family, text, ret_host) != 1)
        return err_set(err, -EINVAL, "'%.*s' is not an %s address", SHOWN(host),
                       family == AF_INET ? "IPv4" : "IPv6");
    return 0;
}

static int parse_v4(struct span host, struct span port, struct sockaddr_storage *ret_address,
                    socklen_t *ret_len, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int r = parse_host(AF_INET, host, &address.sin_addr, err);
    if (r == 0)
        r = parse_port(port, &address.sin_port, err);
    if (r < 0)
        return r;
    memset(ret_address, 0, sizeof(*ret_address));
    memcpy(ret_address, &address, sizeof(address));
    *ret_len = sizeof(address);
    return 0;
}

/* `host` is without brackets; an empty one means all addresses. */
static int parse_v6(struct span host, struct span port, struct sockaddr_storage *ret_address,
                    socklen_t *ret_len, struct err *err)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    int r = host.len == 0 ? 0 : parse_host(AF_INET6, host, &address.sin6_addr, err);
    if (r == 0)
        r = parse_port(port, &address.sin6_port, err);
    if (r < 0)
        return r;
    memset(ret_address, 0, sizeof(*ret_address));
    memcpy(ret_address, &address, sizeof(address));
    *ret_len = sizeof(address);
    return 0;
}

int net_parse_address(struct span text, struct sockaddr_storage *ret_address, socklen_t *ret_len,
                      struct err *err)
{
    if (span_starts(text, SPAN("unix:")))
        return parse_unix(span_skip(text, 5), ret_address, ret_len, err);
    if (span_starts(text, SPAN("["))) {
        ptrdiff_t end = span_find(text, SPAN("]:"));
        if (end < 2)
            return err_set(err, -EINVAL, "'%.*s' is not '[address]:port'", SHOWN(text));
        return parse_v6(span_skip(span_take(text, (size_t)end), 1),
                        span_skip(text, (size_t)end + 2), ret_address, ret_len, err);
    }
    ptrdiff_t colon = span_find_byte(text, ':');
    if (colon < 0)
        return parse_v6(SPAN(""), text, ret_address, ret_len, err);
    struct span port = span_skip(text, (size_t)colon + 1);
    if (span_find_byte(port, ':') >= 0)
        return err_set(err, -EINVAL, "'%.*s': an IPv6 address needs brackets", SHOWN(text));
    if (colon == 0)
        return parse_v6(SPAN(""), port, ret_address, ret_len, err);
    return parse_v4(span_take(text, (size_t)colon), port, ret_address, ret_len, err);
}

/* ── address to text ── */

static void format_v4(const void *host, in_port_t port, bool with_port, char *ret_text, size_t size)
{
    char text[INET_ADDRSTRLEN];
    check(inet_ntop(AF_INET, host, text, sizeof(text)));
    if (with_port)
        (void)snprintf(ret_text, size, "%s:%u", text, ntohs(port));
    else
        (void)snprintf(ret_text, size, "%s", text);
}

static void format_v6(const struct sockaddr_in6 *v6, bool with_port, char *ret_text, size_t size)
{
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        format_v4(v6->sin6_addr.s6_addr + 12, v6->sin6_port, with_port, ret_text, size);
        return;
    }
    char text[INET6_ADDRSTRLEN];
    check(inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)));
    if (with_port)
        (void)snprintf(ret_text, size, "[%s]:%u", text, ntohs(v6->sin6_port));
    else
        (void)snprintf(ret_text, size, "%s", text);
}

void net_format_address(const struct sockaddr_storage *address, bool with_port, char *ret_text,
                        size_t size)
{
    if (address->ss_family == AF_INET)
        format_v4(&as_v4(address)->sin_addr, as_v4(address)->sin_port, with_port, ret_text, size);
    else if (address->ss_family == AF_INET6)
        format_v6(as_v6(address), with_port, ret_text, size);
    else if (address->ss_family == AF_UNIX)
        (void)snprintf(ret_text, size, "unix:%.*s", (int)sizeof(as_unix(address)->sun_path),
                       as_unix(address)->sun_path);
    else
        (void)snprintf(ret_text, size, "unix:");
}

/* ── listening ── */

/* 0 when the path is free: absent, or a socket nobody listens on, which is then removed. */
static int unix_make_free(const struct sockaddr_un *address)
{
    struct stat found;
    if (lstat(address->sun_path, &found) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(found.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* A listener that is alive but full answers EAGAIN. */
    int r = connect(fd, (const void *)address, sizeof(*address)) == 0 ? 0 : -errno;
    close(fd);
    if (r == -ENOENT)
        return 0;
    if (r != -ECONNREFUSED)
        return r == 0 || r == -EAGAIN ? -EADDRINUSE : r;
    return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int prepare_tcp(int fd, int family, bool reuse_port)
{
    int r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0 && reuse_port)
        r = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0 && family == AF_INET6)
        r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    /* Accepted sockets inherit it. */
    if (r == 0)
        r = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return r;
}

static int listen_on(const struct sockaddr *address, socklen_t len, bool reuse_port)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int r;
    if (address->sa_family == AF_UNIX) {
        r = unix_make_free((const void *)address);
        /* The file that bind() makes takes the socket's mode: there is no moment in which others may connect. */
        if (r == 0 && fchmod(fd, 0600) != 0)
            r = -errno;
    } else {
        r = prepare_tcp(fd, address->sa_family, reuse_port);
    }
    if (r == 0 && (bind(fd, address, len) != 0 || listen(fd, NET_BACKLOG) != 0))
        r = -errno;
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

/* On a kernel without IPv6 "all addresses" still means all there are. */
static int listen_on_all_v4(in_port_t port, bool reuse_port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = port};
    return listen_on((const void *)&any, sizeof(any), reuse_port);
}

int net_listen(const struct sockaddr_storage *address, socklen_t address_len, bool reuse_port,
               struct err *err)
{
    int r = listen_on((const void *)address, address_len, reuse_port);
    if (r == -EAFNOSUPPORT && address->ss_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&as_v6(address)->sin6_addr))
        r = listen_on_all_v4(as_v6(address)->sin6_port, reuse_port);
    if (r >= 0)
        return r;
    char text[128];
    net_format_address(address, true, text, sizeof(text));
    return err_errno(err, r, "cannot listen on '%s'", text);
}
