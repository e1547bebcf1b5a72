/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/inference_text.h"

static struct span field_of(const struct inference *inference, struct span name)
{
    for (size_t i = 0; i < inference->fields_count; i++)
        if (span_eq(inference->fields[i].name, name))
            return inference->fields[i].raw;
    return SPAN_NULL;
}

void inference_text(const struct inference *inference, struct inference_text *ret_text)
{
    struct span text = field_of(inference, inference->endpoint == ENDPOINT_CHAT ? SPAN("messages")
                                                                                : SPAN("prompt"));
    struct inference_text parts = {.tools = field_of(inference, SPAN("tools")), .rest = text};
    struct span first;
    struct json_members elements = json_members(text);
    if (inference->begins_with_instructions && json_elements_next(&elements, &first)) {
        size_t end = (size_t)(first.ptr + first.len - text.ptr);
        parts.instructions = span_take(text, end);
        parts.rest = span_skip(text, end);
    }
    *ret_text = parts;
}
