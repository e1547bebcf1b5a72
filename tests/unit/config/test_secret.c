/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret.h"

#include "config_testing.h"

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

static void keys_are_read_and_trimmed(void **state)
{
    (void)state;
    static const char *const contents[] = {TESTING_KEY, TESTING_KEY "\n", TESTING_KEY "\r\n",
                                           TESTING_KEY "\n\n\n"};
    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        struct secrets secrets = {0};
        const struct secret *secret = NULL;
        struct err err = {0};
        (void)testing_file(&folder, "a.key", 0600, span_str(contents[i]));
        int rc = secrets_read(&secrets, SECRET_KEY_FILE, SPAN("a.key"), folder.path, &secret, &err);
        if (rc < 0)
            fail_msg("%s", err.text);
        assert_span(span_of(secret->bytes, secret->len), TESTING_KEY);
        assert_false(secret->readable_by_all);
        secrets_release(&secrets);
    }
}

static void a_file_is_read_once(void **state)
{
    (void)state;
    struct secrets secrets = {0};
    const struct secret *first = NULL;
    const struct secret *second = NULL;
    const char *path = testing_file(&folder, "once.key", 0600, SPAN("k1"));
    assert_int_equal(
        secrets_read(&secrets, SECRET_KEY_FILE, SPAN("once.key"), folder.path, &first, NULL), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(
        secrets_read(&secrets, SECRET_KEY_FILE, SPAN("once.key"), folder.path, &second, NULL), 0);
    assert_ptr_equal(first, second);
    assert_int_equal(secrets.count, 1);
    /* The same name as another kind is another secret. */
    assert_int_equal(
        secrets_read(&secrets, SECRET_CA_FILE, SPAN("once.key"), folder.path, &second, NULL),
        -ENOENT);
    secrets_release(&secrets);
    secrets_release(&secrets);
    secrets_release(NULL);
}

static void absolute_names_do_not_use_the_folder(void **state)
{
    (void)state;
    struct secrets secrets = {0};
    const struct secret *secret = NULL;
    const char *path = testing_file(&folder, "abs.key", 0604, SPAN("k1"));
    assert_int_equal(
        secrets_read(&secrets, SECRET_KEY_FILE, span_str(path), "/nowhere", &secret, NULL), 0);
    assert_true(secret->readable_by_all);
    secrets_release(&secrets);
}

/* Whatever is wrong, the words show nothing of what the file holds. */
static struct err refusal_of(enum secret_kind kind, const char *name)
{
    struct secrets secrets = {0};
    const struct secret *secret = NULL;
    struct err err = {0};
    int rc = secrets_read(&secrets, kind, span_str(name), folder.path, &secret, &err);
    if (rc >= 0)
        fail_msg("'%s' was read", name);
    assert_null(strstr(err.text, "secret"));
    assert_null(secret);
    assert_int_equal(secrets.count, 0);
    secrets_release(&secrets);
    return err;
}

/* `expected` begins behind the file's whole path, in quotes. */
static void refused(enum secret_kind kind, const char *name, const char *expected)
{
    struct err err = refusal_of(kind, name);
    char whole[256];
    (void)snprintf(whole, sizeof(whole), "'%s/%s' %s", folder.path, name, expected);
    if (!strstr(err.text, whole))
        fail_msg("expected '%s', got '%s'", whole, err.text);
}

static void refused_key(const char *name, const char *expected)
{
    struct err err = refusal_of(SECRET_KEY_FILE, name);
    char where[256];
    (void)snprintf(where, sizeof(where), "the key in '%s/%s' ", folder.path, name);
    if (strncmp(err.text, where, strlen(where)) != 0 || !strstr(err.text, expected))
        fail_msg("expected '%s%s', got '%s'", where, expected, err.text);
}

static void key_files_that_are_refused(void **state)
{
    (void)state;
    char longer[SECRET_KEY_BYTES_MAX + 1];
    memset(longer, 'x', sizeof(longer));
    static const struct {
        const char *content, *expected;
    } contents[] = {
        {"", "is empty"},
        {"\n\r\n", "is empty"},
        {"secret key", "holds a space"},
        {"secret\nX-Evil: 1", "a line break"},
        {" secret", "holds a space"},
        {"secret\t", "holds a space"},
        {"secr\xc3\xa9t", "not ASCII"},
    };
    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        (void)testing_file(&folder, "bad.key", 0600, span_str(contents[i].content));
        refused_key("bad.key", contents[i].expected);
    }
    (void)testing_file(&folder, "bad.key", 0600, span_of(longer, sizeof(longer)));
    refused_key("bad.key", "is longer than 512 bytes");
    (void)testing_file(&folder, "bad.key", 0600, span_of(longer, sizeof(longer) - 1));
    struct secrets secrets = {0};
    const struct secret *secret;
    assert_int_equal(
        secrets_read(&secrets, SECRET_KEY_FILE, SPAN("bad.key"), folder.path, &secret, NULL), 0);
    secrets_release(&secrets);

    refused(SECRET_KEY_FILE, "missing.key", "cannot be opened: No such file");
    refused(SECRET_KEY_FILE, ".", "is no regular file");
    (void)testing_file(&folder, "open.key", 0620, SPAN("k"));
    refused(SECRET_KEY_FILE, "open.key", "is writable by others than its owner");
    (void)testing_file(&folder, "open.key", 0602, SPAN("k"));
    refused(SECRET_KEY_FILE, "open.key", "is writable by others than its owner");
}

