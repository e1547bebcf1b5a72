/* SPDX-License-Identifier: Apache-2.0 */
#include "store_testing.h"

#include "base/buf.h"

#define HOUR UINT64_C(3600000)
#define DAY (24 * HOUR)

/* One word for each row: hour/key/model:requests,failed,cut,prompt,completion,disputed. */
static int write_row(void *arg, const struct store_usage *row)
{
    struct buf *buf = arg;
    buf_printf(buf, "%llu/%llu/%s:%llu,%llu,%llu,%llu,%llu,%llu ",
               (unsigned long long)(row->hour_ms / HOUR), (unsigned long long)row->key_id,
               row->model, (unsigned long long)row->requests, (unsigned long long)row->failed,
               (unsigned long long)row->cut, (unsigned long long)row->prompt_tokens,
               (unsigned long long)row->completion_tokens,
               (unsigned long long)row->disputed_tokens);
    return 0;
}

static void assert_usage(struct store *store, struct store_usage_query query, const char *expected)
{
    struct buf buf;
    buf_init(&buf, 65536);
    if (query.to_ms == 0)
        query.to_ms = UINT64_MAX;
    assert_int_equal(store_usage_read(store, &query, write_row, &buf, NULL), 0);
    assert_string_equal(buf_cstr(&buf), expected);
    buf_release(&buf);
}

static const struct store_mark some_mark = {.tally = 0, .requests = 1};

static void add(struct store *store, const struct store_usage *rows, size_t count)
{
    assert_int_equal(store_ledger_add(store, rows, count, &some_mark, NULL), 0);
}

static struct store_usage usage(uint64_t hour, uint64_t key_id, const char *model,
                                uint64_t requests)
{
    return (struct store_usage){.key_id = key_id,
                                .model = model,
                                .hour_ms = hour * HOUR,
                                .requests = requests,
                                .failed = 1,
                                .cut = 2,
                                .prompt_tokens = requests * 10,
                                .completion_tokens = requests * 100,
                                .disputed_tokens = 3};
}

static void rows_of_one_hour_key_and_model_add_up(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_usage rows[] = {usage(5, 1, "a", 1), usage(5, 1, "a", 2), usage(5, 1, "b", 4),
                                 usage(5, 2, "a", 8), usage(6, 1, "a", 16)};
    add(store, rows, 5);
    add(store, rows, 1);
    assert_usage(store,
                 (struct store_usage_query){.by_key = true, .by_model = true, .by_hour = true},
                 "5/1/a:4,3,6,40,400,9 5/1/b:4,1,2,40,400,3 5/2/a:8,1,2,80,800,3 "
                 "6/1/a:16,1,2,160,1600,3 ");
    store_free(store);
}

static void queries_group_and_choose(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_usage rows[] = {usage(23, 1, "a", 1), usage(24, 1, "a", 2), usage(47, 2, "b", 4),
                                 usage(48, UINT64_MAX, "a", 8)};
    assert_usage(store, (struct store_usage_query){.by_key = false}, "");
    add(store, rows, 4);
    assert_usage(store, (struct store_usage_query){.by_key = false}, "0/0/:15,4,8,150,1500,12 ");
    assert_usage(store, (struct store_usage_query){.by_day = true},
                 "0/0/:1,1,2,10,100,3 24/0/:6,2,4,60,600,6 48/0/:8,1,2,80,800,3 ");
    assert_usage(store, (struct store_usage_query){.by_model = true},
                 "0/0/a:11,3,6,110,1100,9 0/0/b:4,1,2,40,400,3 ");
    assert_usage(store,
                 (struct store_usage_query){.by_hour = true, .by_day = true, .to_ms = DAY + 1},
                 "23/0/:1,1,2,10,100,3 24/0/:2,1,2,20,200,3 ");
    assert_usage(store, (struct store_usage_query){.from_ms = DAY, .to_ms = 2 * DAY},
                 "0/0/:6,2,4,60,600,6 ");
    assert_usage(store, (struct store_usage_query){.key_id = UINT64_MAX}, "0/0/:8,1,2,80,800,3 ");
    assert_usage(store, (struct store_usage_query){.model = "a", .by_key = true, .key_id = 1},
                 "0/1/:3,2,4,30,300,6 ");
    assert_usage(store, (struct store_usage_query){.model = "none"}, "");
    store_free(store);
}

