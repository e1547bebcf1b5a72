/* SPDX-License-Identifier: Apache-2.0 */
#include "store_testing.h"

#include "base/buf.h"

static struct store_profile profile(uint64_t id, bool kept, uint64_t seen_s, const char *record)
{
    return (struct store_profile){
        .id = id, .kept = kept, .seen_s = seen_s, .record = record, .record_bytes = strlen(record)};
}

/* One word for each row: id/kept/seen:record. */
static int write_row(void *arg, const struct store_profile *row)
{
    buf_printf(arg, "%llu/%d/%llu:%.*s ", (unsigned long long)row->id, row->kept,
               (unsigned long long)row->seen_s, (int)row->record_bytes, (const char *)row->record);
    return 0;
}

static void assert_rows(struct store *store, const char *expected)
{
    struct buf buf;
    buf_init(&buf, 65536);
    assert_int_equal(store_profiles_read(store, write_row, &buf, NULL), 0);
    assert_string_equal(buf_cstr(&buf), expected);
    buf_release(&buf);
}

static void put(struct store *store, const struct store_profile *rows, size_t count)
{
    assert_int_equal(store_profiles_put(store, rows, count, NULL), 0);
}

static void rows_are_replaced_and_come_in_the_order_of_going(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_profile rows[] = {profile(1, true, 5, "a"), profile(2, false, 9, "b"),
                                   profile(UINT64_MAX, false, 7, "c"), profile(4, true, 2, "d")};
    assert_rows(store, "");
    put(store, rows, 4);
    assert_rows(store, "18446744073709551615/0/7:c 2/0/9:b 4/1/2:d 1/1/5:a ");
    struct store_profile again = profile(2, true, 100, "e");
    put(store, &again, 1);
    put(store, NULL, 0);
    assert_rows(store, "18446744073709551615/0/7:c 4/1/2:d 1/1/5:a 2/1/100:e ");
    store_free(store);
    store = test_store();
    assert_rows(store, "18446744073709551615/0/7:c 4/1/2:d 1/1/5:a 2/1/100:e ");
    store_free(store);
}

static void one_is_removed(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_profile rows[] = {profile(1, true, 5, "a"), profile(UINT64_MAX, false, 9, "b")};
    put(store, rows, 2);
    assert_int_equal(store_profile_remove(store, UINT64_MAX, NULL), 0);
    assert_int_equal(store_profile_remove(store, 77, NULL), 0);
    assert_rows(store, "1/1/5:a ");
    store_free(store);
}

static void too_many_are_trimmed_strangers_first(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_profile rows[] = {profile(1, true, 1, "a"), profile(2, false, 9, "b"),
                                   profile(3, false, 8, "c"), profile(4, true, 2, "d")};
    put(store, rows, 4);
    assert_int_equal(store_profiles_trim(store, 5, NULL), 0);
    assert_int_equal(store_profiles_trim(store, 3, NULL), 0);
    assert_rows(store, "2/0/9:b 1/1/1:a 4/1/2:d ");
    assert_int_equal(store_profiles_trim(store, 1, NULL), 0);
    assert_rows(store, "4/1/2:d ");
    store_free(store);
}

static int stop(void *arg, const struct store_profile *row)
{
    (void)arg;
    (void)row;
    return -ECANCELED;
}

static void a_reader_may_end_the_walk(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_profile row = profile(1, true, 5, "a");
    put(store, &row, 1);
    assert_int_equal(store_profiles_read(store, stop, NULL, NULL), -ECANCELED);
    assert_rows(store, "1/1/5:a ");
    store_free(store);
}

static void a_locked_database_is_told(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_profile row = profile(1, true, 5, "a");
    struct err err = {""};
    sqlite3_busy_timeout(store->db, 1);
    sqlite3 *other = test_connection();
    test_sql(other, "BEGIN IMMEDIATE");
    assert_int_equal(store_profiles_put(store, &row, 1, &err), -EBUSY);
    assert_non_null(strstr(err.text, "cannot write profiles"));
    test_sql(other, "ROLLBACK");
    sqlite3_close(other);
    put(store, &row, 1);
    assert_rows(store, "1/1/5:a ");
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(rows_are_replaced_and_come_in_the_order_of_going),
        store_test(one_is_removed),
        store_test(too_many_are_trimmed_strangers_first),
        store_test(a_reader_may_end_the_walk),
        store_test(a_locked_database_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
