/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "stretch.h"

#include <math.h>
#include <stdarg.h>

#define REPEATS 3
#define REPEATS_MORE 2
#define WARM_WORDS_FEW 8
#define WARM_WORDS_MANY 72
#define PREFILL_WORDS_MIN 12

#define DECODE_WORDS 8
#define DECODE_TOKENS 32
#define MIXED_TOKENS 64
#define MIXED_SEQUENCES_MAX 4
#define MIXED_WARM_STEPS 5
#define BATCH_MAX 256
#define BATCH_SIZES_MAX 9 /* powers of two up to it */

/* Where each phase ends at the latest, as a share of all time. */
#define PREFILL_UNTIL 0.3
#define DECODE_UNTIL 0.6
#define KV_UNTIL 0.75
#define MIXED_UNTIL 0.9
#define CALL_SHARE 0.12 /* one call may take at most this share */

void measure_init(struct measure *measure, struct probe *probe, const struct measure_limits *limits)
{
    *measure = (struct measure){.probe = probe, .limits = *limits, .began_us = clock_mono_us()};
    measure->tokens_per_word = 1;
    measure->event_tokens = 1;
}

double measure_seconds_left(const struct measure *measure, double share)
{
    double spent = (double)(clock_mono_us() - measure->began_us) / 1e6;
    return share * (double)measure->limits.seconds - spent;
}

void measure_say(const struct measure *measure, const char *format, ...)
{
    va_list arguments;
    if (!measure->limits.progress)
        return;
    va_start(arguments, format);
    (void)vfprintf(measure->limits.progress, format, arguments);
    va_end(arguments);
    (void)fputc('\n', measure->limits.progress);
}

uint32_t measure_words(const struct measure *measure, double tokens)
{
    double words = (tokens - measure->tokens_of_template) / measure->tokens_per_word;
    return words < 1 ? 1 : (uint32_t)MIN(words, (double)PROBE_WORDS_MAX);
}

int measure_play(struct measure *measure, struct probe_call *calls, size_t count, struct err *err)
{
    int r = probe_run(measure->probe, calls, count, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (!calls[i].whole)
            r = err_set(err, -EIO, "a call of %u words and %u tokens failed: %s", calls[i].words,
                        calls[i].output_tokens, calls[i].why);
    }
    return r;
}

static void add_sample(struct measure *measure, const struct fit_sample *sample)
{
    if (measure->samples_count < FIT_SAMPLES_MAX && sample->us > 0)
        measure->samples[measure->samples_count++] = *sample;
}

/* ── warm ── */

static int warm(struct measure *measure, struct err *err)
{
    struct probe_call calls[] = {{.words = WARM_WORDS_FEW, .output_tokens = DECODE_TOKENS},
                                 {.words = WARM_WORDS_MANY, .output_tokens = MEASURE_FEW_TOKENS}};
    int r = measure_play(measure, &calls[0], 1, err);
    if (r == 0)
        r = measure_play(measure, &calls[1], 1, err);
    if (r == 0) {
        double more = (double)calls[1].prompt_tokens - (double)calls[0].prompt_tokens;
        measure->tokens_per_word = MAX(more / (WARM_WORDS_MANY - WARM_WORDS_FEW), 0.1);
        measure->tokens_of_template =
            MAX(0, (double)calls[1].prompt_tokens - WARM_WORDS_MANY * measure->tokens_per_word);
        measure->bytes_per_token =
            (double)calls[1].prompt_bytes / MAX(1, (double)calls[1].prompt_tokens);
        measure->event_tokens = MAX(1, (double)calls[0].output_counted / (double)calls[0].events);
        measure_say(measure, "warm: %.2f tokens a word, %.2f tokens an event",
                    measure->tokens_per_word, measure->event_tokens);
    }
    probe_calls_release(calls, COUNT_OF(calls));
    return r;
}

/* ── prefill ── */

/* Words are of unequal length: what few of them were is no good guess for a prompt that is to fill the context. */
static void learn_words(struct measure *measure, const struct probe_call *call)
{
    measure->bytes_per_token = (double)call->prompt_bytes / MAX(1, (double)call->prompt_tokens);
    if (call->words > WARM_WORDS_MANY)
        measure->tokens_per_word =
            MAX(((double)call->prompt_tokens - measure->tokens_of_template) / call->words, 0.1);
}

