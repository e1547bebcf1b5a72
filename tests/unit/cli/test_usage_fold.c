/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "usage_fold.h"

#include <stdlib.h>

#define DAY_MS UINT64_C(86400000)
#define HOUR_MS UINT64_C(3600000)
#define NOW_DAY UINT64_C(20000)
#define NOW_MS (NOW_DAY * DAY_MS + 12 * HOUR_MS)

static const char *why;

static int add(struct usage_fold *fold, const char *who, uint64_t wall_ms, uint64_t in,
               uint64_t out)
{
    static uint64_t line = 1;
    const struct usage_row row = {span_str(who), wall_ms, in, out};
    return usage_fold_add(fold, ++line, &row, &why);
}

static void assert_written(struct usage_fold *fold, size_t at, const char *wanted)
{
    struct buf buf;
    buf_init(&buf, 65536);
    usage_fold_write(fold, at, &buf);
    assert_string_equal(buf_cstr(&buf), wanted);
    buf_release(&buf);
}

static void rows_in_any_order_become_days_in_order(void **state)
{
    (void)state;
    struct usage_fold *fold = usage_fold_new(NOW_MS);
    assert_int_equal(add(fold, "a", (NOW_DAY - 1) * DAY_MS + 5 * HOUR_MS, 10, 0), 1);
    assert_int_equal(add(fold, "b", (NOW_DAY - 1) * DAY_MS, 7, 0), 1);
    assert_int_equal(add(fold, "a", (NOW_DAY - 3) * DAY_MS, 1, 0), 1);
    assert_int_equal(add(fold, "a", (NOW_DAY - 1) * DAY_MS + 6 * HOUR_MS, 30, 0), 1);
    assert_int_equal(add(fold, "a", (NOW_DAY - 2) * DAY_MS, 2, 0), 1);
    assert_int_equal(add(fold, "a", (NOW_DAY - 1) * DAY_MS + 5 * HOUR_MS + 1, 1, 0), 1);
    assert_int_equal(usage_fold_callers(fold), 2);
    assert_string_equal(usage_fold_caller(fold, 0).who, "a");
    assert_int_equal(usage_fold_caller(fold, 0).rows, 5);
    assert_int_equal(usage_fold_caller(fold, 1).rows, 1);
    assert_written(fold, 0,
                   "{\"who\":\"a\",\"days\":[[19997,1,0,[[0,1,0]]],[19998,1,0,[[0,2,0]]],"
                   "[19999,3,0,[[5,11,0],[6,30,0]]]]}");
    assert_written(fold, 1, "{\"who\":\"b\",\"days\":[[19999,1,0,[[0,7,0]]]]}");
    usage_fold_free(fold);
    usage_fold_free(NULL);
}

static void rows_that_do_not_count(void **state)
{
    (void)state;
    struct usage_fold *fold = usage_fold_new(NOW_MS);
    assert_int_equal(add(fold, "a", NOW_MS, 0, 0), 0);
    assert_null(why);
    assert_int_equal(add(fold, "a", NOW_MS + USAGE_FUTURE_MS + 1, 1, 0), 0);
    assert_string_equal(why, "its time is in the future");
    assert_int_equal(add(fold, "a", NOW_MS - USAGE_PAST_DAYS_MAX * DAY_MS - 1, 1, 0), 0);
    assert_string_equal(why, "it is older than 400 days");
    assert_int_equal(add(fold, "a", NOW_MS, UINT64_MAX, UINT64_MAX), 0);
    assert_string_equal(why, "no request has that many tokens");
    assert_int_equal(usage_fold_callers(fold), 0);
    assert_int_equal(add(fold, "a", NOW_MS + USAGE_FUTURE_MS, 1, 1), 1); /* counts as now */
    assert_int_equal(add(fold, "a", NOW_MS - USAGE_PAST_DAYS_MAX * DAY_MS, 1, 1), 1);
    assert_written(fold, 0,
                   "{\"who\":\"a\",\"days\":[[19600,1,0.6931471805599453,[[12,1,1]]],"
                   "[20000,1,0.6931471805599453,[[12,1,1]]]]}");
    usage_fold_free(fold);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 8; n++) {
        mem_fail_after(n);
        struct usage_fold *fold = usage_fold_new(NOW_MS);
        int result = fold ? add(fold, "a", NOW_MS, 1, 1) : -ENOMEM;
        mem_fail_never();
        assert_true(result == 1 || result == -ENOMEM);
        usage_fold_free(fold);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_any_order_become_days_in_order),
        cmocka_unit_test(rows_that_do_not_count),
        cmocka_unit_test(no_memory_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
