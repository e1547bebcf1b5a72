/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pool's gate as all workers share it: the gate, the predictor, the promises and the ladder under one lock, held for one decision at a time.
 *
 * The calls are the gate's (admit/gate.h), by the worker whose turn it is. What changes for turns of other workers rings their bell; each worker then, and at its tick
 * in any case, takes its news with turnstile_news(). A turnstile goes on over reloads as its pool does; turns that are in it hold it.
 */
#pragma once

#include "admit/gate.h"
#include "admit/predictor.h"
#include "admit/promises.h"
#include "relay/pool.h"

struct turnstile;

/* Takes a reference to `pool`. NULL when out of memory. */
struct turnstile *turnstile_new(struct pool *pool, const struct gate_limits *limits, uint32_t workers) must_check;
struct turnstile *turnstile_ref(struct turnstile *turnstile);
void turnstile_unref(struct turnstile *turnstile);
void turnstile_set_limits(struct turnstile *turnstile, const struct gate_limits *limits);
/* Do rungs of the ladder (policy/ladder.h) stand without a siege too? Not at first. */
void turnstile_set_crowds(struct turnstile *turnstile, bool crowds);
struct pool *turnstile_pool(const struct turnstile *turnstile);

/* Does it choose backends by what their prompts begin with? Not where there is one alone, or the operator says no. */
bool turnstile_leans(const struct turnstile *turnstile);

/* Workers to be told of news: a bit for each of the first 64. Each call below returns or sets them. */
typedef uint64_t turnstile_bells;

/* How many tokens its answer will have, as turnstile_ask() would predict. */
uint64_t turnstile_predict(struct turnstile *turnstile, const struct predictor_facts *facts);
/* Predicts the answer's length, then asks the gate. `ask->output_expected` is filled in. */
enum turn_state turnstile_ask(struct turnstile *turnstile, struct turn *turn, struct gate_ask *ask, const struct predictor_facts *facts,
                              uint64_t now_ms, turnstile_bells *ret_bells);
/* What its answers together may have, as things stand now: a siege lowers it while the turn runs. */
struct turnstile_cap {
    uint64_t output_max; /* 0: none */
    bool shorten;        /* answers like it are shortened, this one or not */
};
struct turnstile_cap turnstile_cap(struct turnstile *turnstile, const struct turn *turn);
/* The same, of a turn that has written so much. */
struct turnstile_cap turnstile_progress(struct turnstile *turnstile, struct turn *turn, uint64_t output_tokens, uint64_t now_ms);

/* Its client has gone and may return (true), or one has. */
void turnstile_note_left(struct turnstile *turnstile, struct turn *turn, bool left);

struct turnstile_use {
    uint64_t prompt_tokens, output_tokens;
    bool whole;   /* it ended by itself: its length is one to learn from */
    bool stopped; /* the engine was hung up in mid-answer */
};
turnstile_bells turnstile_end(struct turnstile *turnstile, struct turn *turn, const struct turnstile_use *use,
                              const struct predictor_facts *facts, uint64_t now_ms);

/* Limits are learned, those that waited too long are sent away, backends are looked at. From each worker that has turns here, each GATE_TICK_MS; whoever
 * asks after a quiet time looks first too. */
turnstile_bells turnstile_tick(struct turnstile *turnstile, uint64_t now_ms);
/* The next turn of the worker with news, and its state now; NULL when there is none. */
struct turn *turnstile_news(struct turnstile *turnstile, uint32_t worker, enum turn_state *ret_state);

/* A time to come back for a request of this price (admit/promises.h). False: there is none. */
bool turnstile_promise(struct turnstile *turnstile, const struct fair_place *place, uint64_t price, uint64_t wall_ms, uint32_t *ret_wait_ms,
                       char ret_ticket[TICKET_TEXT_BYTES + 1]);
/* Who asks has a promise, or brings a ticket (null: none): is it due? What is remembered for later is due now when there is room now. */
enum ticket_verdict turnstile_claim(struct turnstile *turnstile, struct span ticket, const struct fair_place *place, uint64_t wall_ms,
                                    uint32_t *ret_wait_ms);

/* How long a call of so many tokens takes, in seconds. */
double turnstile_call_s(struct turnstile *turnstile, uint64_t prompt_tokens, double output_tokens);
/* How many wait in a class, and about how long. */
struct gate_outlook turnstile_outlook(struct turnstile *turnstile, enum fair_class class);
/* How many rungs of the ladder stand at this pool. Takes the lock, and looks around, only where some do; what changes for turns by that is told at the next tick. */
uint32_t turnstile_rungs(struct turnstile *turnstile, uint64_t now_ms);

/* As it is now: a siege that ended when nobody asked any more is over. */
void turnstile_view(struct turnstile *turnstile, uint64_t now_ms, struct gate_view *ret_view);
void turnstile_backend_view(struct turnstile *turnstile, size_t backend, struct gate_backend_view *ret_view);
