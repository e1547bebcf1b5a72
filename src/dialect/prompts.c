/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prompt of a completion and the input of an embedding: a text, texts, token ids, or lists of token ids.
 */
#include "dialect/reading.h"

#define PROMPTS_MAX 2048 /* OpenAI's number for embeddings */
#define TOKEN_ID_MAX INT32_MAX

int token_ids_read(struct reading *reading, const struct place *place, struct json_value ids)
{
    struct json_value id;
    size_t i = 0;
    for (struct json_walk walk = json_walk(ids); json_walk_next(&walk, NULL, &id); i++) {
        int64_t number;
        if (!json_i64(id, &number) || number < 0 || number > TOKEN_ID_MAX)
            return reading_refuse(reading, PLACE_ELEMENT(place, i), "must be a token id");
    }
    return 0;
}

static int ids_prompt(struct reading *reading, const struct place *place, struct json_value ids)
{
    if (json_count(ids) == 0)
        return reading_refuse(reading, place, "must not be empty");
    reading->tokens += json_count(ids);
    reading->prompts++;
    return token_ids_read(reading, place, ids);
}

static int text_prompt(struct reading *reading, const struct place *place, bool may_be_empty,
                       struct json_value text)
{
    size_t len = json_string(text).len;
    if (len == 0 && !may_be_empty)
        return reading_refuse(reading, place, "must not be empty");
    reading->inference->prompt_bytes += len;
    reading->prompts++;
    return 0;
}

static int list_read(struct reading *reading, const struct place *place, bool may_be_empty,
                     struct json_value list)
{
    struct json_value item;
    struct json_walk walk = json_walk(list);
    if (!json_walk_next(&walk, NULL, &item))
        return reading_refuse(reading, place, "must not be empty");
    /* What the first is, all must be. */
    enum json_kind kind = json_kind(item);
    if (kind == JSON_INT)
        return ids_prompt(reading, place, list);
    if (kind != JSON_STRING && kind != JSON_ARRAY)
        return reading_refuse(reading, PLACE_ELEMENT(place, 0), "must be a string or token ids");
    if (json_count(list) > PROMPTS_MAX)
        return reading_refuse(reading, place, "must have at most %d elements", PROMPTS_MAX);
    size_t i = 0;
    do {
        if (json_kind(item) != kind)
            return reading_refuse(reading, PLACE_ELEMENT(place, i), "must be %s like the first",
                                  kind == JSON_STRING ? "a string" : "an array");
        int r = kind == JSON_STRING
                    ? text_prompt(reading, PLACE_ELEMENT(place, i), may_be_empty, item)
                    : ids_prompt(reading, PLACE_ELEMENT(place, i), item);
        if (r < 0)
            return r;
        i++;
    } while (json_walk_next(&walk, NULL, &item));
    return 0;
}

int prompts_read(struct reading *reading, const char *name, bool may_be_empty,
                 struct json_value value)
{
    const struct place *place = PLACE_MEMBER(NULL, name);
    reading->has_input = true;
    if (json_kind(value) == JSON_STRING)
        return text_prompt(reading, place, may_be_empty, value);
    if (json_kind(value) == JSON_ARRAY)
        return list_read(reading, place, may_be_empty, value);
    return reading_refuse(reading, place, "must be a string or an array");
}
