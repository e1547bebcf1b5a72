/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/catalog.h"

#include "base/alloc.h"
#include "base/arena.h"

#include <stdatomic.h>

#define CATALOG_MEMORY_MAX (16U << 20)
#define DISCOVERED_CHOICES_MAX 8 /* `n` of a model that no configuration names */

static enum upstream_stream upstream_stream(enum config_upstream_stream stream)
{
    switch (stream) {
    case CONFIG_STREAM_ALWAYS:
        return UPSTREAM_STREAM_ALWAYS;
    case CONFIG_STREAM_NEVER:
        return UPSTREAM_STREAM_NEVER;
    case CONFIG_STREAM_AUTO:
        break;
    }
    return UPSTREAM_STREAM_AUTO;
}

static struct pool *make_pool(const struct config_pool *config, struct err *err)
{
    struct backend_spec backends[CONFIG_BACKENDS_MAX];
    for (size_t i = 0; i < config->backends_count; i++) {
        const struct config_backend *backend = &config->backends[i];
        backends[i] = (struct backend_spec){backend->url, backend->weight, backend->api_key,
                                            backend->ca_pem, backend->embedded};
    }
    return pool_new(&(struct pool_spec){.name = config->name,
                                        .backends = backends,
                                        .backends_count = config->backends_count,
                                        .upstream_stream = upstream_stream(config->upstream_stream),
                                        .probe_models = config->probe != CONFIG_PROBE_OFF,
                                        .probe_tokens = config->probe == CONFIG_PROBE_TOKENS,
                                        .probe_stop = config->probe_stop,
                                        .connect_ms = config->connect_ms,
                                        .first_byte_ms = config->first_byte_ms,
                                        .idle_ms = config->idle_ms,
                                        .probe_every_ms = config->probe_every_ms,
                                        .probe_timeout_ms = config->probe_timeout_ms,
                                        .breaker_failures = config->breaker_failures,
                                        .breaker_pause_ms = config->breaker_pause_ms,
                                        .retries_max = config->retries_max,
                                        .retry_budget_percent = config->retry_budget_percent,
                                        .idle_connections_max = config->idle_connections_max},
                    err);
}

static bool same_backend(const struct config_backend *a, const struct config_backend *b)
{
    return span_eq(a->url, b->url) && a->weight == b->weight && span_eq(a->api_key, b->api_key) &&
           span_eq(a->ca_pem, b->ca_pem) && a->embedded == b->embedded;
}

static bool same_pool(const struct config_pool *a, const struct config_pool *b)
{
    if (!span_eq(a->name, b->name) || a->backends_count != b->backends_count ||
        a->upstream_stream != b->upstream_stream || a->connect_ms != b->connect_ms ||
        a->first_byte_ms != b->first_byte_ms || a->idle_ms != b->idle_ms || a->probe != b->probe ||
        a->probe_stop != b->probe_stop || a->probe_every_ms != b->probe_every_ms || a->probe_timeout_ms != b->probe_timeout_ms ||
        a->breaker_failures != b->breaker_failures || a->breaker_pause_ms != b->breaker_pause_ms ||
        a->retries_max != b->retries_max || a->retry_budget_percent != b->retry_budget_percent ||
        a->idle_connections_max != b->idle_connections_max)
        return false;
    for (size_t i = 0; i < a->backends_count; i++)
        if (!same_backend(&a->backends[i], &b->backends[i]))
            return false;
    return true;
}

static struct gate_limits gate_limits(const struct config *config, const struct config_pool *pool)
{
    return (struct gate_limits){
        .fair = {.weights = {8, 2, 1}, .waiting_max = config->waiting_max, .per_identity_max = config->waiting_per_identity_max},
        .wait_ms_max = config->turn_ms,
        .siege_wait_ms_max = config->siege_turn_ms,
        .first_token_ms_max = config->first_token_ms,
        .calls_max = pool->calls_max,
        .affinity = pool->affinity,
        .one_class = !config->classes};
}

static struct ladder_settings ladder_settings(const struct config *config)
{
    static const enum ladder_mode modes[] = {
        [CONFIG_OFF] = LADDER_OFF, [CONFIG_DRY_RUN] = LADDER_DRY_RUN, [CONFIG_ON] = LADDER_ON};
    _Static_assert((int)CONFIG_RUNG_NONE == 0 && (int)CONFIG_RUNG_MODEL == LADDER_RUNGS, "the last rung's number is how many there are");
    return (struct ladder_settings){.modes = {[LADDER_OUTPUT] = modes[config->ladder_output],
                                              [LADDER_REASONING] = modes[config->ladder_reasoning],
                                              [LADDER_CONTEXT] = modes[config->ladder_context],
                                              [LADDER_MODEL] = modes[config->ladder_model]},
                                    .rungs_max = {[LADDER_IN_PROFILE] = config->ladder_in_profile,
                                                  [LADDER_PAID] = config->ladder_paid,
                                                  [LADDER_UNKNOWN] = config->ladder_unknown},
                                    .output_tokens = config->ladder_output_tokens,
                                    .context_tokens = config->ladder_context_tokens,
                                    .crowds = config->ladder_crowds};
}

