/* SPDX-License-Identifier: Apache-2.0 */
#include "store_testing.h"

#include <pthread.h>

static void new_file_has_the_known_version(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_int_equal(test_number(store->db, "PRAGMA user_version"), schema_version_known());
    assert_int_equal(test_number(store->db, "SELECT count(*) FROM sqlite_schema WHERE name IN "
                                            "('keys', 'usage', 'marks', 'facts', "
                                            "'profiles', 'accounts')"),
                     6);
    store_free(store);
}

static void database_of_no_version_is_moved_forward(void **state)
{
    (void)state;
    test_write_file(test_path, "");
    sqlite3 *db = test_connection();
    test_sql(db, "CREATE TABLE other (x); PRAGMA user_version = 0");
    sqlite3_close(db);
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    assert_int_equal(test_number(store->db, "SELECT count(*) FROM other"), 0);
    store_free(store);
}

static void keys_of_a_version_without_limits_have_none(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    test_sql(store->db, "ALTER TABLE keys DROP COLUMN account; ALTER TABLE keys DROP COLUMN limits;"
                        "DROP TABLE accounts; PRAGMA user_version = 2");
    store_free(store);
    store = test_store();
    assert_int_equal(test_count_keys(store), 1);
    assert_int_equal(
        test_number(store->db, "SELECT count(*) FROM keys WHERE account = '' AND limits = ''"), 1);
    assert_int_equal(store_key_set_limits(store, 1, "team", "a=1", NULL), 0);
    assert_int_equal(test_number(store->db, "SELECT count(*) FROM accounts"), 1);
    store_free(store);
}

static void step_that_fails_leaves_the_old_version(void **state)
{
    (void)state;
    test_write_file(test_path, "");
    sqlite3 *db = test_connection();
    test_sql(db, "CREATE TABLE marks (x)"); /* in the way of the first step */
    int error = 0;
    struct err err = {""};
    struct store *store = store_new(test_path, &error, &err);
    assert_non_null(store);
    assert_int_equal(error, -EIO);
    assert_non_null(strstr(err.text, "cannot make the tables"));
    assert_int_equal(test_number(db, "PRAGMA user_version"), 0);
    assert_int_equal(test_number(db, "SELECT count(*) FROM sqlite_schema"), 1);
    test_sql(db, "DROP TABLE marks");
    assert_int_equal(test_count_keys(store), 0);
    sqlite3_close(db);
    store_free(store);
}

static void later_version_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    test_sql(store->db, "PRAGMA user_version = 99");
    store_free(store);
    int error = 0;
    struct err err = {""};
    store = store_new(test_path, &error, &err);
    assert_non_null(store);
    assert_int_equal(error, -ENOTSUP);
    assert_non_null(strstr(err.text, "was made by a later version"));
    assert_int_equal(test_count_keys(store), -ENOTSUP);
    assert_false(test_file_exists(".bad"));
    sqlite3 *db = test_connection();
    assert_int_equal(test_number(db, "SELECT count(*) FROM keys"), 1);
    char known[64];
    snprintf(known, sizeof(known), "PRAGMA user_version = %d", schema_version_known());
    test_sql(db, known);
    sqlite3_close(db);
    assert_int_equal(test_count_keys(store), 1);
    store_free(store);
}

static void *open_and_close(void *arg)
{
    int *ret_error = arg;
    struct store *store = store_new(test_path, ret_error, NULL);
    store_free(store);
    return NULL;
}

/* A new gateway starts while the old one still drains. */
static void several_may_make_the_tables_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    int errors[COUNT_OF(threads)];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &errors[i]), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_true(errors[i] == 0 || errors[i] == -EBUSY);
    struct store *store = test_store();
    assert_int_equal(test_count_keys(store), 0);
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(new_file_has_the_known_version),
        store_test(database_of_no_version_is_moved_forward),
        store_test(keys_of_a_version_without_limits_have_none),
        store_test(step_that_fails_leaves_the_old_version),
        store_test(later_version_is_refused_and_left_alone),
        store_test(several_may_make_the_tables_at_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
