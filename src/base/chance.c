/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chance.h"

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
double chance_normal(struct chance *chance)
{
    double radius = sqrt(2.0 * chance_exponential(chance));
    return radius * cos(2.0 * M_PI * chance_unit(chance));
}

double chance_exponential(struct chance *chance)
{
    return -log(1.0 - chance_unit(chance));
}

/* The method is for shapes of 1 and more; a smaller one is drawn one higher and taken down by a power of a unit.
 * Of each turn's draws at least 95 % are accepted: the loop's end needs no counter. */
double chance_gamma(struct chance *chance, double shape)
{
    double factor = shape < 1 ? pow(1.0 - chance_unit(chance), 1 / shape) : 1;
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = chance_normal(chance), v = pow(1 + c * x, 3);
        if (v > 0 && log(1.0 - chance_unit(chance)) < 0.5 * x * x + d * (1 - v + log(v)))
            return factor * d * v;
    }
}

double chance_weibull(struct chance *chance, double shape)
{
    return pow(chance_exponential(chance), 1 / shape);
}

uint32_t chance_lognormal(struct chance *chance, double median, double sigma, uint32_t max)
{
    double length = round(median * exp(sigma * chance_normal(chance)));
    if (!(length > 1))
        return 1;
    return length < max ? (uint32_t)length : max;
}

uint32_t chance_length(struct chance *chance, double median, double p90, uint32_t max)
{
    return chance_lognormal(chance, median, log(p90 / median) / P90_SIGMAS, max);
}
