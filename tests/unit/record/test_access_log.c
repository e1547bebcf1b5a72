/* SPDX-License-Identifier: Apache-2.0 */
#include "record_testing.h"

#include "record/access_log.h"

#include <signal.h>
#include <sys/resource.h>

static struct access_log *open_log(const char *name)
{
    struct err err = {""};
    struct access_log *log = access_log_new(test_folder, span_str(name), &err);
    assert_non_null(log);
    assert_string_equal(err.text, "");
    return log;
}

static uint32_t lines_of(const char *text)
{
    return (uint32_t)count_of_byte(span_str(text), '\n');
}

static void assert_writes(struct access_log *log, const char *text)
{
    int error = -1;
    assert_int_equal(access_log_write(log, span_str(text), lines_of(text), &error), 0);
    assert_int_equal(error, 0);
}

static uint32_t dropped(struct access_log *log, const char *text, int expected_error)
{
    int error = 0;
    uint32_t count = access_log_write(log, span_str(text), lines_of(text), &error);
    assert_int_equal(error, expected_error);
    return count;
}

static void lines_are_appended(void **state)
{
    (void)state;
    mode_t before = umask(0);
    struct access_log *log = open_log("access.log");
    umask(before);
    assert_int_equal(file_mode("access.log"), 0640);
    assert_true(access_log_is_on(log));
    assert_writes(log, "one\ntwo\n");
    assert_writes(log, "");
    access_log_free(log);
    log = open_log(in_folder("access.log").text); /* an absolute name */
    assert_writes(log, "three\n");
    access_log_free(log);
    assert_file_text("access.log", "one\ntwo\nthree\n");
    access_log_free(NULL);
}

static void rotated_file_is_opened_again(void **state)
{
    (void)state;
    struct access_log *log = open_log("access.log");
    assert_writes(log, "one\n");
    assert_int_equal(rename(in_folder("access.log").text, in_folder("access.log.1").text), 0);
    assert_writes(log, "two\n"); /* nobody has told it yet */
    assert_int_equal(access_log_reopen(log, SPAN("access.log"), NULL), 0);
    assert_int_equal(access_log_reopen(log, SPAN("access.log"), NULL),
                     0); /* twice before the next write */
    assert_writes(log, "three\n");
    assert_int_equal(access_log_reopen(log, SPAN("other.log"), NULL), 0);
    assert_writes(log, "four\n");
    assert_int_equal(access_log_reopen(log, SPAN("never.log"), NULL), 0);
    access_log_free(log);
    assert_file_text("access.log.1", "one\ntwo\n");
    assert_file_text("access.log", "three\n");
    assert_file_text("other.log", "four\n");
}

static void off_is_nowhere(void **state)
{
    (void)state;
    struct access_log *log = open_log("off");
    assert_false(access_log_is_on(log));
    assert_writes(log, "one\n");
    assert_int_equal(access_log_reopen(log, SPAN("access.log"), NULL), 0);
    assert_true(access_log_is_on(log));
    assert_writes(log, "two\n");
    assert_int_equal(access_log_reopen(log, SPAN("off"), NULL), 0);
    assert_false(access_log_is_on(log));
    assert_writes(log, "three\n"); /* was on its way */
    access_log_free(log);
    assert_file_text("access.log", "two\n");
    assert_false(file_exists("off"));
}

static void wrong_names_are_refused(void **state)
{
    (void)state;
    char long_name[5000];
    memset(long_name, 'x', sizeof(long_name));
    const struct span names[] = {SPAN(""), SPAN("none/access.log"), SPAN("/"), SPAN("."),
                                 span_of(long_name, sizeof(long_name))};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct err err = {""};
        assert_null(access_log_new(test_folder, names[i], &err));
        assert_non_null(strstr(err.text, "access log"));
        struct access_log *log = open_log("access.log");
        err.text[0] = '\0';
        assert_true(access_log_reopen(log, names[i], &err) < 0);
        assert_non_null(strstr(err.text, "access log"));
        assert_true(access_log_is_on(log));
        assert_writes(log, "goes on\n");
        access_log_free(log);
    }
    assert_file_text("access.log", "goes on\ngoes on\ngoes on\ngoes on\ngoes on\n");
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that may grow no further takes part of what is written, like a disk that fills up. */
static void full_disk_never_leaves_half_a_line(void **state)
{
    (void)state;
    static const char *const texts[] = {"aaaaaaaaa\nbbbbbbbbbccc\nddd\neee\n",
                                        "aaaaaaaaa\nbbbbbbbbb\nccc\n",
                                        "aaaaaaaaabbbbbbbbbbcccccccccc\n"};
    static const uint32_t drops[] = {2, 1, 0};
    static const char *const after[] = {"aaaaaaaaa\nbbbbbbbbbccc\nafter\n",
                                        "aaaaaaaaa\nbbbbbbbbb\nafter\n",
                                        "aaaaaaaaabbbbbbbbbbcccccccccc\nafter\n"};
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct access_log *log = open_log("access.log");
        limit_file_size(20);
        uint32_t first = dropped(log, texts[i], -EFBIG);
        uint32_t second = dropped(log, "x\ny\n", -EFBIG); /* still full */
        limit_file_size(RLIM_INFINITY);
        assert_int_equal(first, drops[i]);
        assert_int_equal(second, 2);
        assert_writes(log, "after\n");
        access_log_free(log);
        assert_file_text("access.log", after[i]);
        assert_int_equal(unlink(in_folder("access.log").text), 0);
    }
}

