/* SPDX-License-Identifier: Apache-2.0 */
#include "rates.h"

#define BUCKETS_MAX 64

static uint64_t number_of(const json_t *top, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(top, name));
}

double rates_median(const uint64_t *counts, const double *bounds, size_t bounds_count)
{
    uint64_t total = 0, below = 0;
    for (size_t i = 0; i <= bounds_count; i++)
        total += counts[i];
    if (total == 0)
        return -1;
    double half = (double)total / 2;
    for (size_t i = 0; i < bounds_count; i++) {
        double low = i > 0 ? bounds[i - 1] : 0;
        if ((double)(below + counts[i]) >= half)
            return low + (bounds[i] - low) * (half - (double)below) / (double)counts[i];
        below += counts[i];
    }
    return bounds_count > 0 ? bounds[bounds_count - 1] : -1;
}

static double median_between(const json_t *before, const json_t *after, const char *name)
{
    const json_t *bounds_ms = json_object_get(after, "bounds_ms");
    const json_t *old = json_object_get(before, name), *new = json_object_get(after, name);
    size_t count = json_array_size(bounds_ms);
    uint64_t counts[BUCKETS_MAX + 1];
    double bounds[BUCKETS_MAX];
    if (count > BUCKETS_MAX || json_array_size(new) != count + 1 ||
        json_array_size(old) != count + 1)
        return -1;
    for (size_t i = 0; i <= count; i++) {
        if (i < count)
            bounds[i] = (double)json_integer_value(json_array_get(bounds_ms, i));
        counts[i] = (uint64_t)(json_integer_value(json_array_get(new, i)) -
                               json_integer_value(json_array_get(old, i)));
    }
    return rates_median(counts, bounds, count);
}

bool rates_between(const json_t *before, const json_t *after, struct rates *ret_rates)
{
    uint64_t then_ms = number_of(before, "now_ms"), now_ms = number_of(after, "now_ms");
    if (now_ms <= then_ms ||
        number_of(after, "requests_total") < number_of(before, "requests_total") ||
        number_of(after, "uptime_s") < number_of(before, "uptime_s"))
        return false;
    struct rates rates = {.interval_s = (double)(now_ms - then_ms) / 1000};
    const struct {
        const char *name;
        double *rate;
    } counters[] = {{"requests_total", &rates.requests_s},
                    {"errors_total", &rates.errors_s},
                    {"prompt_tokens", &rates.prompt_tokens_s},
                    {"completion_tokens", &rates.completion_tokens_s}};
    for (size_t i = 0; i < COUNT_OF(counters); i++)
        *counters[i].rate =
            (double)(number_of(after, counters[i].name) - number_of(before, counters[i].name)) /
            rates.interval_s;
    rates.connections = number_of(after, "connections_open");
    rates.requests_open = number_of(after, "requests_open");
    rates.streams = number_of(after, "streams_open");
    rates.first_token_ms = median_between(before, after, "first_token_ms");
    *ret_rates = rates;
    return true;
}
