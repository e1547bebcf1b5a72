/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/keys_snapshot.h"

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void write_ring(size_t count)
{
    struct key *keys[300];
    struct err err = {""};
    assert_true(count <= COUNT_OF(keys));
    for (size_t i = 0; i < count; i++)
        keys[i] = test_key(i + 1, "a \"quoted\" \xc3\xa4 name");
    struct keyring *ring = test_ring(&fixture, keys, count);
    assert_int_equal(keys_snapshot_write(fixture.snapshot, ring, &err), 0);
    keyring_unref(ring);
    for (size_t i = 0; i < count; i++)
        key_unref(keys[i]);
}

static void write_text(const char *text)
{
    int fd = open(fixture.snapshot, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static size_t read_back(int want, char ret_error[320])
{
    struct key_list list = {.count = 0};
    struct err err = {""};
    assert_int_equal(keys_snapshot_read(fixture.snapshot, &list, &err), want);
    memcpy(ret_error, err.text, sizeof(err.text));
    size_t count = list.count;
    key_list_release(&list);
    return count;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    const char *models[] = {"a", "b"};
    unsigned char digest[SHA256_BYTES] = {1, 2, 3};
    struct limits limits = limits_unset();
    limits.of[LIMIT_TOKENS_DAY] = 5;
    struct key *key = key_new(&(struct key_spec){.id = 77,
                                                 .digest = digest,
                                                 .name = SPAN("ann"),
                                                 .hint = SPAN("wxyz"),
                                                 .imported = true,
                                                 .disabled = true,
                                                 .created_ms = 10,
                                                 .expires_ms = 20,
                                                 .models = models,
                                                 .models_count = 2,
                                                 .account = SPAN("team"),
                                                 .limits = &limits});
    assert_non_null(key);
    atomic_store(&key->last_used_ms, 30);
    struct accounts *accounts = accounts_with(NULL, SPAN("team"), &limits);
    struct keyring *ring = keyring_new(&fixture.mac, &key, 1, accounts, false);
    assert_non_null(ring);
    struct key_list list = {.count = 0};
    struct err err = {""};
    assert_int_equal(keys_snapshot_write(fixture.snapshot, ring, &err), 0);
    assert_int_equal(keys_snapshot_read(fixture.snapshot, &list, &err), 1);
    assert_int_equal(list.count, 1);
    const struct key *back = list.keys[0];
    assert_int_equal(back->id, 77);
    assert_memory_equal(back->digest, digest, SHA256_BYTES);
    assert_string_equal(back->name, "ann");
    assert_string_equal(back->hint, "wxyz");
    assert_true(back->imported && back->disabled);
    assert_int_equal(back->created_ms, 10);
    assert_int_equal(back->expires_ms, 20);
    assert_int_equal(atomic_load(&back->last_used_ms), 30);
    assert_int_equal(back->models_count, 2);
    assert_string_equal(back->models[1], "b");
    assert_string_equal(back->account, "team");
    assert_memory_equal(back->limits, &limits, sizeof(limits));
    assert_int_equal(list.accounts_count, 1);
    assert_string_equal(list.accounts[0].name, "team");
    assert_memory_equal(&list.accounts[0].limits, &limits, sizeof(limits));
    accounts_unref(accounts);
    key_list_release(&list);
    keyring_unref(ring);
    key_unref(key);
}

static void test_none_and_many_are_read(void **state)
{
    (void)state;
    char error[320];
    struct stat info;
    assert_int_equal(read_back(0, error), 0);
    write_ring(0);
    assert_int_equal(read_back(1, error), 0);
    write_ring(300); /* more than one piece */
    assert_int_equal(read_back(1, error), 300);
    assert_int_equal(stat(fixture.snapshot, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_true(info.st_size > 65536);
}

static void test_a_file_that_is_cut_off_gives_what_it_has(void **state)
{
    (void)state;
    char error[320];
    struct stat info;
    write_ring(20);
    assert_int_equal(stat(fixture.snapshot, &info), 0);
    assert_int_equal(truncate(fixture.snapshot, info.st_size - 1), 0); /* the last newline */
    assert_int_equal(read_back(-EBADMSG, error), 19);
    assert_non_null(strstr(error, "damaged or cut off: 19 keys"));
    assert_int_equal(truncate(fixture.snapshot, 10), 0);
    assert_int_equal(read_back(-EBADMSG, error), 0);
    assert_int_equal(truncate(fixture.snapshot, 0), 0);
    assert_int_equal(read_back(-EBADMSG, error), 0);
}

static void test_a_line_of_another_form_ends_it(void **state)
{
    (void)state;
#define GOOD                                                                                       \
    "{\"id\":\"key_00000000001\",\"sha256\":"                                                      \
    "\"0000000000000000000000000000000000000000000000000000000000000000\","                        \
    "\"name\":\"a\",\"hint\":\"\",\"models\":[],\"imported\":false,\"disabled\":false,\"created_"  \
    "ms\":1,"                                                                                      \
    "\"expires_ms\":0,\"last_used_ms\":0}\n"
    static const struct {
        const char *text;
        int result;
        size_t count;
    } cases[] = {
        {"{\"seawall_keys\":1,\"count\":1}\n" GOOD, 1, 1},
        {"{\"seawall_keys\":1,\"count\":2}\n" GOOD, -EBADMSG, 1},
        {"{\"seawall_keys\":1,\"count\":0}\n" GOOD, -EBADMSG, 0},
        {"{\"seawall_keys\":2,\"count\":1}\n" GOOD, -EBADMSG, 0},
        {"{\"seawall_keys\":3,\"count\":1,\"accounts\":0}\n" GOOD, -EBADMSG, 0},
        {"{\"seawall_keys\":2,\"count\":1,\"accounts\":0}\n" GOOD, 1, 1},
        {"{\"seawall_keys\":2,\"count\":1,\"accounts\":1}\n" GOOD, -EBADMSG, 1},
        {"{\"seawall_keys\":2,\"count\":1,\"accounts\":1}\n" GOOD
         "{\"account\":\"team\",\"limits\":\"tokens_per_day=5\"}\n",
         1, 1},
        {"{\"seawall_keys\":2,\"count\":1,\"accounts\":1}\n" GOOD
         "{\"account\":\"a team\",\"limits\":\"\"}\n",
         -EBADMSG, 1},
        {"{\"seawall_keys\":2,\"count\":1,\"accounts\":1}\n" GOOD
         "{\"account\":\"team\",\"limits\":\"tokens_per_day=0\"}\n",
         -EBADMSG, 1},
        {GOOD, -EBADMSG, 0},
        {"{\"seawall_keys\":1,\"count\":2}\n" GOOD "{}\n", -EBADMSG, 1},
        {"{\"seawall_keys\":1,\"count\":2}\n" GOOD "nonsense\n", -EBADMSG, 1},
        {"{\"seawall_keys\":1,\"count\":1}\n[]\n", -EBADMSG, 0},
        {"\n", -EBADMSG, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char error[320];
        write_text(cases[i].text);
        assert_int_equal(read_back(cases[i].result, error), cases[i].count);
    }
}

static void test_a_line_without_an_end_is_refused(void **state)
{
    (void)state;
    char error[320];
    int fd = open(fixture.snapshot, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    assert_int_equal(read_back(-EBADMSG, error), 0);
}

static void test_a_folder_that_is_gone_is_told(void **state)
{
    (void)state;
    struct err err = {""};
    struct keyring *ring = test_ring(&fixture, NULL, 0);
    assert_int_equal(keys_snapshot_write("/tmp/seawall-there-is-none/keys.snapshot", ring, &err),
                     -ENOENT);
    assert_non_null(strstr(err.text, "cannot write"));
    keyring_unref(ring);
}

static void test_a_write_that_fails_leaves_the_old_file(void **state)
{
    (void)state;
    char error[320], beside[160];
    struct err err = {""};
    write_ring(3);
    struct keyring *ring = test_ring(&fixture, NULL, 0);
    snprintf(beside, sizeof(beside), "%s.new", fixture.snapshot);
    assert_int_equal(mkdir(beside, 0700), 0);
    assert_true(keys_snapshot_write(fixture.snapshot, ring, &err) < 0);
    assert_int_equal(rmdir(beside), 0);
    mem_fail_after(0);
    assert_int_equal(keys_snapshot_write(fixture.snapshot, ring, &err), -ENOMEM);
    mem_fail_never();
    assert_int_equal(access(beside, F_OK), -1);
    assert_int_equal(read_back(1, error), 3);
    keyring_unref(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, start, stop),
        cmocka_unit_test_setup_teardown(test_none_and_many_are_read, start, stop),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_cut_off_gives_what_it_has, start, stop),
        cmocka_unit_test_setup_teardown(test_a_line_of_another_form_ends_it, start, stop),
        cmocka_unit_test_setup_teardown(test_a_line_without_an_end_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_a_folder_that_is_gone_is_told, start, stop),
        cmocka_unit_test_setup_teardown(test_a_write_that_fails_leaves_the_old_file, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
