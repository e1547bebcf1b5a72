/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two answers of GET /top, one second or so apart, as rates.
 */
#pragma once

#include "base/span.h"

#include <jansson.h>

struct rates {
    double interval_s;
    double requests_s, errors_s, prompt_tokens_s, completion_tokens_s;
    uint64_t connections, requests_open, streams;
    double first_token_ms; /* median of those in between; < 0: there was none */
};

/* False when `after` is of another life of the service: its counters began anew. */
bool rates_between(const json_t *before, const json_t *after, struct rates *ret_rates) must_check;

/* The median of a histogram's difference, straight inside its bucket; -1 when nothing is in it. `bounds` are upper bounds; the last bucket has none. */
double rates_median(const uint64_t *counts, const double *bounds, size_t bounds_count);
