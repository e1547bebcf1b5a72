/* SPDX-License-Identifier: Apache-2.0 */
#include "store_testing.h"

static int assert_whole(void *arg, const struct store_key *key)
{
    const struct store_key *expected = arg;
    assert_true(key->id == expected->id);
    assert_memory_equal(key->digest, expected->digest, 32);
    assert_string_equal(key->name, expected->name);
    assert_string_equal(key->hint, expected->hint);
    assert_string_equal(key->models, expected->models);
    assert_int_equal(key->imported, expected->imported);
    assert_int_equal(key->disabled, expected->disabled);
    assert_int_equal(key->created_ms, expected->created_ms);
    assert_int_equal(key->expires_ms, expected->expires_ms);
    assert_int_equal(key->last_used_ms, expected->last_used_ms);
    return 0;
}

static void key_comes_back_as_it_went_in(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_key key = {.id = UINT64_MAX, /* an id keeps all its bits */
                            .digest = test_digests[9],
                            .name = "\xe6\xa8\xa1 'quoted' \"twice\"",
                            .hint = "wxyz",
                            .models = "qwen/qwen3\nllama",
                            .imported = true,
                            .disabled = true,
                            .created_ms = 1795476901042,
                            .expires_ms = 1895476901042,
                            .last_used_ms = 1795476901043};
    memset(test_digests[9], 0xfe, 32);
    assert_int_equal(store_keys_add(store, &key, 1, NULL), 0);
    assert_int_equal(store_keys_read(store, assert_whole, &key, NULL), 0);
    store_free(store);
}

static int next_id(void *arg, const struct store_key *key)
{
    uint64_t *expected = arg;
    assert_true(key->id == *expected);
    --*expected;
    return 0;
}

static void keys_come_in_order_of_creation(void **state)
{
    (void)state;
    struct store *store = test_store();
    for (uint64_t id = 50; id > 0; id--)
        assert_int_equal(test_add_key(store, id, NULL), 0);
    uint64_t expected = 50;
    assert_int_equal(store_keys_read(store, next_id, &expected, NULL), 0);
    assert_int_equal(expected, 0);
    store_free(store);
}

static int stop_at_third(void *arg, const struct store_key *key)
{
    (void)key;
    return ++*(int *)arg == 3 ? -ECANCELED : 0;
}

static void walk_ends_when_told(void **state)
{
    (void)state;
    struct store *store = test_store();
    for (uint64_t id = 1; id <= 5; id++)
        assert_int_equal(test_add_key(store, id, NULL), 0);
    int seen = 0;
    assert_int_equal(store_keys_read(store, stop_at_third, &seen, NULL), -ECANCELED);
    assert_int_equal(seen, 3);
    assert_int_equal(test_count_keys(store), 5); /* a new walk starts at the front */
    store_free(store);
}

static void several_are_added_all_or_none(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 3, NULL), 0);
    struct store_key same_id[] = {test_key(1, 1), test_key(2, 2), test_key(3, 99)};
    struct store_key same_digest[] = {test_key(1, 1), test_key(2, 2), test_key(4, 3)};
    struct err err = {""};
    assert_int_equal(store_keys_add(store, same_id, 3, &err), -EEXIST);
    assert_non_null(strstr(err.text, "cannot add keys"));
    assert_int_equal(store_keys_add(store, same_digest, 3, NULL), -EEXIST);
    assert_int_equal(test_count_keys(store), 1);
    assert_int_equal(store_keys_add(store, same_id, 2, NULL), 0);
    assert_int_equal(test_count_keys(store), 3);
    assert_int_equal(store_keys_add(store, NULL, 0, NULL), 0);
    store_free(store);
}

static void changes_reach_one_key(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_key key = test_key(7, 7);
    assert_int_equal(store_keys_add(store, &key, 1, NULL), 0);
    assert_int_equal(store_key_set_disabled(store, 7, true, NULL), 0);
    assert_int_equal(store_key_set_expiry(store, 7, 5000, NULL), 0);
    key.disabled = true;
    key.expires_ms = 5000;
    assert_int_equal(store_keys_read(store, assert_whole, &key, NULL), 0);
    assert_int_equal(store_key_set_disabled(store, 7, false, NULL), 0);
    assert_int_equal(store_key_set_expiry(store, 7, 0, NULL), 0);
    key.disabled = false;
    key.expires_ms = 0;
    assert_int_equal(store_keys_read(store, assert_whole, &key, NULL), 0);
    struct err err = {""};
    assert_int_equal(store_key_set_disabled(store, 8, true, &err), -ENOENT);
    assert_non_null(strstr(err.text, "no such key"));
    assert_int_equal(store_key_set_expiry(store, 8, 1, NULL), -ENOENT);
    store_free(store);
}

static void last_use_moves_forward_only(void **state)
{
    (void)state;
    struct store *store = test_store();
    struct store_key key = test_key(7, 7);
    assert_int_equal(store_keys_add(store, &key, 1, NULL), 0);
    static const uint64_t ids[] = {7, 1234, 7, 7}; /* 1234 is gone */
    static const uint64_t times[] = {2000, 9000, 3000, 1000};
    assert_int_equal(store_keys_used(store, ids, times, 4, NULL), 0);
    key.last_used_ms = 3000;
    assert_int_equal(store_keys_read(store, assert_whole, &key, NULL), 0);
    assert_int_equal(store_keys_used(store, ids, times, 0, NULL), 0);
    store_free(store);
}

static void new_file_misses_keys_until_told(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_int_equal(store_keys_missing(store, NULL), 1);
    assert_int_equal(test_add_key(store, 1, NULL),
                     0); /* one that is made is no word about the others */
    assert_int_equal(store_keys_missing(store, NULL), 1);
    struct store_key known[] = {test_key(1, 1), test_key(2, 2), test_key(3, 1)};
    assert_int_equal(store_keys_restore(store, known, 3, NULL, 0, NULL), 0);
    assert_int_equal(store_keys_missing(store, NULL), 0);
    assert_int_equal(test_count_keys(store), 2); /* 1 was there; 3 has a digest that is there */
    store_free(store);
    store = test_store();
    assert_int_equal(store_keys_missing(store, NULL), 0);
    store_free(store);
}

/* The file is damaged in one place only: a digest that was cut short by hand. */
static void key_without_its_digest_is_not_told(void **state)
{
    (void)state;
    struct store *store = test_store();
    assert_int_equal(test_add_key(store, 1, NULL), 0);
    test_sql(store->db, "PRAGMA ignore_check_constraints = ON; UPDATE keys SET digest = x'00'");
    assert_int_equal(test_count_keys(store), -EIO);
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(key_comes_back_as_it_went_in),
        store_test(keys_come_in_order_of_creation),
        store_test(walk_ends_when_told),
        store_test(several_are_added_all_or_none),
        store_test(changes_reach_one_key),
        store_test(last_use_moves_forward_only),
        store_test(new_file_misses_keys_until_told),
        store_test(key_without_its_digest_is_not_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
