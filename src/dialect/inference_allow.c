/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One model's caps and its operator's table of fields, held against a request that was read.
 */
#include "dialect/inference_fields.h"

/* More bytes than any vocabulary puts into a token on average, also in deep indentation: a prompt that is too long even so
 * is refused here; nearer cases are the engine's, which counts. */
#define BYTES_PER_TOKEN_MAX 32

static bool is_listed(const struct inference_caps *caps, struct span name)
{
    for (size_t i = 0; i < caps->engine_fields_count; i++) {
        if (span_eq(caps->engine_fields[i], name))
            return true;
    }
    return false;
}

/* The name is cut for people and for `param`: a client may call a field anything. */
static int refuse_field(struct refusal *refusal, struct span name, const char *words)
{
    char param[81];
    snprintf(param, sizeof(param), "%.*s", (int)MIN(name.len, sizeof(param) - 1), name.ptr);
    return refuse(refusal, REASON_UNKNOWN_FIELD, param, "'%s' %s", param, words);
}

static int allow_field(struct inference_field *field, const struct inference_caps *caps,
                       struct refusal *refusal)
{
    const struct field_rule *rule = field->known < 0 ? NULL : field_rule(field->known);
    if (rule && (rule->handling == PASS || rule->handling == DOOR))
        return 0;
    field->listed = is_listed(caps, field->name);
    if (field->listed || (rule && rule->handling == DROP))
        return 0;
    if (!rule)
        return refuse_field(refusal, field->name, "is not a field of this request");
    if (rule->handling == REFUSE)
        return refuse_field(refusal, field->name, rule->words);
    return refuse_field(refusal, field->name, "is not allowed for this model");
}

static int allow_parts(const struct inference *inference, const struct inference_caps *caps,
                       struct refusal *refusal)
{
    static const struct span names[] = {
#define PART(name, text) [PART_##name] = SPAN(text),
        INFERENCE_PARTS(PART)
#undef PART
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if ((inference->parts & (1u << i)) && !is_listed(caps, names[i]))
            return refuse(refusal, REASON_UNPROCESSABLE, "messages",
                          i == PART_REMOTE_URL
                              ? "this model takes no URLs in messages except data: URLs"
                              : "this model takes no '%s' in messages",
                          names[i].ptr);
    }
    return 0;
}

/* The client's word for the limit. */
static const char *limit_name(const struct inference *inference)
{
    for (size_t i = 0; i < inference->fields_count; i++) {
        int known = inference->fields[i].known;
        if (known >= 0 && field_is_limit(field_rule(known)))
            return field_rule(known)->name.ptr;
    }
    return "max_tokens";
}

int inference_allow(struct inference *inference, const struct inference_caps *caps,
                    struct refusal *ret_refusal)
{
    inference->listed = caps->engine_fields;
    inference->listed_count = caps->engine_fields_count;
    for (size_t i = 0; i < inference->fields_count; i++) {
        int r = allow_field(&inference->fields[i], caps, ret_refusal);
        if (r < 0)
            return r;
    }
    int r = allow_parts(inference, caps, ret_refusal);
    if (r < 0)
        return r;
    if (inference->choices > caps->choices_max)
        return refuse(ret_refusal, REASON_BAD_FIELD, "n",
                      "this model makes at most %u answers to a request, and %u are asked for",
                      caps->choices_max, inference->choices);
    if (caps->output_tokens_max && inference->output_tokens_max > caps->output_tokens_max) {
        const char *name = limit_name(inference);
        return refuse(ret_refusal, REASON_BAD_FIELD, name,
                      "'%s' must be at most %llu for this model", name,
                      (unsigned long long)caps->output_tokens_max);
    }
    if (caps->context_tokens_max &&
        inference->prompt_bytes / BYTES_PER_TOKEN_MAX > caps->context_tokens_max)
        return refuse(ret_refusal, REASON_CONTEXT_EXCEEDED, NULL,
                      "the prompt is longer than this model's context of %llu tokens",
                      (unsigned long long)caps->context_tokens_max);
    return 0;
}

uint64_t inference_output_max(const struct inference *inference, uint64_t cap)
{
    uint64_t each = inference->output_tokens_max ? inference->output_tokens_max : cap;
    return each * inference->choices; /* n answers are n times the work */
}
