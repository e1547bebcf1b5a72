/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unknowns are put together so that the samples can tell them apart: what a call alone needs (call and step), what
 * a step with each measured batch needs (step and decode), a further step without any, a prompt token, 1000 tokens of
 * KV. They are found by coordinate descent on the normal equations, which keeps each at 0 or above; with a few dozen of
 * them nothing faster is needed.
 */
#include "fit.h"

#include "base/macros.h"

#include <math.h>
#include <stdlib.h>

enum { FIRST, STEP, PREFILL, KV, BATCHES, UNKNOWNS_MAX = BATCHES + PRESET_POINTS_MAX };

#define SWEEPS_MAX 20000
#define ROUNDS 8
#define TRUSTED 2.0       /* times the median error */
#define TRUSTED_MIN 0.005 /* of a sample's time: closer than this is as good as met */
#define SETTLED 1e-10     /* a sweep that changes no unknown by more than this share is the last */

struct system {
    uint32_t unknowns;
    uint32_t sequences[PRESET_POINTS_MAX]; /* of unknown BATCHES + i, rising */
    double gram[UNKNOWNS_MAX][UNKNOWNS_MAX];
    double right[UNKNOWNS_MAX];
    double value[UNKNOWNS_MAX];
};

/* ── what the unknowns are ── */

static uint32_t batches_of(const struct system *system)
{
    return system->unknowns - BATCHES;
}

/* Keeps the batches rising. */
static int add_batch(struct system *system, uint32_t sequences)
{
    uint32_t count = batches_of(system), at = 0;
    while (at < count && system->sequences[at] < sequences)
        at++;
    if (at < count && system->sequences[at] == sequences)
        return 0;
    if (count == PRESET_POINTS_MAX)
        return -ENOSPC;
    memmove(&system->sequences[at + 1], &system->sequences[at],
            (count - at) * sizeof(system->sequences[0]));
    system->sequences[at] = sequences;
    system->unknowns++;
    return 0;
}

static uint32_t batch_unknown(const struct system *system, uint32_t sequences)
{
    uint32_t at = 0;
    while (system->sequences[at] != sequences)
        at++;
    return BATCHES + at;
}

static bool sample_is_sound(const struct fit_sample *sample)
{
    return isfinite(sample->us) && sample->us > 0 && isfinite(sample->steps) &&
           sample->steps >= 1 && isfinite(sample->prefill_tokens) && sample->prefill_tokens >= 0 &&
           isfinite(sample->kv_tokens) && sample->kv_tokens >= 0;
}

static int name_unknowns(struct system *system, const struct fit_sample *samples, size_t count,
                         struct err *err)
{
    bool arrival = false;
    system->unknowns = BATCHES;
    for (size_t i = 0; i < count; i++) {
        if (!sample_is_sound(&samples[i]))
            return err_set(err, -EINVAL, "sample %zu has a number out of range", i);
        arrival = arrival || samples[i].arrival;
        if (samples[i].sequences > 0 && add_batch(system, samples[i].sequences) < 0)
            return err_set(err, -EINVAL, "more than %d sizes of batch", PRESET_POINTS_MAX);
    }
    if (!arrival || batches_of(system) == 0 || system->sequences[0] != 1)
        return err_set(err, -EINVAL, "no sample of a first token, or none of a single sequence");
    return 0;
}

/* ── the equations ── */

static void weighted_row(const struct system *system, const struct fit_sample *sample, double *row)
{
    double weight = 1 / sample->us;
    for (uint32_t i = 0; i < system->unknowns; i++)
        row[i] = 0;
    if (sample->arrival)
        row[FIRST] = weight;
    if (sample->sequences == 0)
        row[STEP] = (sample->steps - (sample->arrival ? 1 : 0)) * weight;
    row[PREFILL] = sample->prefill_tokens * weight;
    row[KV] = sample->kv_tokens / 1000 * weight;
    if (sample->sequences > 0)
        row[batch_unknown(system, sample->sequences)] = sample->steps * weight;
}

static void add_equation(struct system *system, const struct fit_sample *sample, double trust)
{
    double row[UNKNOWNS_MAX];
    weighted_row(system, sample, row);
    for (uint32_t i = 0; i < system->unknowns; i++) {
        system->right[i] += trust * row[i]; /* times us × weight, which is 1 */
        for (uint32_t j = 0; j < system->unknowns; j++)
            system->gram[i][j] += trust * row[i] * row[j];
    }
}

