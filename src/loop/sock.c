/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, writing and closing. The states are described in sock_internal.h. */
#include "loop/sock_internal.h"

#include "base/alloc.h"

#include <sys/uio.h>
#include <unistd.h>

#define QUEUE_BYTES_MAX (256 * 1024)
/* Parts given to one sendmsg(); a message of the path has at most five. More cost a second call. */
#define PARTS_PER_CALL 8
#define JOINED_BYTES_MAX 2048 /* a head and a short answer, or an event with its frame */

static void sock_on_poll(uv_poll_t *poll, int status, int events);
static void sock_on_settle(struct soon *soon);

/* ── life ── */

static void ignore_read(void *owner, char *bytes, size_t len)
{
    (void)owner;
    (void)bytes;
    (void)len;
}

static void ignore_end(void *owner)
{
    (void)owner;
}

static void ignore_error(void *owner, int error)
{
    (void)owner;
    (void)error;
}

/* Until sock_start(): a socket may be written to before it has an owner, for instance to refuse a newcomer. */
static const struct sock_events no_events = {ignore_read, ignore_end, ignore_error, NULL};

static void sock_item_close(struct loop_item *item)
{
    sock_close(container_of(item, struct sock, item));
}

struct sock *sock_new(struct loop *loop, int fd, const union sock_address *address)
{
    struct sock *sock = mem_zalloc(sizeof(*sock));
    if (!sock || uv_poll_init(&loop->uv, &sock->poll, fd) != 0) {
        mem_free(sock);
        close(fd);
        return NULL;
    }
    sock->loop = loop;
    sock->fd = fd;
    sock->events = &no_events;
    if (address)
        sock->address = *address;
    soon_init(&sock->settle, sock_on_settle);
    buf_init(&sock->queue, QUEUE_BYTES_MAX);
    loop_add(loop, &sock->item, sock_item_close);
    return sock;
}

static void sock_on_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct sock, poll));
}

static void sock_drop_queue(struct sock *sock)
{
    buf_shrink(&sock->queue, 0);
    sock->queue_sent = 0;
    sock->constant = SPAN_NULL;
}

void sock_close(struct sock *sock)
{
    if (!sock)
        return;
    check(!sock->closed);
    sock->closed = true;
    list_remove(&sock->item.link);
    soon_cancel(&sock->settle);
    sock_drop_queue(sock); /* an event under way asks what is queued */
    uv_close((uv_handle_t *)&sock->poll, sock_on_closed);
    close(sock->fd);
}

void sock_reset(struct sock *sock)
{
    if (!sock)
        return;
    /* Fails on UNIX sockets, which then close as usual. */
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(sock->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    sock_close(sock);
}

void sock_peer(const struct sock *sock, struct sockaddr_storage *ret_address)
{
    memset(ret_address, 0, sizeof(*ret_address));
    if (sock->address.any.sa_family == AF_INET)
        memcpy(ret_address, &sock->address.v4, sizeof(sock->address.v4));
    else if (sock->address.any.sa_family == AF_INET6)
        memcpy(ret_address, &sock->address.v6, sizeof(sock->address.v6));
}

/* ── what is watched ── */

static bool sock_is_open(const struct sock *sock)
{
    return !sock->broken && !sock->closed;
}

/*
 * The kernel reports an error and "closed both ways" for every watched descriptor, asked or not. Where nothing else is
 * wanted, UV_PRIORITIZED (urgent data, which nobody sends) stands for "only those": after the peer's FIN
 * UV_DISCONNECT would be true for ever.
 */
static int sock_interest(const struct sock *sock)
{
    if (!sock_is_open(sock))
        return 0;
    int interest = 0;
    if (sock_queued(sock) > 0)
        interest |= UV_WRITABLE;
    if (sock->ended) {
        /* With both directions ended "closed both ways" is our own doing and would be reported for ever. */
        bool both_ended = sock->shutdown_asked || sock->write_failed;
        if ((sock->reading || sock->hangup_watched) && !both_ended)
            interest |= UV_PRIORITIZED;
    } else if (sock->reading) {
        interest |= UV_READABLE;
    } else if (sock->hangup_watched) {
        interest |= UV_DISCONNECT;
    }
    return interest;
}

static int sock_watch(struct sock *sock)
{
    int interest = sock_interest(sock);
    if (interest == sock->watched)
        return 0;
    int r =
        interest ? uv_poll_start(&sock->poll, interest, sock_on_poll) : uv_poll_stop(&sock->poll);
    if (r == 0)
        sock->watched = interest;
    return r;
}

static void sock_on_settle(struct soon *soon)
{
    struct sock *sock = container_of(soon, struct sock, settle);
    check(sock_watch(sock) == 0);
}

static void sock_settle(struct sock *sock)
{
    if (!sock->closed && sock_interest(sock) != sock->watched)
        loop_settle(sock->loop, &sock->settle);
}

int sock_start(struct sock *sock, const struct sock_events *events, void *owner)
{
    sock->events = events;
    sock->owner = owner;
    sock->reading = true;
    return sock_watch(sock);
}

void sock_read_stop(struct sock *sock, bool watch_hangup)
{
    sock->reading = false;
    sock->hangup_watched = watch_hangup;
    sock_settle(sock);
}

void sock_read_start(struct sock *sock)
{
    sock->reading = true;
    sock->hangup_watched = false;
    sock_settle(sock);
}

/* ── events ── */

int sock_take_error(struct sock *sock)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return -errno;
    /* A reset after the peer's FIN is EPIPE to the kernel; for the owner both are the peer's reset. */
    return error == 0 || error == EPIPE ? -ECONNRESET : -error;
}

