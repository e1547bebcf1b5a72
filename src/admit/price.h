/* SPDX-License-Identifier: Apache-2.0 */
/* What work costs: weighted tokens (wt). One prompt token is 1, one output token 2 (the prices of VTC's own implementation). */
#pragma once

#include "base/macros.h"

#define PRICE_PROMPT 1
#define PRICE_OUTPUT 2

static inline uint64_t price_of(uint64_t prompt_tokens, uint64_t output_tokens)
{
    return PRICE_PROMPT * prompt_tokens + PRICE_OUTPUT * output_tokens;
}
