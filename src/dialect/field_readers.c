/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/field_readers.h"

#define STOP_BYTES_MAX 1024 /* a stop sequence is compared with every piece of text */
#define BIAS_MAX 100        /* OpenAI's range, both ways */

static int wrong(struct reading *reading, const struct field_rule *rule, const char *what)
{
    return reading_refuse(reading, PLACE_MEMBER(NULL, rule->name.ptr), "%s", what);
}

static uint64_t positive(struct json_value value)
{
    int64_t number = 0;
    return json_i64(value, &number) && number > 0 ? (uint64_t)number : 0;
}

int read_model(struct reading *reading, const struct field_rule *rule, struct json_value value,
               struct span raw)
{
    (void)rule, (void)raw;
    reading->inference->model = json_string(value);
    return 0;
}

int read_messages(struct reading *reading, const struct field_rule *rule, struct json_value value,
                  struct span raw)
{
    (void)rule, (void)raw;
    return messages_read(reading, value);
}

int read_prompt(struct reading *reading, const struct field_rule *rule, struct json_value value,
                struct span raw)
{
    (void)raw;
    /* A model may begin from nothing; nothing has no embedding. */
    return prompts_read(reading, rule->name.ptr, rule->endpoints == FIELD_TEXT, value);
}

int read_stream(struct reading *reading, const struct field_rule *rule, struct json_value value,
                struct span raw)
{
    (void)rule, (void)raw;
    reading->inference->stream = json_bool(value);
    return 0;
}

int read_stream_options(struct reading *reading, const struct field_rule *rule,
                        struct json_value value, struct span raw)
{
    (void)raw;
    bool unused;
    const struct place *place = PLACE_MEMBER(NULL, rule->name.ptr);
    int r =
        reading_flag(reading, place, value, "include_usage", &reading->inference->include_usage);
    if (r >= 0)
        r = reading_flag(reading, place, value, "include_obfuscation", &unused);
    return r < 0 ? r : 0;
}

/* Several names mean the same; when several are given they must agree, because engines differ in which one they believe. */
int read_limit(struct reading *reading, const struct field_rule *rule, struct json_value value,
               struct span raw)
{
    (void)raw;
    uint64_t *limit = &reading->inference->output_tokens_max;
    if (*limit && *limit != positive(value))
        return wrong(reading, rule,
                     "contradicts another field that limits the tokens of the answer");
    *limit = positive(value);
    return 0;
}

int read_choices(struct reading *reading, const struct field_rule *rule, struct json_value value,
                 struct span raw)
{
    (void)rule, (void)raw;
    reading->inference->choices = (uint32_t)positive(value);
    return 0;
}

int read_best_of(struct reading *reading, const struct field_rule *rule, struct json_value value,
                 struct span raw)
{
    (void)rule, (void)raw;
    reading->best_of = positive(value);
    return 0;
}

static int stop_text(struct reading *reading, const struct place *place, struct json_value value)
{
    struct span text = json_string(value);
    if (span_is_null(text))
        return reading_refuse(reading, place, "must be a string");
    if (text.len == 0 || text.len > STOP_BYTES_MAX)
        return reading_refuse(reading, place, "must have 1 to %d bytes", STOP_BYTES_MAX);
    return 0;
}

