/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *load(const char *text)
{
    json_error_t error;
    json_t *json =
        json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!json)
        fprintf(stderr, "%s: %s\n", error.text, text);
    return json;
}

/* Takes the member out; false when it is no `type`. */
static bool forget(json_t *object, const char *name, json_type type)
{
    json_t *value = json_object_get(object, name);
    bool good = value && json_typeof(value) == type;
    json_object_del(object, name);
    return good;
}

static bool forget_births(json_t *answer)
{
    size_t i, j;
    json_t *choice, *call;
    bool good = forget(answer, "id", JSON_STRING);
    good &= forget(answer, "created", JSON_INTEGER);
    json_array_foreach(json_object_get(answer, "choices"), i, choice)
    {
        json_t *message = json_object_get(choice, "message");
        json_array_foreach(json_object_get(message, "tool_calls"), j, call) good &=
            forget(call, "id", JSON_STRING);
    }
    return good;
}

/* The engine's answer as we would say it. */
static void as_ours(json_t *answer, struct missing missing)
{
    size_t i;
    json_t *choice;
    json_object_set_new(answer, "model", json_stringn("public", 6));
    json_object_del(answer, "timings");
    json_object_del(answer, "system_fingerprint");
    json_array_foreach(json_object_get(answer, "choices"), i, choice)
    {
        json_t *message = json_object_get(choice, "message");
        json_t *thinking = json_object_get(message, "reasoning_content");
        if (thinking)
            json_object_set(message, "reasoning", thinking);
    }
    json_t *usage = json_object_get(answer, "usage");
    json_int_t prompt = json_integer_value(json_object_get(usage, "prompt_tokens"));
    json_int_t completion = json_integer_value(json_object_get(usage, "completion_tokens"));
    prompt *= missing.prompts;
    completion *= missing.choices;
    json_object_set_new(usage, "prompt_tokens", json_integer(prompt));
    json_object_set_new(usage, "completion_tokens", json_integer(completion));
    json_object_set_new(usage, "total_tokens", json_integer(prompt + completion));
}

static bool equal(json_t *one, json_t *two)
{
    if (json_equal(one, two))
        return true;
    char *a = json_dumps(one, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *b = json_dumps(two, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    fprintf(stderr, "one %s\ntwo %s\n", a, b);
    free(a);
    free(b);
    return false;
}

bool answer_is_engines(const char *ours, const char *theirs, struct missing missing)
{
    json_t *one = load(ours), *two = load(theirs);
    as_ours(two, missing);
    bool good = forget_births(one) && forget_births(two) && equal(one, two);
    json_decref(one);
    json_decref(two);
    return good;
}

bool answers_equal(const char *one_text, const char *two_text)
{
    json_t *one = load(one_text), *two = load(two_text);
    bool good = forget_births(one) && forget_births(two) && equal(one, two);
    json_decref(one);
    json_decref(two);
    return good;
}

bool json_texts_equal(const char *one_text, const char *two_text)
{
    json_t *one = load(one_text), *two = load(two_text);
    bool good = one && two && equal(one, two);
    json_decref(one);
    json_decref(two);
    return good;
}
