/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: HTTP/1.1 requests one after the other. While a call is under way nothing is read, and the socket
 * watches for a hang-up.
 *
 *   READING ──(a whole request)──▶ ANSWERING ──(answer sent, may go on)──▶ READING
 *      └──(refused)──▶ ENDING ◀──(answer sent, may not)──┘                     any ──▶ CLOSED
 *
 * READING and ENDING have a deadline, ANSWERING has a call or is within routes_serve(), CLOSED has no socket.
 *
 * What belongs to a closed connection is freed at the end of the loop's iteration.
 */
#pragma once

#include "http/request.h"
#include "server.h"

#define CONNECTION_IDLE_MS 5000         /* as uvicorn and llama.cpp's server do */
#define CONNECTION_RECEIVE_MS 60000     /* from a request's first byte to its last */
#define CONNECTION_QUEUE_MAX (1u << 20) /* bytes a reader may be behind; above it is cut off */

enum connection_state {
    CONNECTION_READING,
    CONNECTION_ANSWERING,
    CONNECTION_ENDING,
    CONNECTION_CLOSED
};

struct call;

struct connection {
    struct list link; /* in server->connections */
    struct server *server;
    struct sock *sock;
    struct http_request *reader;
    struct call *call; /* under way, or NULL */
    enum connection_state state;
    bool keep;          /* another request may follow */
    bool chunked;       /* the answer under way */
    size_t queued_seen; /* of the last answer, when the deadline looked last */
    struct deadline deadline;
    struct soon more_soon; /* what came behind the last request */
    struct soon free_soon;
};

/* Takes the socket. -ENOMEM or another error: the socket is still the caller's. */
int connection_new(struct server *server, struct sock *sock) must_check;
/* RST; its call is dropped. */
void connection_reset(struct connection *connection);
/* At the very end, when the loop turns no more. */
void connection_free_closed(struct server *server);

/* A whole answer. Ends the request. */
void connection_answer(struct connection *connection, unsigned status, struct span type,
                       struct span body);
/* The same with an error of the API. */
void connection_fail(struct connection *connection, unsigned status, const char *message);

/* A stream: the head with the first bytes, then more, then the end. Each is one write. */
void connection_stream(struct connection *connection, struct span bytes);
void connection_stream_end(struct connection *connection, struct span bytes);
/* An answer that breaks off: these last bytes of a stream, or the first half of a body; then the connection ends. */
void connection_stream_break(struct connection *connection, struct span last_bytes);
void connection_answer_break(struct connection *connection, struct span type, struct span body);
