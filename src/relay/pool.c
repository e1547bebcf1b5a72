/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choice, retry budget and model list of a pool.
 *
 * A choice reads each backend's counters once without a lock: two workers may choose the same
 * backend at the same moment and be wrong by one call, which the next choice evens out. Only a
 * trial is exact.
 */
#include "relay/backend.h"

#include "base/alloc.h"

#define RETRY_UNITS 100            /* one retry */
#define RETRY_FLOOR 10             /* retries there from the start, and by time */
#define RETRY_REFILL_MS 1000       /* one retry each, up to the floor */
#define RETRY_CALLS_REMEMBERED 100 /* what the last so many calls paid in can be saved up */

static void pool_free(struct pool *pool)
{
    for (size_t i = 0; i < pool->backends_count; i++)
        backend_release(&pool->backends[i]);
    (void)pthread_mutex_destroy(&pool->models_lock);
    mem_free(pool->name);
    mem_free(pool);
}

static void pool_copy_settings(struct pool *pool, const struct pool_spec *spec)
{
    pool->upstream_stream = spec->upstream_stream;
    pool->probe_models = spec->probe_models;
    pool->probe_tokens = spec->probe_tokens;
    pool->probe_stop = spec->probe_stop;
    pool->connect_ms = spec->connect_ms;
    pool->first_byte_ms = spec->first_byte_ms;
    pool->idle_ms = spec->idle_ms;
    pool->probe_every_ms = spec->probe_every_ms;
    pool->probe_timeout_ms = spec->probe_timeout_ms;
    pool->breaker.failures = MIN(spec->breaker_failures, (uint32_t)BREAKER_FAILURES_MAX);
    pool->breaker.failures = MAX(pool->breaker.failures, 1u);
    pool->breaker.pause_ms = spec->breaker_pause_ms;
    pool->retries_max = spec->retries_max;
    pool->retry_budget_percent = spec->retry_budget_percent;
    pool->idle_connections_max = spec->idle_connections_max;
}

struct pool *pool_new(const struct pool_spec *spec, struct err *err)
{
    if (spec->backends_count < 1 || spec->backends_count > POOL_BACKENDS_MAX) {
        (void)err_set(err, -EINVAL, "a pool has 1 to %d backends, not %zu", POOL_BACKENDS_MAX,
                      spec->backends_count);
        return NULL;
    }
    struct pool *pool =
        mem_zalloc(sizeof(*pool) + spec->backends_count * sizeof(pool->backends[0]));
    if (!pool) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&pool->refs, 1);
    atomic_init(&pool->retry_units, spec->retry_budget_percent ? RETRY_FLOOR * RETRY_UNITS : 0);
    (void)pthread_mutex_init(&pool->models_lock, NULL); /* a default mutex cannot fail here */
    pool_copy_settings(pool, spec);

    pool->name = mem_alloc(spec->name.len + 1);
    if (!pool->name) {
        (void)err_set(err, -ENOMEM, "out of memory");
        pool_free(pool);
        return NULL;
    }
    if (spec->name.len)
        memcpy(pool->name, spec->name.ptr, spec->name.len);
    pool->name[spec->name.len] = '\0';

    for (size_t i = 0; i < spec->backends_count; i++) {
        pool->backends_count = i + 1;
        pool->backends[i].pool = pool;
        pool->backends[i].index = i;
        if (backend_init(&pool->backends[i], &spec->backends[i], err) < 0) {
            pool_free(pool);
            return NULL;
        }
    }
    return pool;
}

struct pool *pool_ref(struct pool *pool)
{
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
    return pool;
}

void pool_unref(struct pool *pool)
{
    if (pool && atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) == 1)
        pool_free(pool);
}

void pool_inherit(struct pool *pool, struct pool *former)
{
    for (size_t i = 0; i < pool->backends_count; i++)
        for (size_t k = 0; k < former->backends_count; k++)
            if (strcmp(pool->backends[i].url_text, former->backends[k].url_text) == 0) {
                backend_inherit(&pool->backends[i], &former->backends[k]);
                break;
            }
}

struct span pool_name(const struct pool *pool)
{
    return span_str(pool->name);
}

size_t pool_backends(const struct pool *pool)
{
    return pool->backends_count;
}

struct backend *pool_backend(struct pool *pool, size_t index)
{
    check(index < pool->backends_count);
    return &pool->backends[index];
}

bool pool_available(const struct pool *pool, uint64_t now_ms)
{
    for (size_t i = 0; i < pool->backends_count; i++)
        if (breaker_takes_calls(backend_breaker(&pool->backends[i]), now_ms))
            return true;
    return false;
}

