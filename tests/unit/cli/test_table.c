/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "table.h"

static const char *const titles[] = {"NAME", "#CALLS", "STATE"};

static void assert_table(struct table *table, const char *want)
{
    struct buf text;
    buf_init(&text, 65536);
    assert_int_equal(table_write(table, &text), 0);
    assert_string_equal(buf_cstr(&text), want);
    buf_release(&text);
    table_release(table);
}

static void test_columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, titles, 3);
    table_cell(&table, "%s", "a long name");
    table_number(&table, 1234567);
    table_cell(&table, "up");
    table_cell(&table, "b");
    table_number(&table, 5);
    table_cell(&table, "down");
    assert_table(&table, "NAME             CALLS  STATE\n"
                         "a long name  1,234,567  up\n"
                         "b                    5  down\n");
}

static void test_no_rows_are_a_line_of_titles(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, titles, 3);
    assert_table(&table, "NAME  CALLS  STATE\n");
}

static void test_numbers_are_grouped(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {{0, "N\n0\n"},
                 {999, "  N\n999\n"},
                 {1000, "    N\n1,000\n"},
                 {UINT64_MAX, "                         N\n18,446,744,073,709,551,615\n"}};
    static const char *const one[] = {"#N"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct table table;
        table_init(&table, one, 1);
        table_number(&table, cases[i].value);
        assert_table(&table, cases[i].text);
    }
}

static void test_a_name_cannot_move_the_cursor(void **state)
{
    (void)state;
    static const char *const two[] = {"A", "B"};
    struct table table;
    table_init(&table, two, 2);
    table_cell(&table, "%s", "a\x1b[2Jb\n\x7f\xc2\x9b");
    table_cell(&table, "%s",
               "\xff"
               "x");
    assert_table(&table, "A          B\na?[2Jb???  ?x\n");
}

static void test_wide_characters_take_two_columns(void **state)
{
    (void)state;
    static const char *const two[] = {"A", "B"};
    struct table table;
    table_init(&table, two, 2);
    table_cell(&table, "%s", "\xe6\xa8\xa1\xe5\x9e\x8b"); /* two characters, four columns */
    table_cell(&table, "1");
    table_cell(&table, "%s", "\xc3\xa4");
    table_cell(&table, "2");
    assert_table(&table, "A     B\n\xe6\xa8\xa1\xe5\x9e\x8b  1\n\xc3\xa4     2\n");
}

static void test_short_memory_is_told(void **state)
{
    (void)state;
    struct table table;
    struct buf text;
    buf_init(&text, 65536);
    mem_fail_after(0);
    table_init(&table, titles, 3);
    assert_int_equal(table_write(&table, &text), -ENOMEM);
    mem_fail_never();
    table_release(&table);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(test_no_rows_are_a_line_of_titles),
        cmocka_unit_test(test_numbers_are_grouped),
        cmocka_unit_test(test_a_name_cannot_move_the_cursor),
        cmocka_unit_test(test_wide_characters_take_two_columns),
        cmocka_unit_test(test_short_memory_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
