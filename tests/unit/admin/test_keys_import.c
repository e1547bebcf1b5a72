/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/keys_import.h"

#define SHA_OF_HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static struct fixture fixture;
static struct keyring *present;

static int start(void **state)
{
    (void)state;
    struct key *key = test_key(1, "here already");
    memset(&fixture.mac, 7, sizeof(fixture.mac));
    sha256(SPAN("sk-this-one-is-here"), key->digest);
    present = test_ring(&fixture, &key, 1);
    key_unref(key);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    keyring_unref(present);
    return 0;
}

/* The status; *rows gets the bad ones. */
static unsigned read_text(const char *text, struct import *import, struct buf *rows,
                          struct err *err)
{
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    buf_init(rows, 65536);
    *err = (struct err){""};
    *import = (struct import){.count = 0};
    unsigned status = import_read(root, present, 5000, import, rows, err);
    json_decref(root);
    return status;
}

static void test_texts_and_digests_become_keys(void **state)
{
    (void)state;
    struct import import;
    struct buf rows;
    struct err err;
    assert_int_equal(
        read_text("{\"keys\":[{\"key\":\"sk-proj-0123456789\",\"name\":\"ann\",\"models\":[\"a\"],"
                  "\"expires\":\"1970-01-02\"},{\"sha256\":\"" SHA_OF_HELLO
                  "\",\"name\":\"bob\"}]}",
                  &import, &rows, &err),
        200);
    assert_int_equal(import.count, 2);
    const struct key *ann = import.keys[0], *bob = import.keys[1];
    unsigned char digest[SHA256_BYTES];
    sha256(SPAN("sk-proj-0123456789"), digest);
    assert_memory_equal(ann->digest, digest, SHA256_BYTES);
    assert_string_equal(ann->hint, "6789");
    assert_string_equal(ann->models[0], "a");
    assert_int_equal(ann->expires_ms, 86400000);
    assert_int_equal(ann->created_ms, 5000);
    assert_true(ann->imported && bob->imported && ann->id != 0 && bob->id != ann->id);
    sha256(SPAN("hello"), digest);
    assert_memory_equal(bob->digest, digest, SHA256_BYTES);
    assert_string_equal(bob->hint, "");
    import_release(&import);
    buf_release(&rows);
}

static void test_one_bad_row_refuses_all_and_is_named(void **state)
{
    (void)state;
    struct import import;
    struct buf rows;
    struct err err;
    assert_int_equal(read_text("{\"keys\":[{\"key\":\"sk-proj-0123456789\",\"name\":\"ann\"},{"
                               "\"key\":\"short\",\"name\":\"bob\"},"
                               "5,{\"name\":\"no key\"}]}",
                               &import, &rows, &err),
                     400);
    assert_int_equal(import.count, 0);
    assert_string_equal(err.text, "3 of 4 keys cannot be imported, so none was");
    assert_string_equal(
        buf_cstr(&rows),
        "[{\"row\":1,\"message\":\"'key' must have 16 to 512 printable bytes and no space\"},"
        "{\"row\":2,\"message\":\"a row must be an object\"},"
        "{\"row\":3,\"message\":\"a row has either 'key' or 'sha256'\"}]");
    buf_release(&rows);
}

static void test_refused_rows(void **state)
{
    (void)state;
    static const struct {
        const char *row, *words;
        unsigned status;
    } cases[] = {
        {"{\"key\":\"sk-proj-0123456789\",\"sha256\":\"" SHA_OF_HELLO "\",\"name\":\"a\"}",
         "either", 400},
        {"{\"key\":\"sk proj 0123456789\",\"name\":\"a\"}", "no space", 400},
        {"{\"key\":\"sk-proj-012345678\\u00e4\",\"name\":\"a\"}", "printable", 400},
        {"{\"key\":5,\"name\":\"a\"}", "'key' must", 400},
        {"{\"sha256\":\"12\",\"name\":\"a\"}", "64 hexadecimal", 400},
        {"{\"sha256\":7,\"name\":\"a\"}", "64 hexadecimal", 400},
        {"{\"key\":\"sk-proj-0123456789\"}", "'name' must be", 400},
        {"{\"key\":\"sk-proj-0123456789\",\"name\":\"a\",\"expires\":\"soon\"}", "'expires'", 400},
        {"{\"key\":\"sk-proj-0123456789\",\"name\":\"a\",\"budget\":5}", "unknown member 'budget'",
         400},
        {"{\"key\":\"sk-this-one-is-here\",\"name\":\"a\"}", "there already", 409},
        {"{\"key\":\"sk-twice-in-here-0\",\"name\":\"a\"},{\"key\":\"sk-twice-in-here-0\",\"name\":"
         "\"b\"}",
         "\"row\":1", 409},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct import import;
        struct buf rows;
        struct err err;
        char text[1024];
        snprintf(text, sizeof(text), "{\"keys\":[%s]}", cases[i].row);
        assert_int_equal(read_text(text, &import, &rows, &err), cases[i].status);
        assert_non_null(strstr(buf_cstr(&rows), cases[i].words));
        buf_release(&rows);
    }
}

