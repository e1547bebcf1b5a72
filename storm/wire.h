/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: from an address of one's own to the target, kept open from one request to the next; HTTP/1.1 with the codec of
 * src/http, streams taken apart with its SSE splitter. Edge-triggered epoll, one read and one write a turn as a rule.
 *
 *     opened ──wire_send()──▶ busy ──the answer is whole, and may be kept──▶ idle ──wire_send()──▶ busy
 *                              │                                               │
 *                              └──── wire_close(); a failure; no keep-alive ───┴──▶ gone
 *
 * A wire is its identity's from begin to end and counted there. The callbacks of one busy wire come in the order head, events, end;
 * after on_end, or wire_close(), the wire is no longer the owner's: it is idle or gone.
 *
 * Belongs to one thread.
 */
#pragma once

#include "base/err.h"
#include "http/response.h"
#include "storm/event.h"
#include "storm/population.h"
#include "storm/target.h"

#define WIRE_ANSWER_BYTES_MAX (8U << 20)
#define WIRE_HEAD_BYTES_MAX 16384
#define WIRE_EVENT_BYTES_MAX (1U << 20)

struct wire;
struct wires;

struct wire_events {
    /* The answer's head; its headers by http_response_header() during the call. */
    void (*on_head)(void *owner, const struct http_response *response);
    /* One event of a stream, or a whole answer of status 2xx. False: hang up; on_end follows with -ECANCELED. */
    bool (*on_event)(void *owner, struct event_facts facts);
    /* 0: the answer came whole. -ECONNRESET, -EBADMSG and others: it did not. */
    void (*on_end)(void *owner, int result);
};

struct wires_limits {
    uint32_t open_max;           /* all together */
    uint32_t attackers_open_max; /* of attackers; the rest is kept for legitimate users */
};

/* The target and the callbacks outlive it. 0, or -errno with *err. */
int wires_new(const struct target *target, const struct wires_limits *limits,
              const struct wire_events *events, struct wires **ret_wires,
              struct err *err) must_check;
/* Closes all, without callbacks. */
void wires_free(struct wires *wires);

struct wire_terms {
    struct identity *identity;
    uint32_t connections_max; /* of this identity */
    bool attacker;
    bool reads; /* false: leaves in the socket what comes */
    void *owner;
};

/* An idle wire of the identity or a new one; an idle one of somebody else is closed when there is no room. 0; -EMFILE (no room), -EBUSY (the
 * identity has its connections in use), -ECONNREFUSED and other failures to connect. */
int wires_get(struct wires *wires, const struct wire_terms *terms,
              struct wire **ret_wire) must_check;

/* `request` is copied as far as it is not sent at once. `slow_from`: bytes that go at once, the rest waits for wire_allow(); SIZE_MAX:
 * all. False: the connection is broken, and gone without on_end. */
bool wire_send(struct wire *wire, struct span request, size_t slow_from) must_check;
/* So many bytes more may go. False when all are sent. */
bool wire_allow(struct wire *wire, size_t bytes);
/* Hangs up, without on_end. */
void wire_close(struct wire *wire);

/* Waits at most so long for events; then wires_handle() calls back. */
void wires_wait(struct wires *wires, uint64_t wait_us);
void wires_handle(struct wires *wires);

uint32_t wires_open(const struct wires *wires);
uint32_t wires_open_peak(const struct wires *wires);
