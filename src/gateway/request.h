/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on its way through the rooms: what each room has found out about it, in the order of the path.
 *
 * A request is born when a head has been read (client.c), walks request_path.c down to `relay`, comes back through response_path.c,
 * and ends in `record`; then its arena is cleared and the struct waits for the next one. All of it belongs to one worker thread.
 *
 *   request_begin ─▶ request_run ─▶ … steps … ─▶ record ─▶ client_request_over
 *                       ▲  │ WAIT: parked
 *                       └──┘ woken by the body's end (client.c) or the answer's end (response_path.c)
 *
 * What always holds: `call` is NULL or under way; after `record` nothing of the request is referenced by any room.
 */
#pragma once

#include "admit/budgets.h"
#include "admit/gate.h"
#include "admit/predictor.h"
#include "base/arena.h"
#include "dialect/answer.h"
#include "dialect/endpoint.h"
#include "dialect/refusal.h"
#include "gateway/catalog.h"
#include "http/request.h"
#include "http/sse.h"
#include "identity/keyring.h"
#include "identity/request_id.h"
#include "policy/ladder.h"
#include "record/record.h"
#include "relay/relay.h"

struct client;
struct request;
struct resuming;
struct worker;

enum step_result {
    STEP_NEXT,    /* on to the next room */
    STEP_WAIT,    /* parked; its room will wake it */
    STEP_ANSWERED /* an answer is on the wire, or the client is gone: on to `record` */
};

struct step {
    const char *name;
    enum step_result (*fn)(struct request *request);
};

/* Why the way back stopped its relay. */
enum answer_stop { STOP_NONE, STOP_CLIENT, STOP_REFUSED, STOP_CUT };

/* How the engine's answer becomes the client's. */
enum answer_form { FORM_STREAM, FORM_GATHER, FORM_WHOLE };

struct request {
    struct worker *worker;
    struct client *client; /* NULL: it has gone and may return (resuming.h) */
    struct arena *arena; /* lives from begin to record */
    const struct step *at;

    /* http */
    enum http_method method;
    bool http_1_0;
    bool wants_return;   /* Seawall-Resumable */
    bool wants_progress; /* Seawall-Progress */
    bool keep_alive;    /* may the connection serve another one after this? */
    struct span origin; /* allowed by the CORS settings; null when none */
    char id[REQUEST_ID_BYTES + 1];

    /* dialect, identity */
    enum endpoint endpoint;
    struct span id_in_path; /* of /v1/models/{id} and /v1/streams/{id} */
    struct key *key;           /* counted; NULL: none needed, or unlisted */
    uint64_t key_id;
    const struct catalog_model *model; /* that answers; lives in `catalog` */
    const struct catalog_model *asked; /* that was asked for: its pool's tickets are this caller's */
    struct catalog *catalog;           /* the one this request was judged by; counted */

    /* policy */
    enum ladder_mode short_answer; /* what the rung `output` does, should it stand when its turn comes */
    struct ladder_steps reduced, dry_run;

    /* admit */
    struct fair_place place; /* its class among them */
    struct budget_hold *hold; /* of its key's and account's limits; in the arena; NULL: there are none */
    uint64_t output_cap;      /* of one answer: the model's and the limits' smallest; 0: none */
    struct predictor_facts facts;
    struct prefix prefix;       /* of its prompt; `has_prefix`: it counts */
    bool has_prefix;
    struct turn turn;           /* the gate's while turn_state is not NONE */
    enum turn_state turn_state; /* as this worker was told last */
    struct list waiting_link;   /* in worker->waiting, while it is WAITING */
    uint64_t said_ms;           /* when its client was last told that it waits */
    uint64_t identity;          /* 0: not asked yet */
    uint64_t reserved_wt;       /* of its budget */
    float ordinary_calls;       /* of an identity within it, at once */
    struct span brought_ticket; /* null: none */
    struct span ticket;         /* that it is sent away with; null: none */

    /* relay and the way back */
    struct buf ask;     /* headroom and the engine's body, until the first byte of its answer */
    size_t ask_counted; /* of it, as body memory */
    struct relay_call *call;
    enum answer_form form;
    struct answer *answer;
    struct sse_splitter splitter;
    struct buf whole; /* an engine's body that is not a stream of events, or its error */
    unsigned engine_status;
    unsigned engine_retry_after_s; /* what a full engine asked for, within bounds; 0: nothing */
    enum answer_stop stop;
    bool answer_done; /* the engine said [DONE] */
    bool head_sent;   /* of our answer to the client */
    bool streaming;   /* it is a stream; counted in streams_open */
    bool end_sent;    /* our answer is complete on the wire */
    bool client_gone;
    bool engine_stopped; /* hung up in mid-answer */
    bool paused; /* the relay waits for the client to read */

    struct resuming *resuming; /* it can be returned to, or returns; NULL: neither, as nearly always */

    struct refusal refusal; /* reason OK unless something went wrong */
    struct record record;
};

/* A request for the head that `client` has read: OK to run. NULL when out of memory. */
struct request *request_begin(struct client *client) must_check;
/* A request that cannot be read; it has a refusal from the start and only answers and records. NULL when out of memory. */
struct request *request_begin_refused(struct client *client, enum reason reason) must_check;
/* Walks on from where it stands until it waits or is over (then it is gone: client_request_over() was called). */
void request_run(struct request *request);
/* The answer is over, however: on to `record`. */
void request_over(struct request *request);
/* The client has gone or does not read: stops the engine now and records. */
void request_abort(struct request *request, enum reason reason);

/* What the request cost is known: into its record, and its key's limits have back what they held beyond it. Before the last byte of an answer leaves, so that a caller
 * who asks again at once, on whatever worker, is judged without this request; once more in `record`, which changes nothing then. */
void request_settle(struct request *request);

/* After a change of `ask`. */
void request_count_ask(struct request *request);
/* Sets the refusal unless there is one already; STEP_ANSWERED after answering it (reply.c). */
enum step_result request_refuse(struct request *request, enum reason reason, const char *format,
                                ...) printf_like(3, 4);