static int prefill_point(struct measure *measure, uint32_t words, double *ret_us, struct err *err)
{
    double us[REPEATS], tokens[REPEATS];
    size_t count = 0;
    for (; count < REPEATS; count++) {
        struct probe_call call = {.words = words, .output_tokens = MEASURE_FEW_TOKENS};
        if (count > 0 && us[0] / 1e6 > measure_seconds_left(measure, PREFILL_UNTIL))
            break;
        int r = measure_play(measure, &call, 1, err);
        if (r == 0) {
            us[count] = (double)(call.event_us[0] - call.sent_us);
            tokens[count] = (double)call.prompt_tokens - (double)call.cached_tokens;
            learn_words(measure, &call);
        }
        probe_calls_release(&call, 1);
        if (r < 0)
            return r;
    }
    *ret_us = fit_quantile(us, count, 0.5);
    double middle = fit_quantile(tokens, count, 0.5);
    add_sample(measure, &(struct fit_sample){.us = *ret_us,
                                             .arrival = true,
                                             .steps = 1,
                                             .prefill_tokens = middle,
                                             .kv_tokens = middle});
    measure_say(measure, "prefill: %.0f tokens, first token after %.1f ms", middle, *ret_us / 1000);
    measure->prefill_us = *ret_us / MAX(1, middle);
    return 0;
}

/* Of a prompt that fits the context in any case, by what is known of words so far. */
static uint32_t prefill_words_max(const struct measure *measure)
{
    double tokens = (double)measure->limits.context_tokens - MEASURE_FEW_TOKENS;
    return measure_words(measure, tokens) * 9 / 10;
}

static int measure_prefill(struct measure *measure, struct err *err)
{
    double us = 0;
    for (uint32_t words = PREFILL_WORDS_MIN; words <= prefill_words_max(measure); words *= 2) {
        double next_s = us * 2 / 1e6;
        bool too_long = next_s > CALL_SHARE * measure->limits.seconds ||
                        next_s > measure_seconds_left(measure, PREFILL_UNTIL);
        if (words > PREFILL_WORDS_MIN * 4 && too_long)
            break;
        int r = prefill_point(measure, words, &us, err);
        if (r < 0)
            return r;
        if (words == PREFILL_WORDS_MIN)
            measure->first_us = us;
        measure->prefill_words = words;
    }
    return 0;
}

/* ── decode ── */

/* Of one call and of the largest batch. */
static void note_step(struct measure *measure, uint32_t count, double us)
{
    if (count == 1 || count >= measure->batch_largest)
        measure->step_us[count > 1] = us;
    measure->batch_largest = MAX(measure->batch_largest, count);
}

/* `count` calls at once. Fills in how many of them ran together, and adds a sample when all did. */
static int decode_point(struct measure *measure, uint32_t count, uint32_t words,
                        uint32_t *ret_together, struct err *err)
{
    struct probe_call calls[BATCH_MAX] = {0};
    struct stretch stretch;
    for (uint32_t i = 0; i < count; i++)
        calls[i] = (struct probe_call){.words = words, .output_tokens = DECODE_TOKENS};
    int r = measure_play(measure, calls, count, err);
    if (r == 0) {
        *ret_together = stretch_together(calls, count);
        if (*ret_together == count &&
            stretch_of_steps(calls, count, measure->event_tokens, &stretch) == 0) {
            add_sample(measure, &stretch.sample);
            note_step(measure, count, stretch.sample.us / measure->event_tokens);
            if (count == 1)
                measure->spread = stretch.spread;
            measure_say(measure, "decode: %u at once, prompts of %u tokens, %.1f ms a step", count,
                        calls[0].prompt_tokens, stretch.sample.us / 1000);
        }
    }
    probe_calls_release(calls, count);
    return r;
}

/* All sizes once, so that a slow engine shows its largest batches too. Returns how many sizes there are, or an error. */
static int decode_once(struct measure *measure, uint32_t words, uint32_t sizes[BATCH_SIZES_MAX],
                       struct err *err)
{
    int found = 0;
    uint32_t together;
    for (uint32_t count = 1; count <= measure->limits.batch_max; count *= 2) {
        if (count > 2 && measure_seconds_left(measure, DECODE_UNTIL) < 0)
            break;
        int r = decode_point(measure, count, words, &together, err);
        if (r < 0)
            return r;
        measure->running_max = together;
        sizes[found++] = together;
        if (together < count) {
            measure->running_max_seen = true;
            measure_say(measure, "decode: of %u at once %u ran, the others waited", count,
                        together);
            break;
        }
    }
    return found;
}

static int measure_decode(struct measure *measure, struct err *err)
{
    uint32_t sizes[BATCH_SIZES_MAX], together;
    uint32_t words = measure_words(measure, DECODE_WORDS);
    int count = decode_once(measure, words, sizes, err);
    for (int i = 0; i < count * REPEATS_MORE; i++) {
        if (measure_seconds_left(measure, DECODE_UNTIL) < 0)
            break;
        int r = decode_point(measure, sizes[i % count], words, &together, err);
        if (r < 0)
            return r;
    }
    return count < 0 ? count : 0;
}