static void large_files_are_refused_unread(void **state)
{
    (void)state;
    const char *path = testing_file(&folder, "big.pem", 0600, SPAN("k"));
    assert_int_equal(truncate(path, CONFIG_SECRET_BYTES_MAX + 1), 0);
    refused(SECRET_KEY_FILE, "big.pem", "is larger than 65536 bytes");
    refused(SECRET_CA_FILE, "big.pem", "is larger than 65536 bytes");
}

static void a_pipe_does_not_hold_the_start_up(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/pipe", folder.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(SECRET_KEY_FILE, "pipe", "is no regular file");
    assert_int_equal(unlink(path), 0);
}

static void certificates(void **state)
{
    (void)state;
    struct secrets secrets = {0};
    const struct secret *secret = NULL;
    (void)testing_file(&folder, "ca.pem", 0664, SPAN(TESTING_PEM));
    assert_int_equal(
        secrets_read(&secrets, SECRET_CA_FILE, SPAN("ca.pem"), folder.path, &secret, NULL), 0);
    assert_span(span_of(secret->bytes, secret->len), TESTING_PEM);
    assert_false(secret->readable_by_all); /* certificates are no secret */
    secrets_release(&secrets);
    (void)testing_file(&folder, "ca.pem", 0666, SPAN(TESTING_PEM));
    refused(SECRET_CA_FILE, "ca.pem", "is writable by everyone");
    (void)testing_file(&folder, "ca.pem", 0600, SPAN("-----BEGIN PRIVATE KEY-----\nsecret"));
    refused(SECRET_CA_FILE, "ca.pem", "holds no certificate in PEM form");
    (void)testing_file(&folder, "ca.pem", 0600, SPAN("# Soci\xe9t\xe9\n" TESTING_PEM));
    refused(SECRET_CA_FILE, "ca.pem", "is not text in UTF-8");
    (void)testing_file(&folder, "ca.pem", 0600, SPAN(TESTING_PEM "\0"));
    refused(SECRET_CA_FILE, "ca.pem", "is not text in UTF-8");
    (void)testing_file(&folder, "ca.pem", 0600, SPAN(""));
    refused(SECRET_CA_FILE, "ca.pem", "holds no certificate in PEM form");
}

static void variables(void **state)
{
    (void)state;
    struct secrets secrets = {0};
    const struct secret *secret = NULL;
    assert_int_equal(setenv("SEAWALL_TEST_KEY", TESTING_KEY, 1), 0);
    assert_int_equal(
        secrets_read(&secrets, SECRET_KEY_ENV, SPAN("SEAWALL_TEST_KEY"), NULL, &secret, NULL), 0);
    assert_span(span_of(secret->bytes, secret->len), TESTING_KEY);
    secrets_release(&secrets);
    assert_int_equal(setenv("SEAWALL_TEST_KEY", "", 1), 0);
    assert_string_equal(refusal_of(SECRET_KEY_ENV, "SEAWALL_TEST_KEY").text,
                        "the key in 'SEAWALL_TEST_KEY' is empty");
    assert_int_equal(unsetenv("SEAWALL_TEST_KEY"), 0);
    assert_string_equal(refusal_of(SECRET_KEY_ENV, "SEAWALL_TEST_KEY").text,
                        "'SEAWALL_TEST_KEY' is not in the environment");
}

