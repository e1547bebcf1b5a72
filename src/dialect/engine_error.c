/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine's error becomes a refusal of ours. What the client is told comes from a table of statuses, never from the engine's words: they may
 * hold paths, versions and a validator's internals. The words go to the operator.
 *
 * A full engine (429) is 503 `overloaded`: it is the engine that has too much to do, not this caller. A validator's 422 is the 400 that it
 * stands for; our own 422 says that the model cannot do what is asked.
 *
 * Two things are read out of them, because a client can act on them: that the context is too small, with its two numbers, and that
 * the model cannot do what was asked (llama.cpp says 500 to an image that its model cannot see).
 */
#include "dialect/answer_internal.h"

#define DETAIL_BYTES_MAX 200
#define WORDS_LOOKED_AT 4096 /* of a message; it may be as long as the prompt */

static const struct {
    unsigned status;
    enum reason reason;
} statuses[] = {
    {400, REASON_REJECTED_BY_ENGINE}, {413, REASON_REJECTED_BY_ENGINE},
    {415, REASON_REJECTED_BY_ENGINE}, {422, REASON_REJECTED_BY_ENGINE},
    {429, REASON_OVERLOADED},         {501, REASON_UNPROCESSABLE},
    {503, REASON_NO_BACKEND},
};

/* All others are ours to mend: a wrong key (401), a model that the engine does not know (404), its own failure. */
static enum reason reason_of(unsigned status)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (statuses[i].status == status)
            return statuses[i].reason;
    }
    return REASON_ENGINE_ERROR;
}

/* The first number behind `words` in `text`. */
static bool number_behind(struct span text, struct span words, uint64_t *ret_number)
{
    ptrdiff_t at = span_find(text, words);
    if (at < 0)
        return false;
    text = span_take(span_skip(text, (size_t)at + words.len), 48);
    uint64_t number = 0;
    size_t i = 0, digits = 0;
    while (i < text.len && (text.ptr[i] < '0' || text.ptr[i] > '9'))
        i++;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && digits < 12; i++, digits++)
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    *ret_number = number;
    return digits > 0;
}

static bool member_number(struct json_value error, struct span name, uint64_t *ret_number)
{
    struct json_value value;
    int64_t number;
    if (!json_get(error, name, &value) || !json_i64(value, &number) || number < 0)
        return false;
    *ret_number = (uint64_t)number;
    return true;
}

/* How many tokens the request has and the context holds; 0: not said. */
struct overflow {
    uint64_t asked, held;
};

/* llama.cpp has a type and two members for it; vLLM's and OpenAI's messages name the context's length. */
static bool is_overflow(struct json_value error, struct span type, struct span message,
                        struct overflow *overflow)
{
    *overflow = (struct overflow){0};
    if (span_eq(type, SPAN("exceed_context_size_error"))) {
        (void)member_number(error, SPAN("n_prompt_tokens"), &overflow->asked);
        (void)member_number(error, SPAN("n_ctx"), &overflow->held);
        return true;
    }
    if (!number_behind(message, SPAN("context length"), &overflow->held))
        return false;
    if (!number_behind(message, SPAN("passed "), &overflow->asked))
        (void)number_behind(message, SPAN("requested "), &overflow->asked);
    return true;
}

static void refuse_overflow(const struct overflow *overflow, struct refusal *refusal)
{
    *refusal = (struct refusal){.reason = REASON_CONTEXT_EXCEEDED};
    if (overflow->held == 0)
        return;
    if (overflow->asked > overflow->held)
        (void)refuse(refusal, REASON_CONTEXT_EXCEEDED, NULL,
                     "the request has %llu tokens, this model's context holds %llu",
                     (unsigned long long)overflow->asked, (unsigned long long)overflow->held);
    else
        (void)refuse(refusal, REASON_CONTEXT_EXCEEDED, NULL,
                     "this model's context holds %llu tokens", (unsigned long long)overflow->held);
}

static bool says_unsupported(struct span message)
{
    return span_find(message, SPAN("not supported")) >= 0 ||
           span_find(message, SPAN("does not support")) >= 0;
}

/* The first printable characters, with one space for each run of others. */
static void keep_words(struct span words, unsigned status, struct err *detail)
{
    char text[DETAIL_BYTES_MAX + 1];
    size_t len = 0;
    bool space = false;
    for (size_t i = 0; i < words.len && len < DETAIL_BYTES_MAX; i++) {
        bool printable = words.ptr[i] > ' ' && words.ptr[i] < 0x7f;
        if (!printable && len > 0 && !space)
            text[len++] = ' ';
        if (printable)
            text[len++] = words.ptr[i];
        space = !printable;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
    (void)err_set(detail, 0, "engine's status %u: %s", status, len > 0 ? text : "no words");
}

static struct span string_member(struct json_value object, struct span name)
{
    struct json_value value;
    return json_get(object, name, &value) ? json_string(value) : SPAN_NULL;
}

void engine_error_read(unsigned status, struct json_value error, struct refusal *ret_refusal,
                       struct err *ret_detail)
{
    struct overflow overflow;
    struct span type = string_member(error, SPAN("type"));
    struct span message = json_kind(error) == JSON_STRING ? json_string(error)
                                                          : string_member(error, SPAN("message"));
    struct span words = span_take(message, WORDS_LOOKED_AT);

    keep_words(message, status, ret_detail);
    *ret_refusal = (struct refusal){.reason = reason_of(status)};
    if (status != 400 && status != 413 && status != 422 && status < 500)
        return;
    if (is_overflow(error, type, words, &overflow))
        refuse_overflow(&overflow, ret_refusal);
    else if (says_unsupported(words))
        ret_refusal->reason = REASON_UNPROCESSABLE;
}

void answer_engine_error(struct json_parser *parser, unsigned status, struct span body,
                         struct refusal *ret_refusal, struct err *ret_detail)
{
    struct json_value root, error;
    if (json_parse(parser, body, &root, NULL) == 0 && json_kind(root) == JSON_OBJECT) {
        engine_error_read(status, json_get(root, SPAN("error"), &error) ? error : root, ret_refusal,
                          ret_detail);
        return;
    }
    keep_words(body, status, ret_detail);
    *ret_refusal = (struct refusal){.reason = reason_of(status)};
}
