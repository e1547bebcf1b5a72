/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/profile.h"

#include <math.h>
#include <string.h>

#define CLOCK_SLACK_MS 60000U /* threads read their clocks at different moments */
#define HOURS_A_DAY 24
#define SECONDS_AN_HOUR 3600.0
#define SECONDS_A_DAY 86400.0

/* ── what it may use ── */

bool profile_is_blank(const struct profile *profile)
{
    return profile->today == 0 && profile->granted_rate <= 0;
}

bool profile_is_trusted(const struct profile *profile)
{
    return profile->rate > 0 || profile->granted_rate > 0;
}

double profile_rate(const struct profile *profile)
{
    return fmax(profile->rate, profile->granted_rate);
}

static double request_wt(const struct profile *profile)
{
    return profile->request_wt > 0 ? profile->request_wt : PROFILE_REQUEST_WT;
}

double profile_burst(const struct profile *profile)
{
    return fmax(PROFILE_BURST_REQUESTS * request_wt(profile),
                PROFILE_BURST_S * profile_rate(profile));
}

double profile_day(const struct profile *profile)
{
    return fmax(profile->day_wt, profile->granted_rate * SECONDS_A_DAY);
}

/* Under way at a time, as its rate makes them: Little's law. */
static double mean_calls(const struct profile *profile, double call_s)
{
    return profile_rate(profile) / request_wt(profile) * call_s;
}

double profile_ordinary_calls(const struct profile *profile, double call_s)
{
    return call_s > 0 ? 1 + mean_calls(profile, call_s) : 0;
}

uint32_t profile_calls(const struct profile *profile, double call_s)
{
    double mean = mean_calls(profile, call_s);
    return call_s > 0 ? 2 + (uint32_t)fmin(ceil(4 * mean + 4 * sqrt(mean)), PROFILE_CALLS_MAX)
                      : UINT32_MAX;
}

bool profile_in(const struct profile *profile)
{
    return profile_is_trusted(profile) && profile->balance > 0 && profile->day_balance > 0;
}

double profile_wait_s(const struct profile *profile)
{
    if (!profile_is_trusted(profile))
        return INFINITY;
    double burst_s = -profile->balance / profile_rate(profile);
    double day_s = -profile->day_balance / profile_day(profile) * SECONDS_A_DAY;
    return fmax(0, fmax(burst_s, day_s));
}

static void fill(struct profile *profile)
{
    profile->balance = profile_burst(profile);
    profile->day_balance = profile_day(profile);
}

/* Whoever becomes trusted begins with full balances; who is so no more has none. */
static void follow_trust(struct profile *profile, bool before)
{
    bool now = profile_is_trusted(profile);
    if (now && !before)
        fill(profile);
    else if (!now)
        profile->balance = profile->day_balance = 0;
}

/* ── the days ── */

/* Means over the days in which anything was used. */
struct means {
    double rate, day_wt;               /* targets: the factor is in them */
    double rate_lowest, day_wt_lowest; /* of one day */
};

static struct means means_of(const struct profile *profile)
{
    struct means means = {.rate_lowest = INFINITY, .day_wt_lowest = INFINITY};
    double wt = 0, busiest_wt = 0, days = 0;
    for (size_t i = 0; i < PROFILE_DAYS; i++) {
        const struct profile_day *day = &profile->days[i];
        if (day->hours == 0)
            continue;
        wt += day->wt;
        busiest_wt += day->busiest_wt;
        days++;
        double rate = PROFILE_RATE_FACTOR * day->busiest_wt / SECONDS_AN_HOUR;
        means.rate_lowest = fmin(means.rate_lowest, rate);
        means.day_wt_lowest = fmin(means.day_wt_lowest, PROFILE_RATE_FACTOR * day->wt);
    }
    if (days > 0) {
        means.rate =
            fmin(PROFILE_RATE_FACTOR * busiest_wt / days / SECONDS_AN_HOUR, PROFILE_RATE_MAX);
        means.day_wt = fmin(PROFILE_RATE_FACTOR * wt / days, PROFILE_AMOUNT_MAX);
    }
    return means;
}

static double decay_of(double days)
{
    return exp2(-days / PROFILE_HALF_LIFE_DAYS);
}

static float moved(double from, double target, bool may_grow)
{
    if (target >= from)
        return (float)(may_grow ? fmin(target, from * PROFILE_GROWTH_MAX) : from);
    return (float)fmax(target, from * decay_of(1));
}

/* days[0] is over. */
static void end_day(struct profile *profile)
{
    struct means means = means_of(profile);
    bool counted = profile->days[0].hours > 0;
    if (profile->rate > 0) {
        profile->rate = moved(profile->rate, means.rate, counted);
        profile->day_wt = moved(profile->day_wt, means.day_wt, counted);
    } else if (counted && profile->days_earned >= PROFILE_DAYS_TO_EARN) {
        profile->rate = (float)fmin(means.rate_lowest, PROFILE_RATE_MAX);
        profile->day_wt = (float)fmin(means.day_wt_lowest, PROFILE_AMOUNT_MAX);
    }
    memmove(&profile->days[1], &profile->days[0], sizeof(profile->days) - sizeof(profile->days[0]));
    profile->days[0] = (struct profile_day){0};
}

