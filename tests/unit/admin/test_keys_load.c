/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/keys_load.h"
#include "admin/keys_snapshot.h"

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void snapshot_of(const uint64_t *ids, size_t count)
{
    struct key *keys[8];
    struct err err = {""};
    for (size_t i = 0; i < count; i++)
        keys[i] = test_key(ids[i], "from the snapshot");
    struct keyring *ring = test_ring(&fixture, keys, count);
    assert_int_equal(keys_snapshot_write(fixture.snapshot, ring, &err), 0);
    keyring_unref(ring);
    for (size_t i = 0; i < count; i++)
        key_unref(keys[i]);
}

static void load(const struct keyring *present, struct keys_loaded *loaded, struct err *trouble)
{
    assert_int_equal(
        keys_load(fixture.store, fixture.snapshot, &fixture.mac, present, loaded, trouble), 0);
}

static int count_key(void *arg, const struct store_key *key)
{
    (void)key;
    (*(size_t *)arg)++;
    return 0;
}

static size_t keys_in_database(void)
{
    size_t count = 0;
    struct err err = {""};
    assert_int_equal(store_keys_read(fixture.store, count_key, &count, &err), 0);
    return count;
}

/* Another store in its place, over a file that cannot be one. */
static void break_database(void)
{
    int error;
    struct err err = {""};
    store_free(fixture.store);
    fixture.store = store_new("/tmp/seawall-there-is-none/seawall.db", &error, &err);
    assert_non_null(fixture.store);
    assert_true(error < 0);
}

static bool lets_in_unlisted(const struct keyring *ring)
{
    char text[KEY_TEXT_BYTES + 1], header[KEY_TEXT_BYTES + 8];
    struct key *key;
    uint64_t id;
    key_generate(&fixture.mac, text, &id);
    snprintf(header, sizeof(header), "Bearer %s", text);
    return keyring_check(ring, span_str(header), 1, &key, &id) == REASON_OK;
}

static void test_the_first_start_has_no_keys_and_no_trouble(void **state)
{
    (void)state;
    struct keys_loaded loaded;
    struct err trouble = {"old"};
    load(NULL, &loaded, &trouble);
    assert_int_equal(keyring_count(loaded.ring), 0);
    assert_false(loaded.incomplete);
    assert_true(loaded.trust_unlisted); /* the same as a start after which all was lost */
    assert_string_equal(trouble.text, "");
    keyring_unref(loaded.ring);
}

static void test_a_whole_database_is_all_there_is(void **state)
{
    (void)state;
    const uint64_t ids[] = {1, 9};
    struct keys_loaded loaded;
    struct err trouble = {""}, err = {""};
    assert_int_equal(store_keys_restore(fixture.store, NULL, 0, NULL, 0, &err), 0);
    store_key(fixture.store, 1, "ann");
    store_key(fixture.store, 2, "bob");
    snapshot_of(ids, 2);
    load(NULL, &loaded, &trouble);
    assert_int_equal(keyring_count(loaded.ring), 2);
    assert_string_equal(keyring_by_id(loaded.ring, 1)->name, "ann");
    assert_null(keyring_by_id(loaded.ring, 9));
    assert_false(loaded.incomplete || loaded.trust_unlisted || lets_in_unlisted(loaded.ring));
    assert_string_equal(trouble.text, "");
    keyring_unref(loaded.ring);
}

static void test_a_lost_database_gets_its_keys_back(void **state)
{
    (void)state;
    const uint64_t ids[] = {1, 9};
    struct keys_loaded loaded;
    struct err trouble = {""};
    store_key(fixture.store, 1, "newer");
    snapshot_of(ids, 2);
    load(NULL, &loaded, &trouble);
    assert_int_equal(keyring_count(loaded.ring), 2);
    assert_string_equal(keyring_by_id(loaded.ring, 1)->name, "newer");
    assert_non_null(keyring_by_id(loaded.ring, 9));
    assert_false(loaded.incomplete || loaded.trust_unlisted);
    assert_string_equal(trouble.text, "the database was lost and got 1 key back");
    assert_int_equal(keys_in_database(), 2);
    keyring_unref(loaded.ring);

    load(NULL, &loaded, &trouble);
    assert_string_equal(trouble.text, "");
    assert_int_equal(keyring_count(loaded.ring), 2);
    keyring_unref(loaded.ring);
}

static void test_without_a_database_the_snapshot_counts(void **state)
{
    (void)state;
    const uint64_t ids[] = {1, 9};
    struct keys_loaded loaded;
    struct err trouble = {""};
    snapshot_of(ids, 2);
    break_database();
    load(NULL, &loaded, &trouble);
    assert_int_equal(keyring_count(loaded.ring), 2);
    assert_true(loaded.incomplete);
    assert_false(loaded.trust_unlisted || lets_in_unlisted(loaded.ring));
    assert_non_null(strstr(trouble.text, "keys are those of the last snapshot"));
    keyring_unref(loaded.ring);
}

