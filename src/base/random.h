/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes from the kernel, pooled for each thread (one getrandom for 256 small draws). Tests may seed it:
 * then all draws of the calling thread come from that seed until random_unseed().
 */
#pragma once

#include "base/macros.h"

C_LINKAGE_BEGIN

/* Never fails: a kernel without getrandom stops the process at the first draw. */
void random_bytes(void *ret_bytes, size_t len);
uint64_t random_u64(void);
/* Uniform in 0 … limit - 1; limit > 0. */
uint32_t random_below(uint32_t limit);

void random_seed(uint64_t seed);
void random_unseed(void);

C_LINKAGE_END
