/* SPDX-License-Identifier: Apache-2.0 */
#include "config/agree.h"

#include "config/form.h"

static int agree_limits(struct parse *parse, const struct config *config)
{
    if (config->body_memory_max < config->body_bytes_max)
        return parse_fail(parse,
                          MAX(parse_line(parse, &config->body_memory_max),
                              parse_line(parse, &config->body_bytes_max)),
                          "limits.body_memory: it is smaller than one body of limits.body_bytes");
    if (config->answer_bytes_max < config->event_bytes_max)
        return parse_fail(
            parse,
            MAX(parse_line(parse, &config->answer_bytes_max),
                parse_line(parse, &config->event_bytes_max)),
            "limits.answer_bytes: it is smaller than one event of limits.event_bytes");
    return 0;
}

static int agree_origins(struct parse *parse, const struct config *config)
{
    for (size_t i = 0; i < config->cors_origins_count; i++)
        if (span_eq(config->cors_origins[i], SPAN("*")) && config->cors_origins_count > 1)
            return parse_fail(parse, parse_line(parse, &config->cors_origins),
                              "cors.origins: '*' stands alone: it is every origin");
    return 0;
}

/* The URL and key of the model that the service itself runs. */
static int fill_embedded(struct parse *parse, struct config_backend *backend)
{
    struct form_url url;
    const char *wrong = form_url(parse->bundle->embedded_url, &url);
    if (wrong)
        return parse_fail(parse, 0, "the embedded model's URL is none: %s", wrong);
    backend->url = arena_copy(parse->arena, parse->bundle->embedded_url);
    backend->embedded = true;
    struct bundle_secret *key = bundle_find(parse->bundle, SECRET_FACT, SPAN("embedded_api_key"));
    if (key)
        backend->api_key = parse_keep_secret(parse, key);
    return span_is_null(backend->url) || (key && span_is_null(backend->api_key))
               ? parse_out_of_memory(parse)
               : 0;
}

static int agree_embedded(struct parse *parse, struct config_backend *backend, unsigned line,
                          unsigned *embedded_line)
{
    if (!span_is_null(backend->url) || !span_is_null(backend->api_key) ||
        !span_is_null(backend->ca_pem))
        return parse_fail(parse, line,
                          "pools.backends.embedded: the embedded model has no url, key or ca_file");
    if (*embedded_line)
        return parse_fail(parse, line, "pools.backends.embedded: it is in line %u already",
                          *embedded_line);
    *embedded_line = line;
    if (span_is_null(parse->bundle->embedded_url) && !span_is_null(parse->bundle->upstream_url))
        return 0; /* --upstream replaces this pool, and no model was started for it */
    if (span_is_null(parse->bundle->embedded_url))
        return parse_fail(parse, line,
                          "pools.backends.embedded: this service was started without a model");
    return fill_embedded(parse, backend);
}

static int agree_backend(struct parse *parse, struct config_backend *backend,
                         unsigned *embedded_line)
{
    unsigned line = parse_line(parse, backend);
    if (backend->embedded)
        return agree_embedded(parse, backend, line, embedded_line);
    if (span_is_null(backend->url))
        return parse_fail(parse, line, "pools.backends.url: it is missing");
    if (!span_is_null(backend->ca_pem) && !span_starts(backend->url, SPAN("https:")))
        return parse_fail(parse, parse_line(parse, &backend->ca_pem),
                          "pools.backends.ca_file: the url is not https://");
    return 0;
}

