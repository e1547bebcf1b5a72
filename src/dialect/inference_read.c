/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body becomes an inference: the document, then its members one by one against the table, then what several members say
 * together.
 *
 * Tokens are estimated as bytes / 4 (BYTES_PER_TOKEN): within a third of the truth for English, Chinese (three bytes a character, some 1.4
 * characters a token) and code under the vocabularies in use. The estimate only orders and reserves; the engine's
 * `usage` settles what is charged.
 */
#include "dialect/inference_fields.h"

#define REPLY_TOKENS 3 /* the marker that opens the assistant's turn */

static int refuse_document(struct refusal *refusal, int code, const struct err *err)
{
    if (code == -ENOMEM)
        return code;
    if (code == -ENOSPC)
        return refuse(refusal, REASON_TOO_LARGE, NULL, "the body is too large: %s", err->text);
    return refuse(refusal, REASON_BAD_JSON, NULL, "the body is not acceptable JSON: %s", err->text);
}

static int read_member(struct reading *reading, struct inference_field *field,
                       struct json_value value)
{
    if (field->known < 0)
        return 0; /* inference_allow() decides */
    const struct field_rule *rule = field_rule(field->known);
    if (rule->handling == REFUSE)
        return 0; /* likewise: whatever is in it */
    int r = field_check(reading, rule, value);
    if (r < 0 || !rule->read)
        return r;
    r = rule->read(reading, rule, value, field->raw);
    field->below = reading->below;
    reading->below = NESTED_ANY;
    return r;
}

/* Walks the document and its text side by side: both are in the same order. */
static int read_members(struct reading *reading, struct span body, struct json_value root)
{
    struct inference *inference = reading->inference;
    struct json_members members = json_members(body);
    struct json_walk walk = json_walk(root);
    struct json_value value;
    struct span name, raw_key, raw;
    while (json_walk_next(&walk, &name, &value) && json_members_next(&members, &raw_key, &raw)) {
        int known = field_find(inference->endpoint, name);
        if (known >= 0 && json_kind(value) == JSON_NULL)
            continue;
        if (inference->fields_count == INFERENCE_FIELDS_MAX)
            return refuse(reading->refusal, REASON_BAD_FIELD, NULL, "more than %d fields",
                          INFERENCE_FIELDS_MAX);
        struct inference_field *field = &inference->fields[inference->fields_count++];
        *field = (struct inference_field){.known = known, .name = name, .raw = raw, .value = value};
        int r = read_member(reading, field, value);
        if (r < 0)
            return r;
    }
    return 0;
}

static const char *input_name(enum endpoint endpoint)
{
    return endpoint == ENDPOINT_CHAT         ? "messages"
           : endpoint == ENDPOINT_COMPLETION ? "prompt"
                                             : "input";
}

/* What one member alone cannot tell. */
static int check_together(struct reading *reading)
{
    struct inference *inference = reading->inference;
    if (span_is_null(inference->model))
        return reading_refuse(reading, PLACE_MEMBER(NULL, "model"), "is missing");
    if (!reading->has_input)
        return reading_refuse(reading, PLACE_MEMBER(NULL, input_name(inference->endpoint)),
                              "is missing");
    if (reading->asks_top_logprobs && !reading->asks_logprobs)
        return reading_refuse(reading, PLACE_MEMBER(NULL, "top_logprobs"),
                              "needs 'logprobs' to be true");
    if (reading->needs_tools && !inference->has_tools)
        return reading_refuse(reading, PLACE_MEMBER(NULL, "tool_choice"), "needs 'tools'");
    if (reading->best_of && reading->best_of < inference->choices)
        return reading_refuse(reading, PLACE_MEMBER(NULL, "best_of"), "must not be less than 'n'");
    return 0;
}

static void estimate(struct reading *reading)
{
    struct inference *inference = reading->inference;
    if (inference->endpoint == ENDPOINT_CHAT)
        reading->tokens += REPLY_TOKENS;
    inference->prompt_tokens_estimate =
        reading->tokens + (inference->prompt_bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
    /* The engine makes as many for each prompt; `best_of` is made whole and then chosen from. */
    if (reading->best_of)
        inference->choices = (uint32_t)reading->best_of;
    if (inference->endpoint == ENDPOINT_COMPLETION && reading->prompts > 1)
        inference->prompts = (uint32_t)reading->prompts;
    inference->choices *= inference->prompts;
}

int inference_read(struct json_parser *parser, enum endpoint endpoint, struct span body,
                   struct inference *ret_inference, struct refusal *ret_refusal)
{
    struct json_value root;
    struct err err;
    int r = json_parse(parser, body, &root, &err);
    if (r < 0)
        return refuse_document(ret_refusal, r, &err);
    if (json_kind(root) != JSON_OBJECT)
        return refuse(ret_refusal, REASON_BAD_JSON, NULL, "the body must be a JSON object");
    /* Not its fields: they are many, and the count says which are set. */
    memset(ret_inference, 0, offsetof(struct inference, fields));
    ret_inference->endpoint = endpoint;
    ret_inference->choices = 1;
    ret_inference->prompts = 1;
    struct reading reading = {.inference = ret_inference, .refusal = ret_refusal};
    r = read_members(&reading, body, root);
    if (r < 0)
        return r;
    r = check_together(&reading);
    if (r < 0)
        return r;
    estimate(&reading);
    return 0;
}
