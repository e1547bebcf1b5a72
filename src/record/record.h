/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The finished request, however it ended: a line in the access log, counters, and a row in the ledger.
 *
 * The corridor fills one struct record as the request goes and hands it in at the end. Each worker has a recorder; it takes no lock and makes no system call for a
 * request: log lines gather in 64 KB or a second, ledger rows in a small table that goes to the store thread twice a second, counters are plain memory that
 * the metrics page sums. Prompts, answers and keys are in none of it. Addresses are written only as a daily-salted hash.
 */
#pragma once

#include "base/reason.h"
#include "base/span.h"
#include "policy/ladder.h"

#include <sys/socket.h>

struct record {
    struct span request_id;
    struct span client_request_id;  /* cleaned; null when none */
    struct span method, path;       /* path cut to 128 bytes and escaped by the writer */
    struct span endpoint;           /* "chat" … */
    struct span model;              /* public name; null when not known; only names of the listing */
    struct span backend;            /* URL; null when none */
    struct span user_agent;         /* cut to 64 */
    const struct sockaddr_storage *peer;
    uint64_t key_id;                /* 0: none */
    struct span class;              /* it was served in; null when it asked for no turn */
    struct span limit;              /* of its key or account, that refused or cut it; null when none did */
    struct span ticket;             /* what the promise that it had or the ticket that it brought was worth; null: neither */
    double balance, rate;           /* of the budget that its caller earned, before its price was taken: wt, wt/s; 0: none */
    uint64_t price;                 /* predicted, weighted tokens */
    uint64_t price_prompt, price_answer; /* of it, tokens */
    uint32_t rungs;                 /* of the ladder that stood at its pool when it came */
    const struct ladder_steps *reduced, *dry_run; /* what was left away of it, and what would have been; NULL before that was decided */
    struct span asked_model;        /* when another one answers in its place; null: it is `model` */
    bool siege;                     /* its pool was under siege when it had its turn */
    bool stretched;                 /* within its budget, and beyond its caller's ordinary calls at once */
    uint32_t ahead;                 /* requests that waited before it when it asked */
    enum reason reason;             /* how it ended */
    unsigned status;                /* what went out; 0 when nothing did */
    bool stream, streamed_upstream, reused_upstream;
    uint32_t tries;
    uint64_t bytes_in, bytes_out;
    /* tokens; settled (dialect/meter.h) */
    uint64_t prompt_tokens, completion_tokens;
    int64_t completion_difference;
    bool disputed;
    bool called;                    /* recorder_call_begins() was called for it */
    bool charged;                   /* its tokens enter the ledger */
    uint16_t left, returned;        /* how often its client went while it was resumable, and how often one came back for it */
    /* times: monotonic µs; 0 when it did not happen */
    uint64_t began_us, head_us, body_us, asked_us, turn_us, picked_us, connected_us, first_byte_us, first_token_us, last_token_us, ended_us;
    uint64_t wall_ms;               /* at the end */
    struct span detail;             /* for the operator only: what the engine or the parser said; null when nothing */
};
