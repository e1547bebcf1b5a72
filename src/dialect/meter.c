/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic only. Sums stop at the largest number instead of starting again at zero. */
#include "dialect/meter.h"

#define ROUNDING_TOKENS 2 /* an engine may or may not count the token that ends a text */
#define ROUNDING_PERCENT 2
#define ESTIMATE_TRUSTED 4 /* an estimate overrules a report of less than this part of it */

static uint64_t add_up(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void meter_count(struct meter *meter, uint64_t tokens)
{
    meter->events_counted = add_up(meter->events_counted, tokens);
}

void meter_usage(struct meter *meter, uint64_t prompt, uint64_t completion, uint64_t cached,
                 uint64_t reasoning)
{
    meter->usage_seen = true;
    meter->usage_prompt = MAX(meter->usage_prompt, prompt);
    meter->usage_completion = MAX(meter->usage_completion, completion);
    meter->usage_cached = MAX(meter->usage_cached, cached);
    meter->usage_reasoning = MAX(meter->usage_reasoning, reasoning);
}

/* Counts that differ by so little that the engine's is taken. */
static bool agree(uint64_t counted, uint64_t reported)
{
    uint64_t apart = counted > reported ? counted - reported : reported - counted;
    return apart <= ROUNDING_TOKENS || apart <= MAX(counted, reported) / (100 / ROUNDING_PERCENT);
}

static int64_t difference(uint64_t counted, uint64_t reported)
{
    return counted >= reported ? (int64_t)MIN(counted - reported, (uint64_t)INT64_MAX)
                               : -(int64_t)MIN(reported - counted, (uint64_t)INT64_MAX);
}

struct settlement meter_settle(const struct meter *meter)
{
    struct settlement settled = {.prompt_tokens = meter->prompt_estimate,
                                 .completion_tokens = meter->events_counted};
    if (!meter->usage_seen)
        return settled;
    if (meter->usage_prompt > 0)
        settled.prompt_tokens = meter->usage_prompt;

    uint64_t counted = meter->events_counted, reported = meter->usage_completion;
    settled.completion_difference = difference(counted, reported);
    settled.disputed =
        meter->counting_exact ? !agree(counted, reported) : reported < counted / ESTIMATE_TRUSTED;
    /* Where they agree, the engine's number: it knows about tokens that make no text. */
    settled.completion_tokens = settled.disputed ? MAX(counted, reported) : reported;
    return settled;
}
