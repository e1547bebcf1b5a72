/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/limiter.h"

#include <math.h>
#include <string.h>

#define LOAD_MAX 1000000.0f /* calls in an engine; more is nonsense */
#define KV_TOKENS_MAX (UINT64_C(1) << 40)
#define TIME_MAX_US 600000000 /* longer is as bad */
#define PROMPT_MAX 100000000.0
#define GRADIENT_MIN 0.5
#define WEIGHT_NEW 0.2 /* of a tick, in the limit */
#define SAMPLES_ENOUGH 3
#define SAMPLES_WAIT_TICKS 5
#define TPOT_SMOOTHING 0.4f
#define LOW_FALLS 0.25f /* of the way, each tick */
#define LOW_RISES                                                                                  \
    0.15f /* … with next to nothing under way: sooner there than L can rise beyond it */
#define LOW_RISES_LOADED 0.02f /* … with as much as when the lowest was seen: τ = 10 s */
#define LOW_CLEARLY                                                                                \
    0.8f /* lower than this share at a higher load: another engine, and a new load to compare with */
#define LOW_RISES_BY_LINE 0.2f
#define LINE_POINTS_MIN 4.0
#define LINE_ALIKE 1e-6
#define TTFT_FORGETS 0.99 /* each first token: a hundred count */
#define TTFT_OUTLIER 3.0  /* times what was expected */
#define PACE_FORGETS 0.96 /* each tick: five seconds count */
#define PACE_POINTS_MIN 8.0
#define PACE_SPREAD 0.1 /* of x, by its mean */
#define PACE_ERROR 0.04 /* of y, by its mean */
#define PACE_OFF 1.05f  /* times what is tolerated: a flood rests at 1, and is not asked */
#define PACE_CLEARLY_GOOD 1.1f

void limiter_init(struct limiter *limiter)
{
    *limiter = (struct limiter){.limit = LIMITER_START, .strict = LIMITER_START, .starts = true};
}

/* ---- what the engine says ------------------------------------------------------------------ */

static double cap_of(const struct limiter *limiter)
{
    uint32_t slots = limiter->facts.slots;
    return slots > 0 ? MIN(slots + slots / 10, (uint32_t)LIMITER_MAX) : LIMITER_MAX;
}

uint32_t limiter_cap(const struct limiter *limiter)
{
    return (uint32_t)cap_of(limiter);
}

static double within(const struct limiter *limiter, double limit)
{
    double least = fmax(LIMITER_MIN, fmin(limiter->facts.slots, LIMITER_SLOTS_KEPT));
    return fmin(fmax(limit, least), cap_of(limiter));
}

static uint32_t sane_load(uint32_t calls)
{
    return (float)calls > LOAD_MAX ? 0 : calls;
}

void limiter_know(struct limiter *limiter, const struct limiter_facts *facts)
{
    struct limiter_facts *known = &limiter->facts;
    *known = *facts;
    known->slots = sane_load(facts->slots);
    known->running = sane_load(facts->running);
    known->waiting = sane_load(facts->waiting);
    if (facts->kv_tokens > KV_TOKENS_MAX)
        known->kv_tokens = 0;
    if (!(facts->kv_used >= 0 && facts->kv_used <= 1)) /* NaN too */
        known->kv_used = 0;
    limiter->limit = within(limiter, limiter->limit);
    limiter->strict = within(limiter, limiter->strict);
}

uint64_t limiter_kv_max(const struct limiter *limiter)
{
    uint64_t tokens = limiter->facts.slots > 0 ? 0 : limiter->facts.kv_tokens;
    return tokens > 0 ? (uint64_t)((double)tokens * LIMITER_KV_SHARE) : UINT64_MAX;
}

bool limiter_holds_low(const struct limiter *limiter, uint64_t now_ms)
{
    const struct limiter_facts *facts = &limiter->facts;
    /* Another thread's clock may be a little ahead. */
    uint64_t age_ms = now_ms > facts->at_ms ? now_ms - facts->at_ms : facts->at_ms - now_ms;
    if (facts->at_ms == 0 || age_ms > LIMITER_FACTS_OLD_MS)
        return false;
    return facts->waiting > LIMITER_WAITING_MAX || facts->kv_used > (float)LIMITER_KV_SHARE;
}

/* ---- lines --------------------------------------------------------------------------------- */

static void line_add(struct limiter_line *line, double forgets, double x, double y)
{
    line->n = forgets * line->n + 1;
    line->x = forgets * line->x + x;
    line->y = forgets * line->y + y;
    line->xx = forgets * line->xx + x * x;
    line->xy = forgets * line->xy + x * y;
    line->yy = forgets * line->yy + y * y;
}

