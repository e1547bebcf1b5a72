/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "config_testing.h"

#include <pthread.h>

static struct testing_folder folder;

static int make_folder(void **state)
{
    (void)state;
    testing_folder_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    testing_folder_remove(&folder);
    return 0;
}

static struct config *load(const char *path, const struct config_facts *facts, struct err *err)
{
    struct buf bundle;
    buf_init(&bundle, CONFIG_BUNDLE_BYTES_MAX);
    int rc = config_bundle_read(path, facts, &bundle, err);
    struct config *config = rc == 0 ? config_parse(buf_span(&bundle), err) : NULL;
    assert_true(rc == 0 || bundle.len == 0);
    config_bundle_release(&bundle);
    return config;
}

static void no_file_is_a_configuration(void **state)
{
    (void)state;
    struct err err = {0};
    struct config *config = load(NULL, NULL, &err);
    if (!config)
        fail_msg("%s", err.text);
    assert_span(config->listen[0], ":8080");
    assert_int_equal(config->pools_count, 0);
    config_unref(config);

    const struct config_facts facts = {.port = "81",
                                       .embedded_url = "http://127.0.0.1:5",
                                       .embedded_api_key = TESTING_KEY,
                                       .embedded_model = "m"};
    config = load(NULL, &facts, &err);
    if (!config)
        fail_msg("%s", err.text);
    assert_span(config->listen[0], ":81");
    assert_span(config->pools[0].backends[0].api_key, TESTING_KEY);
    assert_span(config->models[0].name, "m");
    config_unref(config);

    const struct config_facts broken = {.embedded_url = "http://h", .embedded_api_key = "a secret"};
    assert_null(load(NULL, &broken, &err));
    assert_non_null(
        strstr(err.text, "the embedded model's key: the key in 'embedded_api_key' holds a space"));
    assert_null(strstr(err.text, "secret"));
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(load("/nowhere/seawall.yaml", NULL, &err));
    assert_string_equal(err.text, "cannot open '/nowhere/seawall.yaml': No such file or directory");
    assert_null(load(folder.path, NULL, &err));
    assert_non_null(strstr(err.text, "Is a directory"));

    struct buf text;
    buf_init(&text, CONFIG_FILE_BYTES_MAX + 1);
    while (text.len < CONFIG_FILE_BYTES_MAX)
        buf_append(&text, SPAN("#\n"));
    struct config *config =
        load(testing_file(&folder, "large.yaml", 0600, buf_span(&text)), NULL, &err);
    if (!config)
        fail_msg("%s", err.text);
    config_unref(config);
    buf_append_byte(&text, '#');
    assert_null(load(testing_file(&folder, "large.yaml", 0600, buf_span(&text)), NULL, &err));
    assert_non_null(strstr(err.text, "large.yaml: it is larger than 1048576 bytes"));
    buf_release(&text);
}

static void bytes_that_are_no_text(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(load(testing_file(&folder, "b.yaml", 0600, SPAN("a:\n\n\xff\n")), NULL, &err));
    assert_non_null(strstr(err.text, "b.yaml:3: this is not text in UTF-8"));
    assert_null(load(testing_file(&folder, "b.yaml", 0600, SPAN("limits: {}\n\0")), NULL, &err));
    assert_non_null(strstr(err.text, "control characters are not allowed"));
    /* UTF-16, which libyaml could read, is not meant. */
    assert_null(load(testing_file(&folder, "b.yaml", 0600,
                                  SPAN("\xff\xfe"
                                       "a\0")),
                     NULL, &err));
    assert_non_null(strstr(err.text, "b.yaml:1: this is not text in UTF-8"));
}

static void errors_carry_file_and_line(void **state)
{
    (void)state;
    struct err err = {0};
    char expected[320];
    const char *path = testing_file(&folder, "e.yaml", 0600, SPAN("limits:\n  body_bytes: ten\n"));
    (void)snprintf(expected, sizeof(expected), "%s:2: limits.body_bytes: expected a size", path);
    assert_null(load(path, NULL, &err));
    assert_non_null(strstr(err.text, expected));
}

