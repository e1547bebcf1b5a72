/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/nested.h"

struct row {
    enum nested owner;
    struct span name;
    enum nested below;
};

static const struct row rows[] = {
    {NESTED_MESSAGE, SPAN("role"), NESTED_ANY},
    {NESTED_MESSAGE, SPAN("content"), NESTED_PART},
    {NESTED_MESSAGE, SPAN("name"), NESTED_ANY},
    {NESTED_MESSAGE, SPAN("tool_call_id"), NESTED_ANY},
    {NESTED_MESSAGE, SPAN("tool_calls"), NESTED_CALL},
    {NESTED_MESSAGE, SPAN("function_call"), NESTED_CALLED},
    {NESTED_MESSAGE, SPAN("refusal"), NESTED_ANY},
    {NESTED_MESSAGE, SPAN("reasoning"), NESTED_ANY},
    {NESTED_MESSAGE, SPAN("reasoning_content"), NESTED_ANY},
    {NESTED_MESSAGE, SPAN("prefix"), NESTED_ANY},
    {NESTED_PART, SPAN("type"), NESTED_ANY},
    {NESTED_PART, SPAN("text"), NESTED_ANY},
    {NESTED_PART, SPAN("refusal"), NESTED_ANY},
    {NESTED_PART, SPAN("image_url"), NESTED_MEDIA},
    {NESTED_PART, SPAN("input_audio"), NESTED_MEDIA},
    {NESTED_PART, SPAN("audio_url"), NESTED_MEDIA},
    {NESTED_PART, SPAN("video_url"), NESTED_MEDIA},
    {NESTED_PART, SPAN("file"), NESTED_MEDIA},
    {NESTED_MEDIA, SPAN("url"), NESTED_ANY},
    {NESTED_MEDIA, SPAN("detail"), NESTED_ANY},
    {NESTED_MEDIA, SPAN("data"), NESTED_ANY},
    {NESTED_MEDIA, SPAN("format"), NESTED_ANY},
    {NESTED_MEDIA, SPAN("file_id"), NESTED_ANY},
    {NESTED_MEDIA, SPAN("file_data"), NESTED_ANY},
    {NESTED_MEDIA, SPAN("filename"), NESTED_ANY},
    {NESTED_CALL, SPAN("id"), NESTED_ANY},
    {NESTED_CALL, SPAN("type"), NESTED_ANY},
    {NESTED_CALL, SPAN("function"), NESTED_CALLED},
    {NESTED_CALLED, SPAN("name"), NESTED_ANY},
    {NESTED_CALLED, SPAN("arguments"), NESTED_ANY},
    {NESTED_TOOL, SPAN("type"), NESTED_ANY},
    {NESTED_TOOL, SPAN("function"), NESTED_FUNCTION},
    {NESTED_FUNCTION, SPAN("name"), NESTED_ANY},
    {NESTED_FUNCTION, SPAN("description"), NESTED_ANY},
    {NESTED_FUNCTION, SPAN("parameters"), NESTED_ANY},
    {NESTED_FUNCTION, SPAN("strict"), NESTED_ANY},
    {NESTED_CHOICE, SPAN("type"), NESTED_ANY},
    {NESTED_CHOICE, SPAN("function"), NESTED_CHOSEN},
    {NESTED_CHOSEN, SPAN("name"), NESTED_ANY},
    {NESTED_FORMAT, SPAN("type"), NESTED_ANY},
    {NESTED_FORMAT, SPAN("schema"), NESTED_ANY}, /* llama.cpp */
    {NESTED_FORMAT, SPAN("json_schema"), NESTED_SCHEMA},
    {NESTED_SCHEMA, SPAN("name"), NESTED_ANY},
    {NESTED_SCHEMA, SPAN("description"), NESTED_ANY},
    {NESTED_SCHEMA, SPAN("schema"), NESTED_ANY},
    {NESTED_SCHEMA, SPAN("strict"), NESTED_ANY},
    {NESTED_THINKING, SPAN("type"), NESTED_ANY},
};

