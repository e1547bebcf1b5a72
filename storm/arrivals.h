/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When requests come: a renewal process in operational time. Gaps of mean 1 are drawn from the law; the rate's course (nothing,
 * a straight ramp, steady, nothing) turns their sum into times. With exponential gaps this is exactly a Poisson process with
 * that rate; with gamma or Weibull gaps the coefficient of variation is that of the gaps wherever the rate is steady.
 *
 * Pure: the same terms give the same times. Belongs to its owner.
 */
#pragma once

#include "base/chance.h"
#include "storm/scenario.h"

struct arrivals_terms {
    double rate; /* a second, when steady */
    enum scenario_law law;
    double cv; /* of gamma's and Weibull's gaps */
    double from_s, to_s, ramp_s;
    uint64_t seed;
};

struct arrivals {
    struct arrivals_terms terms;
    struct chance chance;
    double shape, scale; /* of the law, for a mean of 1 */
    double sum;          /* of the gaps so far */
};

void arrivals_init(struct arrivals *arrivals, const struct arrivals_terms *terms);
/* The next time in microseconds; false when there is none before `to_s`, and ever after. */
bool arrivals_next(struct arrivals *arrivals, uint64_t *ret_us) must_check;

/* The shape whose Weibull law has this coefficient of variation, 0.1 to 20. */
double arrivals_weibull_shape(double cv);
