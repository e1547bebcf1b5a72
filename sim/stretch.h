/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the moments at which tokens came to samples for fit.h. Pure. Any thread.
 *
 * A stream's events come a step apart. What a client sees is the end of each step, so a stretch of time between two
 * events of one stream is a whole number of steps.
 */
#pragma once

#include "fit.h"
#include "probe.h"

struct stretch {
    struct fit_sample sample;
    double spread; /* interquartile range of its gaps, as a share of their median; steps only */
    double largest_share; /* of the time that the prompt took, in the longest gap; arrival only */
};

/* How many of the calls had their first token before the first of them ended: those that ran at once. Not the number
 * of slots when calls end before all of the others have begun. */
uint32_t stretch_together(const struct probe_call *calls, size_t count);

/* One step, by the mean gap of the time in which all calls decode: what an engine loses to a hiccup is lost for all its
 * calls, and a mean is what a time per token is. 0, or -ENOENT: there is no such time. */
int stretch_of_steps(const struct probe_call *calls, size_t count, double event_tokens,
                     struct stretch *ret_stretch) must_check;

/* The steps of `count` calls from the last before `newcomer` was sent to the one that brings its first token. 0, or
 * -ENOENT: the calls ended before, or had not begun. */
int stretch_of_arrival(const struct probe_call *calls, size_t count,
                       const struct probe_call *newcomer, double event_tokens,
                       struct stretch *ret_stretch) must_check;