/* Engines that were seen to stop a call that is not streamed within 130 ms of a hang-up. */
static bool engine_stops_calls(uint32_t engine)
{
    return engine == ENGINE_VLLM || engine == ENGINE_SGLANG;
}

bool pool_wants_stream(const struct pool *pool, bool metered)
{
    switch (pool->upstream_stream) {
    case UPSTREAM_STREAM_ALWAYS:
        return true;
    case UPSTREAM_STREAM_NEVER:
        return false;
    case UPSTREAM_STREAM_AUTO:
        break;
    }
    if (metered)
        return true;
    for (size_t i = 0; i < pool->backends_count; i++)
        if (!engine_stops_calls(
                atomic_load_explicit(&pool->backends[i].engine, memory_order_relaxed)))
            return true;
    return false;
}

/* The least (in flight + 1) / weight among those whose bit is not in `passed_over`. */
static struct backend *least_loaded(struct pool *pool, uint64_t passed_over, uint32_t turn,
                                    uint64_t now_ms)
{
    struct backend *best = NULL;
    uint64_t best_load = 0;
    for (size_t i = 0; i < pool->backends_count; i++) {
        struct backend *backend = &pool->backends[(turn + i) % pool->backends_count];
        if (passed_over >> backend->index & 1 ||
            !breaker_takes_calls(backend_breaker(backend), now_ms))
            continue;
        uint64_t load =
            (uint64_t)atomic_load_explicit(&backend->in_flight, memory_order_relaxed) + 1;
        if (!best || load * best->weight < best_load * backend->weight) {
            best = backend;
            best_load = load;
        }
    }
    return best;
}

struct backend *pool_pick_untried(struct pool *pool, uint64_t tried, uint64_t now_ms)
{
    uint32_t turn = atomic_fetch_add_explicit(&pool->turn, 1, memory_order_relaxed);
    struct backend *backend;
    /* Another worker may take the trial between the look and the taking: then look again, at
     * most once for each backend. */
    while ((backend = least_loaded(pool, tried, turn, now_ms))) {
        if (backend_take(backend, now_ms))
            return backend;
        tried |= 1ull << backend->index;
    }
    return NULL;
}

/* What each call pays in, and what time gives back. */
static void retry_budget_fill(struct pool *pool, uint64_t now_ms)
{
    if (pool->retry_budget_percent == 0)
        return;
    int64_t cap =
        RETRY_FLOOR * RETRY_UNITS + (int64_t)pool->retry_budget_percent * RETRY_CALLS_REMEMBERED;
    int64_t units = atomic_load_explicit(&pool->retry_units, memory_order_relaxed);
    if (units < cap)
        units = atomic_fetch_add_explicit(&pool->retry_units, pool->retry_budget_percent,
                                          memory_order_relaxed);

    uint64_t refilled = atomic_load_explicit(&pool->retry_refilled_ms, memory_order_relaxed);
    if (now_ms < refilled + RETRY_REFILL_MS)
        return;
    /* One worker wins and fills for all. After a quiet time the floor is there again at once. */
    if (!atomic_compare_exchange_strong_explicit(&pool->retry_refilled_ms, &refilled, now_ms,
                                                 memory_order_relaxed, memory_order_relaxed))
        return;
    int64_t missing = RETRY_FLOOR * RETRY_UNITS - units;
    int64_t due =
        (int64_t)MIN((now_ms - refilled) / RETRY_REFILL_MS, (uint64_t)RETRY_FLOOR) * RETRY_UNITS;
    if (missing > 0)
        atomic_fetch_add_explicit(&pool->retry_units, MIN(missing, due), memory_order_relaxed);
}

struct backend *pool_pick(struct pool *pool, uint64_t tried, uint64_t now_ms)
{
    struct backend *backend = pool_pick_untried(pool, tried, now_ms);
    if (!backend && tried)
        backend = pool_pick_untried(pool, ~tried, now_ms);
    return backend;
}

struct backend *pool_pick_first(struct pool *pool, struct backend *chosen, uint64_t now_ms)
{
    retry_budget_fill(pool, now_ms);
    if (chosen && backend_take(chosen, now_ms))
        return chosen;
    return pool_pick_untried(pool, 0, now_ms);
}

bool pool_take_retry(struct pool *pool)
{
    int64_t units = atomic_load_explicit(&pool->retry_units, memory_order_relaxed);
    do {
        if (units < RETRY_UNITS)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&pool->retry_units, &units, units - RETRY_UNITS,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}
