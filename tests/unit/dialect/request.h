/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the request's side: reads a body that is given as text and compares what came of it. One parser for all.
 */
#pragma once

#include "dialect/inference.h"

static struct json_parser *parser;
static struct inference inference;
static struct refusal refusal;
static char body_bytes[64 * 1024];

static inline int set_up_parser(void **state)
{
    (void)state;
    parser = json_parser_new(1 << 20, 32);
    return parser ? 0 : -1;
}

static inline int tear_down_parser(void **state)
{
    (void)state;
    json_parser_free(parser);
    return 0;
}

/* The copy stays until the next body, because the inference points into it. */
static inline int read_body(enum endpoint endpoint, const char *body)
{
    size_t len = strlen(body);
    assert_true(len + JSON_PADDING <= sizeof(body_bytes));
    memcpy(body_bytes, body, len);
    memset(body_bytes + len, '}', JSON_PADDING);
    memset(&refusal, 0, sizeof(refusal));
    return inference_read(parser, endpoint, span_of(body_bytes, len), &inference, &refusal);
}

static inline void accepts(enum endpoint endpoint, const char *body)
{
    if (read_body(endpoint, body) < 0)
        fail_msg("%s: %s", body, refusal.message.text);
}

static inline void refuses(enum endpoint endpoint, const char *body, const char *param)
{
    if (read_body(endpoint, body) != -EINVAL)
        fail_msg("%s was accepted", body);
    assert_int_equal(refusal.reason, REASON_BAD_FIELD);
    assert_string_equal(refusal.param, param);
    assert_true(refusal.message.text[0] != '\0');
}

/* Bodies whose other members are in order: `members` follow them. */
static inline const char *chat_with(const char *members)
{
    static char body[sizeof(body_bytes)];
    snprintf(body, sizeof(body),
             "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s%s}",
             members[0] ? "," : "", members);
    return body;
}

static inline const char *messages_of(const char *messages)
{
    static char body[sizeof(body_bytes)];
    snprintf(body, sizeof(body), "{\"model\":\"m\",\"messages\":[%s]}", messages);
    return body;
}

static inline const char *text_with(const char *members)
{
    static char body[sizeof(body_bytes)];
    snprintf(body, sizeof(body), "{\"model\":\"m\",\"prompt\":\"hi\"%s%s}", members[0] ? "," : "",
             members);
    return body;
}