static void a_long_path_leaves_room_for_the_error(void **state)
{
    (void)state;
    struct err err = {0};
    char path[600] = "";
    for (size_t i = 0; i < 150; i++)
        memcpy(path + 2 * i, "./", 2);
    const char *real =
        testing_file(&folder, "long-é.yaml", 0600, SPAN("limits:\n  body_bytes: ten\n"));
    memmove(path + strlen(folder.path) + 1, path, 300);
    memcpy(path, folder.path, strlen(folder.path));
    path[strlen(folder.path)] = '/';
    memcpy(path + strlen(folder.path) + 301, real + strlen(folder.path) + 1,
           strlen(real) - strlen(folder.path));
    assert_null(load(path, NULL, &err));
    assert_true(span_starts(span_str(err.text), SPAN("…")));
    assert_non_null(strstr(err.text, "./long-é.yaml:2: limits.body_bytes: expected a size such as "
                                     "8MiB between 1KiB and 1GiB, got 'ten'"));
}

static void secrets_come_from_beside_the_file(void **state)
{
    (void)state;
    struct err err = {0};
    (void)testing_file(&folder, "a.key", 0600, SPAN(TESTING_KEY "\n"));
    (void)testing_file(&folder, "ca.pem", 0644, SPAN(TESTING_PEM));
    assert_int_equal(setenv("SEAWALL_TEST_KEY", "sk-from-env", 1), 0);
    const char *path =
        testing_file(&folder, "s.yaml", 0600,
                     SPAN("pools:\n- name: a\n  backends:\n"
                          "  - {url: 'https://a', api_key_file: a.key, ca_file: ca.pem}\n"
                          "  - {url: 'https://b', api_key_env: SEAWALL_TEST_KEY}\n"
                          "  - {url: 'https://c'}\n"));
    struct config *config = load(path, NULL, &err);
    if (!config)
        fail_msg("%s", err.text);
    const struct config_backend *backends = config->pools[0].backends;
    assert_span(backends[0].api_key, TESTING_KEY);
    assert_span(backends[0].ca_pem, TESTING_PEM);
    assert_span(backends[1].api_key, "sk-from-env");
    assert_true(span_is_null(backends[1].ca_pem));
    assert_true(span_is_null(backends[2].api_key));
    config_unref(config);
}

static void secrets_that_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *backend, *expected;
    } examples[] = {
        {"api_key_file: sk-pasted-secret",
         ":4: pools.backends.api_key_file: the file cannot be opened: No such file"},
        {"api_key_file: gone.key", "/gone.key' cannot be opened: No such file"},
        {"api_key_env: sk-pasted-secret",
         ":4: pools.backends.api_key_env: the variable is not in the environment"},
        {"api_key_env: SEAWALL_TEST_GONE",
         ":4: pools.backends.api_key_env: 'SEAWALL_TEST_GONE' is not in the environment"},
        {"ca_file: gone.pem", "/gone.pem' cannot be opened"},
        {"api_key_file: group.key", "/group.key' is writable by others"},
        {"api_key_file: empty.key", "/empty.key' is empty"},
    };
    (void)testing_file(&folder, "group.key", 0660, SPAN("k"));
    (void)testing_file(&folder, "empty.key", 0600, SPAN("\n"));
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct err err = {0};
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "pools:\n- name: a\n  backends:\n  - {url: 'https://a', %s}\n",
                       examples[i].backend);
        assert_null(load(testing_file(&folder, "u.yaml", 0600, span_str(text)), NULL, &err));
        if (!strstr(err.text, examples[i].expected))
            fail_msg("expected '%s', got '%s'", examples[i].expected, err.text);
        assert_null(strstr(err.text, "secret"));
    }
}