static void half_a_line_is_finished_at_the_end(void **state)
{
    (void)state;
    for (int reopened = 0; reopened < 2; reopened++) {
        struct access_log *log = open_log("access.log");
        limit_file_size(3);
        uint32_t count = dropped(log, "aaaaa\nb\n", -EFBIG);
        limit_file_size(RLIM_INFINITY);
        assert_int_equal(count, 1);
        if (reopened) {
            assert_int_equal(access_log_reopen(log, SPAN("other.log"), NULL), 0);
            assert_writes(log, "c\n");
            assert_file_text("other.log", "c\n");
        }
        access_log_free(log);
        assert_file_text("access.log", "aaaaa\n");
        assert_int_equal(unlink(in_folder("access.log").text), 0);
    }
}

static void device_that_is_full_drops_and_counts(void **state)
{
    (void)state;
    struct access_log *log = access_log_new("/dev", SPAN("full"), NULL);
    assert_non_null(log);
    assert_int_equal(dropped(log, "a\nb\nc\n", -ENOSPC), 3);
    struct test_path path = in_folder("access.log");
    assert_int_equal(access_log_reopen(log, span_str(path.text), NULL), 0);
    assert_writes(log, "d\n");
    access_log_free(log);
    assert_file_text("access.log", "d\n");
}

/* Too many open files is no reason not to start. */
static void what_may_pass_is_tried_again(void **state)
{
    (void)state;
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct access_log *log = access_log_new(test_folder, SPAN("access.log"), NULL);
    int error = 0;
    uint32_t count = log ? access_log_write(log, SPAN("a\nb\n"), 2, &error) : 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(log);
    assert_int_equal(error, -EMFILE);
    assert_int_equal(count, 2);
    assert_writes(log, "c\n");
    access_log_free(log);
    assert_file_text("access.log", "c\n");
}

/* Standard output as a pipe: `ends`. */
static struct access_log *log_to_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    fflush(stdout);
    int before = dup(STDOUT_FILENO);
    assert_true(before >= 0);
    assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
    struct access_log *log = open_log("-");
    assert_true(dup2(before, STDOUT_FILENO) >= 0);
    close(before);
    close(ends[1]);
    return log;
}

static void standard_output_is_written(void **state)
{
    (void)state;
    int ends[2];
    char bytes[100] = "";
    struct access_log *log = log_to_pipe(ends);
    assert_writes(log, "one\ntwo\n");
    access_log_free(log);
    assert_int_equal(read(ends[0], bytes, sizeof(bytes) - 1), 8);
    assert_string_equal(bytes, "one\ntwo\n");
    assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 0);
    close(ends[0]);
    assert_false(file_exists("-"));
}

/* Nobody reads: what does not fit is dropped after a second, in whole lines. */
static void reader_who_stopped_holds_nothing_up(void **state)
{
    (void)state;
    int ends[2];
    struct buf text;
    struct access_log *log = log_to_pipe(ends);
    buf_init(&text, 100000);
    for (int i = 0; i < 100; i++)
        buf_printf(&text, "%099d\n", i);
    assert_int_equal(dropped(log, buf_cstr(&text), -ETIMEDOUT), 60); /* 4,096 bytes hold 40 */
    char bytes[8192];
    assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 4000);
    assert_memory_equal(bytes, text.ptr, 4000);
    assert_writes(log, "after\n");
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(dropped(log, "nobody\n", -EPIPE), 1);
    access_log_free(log);
    buf_release(&text);
}

static void no_memory_makes_no_log(void **state)
{
    (void)state;
    for (uint64_t successes = 0; successes < 2; successes++) {
        int64_t live = mem_live_count();
        struct err err = {""};
        mem_fail_after(successes);
        struct access_log *log = access_log_new(test_folder, SPAN("access.log"), &err);
        mem_fail_never();
        assert_null(log);
        assert_non_null(strstr(err.text, "out of memory"));
        assert_int_equal(mem_live_count(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(lines_are_appended),
        folder_test(rotated_file_is_opened_again),
        folder_test(off_is_nowhere),
        folder_test(wrong_names_are_refused),
        folder_test(full_disk_never_leaves_half_a_line),
        folder_test(half_a_line_is_finished_at_the_end),
        folder_test(device_that_is_full_drops_and_counts),
        folder_test(what_may_pass_is_tried_again),
        folder_test(standard_output_is_written),
        folder_test(reader_who_stopped_holds_nothing_up),
        folder_test(no_memory_makes_no_log),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
