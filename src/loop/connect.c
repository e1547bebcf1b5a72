/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: a socket whose first writability says how it went. */
#include "loop/sock_internal.h"

#include "base/alloc.h"

#include <netinet/tcp.h>
#include <unistd.h>

struct sock_connect {
    struct sock *sock; /* until it is handed over; its `owner` points back here */
    struct loop_item item;
    struct soon soon; /* for what connect() said at once */
    int result;
    const struct sock_connect_events *events;
    void *owner;
};

static void connect_item_close(struct loop_item *item)
{
    sock_connect_cancel(container_of(item, struct sock_connect, item));
}

/* Frees the attempt and gives its socket back to the caller. */
static struct sock *connect_release(struct sock_connect *connect)
{
    struct sock *sock = connect->sock;
    list_remove(&connect->item.link);
    soon_cancel(&connect->soon);
    mem_free(connect);
    return sock;
}

static void connect_finish(struct sock_connect *connect, int result)
{
    const struct sock_connect_events *events = connect->events;
    void *owner = connect->owner;
    struct sock *sock = connect_release(connect);
    if (result < 0) {
        sock_close(sock);
        events->on_failed(owner, result);
        return;
    }
    sock->owner = NULL;
    loop_add(sock->loop, &sock->item, sock->item.close);
    events->on_connected(owner, sock);
}

static void connect_on_poll(uv_poll_t *poll, int status, int events)
{
    struct sock *sock = container_of(poll, struct sock, poll);
    (void)events;
    loop_enter(sock->loop);
    check(uv_poll_stop(poll) == 0);
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error == 0 && status < 0)
        error = ECONNRESET;
    connect_finish(sock->owner, -error);
}

static void connect_on_soon(struct soon *soon)
{
    struct sock_connect *connect = container_of(soon, struct sock_connect, soon);
    connect_finish(connect, connect->result);
}

/* -EINPROGRESS when the answer is still to come. */
static int connect_try(int fd, const struct sockaddr *address, socklen_t address_len)
{
    if (connect(fd, address, address_len) == 0)
        return 0;
    return errno == EINTR ? -EINPROGRESS : -errno; /* after a signal it goes on in the kernel */
}

static struct sock *connect_open(struct loop *loop, const struct sockaddr *address,
                                 socklen_t address_len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    union sock_address peer = {.any = {.sa_family = AF_UNSPEC}};
    if (address->sa_family == AF_INET || address->sa_family == AF_INET6) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        memcpy(&peer, address, MIN((size_t)address_len, sizeof(peer)));
    }
    return sock_new(loop, fd, &peer);
}

struct sock_connect *sock_connect_new(struct loop *loop, const struct sockaddr *address,
                                      socklen_t address_len,
                                      const struct sock_connect_events *events, void *owner)
{
    struct sock_connect *connect = mem_zalloc(sizeof(*connect));
    if (!connect)
        return NULL;
    struct sock *sock = connect_open(loop, address, address_len);
    if (!sock) {
        mem_free(connect);
        return NULL;
    }
    list_remove(&sock->item.link); /* the attempt closes it */
    sock->owner = connect;
    connect->sock = sock;
    connect->events = events;
    connect->owner = owner;
    soon_init(&connect->soon, connect_on_soon);
    loop_add(loop, &connect->item, connect_item_close);
    connect->result = connect_try(sock->fd, address, address_len);
    if (connect->result == -EINPROGRESS)
        check(uv_poll_start(&sock->poll, UV_WRITABLE, connect_on_poll) == 0);
    else
        soon_call(loop, &connect->soon);
    return connect;
}

void sock_connect_cancel(struct sock_connect *connect)
{
    if (!connect)
        return;
    sock_close(connect_release(connect));
}
