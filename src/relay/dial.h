/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the room: from a backend's host and port to a connected socket.
 *
 * A numeric host connects at once. A name is resolved, and what came is remembered by the worker
 * for some seconds; its addresses are tried one after another, each for its share of the time,
 * beginning with the one that last worked. Exactly one of the two callbacks comes, never from
 * inside dial_new(), unless dial_cancel() comes first. Belongs to the loop's thread.
 */
#pragma once

#include "loop/sock.h"
#include "relay/url.h"

#define DIAL_REMEMBER_MS 10000

struct dial_memory {
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];
    size_t count;
    size_t first;      /* the one that worked last */
    uint64_t until_ms; /* 0: nothing remembered */
};

struct dial;
struct dial_events {
    void (*on_connected)(void *owner, struct sock *sock);
    /* `what` says in words what failed, and is valid during the call. */
    void (*on_failed)(void *owner, int error, const struct err *what);
};

/* `memory` outlives the dial. `within_ms` is divided among the addresses. NULL when out of
 * memory or descriptors. */
struct dial *dial_new(struct loop *loop, const struct url *url, struct dial_memory *memory,
                      uint32_t within_ms, const struct dial_events *events, void *owner) must_check;
void dial_cancel(struct dial *dial);