static void test_a_damaged_snapshot_gives_what_it_has(void **state)
{
    (void)state;
    const uint64_t ids[] = {1, 9};
    struct keys_loaded loaded;
    struct err trouble = {""};
    struct stat info;
    snapshot_of(ids, 2);
    assert_int_equal(stat(fixture.snapshot, &info), 0);
    assert_int_equal(truncate(fixture.snapshot, info.st_size - 5), 0);
    load(NULL, &loaded, &trouble);
    assert_int_equal(keyring_count(loaded.ring), 1);
    assert_true(loaded.trust_unlisted && lets_in_unlisted(loaded.ring)); /* the other one may come */
    assert_int_equal(keys_in_database(), 1);
    assert_non_null(strstr(trouble.text, "the database was lost"));
    assert_non_null(strstr(trouble.text, "damaged"));
    keyring_unref(loaded.ring);
    break_database();
    load(NULL, &loaded, &trouble);
    assert_int_equal(keyring_count(loaded.ring), 1);
    assert_true(loaded.incomplete && loaded.trust_unlisted && lets_in_unlisted(loaded.ring));
    keyring_unref(loaded.ring);
}

static void test_with_nothing_left_the_form_of_a_key_is_enough(void **state)
{
    (void)state;
    struct keys_loaded loaded;
    struct err trouble = {""};
    break_database();
    load(NULL, &loaded, &trouble);
    assert_int_equal(keyring_count(loaded.ring), 0);
    assert_true(loaded.incomplete && loaded.trust_unlisted && lets_in_unlisted(loaded.ring));
    assert_non_null(strstr(trouble.text, "neither is keys.snapshot whole"));
    keyring_unref(loaded.ring);
}

static void test_keys_in_force_count_like_a_snapshot(void **state)
{
    (void)state;
    const uint64_t ids[] = {9};
    struct keys_loaded loaded;
    struct err trouble = {""}, err = {""};
    struct key *key = test_key(3, "in force");
    struct keyring *present = test_ring(&fixture, &key, 1);
    snapshot_of(ids, 1);
    load(present, &loaded, &trouble);
    assert_int_equal(keyring_count(loaded.ring), 1);
    assert_non_null(keyring_by_id(loaded.ring, 3));
    assert_int_equal(keys_in_database(), 1);
    keyring_unref(loaded.ring);
    assert_int_equal(keys_restore_if_missing(fixture.store, present, &err), 0);
    keyring_unref(present);
    key_unref(key);
}

static void test_a_database_made_anew_while_we_run_is_filled(void **state)
{
    (void)state;
    struct err err = {""};
    struct key *keys[] = {test_key(1, "ann"), test_key(2, "bob")};
    struct keyring *none = test_ring(&fixture, NULL, 0), *two = test_ring(&fixture, keys, 2);
    assert_int_equal(keys_restore_if_missing(fixture.store, none, &err), 0);
    assert_int_equal(keys_in_database(), 0);
    assert_int_equal(keys_restore_if_missing(fixture.store, two, &err), 0);
    assert_int_equal(keys_in_database(), 2);
    keyring_unref(two);
    keyring_unref(none);
    key_unref(keys[0]);
    key_unref(keys[1]);
    break_database();
    none = test_ring(&fixture, NULL, 0);
    assert_true(keys_restore_if_missing(fixture.store, none, &err) < 0);
    keyring_unref(none);
}

/* The store may itself run short and then count as one that cannot be read; never is a ring without its keys told as whole. */
static void test_short_memory_gives_no_half_ring(void **state)
{
    (void)state;
    struct keys_loaded loaded;
    struct err trouble = {""}, err = {""};
    assert_int_equal(store_keys_restore(fixture.store, NULL, 0, NULL, 0, &err), 0);
    store_key(fixture.store, 1, "ann");
    store_key(fixture.store, 2, "bob");
    for (uint64_t n = 0;; n++) {
        mem_fail_once(n);
        int result =
            keys_load(fixture.store, fixture.snapshot, &fixture.mac, NULL, &loaded, &trouble);
        bool spared = mem_fail_count() <= n;
        mem_fail_never();
        if (result == 0) {
            assert_true(loaded.incomplete || keyring_count(loaded.ring) == 2);
            keyring_unref(loaded.ring);
        }
        if (spared)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_first_start_has_no_keys_and_no_trouble, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_a_whole_database_is_all_there_is, start, stop),
        cmocka_unit_test_setup_teardown(test_a_lost_database_gets_its_keys_back, start, stop),
        cmocka_unit_test_setup_teardown(test_without_a_database_the_snapshot_counts, start, stop),
        cmocka_unit_test_setup_teardown(test_a_damaged_snapshot_gives_what_it_has, start, stop),
        cmocka_unit_test_setup_teardown(test_with_nothing_left_the_form_of_a_key_is_enough, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_keys_in_force_count_like_a_snapshot, start, stop),
        cmocka_unit_test_setup_teardown(test_a_database_made_anew_while_we_run_is_filled, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_short_memory_gives_no_half_ring, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
