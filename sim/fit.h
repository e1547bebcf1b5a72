/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From measured times to the coefficients of a preset (preset.h): least squares with no negative coefficient.
 *
 * A sample is one stretch of time in which an engine worked without a pause: `steps` steps, at least one, all of which decode
 * `sequences` sequences (none when that is 0), and which together compute `prefill_tokens`; `kv_tokens` is what the
 * sequences of each step hold, summed over the steps. A sample that runs from a call's arrival to its first token also
 * has the time before it is scheduled. So by the model
 *
 *   us = (arrival ? call_us : 0) + steps × (step_us + decode_us(sequences)) + prefill_tokens × prefill_us
 *        + kv_tokens / 1000 × kv_us_per_1000
 *
 * Each sample counts by its relative error, so that a prompt of 30 tokens weighs as much as one of 3,000; one that is
 * far from what all others say counts less (Huber's weights).
 *
 * Only prompts that take several steps with nothing to decode tell step_us apart from what it is added to: else the same
 * time may lie in decode_us and call_us. Without such a sample it is set to where the line through the first two batches meets no sequences at all, and to no more
 * than a call alone needs.
 *
 * Pure: no clock, no I/O, no chance. Any thread.
 */
#pragma once

#include "preset.h"

#define FIT_SAMPLES_MAX 1024

struct fit_sample {
    double us; /* above 0 */
    bool arrival;
    double steps;
    uint32_t sequences;
    double prefill_tokens;
    double kv_tokens;
};

struct fit {
    double step_us, prefill_us, kv_us_per_1000, call_us;
    struct preset_point decode_us[PRESET_POINTS_MAX];
    uint32_t decode_points;
    double error_median, error_max; /* of a sample, as a share of its time */
};

/* Needs a sample with an arrival and one of a single sequence. 0; -EINVAL and *err: samples that say too little,
 * numbers out of range, more batches than PRESET_POINTS_MAX. */
int fit_times(const struct fit_sample *samples, size_t count, struct fit *ret_fit,
              struct err *err) must_check;

/* What the coefficients make of a sample. */
double fit_sample_us(const struct fit *fit, const struct fit_sample *sample);

/* Of values that it sorts; 0 when there are none. `share` 0 to 1; between two values, the line between them. */
double fit_quantile(double *values, size_t count, double share);
