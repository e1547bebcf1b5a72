/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features are logarithms around zero and flags, so that one step size fits all. That of the prompt's length is bent at 55, 400 and 3000 tokens: what a short prompt
 * says about its answer differs from what a long one says.
 */
#include "admit/predictor.h"

#include <math.h>

#define STEP 0.1
#define FORGETS 0.999
#define LOG_CENTRE 6.0 /* ln of 400 */
#define LOG_SPREAD 2.0
#define LOG_MAX 20.0 /* of a feature */

/* ln(1 + count): of whole numbers log() is as good as log1p(), and takes half as long. */
static double log_of(double count)
{
    return MIN(log(1 + count), LOG_MAX);
}

static double centred(double log)
{
    return (log - LOG_CENTRE) / LOG_SPREAD;
}

static double bend(double log, double at)
{
    return MAX(log - at, 0.0) / LOG_SPREAD;
}

static void features_of(const struct predictor_facts *facts, double ret_x[PREDICTOR_FEATURES])
{
    double prompt = log_of((double)facts->prompt_tokens);
    float identity = facts->identity_output_log;
    bool known = identity > 0 && identity < (float)LOG_MAX; /* not NaN either */
    const double x[PREDICTOR_FEATURES] = {
        1,
        centred(prompt),
        bend(prompt, 4),
        bend(prompt, 6),
        bend(prompt, 8),
        known,
        known ? centred((double)identity) : 0,
        facts->output_max > 0,
        facts->output_max > 0 ? centred(log_of((double)facts->output_max)) : 0,
        facts->messages > 0,
        facts->messages > 0 ? log_of(facts->messages) / LOG_SPREAD : 0,
        facts->last_message_bytes > 0 ? centred(log_of((double)facts->last_message_bytes)) : 0,
        facts->tools,
        facts->structured,
        facts->reasons,
    };
    for (size_t i = 0; i < PREDICTOR_FEATURES; i++)
        ret_x[i] = x[i];
}

static double log_predicted(const struct predictor *predictor, const double x[PREDICTOR_FEATURES])
{
    double sum = 0;
    for (size_t i = 0; i < PREDICTOR_FEATURES; i++)
        sum += predictor->weights[i] * x[i];
    return sum;
}

void predictor_init(struct predictor *predictor)
{
    *predictor = (struct predictor){.weights = {log1p(PREDICTOR_UNKNOWN_TOKENS)}};
}

uint64_t predictor_output(const struct predictor *predictor, const struct predictor_facts *facts)
{
    double x[PREDICTOR_FEATURES];
    uint64_t cap = facts->output_max > 0 ? facts->output_max : PREDICTOR_TOKENS_MAX;
    features_of(facts, x);
    double predicted = log_predicted(predictor, x);
    if (predictor->calls < PREDICTOR_WARM) {
        uint64_t most = facts->output_max > 0 ? facts->output_max : PREDICTOR_UNKNOWN_TOKENS;
        double own = log_of((double)most);
        double warm = (double)predictor->calls / PREDICTOR_WARM;
        predicted = warm * predicted + (1 - warm) * own;
    }
    predicted = MIN(predicted, LOG_MAX);
    double tokens = MAX(exp(predicted) - 1, 1.0);
    tokens = MIN(tokens, (double)PREDICTOR_TOKENS_MAX);
    return MIN((uint64_t)ceil(tokens), cap);
}

void predictor_learn(struct predictor *predictor, const struct predictor_facts *facts,
                     uint64_t output_tokens)
{
    double x[PREDICTOR_FEATURES];
    features_of(facts, x);
    bool longer = log_of((double)MIN(output_tokens, (uint64_t)PREDICTOR_TOKENS_MAX)) > log_predicted(predictor, x);
    double slope = longer ? PREDICTOR_QUANTILE : PREDICTOR_QUANTILE - 1;
    for (size_t i = 0; i < PREDICTOR_FEATURES; i++) {
        double g = slope * x[i];
        predictor->scale[i] = FORGETS * predictor->scale[i] + g * g;
        if (g < 0 || g > 0)
            predictor->weights[i] += STEP * g / sqrt(predictor->scale[i]);
    }
    predictor->calls++;
}
