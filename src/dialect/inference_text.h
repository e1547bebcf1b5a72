/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a prompt as its client wrote them, for whoever wants to know whether two begin alike. Lives as long as the inference. */
#pragma once

#include "dialect/inference.h"

struct inference_text {
    struct span tools; /* null: none */
    struct span
        instructions; /* the first message, when it is a service's own word (system, developer); else null */
    struct span rest; /* of messages, or of the prompt */
};

void inference_text(const struct inference *inference, struct inference_text *ret_text);
