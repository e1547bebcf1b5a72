/* SPDX-License-Identifier: Apache-2.0 */
#include "probe_event.h"

#include <errno.h>
#include <jansson.h>

static bool has_text(const json_t *message)
{
    static const char *const names[] = {"content", "reasoning_content", "reasoning"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (json_string_length(json_object_get(message, names[i])) > 0)
            return true;
    }
    return json_array_size(json_object_get(message, "tool_calls")) > 0;
}

static uint32_t count_of(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value < 0 ? 0 : (uint32_t)MIN(value, (json_int_t)UINT32_MAX);
}

static void read_answer(const json_t *root, struct probe_event *event)
{
    const json_t *usage = json_object_get(root, "usage");
    const json_t *choice;
    size_t i;
    json_array_foreach(json_object_get(root, "choices"), i, choice)
    {
        event->has_text = event->has_text || has_text(json_object_get(choice, "delta")) ||
                          has_text(json_object_get(choice, "message"));
    }
    event->prompt_tokens = count_of(usage, "prompt_tokens");
    event->output_tokens = count_of(usage, "completion_tokens");
    event->cached_tokens =
        count_of(json_object_get(usage, "prompt_tokens_details"), "cached_tokens");
}

int probe_event_read(struct span json, struct probe_event *ret_event)
{
    json_error_t ignored;
    json_t *root = json_loadb(json.len ? json.ptr : "", json.len, 0, &ignored);
    int r = json_is_object(root) && !json_object_get(root, "error") ? 0 : -EINVAL;
    *ret_event = (struct probe_event){0};
    if (r == 0)
        read_answer(root, ret_event);
    json_decref(root);
    return r;
}
