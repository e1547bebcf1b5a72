/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a step takes: the formula of preset.h. Any thread.
 */
#pragma once

#include "preset.h"

struct pace_step {
    uint64_t prefill_tokens;
    uint32_t decoding;  /* sequences */
    uint64_t kv_tokens; /* held by all sequences of the step */
};

/* Without jitter; microseconds. */
double pace_step_us(const struct preset *preset, const struct pace_step *step);
