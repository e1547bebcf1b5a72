/* SPDX-License-Identifier: Apache-2.0 */
#include "bodies.h"

#include "base/buf.h"

#define TURN_BYTES_MAX 1300
#define AGENT_ROUNDS 12
#define AGENT_TOOLS 8
#define END SPAN("\"}]}")

#define SENTENCE(text)                                                                             \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct span sentences[] = {
    SENTENCE("Explain to me how a queue with priorities stays fair when some of its tenants never "
             "stop. "),
    SENTENCE("The log says:\\n\\tworker 3: \\\"connection reset\\\"\\n\\nWhat does that mean? "),
    SENTENCE("Voil\xc3\xa0 un r\xc3\xa9sum\xc3\xa9 de l'\xc3\xa9tat du syst\xc3\xa8me. "),
    SENTENCE(
        "\xe8\xaf\xb7\xe7\x94\xa8\xe4\xb8\xad\xe6\x96\x87\xe5\x9b\x9e\xe7\xad\x94\xe3\x80\x82 "),
    SENTENCE("for (size_t i = 0; i < count; i++) { total += weights[i] * values[i]; } "),
};

/* Sentences up to `bytes`, then points. */
static void append_text(struct buf *buf, size_t bytes, size_t first)
{
    for (size_t i = first; sentences[i % COUNT_OF(sentences)].len <= bytes; i++) {
        buf_append(buf, sentences[i % COUNT_OF(sentences)]);
        bytes -= sentences[i % COUNT_OF(sentences)].len;
    }
    while (bytes-- > 0)
        buf_append_byte(buf, '.');
}

static void append_turns(struct buf *buf, size_t len)
{
    for (size_t turn = 0;; turn++) {
        buf_append(buf, turn % 2 == 0 ? SPAN("{\"role\":\"user\",\"content\":\"")
                                      : SPAN("{\"role\":\"assistant\",\"content\":\""));
        size_t left = len - buf->len - END.len;
        if (left < 2 * (size_t)TURN_BYTES_MAX) {
            append_text(buf, left, turn);
            break;
        }
        append_text(buf, TURN_BYTES_MAX, turn);
        buf_append(buf, SPAN("\"},"));
    }
    buf_append(buf, END);
}

void body_make(struct body *ret_body, size_t len)
{
    check(len >= BODY_BYTES_MIN && len <= BODY_BYTES_MAX);
    *ret_body = (struct body){.len = len};
    struct buf buf = {.ptr = ret_body->text, .cap = len + 1, .max = len + 1};
    buf_append(&buf, SPAN("{\"model\":\"smollm2-135m-instruct\",\"stream\":true,"));
    if (len >= 300)
        buf_append(
            &buf,
            SPAN("\"max_tokens\":256,\"temperature\":0.7,\"top_p\":0.95,\"user\":\"u-18472\","));
    buf_append(&buf, SPAN("\"messages\":["));
    if (len >= 300)
        buf_append(&buf,
                   SPAN("{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},"));
    append_turns(&buf, len);
    check(buf_status(&buf) == 0 && buf.len == len);
}

void body_make_agent(struct body *ret_body)
{
    *ret_body = (struct body){.len = 0};
    struct buf buf = {.ptr = ret_body->text, .cap = BODY_BYTES_MAX, .max = BODY_BYTES_MAX};
    buf_append(&buf, SPAN("{\"model\":\"smollm2-135m-instruct\",\"stream\":true,\"messages\":["
                          "{\"role\":\"user\",\"content\":\"Find out why the queue stops.\"}"));
    for (int i = 0; i < AGENT_ROUNDS; i++) {
        buf_printf(&buf,
                   ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_%d\","
                   "\"type\":\"function\",\"function\":{\"name\":\"read_file\","
                   "\"arguments\":\"{\\\"path\\\":\\\"src/queue.c\\\"}\"}}]}"
                   ",{\"role\":\"tool\",\"tool_call_id\":\"call_%d\",\"content\":\"",
                   i, i);
        append_text(&buf, 160, (size_t)i);
        buf_append(&buf, SPAN("\"}"));
    }
    for (int i = 0; i < AGENT_TOOLS; i++)
        buf_printf(&buf,
                   "%s{\"type\":\"function\",\"function\":{\"name\":\"tool_%d\",\"description\":"
                   "\"Does one thing to a file.\",\"parameters\":{\"type\":\"object\","
                   "\"properties\":{\"path\":{\"type\":\"string\",\"description\":\"Which file.\"},"
                   "\"limit\":{\"type\":\"integer\",\"description\":\"At most so many lines.\"}},"
                   "\"required\":[\"path\"]}}}",
                   i == 0 ? "],\"tools\":[" : ",", i);
    buf_append(&buf, SPAN("]}"));
    check(buf_status(&buf) == 0);
    ret_body->len = buf.len;
}
