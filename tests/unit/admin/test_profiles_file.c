/* SPDX-License-Identifier: Apache-2.0 */
#include "profiles_testing.h"

#include "admin/profiles_file.h"
#include "identity/profile_record.h"

static struct fixture fixture;
static char path[128];

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    snprintf(path, sizeof(path), "%s/profiles.snapshot", fixture.folder);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static off_t file_size(void)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

struct heard {
    uint64_t ids[4000];
    size_t count;
};

static int hear_profile(void *arg, const struct profile *profile)
{
    struct heard *heard = arg;
    assert_true(heard->count < COUNT_OF(heard->ids));
    heard->ids[heard->count++] = profile->id;
    return 0;
}

static int read_all(struct heard *ret_heard, struct err *err)
{
    ret_heard->count = 0;
    return profiles_file_read(path, hear_profile, ret_heard, err);
}

static void append(uint64_t id, uint64_t identities, int wanted)
{
    struct profile profile = trusted_profile(id, 100);
    assert_int_equal(profiles_file_append(path, &profile, 1, identities, NULL), wanted);
}

static void what_is_written_and_appended_is_read_in_order(void **state)
{
    (void)state;
    static struct heard heard;
    assert_int_equal(read_all(&heard, NULL), 0); /* no file */
    append(7, 10, -ENOENT);
    for (uint64_t id = 1; id <= 900; id++)
        put_trusted(fixture.profiles, id, 100);
    assert_int_equal(profiles_file_write(path, fixture.profiles, NULL), 0);
    append(5, 900, 0);
    append(6, 900, 0);
    assert_int_equal(read_all(&heard, NULL), 1);
    assert_int_equal(heard.count, profiles_count(fixture.profiles) + 2);
    assert_int_equal(heard.ids[heard.count - 2], 5);
    assert_int_equal(heard.ids[heard.count - 1], 6);
}

static void a_record_cut_off_by_a_crash_is_written_over(void **state)
{
    (void)state;
    static struct heard heard;
    put_trusted(fixture.profiles, 1, 100);
    assert_int_equal(profiles_file_write(path, fixture.profiles, NULL), 0);
    append(2, 10, 0);
    assert_int_equal(truncate(path, file_size() - 50), 0);
    assert_int_equal(read_all(&heard, NULL), 1);
    assert_int_equal(heard.count, 1);
    append(3, 10, 0);
    assert_int_equal(read_all(&heard, NULL), 1);
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.ids[1], 3);
}

static void a_damaged_record_costs_one_profile(void **state)
{
    (void)state;
    static struct heard heard;
    struct err err = {""};
    put_trusted(fixture.profiles, 1, 100);
    assert_int_equal(profiles_file_write(path, fixture.profiles, NULL), 0);
    append(2, 10, 0);
    append(3, 10, 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, file_size() - PROFILE_RECORD_BYTES - 20), 1);
    close(fd);
    assert_int_equal(read_all(&heard, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "damaged: 1 profiles"));
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.ids[1], 3);
}

static void another_file_is_told(void **state)
{
    (void)state;
    static struct heard heard;
    struct err err = {""};
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "something else altogether", 25), 25);
    close(fd);
    append(1, 10, -ENOENT);
    assert_int_equal(read_all(&heard, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "is no file of profiles"));
}

static void a_file_that_grew_too_large_is_told(void **state)
{
    (void)state;
    static struct profile many[9000];
    put_trusted(fixture.profiles, 1, 100);
    assert_int_equal(profiles_file_write(path, fixture.profiles, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = (struct profile){.id = i + 1};
    assert_int_equal(profiles_file_append(path, many, COUNT_OF(many), 9000, NULL), 0);
    assert_int_equal(profiles_file_append(path, many, 1, 1, NULL), -EFBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_and_appended_is_read_in_order, start, stop),
        cmocka_unit_test_setup_teardown(a_record_cut_off_by_a_crash_is_written_over, start, stop),
        cmocka_unit_test_setup_teardown(a_damaged_record_costs_one_profile, start, stop),
        cmocka_unit_test_setup_teardown(another_file_is_told, start, stop),
        cmocka_unit_test_setup_teardown(a_file_that_grew_too_large_is_told, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
