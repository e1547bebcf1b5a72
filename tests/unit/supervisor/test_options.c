/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/options.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/seawall-options-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    static const char *const names[] = {"state", "key.mac", "seawall.lock", "model.gguf"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(command, sizeof(command), "%s/%s", folder, names[i]);
        remove(command);
    }
    return rmdir(folder);
}

/* Reads these words behind "supervisor --data FOLDER". */
static int read_words(struct options *options, struct err *err, size_t count, ...)
{
    char *argv[16] = {(char *)"supervisor", (char *)"--data", folder};
    va_list words;
    va_start(words, count);
    for (size_t i = 0; i < count; i++)
        argv[3 + i] = va_arg(words, char *);
    va_end(words);
    err->text[0] = '\0';
    return options_read((int)(3 + count), argv, options, err);
}

static void good_options_are_read(void **state)
{
    struct options options;
    struct err err;
    (void)state;
    assert_int_equal(read_words(&options, &err, 4, "--port", "8081", "--upstream", "http://127.0.0.1:9"), 0);
    assert_string_equal(options.port, "8081");
    assert_string_equal(options.upstream, "http://127.0.0.1:9");
    assert_null(options.config);
    assert_non_null(strstr(options.state_folder, "/state"));
    assert_false(options.check_only);
    assert_int_equal(read_words(&options, &err, 1, "--check"), 0);
    assert_true(options.check_only);
}

static void bad_options_are_refused_with_their_name(void **state)
{
    struct options options;
    struct err err;
    (void)state;
    static const struct {
        const char *word, *value, *expected;
    } cases[] = {
        {"--nonsense", NULL, "unknown option '--nonsense'"},
        {"--port", NULL, "'--port' expects a value"},
        {"--port", "0", "--port expects a number between 1 and 65535, got '0'"},
        {"--port", "65536", "--port expects a number between 1 and 65535, got '65536'"},
        {"--port", "80x", "--port expects a number between 1 and 65535, got '80x'"},
        {"more", NULL, "unexpected argument 'more'"},
        {"--embedded-model", "/nowhere.gguf", "--embedded-model needs --embedded-python and --embedded-program"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(read_words(&options, &err, cases[i].value ? 2 : 1, cases[i].word, cases[i].value), -EINVAL);
        assert_string_equal(err.text, cases[i].expected);
    }
}

static void a_missing_model_is_named(void **state)
{
    struct options options;
    struct err err;
    (void)state;
    assert_true(read_words(&options, &err, 6, "--embedded-model", "/nowhere/a.gguf", "--embedded-python", "p",
                           "--embedded-program", "q") < 0);
    assert_string_equal(err.text, "cannot read the model '/nowhere/a.gguf': No such file or directory");
}

static void the_key_is_made_once_and_kept_secret(void **state)
{
    struct options options;
    struct err err;
    struct mac_key first, second;
    char path[64];
    struct stat info;
    (void)state;
    assert_int_equal(read_words(&options, &err, 0), 0);
    assert_int_equal(options_key_mac(&options, &first, &err), 0);
    assert_int_equal(options_key_mac(&options, &second, &err), 0);
    assert_memory_equal(&first, &second, sizeof(first));
    snprintf(path, sizeof(path), "%s/key.mac", folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_damaged_key_is_told_not_replaced(void **state)
{
    struct options options;
    struct err err;
    struct mac_key key;
    char path[64];
    (void)state;
    snprintf(path, sizeof(path), "%s/key.mac", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "short", 5), 5);
    close(fd);
    assert_int_equal(read_words(&options, &err, 0), 0);
    assert_int_equal(options_key_mac(&options, &key, &err), -EINVAL);
    assert_non_null(strstr(err.text, "is damaged"));
}

static void a_folder_has_one_service(void **state)
{
    struct options options;
    struct err err;
    int first, second;
    (void)state;
    assert_int_equal(read_words(&options, &err, 0), 0);
    assert_int_equal(options_lock(&options, &first, &err), 0);
    assert_int_equal(options_lock(&options, &second, &err), -EWOULDBLOCK);
    assert_non_null(strstr(err.text, "is running already"));
    close(first);
    assert_int_equal(options_lock(&options, &second, &err), 0);
    close(second);
}

static void the_state_folder_is_private(void **state)
{
    struct options options;
    struct err err;
    struct stat info;
    (void)state;
    assert_int_equal(read_words(&options, &err, 0), 0);
    assert_int_equal(options_make_folders(&options, 0, 0, &err), 0);
    assert_int_equal(options_make_folders(&options, 0, 0, &err), 0);
    assert_int_equal(stat(options.state_folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
}

static void the_gateway_is_never_root(void **state)
{
    struct err err;
    uint32_t uid, gid;
    (void)state;
    if (geteuid() != 0) {
        assert_int_equal(options_user(SPAN("root"), &uid, &gid, &err), 0);
        assert_int_equal(uid, 0); /* 0: stays who it is */
        return;
    }
    assert_int_equal(options_user(SPAN("root"), &uid, &gid, &err), -EINVAL);
    assert_int_equal(options_user(SPAN("no-such-user"), &uid, &gid, &err), -ENOENT);
    assert_int_equal(options_user(SPAN("nobody"), &uid, &gid, &err), 0);
    assert_int_not_equal(uid, 0);
}

static void models_are_named_after_their_file(void **state)
{
    static const struct {
        const char *path, *name;
    } cases[] = {
        {"/a/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"},
        {"smollm2.gguf", "smollm2"},
        {"/a/llama-3.1-8b.gguf", "llama-3.1-8b"},
        {"/a/b.f16.gguf", "b"},
        {"/a.b/plain", "plain"},
    };
    char name[64];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        options_model_name(cases[i].path, name, sizeof(name));
        assert_string_equal(name, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_options_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_options_are_refused_with_their_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_model_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_is_made_once_and_kept_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_key_is_told_not_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_has_one_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_state_folder_is_private, set_up, tear_down),
        cmocka_unit_test(the_gateway_is_never_root),
        cmocka_unit_test(models_are_named_after_their_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
