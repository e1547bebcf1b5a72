/* SPDX-License-Identifier: Apache-2.0 */
#include "store_testing.h"

#include "base/buf.h"

static int write_row(void *arg, const struct store_account *row)
{
    buf_printf(arg, "%s(%s) ", row->name, row->limits);
    return 0;
}

static int write_key(void *arg, const struct store_key *row)
{
    buf_printf(arg, "%s:%s(%s) ", row->name, row->account, row->limits);
    return 0;
}

static void assert_accounts(struct store *store, const char *expected)
{
    struct buf buf;
    buf_init(&buf, 4096);
    assert_int_equal(store_accounts_read(store, write_row, &buf, NULL), 0);
    assert_string_equal(buf_cstr(&buf), expected);
    buf_release(&buf);
}

static void assert_keys(struct store *store, const char *expected)
{
    struct buf buf;
    buf_init(&buf, 4096);
    assert_int_equal(store_keys_read(store, write_key, &buf, NULL), 0);
    assert_string_equal(buf_cstr(&buf), expected);
    buf_release(&buf);
}

static struct store_key key(uint64_t id, const unsigned char *digest, const char *account,
                            const char *limits)
{
    return (struct store_key){.id = id,
                              .digest = digest,
                              .name = "k",
                              .hint = "",
                              .models = "",
                              .account = account,
                              .limits = limits};
}

static void accounts_are_put_and_read(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_accounts(store, "");
    assert_int_equal(store_account_put(store, &(struct store_account){"team", "a=1"}, NULL), 0);
    assert_int_equal(store_account_put(store, &(struct store_account){"ann", ""}, NULL), 0);
    assert_int_equal(store_account_put(store, &(struct store_account){"team", "a=2"}, NULL), 0);
    assert_accounts(store, "ann() team(a=2) ");
    store_free(store);
}

static void a_key_that_names_an_account_makes_it(void **state)
{
    (void)state;
    static const unsigned char one[32] = {1}, two[32] = {2}, three[32] = {3};
    struct store *store = test_store();
    assert_int_equal(store_account_put(store, &(struct store_account){"team", "a=1"}, NULL), 0);
    struct store_key keys[] = {key(1, one, "team", "b=1"), key(2, two, "new", ""),
                               key(3, three, NULL, NULL)};
    assert_int_equal(store_keys_add(store, keys, 3, NULL), 0);
    assert_accounts(store, "new() team(a=1) ");
    assert_keys(store, "k:team(b=1) k:new() k:() ");
    assert_int_equal(store_key_set_limits(store, 3, "third", "c=1", NULL), 0);
    assert_int_equal(store_key_set_limits(store, 1, "", "", NULL), 0);
    assert_int_equal(store_key_set_limits(store, 4, "fourth", "", NULL), -ENOENT);
    assert_accounts(store, "new() team(a=1) third() ");
    assert_keys(store, "k:() k:new() k:third(c=1) ");
    store_free(store);
}

static void what_is_restored_takes_nothing_back(void **state)
{
    (void)state;
    static const unsigned char one[32] = {1};
    struct store *store = test_store();
    struct store_account known[] = {{"team", "old"}, {"gone", "a=1"}};
    struct store_key keys[] = {key(1, one, "gone", "b=1")};
    assert_int_equal(store_account_put(store, &(struct store_account){"team", "new"}, NULL), 0);
    assert_int_equal(store_keys_restore(store, keys, 1, known, 2, NULL), 0);
    assert_accounts(store, "gone(a=1) team(new) ");
    assert_keys(store, "k:gone(b=1) ");
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(accounts_are_put_and_read),
        store_test(a_key_that_names_an_account_makes_it),
        store_test(what_is_restored_takes_nothing_back),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