/* ── kv ── */

/* Words for each of `count` prompts that take the engine about `seconds` together, and fit a context. */
static uint32_t kv_words(const struct measure *measure, uint32_t count, double seconds)
{
    double tokens = MAX(0, seconds) * 1e6 / MAX(1, measure->prefill_us) / count;
    double tokens_max = ((double)measure->limits.context_tokens - DECODE_TOKENS) * 0.9;
    return measure_words(measure, MIN(tokens, tokens_max));
}

/* One call is always measured: without prompts that are much longer than those of the batches, noise would pass for the
 * time of KV. */
static int measure_kv(struct measure *measure, struct err *err)
{
    uint32_t counts[] = {1, MIN(measure->running_max, (uint32_t)MIXED_SEQUENCES_MAX)}, together;
    double seconds = CALL_SHARE * measure->limits.seconds;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        uint32_t words = kv_words(measure, counts[i], seconds);
        if (i > 0 && (counts[i] == 1 || seconds > measure_seconds_left(measure, KV_UNTIL)))
            continue;
        int r = decode_point(measure, counts[i], words, &together, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ── mixed ── */

static int mixed_point(struct measure *measure, uint32_t sequences, uint32_t words, struct err *err)
{
    struct probe_call calls[MIXED_SEQUENCES_MAX + 1] = {0};
    struct stretch stretch;
    uint32_t few = measure_words(measure, DECODE_WORDS);
    for (uint32_t i = 0; i < sequences; i++)
        calls[i] = (struct probe_call){.words = few, .output_tokens = MIXED_TOKENS};
    double start_us =
        measure->first_us * (sequences + 1) + MIXED_WARM_STEPS * measure->step_us[sequences > 1];
    calls[sequences] = (struct probe_call){
        .at_us = (uint64_t)start_us, .words = words, .output_tokens = MEASURE_FEW_TOKENS};
    int r = measure_play(measure, calls, sequences + 1, err);
    if (r == 0 && stretch_of_arrival(calls, sequences, &calls[sequences], measure->event_tokens,
                                     &stretch) == 0) {
        add_sample(measure, &stretch.sample);
        if (stretch.largest_share < 0.75)
            measure->step_tokens_max =
                MAX(measure->step_tokens_max,
                    (uint32_t)(stretch.largest_share * calls[sequences].prompt_tokens));
        else
            measure->step_tokens_whole =
                MAX(measure->step_tokens_whole, calls[sequences].prompt_tokens);
        measure_say(
            measure,
            "mixed: a prompt of %u tokens beside %u, %.0f steps in %.1f ms, %.0f %% of it in one",
            calls[sequences].prompt_tokens, sequences, stretch.sample.steps,
            stretch.sample.us / 1000, stretch.largest_share * 100);
    }
    probe_calls_release(calls, sequences + 1);
    return r;
}

static int measure_mixed(struct measure *measure, struct err *err)
{
    /* Of the batches that were measured: powers of two. */
    uint32_t counts[] = {1, MIXED_SEQUENCES_MAX};
    while (counts[1] > 1 && counts[1] >= measure->running_max)
        counts[1] /= 2;
    uint32_t words[] = {measure->prefill_words / 4, measure->prefill_words};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        for (size_t j = 0; j < COUNT_OF(counts); j++) {
            double seconds = words[i] * measure->tokens_per_word * measure->prefill_us / 1e6;
            if (counts[j] >= measure->running_max || (j > 0 && counts[j] == 1) ||
                words[i] < PREFILL_WORDS_MIN ||
                seconds > measure_seconds_left(measure, MIXED_UNTIL))
                continue;
            int r = mixed_point(measure, counts[j], words[i], err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* What looked like a prompt in parts was something else, when a longer one was whole. */
static void forget_false_parts(struct measure *measure)
{
    if (measure->step_tokens_max < measure->step_tokens_whole)
        measure->step_tokens_max = 0;
}

/* What a lone prompt took of steps is only known when it is known how much one step takes. */
static void divide_prompts(struct measure *measure)
{
    for (size_t i = 0; measure->step_tokens_max > 0 && i < measure->samples_count; i++) {
        struct fit_sample *sample = &measure->samples[i];
        if (sample->arrival)
            sample->steps = MAX(1, ceil(sample->prefill_tokens / measure->step_tokens_max));
    }
}

int measure_times(struct measure *measure, struct err *err)
{
    static int (*const phases[])(struct measure *, struct err *) = {
        warm, measure_prefill, measure_decode, measure_kv, measure_mixed};
    int r = 0;
    for (size_t i = 0; r == 0 && i < COUNT_OF(phases); i++)
        r = phases[i](measure, err);
    forget_false_parts(measure);
    divide_prompts(measure);
    return r;
}
