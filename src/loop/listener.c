/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, also when descriptors have run out. */
#include "loop/sock_internal.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* Newcomers taken in one iteration: those who are connected come first, the rest waits in the kernel's backlog. */
#define ACCEPTS_PER_TURN 16
/* Of what was written, how much the kernel holds unsent. Without it that is megabytes, of which a slow reader has to take a
 * third before the socket is writable again: its progress would stay unseen for minutes, and its memory would not be ours to
 * bound. */
#define UNSENT_BYTES_MAX (128 * 1024)
/* How long a listener rests when it could neither accept nor turn away: the backlog would wake it for ever. */
#define REST_MS 100

struct sock_listener {
    uv_poll_t poll;
    struct loop *loop;
    struct loop_item item;
    struct deadline rest;
    void (*on_accept)(void *arg, struct sock *sock);
    void (*on_short)(void *arg);
    bool (*make_room)(void *arg); /* may be NULL */
    void *arg;
    int fd;
    int reserve; /* a descriptor kept for the moment when there is none; -1: used up */
    bool paused;
    bool closed;
};

static void listener_on_poll(uv_poll_t *poll, int status, int events);
static void listener_on_rested(struct deadline *deadline);

static int reserve_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void listener_item_close(struct loop_item *item)
{
    sock_listener_free(container_of(item, struct sock_listener, item));
}

static void listener_watch(struct sock_listener *listener)
{
    deadline_clear(&listener->rest);
    if (listener->paused)
        check(uv_poll_stop(&listener->poll) == 0);
    else
        check(uv_poll_start(&listener->poll, UV_READABLE, listener_on_poll) == 0);
}

struct sock_listener *sock_listener_new(struct loop *loop, int fd,
                                        void (*on_accept)(void *arg, struct sock *sock),
                                        void (*on_short)(void *arg), void *arg)
{
    struct sock_listener *listener = mem_zalloc(sizeof(*listener));
    if (!listener || uv_poll_init(&loop->uv, &listener->poll, fd) != 0) {
        mem_free(listener);
        return NULL;
    }
    /* What is accepted inherits them, so that they cost no call per connection. Both fail on UNIX sockets. */
    int on = 1, unsent = UNSENT_BYTES_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    listener->loop = loop;
    listener->fd = fd;
    listener->on_accept = on_accept;
    listener->on_short = on_short;
    listener->arg = arg;
    listener->reserve = reserve_open();
    deadline_init(&listener->rest, listener_on_rested);
    loop_add(loop, &listener->item, listener_item_close);
    listener_watch(listener);
    return listener;
}

static void listener_on_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct sock_listener, poll));
}

void sock_listener_free(struct sock_listener *listener)
{
    if (!listener)
        return;
    check(!listener->closed);
    listener->closed = true;
    list_remove(&listener->item.link);
    deadline_clear(&listener->rest);
    if (listener->reserve >= 0)
        close(listener->reserve);
    uv_close((uv_handle_t *)&listener->poll, listener_on_closed);
}

void sock_listener_on_full(struct sock_listener *listener, bool (*make_room)(void *arg))
{
    listener->make_room = make_room;
}

void sock_listener_pause(struct sock_listener *listener, bool paused)
{
    if (listener->paused == paused)
        return;
    listener->paused = paused;
    listener_watch(listener);
}

static void listener_on_rested(struct deadline *deadline)
{
    listener_watch(container_of(deadline, struct sock_listener, rest));
}

static void listener_rest(struct sock_listener *listener)
{
    if (listener->closed || listener->paused)
        return;
    check(uv_poll_stop(&listener->poll) == 0);
    deadline_set(listener->loop, &listener->rest, loop_now_ms(listener->loop) + REST_MS);
}

static void listener_tell_short(struct sock_listener *listener)
{
    if (listener->on_short)
        listener->on_short(listener->arg);
}

/*
 * Trades the reserve for the newcomer and closes it: 1; 0 when nobody was waiting (accept4 asks for a descriptor first);
 * -EMFILE when another thread was faster to the free descriptor, or the reserve is used up: then one can only wait.
 */
static int listener_turn_away(struct sock_listener *listener)
{
    if (listener->reserve >= 0)
        close(listener->reserve);
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    int r = fd >= 0 ? 1 : -errno;
    if (fd >= 0)
        close(fd);
    listener->reserve = reserve_open();
    return r == -EAGAIN ? 0 : r;
}

/* The rare end of a turn: descriptors have run out. */
static bool listener_accept_short(struct sock_listener *listener)
{
    if (listener->make_room && listener->make_room(listener->arg))
        return true;
    int r = listener_turn_away(listener);
    if (r == 0)
        return false;
    if (r < 0)
        listener_rest(listener);
    listener_tell_short(listener);
    return r > 0;
}

/* One newcomer; false when this turn is over. */
static bool listener_accept(struct sock_listener *listener)
{
    union sock_address address = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof(address);
    int fd = accept4(listener->fd, &address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        struct sock *sock = sock_new(listener->loop, fd, &address);
        if (sock)
            listener->on_accept(listener->arg, sock);
        else
            listener_tell_short(listener);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
        return listener_accept_short(listener);
    case ECONNABORTED:
    case EINTR:
    case EPERM:
    case EPROTO:
        return true; /* this newcomer is gone (accept(2)), the next one is not */
    case EINVAL:
        /* Shut down, for all processes that share it: nobody comes any more. */
        check(uv_poll_stop(&listener->poll) == 0);
        return false;
    default:
        /* No memory in the kernel, or what nobody has seen yet: asking again at once would spin. */
        listener_rest(listener);
        listener_tell_short(listener);
        return false;
    }
}

static void listener_on_poll(uv_poll_t *poll, int status, int events)
{
    struct sock_listener *listener = container_of(poll, struct sock_listener, poll);
    (void)events;
    loop_enter(listener->loop);
    if (status < 0) {
        listener_rest(listener);
        return;
    }
    if (listener->reserve < 0)
        listener->reserve = reserve_open(); /* lost to a faster thread; the first free descriptor is the new one */
    for (int i = 0; i < ACCEPTS_PER_TURN; i++)
        if (listener->closed || listener->paused || !listener_accept(listener))
            return;
}