/* Returns the largest share by which an unknown moved. */
static double sweep(struct system *system)
{
    double moved = 0;
    for (uint32_t i = 0; i < system->unknowns; i++) {
        double slope = system->right[i];
        if (system->gram[i][i] <= 0)
            continue; /* no sample has it: it stays 0 */
        for (uint32_t j = 0; j < system->unknowns; j++)
            slope -= system->gram[i][j] * system->value[j];
        double value = fmax(0, system->value[i] + slope / system->gram[i][i]);
        moved = fmax(moved, fabs(value - system->value[i]) / fmax(value, 1e-3));
        system->value[i] = value;
    }
    return moved;
}

/* ── the answer ── */

static double where_batches_meet_none(const struct system *system)
{
    const double *batch = &system->value[BATCHES];
    if (batches_of(system) < 2)
        return batch[0];
    return batch[0] - (batch[1] - batch[0]) / (double)(system->sequences[1] - 1);
}

static void name_values(const struct system *system, struct fit *fit)
{
    const double *batch = &system->value[BATCHES];
    double step =
        system->gram[STEP][STEP] > 0 ? system->value[STEP] : where_batches_meet_none(system);
    fit->decode_points = batches_of(system);
    for (uint32_t i = 0; i < fit->decode_points; i++)
        step = fmin(step, batch[i]);
    step = fmax(0, fmin(step, system->value[FIRST]));
    fit->step_us = step;
    fit->call_us = system->value[FIRST] - step;
    fit->prefill_us = system->value[PREFILL];
    fit->kv_us_per_1000 = system->value[KV];
    for (uint32_t i = 0; i < fit->decode_points; i++)
        fit->decode_us[i] = (struct preset_point){system->sequences[i], batch[i] - step};
}

static double batch_us(const struct fit *fit, uint32_t sequences)
{
    for (uint32_t i = 0; i < fit->decode_points; i++) {
        if (fit->decode_us[i].sequences == sequences)
            return fit->decode_us[i].us;
    }
    return 0;
}

double fit_sample_us(const struct fit *fit, const struct fit_sample *sample)
{
    double alone = sample->arrival ? fit->call_us : 0;
    double steps = sample->steps * (fit->step_us + batch_us(fit, sample->sequences));
    return alone + steps + sample->prefill_tokens * fit->prefill_us +
           sample->kv_tokens / 1000 * fit->kv_us_per_1000;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double fit_quantile(double *values, size_t count, double share)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare_doubles);
    double at = share * (double)(count - 1);
    size_t below = (size_t)at;
    if (below + 1 >= count)
        return values[count - 1];
    return values[below] + (at - (double)below) * (values[below + 1] - values[below]);
}

static double error_of(const struct fit *fit, const struct fit_sample *sample)
{
    return fabs(fit_sample_us(fit, sample) - sample->us) / sample->us;
}

static void judge(struct fit *fit, const struct fit_sample *samples, size_t count)
{
    double errors[FIT_SAMPLES_MAX];
    for (size_t i = 0; i < count; i++)
        errors[i] = error_of(fit, &samples[i]);
    fit->error_median = fit_quantile(errors, count, 0.5);
    fit->error_max = fit_quantile(errors, count, 1);
}

/* Huber's weights: a sample that the fit before misses by much more than most counts by how far it is, not by the
 * square of that. */
static double trust_of(const struct fit *before, const struct fit_sample *sample)
{
    double limit = fmax(before->error_median * TRUSTED, TRUSTED_MIN),
           error = error_of(before, sample);
    return error <= limit ? 1 : limit / error;
}

/* `before` may be NULL: then all samples count alike. */
static void solve(struct system *system, const struct fit_sample *samples, size_t count,
                  const struct fit *before)
{
    memset(system->gram, 0, sizeof(system->gram));
    memset(system->right, 0, sizeof(system->right));
    for (size_t i = 0; i < count; i++)
        add_equation(system, &samples[i], before ? trust_of(before, &samples[i]) : 1);
    for (uint32_t i = 0; i < SWEEPS_MAX && sweep(system) > SETTLED; i++)
        continue;
}

int fit_times(const struct fit_sample *samples, size_t count, struct fit *ret_fit, struct err *err)
{
    struct system system = {0};
    if (count > FIT_SAMPLES_MAX)
        return err_set(err, -EINVAL, "more than %d samples", FIT_SAMPLES_MAX);
    int r = name_unknowns(&system, samples, count, err);
    if (r < 0)
        return r;
    struct fit fit = {0};
    for (int round = 0; round < ROUNDS; round++) {
        solve(&system, samples, count, round > 0 ? &fit : NULL);
        name_values(&system, &fit);
        judge(&fit, samples, count);
    }
    *ret_fit = fit;
    return 0;
}
