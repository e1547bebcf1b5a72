/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "identity/accounts.h"

static void names_are_plain(void **state)
{
    (void)state;
    char longest[ACCOUNT_NAME_BYTES_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    assert_true(account_name_is_good(SPAN("a")));
    assert_true(account_name_is_good(SPAN("ann+1@Example.org_x-2")));
    assert_true(account_name_is_good(span_of(longest, ACCOUNT_NAME_BYTES_MAX)));
    assert_false(account_name_is_good(span_of(longest, ACCOUNT_NAME_BYTES_MAX + 1)));
    static const char *const bad[] = {"", " ", "a b", "a/b", "a\n", "é", "a\"", "a%b", "none"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(account_name_is_good(span_str(bad[i])));
    assert_false(account_name_is_good(span_of("a\0b", 3)));
}

static void each_name_has_its_number(void **state)
{
    (void)state;
    assert_true(account_id(SPAN("a")) == account_id(SPAN("a")));
    assert_true(account_id(SPAN("a")) != account_id(SPAN("b")));
}

static void accounts_come_with_the_key_that_names_them(void **state)
{
    (void)state;
    struct accounts *first = accounts_with(NULL, SPAN("team"), NULL);
    assert_non_null(first);
    assert_int_equal(accounts_count(first), 1);
    assert_true(limits_are_unset(&accounts_at(first, 0)->limits));
    struct limits limits = limits_unset();
    limits.of[LIMIT_CALLS] = 3;
    struct accounts *limited = accounts_with(first, SPAN("team"), &limits);
    struct accounts *more = accounts_with(limited, SPAN("other"), NULL);
    struct accounts *same = accounts_with(more, SPAN("team"), NULL);
    assert_int_equal(accounts_count(limited), 1);
    assert_int_equal(accounts_count(same), 2);
    assert_string_equal(accounts_at(same, 0)->name, "team");
    assert_int_equal(accounts_by_id(same, account_id(SPAN("team")))->limits.of[LIMIT_CALLS], 3);
    assert_true(limits_are_unset(&accounts_by_id(first, account_id(SPAN("team")))->limits));
    assert_null(accounts_by_id(same, account_id(SPAN("nobody"))));
    struct accounts *held = accounts_ref(same);
    accounts_unref(same);
    assert_int_equal(accounts_count(held), 2);
    accounts_unref(held);
    accounts_unref(more);
    accounts_unref(limited);
    accounts_unref(first);
}

static void none_at_all_is_fine(void **state)
{
    (void)state;
    assert_int_equal(accounts_count(NULL), 0);
    assert_null(accounts_by_id(NULL, 1));
    assert_null(accounts_ref(NULL));
    accounts_unref(NULL);
    assert_null(accounts_new(NULL, (size_t)ACCOUNTS_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_plain),
        cmocka_unit_test(each_name_has_its_number),
        cmocka_unit_test(accounts_come_with_the_key_that_names_them),
        cmocka_unit_test(none_at_all_is_fine),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
