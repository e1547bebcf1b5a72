/* SPDX-License-Identifier: Apache-2.0 */
#include "store_testing.h"

static void file_is_made_for_its_owner_only(void **state)
{
    (void)state;
    mode_t before = umask(0);
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    umask(before);
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        char path[256];
        struct stat info;
        snprintf(path, sizeof(path), "%s%s", test_path, endings[i]);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
    store_free(store);
    assert_false(test_file_exists("-wal")); /* a clean end leaves one file */
    store_free(NULL);
}

static void what_was_written_is_there_again(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    store_free(store);
    store = test_store();
    assert_int_equal(test_count_keys(store), 1);
    store_free(store);
}

static void folder_that_comes_later_is_used_then(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "%s/later/seawall.db", test_folder);
    int error = 0;
    struct err err = {""};
    struct store *store = store_new(path, &error, &err);
    assert_non_null(store);
    assert_true(error < 0);
    assert_non_null(strstr(err.text, "cannot make '"));
    assert_non_null(strstr(err.text, "later/seawall.db"));
    assert_true(test_add_key(store, 1, NULL) < 0);
    snprintf(path, sizeof(path), "%s/later", test_folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    assert_int_equal(test_count_keys(store), 1);
    store_free(store);
    snprintf(path, sizeof(path), "%s/later/seawall.db", test_folder);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/later", test_folder);
    assert_int_equal(rmdir(path), 0);
}

static void folder_in_the_place_of_the_file_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(test_path, 0700), 0);
    int error = 0;
    struct err err = {""};
    struct store *store = store_new(test_path, &error, &err);
    assert_non_null(store);
    assert_int_equal(error, -EIO);
    assert_int_equal(test_count_keys(store), -EIO);
    assert_int_equal(rmdir(test_path), 0);
    assert_int_equal(test_count_keys(store), 0);
    store_free(store);
}

static void file_that_vanished_is_made_anew(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    assert_int_equal(store_keys_restore(store, NULL, 0, NULL, 0, NULL), 0);
    assert_int_equal(store_keys_missing(store, NULL), 0);
    assert_int_equal(unlink(test_path), 0);
    assert_int_equal(store_keys_missing(store, NULL), 1);
    assert_int_equal(test_count_keys(store), 0);
    assert_int_equal(test_add_key(store, 2, NULL), 0);
    assert_int_equal(test_count_keys(store), 1);
    store_free(store);
    store = test_store();
    assert_int_equal(test_count_keys(store), 1);
    store_free(store);
}

/* Once, whoever was the first to find out. */
static void file_that_is_another_one_is_told_once(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct err err = {""};
    assert_false(store_was_lost(store));
    assert_int_equal(unlink(test_path), 0);
    assert_true(store_was_lost(store));
    assert_true(test_file_exists(""));
    assert_false(store_was_lost(store));
    assert_int_equal(unlink(test_path), 0);
    assert_int_equal(store_keys_missing(store, &err), 1); /* makes it anew */
    assert_true(store_was_lost(store));
    assert_false(store_was_lost(store));
    store_free(store);
}

static void file_that_was_replaced_is_taken(void **state)
{
    (void)state;
    char backup[128];
    snprintf(backup, sizeof(backup), "%s/backup", test_folder);
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    assert_int_equal(test_add_key(store, 2, NULL), 0);
    store_free(store);
    assert_int_equal(rename(test_path, backup), 0);
    store = test_store();
    assert_int_equal(test_add_key(store, 3, NULL),
                     0); /* is in the log, which must not get into the other file */
    assert_int_equal(rename(backup, test_path), 0);
    assert_int_equal(test_count_keys(store), 2);
    store_free(store);
}

/* What was in the log goes along. */
static void file_that_was_moved_away_is_whole(void **state)
{
    (void)state;
    char moved[128];
    snprintf(moved, sizeof(moved), "%s/moved", test_folder);
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    assert_int_equal(rename(test_path, moved), 0);
    assert_int_equal(test_count_keys(store), 0);
    store_free(store);
    assert_int_equal(rename(moved, test_path), 0);
    store = test_store();
    assert_int_equal(test_count_keys(store), 1);
    store_free(store);
}

static void assert_text_kept(const char *ending, const char *text)
{
    char path[256], bytes[256] = "";
    snprintf(path, sizeof(path), "%s%s", test_path, ending);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, bytes, sizeof(bytes) - 1) > 0);
    close(fd);
    assert_string_equal(bytes, text);
}

static void file_that_is_no_database_is_set_aside(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "this is not a database, and it is long enough to be looked at: "
        "a header of SQLite has one hundred bytes, so it goes on.",
        "nor is this one, which comes when the first is still there, and "
        "which must not take its place, so it gets a number behind."};
    static const char *const endings[] = {".bad", ".bad.1"};
    for (size_t i = 0; i < 2; i++) {
        test_write_file(test_path, texts[i]);
        int error = 0;
        struct err err = {""};
        struct store *store = store_new(test_path, &error, &err);
        assert_non_null(store);
        assert_int_equal(error, -EIO);
        assert_non_null(strstr(err.text, "is damaged"));
        assert_non_null(strstr(err.text, "set aside"));
        assert_false(test_file_exists(""));
        assert_int_equal(test_count_keys(store), 0);
        assert_int_equal(store_keys_missing(store, NULL), 1);
        store_free(store);
    }
    for (size_t i = 0; i < 2; i++)
        assert_text_kept(endings[i], texts[i]);
}

