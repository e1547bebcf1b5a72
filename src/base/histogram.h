/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many values of which size, each known to 1 in 64, in a place of fixed size. A struct that the caller holds, begun as
 * zeros. Belongs to one thread.
 */
#pragma once

#include "base/macros.h"

#define HISTOGRAM_CELLS 4096

struct histogram {
    uint64_t count;
    uint32_t cells[HISTOGRAM_CELLS];
};

/* Adds all of `part`. */
void histogram_merge(struct histogram *histogram, const struct histogram *part);
void histogram_add(struct histogram *histogram, uint64_t value);
/* Below which `share` (0 to 1) of all lie; 0 without any. */
double histogram_quantile(const struct histogram *histogram, double share);
