/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "record/ledger.h"

#define HOUR UINT64_C(3600000)

static struct store_usage usage(uint64_t key_id, uint64_t hour, uint64_t requests)
{
    return (struct store_usage){.key_id = key_id,
                                .hour_ms = hour * HOUR,
                                .requests = requests,
                                .failed = 1,
                                .cut = 2,
                                .prompt_tokens = requests * 10,
                                .completion_tokens = requests * 100,
                                .disputed_tokens = 3};
}

static int add(struct ledger *ledger, uint64_t key_id, const char *model, uint64_t hour,
               uint64_t requests)
{
    struct store_usage row = usage(key_id, hour, requests);
    return ledger_add(ledger, span_str(model), &row);
}

static void assert_row(const struct store_usage *row, uint64_t key_id, const char *model,
                       uint64_t hour, uint64_t requests, uint64_t times)
{
    assert_int_equal(row->key_id, key_id);
    assert_string_equal(row->model, model);
    assert_int_equal(row->hour_ms, hour * HOUR);
    assert_int_equal(row->requests, requests);
    assert_int_equal(row->failed, times);
    assert_int_equal(row->cut, 2 * times);
    assert_int_equal(row->prompt_tokens, requests * 10);
    assert_int_equal(row->completion_tokens, requests * 100);
    assert_int_equal(row->disputed_tokens, 3 * times);
}

static void same_key_model_and_hour_become_one(void **state)
{
    (void)state;
    struct ledger *ledger = ledger_new(100);
    char model[] = "a";
    assert_int_equal(add(ledger, 1, model, 5, 1), 0);
    model[0] = '?'; /* it has its own copy */
    assert_int_equal(add(ledger, 1, "a", 5, 2), 0);
    assert_int_equal(add(ledger, 1, "a", 6, 4), 0);
    assert_int_equal(add(ledger, 1, "ab", 5, 8), 0);
    assert_int_equal(add(ledger, 2, "a", 5, 16), 0);
    assert_int_equal(add(ledger, 0, "", 5, 32), 0);
    assert_int_equal(add(ledger, 0, NULL, 5, 32), 0);
    assert_int_equal(ledger_count(ledger), 5);
    const struct store_usage *rows = ledger_rows(ledger);
    assert_row(&rows[0], 1, "a", 5, 3, 2);
    assert_row(&rows[1], 1, "a", 6, 4, 1);
    assert_row(&rows[2], 1, "ab", 5, 8, 1);
    assert_row(&rows[3], 2, "a", 5, 16, 1);
    assert_row(&rows[4], 0, "", 5, 64, 2);
    ledger_free(ledger);
    ledger_free(NULL);
}

static void limit_holds_for_new_rows_only(void **state)
{
    (void)state;
    struct ledger *ledger = ledger_new(20);
    for (uint64_t key = 1; key <= 20; key++)
        assert_int_equal(add(ledger, key, "m", 1, 1), 0);
    assert_int_equal(add(ledger, 21, "m", 1, 1), -ENOSPC);
    assert_int_equal(add(ledger, 20, "m", 1, 1), 0);
    assert_int_equal(ledger_count(ledger), 20);
    ledger_free(ledger);
}

static void merging_adds_up_and_says_what_found_no_place(void **state)
{
    (void)state;
    struct ledger *into = ledger_new(3), *from = ledger_new(10);
    assert_int_equal(add(into, 1, "a", 1, 1), 0);
    assert_int_equal(add(into, 2, "a", 1, 2), 0);
    assert_int_equal(add(from, 2, "a", 1, 4), 0);
    assert_int_equal(add(from, 3, "a", 1, 8), 0);
    assert_int_equal(add(from, 4, "a", 1, 16), 0);
    assert_int_equal(add(from, 5, "a", 1, 32), 0);
    assert_int_equal(ledger_merge(into, from), 2);
    assert_int_equal(ledger_count(into), 3);
    assert_row(&ledger_rows(into)[1], 2, "a", 1, 6, 2);
    assert_row(&ledger_rows(into)[2], 3, "a", 1, 8, 1);
    assert_int_equal(ledger_count(from), 4); /* is as it was */
    ledger_free(from);
    struct store_mark mark = {
        .tally = 7, .requests = 100, .prompt_tokens = 1000, .completion_tokens = 1};
    ledger_add_to_mark(into, &mark);
    assert_int_equal(mark.tally, 7);
    assert_int_equal(mark.requests, 115);
    assert_int_equal(mark.prompt_tokens, 1150);
    assert_int_equal(mark.completion_tokens, 1501);
    ledger_free(into);
}

/* Beside a plain array that says what must be there. */
static void agrees_with_a_plain_array(void **state)
{
    (void)state;
    enum { KEYS = 50, HOURS = 5, MODELS = 4 };
    static uint64_t expected[KEYS][HOURS][MODELS];
    static const char *const models[MODELS] = {"a", "b", "qwen/qwen3", ""};
    struct ledger *ledger = ledger_new(10000);
    random_seed(3);
    for (int i = 0; i < 20000; i++) {
        uint32_t key = random_below(KEYS), hour = random_below(HOURS), model = random_below(MODELS);
        uint64_t requests = random_below(100);
        assert_int_equal(add(ledger, key, models[model], hour, requests), 0);
        expected[key][hour][model] += requests;
    }
    random_unseed();
    assert_int_equal(ledger_count(ledger), KEYS * HOURS * MODELS);
    for (size_t i = 0; i < ledger_count(ledger); i++) {
        const struct store_usage *row = &ledger_rows(ledger)[i];
        size_t model = 0;
        while (strcmp(models[model], row->model) != 0)
            model++;
        uint64_t *cell = &expected[row->key_id][row->hour_ms / HOUR][model];
        assert_int_equal(row->requests, *cell);
        *cell = 0;
    }
    ledger_free(ledger);
}

static void no_memory_leaves_the_rows_as_they_were(void **state)
{
    (void)state;
    mem_fail_after(0);
    struct ledger *none = ledger_new(10);
    mem_fail_never();
    assert_null(none);
    /* The 17th row needs three: rows, slots, its model. */
    for (uint64_t successes = 0; successes < 3; successes++) {
        int64_t live = mem_live_count();
        struct ledger *ledger = ledger_new(100);
        for (uint64_t key = 1; key <= 16; key++)
            assert_int_equal(add(ledger, key, "m", 1, 1), 0);
        mem_fail_after(successes);
        int r = add(ledger, 17, "m", 1, 1);
        mem_fail_never();
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(ledger_count(ledger), 16);
        for (uint64_t key = 1; key <= 17; key++)
            assert_int_equal(add(ledger, key, "m", 1, 1), 0);
        assert_int_equal(ledger_count(ledger), 17);
        ledger_free(ledger);
        assert_int_equal(mem_live_count(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_key_model_and_hour_become_one),
        cmocka_unit_test(limit_holds_for_new_rows_only),
        cmocka_unit_test(merging_adds_up_and_says_what_found_no_place),
        cmocka_unit_test(agrees_with_a_plain_array),
        cmocka_unit_test(no_memory_leaves_the_rows_as_they_were),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