/* Nothing was used for longer than the mean looks back. */
static void fade(struct profile *profile, uint32_t days)
{
    profile->rate = (float)(profile->rate * decay_of(days));
    profile->day_wt = (float)(profile->day_wt * decay_of(days));
}

static void lapse(struct profile *profile)
{
    profile->rate = profile->day_wt = 0;
    profile->days_earned = 0;
}

static uint32_t day_of(uint64_t wall_ms)
{
    uint64_t day = wall_ms / PROFILE_DAY_MS;
    return day == 0 ? 1 : (uint32_t)MIN(day, (uint64_t)UINT16_MAX);
}

static void roll_days(struct profile *profile, uint64_t wall_ms)
{
    uint32_t day = day_of(wall_ms);
    if (profile->today == 0)
        return;
    if (day + PROFILE_DAYS < profile->today) { /* the clock was far ahead */
        profile->today = (uint16_t)day;
        profile->hour = day * HOURS_A_DAY;
    }
    if (day <= profile->today)
        return;
    uint32_t passed = day - profile->today;
    bool trusted = profile_is_trusted(profile);
    for (uint32_t i = 0; i < MIN(passed, (uint32_t)PROFILE_DAYS); i++)
        end_day(profile);
    if (passed > PROFILE_DAYS)
        fade(profile, passed - PROFILE_DAYS);
    profile->today = (uint16_t)day;
    if (day > profile->hour / HOURS_A_DAY + PROFILE_LAPSE_DAYS)
        lapse(profile);
    follow_trust(profile, trusted);
}

static void refill(struct profile *profile, uint64_t wall_ms)
{
    if (wall_ms < profile->refilled_ms) {
        if (profile->refilled_ms - wall_ms > CLOCK_SLACK_MS)
            profile->refilled_ms = wall_ms;
        return;
    }
    if (profile_is_trusted(profile)) {
        double seconds = (double)(wall_ms - profile->refilled_ms) / 1000;
        double day = profile_day(profile);
        profile->balance =
            fmin(profile->balance + profile_rate(profile) * seconds, profile_burst(profile));
        profile->day_balance = fmin(profile->day_balance + day / SECONDS_A_DAY * seconds, day);
    }
    profile->refilled_ms = wall_ms;
}

void profile_advance(struct profile *profile, uint64_t wall_ms)
{
    roll_days(profile, wall_ms);
    refill(profile, wall_ms);
}

/* ── use ── */

static void see(struct profile *profile, uint64_t wall_ms)
{
    profile->seen_s = (uint32_t)MIN(wall_ms / 1000, (uint64_t)UINT32_MAX);
}

uint64_t profile_wt(uint64_t prompt_tokens, uint64_t completion_tokens)
{
    uint64_t prompt = MIN(prompt_tokens, (uint64_t)PROFILE_WT_MAX);
    uint64_t completion = MIN(completion_tokens, (uint64_t)PROFILE_WT_MAX);
    return MIN(prompt + PROFILE_OUTPUT_WEIGHT * completion, (uint64_t)PROFILE_WT_MAX);
}

uint64_t profile_reserve(struct profile *profile, uint64_t wt, uint64_t wall_ms)
{
    profile_advance(profile, wall_ms);
    see(profile, wall_ms);
    if (!profile_in(profile))
        return 0;
    uint64_t taken = MIN(wt, (uint64_t)PROFILE_WT_MAX);
    profile->balance -= (double)taken;
    profile->day_balance -= (double)taken;
    return taken;
}

/* An hour that is a little older than the last one is of a thread whose clock is a little behind; a much older one is of a clock that was set back. */
static void count_hour(struct profile *profile, uint32_t hour)
{
    struct profile_day *day = &profile->days[0];
    if (day->hours > 0 && (hour == profile->hour || hour + 1 == profile->hour))
        return;
    profile->hour = hour;
    profile->hour_wt = 0;
    day->hours = (uint16_t)MIN(day->hours + 1, HOURS_A_DAY);
}

/* In the hour that was counted last. */
static void count_wt(struct profile *profile, double wt)
{
    struct profile_day *day = &profile->days[0];
    day->wt = (float)fmin((double)day->wt + wt, PROFILE_AMOUNT_MAX);
    profile->hour_wt = (float)fmin((double)profile->hour_wt + wt, PROFILE_AMOUNT_MAX);
    day->busiest_wt = fmaxf(day->busiest_wt, profile->hour_wt);
}

