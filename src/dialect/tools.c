/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tools, which of them to call, and the form of the answer. Schemas are checked to be objects; what is in them is the engine's.
 */
#include "dialect/reading.h"

#define TOOL_NAME_MAX 128 /* OpenAI takes 64; names that tool servers prefix are longer */

static int name_read(struct reading *reading, const struct place *place, struct json_value object)
{
    struct span name;
    int r = reading_string(reading, place, object, "name", REQUIRED, &name);
    if (r < 0)
        return r;
    if (name.len == 0 || name.len > TOOL_NAME_MAX)
        return reading_refuse(reading, PLACE_MEMBER(place, "name"), "must have 1 to %d bytes",
                              TOOL_NAME_MAX);
    return 0;
}

static int optional_object(struct reading *reading, const struct place *place,
                           struct json_value object, const char *name)
{
    struct json_value value;
    int r = reading_object(reading, place, object, name, OPTIONAL, &value);
    return r < 0 ? r : 0;
}

static int tool_read(struct reading *reading, const struct place *place, struct json_value tool)
{
    if (json_kind(tool) != JSON_OBJECT)
        return reading_refuse(reading, place, "must be an object");
    struct span text;
    int r = reading_string(reading, place, tool, "type", REQUIRED, &text);
    if (r < 0)
        return r;
    if (!span_eq(text, SPAN("function")))
        return reading_refuse(reading, PLACE_MEMBER(place, "type"), "must be 'function'");
    struct json_value function;
    r = reading_object(reading, place, tool, "function", REQUIRED, &function);
    if (r < 0)
        return r;
    const struct place *inner = PLACE_MEMBER(place, "function");
    r = name_read(reading, inner, function);
    if (r < 0)
        return r;
    size_t found = 1;
    r = reading_string(reading, inner, function, "description", OPTIONAL, &text);
    if (r < 0)
        return r;
    found += (size_t)r;
    struct json_value parameters;
    r = reading_object(reading, inner, function, "parameters", OPTIONAL, &parameters);
    if (r < 0)
        return r;
    found += (size_t)r;
    reading_knows(reading, NESTED_TOOL, NESTED_FUNCTION, function, found);
    reading_knows(reading, NESTED_TOOL, NESTED_TOOL, tool, 2);
    return 0;
}

int tools_read(struct reading *reading, struct json_value tools, struct span raw)
{
    const struct place *place = PLACE_MEMBER(NULL, "tools");
    struct json_value tool;
    size_t i = 0;
    for (struct json_walk walk = json_walk(tools); json_walk_next(&walk, NULL, &tool); i++) {
        int r = tool_read(reading, PLACE_ELEMENT(place, i), tool);
        if (r < 0)
            return r;
    }
    reading->inference->has_tools = i > 0;
    reading->inference->prompt_bytes +=
        i > 0 ? raw.len : 0; /* templates print them nearly as they are */
    return 0;
}

int tool_choice_read(struct reading *reading, struct json_value choice)
{
    const struct place *place = PLACE_MEMBER(NULL, "tool_choice");
    if (json_kind(choice) == JSON_STRING) {
        if (!word_in(json_string(choice), "none auto required"))
            return reading_refuse(reading, place,
                                  "must be 'none', 'auto', 'required' or an object");
        reading->needs_tools = span_eq(json_string(choice), SPAN("required"));
        return 0;
    }
    if (json_kind(choice) != JSON_OBJECT)
        return reading_refuse(reading, place, "must be a string or an object");
    struct span type;
    struct json_value function;
    int r = reading_string(reading, place, choice, "type", REQUIRED, &type);
    if (r < 0)
        return r;
    if (!span_eq(type, SPAN("function")))
        return reading_refuse(reading, PLACE_MEMBER(place, "type"), "must be 'function'");
    r = reading_object(reading, place, choice, "function", REQUIRED, &function);
    if (r < 0)
        return r;
    reading->needs_tools = true;
    reading_knows(reading, NESTED_CHOICE, NESTED_CHOICE, choice, 0);
    return name_read(reading, PLACE_MEMBER(place, "function"), function);
}

int response_format_read(struct reading *reading, struct json_value format)
{
    const struct place *place = PLACE_MEMBER(NULL, "response_format");
    struct span type;
    int r = reading_string(reading, place, format, "type", REQUIRED, &type);
    if (r < 0)
        return r;
    if (!word_in(type, "text json_object json_schema"))
        return reading_refuse(reading, PLACE_MEMBER(place, "type"),
                              "must be 'text', 'json_object' or 'json_schema'");
    reading->inference->is_structured = !span_eq(type, SPAN("text"));
    reading_knows(reading, NESTED_FORMAT, NESTED_FORMAT, format, 1);
    /* llama.cpp takes a schema here too. */
    r = optional_object(reading, place, format, "schema");
    if (r < 0 || !span_eq(type, SPAN("json_schema")))
        return r;
    struct json_value schema;
    r = reading_object(reading, place, format, "json_schema", REQUIRED, &schema);
    if (r < 0)
        return r;
    place = PLACE_MEMBER(place, "json_schema");
    r = name_read(reading, place, schema);
    return r < 0 ? r : optional_object(reading, place, schema, "schema");
}
