/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client connection: bytes in, requests one after the other, bytes out, deadlines.
 *
 *             ┌────────────── keep-alive, all written ───────────────┐
 *             ▼                                                      │
 *   accept ─▶ IDLE ─first byte─▶ HEAD ─head read─▶ REQUEST ─over─▶ FLUSH ─▶ LINGER ─▶ closed
 *                                  └─ refused, timeout ────▲                  (answered while input was still to come, or closing)
 *
 *   state    what holds                                          deadline
 *   IDLE     no request, no byte of one                          keep_alive
 *   HEAD     no request, bytes of a head                         head, absolute
 *   REQUEST  one request under way                               body (absolute and rate) while it is received; send stall
 *   FLUSH    no request; the last answer is not all written      send stall
 *            (no other may follow: input is thrown away)
 *   LINGER   FIN sent; input is thrown away                      2 s
 *
 * Until its first head is whole a connection is silent: it may be one of a flood, and gives way to newcomers when there is room for no more.
 * When nobody is silent, the one that has been idle for longest does: its owner opens another one, as after a keep-alive that ran out. Those whose
 * last call for a turn was in-profile go only when there is no other.
 *
 * A client that closes (FIN or RST) while its request is under way has gone: the engine's work stops at once, but for a resumable answer (resuming.h). In FLUSH a FIN only says that
 * nothing follows. Pipelined bytes wait in the reader; above PIPELINE_BYTES_MAX nothing more is read until their turn comes.
 */
#pragma once

#include "gateway/request.h"
#include "loop/sock.h"

#define PIPELINE_BYTES_MAX 65536
#define PIPELINE_REQUESTS_PER_TURN 16 /* then the other connections have theirs */
#define CLIENT_PROGRESS_BYTES                                                                      \
    4096U /* what a slow reader has to take in each send_stall, or all that waits */
#define CLIENT_LINGER_MS 2000U
#define CLIENT_RATE_GRACE_MS 5000

struct client;

/* Takes over the socket; closes it when there is no room. */
void client_accept(struct worker *worker, struct sock *sock);
/* Closes the connection; a request under way ends with `reason`, or goes on without it (resuming.h). The struct goes at the end of the iteration. */
void client_close(struct client *client, enum reason reason);
/* Nothing new: an idle connection closes soon, one with a request after its answer. */
void client_drain(struct client *client);

/* The connection whose link in worker->connections this is. */
struct client *client_of_link(struct list *link);
/* … and in worker->silent, worker->idle or worker->idle_known; and for how long it has been there. */
struct client *client_of_spare(struct list *link);
uint64_t client_spare_ms(const struct client *client);

/* For the path. */
struct http_request *client_reader(struct client *client);
const struct sockaddr_storage *client_peer(const struct client *client);
struct worker *client_worker(struct client *client);
/* Writes to the wire: bytes queued now (0: all written), or -errno: the client is gone. */
ssize_t client_write(struct client *client, const struct span *parts, size_t count) must_check;
/* The same with bytes of the program behind the head, which are not copied (loop/sock.h). The last of a request. */
ssize_t client_write_constant(struct client *client, struct span head, struct span constant) must_check;
size_t client_queued(const struct client *client);
/* Its request asked for a turn, within its caller's budget or not. */
void client_note_class(struct client *client, bool in_profile);
/* The body is to be received now: its deadlines begin. */
void client_expect_body(struct client *client);
void client_body_received(struct client *client);
/* The request is recorded and gone. `keep`: another may follow on this connection. */
void client_request_over(struct client *client, bool keep);