/* What the reader of secrets passes over must still be refused by the parser. */
static void odd_shapes_reach_the_parser(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } examples[] = {
        {"pools: {a: b}\n", "pools: expected a list"},
        {"pools: [[]]\n", "pools: expected settings, got a list"},
        {"[a]\n", "expected settings"},
        {"pools: [{name: a, backends: [{url: 'http://h', api_key_file: }]}]\n",
         "expected the name of a file"},
        {"pools: [{name: a, backends: [{url: 'http://h', api_key_file: []}]}]\n",
         "expected a single value, got a list"},
        {"pools: [{name: a, backends: [{url: 'http://h', api_key_file: ~}]}]\n",
         "expected the name of a file"},
        {"pools: [{[a]: b}]\n", "unknown key ''"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct err err = {0};
        assert_null(
            load(testing_file(&folder, "o.yaml", 0600, span_str(examples[i].text)), NULL, &err));
        if (!strstr(err.text, examples[i].expected))
            fail_msg("expected '%s', got '%s'", examples[i].expected, err.text);
    }
}

static void secrets_stand_behind_the_json(void **state)
{
    (void)state;
    struct buf bundle;
    (void)testing_file(&folder, "a.key", 0600, SPAN(TESTING_KEY));
    const char *path = testing_file(
        &folder, "s.yaml", 0600,
        SPAN("pools: [{name: a, backends: [{url: 'https://a', api_key_file: a.key}]}]\n"));
    buf_init(&bundle, CONFIG_BUNDLE_BYTES_MAX);
    buf_append(&bundle, SPAN("what was in it before"));
    assert_int_equal(config_bundle_read(path, NULL, &bundle, NULL), 0);
    ptrdiff_t head = span_find_byte(buf_span(&bundle), '\n');
    assert_true(head > 0);
    assert_true(span_find(span_take(buf_span(&bundle), (size_t)head), SPAN("secret-")) < 0);
    assert_true(span_ends(buf_span(&bundle), SPAN(TESTING_KEY)));
    config_bundle_release(&bundle);
    assert_null(bundle.ptr);
    config_bundle_release(NULL);
}

static void a_cut_bundle_is_refused_everywhere(void **state)
{
    (void)state;
    struct buf bundle;
    testing_bundle(&bundle, "pools: [{name: a, backends: [{url: 'https://a', api_key_file: k}]}]\n",
                   NULL);
    for (size_t len = 0; len < bundle.len; len++) {
        struct err err = {0};
        char *copy = mem_alloc(len + 1);
        memcpy(copy, bundle.ptr, len);
        assert_null(config_parse(span_of(copy, len), &err));
        assert_true(err.text[0] != '\0');
        mem_free(copy);
    }
    config_bundle_release(&bundle);
}

static void the_same_bundle_gives_the_same(void **state)
{
    (void)state;
    const char *text = "service: {listen: [':1', ':2'], workers: 3}\n";
    struct config *one = testing_parse(text);
    struct config *two = testing_parse(text);
    char names[64];
    assert_int_equal(config_needs_restart(one, two, names, sizeof(names)), 0);
    assert_string_equal(names, "");
    config_unref(one);
    config_unref(two);
}

static void what_needs_a_restart(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *names;
        size_t count;
    } examples[] = {
        {"", "limits: {json_depth: 8}\ncors: {max_age: 1s}\nservice: {keys: ignored}\n", "",
         0},
        {"", "service: {listen: [':8080']}\n", "", 0},
        {"", "service: {listen: [':8081']}\n", "service.listen", 1},
        {"", "service: {listen: [':8080', ':8081']}\n", "service.listen", 1},
        {"", "service: {metrics: off}\n", "service.metrics", 1},
        {"", "service: {workers: 1}\n", "service.workers", 1},
        {"", "service: {user: x}\n", "service.user", 1},
        {"service: {user: x}\n", "service: {user: x}\n", "", 0},
        {"", "service: {listen: [':1'], metrics: off, workers: 1, user: x}\n",
         "service.listen, service.metrics, service.workers, service.user", 4},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct config *before = testing_parse(examples[i].before);
        struct config *after = testing_parse(examples[i].after);
        char names[128];
        assert_int_equal(config_needs_restart(before, after, names, sizeof(names)),
                         examples[i].count);
        assert_string_equal(names, examples[i].names);
        assert_int_equal(config_needs_restart(after, before, names, sizeof(names)),
                         examples[i].count);
        /* Any room will do; the count stays. */
        for (size_t size = 0; size < 20; size++) {
            names[size] = '#';
            assert_int_equal(config_needs_restart(before, after, names, size), examples[i].count);
            assert_int_equal(names[size], '#');
        }
        config_unref(before);
        config_unref(after);
    }
}

