/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's body: spans that were checked, copied as they were written and in their order, and the few members that the
 * door sets. Nothing is printed from the parsed tree, so what was inspected is what runs, byte for byte. Where a field holds members that are not
 * known below the top level, these alone are left out.
 *
 * The client's own word for the limit of tokens stays, since engines know each of them; where the door sets the limit, all of
 * them go and one `max_tokens` comes, since engines differ in which they believe. The same for the word by which an engine is told to think less.
 */
#include "dialect/inference_fields.h"

#include "base/json_out.h"

/* The braces, the door's own members and their values, without the model's name. */
#define FRAME_BYTES 256

static bool is_sent(const struct inference_field *field, const struct inference_target *target)
{
    if (field->known < 0)
        return field->listed;
    const struct field_rule *rule = field_rule(field->known);
    if (target->output_tokens_max && field_is_limit(rule))
        return false;
    if (field_is_thought(rule, target->thought))
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

static void write_value(const struct inference *inference, enum nested below, struct json_value value, struct span raw, struct buf *buf)
{
    if (below == NESTED_ANY)
        buf_append(buf, raw);
    else
        nested_write(below, value, raw, inference->listed, inference->listed_count, buf);
}

/* Each element from its own text, without those that stay behind. */
static void write_messages(const struct inference *inference, const struct inference_field *field, const struct inference_cut *cut,
                           struct buf *buf)
{
    struct json_members elements = json_members(field->raw);
    struct json_walk walk = json_walk(field->value);
    struct json_value message;
    struct span raw;
    const char *before = "[";
    for (uint32_t at = 0; json_walk_next(&walk, NULL, &message) && json_elements_next(&elements, &raw); at++) {
        if (at >= cut->from && at < cut->to && !message_stays(message))
            continue;
        buf_append(buf, span_str(before));
        write_value(inference, field->below, message, raw, buf);
        before = ",";
    }
    buf_append_byte(buf, ']');
}

static void write_field(const struct inference *inference, const struct inference_field *field, const struct inference_target *target,
                        struct buf *buf)
{
    buf_append(buf, SPAN(",\""));
    if (field->known < 0)
        json_escape(buf, field->name);
    else
        buf_append(buf, field->name); /* a name of the table: nothing to escape */
    buf_append(buf, SPAN("\":"));
    if (target->cut && field->known >= 0 && field_is_messages(field_rule(field->known)))
        write_messages(inference, field, target->cut, buf);
    else
        write_value(inference, field->below, field->value, field->raw, buf);
}

/* What the client gave the template beside the one member that is the door's now. */
static void write_template(const struct inference *inference, struct buf *buf)
{
    buf_append(buf, SPAN(",\"chat_template_kwargs\":{\"enable_thinking\":false"));
    for (size_t i = 0; i < inference->fields_count; i++) {
        const struct inference_field *field = &inference->fields[i];
        if (field->known < 0 || !field_is_thought(field_rule(field->known), THOUGHT_TEMPLATE))
            continue;
        struct json_members members = json_members(field->raw);
        struct json_walk walk = json_walk(field->value);
        struct json_value value;
        struct span name, raw_key, raw;
        while (json_walk_next(&walk, &name, &value) && json_members_next(&members, &raw_key, &raw)) {
            if (span_eq(name, SPAN("enable_thinking")))
                continue;
            buf_append(buf, SPAN(",\""));
            buf_append(buf, raw_key);
            buf_append(buf, SPAN("\":"));
            buf_append(buf, raw);
        }
    }
    buf_append_byte(buf, '}');
}

static void write_thought(const struct inference *inference, enum inference_thought thought, struct buf *buf)
{
    switch (thought) {
    case THOUGHT_EFFORT:
        buf_append(buf, SPAN(",\"reasoning_effort\":\"low\""));
        break;
    case THOUGHT_THINKING:
        buf_append(buf, SPAN(",\"thinking\":{\"type\":\"disabled\"}"));
        break;
    case THOUGHT_TEMPLATE:
        write_template(inference, buf);
        break;
    case THOUGHT_AS_ASKED:
    case THOUGHT_COUNT:
        break;
    }
}

/* "Low" may be more than the nothing that a client asks for in other words; the other forms are nothing themselves. */
bool inference_can_think_less(const struct inference *inference, enum inference_thought thought)
{
    uint32_t little = thought == THOUGHT_EFFORT ? inference->thinks_little : inference->thinks_little & 1u << thought;
    return thought != THOUGHT_AS_ASKED && inference->endpoint == ENDPOINT_CHAT && !little;
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
            write_field(inference, &inference->fields[i], target, buf);
    }
    write_thought(inference, target->thought, buf);
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