static enum inference_thought thought(enum config_reasoning reasoning)
{
    switch (reasoning) {
    case CONFIG_REASONING_EFFORT:
        return THOUGHT_EFFORT;
    case CONFIG_REASONING_THINKING:
        return THOUGHT_THINKING;
    case CONFIG_REASONING_TEMPLATE:
        return THOUGHT_TEMPLATE;
    case CONFIG_REASONING_NONE:
        break;
    }
    return THOUGHT_AS_ASKED;
}

/* The turnstile of the old catalog's pool that has the same settings, which go on; or NULL. */
static struct turnstile *kept_turnstile(const struct catalog *before, const struct config_pool *config)
{
    for (size_t i = 0; before && i < before->pools_count; i++)
        if (same_pool(&before->config->pools[i], config))
            return turnstile_ref(before->turnstiles[i]);
    return NULL;
}

/* A pool with new settings; what is known of backends that it had under its old ones goes on. */
static struct pool *renewed_pool(const struct catalog *before, const struct config_pool *config,
                                 struct err *err)
{
    struct pool *pool = make_pool(config, err);
    for (size_t i = 0; pool && before && i < before->pools_count; i++)
        if (span_eq(before->config->pools[i].name, config->name))
            pool_inherit(pool, before->pools[i]);
    return pool;
}

/* Pool number `i` and its turnstile: those of before, or new ones. */
static int add_pool(struct catalog *catalog, const struct catalog *before, size_t i, struct err *err)
{
    const struct config_pool *config = &catalog->config->pools[i];
    struct gate_limits limits = gate_limits(catalog->config, config);
    struct turnstile *turnstile = kept_turnstile(before, config);
    if (turnstile) {
        turnstile_set_limits(turnstile, &limits);
    } else {
        struct pool *pool = renewed_pool(before, config, err);
        if (!pool)
            return -EINVAL;
        turnstile = turnstile_new(pool, &limits, catalog->workers);
        pool_unref(pool);
        if (!turnstile)
            return err_set(err, -ENOMEM, "out of memory");
    }
    turnstile_set_crowds(turnstile, catalog->ladder.crowds);
    catalog->pools[catalog->pools_count] = pool_ref(turnstile_pool(turnstile));
    catalog->turnstiles[catalog->pools_count++] = turnstile;
    return 0;
}