static void test_lengths_at_their_border(void **state)
{
    (void)state;
    static const size_t lengths[] = {KEY_IMPORTED_TEXT_MIN - 1, KEY_IMPORTED_TEXT_MIN,
                                     KEY_IMPORTED_TEXT_MAX, KEY_IMPORTED_TEXT_MAX + 1};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct import import;
        struct buf rows;
        struct err err;
        char text[1024];
        snprintf(text, sizeof(text), "{\"keys\":[{\"key\":\"%0*d\",\"name\":\"a\"}]}",
                 (int)lengths[i], 0);
        assert_int_equal(read_text(text, &import, &rows, &err), i == 1 || i == 2 ? 200 : 400);
        import_release(&import);
        buf_release(&rows);
    }
}

static void test_the_list_itself_is_judged(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}", "{\"keys\":[]}", "{\"keys\":{}}",
                                      "{\"keys\":[],\"all\":true}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct import import;
        struct buf rows;
        struct err err;
        assert_int_equal(read_text(bad[i], &import, &rows, &err), 400);
        assert_true(err.text[0] != '\0' && rows.len == 0);
        buf_release(&rows);
    }
}

static void test_only_so_many_bad_rows_are_named(void **state)
{
    (void)state;
    struct import import;
    struct buf rows, text;
    struct err err;
    buf_init(&text, 65536);
    buf_append(&text, SPAN("{\"keys\":[1"));
    for (int i = 1; i < IMPORT_ROWS_TOLD_MAX + 10; i++)
        buf_append(&text, SPAN(",1"));
    buf_append(&text, SPAN("]}"));
    assert_int_equal(read_text(buf_cstr(&text), &import, &rows, &err), 400);
    assert_string_equal(err.text, "60 of 60 keys cannot be imported, so none was");
    assert_non_null(strstr(buf_cstr(&rows), "\"row\":49"));
    assert_null(strstr(buf_cstr(&rows), "\"row\":50"));
    buf_release(&rows);
    buf_release(&text);
}

static void test_short_memory_imports_nothing(void **state)
{
    (void)state;
    struct import import = {.count = 0};
    struct err err;
    json_t *root =
        json_loads("{\"keys\":[{\"key\":\"sk-proj-0123456789\",\"name\":\"ann\"}]}", 0, NULL);
    int64_t before = mem_live_count();
    unsigned status;
    uint64_t n = 0;
    do {
        struct buf rows;
        buf_init(&rows, 4096);
        mem_fail_once(n++);
        status = import_read(root, present, 1, &import, &rows, &err);
        mem_fail_never();
        buf_release(&rows);
        assert_true(status == 200 || status == 503);
        if (status == 503)
            assert_int_equal(mem_live_count(), before);
    } while (status == 503);
    assert_true(n > 3);
    import_release(&import);
    assert_int_equal(mem_live_count(), before);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts_and_digests_become_keys, start, stop),
        cmocka_unit_test_setup_teardown(test_one_bad_row_refuses_all_and_is_named, start, stop),
        cmocka_unit_test_setup_teardown(test_refused_rows, start, stop),
        cmocka_unit_test_setup_teardown(test_lengths_at_their_border, start, stop),
        cmocka_unit_test_setup_teardown(test_the_list_itself_is_judged, start, stop),
        cmocka_unit_test_setup_teardown(test_only_so_many_bad_rows_are_named, start, stop),
        cmocka_unit_test_setup_teardown(test_short_memory_imports_nothing, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
