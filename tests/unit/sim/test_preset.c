/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "preset.h"
#include "sim_presets.h"

static struct preset preset, again;
static struct buf text;

static int begin(void **state)
{
    (void)state;
    preset = small_preset(PRESET_BATCH);
    buf_init(&text, PRESET_FILE_BYTES_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_release(&text);
    return 0;
}

static void what_is_written_is_read_back_equal(void **state)
{
    (void)state;
    struct err err = {""};
    preset.time.prefill_us = 0.1 + 0.2;
    preset.time.kv_us_per_1000 = 1e-9;
    preset.derived.count = 2;
    (void)snprintf(preset.derived.text[0], PRESET_TEXT_BYTES, "a \"quoted\" word");
    (void)snprintf(preset.derived.text[1], PRESET_TEXT_BYTES, "漢字\n");
    preset_write(&preset, &text);
    assert_int_equal(buf_status(&text), 0);
    assert_int_equal(preset_read(buf_span(&text), "f", &again, &err), 0);
    assert_memory_equal(&preset, &again, sizeof(preset));
}

static void every_built_in_preset_is_good_and_has_its_name(void **state)
{
    (void)state;
    size_t count = 0;
    for (; preset_name_at(count); count++) {
        struct err err = {""};
        assert_int_equal(preset_load(preset_name_at(count), &preset, &err), 0);
        assert_string_equal(err.text, "");
        assert_string_equal(preset.name, preset_name_at(count));
        if (count > 0)
            assert_true(strcmp(preset_name_at(count - 1), preset_name_at(count)) < 0);
    }
    assert_true(count >= 5);
}

/* The text of the small preset with `find` replaced once. */
static void refused(const char *find, const char *replace, const char *message)
{
    struct err err = {""};
    struct buf changed;
    buf_clear(&text);
    preset_write(&preset, &text);
    const char *all = buf_cstr(&text);
    const char *at = strstr(all, find);
    assert_non_null(at);
    buf_init(&changed, PRESET_FILE_BYTES_MAX);
    buf_append(&changed, span_of(all, (size_t)(at - all)));
    buf_append(&changed, span_str(replace));
    buf_append(&changed, span_str(at + strlen(find)));
    assert_int_equal(preset_read(buf_span(&changed), "my.json", &again, &err), -EINVAL);
    assert_string_equal(err.text, message);
    buf_release(&changed);
}

static void what_is_wrong_is_told_with_file_key_and_expectation(void **state)
{
    (void)state;
    refused("\"format\": 1", "\"format\": 2", "my.json: 'format' is something else; expected 1");
    refused("  \"title\": \"small\",\n", "",
            "my.json: 'title' is missing; expected a text of 1 to 511 bytes");
    refused("\"title\"", "\"titel\"", "my.json: 'titel' is no key of a preset");
    refused("\"tokens\": 1024", "\"tokns\": 1024", "my.json: 'kv.tokns' is no key of a preset");
    refused("\"name\": \"small\"", "\"name\": \"Small\"",
            "my.json: 'name' is out of range; expected 1 to 63 of a-z 0-9 . _ -");
    refused("\"words\": \"latin\"", "\"words\": \"greek\"",
            "my.json: 'model.words' is something else; expected 'latin' or 'mixed'");
    refused("\"prefix_cache\": true", "\"prefix_cache\": 1",
            "my.json: 'kv.prefix_cache' is something else; expected true or false");
    refused("\"running_max\": 4", "\"running_max\": 0",
            "my.json: 'scheduler.running_max' is out of range; expected a whole number from 1 to "
            "65536");
    refused("\"running_max\": 4", "\"running_max\": 4.5",
            "my.json: 'scheduler.running_max' is something else; expected a whole number from 1 to "
            "65536");
    refused("\"running_max\": 4", "\"running_max\": -1",
            "my.json: 'scheduler.running_max' is something else; expected a whole number from 1 to "
            "65536");
    refused("\"jitter\": 0.0", "\"jitter\": 0.6",
            "my.json: 'time.jitter' is out of range; expected a number from 0 to 0.5");
    refused("[1, 100.0]", "[2, 100.0]",
            "my.json: 'time.decode_us' is out of range; expected a list of 1 to 32 pairs "
            "[sequences, microseconds], "
            "sequences rising from 1 to 65536");
    refused(
        "\"source\": [\n    \"a test\"\n  ]", "\"source\": []",
        "my.json: 'source' is out of range; expected a list of 1 to 16 texts of 1 to 511 bytes");
    refused("{\n  \"format\": 1,", "{\n  \"format\": 1,\n  \"format\": 1,",
            "my.json:3: duplicate object key near '\"format\"'");
    refused("\"tokens\": 1024", "\"tokens\": 1025",
            "my.json: 'kv.tokens' is no multiple of 'kv.block_tokens'");
    refused("\"tokens\": 1024", "\"tokens\": 128",
            "my.json: 'kv.tokens' has no room for one call of 'model.context_tokens'");
    refused("\"tokens_p90\": 60", "\"tokens_p90\": 19",
            "my.json: 'answer.tokens_p90' is below the median");
    refused("\"thinking_median\": 0", "\"thinking_median\": 1",
            "my.json: 'answer.thinking_p90' is below the median");
}

static void bytes_that_are_no_preset_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = {
        "", "{", "[]", "null", "{}", "{\"kv\": 1}", "{\"format\": 1, \"kv\": []}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {""};
        assert_int_equal(preset_read(span_str(bad[i]), "f", &again, &err), -EINVAL);
        assert_int_equal(strncmp(err.text, "f:", 2), 0);
    }
}

static void files_are_read_and_the_missing_named(void **state)
{
    (void)state;
    char path[4096];
    struct err err = {""};
    (void)snprintf(path, sizeof(path), "%s/sim/presets/vllm-cpu.json",
                   getenv("SEAWALL_SOURCE_ROOT"));
    assert_int_equal(preset_load(path, &again, &err), 0);
    assert_string_equal(again.name, "vllm-cpu");
    assert_int_equal(preset_load("./nothing.json", &again, &err), -ENOENT);
    assert_string_equal(err.text, "cannot read './nothing.json': No such file or directory");
    assert_int_equal(preset_load("/dev/zero", &again, &err), -ENOSPC);
    assert_int_equal(preset_load("nothing", &again, &err), -ENOENT);
    assert_string_equal(err.text, "no preset 'nothing'; 'simllm presets' lists them");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_back_equal),
        TEST(every_built_in_preset_is_good_and_has_its_name),
        TEST(what_is_wrong_is_told_with_file_key_and_expectation),
        TEST(bytes_that_are_no_preset_are_refused),
        TEST(files_are_read_and_the_missing_named),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
