/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/reading.h"

#include <stdarg.h>

/* Writes the chain from the outside in; returns the length so far. Cut when it does not fit. */
static size_t place_text(const struct place *place, char *text, size_t size)
{
    size_t len = place->outer ? place_text(place->outer, text, size) : 0;
    if (len + 1 >= size)
        return len;
    int wrote = place->name
                    ? snprintf(text + len, size - len, "%s%s", len > 0 ? "." : "", place->name)
                    : snprintf(text + len, size - len, "[%zu]", place->index);
    return wrote < 0 ? len : MIN(len + (size_t)wrote, size - 1);
}

int reading_refuse(struct reading *reading, const struct place *place, const char *format, ...)
{
    char param[sizeof(reading->refusal->param)] = "", what[200];
    place_text(place, param, sizeof(param));
    va_list args;
    va_start(args, format);
    if (vsnprintf(what, sizeof(what), format, args) < 0)
        what[0] = '\0';
    va_end(args);
    return refuse(reading->refusal, REASON_BAD_FIELD, param, "'%s' %s", param, what);
}

bool reading_member(struct json_value object, const char *name, struct json_value *ret_value)
{
    return json_get(object, span_str(name), ret_value) && json_kind(*ret_value) != JSON_NULL;
}

/* 1 there and of this kind, 0 absent and need not be there. */
static int member_of_kind(struct reading *reading, const struct place *place,
                          struct json_value object, const char *name, enum reading_need need,
                          enum json_kind kind, const char *kind_words, struct json_value *ret_value)
{
    if (!reading_member(object, name, ret_value)) {
        if (need == OPTIONAL)
            return 0;
        return reading_refuse(reading, PLACE_MEMBER(place, name), "is missing");
    }
    if (json_kind(*ret_value) != kind)
        return reading_refuse(reading, PLACE_MEMBER(place, name), "must be %s", kind_words);
    return 1;
}

int reading_string(struct reading *reading, const struct place *place, struct json_value object,
                   const char *name, enum reading_need need, struct span *ret_text)
{
    struct json_value value;
    int r = member_of_kind(reading, place, object, name, need, JSON_STRING, "a string", &value);
    if (r > 0)
        *ret_text = json_string(value);
    return r;
}

int reading_flag(struct reading *reading, const struct place *place, struct json_value object,
                 const char *name, bool *ret_flag)
{
    struct json_value value;
    int r =
        member_of_kind(reading, place, object, name, OPTIONAL, JSON_BOOL, "true or false", &value);
    if (r > 0)
        *ret_flag = json_bool(value);
    return r;
}

int reading_object(struct reading *reading, const struct place *place, struct json_value object,
                   const char *name, enum reading_need need, struct json_value *ret_value)
{
    return member_of_kind(reading, place, object, name, need, JSON_OBJECT, "an object", ret_value);
}

bool word_in(struct span word, const char *list)
{
    struct span rest = span_str(list), each;
    while (span_split(&rest, ' ', &each)) {
        if (span_eq(each, word))
            return true;
    }
    return false;
}
