/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream sockets on a loop: TCP and UNIX, accepted or connected.
 *
 * Reading: all sockets of a loop share one 64 KB buffer; `on_read` gets a span into it that may be written to, is
 * valid during the call only, and is followed by at least SOCK_READ_PADDING readable bytes.
 * Writing: sock_write() tries the system call at once and queues a copy of only what the socket did not take; the
 * queue has a maximum. `on_drain` comes when the queue was not empty and is empty now.
 * After sock_close() no callback comes; the memory goes when the loop is done with it.
 * TCP sockets have TCP_NODELAY set from the start. Belongs to the loop's thread.
 */
#pragma once

#include "base/span.h"
#include "loop/loop.h"

#include <sys/socket.h>

#define SOCK_READ_BYTES 65536
#define SOCK_READ_PADDING 64

struct sock;

struct sock_events {
    void (*on_read)(void *owner, char *bytes, size_t len);
    void (*on_end)(void *owner);              /* the other side sends no more (FIN); writing still works */
    void (*on_error)(void *owner, int error); /* negative errno; nothing more comes; the owner closes */
    void (*on_drain)(void *owner);            /* may be NULL */
};

/* Binds an owner to a socket and starts to read. 0 or -errno. */
int sock_start(struct sock *sock, const struct sock_events *events, void *owner) must_check;

/*
 * Total bytes of `parts` are taken, always all or nothing. Returns how many bytes are queued now (0: all written);
 * -ENOBUFS: nothing was taken, because what is queued and this would pass the queue's maximum if the socket took none
 * of it (so one message longer than the maximum never goes: raise it first);
 * -EPIPE, -ECONNRESET, -ENOMEM and so on: nothing can be written any more. Reading goes on, since the other side may
 * have answered before it closed; on_error does not repeat what this returned.
 * Also works before sock_start().
 */
ssize_t sock_write(struct sock *sock, const struct span *parts, size_t count) must_check;
/*
 * The same for `head` and, behind it, bytes that never change and outlive the loop, such as a file inside the program: of those nothing is copied, however
 * slowly they are taken, and they do not count against the queue's maximum. Until all is written, sock_write() gives -EBUSY.
 */
ssize_t sock_write_constant(struct sock *sock, struct span head, struct span constant) must_check;
size_t sock_queued(const struct sock *sock);
void sock_queue_max(struct sock *sock, size_t bytes_max); /* 256 KB unless told */

/* Stops and resumes `on_read`; both may be repeated, and both within one iteration cost no system call. While stopped,
 * the end of the stream and a reset go unseen, unless `watch_hangup` was asked for: then a peer that closes (FIN) or
 * resets is told by on_error, mostly -ECONNRESET. After on_end, on_error still tells of a reset. */
void sock_read_stop(struct sock *sock, bool watch_hangup);
void sock_read_start(struct sock *sock);

/* Sends FIN after what is queued; reading goes on, writing gives -EPIPE. */
void sock_shutdown(struct sock *sock);
/* Gone at once; what is queued is dropped. The kernel sends RST instead of FIN when bytes were not read yet: to be sure
 * that a last answer arrives, shut down and read to the end before. Accepts NULL; works in any callback. */
void sock_close(struct sock *sock);
/* The same with RST instead of FIN, so that the kernel keeps nothing. TCP only; else as sock_close(). */
void sock_reset(struct sock *sock);

/* Fills *ret_address with the peer's (AF_UNSPEC for UNIX sockets). */
void sock_peer(const struct sock *sock, struct sockaddr_storage *ret_address);

/*
 * Accepting. The descriptor is already listening (see net/listen.h) and stays the caller's: sock_listener_free() does not close it.
 * `on_accept` gets a socket that is not started; it starts or closes it. When descriptors run out the listener keeps one in
 * reserve, tells `on_short` (may be NULL) and closes the newcomer, so it never spins. At most 16 are accepted in one
 * iteration.
 */
struct sock_listener;
struct sock_listener *sock_listener_new(struct loop *loop, int fd,
                                        void (*on_accept)(void *arg, struct sock *sock), void (*on_short)(void *arg),
                                        void *arg) must_check;
void sock_listener_free(struct sock_listener *listener);
/* When descriptors run out `make_room` (with the listener's `arg`) is asked first: true when it has closed something that matters less than a newcomer, who
 * is then tried again. It may be asked without anybody waiting: the kernel wants a descriptor before it looks. */
void sock_listener_on_full(struct sock_listener *listener, bool (*make_room)(void *arg));
/* Nothing is accepted while paused: newcomers wait in the kernel's backlog. */
void sock_listener_pause(struct sock_listener *listener, bool paused);

/*
 * Connecting. Exactly one of the two callbacks comes, unless sock_connect_cancel() comes first. The socket that
 * on_connected hands over is not started.
 */
struct sock_connect;
struct sock_connect_events {
    void (*on_connected)(void *owner, struct sock *sock);
    void (*on_failed)(void *owner, int error);
};
/* NULL when out of memory or descriptors. */
struct sock_connect *sock_connect_new(struct loop *loop, const struct sockaddr *address, socklen_t address_len,
                                      const struct sock_connect_events *events, void *owner) must_check;
void sock_connect_cancel(struct sock_connect *connect);

/*
 * Names to addresses, on libuv's threads; numbers and "localhost" need none, but are told later all the same. At most
 * RESOLVE_ADDRESSES_MAX come back, IPv4 and IPv6 as the system orders them ("localhost": IPv4 first).
 * `port` is a number. `error`: 0, -ENOENT (no such name), -EAGAIN (no name server answered), -ENOMEM.
 */
#define RESOLVE_ADDRESSES_MAX 8
struct resolve;
/* NULL when out of memory. */
struct resolve *resolve_new(struct loop *loop, const char *host, const char *port,
                            void (*done)(void *owner, int error, const struct sockaddr_storage *addresses,
                                         size_t count),
                            void *owner) must_check;
void resolve_cancel(struct resolve *resolve);
