/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field table as data, how a row is found, and the checks of type and range that every row has. The readers that look
 * closer at one field are in inference_read.c.
 */
#include "dialect/inference_fields.h"

#include "dialect/field_readers.h"

#define none NULL

static const struct field_rule rules[] = {
#define FIELD(name, endpoints, type, min, max, handling, reader, words)                            \
    {{#name, sizeof(#name) - 1}, endpoints, type, handling, min, max, reader, words},
    INFERENCE_FIELDS(FIELD)
#undef FIELD
};

#undef none

/* The names' lengths beside each other: finding a name is a memchr and one or two comparisons. */
static const unsigned char lengths[] = {
#define FIELD(name, endpoints, type, min, max, handling, reader, words) sizeof(#name) - 1,
    INFERENCE_FIELDS(FIELD)
#undef FIELD
};

static unsigned endpoint_bit(enum endpoint endpoint)
{
    switch (endpoint) {
    case ENDPOINT_CHAT:
        return FIELD_CHAT;
    case ENDPOINT_COMPLETION:
        return FIELD_TEXT;
    case ENDPOINT_EMBEDDING:
        return FIELD_EMBED;
    case ENDPOINT_NONE:
    case ENDPOINT_MODELS:
    case ENDPOINT_MODEL:
    case ENDPOINT_STREAM:
        break;
    }
    return 0;
}

int field_find(enum endpoint endpoint, struct span name)
{
    if (name.len > UINT8_MAX)
        return -1;
    const unsigned char *at = lengths, *end = lengths + sizeof(lengths);
    while ((at = memchr(at, (int)name.len, (size_t)(end - at)))) {
        const struct field_rule *rule = &rules[at - lengths];
        if (memcmp(rule->name.ptr, name.ptr, name.len) == 0 &&
            (rule->endpoints & endpoint_bit(endpoint)))
            return (int)(at - lengths);
        at++;
    }
    return -1;
}

const struct field_rule *field_rule(int row)
{
    check(row >= 0 && (size_t)row < COUNT_OF(rules));
    return &rules[row];
}

bool field_is_limit(const struct field_rule *rule)
{
    return rule->read == read_limit;
}

bool field_is_thought(const struct field_rule *rule, enum inference_thought thought)
{
    static field_reader *const readers[THOUGHT_COUNT] = {
        [THOUGHT_EFFORT] = read_effort, [THOUGHT_THINKING] = read_thinking, [THOUGHT_TEMPLATE] = read_template_kwargs};
    return readers[thought] && rule->read == readers[thought];
}

bool field_is_messages(const struct field_rule *rule)
{
    return rule->read == read_messages;
}

static int wrong(struct reading *reading, const struct field_rule *rule, const char *kind)
{
    return reading_refuse(reading, PLACE_MEMBER(NULL, rule->name.ptr), "must be %s", kind);
}

static int wrong_range(struct reading *reading, const struct field_rule *rule, const char *kind)
{
    if (rule->max >= SEED_MAX)
        return wrong(reading, rule, "a 64-bit integer");
    return reading_refuse(reading, PLACE_MEMBER(NULL, rule->name.ptr),
                          "must be %s from %.10g to %.10g", kind, rule->min, rule->max);
}

static bool in_range(const struct field_rule *rule, double number)
{
    return number >= rule->min && number <= rule->max;
}

static int check_number(struct reading *reading, const struct field_rule *rule,
                        struct json_value value)
{
    double number;
    int64_t integer;
    if (rule->type == INTEGER && !json_i64(value, &integer))
        return wrong_range(reading, rule, "an integer");
    if (!json_number(value, &number) || !in_range(rule, number))
        return wrong_range(reading, rule, rule->type == INTEGER ? "an integer" : "a number");
    return 0;
}

static int check_string(struct reading *reading, const struct field_rule *rule,
                        struct json_value value)
{
    struct span text = json_string(value);
    if (span_is_null(text))
        return wrong(reading, rule, "a string");
    if (rule->type == WORD) {
        if (word_in(text, rule->words))
            return 0;
        return reading_refuse(reading, PLACE_MEMBER(NULL, rule->name.ptr), "must be one of: %s",
                              rule->words);
    }
    if (in_range(rule, (double)text.len))
        return 0;
    return reading_refuse(reading, PLACE_MEMBER(NULL, rule->name.ptr),
                          "must have %.0f to %.0f bytes", rule->min, rule->max);
}

static int check_array(struct reading *reading, const struct field_rule *rule,
                       struct json_value value)
{
    if (json_kind(value) != JSON_ARRAY)
        return wrong(reading, rule, "an array");
    if (in_range(rule, (double)json_count(value)))
        return 0;
    return reading_refuse(reading, PLACE_MEMBER(NULL, rule->name.ptr),
                          "must have %.0f to %.0f elements", rule->min, rule->max);
}

int field_check(struct reading *reading, const struct field_rule *rule, struct json_value value)
{
    switch (rule->type) {
    case FLAG:
        return json_kind(value) == JSON_BOOL ? 0 : wrong(reading, rule, "true or false");
    case INTEGER:
    case NUMBER:
        return check_number(reading, rule, value);
    case STRING:
    case WORD:
        return check_string(reading, rule, value);
    case OBJECT:
        return json_kind(value) == JSON_OBJECT ? 0 : wrong(reading, rule, "an object");
    case ARRAY:
        return check_array(reading, rule, value);
    case ANY:
        break;
    }
    return 0;
}