/* Pages overwritten while the file is open: found when they are read, and never in the way of the next life. */
static void damage_inside_is_set_aside_with_its_log(void **state)
{
    (void)state;
    struct store *store = test_store();
    for (uint64_t id = 1; id < 200; id++)
        assert_int_equal(test_add_key(store, id, NULL), 0);
    store_free(store);
    int fd = open(test_path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    char garbage[4096];
    memset(garbage, 0xa5, sizeof(garbage));
    for (off_t at = 4096; at < info.st_size; at += 4096)
        assert_int_equal(pwrite(fd, garbage, sizeof(garbage), at), sizeof(garbage));
    close(fd);

    store = test_store(); /* the first page is good */
    struct err err = {""};
    assert_int_equal(test_add_key(store, 201, &err), -EIO);
    assert_non_null(strstr(err.text, "is damaged"));
    assert_true(test_file_exists(".bad"));
    assert_true(test_file_exists(".bad-wal"));
    assert_false(test_file_exists("-shm"));
    assert_int_equal(test_add_key(store, 201, NULL), 0);
    assert_int_equal(test_count_keys(store), 1);
    store_free(store);
}

static void lock_of_another_process_is_told(void **state)
{
    (void)state;
    struct store *store = test_store();
    sqlite3_busy_timeout(store->db, 10); /* not the two seconds of STORE_BUSY_MS */
    sqlite3 *other = test_connection();
    test_sql(other, "BEGIN IMMEDIATE");
    struct err err = {""};
    assert_int_equal(test_add_key(store, 1, &err), -EBUSY);
    assert_non_null(strstr(err.text, "cannot add keys in '"));
    assert_non_null(strstr(err.text, "locked"));
    assert_int_equal(test_count_keys(store), 0); /* readers are not held up */
    test_sql(other, "COMMIT");
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    sqlite3_close(other);
    store_free(store);
}

static void full_disk_is_told_and_tried_again(void **state)
{
    (void)state;
    struct store *store = test_store();
    test_sql(store->db,
             "PRAGMA max_page_count = 1"); /* no more than there is: as good as a full disk */
    int r = 0;
    uint64_t id = 0;
    struct err err = {""};
    while (r == 0 && id < 200)
        r = test_add_key(store, ++id, &err);
    assert_int_equal(r, -ENOSPC);
    assert_non_null(strstr(err.text, "full"));
    assert_null(store->db); /* opened again by the next call, without the limit */
    assert_int_equal(test_count_keys(store), id - 1);
    assert_int_equal(test_add_key(store, id, NULL), 0);
    store_free(store);
}

static void database_that_may_not_be_written_is_told(void **state)
{
    (void)state;
    struct store *store = test_store();
    test_sql(store->db, "PRAGMA query_only = ON");
    assert_int_equal(test_add_key(store, 1, NULL), -EROFS);
    assert_null(store->db);
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    store_free(store);
}

/* A table that is gone: an error with no better name. The file is opened again, in case another process changed it. */
static void any_other_error_is_told(void **state)
{
    (void)state;
    struct store *store = test_store();
    test_sql(store->db, "DROP TABLE facts");
    struct err err = {""};
    assert_int_equal(store_keys_missing(store, &err), -EIO);
    assert_non_null(strstr(err.text, "cannot read keys"));
    assert_null(store->db);
    store_free(store);
}

static void no_memory_makes_no_store(void **state)
{
    (void)state;
    int error;
    for (uint64_t successes = 0; successes < 2; successes++) {
        int64_t live = mem_live_count();
        mem_fail_after(successes);
        struct store *store = store_new(test_path, &error, NULL);
        mem_fail_never();
        assert_null(store);
        assert_int_equal(mem_live_count(), live);
    }
}

static int count_and_fail(struct store *store, void *arg, struct err *err)
{
    ++*(int *)arg;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_KEYS_SET_WHOLE);
    assert_int_equal(store_run(store, statement, "cannot", err), 0);
    return -EINVAL;
}

static void failed_work_is_taken_back(void **state)
{
    (void)state;
    struct store *store = test_store();
    int calls = 0;
    assert_int_equal(store_transact(store, count_and_fail, &calls, "cannot", NULL), -EINVAL);
    assert_int_equal(calls, 1);
    assert_int_equal(store_keys_missing(store, NULL), 1);
    assert_int_equal(test_number(store->db, "SELECT count(*) FROM facts"), 0);
    assert_int_equal(test_add_key(store, 1, NULL), 0); /* no transaction is left open */
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(file_is_made_for_its_owner_only),
        store_test(what_was_written_is_there_again),
        store_test(folder_that_comes_later_is_used_then),
        store_test(folder_in_the_place_of_the_file_is_refused),
        store_test(file_that_vanished_is_made_anew),
        store_test(file_that_is_another_one_is_told_once),
        store_test(file_that_was_replaced_is_taken),
        store_test(file_that_was_moved_away_is_whole),
        store_test(file_that_is_no_database_is_set_aside),
        store_test(damage_inside_is_set_aside_with_its_log),
        store_test(lock_of_another_process_is_told),
        store_test(full_disk_is_told_and_tried_again),
        store_test(database_that_may_not_be_written_is_told),
        store_test(any_other_error_is_told),
        store_test(no_memory_makes_no_store),
        store_test(failed_work_is_taken_back),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
