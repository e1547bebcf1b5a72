/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calibration measures of a running engine, and in which order. Samples for fit.h come out, and what can be seen
 * of the scheduler and of the engine's habits.
 *
 *   warm     two calls: how many tokens a word has
 *   prefill  one call at a time, prompts twice as long each time: samples from arrival to first token
 *   decode   1, 2, 4, 8 … short calls at once: samples of one step each; where some wait for others to end, there are
 *            no more slots than the ones that did not
 *   kv       the same with long prompts and one call, then a few
 *   mixed    a prompt that comes while others decode: samples over the steps that compute it, and how much of it one
 *            step takes at most
 *   habits   is a prompt's beginning kept, are all choices counted, does the engine stop when a client hangs up
 *
 * Each point is repeated and its median taken, because whatever else a machine does only ever makes things slower.
 * A phase that would not end within its share of the time makes do with what it has. One line of progress for each
 * point goes to `progress`.
 */
#pragma once

#include "fit.h"
#include "probe.h"

/* Of a call whose first token is all that matters: some tokens have no text, and bring no event. */
#define MEASURE_FEW_TOKENS 4

struct measure_limits {
    uint32_t seconds;        /* of all phases together, about */
    uint32_t batch_max;      /* calls at once; at most 256 */
    uint32_t context_tokens; /* prompt and answer */
    FILE *progress;          /* NULL: none */
};

enum measure_stops { MEASURE_STOPS, MEASURE_GOES_ON, MEASURE_CANNOT_TELL };

struct measure {
    struct probe *probe;
    struct measure_limits limits;
    uint64_t began_us;

    struct fit_sample samples[FIT_SAMPLES_MAX];
    size_t samples_count;

    double tokens_per_word, tokens_of_template;
    double bytes_per_token;
    double event_tokens; /* tokens in one event of a stream */
    double spread;       /* interquartile range of a lone call's steps, as a share */
    double prefill_us;   /* a token of the longest prompt, roughly */
    double first_us;     /* a short call's first token */
    double step_us[2];   /* of one call, and of the largest batch */
    uint32_t batch_largest;
    uint32_t prefill_words; /* of the longest prompt that was measured */

    uint32_t running_max; /* calls that ran at once; the engine's maximum when `running_max_seen` */
    bool running_max_seen;
    uint32_t step_tokens_max;   /* 0: no prompt was divided */
    uint32_t step_tokens_whole; /* the longest prompt that was not */

    bool prefix_cache;
    bool counts_choices;
    enum measure_stops stops_streamed, stops_unstreamed;
};

void measure_init(struct measure *measure, struct probe *probe,
                  const struct measure_limits *limits);
/* 0; -EIO: a call failed, or the engine gave no usable sample; -ENOMEM. */
int measure_times(struct measure *measure, struct err *err) must_check;
/* After measure_times(). */
int measure_habits(struct measure *measure, struct err *err) must_check;

/* For the parts of this module. Seconds left of the `share` (0 to 1) of all time that ends a phase. */
double measure_seconds_left(const struct measure *measure, double share);
void measure_say(const struct measure *measure, const char *format, ...) printf_like(2, 3);
/* Words that make about so many tokens of prompt; at least 1. */
uint32_t measure_words(const struct measure *measure, double tokens);
/* Plays and refuses what is not whole. */
int measure_play(struct measure *measure, struct probe_call *calls, size_t count,
                 struct err *err) must_check;