static int stop_at_once(void *arg, const struct store_usage *row)
{
    (void)row;
    ++*(int *)arg;
    return -ECANCELED;
}

static void walk_ends_when_told(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_usage rows[] = {usage(1, 1, "a", 1), usage(2, 1, "a", 1)};
    add(store, rows, 2);
    int seen = 0;
    struct store_usage_query query = {.to_ms = UINT64_MAX, .by_hour = true};
    assert_int_equal(store_usage_read(store, &query, stop_at_once, &seen, NULL), -ECANCELED);
    assert_int_equal(seen, 1);
    store_free(store);
}

static void marks_are_kept_for_each_tally(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_mark mark = {.requests = 99};
    assert_int_equal(store_ledger_mark(store, 0, &mark, NULL), 0);
    assert_int_equal(mark.requests, 99);
    struct store_mark first = {0, 1, 20, 300}, second = {1, 4, 50, 600};
    assert_int_equal(store_ledger_add(store, NULL, 0, &first, NULL), 0);
    assert_int_equal(store_ledger_add(store, NULL, 0, &second, NULL), 0);
    first.requests = 0; /* a mark may go back: the tally file was lost */
    assert_int_equal(store_ledger_add(store, NULL, 0, &first, NULL), 0);
    assert_int_equal(store_ledger_mark(store, 0, &mark, NULL), 1);
    assert_memory_equal(&mark, &first, sizeof(mark));
    assert_int_equal(store_ledger_mark(store, 1, &mark, NULL), 1);
    assert_memory_equal(&mark, &second, sizeof(mark));
    assert_int_equal(store_ledger_mark(store, 2, &mark, NULL), 0);
    store_free(store);
}

static void rows_and_mark_go_together(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_usage rows[] = {usage(1, 1, "a", 1)};
    struct store_mark mark = {0, 1, 10, 100};
    test_sql(store->db,
             "CREATE TRIGGER no BEFORE INSERT ON marks BEGIN SELECT RAISE(ABORT, 'no'); END");
    struct err err = {""};
    assert_true(store_ledger_add(store, rows, 1, &mark, &err) < 0);
    assert_non_null(strstr(err.text, "cannot write the ledger"));
    assert_usage(store, (struct store_usage_query){.by_key = false}, "");
    test_sql(store->db, "DROP TRIGGER no");
    assert_int_equal(store_ledger_add(store, rows, 1, &mark, NULL), 0);
    assert_usage(store, (struct store_usage_query){.by_key = false}, "0/0/:1,1,2,10,100,3 ");
    store_free(store);
}

/* A number that the file cannot hold stops at the largest; a sum beyond it is refused, not wrapped. */
static void sums_do_not_wrap(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_usage row = {.model = "a", .requests = UINT64_MAX};
    add(store, &row, 1);
    assert_usage(store, (struct store_usage_query){.by_key = false},
                 "0/0/:9223372036854775807,0,0,0,0,0 ");
    row.requests = 1;
    assert_int_equal(store_ledger_add(store, &row, 1, &some_mark, NULL), -EINVAL);
    assert_usage(store, (struct store_usage_query){.by_key = false},
                 "0/0/:9223372036854775807,0,0,0,0,0 ");
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(rows_of_one_hour_key_and_model_add_up),
        store_test(queries_group_and_choose),
        store_test(walk_ends_when_told),
        store_test(marks_are_kept_for_each_tally),
        store_test(rows_and_mark_go_together),
        store_test(sums_do_not_wrap),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
