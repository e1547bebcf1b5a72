/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/models.h"

#include "base/alloc.h"
#include "base/text.h"

static bool is_model_name(struct span name)
{
    if (name.len == 0 || name.len >= POOL_MODEL_NAME_MAX || !text_is_utf8(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
            return false;
    return true;
}

static uint64_t member_u64(struct json_value object, struct span key)
{
    struct json_value value;
    int64_t number;
    if (!json_get(object, key, &value) || !json_i64(value, &number) || number < 0)
        return 0;
    return (uint64_t)number;
}

/* vLLM and SGLang say max_model_len. llama.cpp says n_ctx, what one of its slots has, and
 * n_ctx_train, what the weights could. */
static uint64_t context_of(struct json_value model)
{
    struct json_value meta;
    uint64_t tokens = member_u64(model, SPAN("max_model_len"));
    if (tokens || !json_get(model, SPAN("meta"), &meta))
        return tokens;
    tokens = member_u64(meta, SPAN("n_ctx"));
    return tokens ? tokens : member_u64(meta, SPAN("n_ctx_train"));
}

static enum engine_kind engine_of(struct span owned_by, struct span server)
{
    if (span_eq_nocase(owned_by, SPAN("llamacpp")) || span_eq_nocase(server, SPAN("llama.cpp")))
        return ENGINE_LLAMACPP;
    if (span_eq_nocase(owned_by, SPAN("vllm")))
        return ENGINE_VLLM;
    if (span_eq_nocase(owned_by, SPAN("sglang")))
        return ENGINE_SGLANG;
    return ENGINE_OTHER;
}

static bool list_has(const struct model_list *list, struct span name)
{
    for (size_t i = 0; i < list->count; i++)
        if (span_eq(span_str(list->entries[i].name), name))
            return true;
    return false;
}

static void list_add(struct model_list *list, struct span name, uint64_t context_tokens)
{
    if (list->count == POOL_MODELS_MAX || !is_model_name(name) || list_has(list, name))
        return;
    struct model_entry *entry = &list->entries[list->count++];
    memcpy(entry->name, name.ptr, name.len);
    entry->name[name.len] = '\0';
    entry->context_tokens = context_tokens;
}

int models_parse(struct json_parser *parser, struct span body, struct span server,
                 struct model_list *ret_list, enum engine_kind *ret_engine, struct err *err)
{
    struct json_value root, data, model;
    if (json_parse(parser, body, &root, err) < 0)
        return err_prefix(err, -EBADMSG, "the list of models");
    if (json_kind(root) != JSON_OBJECT || !json_get(root, SPAN("data"), &data) ||
        json_kind(data) != JSON_ARRAY)
        return err_set(err, -EBADMSG, "the list of models has no array 'data'");

    struct span owned_by = SPAN_NULL;
    ret_list->count = 0;
    struct json_walk walk = json_walk(data);
    while (json_walk_next(&walk, NULL, &model)) {
        struct json_value value;
        if (json_kind(model) != JSON_OBJECT || !json_get(model, SPAN("id"), &value))
            continue;
        list_add(ret_list, json_string(value), context_of(model));
        if (json_get(model, SPAN("owned_by"), &value) && span_is_null(owned_by))
            owned_by = json_string(value);
    }
    *ret_engine = engine_of(owned_by, server);
    return 0;
}

/* Keeps `list` sorted by name. Where backends differ about a model's context, the smallest that
 * is known counts: a call may go to any of them. */
static void list_merge(struct model_list *list, const struct model_entry *entry)
{
    size_t at = 0;
    int order = -1;
    while (at < list->count && (order = strcmp(list->entries[at].name, entry->name)) < 0)
        at++;
    if (at < list->count && order == 0) {
        uint64_t *context = &list->entries[at].context_tokens;
        if (*context == 0 || (entry->context_tokens && entry->context_tokens < *context))
            *context = entry->context_tokens;
        return;
    }
    if (at == POOL_MODELS_MAX)
        return;
    if (list->count == POOL_MODELS_MAX)
        list->count--;
    memmove(&list->entries[at + 1], &list->entries[at], (list->count - at) * sizeof(*entry));
    list->entries[at] = *entry;
    list->count++;
}

static bool lists_equal(const struct model_list *a, const struct model_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->entries[i].name, b->entries[i].name) != 0 ||
            a->entries[i].context_tokens != b->entries[i].context_tokens)
            return false;
    return true;
}

int backend_set_models(struct backend *backend, const struct model_list *models)
{
    struct pool *pool = backend->pool;
    struct model_list *copy = mem_alloc(sizeof(*copy));
    struct model_list *all = mem_zalloc(sizeof(*all));
    if (!copy || !all) {
        mem_free(copy);
        mem_free(all);
        return -ENOMEM;
    }
    *copy = *models;

    (void)pthread_mutex_lock(&pool->models_lock);
    mem_free(backend->models);
    backend->models = copy;
    for (size_t i = 0; i < pool->backends_count; i++) {
        const struct model_list *list = pool->backends[i].models;
        for (size_t k = 0; list && k < list->count; k++)
            list_merge(all, &list->entries[k]);
    }
    if (!lists_equal(all, &pool->models)) {
        pool->models = *all;
        atomic_fetch_add_explicit(&pool->models_version, 1, memory_order_release);
    }
    (void)pthread_mutex_unlock(&pool->models_lock);
    mem_free(all);
    return 0;
}

bool backend_models(struct backend *backend, struct model_list *ret_models)
{
    struct pool *pool = backend->pool;
    (void)pthread_mutex_lock(&pool->models_lock);
    bool known = backend->models != NULL;
    if (known)
        *ret_models = *backend->models;
    (void)pthread_mutex_unlock(&pool->models_lock);
    return known;
}

size_t pool_models(struct pool *pool, char (*ret_names)[POOL_MODEL_NAME_MAX],
                   uint64_t *ret_context_tokens, size_t names_max)
{
    (void)pthread_mutex_lock(&pool->models_lock);
    size_t count = MIN(pool->models.count, names_max);
    for (size_t i = 0; i < count; i++) {
        memcpy(ret_names[i], pool->models.entries[i].name, POOL_MODEL_NAME_MAX);
        ret_context_tokens[i] = pool->models.entries[i].context_tokens;
    }
    (void)pthread_mutex_unlock(&pool->models_lock);
    return count;
}

uint64_t pool_models_version(const struct pool *pool)
{
    return atomic_load_explicit(&pool->models_version, memory_order_acquire);
}
