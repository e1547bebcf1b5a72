/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include "base/text.h"

#include <jansson.h>

#define PAGE_BYTES_MAX (4u << 20)
#define LLAMA_BATCH_CONTEXT_MAX (1u << 30)

static json_t *parse(struct span json)
{
    json_error_t ignored;
    return json_loadb(json.len ? json.ptr : "", json.len, 0, &ignored);
}

/* 0 when it is not there or no size. */
static uint32_t size_of(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value < 1 || value > LLAMA_BATCH_CONTEXT_MAX ? 0 : (uint32_t)value;
}

static void take_size(uint32_t *size, uint32_t said)
{
    *size = said ? said : *size;
}

int facts_read_models(struct span json, struct facts *facts)
{
    json_t *root = parse(json);
    const json_t *model = json_array_get(json_object_get(root, "data"), 0);
    const char *id = json_string_value(json_object_get(model, "id"));
    const char *owner = json_string_value(json_object_get(model, "owned_by"));
    int r = id && id[0] && strlen(id) < sizeof(facts->model) ? 0 : -EINVAL;
    if (r == 0) {
        (void)snprintf(facts->model, sizeof(facts->model), "%s", id);
        take_size(&facts->context_tokens, size_of(model, "max_model_len"));
        facts->is_vllm = owner && strcmp(owner, "vllm") == 0;
        facts->is_llama = owner && strcmp(owner, "llamacpp") == 0;
    }
    json_decref(root);
    return r;
}

void facts_read_props(struct span json, struct facts *facts)
{
    json_t *root = parse(json);
    uint32_t slots = size_of(root, "total_slots");
    uint32_t context = size_of(json_object_get(root, "default_generation_settings"), "n_ctx");
    if (slots > 0 && context > 0) {
        facts->is_llama = true;
        facts->slots = slots;
        facts->context_tokens = context;
        facts->kv_tokens = (uint32_t)MIN((uint64_t)slots * context, (uint64_t)UINT32_MAX);
        facts->block_tokens = 1;
    }
    json_decref(root);
}

/* The number in name="…" of a line of metrics; 0 without. */
static uint32_t label_size(struct span line, struct span name)
{
    uint64_t value = 0;
    ptrdiff_t at = span_find(line, name);
    if (at < 0)
        return 0;
    struct span rest = span_skip(line, (size_t)at + name.len);
    ptrdiff_t end = span_find_byte(rest, '"');
    if (end < 0 || text_to_u64(span_take(rest, (size_t)end), &value) < 0 ||
        value > LLAMA_BATCH_CONTEXT_MAX)
        return 0;
    return (uint32_t)value;
}

void facts_read_metrics(struct span text, struct facts *facts)
{
    struct span line;
    while (span_split(&text, '\n', &line)) {
        if (!span_starts(line, SPAN("vllm:cache_config_info{")))
            continue;
        uint64_t blocks = label_size(line, SPAN("num_gpu_blocks=\"")),
                 tokens = label_size(line, SPAN("block_size=\""));
        if (blocks > 0 && tokens > 0 && blocks * tokens <= UINT32_MAX) {
            facts->kv_tokens = (uint32_t)(blocks * tokens);
            facts->block_tokens = (uint32_t)tokens;
        }
    }
}

int facts_ask(struct probe *probe, struct facts *ret_facts, struct err *err)
{
    struct buf body;
    struct err ignored;
    struct facts facts = {0};
    buf_init(&body, PAGE_BYTES_MAX);
    int r = probe_get(probe, "/v1/models", &body, err);
    if (r > 0 && (r != 200 || facts_read_models(buf_span(&body), &facts) < 0))
        r = err_set(err, -EINVAL, "GET /v1/models gives status %d and no list of models", r);
    buf_clear(&body);
    if (r > 0 && probe_get(probe, "/props", &body, &ignored) == 200)
        facts_read_props(buf_span(&body), &facts);
    buf_clear(&body);
    if (r > 0 && probe_get(probe, "/metrics", &body, &ignored) == 200)
        facts_read_metrics(buf_span(&body), &facts);
    buf_release(&body);
    if (r > 0)
        *ret_facts = facts;
    return r < 0 ? r : 0;
}