static int compare_models(const void *a, const void *b)
{
    struct span x = ((const struct catalog_model *)a)->name;
    struct span y = ((const struct catalog_model *)b)->name;
    int order = memcmp(x.ptr, y.ptr, MIN(x.len, y.len));
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static size_t pool_named(const struct catalog *catalog, struct span name)
{
    for (size_t i = 0; i < catalog->pools_count; i++)
        if (span_eq(catalog->config->pools[i].name, name))
            return i;
    check(false); /* config_parse() has made sure */
    return 0;
}

/* The context that the pool's engine reports for a model whose operator gave none. */
static uint64_t reported_context(struct pool *pool, struct span upstream_model)
{
    char names[POOL_MODELS_MAX][POOL_MODEL_NAME_MAX];
    uint64_t contexts[POOL_MODELS_MAX];
    size_t count = pool_models(pool, names, contexts, POOL_MODELS_MAX);
    for (size_t i = 0; i < count; i++)
        if (span_eq(span_str(names[i]), upstream_model))
            return contexts[i];
    return 0;
}

static int add_configured(struct catalog *catalog)
{
    const struct config *config = catalog->config;
    catalog->models =
        arena_zalloc(catalog->memory, (config->models_count + 1) * sizeof(*catalog->models));
    if (!catalog->models)
        return -ENOMEM;
    for (size_t i = 0; i < config->models_count; i++) {
        const struct config_model *model = &config->models[i];
        size_t at = pool_named(catalog, model->pool);
        struct pool *pool = catalog->pools[at];
        uint64_t context = model->context_tokens_max
                               ? model->context_tokens_max
                               : reported_context(pool, model->upstream_model);
        catalog->models[catalog->models_count++] =
            (struct catalog_model){.name = model->name,
                                   .upstream_model = model->upstream_model,
                                   .pool = pool,
                                   .turnstile = catalog->turnstiles[at],
                                   .smaller = model->smaller,
                                   .thought = thought(model->reasoning),
                                   .price = {model->price_in, model->price_out},
                                   .caps = {.engine_fields = model->engine_fields,
                                            .engine_fields_count = model->engine_fields_count,
                                            .output_tokens_max = model->output_tokens_max,
                                            .context_tokens_max = context,
                                            .choices_max = model->choices_max}};
    }
    return 0;
}

/* A file's path on the engine's disk is nobody's business: its name is enough. */
static struct span public_name(struct span reported)
{
    if (!span_ends(reported, SPAN(".gguf")))
        return reported;
    for (size_t i = reported.len; i > 0; i--)
        if (reported.ptr[i - 1] == '/')
            return span_take(span_skip(reported, i), reported.len - i - 5);
    return span_take(reported, reported.len - 5);
}

static int add_discovered(struct catalog *catalog)
{
    char names[POOL_MODELS_MAX][POOL_MODEL_NAME_MAX];
    uint64_t contexts[POOL_MODELS_MAX];

    catalog->models = arena_zalloc(catalog->memory, (catalog->pools_count * POOL_MODELS_MAX + 1) *
                                                        sizeof(*catalog->models));
    if (!catalog->models)
        return -ENOMEM;
    for (size_t p = 0; p < catalog->pools_count; p++) {
        size_t count = pool_models(catalog->pools[p], names, contexts, POOL_MODELS_MAX);
        for (size_t i = 0; i < count; i++) {
            struct span reported = arena_copy(catalog->memory, span_str(names[i]));
            if (span_is_null(reported))
                return -ENOMEM;
            /* The first pool that has a name serves it. */
            bool known = false;
            for (size_t m = 0; m < catalog->models_count && !known; m++)
                known = span_eq(catalog->models[m].name, public_name(reported));
            if (known)
                continue;
            catalog->models[catalog->models_count++] = (struct catalog_model){
                .name = public_name(reported),
                .upstream_model = reported,
                .pool = catalog->pools[p],
                .turnstile = catalog->turnstiles[p],
                .caps = {.context_tokens_max = contexts[i], .choices_max = DISCOVERED_CHOICES_MAX}};
        }
    }
    return 0;
}

static struct catalog *build(struct config *config, struct catalog *before, uint32_t workers,
                             uint64_t created_s, struct err *err)
{
    struct arena *memory = arena_new(CATALOG_MEMORY_MAX);
    struct catalog *catalog = memory ? arena_zalloc(memory, sizeof(*catalog)) : NULL;
    if (!catalog) {
        arena_free(memory);
        err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    catalog->references = 1;
    catalog->memory = memory;
    catalog->config = config_ref(config);
    catalog->ladder = ladder_settings(config);
    catalog->created_s = created_s;
    catalog->workers = workers;
    catalog->discovers = config->models_count == 0;
    catalog->pools = arena_zalloc(memory, (config->pools_count + 1) * sizeof(*catalog->pools));
    catalog->turnstiles = arena_zalloc(memory, (config->pools_count + 1) * sizeof(struct turnstile *));
    if (!catalog->pools || !catalog->turnstiles)
        goto no_memory;
    for (size_t i = 0; i < config->pools_count; i++) {
        if (add_pool(catalog, before, i, err) < 0)
            goto failed;
    }
    if ((catalog->discovers ? add_discovered(catalog) : add_configured(catalog)) < 0)
        goto no_memory;
    qsort(catalog->models, catalog->models_count, sizeof(*catalog->models), compare_models);
    return catalog;

no_memory:
    err_set(err, -ENOMEM, "out of memory");
failed:
    catalog_unref(catalog);
    return NULL;
}

struct catalog *catalog_new(struct config *config, struct catalog *before, uint32_t workers,
                            uint64_t wall_s, struct err *err)
{
    return build(config, before, workers, wall_s, err);
}

struct catalog *catalog_rediscover(struct catalog *catalog)
{
    return build(catalog->config, catalog, catalog->workers, catalog->created_s, NULL);
}

struct catalog *catalog_ref(struct catalog *catalog)
{
    atomic_fetch_add_explicit(&catalog->references, 1, memory_order_relaxed);
    return catalog;
}

void catalog_unref(struct catalog *catalog)
{
    if (!catalog || atomic_fetch_sub_explicit(&catalog->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < catalog->pools_count; i++) {
        turnstile_unref(catalog->turnstiles[i]);
        pool_unref(catalog->pools[i]);
    }
    config_unref(catalog->config);
    arena_free(catalog->memory); /* the catalog itself lies in it */
}

const struct catalog_model *catalog_find(const struct catalog *catalog, struct span name)
{
    struct catalog_model wanted = {.name = name};
    if (span_is_null(name) || catalog->models_count == 0)
        return NULL;
    return bsearch(&wanted, catalog->models, catalog->models_count, sizeof(wanted), compare_models);
}

uint64_t catalog_version(const struct catalog *catalog)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < catalog->pools_count; i++)
        sum += pool_models_version(catalog->pools[i]);
    return sum;
}
