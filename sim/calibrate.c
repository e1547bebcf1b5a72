/* SPDX-License-Identifier: Apache-2.0 */
#include "calibrate.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"

#include <math.h>
#include <stdarg.h>

#define KEY_BYTES_MAX 512
#define WAITING_MAX 1024
#define RUNNING_MAX 256u /* of an engine that never let a call wait: vLLM's own default */
#define STEP_TOKENS 2048
#define ANSWER_MEDIAN 120
#define ANSWER_P90 400
#define BLOCK_TOKENS 16
#define JITTER_MAX 0.5
#define DATE_BYTES 11

/* ── the preset ── */

static void note(struct preset_notes *notes, const char *format, ...) printf_like(2, 3);

static void note(struct preset_notes *notes, const char *format, ...)
{
    va_list arguments;
    check(notes->count < PRESET_NOTES_MAX);
    va_start(arguments, format);
    (void)vsnprintf(notes->text[notes->count++], PRESET_TEXT_BYTES, format, arguments);
    va_end(arguments);
}

/* Presets are read by people: a tenth of a microsecond is enough. */
static double tenth(double us)
{
    return round(us * 10) / 10;
}

static void put_times(const struct fit *fit, const struct measure *measure, struct preset *preset)
{
    preset->time.step_us = tenth(fit->step_us);
    preset->time.prefill_us = tenth(fit->prefill_us);
    preset->time.kv_us_per_1000 = tenth(fit->kv_us_per_1000);
    preset->time.call_us = tenth(fit->call_us);
    preset->time.jitter = round(fmin(measure->spread, JITTER_MAX) * 1000) / 1000;
    preset->time.decode_points = fit->decode_points;
    for (uint32_t i = 0; i < fit->decode_points; i++)
        preset->time.decode_us[i] =
            (struct preset_point){fit->decode_us[i].sequences, tenth(fit->decode_us[i].us)};
}

static void put_scheduler(const struct calibrate_options *options, const struct facts *facts,
                          const struct measure *measure, struct preset *preset)
{
    bool slots = options->kind ? options->kind - 1 == PRESET_SLOTS : facts->is_llama;
    preset->scheduler.kind = slots ? PRESET_SLOTS : PRESET_BATCH;
    preset->scheduler.running_max = measure->running_max;
    preset->scheduler.waiting_max = WAITING_MAX;
    note(&preset->derived, "scheduler.waiting_max: chosen");
    if (options->running_max) {
        preset->scheduler.running_max = options->running_max;
    } else if (slots && facts->slots) {
        preset->scheduler.running_max = facts->slots;
    } else if (!measure->running_max_seen) {
        preset->scheduler.running_max = MAX(measure->running_max, RUNNING_MAX);
        note(&preset->derived, "scheduler.running_max: chosen; %u ran at once, more were not tried",
             measure->running_max);
    }
    preset->scheduler.step_tokens_max = STEP_TOKENS;
    if (options->step_tokens)
        preset->scheduler.step_tokens_max = options->step_tokens;
    else if (measure->step_tokens_max)
        preset->scheduler.step_tokens_max = measure->step_tokens_max;
    else
        note(&preset->derived,
             "scheduler.step_tokens_max: chosen; a prompt of %u tokens was not divided",
             measure->step_tokens_whole);
}

static int put_sizes(const struct calibrate_options *options, const struct facts *facts,
                     struct preset *preset, struct err *err)
{
    preset->model.context_tokens =
        options->context_tokens ? options->context_tokens : facts->context_tokens;
    preset->kv.tokens = options->kv_tokens ? options->kv_tokens : facts->kv_tokens;
    preset->kv.block_tokens = facts->block_tokens ? facts->block_tokens : BLOCK_TOKENS;
    if (preset->kv.tokens == 0)
        return err_set(
            err, -EINVAL,
            "the engine does not say how large its KV cache is: tell it with --kv-tokens");
    preset->kv.tokens -= preset->kv.tokens % preset->kv.block_tokens;
    return 0;
}

static uint32_t stops_of(const struct measure *measure, struct preset_notes *derived)
{
    if (measure->stops_streamed == MEASURE_CANNOT_TELL) {
        note(derived, "habits.stops: chosen; a full engine is too little slower to tell");
        return PRESET_STOPS_ALL;
    }
    if (measure->stops_streamed == MEASURE_GOES_ON)
        return PRESET_STOPS_NONE;
    return measure->stops_unstreamed == MEASURE_GOES_ON ? PRESET_STOPS_STREAMED : PRESET_STOPS_ALL;
}

static void put_habits(const struct facts *facts, const struct measure *measure,
                       struct preset *preset)
{
    preset->kv.prefix_cache = measure->prefix_cache;
    preset->habits.counts_choices = measure->counts_choices;
    preset->habits.stops = stops_of(measure, &preset->derived);
    preset->habits.thinking_field = facts->is_vllm ? PRESET_REASONING : PRESET_REASONING_CONTENT;
    preset->answer.tokens_median = ANSWER_MEDIAN;
    preset->answer.tokens_p90 = ANSWER_P90;
    preset->answer.event_tokens = (uint32_t)fmax(1, round(measure->event_tokens));
    note(&preset->derived, "answer lengths and habits.thinking_field: chosen");
}

