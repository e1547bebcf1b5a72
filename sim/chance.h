/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chance that a seed repeats: one small generator for each thing that draws, so that what one draws changes nothing
 * for another. SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014). Not for
 * secrets. Belongs to its owner.
 */
#pragma once

#include "base/macros.h"

struct chance {
    uint64_t state;
};

struct chance chance_of(uint64_t seed);
/* A seed for the `number`-th thing that `seed` has. */
uint64_t chance_seed(uint64_t seed, uint64_t number);
uint64_t chance_u64(struct chance *chance);
/* 0 or more, below 1. */
double chance_unit(struct chance *chance);
/* Log-normal: half of the draws are below `median` (> 0), nine of ten below `p90` (≥ median). At least 1, at most
 * `max`. */
uint32_t chance_length(struct chance *chance, double median, double p90, uint32_t max);
