/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the room: one connection to a model's server, and the lane of connections that a worker
 * has to one backend.
 *
 *   DIALLING ─▶ HANDSHAKE ─▶ READY ──ask──▶ ASKED ──answer whole──▶ ANSWERED ──keep──▶ IDLE
 *       └──────(plain)────────▲ ▲────────────────────take───────────────────────────────┘
 *   any ─▶ CLOSED
 *
 * While DIALLING to ANSWERED it has an owner, who hears of it through the events; on_over is the
 * last of an ask. While IDLE it has none: whatever comes from the other side, or its age, closes
 * it. connection_close() may be called from inside any event; the memory goes when the last of its
 * callers has returned. Belongs to the loop's thread.
 */
#pragma once

#include "http/response.h"
#include "loop/sock.h"
#include "relay/backend.h"
#include "relay/dial.h"

#define CONNECTION_IDLE_MS 4000          /* engines close after 5 s */
#define CONNECTION_IDLE_MAX_MS 60000     /* whatever an engine promises */
#define CONNECTION_PLAINTEXT_BYTES 16384 /* one TLS record */

/* What all connections of a worker share. */
struct connection_home {
    struct loop *loop;
    size_t head_bytes_max;
    char *plaintext; /* CONNECTION_PLAINTEXT_BYTES and SOCK_READ_PADDING */
};

/* What a worker has with one backend. Lives while it is listed or a connection uses it. */
struct lane {
    const struct connection_home *home;
    struct backend *backend; /* its pool is referenced */
    struct list idle;        /* the last used first */
    size_t idle_count;
    size_t connections; /* idle or not */
    bool forgotten;     /* no longer listed: nothing is kept */
    struct dial_memory addresses;
};

struct lane *lane_new(const struct connection_home *home, struct backend *backend) must_check;
/* Closes what is idle; the rest of the lane goes with its last connection. */
void lane_forget(struct lane *lane);

enum connection_end {
    CONNECTION_DONE,     /* the answer is whole */
    CONNECTION_NOT_MADE, /* no address, no connection, no TLS */
    CONNECTION_SILENT,   /* it ended before a byte of an answer */
    CONNECTION_BROKEN,   /* not HTTP, or cut off */
    CONNECTION_STOPPED,  /* on_head or on_body returned < 0 */
    CONNECTION_NO_ROOM   /* we ran out of memory, descriptors or ports: not the backend's fault */
};

struct connection;
struct connection_events {
    void (*on_ready)(void *owner); /* not for a connection that was taken from the idle ones */
    /* All of what was asked has left, some time after connection_ask() returned 1. */
    void (*on_sent)(void *owner);
    int (*on_head)(void *owner, const struct http_response *response);
    int (*on_body)(void *owner, char *bytes, size_t len);
    /* Nothing more comes. The owner keeps the connection (DONE only) or closes it. `what` is
     * valid during the call. */
    void (*on_over)(void *owner, enum connection_end end, const struct err *what);
};

/* A new one, DIALLING; on_ready or on_over(NOT_MADE) follows. NULL when out of memory or
 * descriptors. */
struct connection *connection_new(struct lane *lane, const struct connection_events *events,
                                  void *owner) must_check;
/* An idle one, READY, or NULL. */
struct connection *connection_take(struct lane *lane, const struct connection_events *events,
                                   void *owner) must_check;

/* READY → ASKED. Sends it all: 0 when the kernel has everything, 1 when a rest is queued (a
 * copy: the caller's memory is free again), < 0 when the connection is broken (no event comes;
 * the owner closes). */
int connection_ask(struct connection *connection, const struct span *parts,
                   size_t count) must_check;
/* Has any byte of an answer come? */
bool connection_answering(const struct connection *connection);

/* Stops and resumes reading. What was read already may still be handed on: at most
 * SOCK_READ_BYTES. */
void connection_pause(struct connection *connection);
void connection_resume(struct connection *connection);

/* ANSWERED → IDLE when another ask may follow on it, else closes it. The connection is the
 * lane's now. */
void connection_keep(struct connection *connection);
/* Gone at once, with a reset when a call was under way: the engine sees it at its next look.
 * Accepts NULL. */
void connection_close(struct connection *connection);
