/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request for tokens under way: its choices in the engine, and the answer on its connection. One request of n choices
 * is n calls of the engine, which share their prompt where the cache does.
 *
 * Belongs to the server; a connection points to the call that it waits for. When the client hangs up, the call ends at
 * once, or goes on for nobody, as the preset's habits say.
 */
#pragma once

#include "connection.h"

struct call_choice {
    struct call *call;
    struct say_choice said;
    struct engine_call *engine; /* NULL: not there yet, or not any more */
    uint64_t last_us;           /* its last token; the arrival when there is none */
    uint32_t told;              /* tokens that the client has */
};

struct call {
    struct list link; /* in server->calls */
    struct server *server;
    struct connection *connection; /* NULL: its client hung up */
    struct ask ask;
    struct say say;
    double fault_seconds[FAULTS];
    uint64_t arrived_us;
    struct deadline slow_start;
    uint32_t open; /* choices that are not over */
    struct call_choice choices[];
};

/* For a connection whose request is whole. Answers at once or later. */
void call_start(struct connection *connection, enum ask_kind kind);
/* One token of the engine. */
void call_token(const struct engine_event *event);
/* The connection is gone. */
void call_hung_up(struct call *call);
/* Takes it from the engine; no answer. */
void call_free(struct call *call);