static void sock_fail(struct sock *sock, int error)
{
    sock->broken = true;
    sock_drop_queue(sock);
    sock->events->on_error(sock->owner, error);
}

static bool sock_may_read(const struct sock *sock)
{
    return sock_is_open(sock) && sock->reading && !sock->ended;
}

/* One recv() and one callback; false when nothing was there. */
static bool sock_read(struct sock *sock)
{
    char *bytes = sock->loop->read_bytes;
    ssize_t n;
    do
        n = recv(sock->fd, bytes, SOCK_READ_BYTES, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        sock->events->on_read(sock->owner, bytes, (size_t)n);
    } else if (n == 0) {
        sock->ended = true;
        sock->events->on_end(sock->owner);
    } else if (errno == EAGAIN) {
        return false;
    } else {
        sock_fail(sock, -errno);
    }
    return true;
}

static void sock_send_fin(struct sock *sock)
{
    /* Fails only when the peer has reset: reading tells. */
    (void)shutdown(sock->fd, SHUT_WR);
}

/* One system call of what is queued, then of what is constant. */
static ssize_t send_queued(struct sock *sock)
{
    struct span queued = span_skip(buf_span(&sock->queue), sock->queue_sent);
    ssize_t n = queued.len > 0 ? send(sock->fd, queued.ptr, queued.len, MSG_NOSIGNAL | MSG_DONTWAIT)
                               : send(sock->fd, sock->constant.ptr, sock->constant.len,
                                      MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0 && queued.len > 0)
        sock->queue_sent += (size_t)n;
    else if (n > 0)
        sock->constant = span_skip(sock->constant, (size_t)n);
    return n;
}

static void sock_drain(struct sock *sock)
{
    ssize_t n;
    do
        n = send_queued(sock);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno != EAGAIN)
            sock_fail(sock, -errno);
        return;
    }
    if (sock_queued(sock) > 0)
        return;
    sock_drop_queue(sock);
    if (sock->shutdown_asked)
        sock_send_fin(sock);
    if (sock->events->on_drain)
        sock->events->on_drain(sock->owner);
}

/*
 * The kernel holds an error. libuv has stopped watching, so what arrived before the error is read now, to its end: an
 * engine that answers early and resets would otherwise lose its answer.
 */
static void sock_on_trouble(struct sock *sock)
{
    sock->watched = 0;
    while (sock_may_read(sock) && sock_read(sock))
        ;
    if (sock_interest(sock) != 0)
        sock_fail(sock, sock_take_error(sock));
}

static void sock_on_poll(uv_poll_t *poll, int status, int events)
{
    struct sock *sock = container_of(poll, struct sock, poll);
    loop_enter(sock->loop);
    if (status < 0) {
        sock_on_trouble(sock);
    } else {
        if ((events & UV_READABLE) && sock_may_read(sock))
            (void)sock_read(sock);
        if ((events & UV_WRITABLE) && sock_queued(sock) > 0)
            sock_drain(sock);
        /* Only what still is wanted: the owner may have gone on to read since the kernel was asked. */
        if (events & (UV_DISCONNECT | UV_PRIORITIZED) & sock_interest(sock))
            sock_fail(sock, sock_take_error(sock));
    }
    sock_settle(sock);
}

/* ── writing ── */

size_t sock_queued(const struct sock *sock)
{
    return sock->queue.len - sock->queue_sent + sock->constant.len;
}

void sock_queue_max(struct sock *sock, size_t bytes_max)
{
    sock->queue.max = bytes_max;
}

