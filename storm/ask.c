/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appended piece by piece: this runs for each request, and formatted printing took a tenth of what one costs. The body is
 * written behind a head whose Content-Length is not known yet: its digits are put in afterwards.
 */
#include "storm/ask.h"

#include "http/head.h"

#include <math.h>

/* Of Content-Length, with spaces in front of a shorter one: they are no part of a value (RFC 9110, section 5.5). */
#define LENGTH_DIGITS 8

static const char *const efforts[] = {
    [EFFORT_NONE] = NULL, [EFFORT_LOW] = "low", [EFFORT_MEDIUM] = "medium", [EFFORT_HIGH] = "high"};

static const char *const written[] = {"host",         "user-agent",     "accept",
                                      "content-type", "content-length", "transfer-encoding",
                                      "connection",   "expect"};

static bool is_written(struct span name, bool keys)
{
    if (keys && span_eq_nocase(name, SPAN("authorization")))
        return true;
    for (size_t i = 0; i < COUNT_OF(written); i++)
        if (span_eq_nocase(name, span_str(written[i])))
            return true;
    return false;
}

int ask_check_header(struct span line, bool keys, struct err *err)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    struct span name = span_of(line.ptr, colon ? (size_t)(colon - line.ptr) : 0);
    bool good = line.len <= ASK_HEADER_BYTES_MAX && head_is_token(name);
    for (size_t i = 0; good && i < line.len; i++)
        good = line.ptr[i] >= ' ' && line.ptr[i] <= '~';
    if (!good)
        return err_set(err, -EINVAL, "--header expects 'Name: value', got '%.*s'",
                       (int)MIN(line.len, (size_t)64), line.ptr);
    if (is_written(name, keys))
        return err_set(err, -EINVAL, "--header: '%.*s' is sent anyway", (int)name.len, name.ptr);
    return 0;
}

/* Returns where the digits of the length go. */
static size_t write_head(const struct ask *ask, struct buf *buf)
{
    buf_append(buf, SPAN("POST "));
    buf_append(buf, span_str(ask->prefix));
    buf_append(buf, SPAN("/v1/chat/completions HTTP/1.1\r\nHost: "));
    buf_append(buf, span_str(ask->host));
    buf_append(buf, SPAN("\r\nUser-Agent: seawall-storm\r\nAccept: "));
    buf_append(buf, ask->offer->streamed ? SPAN("text/event-stream") : SPAN("application/json"));
    if (!span_is_null(ask->key)) {
        buf_append(buf, SPAN("\r\nAuthorization: Bearer "));
        buf_append(buf, ask->key);
    }
    if (!span_is_null(ask->header)) {
        buf_append(buf, SPAN("\r\n"));
        buf_append(buf, ask->header);
    }
    buf_append(buf, SPAN("\r\nContent-Type: application/json\r\nContent-Length: "));
    size_t length_at = buf->len;
    buf_append(buf, SPAN("        \r\n\r\n"));
    return length_at;
}

static void write_body(const struct ask *ask, const struct prompt_text *text, struct buf *buf)
{
    const char *effort = efforts[ask->group->effort];
    double prompt = round(ask->offer->input_tokens * ask->scenario->bytes_per_token);
    buf_append(buf, SPAN("{\"model\":\""));
    buf_append(buf, span_str(ask->model));
    buf_append(buf, SPAN("\",\"messages\":[{\"role\":\"user\",\"content\":\""));
    prompt_write(text, ask->text_seed, (size_t)prompt, buf);
    buf_append(buf, SPAN("\"}],\"max_tokens\":"));
    buf_append_u64(buf, ask->offer->output_tokens);
    if (!ask->scenario->any_length)
        buf_append(buf, SPAN(",\"ignore_eos\":true"));
    if (effort) {
        buf_append(buf, SPAN(",\"reasoning_effort\":\""));
        buf_append(buf, span_str(effort));
        buf_append(buf, SPAN("\""));
    }
    if (ask->offer->streamed)
        buf_append(buf, SPAN(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
    buf_append(buf, SPAN("}"));
}

void ask_write(const struct ask *ask, const struct prompt_text *text, struct buf *buf,
               size_t *ret_head_bytes)
{
    size_t length_at = write_head(ask, buf);
    size_t head_bytes = buf->len;
    write_body(ask, text, buf);
    if (buf_status(buf) < 0)
        return;
    size_t length = buf->len - head_bytes;
    for (size_t i = LENGTH_DIGITS; i > 0 && length > 0; i--, length /= 10)
        buf->ptr[length_at + i - 1] = (char)('0' + length % 10);
    *ret_head_bytes = head_bytes;
}
