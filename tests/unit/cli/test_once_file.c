/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "once_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];

static int start(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/seawall-cli-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/first.key", folder);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* nothing else may be left in it */
}

static void put(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    struct once_file file;
    struct err err = {""};
    struct stat info;
    char line[ONCE_FILE_BYTES_MAX];
    assert_int_equal(once_file_read(path, line, &err), 0);
    assert_int_equal(once_file_open(path, &file, &err), 0);
    assert_int_equal(access(path, F_OK), -1); /* not before it is whole */
    assert_int_equal(once_file_write(&file, "sk-sw-1", &err), 0);
    assert_int_equal(once_file_read(path, line, &err), 1);
    assert_string_equal(line, "sk-sw-1");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, 8);
}

static void test_only_the_first_line_counts(void **state)
{
    (void)state;
    struct err err = {""};
    char line[ONCE_FILE_BYTES_MAX];
    put("  sk-sw-2 \nmore\n");
    assert_int_equal(once_file_read(path, line, &err), 1);
    assert_string_equal(line, "sk-sw-2");
    put("sk-sw-3");
    assert_int_equal(once_file_read(path, line, &err), 1);
    assert_string_equal(line, "sk-sw-3");
}

static void test_an_empty_file_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "  \nsk-sw-4\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct err err = {""};
        char line[ONCE_FILE_BYTES_MAX];
        put(texts[i]);
        assert_int_equal(once_file_read(path, line, &err), -EINVAL);
        assert_non_null(strstr(err.text, "holds no key"));
    }
}

static void test_a_file_that_came_meanwhile_stays(void **state)
{
    (void)state;
    struct once_file file;
    struct err err = {""};
    char line[ONCE_FILE_BYTES_MAX];
    assert_int_equal(once_file_open(path, &file, &err), 0);
    put("sk-sw-another\n");
    assert_int_equal(once_file_write(&file, "sk-sw-mine", &err), -EEXIST);
    assert_int_equal(once_file_read(path, line, &err), 1);
    assert_string_equal(line, "sk-sw-another");
}

static void test_what_is_dropped_leaves_nothing(void **state)
{
    (void)state;
    struct once_file file, again;
    struct err err = {""};
    assert_int_equal(once_file_open(path, &file, &err), 0);
    assert_int_equal(once_file_open(path, &again, &err), -EEXIST);
    once_file_drop(&file);
    once_file_drop(&file);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_a_place_that_cannot_be_written_is_told_before(void **state)
{
    (void)state;
    struct once_file file;
    struct err err = {""};
    char line[ONCE_FILE_BYTES_MAX];
    assert_int_equal(once_file_open("/tmp/seawall-there-is-none/first.key", &file, &err), -ENOENT);
    assert_non_null(strstr(err.text, "cannot write '/tmp/seawall-there-is-none/first.key'"));
    assert_int_equal(once_file_read(folder, line, &err), -EISDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, start, stop),
        cmocka_unit_test_setup_teardown(test_only_the_first_line_counts, start, stop),
        cmocka_unit_test_setup_teardown(test_an_empty_file_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_a_file_that_came_meanwhile_stays, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_dropped_leaves_nothing, start, stop),
        cmocka_unit_test_setup_teardown(test_a_place_that_cannot_be_written_is_told_before, start,
                                        stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
