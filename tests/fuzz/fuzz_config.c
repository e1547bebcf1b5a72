/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration: the input is a YAML file, parsed with each kind of command line; what begins with '{' is also tried
 * as a whole bundle.
 *
 * No crash, and: a refusal says why and shows no secret; the same bundle gives the same configuration; what is accepted
 * keeps the promises that src/config/README.md makes to its readers.
 */
#include "config/bundle.h"
#include "config/config.h"

#define SECRET "sk-never-shown"
#define PEM "-----BEGIN CERTIFICATE-----\n" SECRET

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_pool(const struct config *config, struct span name)
{
    for (size_t i = 0; i < config->pools_count; i++)
        if (span_eq(config->pools[i].name, name))
            return true;
    return false;
}

static void check_promises(const struct config *config)
{
    check(config->listen_count >= 1 && config->listen_count <= CONFIG_LISTEN_MAX);
    check(config->cors_origins_count <= CONFIG_ORIGINS_MAX);
    check(config->pools_count <= CONFIG_POOLS_MAX && config->models_count <= CONFIG_MODELS_MAX);
    check(config->body_memory_max >= config->body_bytes_max && config->body_bytes_max > 0);
    check(config->answer_bytes_max >= config->event_bytes_max && config->event_bytes_max > 0);
    for (size_t i = 0; i < config->pools_count; i++) {
        const struct config_pool *pool = &config->pools[i];
        check(pool->name.len > 0 && pool->probe != CONFIG_PROBE_AUTO);
        check(pool->backends_count >= 1 && pool->backends_count <= CONFIG_BACKENDS_MAX);
        check(pool->retry_budget_percent <= 100 && pool->connect_ms > 0);
        for (size_t j = 0; j < pool->backends_count; j++) {
            const struct config_backend *backend = &pool->backends[j];
            check(span_starts(backend->url, SPAN("http://")) ||
                  span_starts(backend->url, SPAN("https://")));
            check(backend->weight >= 1 && backend->weight <= 1000);
        }
    }
    for (size_t i = 0; i < config->models_count; i++) {
        const struct config_model *model = &config->models[i];
        check(model->name.len > 0 && model->upstream_model.len > 0);
        check(has_pool(config, model->pool) && model->choices_max >= 1);
    }
}

/* A text that holds the secret itself may see it again, as a key that is not known. */
static void parse_twice(struct span bundle, bool text_has_secret)
{
    char names[256];
    struct err err = {0};
    struct config *config = config_parse(bundle, &err);
    struct config *again = config_parse(bundle, NULL);
    check((config != NULL) == (again != NULL));
    if (config) {
        check_promises(config);
        check(config_needs_restart(config, again, names, sizeof(names)) == 0);
        check(config->pools_count == again->pools_count);
        check(config->models_count == again->models_count);
    } else {
        check(err.text[0] != '\0');
        check(text_has_secret || !strstr(err.text, SECRET));
    }
    config_unref(config);
    config_unref(again);
}

/* Files may name the key file "k", the variable "K" and the certificates "c". */
static void parse_file(struct span text, const struct config_facts *facts)
{
    char key[] = SECRET;
    char pem[] = PEM;
    struct secret items[] = {
        {.kind = SECRET_KEY_FILE, .name = (char[]){"k"}, .bytes = key, .len = sizeof(key) - 1},
        {.kind = SECRET_KEY_ENV, .name = (char[]){"K"}, .bytes = key, .len = sizeof(key) - 1},
        {.kind = SECRET_CA_FILE, .name = (char[]){"c"}, .bytes = pem, .len = sizeof(pem) - 1},
    };
    const struct secrets secrets = {
        .items = items, .count = COUNT_OF(items), .bytes = 2 * (sizeof(key) - 1) + sizeof(pem) - 1};
    struct buf bundle;
    struct buf warnings;
    bool has_secret = span_find(text, SPAN(SECRET)) >= 0;
    buf_init(&bundle, CONFIG_BUNDLE_BYTES_MAX);
    buf_init(&warnings, 1u << 20);
    if (bundle_write(&bundle, "f", text, SPAN(""), facts, &secrets) == 0) {
        parse_twice(buf_span(&bundle), has_secret);
        if (config_warnings(buf_span(&bundle), &warnings) == 0)
            check(has_secret || span_find(buf_span(&warnings), SPAN(SECRET)) < 0);
    }
    buf_release(&warnings);
    config_bundle_release(&bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_facts starts[] = {
        {0},
        {.port = "8081", .embedded_url = "http://127.0.0.1:1", .embedded_model = "m"},
        {.upstream_url = "https://api.example.org/v1"},
    };
    struct span input = span_of(data, size);
    if (size > CONFIG_FILE_BYTES_MAX)
        return 0;
    for (size_t i = 0; i < COUNT_OF(starts); i++)
        parse_file(input, &starts[i]);
    if (span_starts(input, SPAN("{")))
        parse_twice(input, true);
    return 0;
}
