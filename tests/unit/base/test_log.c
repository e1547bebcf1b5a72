/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Standard error goes into a pipe while a test looks. */
static int saved_stderr;
static int pipe_end;

static void capture_start(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    pipe_end = ends[0];
}

static void capture_end(char *ret_text, size_t size)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t len = read(pipe_end, ret_text, size - 1);
    ret_text[len > 0 ? len : 0] = '\0';
    close(pipe_end);
}

static void line_has_time_role_and_level(void **state)
{
    (void)state;
    char text[2000];
    log_setup("gateway", LOG_INFO);
    capture_start();
    errno = ENOENT;
    log_line(LOG_WARN, "backend '%s' is down", "one");
    int errno_after = errno;
    capture_end(text, sizeof(text));
    assert_int_equal(errno_after, ENOENT);
    uint64_t when;
    assert_int_equal(text_parse_time(span_of(text, 24), &when), 0);
    assert_string_equal(text + 24, " gateway warning: backend 'one' is down\n");
}

static void on_a_terminal_a_line_takes_the_place_of_one_that_is_written_over(void **state)
{
    (void)state;
    char text[2000];
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    assert_int_equal(grantpt(terminal), 0);
    assert_int_equal(unlockpt(terminal), 0);
    int end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(end >= 0);
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(end, STDERR_FILENO) >= 0);
    log_setup("test", LOG_INFO);
    log_line(LOG_INFO, "hello");
    dup2(saved, STDERR_FILENO);
    log_setup("test", LOG_INFO);
    ssize_t len = read(terminal, text, sizeof(text) - 1);
    assert_true(len > 0);
    text[len] = '\0';
    assert_memory_equal(text, "\r\033[K20", 6);
    assert_non_null(strstr(text, " test info: hello\r\n"));
    close(saved);
    close(end);
    close(terminal);
}

static void lower_levels_are_not_written(void **state)
{
    (void)state;
    char text[2000];
    log_setup("test", LOG_WARN);
    capture_start();
    log_line(LOG_DEBUG, "one");
    log_line(LOG_INFO, "two");
    log_line(LOG_WARN, "three");
    log_line(LOG_ERROR, "four");
    capture_end(text, sizeof(text));
    assert_null(strstr(text, "one"));
    assert_null(strstr(text, "two"));
    assert_non_null(strstr(text, " test warning: three\n"));
    assert_non_null(strstr(text, " test error: four\n"));

    log_setup("test", LOG_DEBUG);
    capture_start();
    log_line(LOG_DEBUG, "one");
    log_line(LOG_INFO, "two");
    capture_end(text, sizeof(text));
    assert_non_null(strstr(text, " test debug: one\n"));
    assert_non_null(strstr(text, " test info: two\n"));
}

static void control_bytes_cannot_forge_a_line(void **state)
{
    (void)state;
    char text[2000];
    log_setup("test", LOG_INFO);
    capture_start();
    log_line(LOG_INFO, "name '%s'", "a\nb\r\x1b[2J\x7f\xc3\xa4");
    capture_end(text, sizeof(text));
    assert_non_null(strstr(text, "name 'a?b??[2J?\xc3\xa4'\n"));
    assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
}

static void long_lines_are_cut_and_ended(void **state)
{
    (void)state;
    char text[3000], name[2000];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    log_setup("test", LOG_INFO);
    capture_start();
    log_line(LOG_INFO, "%s", name);
    capture_end(text, sizeof(text));
    assert_int_equal(strlen(text), 1000);
    assert_int_equal(text[999], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_has_time_role_and_level),
        cmocka_unit_test(on_a_terminal_a_line_takes_the_place_of_one_that_is_written_over),
        cmocka_unit_test(lower_levels_are_not_written),
        cmocka_unit_test(control_bytes_cannot_forge_a_line),
        cmocka_unit_test(long_lines_are_cut_and_ended),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