struct list {
    const struct span *names;
    size_t count;
};

static const struct list nothing = {NULL, 0};

static bool is_listed(const struct list *list, struct span name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (span_eq(list->names[i], name))
            return true;
    }
    return false;
}

/* A part is read by its type: the body of another type beside it was read by nobody, and is not the operator's to list. */
static bool is_of_type(struct json_value part, struct span name)
{
    struct json_value type;
    return span_eq(name, SPAN("type")) ||
           (json_get(part, SPAN("type"), &type) && span_eq(json_string(type), name));
}

/* Does this member of `object` stay? Then *ret_below is what its value is. */
static bool stays(enum nested owner, struct json_value object, struct span name,
                  const struct list *list, enum nested *ret_below)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].owner != owner || !span_eq(rows[i].name, name))
            continue;
        *ret_below = rows[i].below;
        return owner != NESTED_PART || is_of_type(object, name);
    }
    *ret_below = NESTED_ANY;
    return is_listed(list, name);
}

/* As deep as the table, five levels, and as arrays in arrays, which the parser bounds. */
bool nested_is_known(enum nested nested, struct json_value value)
{
    bool is_object = json_kind(value) == JSON_OBJECT;
    if (nested == NESTED_ANY || (!is_object && json_kind(value) != JSON_ARRAY))
        return true;
    struct span name;
    struct json_value item;
    for (struct json_walk walk = json_walk(value); json_walk_next(&walk, &name, &item);) {
        enum nested below = nested;
        if (is_object && !stays(nested, value, name, &nothing, &below))
            return false;
        if (!nested_is_known(below, item))
            return false;
    }
    return true;
}

static void write_value(enum nested nested, struct json_value value, struct span raw,
                        const struct list *list, struct buf *buf);

static void write_members(enum nested nested, struct json_value object, struct span raw,
                          const struct list *list, struct buf *buf)
{
    struct json_members members = json_members(raw);
    struct json_walk walk = json_walk(object);
    struct json_value item;
    struct span name, raw_key, raw_item;
    const char *before = "{";
    while (json_walk_next(&walk, &name, &item) &&
           json_members_next(&members, &raw_key, &raw_item)) {
        enum nested below;
        if (!stays(nested, object, name, list, &below))
            continue;
        buf_append(buf, span_str(before));
        buf_append_byte(buf, '"');
        buf_append(buf, raw_key);
        buf_append(buf, SPAN("\":"));
        write_value(below, item, raw_item, list, buf);
        before = ",";
    }
    buf_append(buf, *before == '{' ? SPAN("{}") : SPAN("}"));
}

static void write_elements(enum nested nested, struct json_value array, struct span raw,
                           const struct list *list, struct buf *buf)
{
    struct json_members elements = json_members(raw);
    struct json_walk walk = json_walk(array);
    struct json_value item;
    struct span raw_item;
    const char *before = "[";
    while (json_walk_next(&walk, NULL, &item) && json_elements_next(&elements, &raw_item)) {
        buf_append(buf, span_str(before));
        write_value(nested, item, raw_item, list, buf);
        before = ",";
    }
    buf_append(buf, *before == '[' ? SPAN("[]") : SPAN("]"));
}

static void write_value(enum nested nested, struct json_value value, struct span raw,
                        const struct list *list, struct buf *buf)
{
    if (nested != NESTED_ANY && json_kind(value) == JSON_OBJECT)
        write_members(nested, value, raw, list, buf);
    else if (nested != NESTED_ANY && json_kind(value) == JSON_ARRAY)
        write_elements(nested, value, raw, list, buf);
    else
        buf_append(buf, raw);
}

void nested_write(enum nested nested, struct json_value value, struct span raw,
                  const struct span *listed, size_t listed_count, struct buf *buf)
{
    write_value(nested, value, raw, &(struct list){listed, listed_count}, buf);
}
