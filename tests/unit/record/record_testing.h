/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the record share: a folder of their own, what is in its files, and a loop that runs until something is so. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "loop/loop.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_folder[64];

static inline int test_folder_make(void **state)
{
    (void)state;
    snprintf(test_folder, sizeof(test_folder), "/tmp/seawall-record-XXXXXX");
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int test_folder_remove(void **state)
{
    (void)state;
    DIR *folder = opendir(test_folder);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    return rmdir(test_folder);
}

/* Each test starts with an empty folder. */
#define folder_test(fn) cmocka_unit_test_setup_teardown(fn, test_folder_make, test_folder_remove)

struct test_path {
    char text[160];
};

static inline struct test_path in_folder(const char *name)
{
    struct test_path path;
    snprintf(path.text, sizeof(path.text), "%s/%s", test_folder, name);
    return path;
}

static inline bool file_exists(const char *name)
{
    return access(in_folder(name).text, F_OK) == 0;
}

static inline mode_t file_mode(const char *name)
{
    struct stat info;
    assert_int_equal(stat(in_folder(name).text, &info), 0);
    return info.st_mode & 0777;
}

static inline void write_file_text(const char *name, struct span text)
{
    int fd = open(in_folder(name).text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.ptr, text.len), text.len);
    close(fd);
}

/* Replaces what is in `ret_text`, which the caller has initialised. */
static inline void read_file_text(const char *name, struct buf *ret_text)
{
    buf_clear(ret_text);
    int fd = open(in_folder(name).text, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char bytes[4096];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        buf_append(ret_text, span_of(bytes, (size_t)n));
    close(fd);
    assert_int_equal(buf_status(ret_text), 0);
}

static inline void assert_file_text(const char *name, const char *expected)
{
    struct buf text;
    buf_init(&text, (size_t)64 << 20);
    read_file_text(name, &text);
    assert_string_equal(buf_cstr(&text), expected);
    buf_release(&text);
}

static inline size_t count_of_byte(struct span text, char byte)
{
    size_t count = 0;
    for (ptrdiff_t at; (at = span_find_byte(text, byte)) >= 0; count++)
        text = span_skip(text, (size_t)at + 1);
    return count;
}

/* ── a loop that runs until something is so ── */

struct until {
    struct loop *loop;
    bool (*is_so)(void *arg);
    void *arg;
};

static inline void until_look(void *arg)
{
    const struct until *until = arg;
    if (until->is_so(until->arg))
        loop_stop(until->loop);
}

static inline void run_until(struct loop *loop, bool (*is_so)(void *arg), void *arg)
{
    struct until until = {loop, is_so, arg};
    struct tick *tick = tick_new(loop, 2, until_look, &until);
    assert_non_null(tick);
    loop_run(loop);
    tick_free(tick);
}
