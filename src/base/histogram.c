/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

/* Exact below 64; above, 64 cells for each power of two. */
static size_t cell_of(uint64_t value)
{
    if (value < 64)
        return (size_t)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    return MIN((size_t)(power - 5) * 64 + ((value >> (power - 6)) & 63),
               (size_t)HISTOGRAM_CELLS - 1);
}

static double cell_value(size_t cell)
{
    if (cell < 64)
        return (double)cell;
    return ((double)(64 + cell % 64) + 0.5) * (double)(1ull << (cell / 64 - 1));
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->cells[cell_of(value)]++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *part)
{
    histogram->count += part->count;
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++)
        histogram->cells[i] += part->cells[i];
}

double histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)((double)histogram->count * share);
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += histogram->cells[i];
        if (seen > wanted)
            return cell_value(i);
    }
    return 0;
}
