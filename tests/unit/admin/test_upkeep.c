/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/keys_change.h"
#include "admin/keys_snapshot.h"
#include "admin/upkeep.h"

static struct fixture fixture;
static uint64_t began_ms; /* when all intervals began */
static bool whole;        /* whether the database knows that its keys are all there are */

static int start_with(uint64_t keys)
{
    struct err err = {""};
    fixture_start(&fixture);
    if (whole)
        assert_int_equal(store_keys_restore(fixture.store, NULL, 0, NULL, 0, &err), 0);
    for (uint64_t id = 1; id <= keys; id++)
        store_key(fixture.store, id, "ann");
    fixture_admin(&fixture);
    began_ms = fixture.admin->used_ms;
    return 0;
}

static int start(void **state)
{
    (void)state;
    whole = true;
    return start_with(2);
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static int snapshot_keys(void)
{
    struct key_list list = {.count = 0};
    struct err err = {""};
    int found = keys_snapshot_read(fixture.snapshot, &list, &err);
    int count = (int)list.count;
    key_list_release(&list);
    return found == 1 ? count : found == 0 ? -1 : -2;
}

struct used {
    uint64_t id, last_used_ms;
};

static int find_used(void *arg, const struct store_key *row)
{
    struct used *used = arg;
    if (row->id == used->id)
        used->last_used_ms = row->last_used_ms;
    return 0;
}

static uint64_t last_used_in_database(uint64_t id)
{
    struct used used = {.id = id};
    struct err err = {""};
    assert_int_equal(store_keys_read(fixture.store, find_used, &used, &err), 0);
    return used.last_used_ms;
}

static void tick_after(uint32_t ms)
{
    upkeep_tick(fixture.admin, began_ms + ms);
    settle(&fixture);
}

static void test_the_snapshot_is_there_soon_after_the_start(void **state)
{
    (void)state;
    settle(&fixture);
    assert_int_equal(snapshot_keys(), 2);
    assert_false(fixture.admin->snapshot_wanted || fixture.admin->snapshot_runs);
}

static void test_the_snapshot_follows_each_change(void **state)
{
    (void)state;
    struct key *key = test_key(7, "new");
    settle(&fixture);
    for (int i = 0; i < 3; i++) /* two of them while the first is written */
        keys_publish(fixture.admin, test_ring(&fixture, &key, i > 0));
    settle(&fixture);
    assert_int_equal(snapshot_keys(), 1);
    assert_int_equal(atomic_load(&fixture.changes), 3);
    key_unref(key);
}

static void test_a_snapshot_that_fails_is_told_and_tried_again(void **state)
{
    (void)state;
    char beside[160];
    settle(&fixture);
    assert_int_equal(unlink(fixture.snapshot), 0);
    snprintf(beside, sizeof(beside), "%s.new", fixture.snapshot);
    assert_int_equal(mkdir(beside, 0700), 0);
    upkeep_keys_changed(fixture.admin);
    settle(&fixture);
    assert_non_null(strstr(fixture.admin->snapshot_trouble.text, "cannot write"));
    assert_int_equal(rmdir(beside), 0);
    tick_after(UPKEEP_RETRY_MS - 1);
    assert_int_equal(snapshot_keys(), -1);
    tick_after(UPKEEP_RETRY_MS + 1);
    assert_int_equal(snapshot_keys(), 2);
    assert_string_equal(fixture.admin->snapshot_trouble.text, "");
}

static void test_last_use_reaches_the_database_each_minute(void **state)
{
    (void)state;
    struct key *key = keyring_by_id(fixture.admin->ring, 1);
    uint64_t now_ms = clock_wall_ms() + 1000;
    settle(&fixture);
    atomic_store(&key->last_used_ms, now_ms);
    tick_after(UPKEEP_USED_MS - 1);
    assert_int_equal(last_used_in_database(1), 0);
    tick_after(UPKEEP_USED_MS + 1);
    assert_int_equal(last_used_in_database(1), now_ms);
    assert_int_equal(last_used_in_database(2), 0);
    assert_string_equal(fixture.admin->used_trouble.text, "");
}

static void test_last_use_is_handed_over_at_the_end(void **state)
{
    (void)state;
    uint64_t now_ms = clock_wall_ms() + 1000;
    settle(&fixture);
    atomic_store(&keyring_by_id(fixture.admin->ring, 2)->last_used_ms, now_ms);
    admin_free(TAKE(fixture.admin));
    settle(&fixture);
    assert_int_equal(last_used_in_database(2), now_ms);
}

static void test_a_ring_out_of_force_is_let_go(void **state)
{
    (void)state;
    struct key *key = test_key(7, "new");
    settle(&fixture);
    keys_publish(fixture.admin, test_ring(&fixture, &key, 1));
    assert_non_null(fixture.admin->retired);
    settle(&fixture);
    tick_after(UPKEEP_USED_MS + 1);
    assert_null(fixture.admin->retired);
    keys_publish(fixture.admin, test_ring(&fixture, NULL, 0));
    settle(&fixture);
    tick_after(2 * UPKEEP_USED_MS + 2);
    assert_int_equal(atomic_load(&key->references), 1);
    key_unref(key);
}

static void test_a_worker_that_did_not_take_a_ring_is_asked_again(void **state)
{
    (void)state;
    fixture.refuse_changes = 2;
    keys_publish(fixture.admin, test_ring(&fixture, NULL, 0));
    assert_true(fixture.admin->publish_again);
    tick_after(0);
    assert_int_equal(atomic_load(&fixture.changes), 2);
    tick_after(0);
    assert_int_equal(atomic_load(&fixture.changes), 3);
    assert_false(fixture.admin->publish_again);
    tick_after(0);
    assert_int_equal(atomic_load(&fixture.changes), 3);
}

/* The start finds no database; later there is one. */
static void test_a_database_that_comes_back_is_read(void **state)
{
    (void)state;
    struct err err = {""}, trouble = {""};
    int error;
    whole = true;
    (void)start_with(2);
    admin_free(TAKE(fixture.admin));
    settle(&fixture);
    assert_int_equal(unlink(fixture.snapshot), 0);
    struct store *gone = store_new("/tmp/seawall-there-is-none/seawall.db", &error, &err);
    assert_non_null(gone);
    fixture.spec.store = gone;
    struct keyring *ring = admin_load_keys(&fixture.spec, &trouble);
    assert_non_null(ring);
    assert_int_equal(keyring_count(ring), 0);
    fixture.admin = admin_new(&fixture.spec, &err);
    assert_non_null(fixture.admin);
    began_ms = fixture.admin->retry_ms;
    keyring_unref(ring);
    settle(&fixture);
    assert_int_equal(snapshot_keys(), -1); /* nothing is kept of what is not known */
    tick_after(UPKEEP_RETRY_MS + 1);
    assert_true(fixture.admin->keys_incomplete);
    assert_true(fixture.admin->keys_trouble.text[0] != '\0');

    fixture.admin->store = fixture.store;
    tick_after(2 * UPKEEP_RETRY_MS + 2);
    assert_false(fixture.admin->keys_incomplete || fixture.admin->trust_unlisted ||
                 fixture.admin->change_runs);
    assert_string_equal(fixture.admin->keys_trouble.text, "");
    assert_int_equal(keyring_count(fixture.ring), 2);
    assert_int_equal(snapshot_keys(), 2);
    admin_free(TAKE(fixture.admin));
    settle(&fixture);
    store_free(gone);
    fixture_stop(&fixture);
}

static void test_short_memory_is_tried_again(void **state)
{
    (void)state;
    settle(&fixture);
    assert_int_equal(unlink(fixture.snapshot), 0);
    for (uint64_t n = 0; n < 2; n++) {
        mem_fail_after(n);
        upkeep_keys_changed(fixture.admin);
        mem_fail_never();
        assert_true(fixture.admin->snapshot_wanted);
        assert_false(fixture.admin->snapshot_runs);
    }
    tick_after(UPKEEP_RETRY_MS + 1);
    assert_int_equal(snapshot_keys(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_snapshot_is_there_soon_after_the_start, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_the_snapshot_follows_each_change, start, stop),
        cmocka_unit_test_setup_teardown(test_a_snapshot_that_fails_is_told_and_tried_again, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_last_use_reaches_the_database_each_minute, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_last_use_is_handed_over_at_the_end, start, stop),
        cmocka_unit_test_setup_teardown(test_a_ring_out_of_force_is_let_go, start, stop),
        cmocka_unit_test_setup_teardown(test_a_worker_that_did_not_take_a_ring_is_asked_again,
                                        start, stop),
        cmocka_unit_test(test_a_database_that_comes_back_is_read),
        cmocka_unit_test_setup_teardown(test_short_memory_is_tried_again, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
