/* SPDX-License-Identifier: Apache-2.0 */
#include "record_testing.h"

#include "record/tally.h"

static struct tally *open_tally(uint32_t number)
{
    struct tally *tally = NULL;
    struct err err = {""};
    assert_int_equal(tally_open(in_folder("ledger.tally").text, number, true, &tally, &err), 0);
    assert_non_null(tally);
    assert_string_equal(err.text, "");
    return tally;
}

static int open_error(uint32_t number, bool make)
{
    struct tally *tally = NULL;
    struct err err = {""};
    int r = tally_open(in_folder("ledger.tally").text, number, make, &tally, &err);
    assert_true(r < 0);
    assert_null(tally);
    assert_non_null(strstr(err.text, "cannot open '"));
    return r;
}

static void new_tally_is_empty_and_for_its_owner_only(void **state)
{
    (void)state;
    mode_t before = umask(0);
    struct tally *tally = open_tally(0);
    umask(before);
    assert_int_equal(file_mode("ledger.tally"), 0600);
    struct tally_slot sum;
    tally_sum(tally, &sum);
    assert_int_equal(sum.requests + sum.prompt_tokens + sum.completion_tokens, 0);
    assert_int_equal(sum.calls_begun + sum.calls_ended, 0);
    assert_int_equal(tally_booted_s(tally), 0);
    tally_close(tally);
    tally_close(NULL);
}

static void numbers_outlive_the_process(void **state)
{
    (void)state;
    struct tally *tally = open_tally(0);
    TALLY_ADD(tally_slot(tally, 0), requests, 2);
    TALLY_ADD(tally_slot(tally, 0), requests, 3);
    TALLY_ADD(tally_slot(tally, 7), requests, 10);
    TALLY_ADD(tally_slot(tally, TALLY_WORKERS_MAX - 1), prompt_tokens, 100);
    TALLY_ADD(tally_slot(tally, 1), completion_tokens, 1000);
    TALLY_ADD(tally_slot(tally, 1), calls_begun, 9);
    TALLY_ADD(tally_slot(tally, 2), calls_ended, 4);
    tally_set_booted_s(tally, 1795476901);
    tally_close(tally);

    tally = open_tally(0);
    struct tally_slot sum;
    tally_sum(tally, &sum);
    assert_int_equal(sum.requests, 15);
    assert_int_equal(sum.prompt_tokens, 100);
    assert_int_equal(sum.completion_tokens, 1000);
    assert_int_equal(sum.calls_begun, 9);
    assert_int_equal(sum.calls_ended, 4);
    assert_int_equal(tally_booted_s(tally), 1795476901);
    tally_end_calls(tally);
    tally_sum(tally, &sum);
    assert_int_equal(sum.calls_begun, 9);
    assert_int_equal(sum.calls_ended, 9);
    tally_close(tally);
}

static void living_process_has_its_file_alone(void **state)
{
    (void)state;
    struct tally *first = open_tally(0);
    assert_int_equal(open_error(0, true), -EBUSY);
    assert_int_equal(open_error(1, false), -ENOENT);
    struct tally *second = open_tally(1);
    assert_true(file_exists("ledger.tally.1"));
    assert_int_equal(open_error(1, false), -EBUSY);
    tally_close(first);
    first = open_tally(0);
    tally_close(first);
    tally_close(second);
    struct tally *again = NULL;
    assert_int_equal(tally_open(in_folder("ledger.tally").text, 1, false, &again, NULL), 0);
    tally_close(again);
}

static void other_files_are_set_aside(void **state)
{
    (void)state;
    char same_size[64 + 64 * TALLY_WORKERS_MAX] = "not a tally";
    const struct span others[] = {SPAN("short"), span_of(same_size, sizeof(same_size)),
                                  span_of(same_size, sizeof(same_size) - 1)};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        write_file_text("ledger.tally", others[i]);
        struct tally *tally = open_tally(0);
        struct tally_slot sum;
        tally_sum(tally, &sum);
        assert_int_equal(sum.requests, 0);
        tally_close(tally);
        struct stat info;
        assert_int_equal(stat(in_folder("ledger.tally.bad").text, &info), 0);
        assert_int_equal(info.st_size, others[i].len);
    }
    /* One that is not to be made is only set aside. */
    write_file_text("ledger.tally.2", SPAN("short"));
    assert_int_equal(open_error(2, false), -ENOENT);
    assert_true(file_exists("ledger.tally.2.bad"));
    assert_false(file_exists("ledger.tally.2"));
}

static void disk_that_gives_no_file_is_told(void **state)
{
    (void)state;
    struct tally *tally = NULL;
    struct err err = {""};
    assert_int_equal(tally_open("/dev/full", 0, true, &tally, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "cannot open '/dev/full'"));
    assert_int_equal(tally_open(in_folder("none/ledger.tally").text, 0, true, &tally, &err),
                     -ENOENT);
    char long_path[5000];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(tally_open(long_path, 0, true, &tally, &err), -ENAMETOOLONG);
    assert_null(tally);
}

static void memory_stands_in_for_the_file(void **state)
{
    (void)state;
    struct tally *tally = tally_anonymous();
    assert_non_null(tally);
    TALLY_ADD(tally_slot(tally, 3), requests, 5);
    struct tally_slot sum;
    tally_sum(tally, &sum);
    assert_int_equal(sum.requests, 5);
    tally_close(tally);
    mem_fail_after(0);
    tally = tally_anonymous();
    mem_fail_never();
    assert_null(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(new_tally_is_empty_and_for_its_owner_only),
        folder_test(numbers_outlive_the_process),
        folder_test(living_process_has_its_file_alone),
        folder_test(other_files_are_set_aside),
        folder_test(disk_that_gives_no_file_is_told),
        folder_test(memory_stands_in_for_the_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