int calibrate_preset(const struct calibrate_options *options, const struct facts *facts,
                     const struct measure *measure, const struct fit *fit, const char *today,
                     struct preset *ret_preset, struct err *err)
{
    *ret_preset = (struct preset){0};
    (void)snprintf(ret_preset->name, sizeof(ret_preset->name), "%s", options->name);
    (void)snprintf(ret_preset->title, sizeof(ret_preset->title), "%s",
                   options->title ? options->title : facts->model);
    (void)snprintf(ret_preset->model.name, sizeof(ret_preset->model.name), "%s",
                   options->model ? options->model : facts->model);
    ret_preset->model.bytes_per_token = round(measure->bytes_per_token * 1000) / 1000;
    ret_preset->model.words = PRESET_LATIN;
    note(&ret_preset->source,
         "measured by 'simllm calibrate' on %s: %zu samples, which these times meet within %.1f %% "
         "(median) and %.1f %% (worst)",
         today, measure->samples_count, fit->error_median * 100, fit->error_max * 100);
    int r = put_sizes(options, facts, ret_preset, err);
    if (r < 0)
        return r;
    put_scheduler(options, facts, measure, ret_preset);
    put_times(fit, measure, ret_preset);
    put_habits(facts, measure, ret_preset);
    return preset_agrees(ret_preset, options->name, err);
}

/* ── files ── */

static int read_key(const char *path, char ret_key[KEY_BYTES_MAX], struct err *err)
{
    FILE *file = fopen(path, "re");
    char *line = file ? fgets(ret_key, KEY_BYTES_MAX, file) : NULL;
    int r = line ? 0 : err_set(err, -EINVAL, "cannot read a key in '%s'", path);
    if (r == 0)
        ret_key[strcspn(ret_key, "\r\n")] = '\0';
    if (file)
        (void)fclose(file);
    return r;
}

static int write_preset(const struct preset *preset, const char *path, struct err *err)
{
    struct buf text;
    buf_init(&text, PRESET_FILE_BYTES_MAX);
    preset_write(preset, &text);
    FILE *file = path ? fopen(path, "we") : stdout;
    int r = buf_status(&text) < 0 ? err_set(err, buf_status(&text), "the preset is too large") : 0;
    if (r == 0 && (!file || fwrite(text.ptr, 1, text.len, file) != text.len || fflush(file) != 0))
        r = err_errno(err, -errno, "cannot write '%s'", path ? path : "standard output");
    if (file && path && fclose(file) != 0 && r == 0)
        r = err_errno(err, -errno, "cannot write '%s'", path);
    buf_release(&text);
    return r;
}

/* ── the order ── */

static int measure_all(const struct calibrate_options *options, struct probe *probe,
                       const struct facts *facts, struct measure *measure, struct err *err)
{
    struct measure_limits limits = {
        .seconds = options->seconds,
        .batch_max = options->batch_max,
        .context_tokens = options->context_tokens ? options->context_tokens : facts->context_tokens,
        .progress = stderr,
    };
    if (limits.context_tokens == 0)
        return err_set(err, -EINVAL,
                       "the engine does not say how long a context is: tell it with --context");
    measure_init(measure, probe, &limits);
    int r = measure_times(measure, err);
    return r < 0 ? r : measure_habits(measure, err);
}

static int conclude(const struct calibrate_options *options, const struct facts *facts,
                    const struct measure *measure, struct err *err)
{
    static struct preset preset;
    char today[TEXT_TIME_BYTES];
    struct fit fit;
    int r = fit_times(measure->samples, measure->samples_count, &fit, err);
    if (r < 0)
        return r;
    text_time(clock_wall_ms(), today);
    today[DATE_BYTES - 1] = '\0';
    measure_say(measure, "fit: %zu samples, error %.1f %% (median), %.1f %% (worst); %llu calls",
                measure->samples_count, fit.error_median * 100, fit.error_max * 100,
                (unsigned long long)probe_calls_made(measure->probe));
    r = calibrate_preset(options, facts, measure, &fit, today, &preset, err);
    return r < 0 ? r : write_preset(&preset, options->output, err);
}

int calibrate_run(const struct calibrate_options *options, struct err *err)
{
    char key[KEY_BYTES_MAX];
    struct facts facts;
    int r = options->api_key_file ? read_key(options->api_key_file, key, err) : 0;
    if (r < 0)
        return r;
    struct probe *probe = probe_new(options->url, options->api_key_file ? key : NULL, err);
    struct measure *measure = mem_zalloc(sizeof(*measure));
    if (!probe || !measure)
        r = probe ? err_set(err, -ENOMEM, "out of memory") : -EINVAL;
    if (r == 0)
        r = facts_ask(probe, &facts, err);
    if (r == 0) {
        probe_set_model(probe, options->model ? options->model : facts.model);
        r = measure_all(options, probe, &facts, measure, err);
    }
    if (r == 0)
        r = conclude(options, &facts, measure, err);
    mem_free(measure);
    probe_free(probe);
    return r;
}
