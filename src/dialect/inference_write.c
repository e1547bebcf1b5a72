/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's body: spans that were checked, copied as they were written and in their order, and the few members that the
 * door sets. Nothing is printed from the parsed tree, so what was inspected is what runs, byte for byte. Where a field holds members that are not
 * known below the top level, these alone are left out.
 *
 * The client's own word for the limit of tokens stays, since engines know each of them; where the door sets the limit, all of
 * them go and one `max_tokens` comes, since engines differ in which they believe.
 */
#include "dialect/inference_fields.h"

#include "base/json_out.h"

/* The braces, the door's own members and their values, without the model's name. */
#define FRAME_BYTES 160

static bool is_sent(const struct inference_field *field, const struct inference_target *target)
{
    if (field->known < 0)
        return field->listed;
    const struct field_rule *rule = field_rule(field->known);
    if (target->output_tokens_max && field_is_limit(rule))
        return false;
    return rule->handling == PASS || field->listed;
}

static size_t size_of(const struct inference *inference, const struct inference_target *target)
{
    size_t size = FRAME_BYTES + target->model.len;
    for (size_t i = 0; i < inference->fields_count; i++)
        size += inference->fields[i].name.len + inference->fields[i].raw.len + 4;
    return size;
}

static void write_field(const struct inference *inference, const struct inference_field *field,
                        struct buf *buf)
{
    buf_append(buf, SPAN(",\""));
    if (field->known < 0)
        json_escape(buf, field->name);
    else
        buf_append(buf, field->name); /* a name of the table: nothing to escape */
    buf_append(buf, SPAN("\":"));
    if (field->below == NESTED_ANY)
        buf_append(buf, field->raw);
    else
        nested_write(field->below, field->value, field->raw, inference->listed,
                     inference->listed_count, buf);
}

void inference_write(const struct inference *inference, const struct inference_target *target,
                     struct buf *buf)
{
    if (buf_reserve(buf, size_of(inference, target)) < 0)
        return;
    buf_append(buf, SPAN("{\"model\":\""));
    json_escape(buf, target->model);
    buf_append_byte(buf, '"');
    for (size_t i = 0; i < inference->fields_count; i++) {
        if (is_sent(&inference->fields[i], target))
            write_field(inference, &inference->fields[i], buf);
    }
    bool generates = inference->endpoint != ENDPOINT_EMBEDDING;
    if (generates && target->output_tokens_max) {
        buf_append(buf, SPAN(",\"max_tokens\":"));
        buf_append_u64(buf, target->output_tokens_max);
    }
    if (generates && target->stream) {
        buf_append(buf, SPAN(",\"stream\":true"));
        if (target->ask_usage || inference->include_usage)
            buf_append(buf, SPAN(",\"stream_options\":{\"include_usage\":true}"));
    }
    buf_append_byte(buf, '}');
}
