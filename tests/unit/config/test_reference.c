/* SPDX-License-Identifier: Apache-2.0 */
/* The committed pages are the generated ones, and every example configuration is loaded. */
#include "config/settings.h"

#include "config_testing.h"

static void read_source(const char *name, struct buf *ret_content)
{
    const char *root = getenv("SEAWALL_SOURCE_ROOT");
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
    buf_init(ret_content, 1u << 20);
    FILE *file = fopen(path, "re");
    if (!file)
        fail_msg("cannot open '%s'", path);
    size_t got;
    do {
        assert_int_equal(buf_reserve(ret_content, 4096), 0);
        got = fread(ret_content->ptr + ret_content->len, 1, 4096, file);
        ret_content->len += got;
    } while (got > 0);
    assert_int_equal(fclose(file), 0);
}

static void same_as_committed(const char *name, void (*write)(struct buf *))
{
    struct buf committed, generated;
    read_source(name, &committed);
    buf_init(&generated, 1u << 20);
    write(&generated);
    assert_int_equal(buf_status(&generated), 0);
    if (!span_eq(buf_span(&committed), buf_span(&generated)))
        fail_msg("'%s' is not what the table says: run 'ninja docs'", name);
    buf_release(&committed);
    buf_release(&generated);
}

static void the_pages_are_up_to_date(void **state)
{
    (void)state;
    same_as_committed("docs/configuration.md", config_write_reference);
    same_as_committed("examples/full.yaml", config_write_full_example);
}

static void expect_every_key(const struct section *section, const char *page, const char *before,
                             const char *after)
{
    for (size_t i = 0; i < section->count; i++) {
        char wanted[64];
        if (section != &section_top) {
            (void)snprintf(wanted, sizeof(wanted), "%s%s%s", before, section->settings[i].key,
                           after);
            if (!strstr(page, wanted))
                fail_msg("'%s' is missing", wanted);
        }
        if (section->settings[i].section)
            expect_every_key(section->settings[i].section, page, before, after);
    }
}

static void the_pages_have_every_setting(void **state)
{
    (void)state;
    struct buf page;
    buf_init(&page, 1u << 20);
    config_write_reference(&page);
    expect_every_key(&section_top, buf_cstr(&page), "\n| `", "` | ");
    /* What stands between bars must not end its cell early: each row has five. */
    struct span rest = buf_span(&page), line;
    while (span_split(&rest, '\n', &line)) {
        size_t bars = 0;
        for (size_t i = 0; i < line.len; i++)
            bars += line.ptr[i] == '|';
        if (span_starts(line, SPAN("| `")) && bars != 5)
            fail_msg("%.*s", (int)line.len, line.ptr);
    }
    buf_clear(&page);
    config_write_full_example(&page);
    expect_every_key(&section_top, buf_cstr(&page), " ", ":");
    buf_release(&page);
}

static void full_says_the_defaults(void **state)
{
    (void)state;
    struct buf page;
    buf_init(&page, 1u << 20);
    config_write_full_example(&page);
    struct config *full = testing_parse(buf_cstr(&page));
    struct config *plain =
        testing_parse("pools: [{name: gpu, backends: [{url: 'http://10.0.0.5:8000'}]}]\nmodels: "
                      "[{name: deepseek-chat}]\n");
    /* All numbers of the two lie next to each other; lists and texts are pointers and compared
     * by what they hold. */
    assert_memory_equal(&full->connections_max, &plain->connections_max,
                        offsetof(struct config, cors_origins) -
                            offsetof(struct config, connections_max));
    assert_int_equal(full->cors_max_age_s, plain->cors_max_age_s);
    assert_span(full->listen[0], ":8080");
    assert_span(full->metrics_listen, "127.0.0.1:9090");
    assert_int_equal(full->keys, plain->keys);
    assert_int_equal(full->pools_count, 1);
    assert_memory_equal(&full->pools[0].upstream_stream, &plain->pools[0].upstream_stream,
                        sizeof(struct config_pool) - offsetof(struct config_pool, upstream_stream));
    assert_int_equal(full->models_count, 1);
    assert_int_equal(full->models[0].choices_max, plain->models[0].choices_max);
    config_unref(full);
    config_unref(plain);
    buf_release(&page);
}

static void every_example_loads(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t backends, models;
    } examples[] = {{"minimal.yaml", 1, 0},
                    {"vllm-pool.yaml", 3, 1},
                    {"deepseek-remote.yaml", 1, 2},
                    {"full.yaml", 1, 1}};
    struct testing_folder folder;
    testing_folder_make(&folder);
    char keys[128];
    (void)snprintf(keys, sizeof(keys), "%s/keys", folder.path);
    assert_int_equal(mkdir(keys, 0700), 0);
    (void)testing_file(&folder, "keys/deepseek.key", 0600, SPAN(TESTING_KEY "\n"));
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        char name[64];
        struct buf content, bundle, warnings;
        struct err err = {0};
        (void)snprintf(name, sizeof(name), "examples/%s", examples[i].name);
        read_source(name, &content);
        const char *path = testing_file(&folder, examples[i].name, 0600, buf_span(&content));
        buf_init(&bundle, CONFIG_BUNDLE_BYTES_MAX);
        buf_init(&warnings, 4096);
        if (config_bundle_read(path, NULL, &bundle, &err) < 0)
            fail_msg("%s", err.text);
        struct config *config = config_parse(buf_span(&bundle), &err);
        if (!config)
            fail_msg("%s", err.text);
        assert_int_equal(config->pools[0].backends_count, examples[i].backends);
        assert_int_equal(config->models_count, examples[i].models);
        bool uses_model = true;
        assert_int_equal(config_check(path, &warnings, &uses_model, &err), 0);
        assert_int_equal(uses_model, config_uses_model(config));
        assert_string_equal(buf_cstr(&warnings), "");
        config_unref(config);
        config_bundle_release(&bundle);
        buf_release(&warnings);
        buf_release(&content);
    }
    testing_folder_remove(&folder);
    (void)rmdir(keys);
    (void)rmdir(folder.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pages_are_up_to_date),
        cmocka_unit_test(the_pages_have_every_setting),
        cmocka_unit_test(full_says_the_defaults),
        cmocka_unit_test(every_example_loads),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
