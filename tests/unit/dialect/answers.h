/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the way back: one parser, one answer, and events written as C strings. `out` is what the client gets.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/answer.h"

#define TEST_BYTES_MAX (4u << 20)

static struct json_parser *parser;
static struct answer *answer;
static struct answer_terms terms;
static struct buf out;
static struct refusal refusal;
static enum answer_state answer_state_now;
static char *padded;

/* Before each test: terms of a chat with one choice, which a test may change before its first event. */
static int answers_set_up(void **state)
{
    (void)state;
    parser = json_parser_new(TEST_BYTES_MAX, 16);
    padded = malloc(TEST_BYTES_MAX + JSON_PADDING);
    buf_init(&out, TEST_BYTES_MAX);
    answer = NULL;
    terms = (struct answer_terms){.endpoint = ENDPOINT_CHAT,
                                  .model = SPAN("public"),
                                  .choices = 1,
                                  .prompt_tokens_estimate = 7,
                                  .answer_bytes_max = TEST_BYTES_MAX};
    refusal = (struct refusal){0};
    return parser && padded ? 0 : -1;
}

static int answers_tear_down(void **state)
{
    (void)state;
    answer_free(answer);
    json_parser_free(parser);
    buf_release(&out);
    free(padded);
    return 0;
}

static inline struct answer *the_answer(void)
{
    if (!answer)
        answer = answer_new(&terms);
    assert_non_null(answer);
    return answer;
}

static inline void start_again(void)
{
    answer_free(answer);
    answer = NULL;
    buf_clear(&out);
}

/* A copy with the padding that the parser needs; what stands there would change the text if it were read. */
static inline struct span pad(struct span text)
{
    assert_true(text.len <= TEST_BYTES_MAX);
    memcpy(padded, text.ptr, text.len);
    memset(padded + text.len, '7', JSON_PADDING);
    return span_of(padded, text.len);
}

static inline int event_of(struct span data)
{
    return answer_event(the_answer(), parser, pad(data), &out, &answer_state_now, &refusal);
}

/* The event is taken; what came out of it alone is in `out`. */
static inline void event(const char *data)
{
    buf_clear(&out);
    if (event_of(span_str(data)) < 0)
        fail_msg("%s: %s", data, answer_detail(answer)->text);
    assert_int_equal(buf_status(&out), 0);
}

static inline void gather(const char *data)
{
    if (answer_gather(the_answer(), parser, pad(span_str(data)), &answer_state_now, &refusal) < 0)
        fail_msg("%s: %s", data, answer_detail(answer)->text);
}

static inline void assert_out(const char *text)
{
    assert_string_equal(buf_cstr(&out), text);
}