/* A mean that a new value moves by PROFILE_REQUEST_SMOOTHING; the first one is taken as it is. */
static float smoothed(float mean, double value, double requests)
{
    if (mean <= 0)
        return (float)value;
    double keep = pow(1 - PROFILE_REQUEST_SMOOTHING, requests);
    return (float)(mean * keep + value * (1 - keep));
}

static void begin_today(struct profile *profile, uint32_t day)
{
    if (profile->today == 0)
        profile->today = (uint16_t)day;
    if (profile->days[0].hours == 0 && profile->days_earned < UINT16_MAX)
        profile->days_earned++;
}

static void learn(struct profile *profile, uint64_t wt, uint64_t completion_tokens,
                  uint64_t wall_ms)
{
    struct profile_day *today = &profile->days[0];
    begin_today(profile, day_of(wall_ms));
    count_hour(profile, (uint32_t)MIN(wall_ms / PROFILE_HOUR_MS, (uint64_t)UINT32_MAX));
    count_wt(profile, (double)wt);
    today->requests = (uint16_t)MIN(today->requests + 1, UINT16_MAX);
    profile->request_wt = smoothed(profile->request_wt, (double)wt, 1);
    profile->output_log = smoothed(profile->output_log, log1p((double)completion_tokens), 1);
}

bool profile_use_earns(const struct profile_use *use)
{
    return !use->aborted && !use->siege &&
           profile_wt(use->prompt_tokens, use->completion_tokens) > 0;
}

void profile_settle(struct profile *profile, const struct profile_use *use, uint64_t wall_ms)
{
    uint64_t wt = profile_wt(use->prompt_tokens, use->completion_tokens);
    profile_advance(profile, wall_ms);
    see(profile, wall_ms);
    if (use->reserved_wt > 0 && profile_is_trusted(profile)) {
        double back = (double)MIN(use->reserved_wt, (uint64_t)PROFILE_WT_MAX) - (double)wt;
        profile->balance = fmin(profile->balance + back, profile_burst(profile));
        profile->day_balance = fmin(profile->day_balance + back, profile_day(profile));
    }
    if (profile_use_earns(use))
        learn(profile, wt, use->completion_tokens, wall_ms);
}

/* ── from elsewhere ── */

void profile_import(struct profile *profile, const struct profile_past *past)
{
    double requests = (double)past->requests, wt = 0;
    profile_advance(profile, past->day * PROFILE_DAY_MS);
    begin_today(profile, past->day);
    profile->days[0] =
        (struct profile_day){.requests = (uint16_t)MIN(past->requests, (uint64_t)UINT16_MAX)};
    for (uint32_t hour = 0; hour < HOURS_A_DAY; hour++) {
        if (past->hours_wt[hour] <= 0)
            continue;
        count_hour(profile, past->day * HOURS_A_DAY + hour);
        count_wt(profile, past->hours_wt[hour]);
        wt += past->hours_wt[hour];
    }
    profile->seen_s = profile->hour * (uint32_t)SECONDS_AN_HOUR;
    profile->request_wt = smoothed(profile->request_wt, wt / requests, requests);
    profile->output_log = smoothed(profile->output_log, past->output_log / requests, requests);
}

/* Both count the same days. */
static void merge_days(struct profile *profile, const struct profile *other)
{
    for (size_t i = 0; i < PROFILE_DAYS; i++)
        if (other->days[i].wt > profile->days[i].wt)
            profile->days[i] = other->days[i];
}

void profile_merge(struct profile *profile, const struct profile *other, uint64_t wall_ms)
{
    struct profile more = *other;
    profile_advance(profile, wall_ms);
    profile_advance(&more, MAX(wall_ms, profile->today * PROFILE_DAY_MS));
    bool trusted = profile_is_trusted(profile);
    if (profile->today == 0)
        profile->today = more.today;
    merge_days(profile, &more);
    if (more.hour > profile->hour) {
        profile->hour = more.hour;
        profile->hour_wt = more.hour_wt;
    }
    profile->days_earned = (uint16_t)MAX(profile->days_earned, more.days_earned);
    profile->rate = fmaxf(profile->rate, more.rate);
    profile->day_wt = fmaxf(profile->day_wt, more.day_wt);
    profile->seen_s = MAX(profile->seen_s, more.seen_s);
    if (profile->request_wt <= 0)
        profile->request_wt = more.request_wt;
    if (profile->output_log <= 0)
        profile->output_log = more.output_log;
    follow_trust(profile, trusted);
}

void profile_grant(struct profile *profile, double rate, uint64_t wall_ms)
{
    profile_advance(profile, wall_ms);
    profile->granted_rate = (float)fmin(fmax(rate, 0), PROFILE_RATE_MAX);
    if (profile->granted_rate > 0)
        fill(profile);
    else
        follow_trust(profile, true);
    profile->balance = fmin(profile->balance, profile_burst(profile));
    profile->day_balance = fmin(profile->day_balance, profile_day(profile));
}
