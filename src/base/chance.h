/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chance that a seed repeats, for simulations and load: one small generator for each thing that draws, so that what one
 * draws changes nothing for another. SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
 * Generators", 2014). Not for secrets: random.h. Belongs to its owner.
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
/* Mean 0, deviation 1. */
double chance_normal(struct chance *chance);
/* Mean 1. */
double chance_exponential(struct chance *chance);
/* Mean `shape` (> 0), scale 1: Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", 2000. */
double chance_gamma(struct chance *chance, double shape);
/* Scale 1, mean Γ(1 + 1 / shape); shape > 0. */
double chance_weibull(struct chance *chance, double shape);
/* Log-normal and whole, 1 to `max`: half of the draws are below `median` (> 0); `sigma` (≥ 0) is the deviation of the
 * logarithm. */
uint32_t chance_lognormal(struct chance *chance, double median, double sigma, uint32_t max);
/* The same by its ninth decile: nine of ten draws are below `p90` (≥ median). */
uint32_t chance_length(struct chance *chance, double median, double p90, uint32_t max);
