/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: which calls run, how long each step takes, and when each token comes.
 *
 * Comes in: calls as numbers (so many prompt tokens, so many to make), hang-ups, and `now`. Goes out: one event for
 * each token, with its time. No sockets, no clock, no text; the same calls at the same times give the same events.
 *
 *   submit ──▶ WAITING ──(a place among running_max, KV for its first chunk)──▶ RUNNING ──(last token)──▶ gone
 *                 ▲                                                                 │
 *                 └───────────────(preempted: KV is short, newest first)───────────┘        abort: gone from anywhere
 *
 * Calls wait in order of arrival, a preempted one in front. A step takes the running calls in order of arrival, each
 * with the tokens it has not computed yet (one, when it decodes), as long as step_tokens_max lasts; then those who
 * wait, while there is room. A call that has computed all its tokens gets a new one when the step ends. A preempted
 * call keeps the tokens it has and computes them again.
 *
 * Times are microseconds of the engine's own time (preset.h), from any origin, and never go back.
 * Memory: one block for each call. Belongs to one thread.
 */
#pragma once

#include "preset.h"

#define ENGINE_NEVER UINT64_MAX

struct engine;
struct engine_call;

struct engine_ask {
    void *owner;            /* comes back in events */
    uint32_t prompt_tokens; /* ≥ 1 */
    uint32_t output_tokens; /* ≥ 1; so many events come */
    const uint64_t
        *hashes; /* of the whole blocks of the prompt, each from the prompt's start; copied */
    uint32_t hashes_count;
};

struct engine_event {
    void *owner;
    uint64_t at_us;
    uint32_t number; /* of the token, from 1 */
    bool last;       /* the call is gone */
};

struct engine_stats {
    uint32_t running, waiting;
    double kv_used; /* share of the cache, 0 to 1 */
    uint64_t steps, preemptions;
    uint64_t prompt_tokens; /* of calls whose first token came */
    uint64_t generation_tokens;
    uint64_t cache_queries, cache_hits; /* tokens of prompts looked up; found */
};

/* A copy of `preset` is kept; it agrees (preset.h). NULL when out of memory. */
struct engine *engine_new(const struct preset *preset, uint64_t seed) must_check;
/* Calls go without an event. Accepts NULL. */
void engine_free(struct engine *engine);

/* Prompt and answer of one call together may have so many tokens. */
uint32_t engine_context(const struct engine *engine);

/* 0 and *ret_call, good until its last event or engine_abort(); -EAGAIN: as many wait as may; -E2BIG: longer than the
 * context; -ENOMEM. */
int engine_submit(struct engine *engine, const struct engine_ask *ask, uint64_t now_us,
                  struct engine_call **ret_call) must_check;

/* At once; the step under way ends when it would have. No event comes. */
void engine_abort(struct engine *engine, struct engine_call *call);

/* No step begins before `until_us`, and one under way does not end before it. */
void engine_stall(struct engine *engine, uint64_t until_us);

/* When there is something to do; ENGINE_NEVER: not before a call comes. */
uint64_t engine_due(const struct engine *engine);

/* The next thing that has happened until `now_us`: true and *ret_event, in order of time and, within one step, of
 * arrival. The engine may be told anything between two events. */
bool engine_next(struct engine *engine, uint64_t now_us, struct engine_event *ret_event);

void engine_stats(const struct engine *engine, struct engine_stats *ret_stats);