/* Where a name belongs people paste keys; those are not shown, and what can only be a name is. */
static void names_are_shown_and_pasted_keys_are_not(void **state)
{
    (void)state;
    static const struct {
        enum secret_kind kind;
        const char *name;
        const char *called;
    } examples[] = {
        {SECRET_KEY_FILE, "gone.key", "gone.key' cannot"},
        {SECRET_KEY_FILE, "./gone", "/./gone' cannot"},
        {SECRET_KEY_FILE, "/etc/gone", "'/etc/gone' cannot"},
        {SECRET_KEY_FILE, "/etc/gone/x", "'/etc/gone/x' cannot"},
        {SECRET_CA_FILE, "gone.pem", "gone.pem' cannot"},
        {SECRET_KEY_FILE, "sk-proj-0123456789abcdef", NULL},
        {SECRET_KEY_FILE, "gone", NULL},
        {SECRET_KEY_FILE, "/bm93aGVyZQ/b3RoZXI=", NULL},
        {SECRET_KEY_FILE, "bm93aGVyZQ/b3RoZXI=", NULL},
        {SECRET_KEY_FILE, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
         NULL},
        {SECRET_KEY_FILE, "0123456789abcdef0123456789abcdef.AbCdEfGhIjKlMnOp", NULL},
        {SECRET_KEY_FILE, "sk-pasted.", NULL},
        {SECRET_KEY_FILE, "two\nlines.key", NULL},
        {SECRET_KEY_FILE, "/", "'/' is no regular file"},
        {SECRET_KEY_ENV, "DEEPSEEK_API_KEY_2", "'DEEPSEEK_API_KEY_2' is not"},
        {SECRET_KEY_ENV, "sk-proj-0123456789abcdef", NULL},
        {SECRET_KEY_ENV, "AKIAIOSFODNN7EXAMPLE", NULL},
        {SECRET_KEY_ENV, "sk_live_0123", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct err err = refusal_of(examples[i].kind, examples[i].name);
        if (examples[i].called && !strstr(err.text, examples[i].called))
            fail_msg("'%s' is not named: '%s'", examples[i].name, err.text);
        if (!examples[i].called && (strstr(err.text, examples[i].name) || strchr(err.text, '\'')))
            fail_msg("'%s' is shown: '%s'", examples[i].name, err.text);
    }
}

/* The end of a long name says most, and what is wrong with it still fits behind it. */
static void of_a_long_path_the_end_is_shown(void **state)
{
    (void)state;
    char name[600] = "/etc/";
    memset(name + 5, 'd', 500);
    (void)snprintf(name + 505, sizeof(name) - 505, "/a.key");
    struct err err = refusal_of(SECRET_KEY_FILE, name);
    assert_non_null(strstr(err.text, "'…"));
    assert_non_null(strstr(err.text, "dddd/a.key' cannot be opened: File name too long"));
}

static void there_is_room_for_so_many(void **state)
{
    (void)state;
    struct secrets secrets = {0};
    struct err err = {0};
    char name[16];
    for (size_t i = 0; i < SECRETS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "%zu", i);
        assert_int_equal(secrets_add(&secrets, SECRET_FACT, name, SPAN("k"), &err), 0);
    }
    assert_int_equal(secrets_add(&secrets, SECRET_FACT, "one more", SPAN("k"), &err), -ENOSPC);
    assert_string_equal(err.text, "there are too many secrets");
    assert_int_equal(secrets_add(&secrets, SECRET_FACT, "bad", SPAN("a b"), &err), -EINVAL);
    assert_int_equal(secrets.count, SECRETS_MAX);
    secrets_release(&secrets);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    (void)testing_file(&folder, "oom.key", 0600, SPAN("k"));
    int rc = -ENOMEM;
    for (uint64_t after = 0; rc == -ENOMEM; after++) {
        struct secrets secrets = {0};
        const struct secret *secret;
        mem_fail_after(after);
        rc = secrets_read(&secrets, SECRET_KEY_FILE, SPAN("oom.key"), folder.path, &secret, NULL);
        if (rc == 0)
            rc = secrets_add(&secrets, SECRET_FACT, "f", SPAN("k"), NULL);
        mem_fail_never();
        secrets_release(&secrets);
        assert_true(after < 100);
    }
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_and_trimmed),
        cmocka_unit_test(a_file_is_read_once),
        cmocka_unit_test(absolute_names_do_not_use_the_folder),
        cmocka_unit_test(key_files_that_are_refused),
        cmocka_unit_test(large_files_are_refused_unread),
        cmocka_unit_test(a_pipe_does_not_hold_the_start_up),
        cmocka_unit_test(certificates),
        cmocka_unit_test(variables),
        cmocka_unit_test(names_are_shown_and_pasted_keys_are_not),
        cmocka_unit_test(of_a_long_path_the_end_is_shown),
        cmocka_unit_test(there_is_room_for_so_many),
        cmocka_unit_test(each_allocation_may_fail),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
