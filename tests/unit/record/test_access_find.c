/* SPDX-License-Identifier: Apache-2.0 */
#include "record_testing.h"

#include "record/access_find.h"
#include "record/access_line.h"

#include <sys/time.h>

#define ID "req_0000000000a0000000000b"
#define OTHER "req_0000000000a0000000000c"

static struct buf line;
static struct access_found found;
static struct err err;

static void write_file(const char *name, const char *text, int seconds)
{
    const struct timeval times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    FILE *file = fopen(in_folder(name).text, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimes(in_folder(name).text, times), 0);
}

static int look(const char *id)
{
    buf_release(&line);
    buf_init(&line, 16384);
    err.text[0] = '\0';
    int r = access_find(in_folder("access.log").text, span_str(id), &line, &found, &err);
    assert_true(r >= 0 || err.text[0] != '\0');
    assert_int_equal(line.len > 0, r > 0);
    return r;
}

#define LINE(id, rest) "{\"time\":\"2026-11-24T10:00:00.042Z\",\"id\":\"" id "\"" rest "}\n"
#define OLDEST_MS 1795514400042

static void assert_found(const char *text)
{
    assert_int_equal(look(ID), 1);
    char with_end[4096];
    snprintf(with_end, sizeof(with_end), "%s\n", buf_cstr(&line));
    assert_string_equal(with_end, text);
    buf_release(&line);
}

static void assert_missing(void)
{
    assert_int_equal(look(ID), 0);
    buf_release(&line);
}

static void a_line_is_found_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const texts[] = {
        LINE(ID, ",\"status\":200"), LINE(OTHER, "") LINE(ID, ",\"status\":200") LINE(OTHER, ""),
        LINE(OTHER, "") LINE(ID, ",\"status\":200"),
        LINE(ID, ",\"status\":200")
            LINE(OTHER, "") "{\"time\":\"2026-11-24T10:00:01", /* being written */
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        write_file("access.log", texts[i], 100);
        assert_found(LINE(ID, ",\"status\":200"));
        assert_int_equal(found.files, 1);
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        LINE(OTHER, ""),
        LINE(OTHER, ",\"client_id\":\"" ID "\""),
        LINE(OTHER, ",\"detail\":\"\\\"id\\\":\\\"" ID "\\\"\""),
        "{\"time\":\"2026-11-24T10:00:00.042Z\",\"id\":\"" ID
        "\",\"status\":20", /* without its end */
        "nonsense \"id\":\"" ID "\" nonsense\n",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        write_file("access.log", texts[i], 100);
        assert_missing();
        assert_false(found.more);
    }
}

static void the_oldest_line_is_told(void **state)
{
    (void)state;
    write_file("access.log",
               LINE(OTHER, "") "{\"time\":\"2026-11-25T10:00:00.042Z\",\"id\":\"x\"}\n", 100);
    assert_missing();
    assert_int_equal(found.oldest_ms, OLDEST_MS);
    write_file("access.log", "", 100);
    assert_missing();
    assert_int_equal(found.oldest_ms, 0);
    write_file("access.log", "{\"time\":\"yesterday, I think, at te\"}\n", 100);
    assert_missing();
    assert_int_equal(found.oldest_ms, 0);
}

static void rotated_files_are_looked_at_the_newest_first(void **state)
{
    (void)state;
    write_file("access.log", LINE(OTHER, ""), 400);
    write_file("access.log.1", LINE(ID, ",\"status\":1"), 300);
    write_file("access.log-20261124", LINE(ID, ",\"status\":2"), 200);
    write_file("access.log.2.gz", "", 100);
    write_file("access.logs", LINE(ID, ",\"status\":3"), 350);
    write_file("access.log.", LINE(ID, ",\"status\":4"), 350);
    assert_found(LINE(ID, ",\"status\":1"));
    assert_int_equal(found.files, 2);
    assert_int_equal(found.compressed, 1);
    assert_int_equal(unlink(in_folder("access.log.1").text), 0);
    assert_found(LINE(ID, ",\"status\":2"));
    assert_int_equal(unlink(in_folder("access.log").text),
                     0); /* moved away, and not made anew yet */
    assert_found(LINE(ID, ",\"status\":2"));
    assert_int_equal(unlink(in_folder("access.log-20261124").text), 0);
    assert_missing();
    assert_int_equal(found.oldest_ms, 0);
}

