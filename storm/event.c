/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/event.h"

/* What stands behind "name": and spaces, each time it is there; null at the end. */
static struct span next_value(struct span *rest, struct span quoted_name)
{
    ptrdiff_t at;
    while ((at = span_find(*rest, quoted_name)) >= 0) {
        struct span value = span_skip(*rest, (size_t)at + quoted_name.len);
        while (value.len > 0 && value.ptr[0] == ' ')
            value = span_skip(value, 1);
        *rest = value;
        if (value.len == 0 || value.ptr[0] != ':')
            continue;
        value = span_skip(value, 1);
        while (value.len > 0 && value.ptr[0] == ' ')
            value = span_skip(value, 1);
        return value;
    }
    return SPAN_NULL;
}

static bool has_text(struct span data, struct span quoted_name)
{
    struct span value;
    while (!span_is_null(value = next_value(&data, quoted_name)))
        if (value.len > 1 && value.ptr[0] == '"' && value.ptr[1] != '"')
            return true;
    return false;
}

static uint32_t completion_tokens(struct span data)
{
    struct span value = next_value(&data, SPAN("\"completion_tokens\""));
    uint64_t tokens = 0;
    size_t digits = 0;
    for (; digits < value.len && digits < 9 && value.ptr[digits] >= '0' && value.ptr[digits] <= '9';
         digits++)
        tokens = tokens * 10 + (uint64_t)(value.ptr[digits] - '0');
    return digits > 0 ? (uint32_t)tokens : EVENT_NO_USAGE;
}

struct event_facts event_read(struct span data)
{
    struct event_facts facts = {.completion_tokens = EVENT_NO_USAGE};
    if (span_eq(data, SPAN("[DONE]"))) {
        facts.over = true;
        return facts;
    }
    facts.text = has_text(data, SPAN("\"content\"")) ||
                 has_text(data, SPAN("\"reasoning_content\"")) ||
                 has_text(data, SPAN("\"reasoning\""));
    facts.error = !facts.text && span_starts(data, SPAN("{\"error\""));
    if (!facts.text)
        facts.completion_tokens = completion_tokens(data);
    return facts;
}

struct event_facts event_read_whole(struct span body)
{
    return (struct event_facts){.text = has_text(body, SPAN("\"content\"")),
                                .over = true,
                                .error = span_starts(body, SPAN("{\"error\"")),
                                .completion_tokens = completion_tokens(body)};
}
