/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker thread: its loop, its listeners, its clients, its relay, and the snapshots it judges by.
 *
 * Everything in it is touched by its own thread only; others send messages (worker_post). Snapshots change between two requests, never within one.
 */
#pragma once

#include "base/text.h"
#include "gateway/catalog.h"
#include "gateway/kept_answers.h"
#include "gateway/request.h"
#include "gateway/turnstile.h"
#include "identity/profiles.h"
#include "loop/mailbox.h"
#include "loop/sock.h"
#include "net/clients.h"
#include "record/recorder.h"
#include "site/links.h"

#include <pthread.h>

#define WORKER_REQUESTS_KEPT 256 /* structs that wait for the next request */
#define WORKER_LISTENERS_MAX CONFIG_LISTEN_MAX
#define WORKER_TURNSTILES_MAX (4 * CONFIG_POOLS_MAX)

/* Those of the catalog in force, and older ones while requests of this worker are in them. */
struct worker_turnstile {
    struct turnstile *turnstile;
    uint32_t turns; /* of this worker */
    bool current;
};

struct worker {
    uint32_t index, workers;
    pthread_t thread;
    struct loop *loop;
    struct mailbox *mailbox;
    struct sock_listener *listeners[WORKER_LISTENERS_MAX];
    size_t listeners_count;

    struct catalog *catalog;
    struct keyring *keyring;
    struct profiles *profiles;            /* shared by all */
    struct budgets *budgets;              /* shared by all */
    struct kept_answers *kept_answers;    /* shared by all */
    const struct mac_key *address_key;    /* of this installation: names addresses */
    _Atomic(struct worker *) const *peers; /* all workers, by index; NULL where one has not started yet */
    struct links *links;                  /* shared by all */

    struct worker_turnstile turnstiles[WORKER_TURNSTILES_MAX];
    size_t turnstiles_count;
    struct soon news_soon;
    struct list left;          /* requests that go on without their client (resuming.c) */
    struct list waiting;       /* requests that wait for their turn */
    struct deadline turn_tick; /* set while any has a turn, or answers are kept */
    _Atomic bool rung; /* a message about news is on its way */

    struct relay *relay;
    struct record_hub *record_hub;
    struct recorder *recorder;
    struct clients *clients; /* counts */
    struct list connections; /* struct client */
    struct list silent;      /* of them, those that never sent a whole head, oldest first */
    struct list idle;        /* … and those that wait for their next request, longest first */
    struct list idle_known;  /* … whose last call for a turn was in-profile */
    uint64_t body_memory;    /* held by bodies: being received, or on their way to an engine */

    /* Scratch of one callback. */
    struct json_parser *parser;
    struct inference inference;
    struct buf head; /* heads of our answers */
    struct buf out;  /* bodies and events on their way out */
    struct buf numbered; /* events with their ids, of resumable answers */

    struct request *kept[WORKER_REQUESTS_KEPT];
    size_t kept_count;

    uint64_t date_s;
    char date[TEXT_HTTP_DATE_BYTES];

    bool draining;
    bool stopped; /* nobody is told anything any more */
    struct deadline drain;
    void (*on_drained)(struct worker *worker);
};

enum worker_message_kind { WORKER_CATALOG, WORKER_KEYRING, WORKER_NEWS, WORKER_DRAIN, WORKER_STOP };

struct worker_message {
    enum worker_message_kind kind;
    union {
        struct catalog *catalog; /* a reference goes over */
        struct keyring *keyring;
        uint64_t drain_ms;
    };
};

struct worker_spec {
    uint32_t index, workers; /* of so many */
    const int *listeners;
    size_t listeners_count;
    struct catalog *catalog; /* takes a reference */
    struct keyring *keyring;
    struct profiles *profiles;         /* outlive the worker */
    struct budgets *budgets;           /* … */
    struct kept_answers *kept_answers; /* … */
    const struct mac_key *address_key; /* … */
    _Atomic(struct worker *) const *peers; /* … */
    struct record_hub *record_hub;
    struct links *links; /* … */
    void (*on_drained)(struct worker *worker); /* on the worker's thread: no connection is left */
};

/* Starts the thread. NULL with *err. */
struct worker *worker_start(const struct worker_spec *spec, struct err *err) must_check;
/* Any thread. 0, or -ENOSPC: the message's reference stays the caller's. */
int worker_post(struct worker *worker, const struct worker_message *message) must_check;
/* Waits for the thread, which must have been told to stop. */
void worker_join(struct worker *worker);
/* When all workers are joined: what still is open is closed. Accepts NULL. */
void worker_free(struct worker *worker);

/* On its thread. */
struct span worker_date(struct worker *worker);
const struct config *worker_config(const struct worker *worker);
/* What one worker may take of a limit that is for all together. */
uint64_t worker_share(const struct worker *worker, uint64_t limit);
/* Memory of a body that was `before` and is `now`. */
void worker_count_body_memory(struct worker *worker, size_t before, size_t now);
/* Do bodies hold more than so many times what they may? */
bool worker_body_memory_beyond(const struct worker *worker, unsigned times);
/* A request of this worker enters a turnstile, or has left it. False: the worker looks after WORKER_TURNSTILES_MAX others (pools of former configurations whose
 * calls still run), and would not hear of its turn. */
bool worker_turn_begins(struct worker *worker, struct turnstile *turnstile) must_check;
/* Ticks from now on, if it does not. */
void worker_tick_soon(struct worker *worker);
void worker_turn_ends(struct worker *worker, struct turnstile *turnstile);
void worker_forget_idle_turnstiles(struct worker *worker);
/* Tells the workers of `bells` (turnstile.h), itself too, that there is news for them. */
void worker_ring(struct worker *worker, turnstile_bells bells);
struct request *worker_take_request(struct worker *worker) must_check;
void worker_give_request(struct worker *worker, struct request *request);
/* Closes the connection that has been silent for longest, or else the one that has been idle for longest, strangers' before known users', so
 * that another one may come. False when all have a request under way, or have only just come or become idle. */
bool worker_make_room(struct worker *worker);
/* A connection, or a request without one, has gone: was it the last that a drain waits for? */
void worker_look_drained(struct worker *worker);
