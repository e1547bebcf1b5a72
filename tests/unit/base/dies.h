/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of check(): runs a function in a child process and tells whether it was aborted, and what it wrote to standard
 * error. The test that includes this has included cmocka before.
 */
#pragma once

#include "base/macros.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* True when fn() ended in abort(). `ret_text` gets the start of what it wrote, terminated. */
static inline bool dies(void (*fn)(void), char *ret_text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (dup2(ends[1], STDERR_FILENO) < 0)
            _exit(3);
        fn();
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    ssize_t got;
    while (len + 1 < size && (got = read(ends[0], ret_text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    ret_text[len] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static inline void assert_dies(void (*fn)(void), const char *condition)
{
    char text[600];
    assert_true(dies(fn, text, sizeof(text)));
    assert_non_null(strstr(text, "check failed: "));
    assert_non_null(strstr(text, condition));
}