int read_stop(struct reading *reading, const struct field_rule *rule, struct json_value value,
              struct span raw)
{
    (void)raw;
    const struct place *place = PLACE_MEMBER(NULL, rule->name.ptr);
    if (json_kind(value) == JSON_STRING)
        return stop_text(reading, place, value);
    if (json_kind(value) != JSON_ARRAY)
        return wrong(reading, rule, "must be a string or an array of strings");
    if (json_count(value) > INFERENCE_STOPS_MAX)
        return reading_refuse(reading, place, "must have at most %d elements", INFERENCE_STOPS_MAX);
    struct json_value item;
    size_t i = 0;
    for (struct json_walk walk = json_walk(value); json_walk_next(&walk, NULL, &item); i++) {
        int r = stop_text(reading, PLACE_ELEMENT(place, i), item);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_token_id(struct span key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9')
            return false;
    }
    return key.len > 0 && key.len <= 9;
}

int read_biases(struct reading *reading, const struct field_rule *rule, struct json_value value,
                struct span raw)
{
    (void)raw;
    if (json_count(value) > (size_t)rule->max)
        return wrong(reading, rule, "has too many members");
    struct json_value item;
    struct span key;
    for (struct json_walk walk = json_walk(value); json_walk_next(&walk, &key, &item);) {
        double bias;
        if (!is_token_id(key))
            return wrong(reading, rule, "must have token ids as its keys");
        if (!json_number(item, &bias) || bias < -BIAS_MAX || bias > BIAS_MAX)
            return wrong(reading, rule, "must have numbers from -100 to 100 as its values");
    }
    return 0;
}

int read_logprobs(struct reading *reading, const struct field_rule *rule, struct json_value value,
                  struct span raw)
{
    (void)raw;
    /* For completions 0 asks for those of the tokens that were chosen. */
    reading->asks_logprobs = rule->type != FLAG || json_bool(value);
    reading->inference->has_logprobs = reading->asks_logprobs;
    return 0;
}

int read_top_logprobs(struct reading *reading, const struct field_rule *rule,
                      struct json_value value, struct span raw)
{
    (void)rule, (void)raw;
    reading->asks_top_logprobs = positive(value) > 0;
    return 0;
}

int read_tools(struct reading *reading, const struct field_rule *rule, struct json_value value,
               struct span raw)
{
    (void)rule;
    return tools_read(reading, value, raw);
}

int read_tool_choice(struct reading *reading, const struct field_rule *rule,
                     struct json_value value, struct span raw)
{
    (void)rule, (void)raw;
    return tool_choice_read(reading, value);
}

int read_response_format(struct reading *reading, const struct field_rule *rule,
                         struct json_value value, struct span raw)
{
    (void)rule, (void)raw;
    return response_format_read(reading, value);
}

static void note_thought(struct reading *reading, enum inference_thought thought, bool little)
{
    if (little)
        reading->inference->thinks_little |= 1u << thought;
}

int read_effort(struct reading *reading, const struct field_rule *rule, struct json_value value,
                struct span raw)
{
    (void)rule, (void)raw;
    struct span effort = json_string(value);
    note_thought(reading, THOUGHT_EFFORT, word_in(effort, "none minimal low"));
    reading->inference->reasons |= !word_in(effort, "none minimal");
    return 0;
}

/* Its members are the template's own business. */
int read_template_kwargs(struct reading *reading, const struct field_rule *rule,
                         struct json_value value, struct span raw)
{
    (void)rule, (void)raw;
    struct json_value thinks;
    note_thought(reading, THOUGHT_TEMPLATE,
                 json_get(value, SPAN("enable_thinking"), &thinks) &&
                     json_kind(thinks) == JSON_BOOL && !json_bool(thinks));
    return 0;
}

int read_thinking(struct reading *reading, const struct field_rule *rule, struct json_value value,
                  struct span raw)
{
    (void)raw;
    struct span type;
    const struct place *place = PLACE_MEMBER(NULL, rule->name.ptr);
    int r = reading_string(reading, place, value, "type", REQUIRED, &type);
    if (r < 0)
        return r;
    reading_knows(reading, NESTED_THINKING, NESTED_THINKING, value, 1);
    reading->inference->reasons |= span_eq(type, SPAN("enabled"));
    note_thought(reading, THOUGHT_THINKING, span_eq(type, SPAN("disabled")));
    if (word_in(type, "enabled disabled"))
        return 0;
    return reading_refuse(reading, PLACE_MEMBER(place, "type"), "must be 'enabled' or 'disabled'");
}

int read_suffix(struct reading *reading, const struct field_rule *rule, struct json_value value,
                struct span raw)
{
    (void)rule, (void)raw;
    reading->inference->prompt_bytes += json_string(value).len;
    return 0;
}

/* Whoever asks for storage would look for what was stored. */
int read_store(struct reading *reading, const struct field_rule *rule, struct json_value value,
               struct span raw)
{
    (void)raw;
    return json_bool(value) ? wrong(reading, rule, "must be false: nothing is stored here") : 0;
}

int read_modalities(struct reading *reading, const struct field_rule *rule, struct json_value value,
                    struct span raw)
{
    (void)raw;
    struct json_value item;
    for (struct json_walk walk = json_walk(value); json_walk_next(&walk, NULL, &item);) {
        if (!span_eq(json_string(item), SPAN("text")))
            return wrong(reading, rule, "must be [\"text\"]: answers are text");
    }
    return 0;
}

int read_token_ids(struct reading *reading, const struct field_rule *rule, struct json_value value,
                   struct span raw)
{
    (void)raw;
    return token_ids_read(reading, PLACE_MEMBER(NULL, rule->name.ptr), value);
}
