/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens as they pass, and what is charged in the end.
 *
 * Counting: an event that brings content, reasoning, a tool call's text or a completion's text for a choice is one token of that choice, or as many as
 * its `logprobs` list; `continuous usage` of an engine is taken when it is larger. Settling: where both agree the engine's
 * number is charged, where they differ beyond rounding the larger, and the difference is kept. A call that was cut is charged for
 * what came, its prompt by the engine's number or, when none came, by the estimate.
 *
 * Whole answers that pass unstreamed are counted by a guess (bytes / 4, or their logprobs); the guess is charged only when the
 * engine reports nothing, or less than a quarter of it.
 */
#pragma once

#include "base/macros.h"

struct meter {
    uint64_t prompt_estimate;
    uint64_t events_counted;      /* tokens seen passing, all choices */
    uint64_t usage_prompt;        /* of the engine; valid when usage_seen */
    uint64_t usage_completion;
    uint64_t usage_cached;        /* prompt_tokens_details.cached_tokens */
    uint64_t usage_reasoning;     /* completion_tokens_details.reasoning_tokens */
    bool usage_seen;
    bool counting_exact;          /* false: whole answers passed through unstreamed are estimated from their bytes */
};

struct settlement {
    uint64_t prompt_tokens;
    uint64_t completion_tokens;
    int64_t completion_difference; /* counted − reported; 0 when none was reported */
    bool disputed;                 /* differs beyond rounding: by more than 2 and more than 2 % */
};

/* All numbers only grow: a report that is smaller than one before changes nothing. */
void meter_count(struct meter *meter, uint64_t tokens);
void meter_usage(struct meter *meter, uint64_t prompt, uint64_t completion, uint64_t cached, uint64_t reasoning);
struct settlement meter_settle(const struct meter *meter);
