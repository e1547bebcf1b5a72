/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/state_file.h"

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

static int write_text(void *arg, int fd)
{
    return state_file_append(fd, span_str(arg));
}

static int fail_halfway(void *arg, int fd)
{
    assert_int_equal(write_text(arg, fd), 0);
    return -ENOSPC;
}

static void assert_content(const char *path, const char *expected)
{
    char text[64] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof(text) - 1) >= 0);
    close(fd);
    assert_string_equal(text, expected);
}

static void a_file_is_replaced_whole(void **state)
{
    (void)state;
    char path[128];
    struct stat info;
    snprintf(path, sizeof(path), "%s/file", fixture.folder);
    assert_int_equal(state_file_replace(path, write_text, (void *)"one", NULL), 0);
    assert_content(path, "one");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(state_file_replace(path, write_text, (void *)"two", NULL), 0);
    assert_content(path, "two");
}

static void what_fails_halfway_leaves_the_old_one(void **state)
{
    (void)state;
    char path[128], beside[140];
    struct err err = {""};
    snprintf(path, sizeof(path), "%s/file", fixture.folder);
    snprintf(beside, sizeof(beside), "%s.new", path);
    assert_int_equal(state_file_replace(path, write_text, (void *)"one", NULL), 0);
    assert_int_equal(state_file_replace(path, fail_halfway, (void *)"two", &err), -ENOSPC);
    assert_non_null(strstr(err.text, "cannot write"));
    assert_content(path, "one");
    assert_int_equal(access(beside, F_OK), -1);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    struct err err = {""};
    assert_int_equal(state_file_replace("/nowhere/file", write_text, (void *)"one", &err), -ENOENT);
    assert_non_null(strstr(err.text, "cannot write '/nowhere/file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, start, stop),
        cmocka_unit_test_setup_teardown(what_fails_halfway_leaves_the_old_one, start, stop),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
