/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a client takes what it gets: how long it waits, and when it comes again.
 *
 * "sdk" is what OpenAI's client libraries do (openai-python 1.x and 2.x, `_base_client.py`): again after a connection that
 * failed, after 408, 409, 429 and 5xx, unless `x-should-retry` says otherwise; after `retry-after-ms` or `retry-after` when
 * that is at most a minute, else after 0.5 s, twice as long each time, 8 s at most, shortened by up to a quarter by chance.
 * "cheat" comes again after each refusal, after its own wait, whatever the answer said.
 *
 * Pure. Any thread.
 */
#pragma once

#include "base/chance.h"
#include "storm/scenario.h"

#define BEHAVIOUR_NO_ADVICE (-1)

/* What ended a try. */
struct behaviour_answer {
    unsigned status;        /* 0: the connection failed */
    int64_t retry_after_ms; /* or BEHAVIOUR_NO_ADVICE */
    int should_retry;       /* 0, 1 or BEHAVIOUR_NO_ADVICE */
};

/* Does it come again, `tries` done so far (1 …)? Sets *ret_wait_us when it does. */
bool behaviour_retries(const struct scenario_group *group, const struct behaviour_answer *answer,
                       uint32_t tries, struct chance *chance, uint64_t *ret_wait_us) must_check;

/* How long its `tries`-th try (1 …) waits for a token; 0: without end. */
uint64_t behaviour_patience_us(const struct scenario_group *group, uint32_t tries);

/* "Retry-After: 7" (seconds, may have a fraction) in milliseconds; BEHAVIOUR_NO_ADVICE for dates and nonsense. */
int64_t behaviour_read_seconds(struct span value);