/* b ≥ 0, and 0 while all x are alike; a ≥ 0. False while there are too few points. */
static bool line_solve(const struct limiter_line *line, double *ret_a, double *ret_b)
{
    if (line->n < LINE_POINTS_MIN)
        return false;
    double variance = line->n * line->xx - line->x * line->x;
    double slope = (line->n * line->xy - line->x * line->y) / variance;
    *ret_b = variance > LINE_ALIKE * line->x * line->x ? fmax(slope, 0) : 0;
    *ret_a = (line->y - *ret_b * line->x) / line->n;
    if (*ret_a < 0) {
        *ret_a = 0;
        *ret_b = line->xy / line->xx;
    }
    return true;
}

/* Do its points differ in x, and lie on it? */
static bool line_tells(const struct limiter_line *line, double a, double b)
{
    double variance = line->n * line->xx - line->x * line->x;
    double errors = line->yy - 2 * a * line->y - 2 * b * line->xy + line->n * a * a +
                    2 * a * b * line->x + b * b * line->xx;
    double mean = line->y / line->n;
    return line->n >= PACE_POINTS_MIN && variance > PACE_SPREAD * PACE_SPREAD * line->x * line->x &&
           errors < line->n * PACE_ERROR * PACE_ERROR * mean * mean;
}

/* ---- first tokens -------------------------------------------------------------------------- */

uint64_t limiter_ttft_us(const struct limiter *limiter, uint64_t prompt_tokens)
{
    double a = 0, b = 0;
    (void)line_solve(&limiter->ttft, &a, &b);
    return (uint64_t)fmin(a + b * fmin((double)prompt_tokens, PROMPT_MAX), TIME_MAX_US);
}

uint64_t limiter_output_us(const struct limiter *limiter, uint64_t tokens)
{
    return (uint64_t)fmin((double)tokens * (double)limiter->tpot.p50, TIME_MAX_US);
}

static void learn_ttft(struct limiter *limiter, double x, double y)
{
    double expected = (double)limiter_ttft_us(limiter, (uint64_t)x);
    if (expected > 0)
        y = fmin(y, TTFT_OUTLIER * expected + LIMITER_RESIDUAL_SLACK_US);
    line_add(&limiter->ttft, TTFT_FORGETS, x, y);
}

static void add_sample(struct limiter_signal *signal, double us)
{
    signal->samples[signal->count++ % LIMITER_SAMPLES] = (float)fmin(us, TIME_MAX_US);
}

void limiter_first_token(struct limiter *limiter, uint64_t prompt_tokens, uint64_t ttft_us,
                         uint32_t under_way)
{
    uint64_t expected_us = limiter_ttft_us(limiter, prompt_tokens);
    add_sample(&limiter->residual, ttft_us > expected_us ? (double)(ttft_us - expected_us) : 0);
    if (under_way <= fmax(LIMITER_LITTLE, limiter->limit / 8))
        learn_ttft(limiter, fmin((double)prompt_tokens, PROMPT_MAX),
                   fmin((double)ttft_us, TIME_MAX_US));
}

void limiter_tokens(struct limiter *limiter, uint32_t tokens, uint64_t us)
{
    if (tokens > 0 && us / tokens >= LIMITER_TPOT_MIN_US)
        add_sample(&limiter->tpot, (double)us / tokens);
}

/* ---- ticks --------------------------------------------------------------------------------- */