static size_t parts_bytes(const struct span *parts, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].len;
    return bytes;
}

/* Copying what is short costs less than the kernel's reading of a vector. */
static ssize_t send_joined(int fd, const struct span *parts, size_t count)
{
    char joined[JOINED_BYTES_MAX] __attribute__((uninitialized)); /* written as far as it is read */
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(joined + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    return send(fd, joined, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One system call for up to PARTS_PER_CALL parts: bytes taken, or -errno. */
static ssize_t send_parts(int fd, const struct span *parts, size_t count)
{
    ssize_t n;
    if (count == 1) {
        n = send(fd, parts[0].ptr, parts[0].len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else if (parts_bytes(parts, count) <= JOINED_BYTES_MAX) {
        n = send_joined(fd, parts, count);
    } else {
        struct iovec vector[PARTS_PER_CALL];
        for (size_t i = 0; i < count; i++)
            vector[i] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
        struct msghdr message = {.msg_iov = vector, .msg_iovlen = count};
        n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    return n < 0 ? -errno : n;
}

/* Bytes that the socket took at once, or -errno when it is broken. */
static ssize_t sock_send(struct sock *sock, const struct span *parts, size_t count)
{
    size_t sent = 0;
    for (size_t at = 0; at < count; at += PARTS_PER_CALL) {
        size_t batch = MIN(count - at, (size_t)PARTS_PER_CALL);
        ssize_t n;
        do
            n = send_parts(sock->fd, parts + at, batch);
        while (n == -EINTR);
        if (n == -EAGAIN)
            break;
        if (n < 0)
            return n;
        sent += (size_t)n;
        if ((size_t)n < parts_bytes(parts + at, batch))
            break;
    }
    return (ssize_t)sent;
}

/* The other side will see a message cut short, so nothing may follow it. */
static ssize_t sock_write_fail(struct sock *sock, ssize_t error)
{
    sock->write_failed = true;
    sock_drop_queue(sock);
    sock_settle(sock);
    return error;
}

static ssize_t sock_queue(struct sock *sock, const struct span *parts, size_t count, size_t sent)
{
    if (sock->queue_sent > 0) {
        buf_consume(&sock->queue, sock->queue_sent);
        sock->queue_sent = 0;
    }
    for (size_t i = 0; i < count; i++) {
        buf_append(&sock->queue, span_skip(parts[i], sent));
        sent -= MIN(sent, parts[i].len);
    }
    if (buf_status(&sock->queue) < 0)
        return sock_write_fail(sock, buf_status(&sock->queue));
    sock_settle(sock);
    return (ssize_t)sock_queued(sock);
}

ssize_t sock_write(struct sock *sock, const struct span *parts, size_t count)
{
    check(!sock->closed);
    if (sock->broken || sock->write_failed || sock->shutdown_asked)
        return -EPIPE;
    if (sock->constant.len > 0)
        return -EBUSY;
    size_t total = parts_bytes(parts, count);
    size_t queued = sock_queued(sock);
    if (total == 0)
        return (ssize_t)queued;
    if (queued + total > sock->queue.max)
        return -ENOBUFS;
    if (queued > 0)
        return sock_queue(sock, parts, count, 0);
    ssize_t sent = sock_send(sock, parts, count);
    if (sent < 0)
        return sock_write_fail(sock, sent);
    if ((size_t)sent == total)
        return 0;
    return sock_queue(sock, parts, count, (size_t)sent);
}

ssize_t sock_write_constant(struct sock *sock, struct span head, struct span constant)
{
    struct span parts[2] = {head, constant};
    if (sock->constant.len > 0)
        return -EBUSY;
    if (sock_queued(sock) == 0 && !sock->broken && !sock->write_failed && !sock->shutdown_asked) {
        ssize_t sent = sock_send(sock, parts, 2);
        if (sent < 0)
            return sock_write_fail(sock, sent);
        parts[1] = span_skip(constant, (size_t)sent - MIN((size_t)sent, head.len));
        parts[0] = span_skip(head, (size_t)sent);
    }
    ssize_t queued = sock_write(sock, parts, 1);
    if (queued < 0 || parts[1].len == 0)
        return queued;
    sock->constant = parts[1];
    sock_settle(sock);
    return (ssize_t)sock_queued(sock);
}

void sock_shutdown(struct sock *sock)
{
    if (sock->shutdown_asked || !sock_is_open(sock))
        return;
    sock->shutdown_asked = true;
    if (sock_queued(sock) == 0)
        sock_send_fin(sock);
    sock_settle(sock);
}
