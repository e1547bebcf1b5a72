/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include "config/value.h"
#include "config_testing.h"

static const struct setting *row(const char *section, const char *key)
{
    for (size_t i = 0; i < section_top.count; i++) {
        const struct section *candidate = section_top.settings[i].section;
        if (strcmp(candidate->path, section) == 0)
            return section_find(candidate, span_str(key));
    }
    return strcmp(section, "pools.backends") == 0 ? section_find(&section_backend, span_str(key))
                                                  : NULL;
}

static void check_row(const struct section *section, const struct setting *setting)
{
    if (setting->kind == SETTING_SECTION)
        return;
    struct buf words;
    buf_init(&words, 160);
    setting_write_expected(&words, setting);
    if (buf_status(&words) < 0 || words.len == 0)
        fail_msg("%s.%s: the words for its values are missing or too long for an error",
                 section->path, setting->key);
    buf_release(&words);
    if (setting->offset + setting->size > section->record_size)
        fail_msg("%s.%s: its field is not in the struct", section->path, setting->key);
    if (setting->min > setting->max)
        fail_msg("%s.%s: its range is empty", section->path, setting->key);
    if (setting_is_number(setting) && setting->size == sizeof(uint32_t) &&
        setting->max > UINT32_MAX)
        fail_msg("%s.%s: its range is wider than its field", section->path, setting->key);
    if (section != &section_top && (!setting->help || !setting->help[0]))
        fail_msg("%s.%s: what is it for?", section->path, setting->key);
    if (setting->kind == SETTING_CHOICE && (span_is_null(setting_word(setting, setting->max)) ||
                                            !span_is_null(setting_word(setting, setting->max + 1))))
        fail_msg("%s.%s: its words do not match its enum", section->path, setting->key);
}

static void check_section(const struct section *section)
{
    assert_true(section->count <= SETTINGS_OF_SECTION_MAX);
    for (size_t i = 0; i < section->count; i++) {
        const struct setting *setting = &section->settings[i];
        check_row(section, setting);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(setting->key, section->settings[j].key);
        if (setting->section)
            check_section(setting->section);
    }
}

static void every_row_is_whole(void **state)
{
    (void)state;
    check_section(&section_top);
}

static void rows_are_found_by_key(void **state)
{
    (void)state;
    assert_non_null(row("limits", "body_bytes"));
    assert_int_equal(row("limits", "body_bytes")->offset, offsetof(struct config, body_bytes_max));
    assert_int_equal(row("pools.backends", "weight")->max, 1000);
    assert_null(row("limits", "body_byte"));
    assert_null(row("limits", ""));
    assert_null(row("limits", "body_bytes2"));
}

static void guesses(void **state)
{
    (void)state;
    static const struct {
        const char *section, *key, *guess;
    } examples[] = {
        {"limits", "body_byte", ", did you mean 'body_bytes'?"},
        {"limits", "bdoy_bytes", ", did you mean 'body_bytes'?"},
        {"limits", "Body_Bytes", ", did you mean 'body_bytes'?"},
        {"limits", "body_byt", ", did you mean 'body_bytes'?"},
        {"limits", "body_by", ""},
        {"limits", "", ""},
        {"limits", "ab", ""},
        {"limits", "listen", ", it belongs under service"},
        {"service", "weight", ", it belongs under pools.backends"},
        {"service", "pools", ", it belongs to the top"},
        {"limits", "a_key_that_is_very_very_long_for_a_key_of_ours", ""},
        {"pools", "api_key", ", put the key into a file and name that in 'api_key_file'"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        char text[120] = "old";
        const struct section *section = NULL;
        for (size_t j = 0; j < section_top.count; j++)
            if (strcmp(section_top.settings[j].key, examples[i].section) == 0)
                section = section_top.settings[j].section;
        section_suggest(section, span_str(examples[i].key), text, sizeof(text));
        assert_string_equal(text, examples[i].guess);
    }
}

static void a_guess_is_cut_to_its_room(void **state)
{
    (void)state;
    char text[8];
    section_suggest(&section_top, SPAN("modles"), text, sizeof(text));
    assert_string_equal(text, ", did y");
}

static void expected(void **state)
{
    (void)state;
    static const struct {
        const char *section, *key, *words;
    } examples[] = {
        {"limits", "body_bytes", "a size such as 8MiB between 1KiB and 1GiB"},
        {"limits", "json_depth", "a number between 4 and 512"},
        {"deadlines", "head", "a duration such as 10s between 100ms and 10m"},
        {"deadlines", "body_rate_min", "a rate such as 1KiB/s between 0 and 1GiB/s"},
        {"cors", "max_age", "a duration in whole seconds such as 10m between 0 and 24h"},
        {"pools", "retry_budget", "a percentage such as 10% between 0% and 100%"},
        {"pools", "probe", "auto, tokens, models or off"},
        {"service", "keys", "required, optional or ignored"},
        {"service", "log_engine_words", "true or false"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct buf buf;
        buf_init(&buf, 200);
        setting_write_expected(&buf, row(examples[i].section, examples[i].key));
        assert_string_equal(buf_cstr(&buf), examples[i].words);
        buf_release(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(rows_are_found_by_key),
        cmocka_unit_test(guesses),
        cmocka_unit_test(a_guess_is_cut_to_its_room),
        cmocka_unit_test(expected),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
