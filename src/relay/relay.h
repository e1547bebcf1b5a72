/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to a pool's backends: one for each admitted request, from choosing a backend to the last
 * byte of its answer.
 *
 * A relay belongs to one worker and keeps that worker's idle connections. A call picks a backend,
 * takes an idle connection or makes one (plain or TLS with verification), sends head and body in
 * one write, and hands on the answer as it arrives. Until the first byte of an answer it tries
 * again, within the request's and the pool's budget:
 *
 *   what happened               tried again on
 *   a keep-alive connection     a new connection to the same backend; this costs no budget
 *     that the engine closed
 *   no connection               a backend that was not tried yet
 *   closed without a byte       any backend that takes calls, those not tried first
 *   answered 429 or 503         a backend that was not tried yet; if there is none, the answer is
 *                               handed over
 *
 * A call whose first byte does not come in time is not tried again: the engine may be working on
 * it. From the first byte on nothing is.
 *
 *   PICK ─▶ CONNECT ─▶ SEND ─▶ AWAIT_HEAD ─▶ BODY ─▶ over
 *     ▲────────┴─────────┴─────────┘ retry          any ─▶ over (failed, cancelled)
 *
 * relay_cancel() in any state closes the connection at once (with a reset), so that the engine
 * stops. Deadlines: connect (name, TCP and TLS together), first byte (from when all was sent; while
 * sending, from the start), idle. No callback comes from inside relay_call_new() or after
 * relay_cancel() / the final callback. One thread.
 */
#pragma once

#include "http/response.h"
#include "loop/loop.h"
#include "relay/pool.h"

struct relay;
struct relay_call;

struct relay *relay_new(struct loop *loop, size_t head_bytes_max) must_check;
/* No call may be under way. Closes idle connections. */
void relay_free(struct relay *relay);
/* Closes all idle connections and forgets the addresses of names: after a reload. Calls under
 * way go on, on pools that live as long as they do. */
void relay_forget_idle(struct relay *relay);

enum relay_failure {
    RELAY_NO_BACKEND,         /* none may take a call */
    RELAY_CONNECT_FAILED,     /* after all tries: none was made, or (connected_us > 0) the last
                                 one was closed without a byte */
    RELAY_FIRST_BYTE_TIMEOUT,
    RELAY_IDLE_TIMEOUT,       /* in mid-answer */
    RELAY_BAD_ANSWER,         /* not HTTP, or it ended too early */
    RELAY_REFUSED             /* what on_head or on_body returned < 0 for */
};

struct relay_events {
    /* The final head (not one that is tried again), of any status: a 429, 500 or 503 too. < 0
     * ends the call with RELAY_REFUSED. */
    int (*on_head)(void *owner, unsigned status, const struct http_response *head);
    /* Valid during the call; may be overwritten. < 0 as above. */
    int (*on_body)(void *owner, char *bytes, size_t len);
    void (*on_done)(void *owner);
    void (*on_failed)(void *owner, enum relay_failure failure, const struct err *detail);
};

/* What is asked. The memory stays the caller's and in place until on_head or the end of the
 * call: a retry sends it again. Only our own header fields go to an engine; they are written
 * into the RELAY_HEADROOM bytes before `body`, so that one piece holds both (a head with a very
 * long API key is sent from elsewhere). */
#define RELAY_HEADROOM 1024
struct relay_ask {
    struct span method; /* "POST" */
    struct span path;   /* "/v1/chat/completions" */
    char *body;         /* NULL without a body */
    size_t body_len;
    bool stream; /* Accept: text/event-stream */
    struct backend *first; /* who is asked first if it takes calls; NULL: the pool's choice */
    struct span request_id;
};

/* NULL when out of memory. */
struct relay_call *relay_call_new(struct relay *relay, struct pool *pool,
                                  const struct relay_ask *ask, const struct relay_events *events,
                                  void *owner) must_check;

/* For the active check: a call to this backend, whatever its state. Only a stale keep-alive
 * connection is tried again; nothing is reported. */
struct relay_call *relay_call_new_to(struct relay *relay, struct backend *backend,
                                     const struct relay_ask *ask, const struct relay_events *events,
                                     void *owner) must_check;

/* Back-pressure: while paused nothing is read from the engine, and the idle deadline rests. What
 * was read before is still handed on: at most SOCK_READ_BYTES, and then on_done if that was all.
 * Before the head a pause has no effect yet. Both may be repeated. */
void relay_pause(struct relay_call *call);
void relay_resume(struct relay_call *call);

/* All that matters of the answer has come (a stream's [DONE]): its end is awaited for RELAY_END_MS
 * more, so that the connection may be kept; then RELAY_IDLE_TIMEOUT, which is no fault of the
 * backend. May be called from on_body. */
#define RELAY_END_MS 300
void relay_expect_end(struct relay_call *call);

/* The client has gone, or the answer was cut: the connection closes now and the backend is told
 * so. Frees the call. Accepts NULL. */
void relay_cancel(struct relay_call *call);
/* After on_done or on_failed: gives the call back. A connection that may be used again has been
 * kept. */
void relay_call_free(struct relay_call *call);

/* Facts for the log; valid until the call is freed. Times are monotonic µs, 0 when it did not
 * happen. */
struct relay_facts {
    struct span backend; /* URL of the last try; null when none was picked */
    uint32_t tries;
    /* Of the last try; the first byte counts when the head is whole. */
    uint64_t picked_us, connected_us, first_byte_us;
    bool reused_connection;
};
struct relay_facts relay_call_facts(const struct relay_call *call);
struct backend *relay_call_backend(const struct relay_call *call);

size_t relay_idle_connections(const struct relay *relay);
