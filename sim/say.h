/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer says: plans its choices, and writes events and whole answers in the OpenAI API's JSON.
 *
 * No token is stored. A choice is a seed and a few lengths; token k of it, whether thinking, text or a tool's
 * arguments, is written again whenever it is wanted. No sockets, no time. An answer belongs to one call.
 */
#pragma once

#include "ask.h"
#include "base/chance.h"
#include "faults.h"

#define SAY_ID_BYTES 40
#define SAY_EMBEDDING_SIZE 32 /* numbers in one vector */

enum say_finish { SAY_STOP, SAY_LENGTH, SAY_TOOL_CALLS };

struct say_choice {
    uint32_t index;
    uint32_t thinking; /* tokens 1 … thinking are thoughts, those behind them the answer */
    uint32_t tokens;   /* in all */
    uint32_t made;     /* so far */
    enum say_finish finish;
    uint64_t seed;
};

struct say {
    const struct preset *preset;
    enum ask_kind kind;
    bool stream, include_usage, continuous_usage;
    struct fault_set faults; /* those about usage matter here */
    char id[SAY_ID_BYTES];
    uint64_t created_s;
    uint32_t prompt_tokens;
    uint32_t inputs;
    char tool[ASK_TOOL_BYTES];
    uint32_t choices_count;
};

/* `seed` is this call's own; its id comes from it. */
void say_init(struct say *say, const struct ask *ask, const struct preset *preset, uint64_t seed,
              uint64_t created_s);
/* `room`: tokens that the context has left behind the prompt, ≥ 1. `seed` is this choice's own. */
void say_plan(const struct say *say, const struct ask *ask, uint32_t room, uint32_t index,
              uint64_t seed, struct say_choice *ret_choice);

/* "data: …\n\n" with the tokens behind `from` up to choice->made; the role in front of the first, the reason to finish
 * behind the last. */
void say_event(const struct say *say, const struct say_choice *choice, uint32_t from,
               struct buf *buf);
/* The event with usage, if it was asked for, and the last one, "[DONE]". */
void say_end(const struct say *say, const struct say_choice *choices, struct buf *buf);
/* All choices, as made so far, in one JSON object. */
void say_whole(const struct say *say, const struct say_choice *choices, struct buf *buf);

/* {"error": …} for a status. */
void say_error(unsigned status, const char *message, struct buf *buf);
const char *say_finish_name(enum say_finish finish);
