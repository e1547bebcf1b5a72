/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which turns of a conversation may be left out. One walk over the messages, with what must not be parted kept as one number: the sum of the hashes of calls that were
 * made, less those of answers that came. It is zero where all calls have their answers, also when ids repeat or answers come late. Who makes up ids whose hashes
 * add up wrongly only has its own conversation cut in a bad place.
 */
#include "dialect/inference_fields.h"

#include "base/mac.h"

struct turn_size {
    uint64_t bytes;
    uint32_t messages;
};

struct turns {
    struct inference_cut cut;
    uint64_t open;       /* calls without an answer; 0: none */
    uint32_t begun;      /* turns, with the one under way */
    uint32_t first_from; /* where the first begins */
    struct turn_size first, under_way, left_out;
};

/* Not secret, but well mixed: sums of a few must not meet by chance. */
static uint64_t hash_of(struct span text)
{
    static const struct mac_key key = {{1}};
    return mac_64(&key, text);
}

static struct span text_of(struct json_value object, struct span name)
{
    struct json_value value;
    return json_get(object, name, &value) ? json_string(value) : SPAN_NULL;
}

/* What a message adds to the calls that have no answer. */
static uint64_t calls_of(struct json_value message, struct span role)
{
    struct json_value value, call;
    uint64_t sum = 0;
    if (span_eq(role, SPAN("tool")))
        return 0 - hash_of(text_of(message, SPAN("tool_call_id")));
    if (span_eq(role, SPAN("function")))
        return 0 - hash_of(text_of(message, SPAN("name")));
    if (!span_eq(role, SPAN("assistant")))
        return 0;
    if (json_get(message, SPAN("tool_calls"), &value) && json_kind(value) == JSON_ARRAY)
        for (struct json_walk walk = json_walk(value); json_walk_next(&walk, NULL, &call);)
            sum += hash_of(text_of(call, SPAN("id")));
    if (json_get(message, SPAN("function_call"), &value) && json_kind(value) == JSON_OBJECT)
        sum += hash_of(text_of(value, SPAN("name")));
    return sum;
}

static void leave_out(struct turns *turns, const struct turn_size *size)
{
    turns->left_out.bytes += size->bytes;
    turns->left_out.messages += size->messages;
}

/* A turn begins at message `at`, and so the one before it is complete. */
static void turn_begins(struct turns *turns, uint32_t at)
{
    if (turns->begun == 0)
        turns->first_from = at;
    if (turns->begun == 1) {
        turns->first = turns->under_way;
        turns->cut.from = at;
    } else if (turns->begun > 1) {
        leave_out(turns, &turns->under_way);
    }
    turns->cut.to = at;
    turns->under_way = (struct turn_size){0};
    turns->begun++;
}

static bool is_enough(const struct turns *turns, uint64_t excess)
{
    return turns->left_out.bytes >= excess;
}

static void walk_turns(struct turns *turns, struct json_value messages, uint64_t excess)
{
    struct json_value message;
    uint32_t at = 0;
    for (struct json_walk walk = json_walk(messages); json_walk_next(&walk, NULL, &message); at++) {
        struct span role = text_of(message, SPAN("role"));
        if (turns->open == 0 && span_eq(role, SPAN("user"))) {
            turn_begins(turns, at);
            if (is_enough(turns, excess))
                return;
        }
        if (!message_stays(message)) {
            turns->under_way.bytes += message_bytes(message);
            turns->under_way.messages++;
        }
        turns->open += calls_of(message, role);
    }
    if (turns->begun > 1) { /* the last resort */
        leave_out(turns, &turns->first);
        turns->cut.from = turns->first_from;
    }
}

bool message_stays(struct json_value message)
{
    struct span role = text_of(message, SPAN("role"));
    return span_eq(role, SPAN("system")) || span_eq(role, SPAN("developer"));
}

bool inference_find_cut(const struct inference *inference, uint64_t tokens_max,
                        struct inference_cut *ret_cut)
{
    if (inference->endpoint != ENDPOINT_CHAT || inference->prompt_tokens_estimate <= tokens_max)
        return false;
    struct turns turns = {.begun = 0};
    for (size_t i = 0; i < inference->fields_count; i++) {
        const struct inference_field *field = &inference->fields[i];
        if (field->known >= 0 && field_is_messages(field_rule(field->known)))
            walk_turns(&turns, field->value,
                       (inference->prompt_tokens_estimate - tokens_max) * BYTES_PER_TOKEN);
    }
    if (turns.left_out.messages == 0)
        return false;
    *ret_cut = turns.cut;
    ret_cut->messages = turns.left_out.messages;
    ret_cut->tokens =
        MIN(turns.left_out.bytes / BYTES_PER_TOKEN, inference->prompt_tokens_estimate);
    return true;
}
