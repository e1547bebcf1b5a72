/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request wants: the JSON body of the OpenAI API, reduced to what the engine and the answer need. Fields that
 * change nothing here (temperature, stop, logprobs, …) pass unread.
 *
 * A value that is read must be of its type and range; the error is one sentence for the caller. Belongs to one call.
 */
#pragma once

#include "base/err.h"
#include "dialect/json_dom.h"
#include "prompt.h"

#define ASK_BODY_BYTES_MAX (32u << 20)
#define ASK_DEPTH_MAX 64
#define ASK_CHOICES_MAX 64
#define ASK_INPUTS_MAX 256
#define ASK_TOOL_BYTES 65 /* a function's name, terminated */
#define ASK_NO_LIMIT UINT32_MAX

enum ask_kind { ASK_CHAT, ASK_COMPLETION, ASK_EMBEDDINGS };

struct ask {
    enum ask_kind kind;
    bool stream;
    bool include_usage;    /* a last event with usage */
    bool continuous_usage; /* usage in every event */
    bool ignore_eos;
    bool has_seed;
    bool knows_model; /* `model` is absent or the preset's */
    uint64_t seed;
    uint32_t choices;
    uint32_t max_tokens; /* ASK_NO_LIMIT: not given, or -1 where that is allowed */
    uint32_t min_tokens;
    double effort;             /* times the preset's thinking; 0: none */
    char tool[ASK_TOOL_BYTES]; /* "": no tool is to be called */
    uint32_t inputs;           /* embeddings: how many texts */
    struct prompt prompt;
};

/* `body` is followed by JSON_PADDING readable bytes. 0 and *ret_ask, for ask_release(); -EINVAL: the caller's mistake;
 * -ENOMEM. */
int ask_read(struct json_parser *parser, enum ask_kind kind, struct span body,
             const struct preset *preset, struct ask *ret_ask, struct err *err) must_check;
void ask_release(struct ask *ask);