static int agree_pools(struct parse *parse, struct config *config)
{
    unsigned embedded_line = 0;
    for (size_t i = 0; i < config->pools_count; i++) {
        struct config_pool *pool = &config->pools[i];
        for (size_t j = 0; j < i; j++)
            if (span_eq(pool->name, config->pools[j].name))
                return parse_fail(parse, parse_line(parse, &pool->name),
                                  "pools.name: '%s' is the name of the pool in line %u already",
                                  pool->name.ptr, parse_line(parse, &config->pools[j].name));
        for (size_t j = 0; j < pool->backends_count; j++) {
            int rc = agree_backend(parse, &pool->backends[j], &embedded_line);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int agree_model_pool(struct parse *parse, const struct config *config,
                            struct config_model *model)
{
    if (span_is_null(model->pool) && config->pools_count != 1)
        return parse_fail(parse, parse_line(parse, model),
                          config->pools_count == 0
                              ? "models: there is no pool that could serve them"
                              : "models.pool: it is missing, and there is more than one pool");
    if (span_is_null(model->pool))
        model->pool = config->pools[0].name;
    for (size_t i = 0; i < config->pools_count; i++)
        if (span_eq(config->pools[i].name, model->pool))
            return 0;
    return parse_fail(parse, parse_line(parse, &model->pool), "models.pool: there is no pool '%s'",
                      model->pool.ptr);
}

/* One step, never a chain: the smaller model's own `smaller` is for those who ask for it by name. */
static int agree_smaller(struct parse *parse, const struct config *config, const struct config_model *model)
{
    unsigned line = parse_line(parse, &model->smaller);
    if (span_is_null(model->smaller))
        return 0;
    if (span_eq(model->smaller, model->name))
        return parse_fail(parse, line, "models.smaller: it is the model itself");
    for (size_t i = 0; i < config->models_count; i++)
        if (span_eq(config->models[i].name, model->smaller))
            return 0;
    return parse_fail(parse, line, "models.smaller: there is no model '%s'", model->smaller.ptr);
}

static int agree_models(struct parse *parse, const struct config *config)
{
    for (size_t i = 0; i < config->models_count; i++) {
        struct config_model *model = &config->models[i];
        unsigned line = parse_line(parse, &model->name);
        for (size_t j = 0; j < i; j++)
            if (span_eq(model->name, config->models[j].name))
                return parse_fail(parse, line,
                                  "models.name: it is the name of the model in line %u already",
                                  parse_line(parse, &config->models[j].name));
        int rc = agree_model_pool(parse, config, model);
        if (rc == 0)
            rc = agree_smaller(parse, config, model);
        if (rc < 0)
            return rc;
        if (model->context_tokens_max && model->output_tokens_max > model->context_tokens_max)
            return parse_fail(parse, parse_line(parse, &model->output_tokens_max),
                              "models.output_tokens: it is more than context_tokens");
        if (span_is_null(model->upstream_model))
            model->upstream_model = model->name;
    }
    return 0;
}

/* A pool of one backend, with the defaults of the table. */
static int add_pool(struct parse *parse, struct config *config, struct span name)
{
    struct config_pool *pool = arena_zalloc(parse->arena, sizeof(*pool));
    struct config_backend *backend = arena_zalloc(parse->arena, sizeof(*backend));
    if (!pool || !backend)
        return parse_out_of_memory(parse);
    int rc = parse_section(parse, &section_pool, NULL, pool);
    if (rc == 0)
        rc = parse_section(parse, &section_backend, NULL, backend);
    pool->name = arena_copy(parse->arena, name);
    pool->backends = backend;
    pool->backends_count = 1;
    config->pools = pool;
    config->pools_count = 1;
    return rc == 0 && span_is_null(pool->name) ? parse_out_of_memory(parse) : rc;
}

static int add_upstream(struct parse *parse, struct config *config)
{
    struct form_url url;
    const char *wrong = form_url(parse->bundle->upstream_url, &url);
    if (wrong)
        return parse_fail(parse, 0, "the upstream URL is none: %s", wrong);
    int rc = add_pool(parse, config, SPAN("upstream"));
    if (rc < 0)
        return rc;
    char memory[2048];
    struct buf text = {.ptr = memory, .cap = sizeof(memory) - 1, .max = sizeof(memory) - 1};
    form_url_write(&text, &url);
    if (buf_status(&text) < 0)
        return parse_fail(parse, 0, "the upstream URL is too long");
    config->pools->backends->url = arena_copy(parse->arena, buf_span(&text));
    return span_is_null(config->pools->backends->url) ? parse_out_of_memory(parse) : 0;
}

static int add_embedded(struct parse *parse, struct config *config)
{
    int rc = add_pool(parse, config, SPAN("embedded"));
    if (rc == 0)
        rc = fill_embedded(parse, config->pools->backends);
    if (rc < 0 || config->models_count > 0 || span_is_null(parse->bundle->embedded_model))
        return rc;
    if (!form_model(parse->bundle->embedded_model))
        return parse_fail(parse, 0, "the embedded model's name is no name for a model");
    struct config_model *model = arena_zalloc(parse->arena, sizeof(*model));
    if (!model)
        return parse_out_of_memory(parse);
    rc = parse_section(parse, &section_model, NULL, model);
    model->name = arena_copy(parse->arena, parse->bundle->embedded_model);
    config->models = model;
    config->models_count = 1;
    return rc == 0 && span_is_null(model->name) ? parse_out_of_memory(parse) : rc;
}

/*
 * --upstream wins over the file, and the file over the embedded model. A file that has models but
 * no pools talks about the one pool that the command line brings; models of pools that --upstream
 * replaces go with them.
 */
static int agree_places(struct parse *parse, struct config *config)
{
    bool upstream = !span_is_null(parse->bundle->upstream_url);
    bool own_pools = config->pools_count > 0;
    int rc = 0;
    if (!own_pools && upstream)
        rc = add_upstream(parse, config);
    else if (!own_pools && !span_is_null(parse->bundle->embedded_url))
        rc = add_embedded(parse, config);
    else
        rc = agree_pools(parse, config);
    if (rc == 0)
        rc = agree_models(parse, config);
    if (rc == 0 && own_pools && upstream) {
        config->models_count = 0;
        rc = add_upstream(parse, config);
    }
    return rc;
}

/* Probing by tokens costs nothing where the machine is our own. */
static void resolve_probe(struct config_pool *pool)
{
    if (pool->probe != CONFIG_PROBE_AUTO)
        return;
    pool->probe = CONFIG_PROBE_TOKENS;
    for (size_t i = 0; i < pool->backends_count; i++) {
        struct form_url url;
        if (!pool->backends[i].embedded && form_url(pool->backends[i].url, &url) == NULL &&
            !form_host_is_private(url.host))
            pool->probe = CONFIG_PROBE_MODELS;
    }
}

/* --port: all listeners move there; two that differed only by port become one. */
static int agree_port(struct parse *parse, struct config *config)
{
    if (span_is_null(parse->bundle->port))
        return 0;
    size_t kept = 0;
    for (size_t i = 0; i < config->listen_count; i++) {
        struct span host;
        char text[128];
        check(form_listen(config->listen[i], &host));
        struct span address = config->listen[i];
        if (!span_is_null(host)) {
            int len =
                snprintf(text, sizeof(text), "%.*s:%.*s", (int)host.len, host.ptr,
                         (int)MIN(parse->bundle->port.len, (size_t)16), parse->bundle->port.ptr);
            address = span_of(text, (size_t)len);
        }
        if (!form_listen(address, &host))
            return parse_fail(parse, 0, "the port is not between 0 and 65535");
        bool known = false;
        for (size_t j = 0; j < kept; j++)
            known = known || span_eq(config->listen[j], address);
        if (known)
            continue;
        config->listen[kept] = arena_copy(parse->arena, address);
        if (span_is_null(config->listen[kept++]))
            return parse_out_of_memory(parse);
    }
    config->listen_count = kept;
    return 0;
}

int agree(struct parse *parse, struct config *config)
{
    config->metrics_asked_for = parse_line(parse, &config->metrics_listen) > 0;
    config->keys_are_limited = limits_any(&config->key_limits);
    int rc = agree_limits(parse, config);
    if (rc == 0)
        rc = agree_origins(parse, config);
    if (rc == 0)
        rc = agree_places(parse, config);
    if (rc == 0)
        rc = agree_port(parse, config);
    for (size_t i = 0; rc == 0 && i < config->pools_count; i++)
        resolve_probe(&config->pools[i]);
    return rc;
}

static bool listens_beyond(struct span address)
{
    struct span host;
    if (address.len == 0 || !form_listen(address, &host) || span_is_null(host))
        return false;
    if (span_starts(host, SPAN("[")))
        host = span_of(host.ptr + 1, host.len - 2);
    return !form_host_is_loopback(host);
}

void agree_write_warnings(struct buf *buf, const struct config *config)
{
    bool beyond = false;
    for (size_t i = 0; i < config->listen_count; i++)
        beyond = beyond || listens_beyond(config->listen[i]);
    if (config->keys != CONFIG_KEYS_REQUIRED && beyond)
        buf_append(buf, SPAN("service.keys: without keys, everybody who reaches "
                             "service.listen uses the models\n"));
    if (listens_beyond(config->metrics_listen))
        buf_append(buf, SPAN("service.metrics: it can be read from other machines, and has no "
                             "password\n"));
    for (size_t i = 0; i < config->pools_count; i++) {
        const struct config_pool *pool = &config->pools[i];
        for (size_t j = 0; j < pool->backends_count; j++) {
            const struct config_backend *backend = &pool->backends[j];
            struct form_url url;
            if (span_is_null(backend->api_key) || form_url(backend->url, &url) != NULL || url.tls ||
                form_host_is_private(url.host))
                continue;
            buf_printf(buf, "pools.backends.url: '%s' gets its key and all prompts without TLS\n",
                       backend->url.ptr);
        }
    }
}
