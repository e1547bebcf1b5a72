/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/arrivals.h"

#include <math.h>

#define HALVINGS 60
#define SHAPE_MIN 0.05 /* cv 20 is at about 0.17, cv 0.1 at about 12.2 */
#define SHAPE_MAX 20.0

static double weibull_cv(double shape)
{
    double mean = tgamma(1 + 1 / shape);
    return sqrt(tgamma(1 + 2 / shape) / (mean * mean) - 1);
}

/* The coefficient of variation falls as the shape rises. */
double arrivals_weibull_shape(double cv)
{
    double low = SHAPE_MIN, high = SHAPE_MAX;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;
        if (weibull_cv(middle) > cv)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

void arrivals_init(struct arrivals *arrivals, const struct arrivals_terms *terms)
{
    *arrivals = (struct arrivals){.terms = *terms, .chance = chance_of(terms->seed)};
    if (terms->law == LAW_GAMMA) {
        arrivals->shape = 1 / (terms->cv * terms->cv);
        arrivals->scale = 1 / arrivals->shape;
    } else if (terms->law == LAW_WEIBULL) {
        arrivals->shape = arrivals_weibull_shape(terms->cv);
        arrivals->scale = 1 / tgamma(1 + 1 / arrivals->shape);
    }
}

static double gap(struct arrivals *arrivals)
{
    if (arrivals->terms.law == LAW_GAMMA)
        return arrivals->scale * chance_gamma(&arrivals->chance, arrivals->shape);
    if (arrivals->terms.law == LAW_WEIBULL)
        return arrivals->scale * chance_weibull(&arrivals->chance, arrivals->shape);
    return chance_exponential(&arrivals->chance);
}

/* Seconds from the begin until so many arrivals are expected: on the ramp their number grows with the time's square. */
static double course(const struct arrivals_terms *terms, double expected)
{
    double on_ramp = terms->rate * terms->ramp_s / 2;
    if (expected < on_ramp)
        return sqrt(2 * expected * terms->ramp_s / terms->rate);
    return terms->ramp_s + (expected - on_ramp) / terms->rate;
}

bool arrivals_next(struct arrivals *arrivals, uint64_t *ret_us)
{
    const struct arrivals_terms *terms = &arrivals->terms;
    if (terms->rate <= 0)
        return false;
    arrivals->sum += gap(arrivals);
    double at_s = terms->from_s + course(terms, arrivals->sum);
    if (!(at_s < terms->to_s))
        return false;
    *ret_us = (uint64_t)(at_s * 1e6);
    return true;
}
