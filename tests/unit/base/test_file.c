/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"

#include <unistd.h>

#define FILE_BYTES 100000

static char path[] = "/tmp/seawall-test-file-XXXXXX";
static char content[FILE_BYTES];

static int write_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (char)('a' + i % 26);
    bool whole = write(fd, content, sizeof(content)) == (ssize_t)sizeof(content);
    return close(fd) == 0 && whole ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void a_file_of_exactly_the_maximum_comes_whole(void **state)
{
    (void)state;
    struct buf text;
    struct err err = {""};
    buf_init(&text, FILE_BYTES);
    assert_int_equal(file_read(path, &text, &err), 0);
    assert_true(span_eq(buf_span(&text), span_of(content, sizeof(content))));
    buf_release(&text);
}

static void one_byte_more_is_refused(void **state)
{
    (void)state;
    struct buf text;
    struct err err = {""};
    buf_init(&text, FILE_BYTES - 1);
    assert_int_equal(file_read(path, &text, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "is larger than 99999 bytes"));
    buf_release(&text);
}

static void what_cannot_be_read_says_why(void **state)
{
    (void)state;
    struct buf text;
    struct err err = {""};
    buf_init(&text, FILE_BYTES);
    assert_int_equal(file_read("/nowhere/at/all", &text, &err), -ENOENT);
    assert_string_equal(err.text, "cannot read '/nowhere/at/all': No such file or directory");
    assert_int_equal(file_read("/tmp", &text, &err), -EISDIR);
    buf_release(&text);
    mem_fail_after(0);
    assert_int_equal(file_read(path, &text, &err), -ENOMEM);
    mem_fail_never();
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_exactly_the_maximum_comes_whole),
        cmocka_unit_test(one_byte_more_is_refused),
        cmocka_unit_test(what_cannot_be_read_says_why),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, write_file, remove_file);
}
