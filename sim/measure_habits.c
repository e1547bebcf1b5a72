/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Habits are told by time alone, since no interface of engines tells them: a call behind the backs of calls that hung
 * up is as fast as on a quiet engine, or as slow as beside them.
 */
#include "measure.h"

#include "base/clock.h"

#include <math.h>

#define HABIT_WORDS 8
#define CACHE_TOKENS 384u /* three of the largest blocks that engines have: vLLM's on a CPU */
#define CACHE_TRIES 3      /* pairs of calls: what the machine does beside only ever adds time */
#define CACHE_SHARE 0.5    /* of the time for reading a prompt: less is the cache's work */
#define CHOICE_TOKENS 8
#define LEAVERS_MAX 16
#define LEAVER_TOKENS 256
#define LEAVER_STEPS 4 /* tokens that have come when it hangs up */
#define PROBE_TOKENS 8
#define TELLING_RATIO 1.5 /* a full engine must be this much slower, else nothing can be told */
#define QUIET_TRIES 40

static int first_event_us(struct measure *measure, uint32_t words, uint64_t seed, double *ret_us,
                          struct err *err)
{
    struct probe_call call = {.words = words, .output_tokens = MEASURE_FEW_TOKENS, .seed = seed};
    int r = measure_play(measure, &call, 1, err);
    if (r == 0)
        *ret_us = MIN(*ret_us, (double)(call.event_us[0] - call.sent_us));
    probe_calls_release(&call, 1);
    return r;
}

/* Compared is what reading the prompt takes: a call's own time, `first_us`, is no less with a cache. */
static int cache_habit(struct measure *measure, struct err *err)
{
    uint32_t words =
        measure_words(measure, MIN(CACHE_TOKENS, measure->limits.context_tokens * 3 / 4));
    double first = INFINITY, second = INFINITY;
    int r = 0;
    for (int i = 0; r == 0 && i < CACHE_TRIES; i++) {
        uint64_t seed = clock_mono_us() | 1;
        r = first_event_us(measure, words, seed, &first, err);
        if (r == 0)
            r = first_event_us(measure, words, seed, &second, err);
    }
    if (r < 0)
        return r;
    double call_us = MIN(measure->first_us, second);
    measure->prefix_cache = second - call_us < CACHE_SHARE * (first - call_us);
    measure_say(measure, "habits: the same prompt again, %.1f ms instead of %.1f ms", second / 1000,
                first / 1000);
    return 0;
}

/* An engine that refuses `n` counts what it makes. */
static int choices_habit(struct measure *measure, struct err *err)
{
    struct probe_call call = {
        .words = HABIT_WORDS, .output_tokens = CHOICE_TOKENS, .choices = 2, .unstreamed = true};
    int r = probe_run(measure->probe, &call, 1, err);
    if (r == 0) {
        measure->counts_choices = !call.whole || call.output_counted > CHOICE_TOKENS;
        measure_say(measure, "habits: two choices of %d tokens, usage says %u", CHOICE_TOKENS,
                    call.output_counted);
    }
    probe_calls_release(&call, 1);
    return r;
}

static int short_call_us(struct measure *measure, double *ret_us, struct err *err)
{
    struct probe_call call = {.words = HABIT_WORDS, .output_tokens = PROBE_TOKENS};
    int r = measure_play(measure, &call, 1, err);
    if (r == 0)
        *ret_us = (double)(call.ended_us - call.sent_us);
    probe_calls_release(&call, 1);
    return r;
}

static uint32_t leavers_of(const struct measure *measure)
{
    return MIN(measure->running_max, (uint32_t)LEAVERS_MAX);
}

/* What a short call takes when it is slower than this, the engine still works for those that left. Slots that are all
 * taken make it wait for hundreds of tokens; a batch makes each of its steps longer. 0: cannot be told. */
static double limit_us(const struct measure *measure, double quiet_us)
{
    double ratio = measure->step_us[1] / MAX(measure->step_us[0], 1.0);
    if (measure->running_max_seen && leavers_of(measure) == measure->running_max)
        return quiet_us * 3;
    return ratio < TELLING_RATIO ? 0 : quiet_us * sqrt(ratio);
}

static int leave(struct measure *measure, bool unstreamed, struct err *err)
{
    struct probe_call calls[LEAVERS_MAX] = {0};
    uint32_t count = leavers_of(measure);
    uint32_t tokens = MIN((uint32_t)LEAVER_TOKENS, measure->limits.context_tokens / 2);
    double until_us = measure->first_us * (count + 1) + LEAVER_STEPS * measure->step_us[count > 1];
    for (uint32_t i = 0; i < count; i++) {
        calls[i] = (struct probe_call){
            .words = HABIT_WORDS, .output_tokens = tokens, .unstreamed = unstreamed};
        if (unstreamed)
            calls[i].leave_us = (uint64_t)until_us;
        else
            calls[i].leave_tokens = LEAVER_STEPS;
    }
    int r = measure_play(measure, calls, count, err);
    probe_calls_release(calls, count);
    return r;
}

static int wait_quiet(struct measure *measure, double limit, struct err *err)
{
    double us = INFINITY;
    int r = 0;
    for (int i = 0; r == 0 && us > limit && i < QUIET_TRIES; i++)
        r = short_call_us(measure, &us, err);
    return r;
}

static int stops_habit(struct measure *measure, bool unstreamed, enum measure_stops *ret_stops,
                       struct err *err)
{
    double quiet = 0, after = 0;
    int r = short_call_us(measure, &quiet, err);
    double limit = limit_us(measure, quiet);
    *ret_stops = MEASURE_CANNOT_TELL;
    if (r < 0 || limit <= 0)
        return r;
    r = leave(measure, unstreamed, err);
    if (r == 0)
        r = short_call_us(measure, &after, err);
    if (r < 0)
        return r;
    *ret_stops = after > limit ? MEASURE_GOES_ON : MEASURE_STOPS;
    measure_say(
        measure, "habits: a short call takes %.0f ms, and %.0f ms behind %u %s ones that hung up",
        quiet / 1000, after / 1000, leavers_of(measure), unstreamed ? "unstreamed" : "streamed");
    return *ret_stops == MEASURE_GOES_ON ? wait_quiet(measure, limit, err) : 0;
}

int measure_habits(struct measure *measure, struct err *err)
{
    int r = cache_habit(measure, err);
    if (r == 0)
        r = choices_habit(measure, err);
    if (r == 0)
        r = stops_habit(measure, false, &measure->stops_streamed, err);
    if (r == 0)
        r = stops_habit(measure, true, &measure->stops_unstreamed, err);
    return r;
}