static void *ref_and_unref(void *config)
{
    for (int i = 0; i < 1000; i++)
        config_unref(config_ref(config));
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    struct config *config = testing_parse("");
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, config), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_span(config->listen[0], ":8080");
    config_unref(config);
    config_unref(NULL);
}

static void check_tells_what_is_unwise(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf warnings;
    buf_init(&warnings, 4096);
    (void)testing_file(&folder, "w.key", 0644, SPAN(TESTING_KEY));
    const char *path = testing_file(
        &folder, "w.yaml", 0600,
        SPAN("service: {keys: ignored}\npools:\n- name: a\n  backends:\n"
             "  - {url: 'http://api.example.org', api_key_file: w.key}\n  - {embedded: true}\n"));
    bool uses_model = false;
    if (config_check(path, &warnings, &uses_model, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(uses_model);
    const char *text = buf_cstr(&warnings);
    assert_non_null(strstr(text, "w.yaml:5: pools.backends.api_key_file: '"));
    assert_non_null(strstr(text, "/w.key' can be read by everyone (chmod o-r it)\n"));
    assert_non_null(strstr(text, "service.keys: "));
    assert_non_null(strstr(text, "without TLS\n"));
    assert_null(strstr(text, "secret"));

    buf_clear(&warnings);
    assert_true(config_check("/nowhere", &warnings, &uses_model, &err) < 0);
    assert_non_null(strstr(err.text, "cannot open '/nowhere'"));
    path = testing_file(&folder, "w.yaml", 0600, SPAN("limits: {json_depth: x}\n"));
    assert_int_equal(config_check(path, &warnings, &uses_model, &err), -EINVAL);
    assert_non_null(strstr(err.text, "limits.json_depth: expected a number"));
    assert_int_equal(warnings.len, 0);
    assert_int_equal(config_warnings(SPAN("nonsense"), &warnings), -EINVAL);
    buf_release(&warnings);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    (void)testing_file(&folder, "m.key", 0604, SPAN(TESTING_KEY));
    char path[256];
    (void)snprintf(path, sizeof(path), "%s",
                   testing_file(&folder, "m.yaml", 0600,
                                SPAN("service: {listen: [':1', ':2']}\ncors: {origins: "
                                     "['*']}\npools:\n- name: a\n  backends:\n"
                                     "  - {url: 'https://a', api_key_file: m.key}\nmodels: [{name: "
                                     "m, engine_fields: [a, b]}]\n")));
    const struct config_facts facts = {
        .port = "1", .embedded_url = "http://h", .embedded_api_key = "k", .embedded_model = "e"};
    const char *paths[] = {path, NULL};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct config *config = NULL;
        for (uint64_t after = 0; !config; after++) {
            struct err err = {0};
            mem_fail_after(after);
            config = load(paths[i], &facts, &err);
            mem_fail_never();
            assert_true(config || err.text[0] != '\0');
            assert_true(after < 10000);
        }
        config_unref(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_is_a_configuration),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(errors_carry_file_and_line),
        cmocka_unit_test(a_long_path_leaves_room_for_the_error),
        cmocka_unit_test(secrets_come_from_beside_the_file),
        cmocka_unit_test(secrets_that_cannot_be_read),
        cmocka_unit_test(odd_shapes_reach_the_parser),
        cmocka_unit_test(secrets_stand_behind_the_json),
        cmocka_unit_test(a_cut_bundle_is_refused_everywhere),
        cmocka_unit_test(the_same_bundle_gives_the_same),
        cmocka_unit_test(what_needs_a_restart),
        cmocka_unit_test(threads_share_it),
        cmocka_unit_test(check_tells_what_is_unwise),
        cmocka_unit_test(each_allocation_may_fail),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
