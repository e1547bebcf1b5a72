/* SPDX-License-Identifier: Apache-2.0 */
#include "stretch.h"

#include "base/macros.h"

#include <errno.h>

#define GAPS_MAX 8192
#define GAPS_MIN 3
#define NOISE 0.5 /* a gap that is longer by less than this share holds no part of a prompt */

static uint64_t first_us(const struct probe_call *call)
{
    return call->event_us[0];
}

static uint64_t last_us(const struct probe_call *call)
{
    return call->event_us[call->events - 1];
}

static uint64_t earliest_end_us(const struct probe_call *calls, size_t count)
{
    uint64_t end = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        end = MIN(end, last_us(&calls[i]));
    return end;
}

uint32_t stretch_together(const struct probe_call *calls, size_t count)
{
    uint64_t end = earliest_end_us(calls, count);
    uint32_t together = 0;
    for (size_t i = 0; i < count; i++)
        together += first_us(&calls[i]) < end;
    return together;
}

/* What the call holds in the step that brings its event number `event`. */
static double kv_at(const struct probe_call *call, size_t event, double event_tokens)
{
    return (double)call->prompt_tokens + (double)event * event_tokens;
}

int stretch_of_steps(const struct probe_call *calls, size_t count, double event_tokens,
                     struct stretch *ret_stretch)
{
    static double gaps[GAPS_MAX];
    size_t gaps_count = 0;
    uint64_t begin = 0, end = earliest_end_us(calls, count);
    double kv = 0, total = 0;
    for (size_t i = 0; i < count; i++)
        begin = MAX(begin, first_us(&calls[i]));
    for (size_t i = 0; i < count; i++) {
        double events = 0, sum = 0;
        for (uint32_t event = 1; event < calls[i].events; event++) {
            if (calls[i].event_us[event - 1] < begin || calls[i].event_us[event] > end ||
                gaps_count == GAPS_MAX)
                continue;
            gaps[gaps_count] = (double)(calls[i].event_us[event] - calls[i].event_us[event - 1]);
            total += gaps[gaps_count++];
            sum += kv_at(&calls[i], event, event_tokens);
            events++;
        }
        kv += events > 0 ? sum / events : 0;
    }
    if (gaps_count < GAPS_MIN)
        return -ENOENT;
    double quartiles[] = {fit_quantile(gaps, gaps_count, 0.25), fit_quantile(gaps, gaps_count, 0.5),
                          fit_quantile(gaps, gaps_count, 0.75)};
    *ret_stretch = (struct stretch){
        .sample = {.us = total / (double)gaps_count,
                   .steps = event_tokens,
                   .sequences = (uint32_t)count,
                   .kv_tokens = kv * event_tokens},
        .spread = (quartiles[2] - quartiles[0]) / quartiles[1],
    };
    return 0;
}

/* The last event at or before `us`; -1: none. */
static ptrdiff_t event_before(const struct probe_call *call, uint64_t us)
{
    ptrdiff_t at = -1;
    while (at + 1 < (ptrdiff_t)call->events && call->event_us[at + 1] <= us)
        at++;
    return at;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* A step tells its calls one after the other: the event of the same step is the nearest one. */
static ptrdiff_t event_nearest(const struct probe_call *call, uint64_t us)
{
    ptrdiff_t at = event_before(call, us);
    bool later =
        at + 1 < (ptrdiff_t)call->events &&
        (at < 0 || distance(call->event_us[at + 1], us) < distance(call->event_us[at], us));
    return later ? at + 1 : at;
}

static double median_gap(const struct probe_call *call, ptrdiff_t until)
{
    static double gaps[PROBE_TOKENS_MAX];
    for (ptrdiff_t i = 1; i <= until; i++)
        gaps[i - 1] = (double)(call->event_us[i] - call->event_us[i - 1]);
    return fit_quantile(gaps, (size_t)until, 0.5);
}

static double largest_share(const struct probe_call *call, ptrdiff_t from, ptrdiff_t to)
{
    double usual = median_gap(call, from), sum = 0, largest = 0;
    for (ptrdiff_t i = from + 1; i <= to; i++) {
        double more = (double)(call->event_us[i] - call->event_us[i - 1]) - usual;
        if (more < usual * NOISE)
            continue;
        sum += more;
        largest = MAX(largest, more);
    }
    return sum > 0 ? largest / sum : 1;
}

int stretch_of_arrival(const struct probe_call *calls, size_t count,
                       const struct probe_call *newcomer, double event_tokens,
                       struct stretch *ret_stretch)
{
    const struct probe_call *one = &calls[0];
    ptrdiff_t from = event_before(one, newcomer->sent_us),
              to = event_nearest(one, first_us(newcomer));
    if (from < GAPS_MIN || to <= from || to + 1 >= (ptrdiff_t)one->events)
        return -ENOENT;
    double steps = (double)(to - from) * event_tokens, kv = newcomer->prompt_tokens;
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t at = event_before(&calls[i], first_us(newcomer));
        if (first_us(&calls[i]) > newcomer->sent_us || at + 1 >= (ptrdiff_t)calls[i].events)
            return -ENOENT;
        kv += steps * kv_at(&calls[i], (size_t)at, event_tokens);
    }
    *ret_stretch = (struct stretch){
        .sample = {.us = (double)(one->event_us[to] - one->event_us[from]),
                   .steps = steps,
                   .sequences = (uint32_t)count,
                   .prefill_tokens =
                       (double)newcomer->prompt_tokens - (double)newcomer->cached_tokens,
                   .kv_tokens = kv},
        .largest_share = largest_share(one, from, to),
    };
    return 0;
}
