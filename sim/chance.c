/* SPDX-License-Identifier: Apache-2.0 */
#include "chance.h"

#include <math.h>

#define GOLDEN 0x9e3779b97f4a7c15u    /* 2^64 over the golden ratio */
#define P90_SIGMAS 1.2815515655446004 /* nine of ten of a normal distribution lie below */

struct chance chance_of(uint64_t seed)
{
    return (struct chance){seed};
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t chance_seed(uint64_t seed, uint64_t number)
{
    return mix(mix(seed + GOLDEN) + number);
}

uint64_t chance_u64(struct chance *chance)
{
    chance->state += GOLDEN;
    return mix(chance->state);
}

double chance_unit(struct chance *chance)
{
    return (double)(chance_u64(chance) >> 11) * 0x1p-53;
}

/* One of the two draws of Box and Muller's method; the other is thrown away. */
static double normal(struct chance *chance)
{
    double radius = sqrt(-2.0 * log(1.0 - chance_unit(chance)));
    return radius * cos(2.0 * M_PI * chance_unit(chance));
}

uint32_t chance_length(struct chance *chance, double median, double p90, uint32_t max)
{
    double sigma = log(p90 / median) / P90_SIGMAS;
    double length = round(median * exp(sigma * normal(chance)));
    if (!(length > 1))
        return 1;
    return length < max ? (uint32_t)length : max;
}
