/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool: the backends that can serve a model, which of them works, and which takes the next call.
 *
 * Shared by all workers: counters and states are atomics, names and addresses never change after
 * pool_new(). A new configuration makes new pools; a pool lives until its last call ended
 * (pool_ref/unref).
 *
 * A backend's state, changed by backend_report() and by the active check (the whole machine is in
 * breaker.h):
 *
 *   UNKNOWN ──success──▶ UP
 *   UP      ──breaker_failures in a row, or a failed probe──▶ DOWN ──pause over──▶ TRIAL
 *   TRIAL   ──success──▶ UP, ──failure──▶ DOWN
 *
 * UNKNOWN takes calls like UP. TRIAL takes one call at a time. DOWN takes none. Pauses double up to
 * 30 s. A good probe makes it UP from anywhere.
 *
 * Choice: among those that may take a call, the least (in flight + 1) / weight; ties by turn.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define POOL_BACKENDS_MAX 64 /* one bit each in `tried` */

struct pool;
struct backend;

enum backend_state { BACKEND_UNKNOWN, BACKEND_UP, BACKEND_DOWN, BACKEND_TRIAL };
enum engine_kind { ENGINE_UNKNOWN, ENGINE_LLAMACPP, ENGINE_VLLM, ENGINE_SGLANG, ENGINE_OTHER };
enum upstream_stream { UPSTREAM_STREAM_AUTO, UPSTREAM_STREAM_ALWAYS, UPSTREAM_STREAM_NEVER };

struct backend_spec {
    struct span url;     /* http[s]://host[:port][/prefix] */
    uint32_t weight;
    struct span api_key; /* null: none */
    struct span ca_pem;  /* null: the system's */
    bool embedded;
};

struct pool_spec {
    struct span name;
    const struct backend_spec *backends;
    size_t backends_count;
    enum upstream_stream upstream_stream;
    bool probe_models, probe_tokens; /* how the active check asks; neither: no active check */
    bool probe_stop; /* whether it is measured how fast backends stop (stopping.h) */
    uint32_t connect_ms, first_byte_ms, idle_ms;
    uint32_t probe_every_ms, probe_timeout_ms;
    uint32_t breaker_failures, breaker_pause_ms;
    uint32_t retries_max, retry_budget_percent;
    uint32_t idle_connections_max;
};

/* NULL with *err: a URL that is none, TLS set-up failed, out of memory. Copies everything. */
struct pool *pool_new(const struct pool_spec *spec, struct err *err) must_check;
struct pool *pool_ref(struct pool *pool);
void pool_unref(struct pool *pool);
/* After a reload, before `pool` is used: each backend takes over what is known of the backend with
 * the same URL in `former`: state, engine, models, counters. Calls under way stay with `former`. So
 * a reload neither forgets which backend is down nor, for a moment, which models there are. */
void pool_inherit(struct pool *pool, struct pool *former);

struct span pool_name(const struct pool *pool);
size_t pool_backends(const struct pool *pool);
struct backend *pool_backend(struct pool *pool, size_t index);
/* May any backend take a call now? */
bool pool_available(const struct pool *pool, uint64_t now_ms);
/* True when calls that are not streamed are to be asked for as streams: `always`, or `auto` when the
 * call is held against limits (`metered`), or with a backend whose engine is not known to stop such
 * a call when its client goes. */
bool pool_wants_stream(const struct pool *pool, bool metered);

/* The backend for the next try, or NULL. `tried`: a bit for each index that this call has tried
 * already; those come last. A chosen backend counts the call as in flight until
 * backend_report(). */
struct backend *pool_pick(struct pool *pool, uint64_t tried, uint64_t now_ms) must_check;
/* The same for a call's first try, whose backend was chosen elsewhere (NULL: it was not): another one only if that takes no call now. */
struct backend *pool_pick_first(struct pool *pool, struct backend *chosen, uint64_t now_ms) must_check;

/* Takes one retry out of the pool's budget: false when it is used up. Each call pays
 * retry_budget_percent of a retry in; ten retries are there from the start and come back at one
 * a second, so that a quiet service can retry too. With 0 % there is none. */
bool pool_take_retry(struct pool *pool);

enum backend_outcome {
    BACKEND_GOOD,   /* an answer came that is the engine's own business (also a 4xx) */
    BACKEND_FAILED, /* no connection, no first byte in time, broken answer, 502, 504 and the like */
    /* 500 or 501: counted as a failure, but it does not move the breaker: a caller's request can
     * cause it (llama.cpp answers 500 to an image it cannot read), and three of them must not take
     * the model from everyone. A backend that really is broken is found by the active check. */
    BACKEND_ERROR,
    BACKEND_BUSY,     /* 429 or 503: it lives, but is full */
    BACKEND_CANCELLED /* we stopped it: says nothing */
};
void backend_report(struct backend *backend, enum backend_outcome outcome, uint64_t now_ms);

/* For health.c and the admin API. Consistent each, not together. */
struct backend_view {
    struct span url;
    enum backend_state state;
    enum engine_kind engine;
    uint32_t weight, in_flight, failures_in_row;
    uint64_t requests, failures, retries;
    uint64_t last_good_ms, last_token_ms; /* monotonic; 0: never */
    uint32_t first_byte_ms_mean;          /* of the last calls, smoothed */
    uint32_t stop_ms;                     /* as of backend_stop_ms() */
    bool embedded;
};
void backend_view(const struct backend *backend, struct backend_view *ret_view);
void backend_saw_token(struct backend *backend, uint64_t now_ms);
bool backend_takes_calls(const struct backend *backend, uint64_t now_ms);

/* What an engine says of itself; 0: it does not. Any thread. */
struct engine_facts {
    uint32_t slots;     /* calls that it runs at once */
    uint64_t kv_tokens; /* size of its KV cache */
    uint32_t running, waiting;
    float kv_used;      /* 0 … 1 */
    uint64_t at_ms;     /* monotonic, when it said so; 0: never */
};
struct engine_facts backend_facts(struct backend *backend);
/* How long after a hang-up the engine still works on the call: what stopping.h measured. */
#define BACKEND_STOP_UNKNOWN 0
#define BACKEND_STOPS_NOT UINT32_MAX
uint32_t backend_stop_ms(const struct backend *backend);
void backend_set_stop_ms(struct backend *backend, uint32_t stop_ms);
void backend_set_facts(struct backend *backend, const struct engine_facts *facts);
void backend_set_engine(struct backend *backend, enum engine_kind kind);

/* Models that the pool's backends say they serve (from the active check): a copy of the list,
 * sorted, without doubles; names are the engine's own. Any thread. Returns the count;
 * `ret_names` holds terminated strings of at most POOL_MODEL_NAME_MAX bytes. */
#define POOL_MODELS_MAX 64
#define POOL_MODEL_NAME_MAX 256
size_t pool_models(struct pool *pool, char (*ret_names)[POOL_MODEL_NAME_MAX],
                   uint64_t *ret_context_tokens, size_t names_max);
/* A number that changes when the list changes. */
uint64_t pool_models_version(const struct pool *pool);