static void only_the_newest_of_many_files_are_looked_at(void **state)
{
    (void)state;
    write_file("access.log", LINE(OTHER, ""), 1000);
    for (int i = 1; i <= ACCESS_FIND_FILES_MAX + 2; i++) {
        char name[32];
        snprintf(name, sizeof(name), "access.log.%d", i);
        write_file(name, i > ACCESS_FIND_FILES_MAX ? LINE(ID, "") : LINE(OTHER, ""), 1000 - i);
    }
    assert_missing();
    assert_int_equal(found.files, 1 + ACCESS_FIND_FILES_MAX);
    assert_true(found.more);
    const struct timeval now[2] = {{.tv_sec = 2000}, {.tv_sec = 2000}};
    assert_int_equal(utimes(in_folder("access.log.66").text, now), 0);
    assert_found(LINE(ID, ""));
}

/* At each place around the border of two windows, in a file of several. */
static void a_border_of_windows_hides_nothing(void **state)
{
    (void)state;
    static char text[(3 << 20) + 200];
    const size_t len = sizeof(LINE(ID, "")) - 1, size = 3 << 20;
    for (size_t shift = 0; shift <= 2 * len; shift++) {
        size_t at = (2 << 20) - len + shift - len / 2;
        memset(text, '\n', size);
        memcpy(text + at, LINE(ID, ""), len);
        text[size] = '\0';
        write_file("access.log", text, 100);
        assert_found(LINE(ID, ""));
    }
}

static void the_longest_line_is_found(void **state)
{
    (void)state;
    static char text[3 * ACCESS_LINE_BYTES_MAX];
    size_t len = (size_t)snprintf(
        text, sizeof(text), "%s{\"time\":\"2026-11-24T10:00:00.042Z\",\"id\":\"%s\",\"detail\":\"",
        LINE(OTHER, ""), ID);
    size_t first = sizeof(LINE(OTHER, "")) - 1;
    memset(text + len, 'd', ACCESS_LINE_BYTES_MAX - 3 - (len - first));
    snprintf(text + first + ACCESS_LINE_BYTES_MAX - 3, 4, "\"}\n");
    write_file("access.log", text, 100);
    assert_int_equal(look(ID), 1);
    assert_int_equal(line.len, ACCESS_LINE_BYTES_MAX - 1);
    buf_release(&line);
}

/* A file with a hole before its lines. */
static void what_lies_too_far_back_is_not_looked_at(void **state)
{
    (void)state;
    write_file("access.log", LINE(ID, ""), 100);
    int fd = open(in_folder("access.log").text, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t far = (off_t)ACCESS_FIND_BYTES_MAX + 1000;
    const char *last = "\n" LINE(OTHER, "");
    assert_int_equal(pwrite(fd, last, strlen(last), far), strlen(last));
    close(fd);
    write_file("access.log.1", LINE(ID, ""), 50);
    assert_missing();
    assert_true(found.more);
    assert_int_equal(found.files, 1);
}

static void a_log_that_is_no_file_is_told(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(in_folder("access.log").text, 0600), 0);
    assert_int_equal(look(ID), -EINVAL);
    assert_non_null(strstr(err.text, "is no file"));
    buf_release(&line);
    assert_int_equal(unlink(in_folder("access.log").text), 0);
    assert_int_equal(mkdir(in_folder("access.log").text, 0700), 0);
    assert_true(look(ID) < 0);
    buf_release(&line);
    assert_int_equal(rmdir(in_folder("access.log").text), 0);
}

static void runs_out_of_memory_cleanly(void **state)
{
    (void)state;
    write_file("access.log", LINE(ID, ""), 100);
    int r = -ENOMEM;
    for (uint64_t successes = 0; r == -ENOMEM; successes++) {
        buf_release(&line);
        buf_init(&line, 16384);
        mem_fail_after(successes);
        r = access_find(in_folder("access.log").text, SPAN(ID), &line, &found, &err);
        mem_fail_never();
    }
    assert_int_equal(r, 1);
    buf_release(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(a_line_is_found_wherever_it_stands),
        folder_test(what_is_not_there_is_not_found),
        folder_test(the_oldest_line_is_told),
        folder_test(rotated_files_are_looked_at_the_newest_first),
        folder_test(only_the_newest_of_many_files_are_looked_at),
        folder_test(a_border_of_windows_hides_nothing),
        folder_test(the_longest_line_is_found),
        folder_test(what_lies_too_far_back_is_not_looked_at),
        folder_test(a_log_that_is_no_file_is_told),
        folder_test(runs_out_of_memory_cleanly),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
