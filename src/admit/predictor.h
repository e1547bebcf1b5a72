/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long will the answer be? The 80th percentile of its tokens, from what can be seen of a request in less than 3 µs. Pure; by value.
 *
 * A linear model of ln(1 + tokens) over PREDICTOR_FEATURES cheap features, learned as calls end by stochastic descent on the pinball loss at 0.8 (Koenker &
 * Bassett 1978), so that four of five answers are shorter than predicted. What counts for fair service is the order of requests by length, which coarse features
 * give (Fu et al., NeurIPS 2024; docs/decisions/ has our own figures). Until PREDICTOR_WARM calls have ended the prediction leans on the request's own cap.
 *
 * Steps have the size of Adagrad's, with gradients that are forgotten over a thousand calls: it goes on following a service whose answers change.
 */
#pragma once

#include "base/macros.h"

#define PREDICTOR_QUANTILE 0.8
#define PREDICTOR_FEATURES 15
#define PREDICTOR_WARM 50
#define PREDICTOR_TOKENS_MAX 1000000 /* of one answer; more is not believed */
#define PREDICTOR_UNKNOWN_TOKENS 512 /* before anything is known, if the request has no cap */

struct predictor {
    double weights[PREDICTOR_FEATURES];
    double scale[PREDICTOR_FEATURES]; /* of each feature's gradients, for the step size (Adagrad) */
    uint64_t calls;
};

struct predictor_facts {
    uint64_t prompt_tokens;
    uint64_t output_max;        /* the request's own cap, or the model's; 0: none */
    uint32_t messages;          /* of a chat; else 0 */
    uint64_t last_message_bytes;
    bool tools, structured;     /* JSON mode or schema */
    bool reasons;               /* asks for reasoning */
    float identity_output_log;  /* mean of ln(1 + tokens) of its answers, from its profile; 0: unknown */
};

void predictor_init(struct predictor *predictor);
/* Tokens; at least 1, at most PREDICTOR_TOKENS_MAX, and at most output_max where there is one. */
uint64_t predictor_output(const struct predictor *predictor, const struct predictor_facts *facts);
/* A call ended by itself (not cut, not aborted). */
void predictor_learn(struct predictor *predictor, const struct predictor_facts *facts, uint64_t output_tokens);
