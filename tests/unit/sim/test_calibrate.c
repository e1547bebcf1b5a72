/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calibrate.h"

static const struct fit a_fit = {.step_us = 1000.04,
                                 .prefill_us = 20,
                                 .kv_us_per_1000 = 300,
                                 .call_us = 4000,
                                 .decode_us = {{1, 500}, {4, 900}},
                                 .decode_points = 2,
                                 .error_median = 0.02,
                                 .error_max = 0.1};
static struct measure a_measure = {.samples_count = 12,
                                   .bytes_per_token = 4.1234,
                                   .event_tokens = 1,
                                   .spread = 0.9,
                                   .running_max = 6,
                                   .running_max_seen = true,
                                   .step_tokens_whole = 700,
                                   .prefix_cache = true,
                                   .stops_unstreamed = MEASURE_GOES_ON};
static const struct facts some_facts = {
    .model = "m", .context_tokens = 2048, .kv_tokens = 20485, .block_tokens = 16, .is_vllm = true};
static const struct calibrate_options no_options = {.url = "http://x", .name = "n"};

static struct preset preset;

static int put_together(const struct calibrate_options *options, const struct facts *facts,
                        const struct measure *measure, struct err *err)
{
    return calibrate_preset(options, facts, measure, &a_fit, "2026-11-27", &preset, err);
}

static bool is_noted(const char *text)
{
    for (uint32_t i = 0; i < preset.derived.count; i++) {
        if (strstr(preset.derived.text[i], text))
            return true;
    }
    return false;
}

static void what_was_measured_is_in_the_preset(void **state)
{
    (void)state;
    assert_int_equal(put_together(&no_options, &some_facts, &a_measure, NULL), 0);
    assert_true(preset.time.step_us == 1000 && preset.time.prefill_us == 20);
    assert_int_equal(preset.time.decode_points, 2);
    assert_true(preset.time.jitter == 0.5);
    assert_true(preset.model.bytes_per_token == 4.123);
    assert_int_equal(preset.scheduler.kind, PRESET_BATCH);
    assert_int_equal(preset.scheduler.running_max, 6);
    assert_int_equal(preset.kv.tokens, 20480);
    assert_int_equal(preset.habits.stops, PRESET_STOPS_STREAMED);
    assert_int_equal(preset.habits.thinking_field, PRESET_REASONING);
    assert_true(is_noted("step_tokens_max: chosen; a prompt of 700 tokens"));
    assert_false(is_noted("running_max"));
    assert_non_null(
        strstr(preset.source.text[0], "12 samples, which these times meet within 2.0 %"));
}

static void llama_has_its_slots_and_habits(void **state)
{
    (void)state;
    struct facts facts = {.model = "m",
                          .context_tokens = 2048,
                          .kv_tokens = 8192,
                          .block_tokens = 1,
                          .slots = 4,
                          .is_llama = true};
    struct measure measure = a_measure;
    measure.stops_streamed = MEASURE_GOES_ON;
    measure.step_tokens_max = 512;
    assert_int_equal(put_together(&no_options, &facts, &measure, NULL), 0);
    assert_int_equal(preset.scheduler.kind, PRESET_SLOTS);
    assert_int_equal(preset.scheduler.running_max, 4);
    assert_int_equal(preset.scheduler.step_tokens_max, 512);
    assert_int_equal(preset.habits.stops, PRESET_STOPS_NONE);
    assert_false(is_noted("step_tokens_max"));
}

static void what_a_person_tells_goes_first(void **state)
{
    (void)state;
    struct calibrate_options options = {.url = "http://x",
                                        .name = "mine",
                                        .title = "T",
                                        .model = "other",
                                        .context_tokens = 1024,
                                        .kv_tokens = 4096,
                                        .running_max = 9,
                                        .step_tokens = 100,
                                        .kind = PRESET_SLOTS + 1};
    assert_int_equal(put_together(&options, &some_facts, &a_measure, NULL), 0);
    assert_string_equal(preset.name, "mine");
    assert_string_equal(preset.title, "T");
    assert_string_equal(preset.model.name, "other");
    assert_int_equal(preset.model.context_tokens, 1024);
    assert_int_equal(preset.kv.tokens, 4096);
    assert_int_equal(preset.scheduler.kind, PRESET_SLOTS);
    assert_int_equal(preset.scheduler.running_max, 9);
    assert_int_equal(preset.scheduler.step_tokens_max, 100);
}

static void what_was_not_seen_is_noted(void **state)
{
    (void)state;
    struct measure measure = a_measure;
    measure.running_max_seen = false;
    measure.stops_streamed = MEASURE_CANNOT_TELL;
    assert_int_equal(put_together(&no_options, &some_facts, &measure, NULL), 0);
    assert_true(is_noted("running_max: chosen; 6 ran at once, more were not tried"));
    assert_int_equal(preset.scheduler.running_max, 256);
    assert_true(is_noted("habits.stops: chosen"));
    assert_int_equal(preset.habits.stops, PRESET_STOPS_ALL);
}

static void a_cache_of_unknown_size_must_be_told(void **state)
{
    (void)state;
    struct err err;
    struct facts facts = some_facts;
    facts.kv_tokens = 0;
    assert_int_equal(put_together(&no_options, &facts, &a_measure, &err), -EINVAL);
    assert_non_null(strstr(err.text, "--kv-tokens"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_measured_is_in_the_preset),
        cmocka_unit_test(llama_has_its_slots_and_habits),
        cmocka_unit_test(what_a_person_tells_goes_first),
        cmocka_unit_test(what_was_not_seen_is_noted),
        cmocka_unit_test(a_cache_of_unknown_size_must_be_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