static void sort(float *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        float value = values[i];
        uint32_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

/* The median of what came: when that is enough for one, or has waited for it long enough. */
static bool take_median(struct limiter_signal *signal, float *ret_us)
{
    uint32_t count = MIN(signal->count, (uint32_t)LIMITER_SAMPLES);
    signal->quiet_ticks++;
    if (count < SAMPLES_ENOUGH && (count == 0 || signal->quiet_ticks < SAMPLES_WAIT_TICKS)) {
        if (signal->quiet_ticks >= LIMITER_QUIET_TICKS)
            signal->p50 = 0;
        return false;
    }
    sort(signal->samples, count);
    signal->count = signal->quiet_ticks = 0;
    *ret_us = signal->samples[count / 2];
    return true;
}

static float toward(float from, float to, float weight)
{
    return from + weight * (to - from);
}

static void follow_low(struct limiter_signal *tpot, uint32_t load)
{
    if (tpot->p50 < tpot->low) {
        if (load < tpot->low_load || tpot->p50 < LOW_CLEARLY * tpot->low)
            tpot->low_load = load;
        tpot->low = toward(tpot->low, tpot->p50, LOW_FALLS);
    } else if (load <= LIMITER_LITTLE) {
        tpot->low = toward(tpot->low, tpot->p50, LOW_RISES);
    } else if (load <= tpot->low_load) {
        tpot->low = toward(tpot->low, tpot->p50, LOW_RISES_LOADED);
    }
}

/* The pace is off: is that the load, or the engine? */
static void doubt_low(struct limiter *limiter, float median, uint32_t load)
{
    struct limiter_signal *tpot = &limiter->tpot;
    float tolerated = (float)LIMITER_TPOT_TOLERANCE * tpot->low;
    if (!limiter->slow && tpot->p50 > PACE_OFF * tolerated)
        limiter->pace = (struct limiter_line){0};
    limiter->slow =
        tpot->p50 > (limiter->slow ? tolerated / PACE_CLEARLY_GOOD : PACE_OFF * tolerated);
    line_add(&limiter->pace, PACE_FORGETS, load, (double)median);
    double unloaded_us, slope;
    if (limiter->slow && line_solve(&limiter->pace, &unloaded_us, &slope) &&
        line_tells(&limiter->pace, unloaded_us, slope) && unloaded_us > (double)tpot->low)
        tpot->low = toward(tpot->low, MIN((float)unloaded_us, tpot->p50), LOW_RISES_BY_LINE);
}

/* True when there was something new. */
static bool digest_tpot(struct limiter *limiter, uint32_t load)
{
    struct limiter_signal *tpot = &limiter->tpot;
    float median;
    if (!take_median(tpot, &median))
        return false;
    tpot->p50 = tpot->p50 > 0 ? toward(tpot->p50, median, TPOT_SMOOTHING) : median;
    if (tpot->low_load == 0) {
        tpot->low = median;
        tpot->low_load = load;
    }
    follow_low(tpot, load);
    doubt_low(limiter, median, load);
    return true;
}

/* It never rises: an engine that reads prompts more slowly shows in a and b. */
static bool digest_residual(struct limiter_signal *residual, uint32_t load)
{
    float median;
    if (!take_median(residual, &median))
        return false;
    residual->p50 = median;
    if (residual->low_load == 0)
        residual->low = median;
    residual->low_load = load;
    residual->low = toward(residual->low, MIN(median, residual->low), LOW_FALLS);
    return true;
}

static double gradient(double good_us, double us)
{
    return us > good_us ? fmax(good_us / us, GRADIENT_MIN) : 1;
}

static double lowered(double limit, double g, uint32_t under_way)
{
    double lower = (1 - WEIGHT_NEW) * limit + WEIGHT_NEW * g * limit;
    return fmax(lower, fmin(limit, LIMITER_LEAST * under_way));
}

static double raised(double limit, bool starts, uint32_t under_way)
{
    double step = starts ? limit / 2 : sqrt(limit);
    return under_way >= LIMITER_USED * limit ? limit + WEIGHT_NEW * step : limit;
}

/* Many prompts that come at once wait for one another at first, so a residual tells only when it is no longer tolerated. */
static bool feels_load(const struct limiter *limiter, double g_residual)
{
    double felt = 1 + LIMITER_START_SHARE * (LIMITER_TPOT_TOLERANCE - 1);
    return g_residual < 1 || limiter->tpot.p50 > felt * limiter->tpot.low;
}

/* What the ticks' signals make of a limit. `g_new`: of those that had something new. */
static double moved(const struct limiter *limiter, double limit, double g, double g_new, uint32_t under_way)
{
    if (g_new < 1)
        limit = lowered(limit, g_new, under_way);
    else if (g >= 1)
        limit = raised(limit, limiter->starts, under_way);
    return within(limiter, limit);
}

bool limiter_tick(struct limiter *limiter, uint32_t under_way, uint64_t now_ms)
{
    if (now_ms < limiter->ticked_ms)
        limiter->ticked_ms = now_ms;
    if (limiter->ticked_ms > 0 && now_ms - limiter->ticked_ms < LIMITER_TICK_MS)
        return false;
    limiter->ticked_ms = now_ms;

    bool tpot_new = digest_tpot(limiter, MAX(under_way, 1U));
    bool residual_new = digest_residual(&limiter->residual, MAX(under_way, 1U));
    double g_tpot = gradient(LIMITER_TPOT_TOLERANCE * limiter->tpot.low, limiter->tpot.p50);
    double g_strict = gradient(LIMITER_TPOT_STRICT * limiter->tpot.low, limiter->tpot.p50);
    double g_residual =
        gradient(limiter->residual.low + LIMITER_RESIDUAL_SLACK_US, limiter->residual.p50);
    if (!tpot_new && !residual_new)
        return false;

    uint32_t before = limiter_limit(limiter), strict_before = limiter_strict_limit(limiter);
    limiter->starts = limiter->starts && !feels_load(limiter, g_residual);
    double residual_says = residual_new ? g_residual : 1;
    limiter->limit = moved(limiter, limiter->limit, fmin(g_tpot, g_residual),
                           fmin(tpot_new ? g_tpot : 1, residual_says), under_way);
    limiter->strict = moved(limiter, limiter->strict, fmin(g_strict, g_residual),
                            fmin(tpot_new ? g_strict : 1, residual_says), under_way);
    limiter->strict = fmin(limiter->strict, limiter->limit);
    return limiter_limit(limiter) != before || limiter_strict_limit(limiter) != strict_before;
}

uint32_t limiter_limit(const struct limiter *limiter)
{
    return (uint32_t)limiter->limit;
}

uint32_t limiter_strict_limit(const struct limiter *limiter)
{
    return (uint32_t)limiter->strict;
}
