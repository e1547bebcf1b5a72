/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/ask.h"

#include <math.h>

#define BODY_END_BYTES_MAX 256

static const char *const efforts[] = {
    [EFFORT_NONE] = NULL, [EFFORT_LOW] = "low", [EFFORT_MEDIUM] = "medium", [EFFORT_HIGH] = "high"};

/* What stands behind the prompt. */
static struct span body_end(const struct ask *ask, char room[BODY_END_BYTES_MAX])
{
    const char *effort = efforts[ask->group->effort];
    int len = snprintf(
        room, BODY_END_BYTES_MAX, "\"}],\"max_tokens\":%u%s%s%s%s%s}", ask->offer->output_tokens,
        ask->scenario->any_length ? "" : ",\"ignore_eos\":true",
        effort ? ",\"reasoning_effort\":\"" : "", effort ? effort : "", effort ? "\"" : "",
        ask->offer->streamed ? ",\"stream\":true,\"stream_options\":{\"include_usage\":true}" : "");
    return span_of(room, (size_t)len);
}

void ask_write(const struct ask *ask, const struct prompt_text *text, struct buf *buf,
               size_t *ret_head_bytes)
{
    static const char between[] = "\",\"messages\":[{\"role\":\"user\",\"content\":\"";
    char room[BODY_END_BYTES_MAX];
    struct span end = body_end(ask, room);
    struct span model = span_str(ask->model);
    double prompt = round(ask->offer->input_tokens * ask->scenario->bytes_per_token);
    size_t prompt_bytes = MIN((size_t)prompt, (size_t)PROMPT_BYTES_MAX);
    size_t body =
        sizeof("{\"model\":\"") - 1 + model.len + sizeof(between) - 1 + prompt_bytes + end.len;
    buf_printf(buf,
               "POST %s/v1/chat/completions HTTP/1.1\r\nHost: %s\r\nUser-Agent: seawall-storm\r\n"
               "Accept: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n",
               ask->prefix, ask->host,
               ask->offer->streamed ? "text/event-stream" : "application/json", body);
    if (!span_is_null(ask->key))
        buf_printf(buf, "Authorization: Bearer %.*s\r\n", (int)ask->key.len, ask->key.ptr);
    buf_append(buf, SPAN("\r\n"));
    *ret_head_bytes = buf->len;
    buf_append(buf, SPAN("{\"model\":\""));
    buf_append(buf, model);
    buf_append(buf, span_of(between, sizeof(between) - 1));
    prompt_write(text, ask->text_seed, prompt_bytes, buf);
    buf_append(buf, end);
}
