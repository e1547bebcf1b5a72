/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the room: what a pool and its backends hold. pool.h is what others see.
 *
 * Everything above the atomics is set by pool_new() and never changes; the atomics belong to all
 * threads. `models` is guarded by the pool's models_lock, held for a copy of at most
 * POOL_MODELS_MAX names.
 */
#pragma once

#include "relay/breaker.h"
#include "relay/pool.h"
#include "relay/url.h"

#include <pthread.h>
#include <stdatomic.h>

struct ssl_ctx_st;

struct model_entry {
    char name[POOL_MODEL_NAME_MAX]; /* terminated */
    uint64_t context_tokens;        /* 0: the engine does not say */
};

struct model_list {
    size_t count;
    struct model_entry entries[POOL_MODELS_MAX];
};

struct backend {
    struct pool *pool;
    size_t index;
    struct url url;
    char *url_text;
    char *api_key;          /* NULL: none */
    size_t api_key_size;    /* with its end */
    struct ssl_ctx_st *tls; /* NULL: plain */
    bool system_ca;         /* `tls` trusts the system's certificates */
    uint32_t weight;
    bool embedded;

    _Atomic uint64_t breaker; /* of breaker.h */
    _Atomic uint32_t in_flight;
    _Atomic uint32_t engine;
    _Atomic uint32_t first_byte_ms_mean;
    _Atomic uint32_t stop_ms;
    _Atomic uint64_t requests, failures, retries;
    _Atomic uint64_t last_good_ms, last_token_ms;

    struct model_list *models; /* NULL: not known yet */
    struct engine_facts facts; /* guarded by the pool's models_lock, as `models` */
};

struct pool {
    _Atomic uint32_t refs;
    char *name;
    enum upstream_stream upstream_stream;
    bool probe_models, probe_tokens, probe_stop;
    uint32_t connect_ms, first_byte_ms, idle_ms;
    uint32_t probe_every_ms, probe_timeout_ms;
    struct breaker_limits breaker;
    uint32_t retries_max, retry_budget_percent;
    uint32_t idle_connections_max;

    _Atomic uint32_t turn;
    _Atomic int64_t retry_units; /* 100 make one retry */
    _Atomic uint64_t retry_refilled_ms;

    pthread_mutex_t models_lock;
    _Atomic uint64_t models_version;
    struct model_list models; /* of all backends: sorted, no doubles */

    size_t backends_count;
    struct backend backends[];
};

/* 0, or -errno with *err. The backend is zeroed and part of a pool; on failure backend_release()
 * is still due. */
int backend_init(struct backend *backend, const struct backend_spec *spec,
                 struct err *err) must_check;
void backend_release(struct backend *backend);

/* What pool_inherit() says, for one backend. */
void backend_inherit(struct backend *backend, struct backend *former);
struct breaker backend_breaker(const struct backend *backend);
/* Counts a call as in flight, and takes the trial of a backend whose pause is over. False: it
 * takes no call now. */
bool backend_take(struct backend *backend, uint64_t now_ms);
/* A call that was picked and then not sent: as if it had never been. */
void backend_untake(struct backend *backend, uint64_t now_ms);
/* The head of a good answer came: success is known long before the stream's end. */
void backend_answered(struct backend *backend, uint64_t first_byte_ms, uint64_t now_ms);
void backend_retried(struct backend *backend);
/* What the active check found. */
void backend_probed(struct backend *backend, bool good, uint64_t now_ms);
/* The models that it serves, from now on. 0 or -ENOMEM (then the former list stays). */
int backend_set_models(struct backend *backend, const struct model_list *models) must_check;
/* A copy of them; false when they are not known yet. */
bool backend_models(struct backend *backend, struct model_list *ret_models);

/* As pool_pick(), but never one that was tried. */
struct backend *pool_pick_untried(struct pool *pool, uint64_t tried, uint64_t now_ms) must_check;
