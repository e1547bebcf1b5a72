/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far apart clients are served: the service gap of Virtual Token Counters (Sheng et al., "Fairness in Serving Large Language
 * Models", OSDI 2024), measured from outside.
 *
 * Service is counted as work: a token of a prompt once, a token of an answer twice. Time is cut into windows. In each, a client that
 * wanted something has a gap: what it would have had if it had been given as much as the client that was given most (or all that
 * it wanted, if that is less), minus what it was given. 0: nobody was given more, or it wanted no more. What is wanted and
 * not given by the end of a window is wanted in the next one too, until it is withdrawn.
 *
 * Even a good service has a gap, for what is still being written when a window ends: compare it with that of a calm time.
 *
 * Comes in: work as it is asked, given and withdrawn, with the time in microseconds from the start, never earlier than before. Goes out: two
 * numbers for each group and window. One thread.
 */
#pragma once

#include "storm/scenario.h"

#define GAPS_WINDOW_S 5
#define GAPS_WINDOWS_MAX 20000
#define GAPS_PROMPT_WEIGHT 1
#define GAPS_ANSWER_WEIGHT 2

struct gaps;

/* Of the clients of a group that wanted something. */
struct gaps_window {
    uint32_t clients;
    double mean, widest; /* work */
};

static inline uint64_t gaps_work(uint64_t prompt_tokens, uint64_t answer_tokens)
{
    return GAPS_PROMPT_WEIGHT * prompt_tokens + GAPS_ANSWER_WEIGHT * answer_tokens;
}

/* The scenario outlives it. NULL when out of memory. */
struct gaps *gaps_new(const struct scenario *scenario) must_check;
void gaps_free(struct gaps *gaps);

void gaps_asked(struct gaps *gaps, uint32_t group, uint32_t client, uint64_t now_us, uint64_t work);
void gaps_given(struct gaps *gaps, uint32_t group, uint32_t client, uint64_t now_us, uint64_t work);
/* It wants so much no more, given or not: still wanted in the window in which it says so. */
void gaps_withdrawn(struct gaps *gaps, uint32_t group, uint32_t client, uint64_t now_us,
                    uint64_t work);

/* Windows that are over by then; what comes later than the last one is not counted. */
uint32_t gaps_close(struct gaps *gaps, uint64_t now_us);
const struct gaps_window *gaps_window_of(const struct gaps *gaps, uint32_t group, uint32_t window);
