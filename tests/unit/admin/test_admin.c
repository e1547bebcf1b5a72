/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

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

static void test_keys_outlive_the_process(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1];
    struct err trouble = {"old"};
    fixture_admin(&fixture);
    serve(&fixture);
    make_key(&fixture, "{\"name\":\"ann\"}", id, text);
    unserve(&fixture);
    admin_free(TAKE(fixture.admin));
    settle(&fixture); /* the store is one thread's at a time */
    keyring_unref(fixture.ring);
    fixture.ring = admin_load_keys(&fixture.spec, &trouble);
    assert_non_null(fixture.ring);
    assert_ptr_equal(fixture.spec.keyring, fixture.ring);
    assert_string_equal(trouble.text, "");
    assert_int_equal(judge(&fixture, text), REASON_OK);
}

static void test_trouble_of_the_start_is_in_the_status(void **state)
{
    (void)state;
    struct err lost = {""}, err = {""}, trouble = {""};
    struct reply reply;
    int error;
    fixture_admin(&fixture);
    admin_free(TAKE(fixture.admin));
    settle(&fixture);
    struct store *gone = store_new("/tmp/seawall-there-is-none/seawall.db", &error, &err);
    assert_non_null(gone);
    fixture.spec.store = gone;
    struct keyring *ring = admin_load_keys(&fixture.spec, &trouble);
    assert_non_null(ring);
    assert_true(trouble.text[0] != '\0');
    fixture.admin = admin_new(&fixture.spec, &lost);
    assert_non_null(fixture.admin);
    keyring_unref(ring);
    serve(&fixture);
    ask(&fixture, "GET", "/status", "", &reply);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(reply.json, "trouble"), 0)), trouble.text);
    reply_release(&reply);
    unserve(&fixture);
    admin_free(TAKE(fixture.admin));
    settle(&fixture);
    store_free(gone);
}

static void test_both_listeners_may_be_off(void **state)
{
    (void)state;
    struct err err = {""}, trouble = {""};
    struct keyring *ring = admin_load_keys(&fixture.spec, &trouble);
    assert_non_null(ring);
    fixture.admin = admin_new(&fixture.spec, &err);
    assert_non_null(fixture.admin);
    assert_null(fixture.admin->listener);
    assert_null(fixture.admin->metrics_listener);
    keyring_unref(ring);
}

static void test_the_spec_may_go(void **state)
{
    (void)state;
    char folder[64];
    struct err err = {""}, trouble = {""};
    struct mac_key mac = fixture.mac;
    struct admin_spec spec = fixture.spec;
    memcpy(folder, fixture.folder, sizeof(folder));
    spec.state_folder = folder;
    spec.key_mac = &mac;
    struct keyring *ring = admin_load_keys(&spec, &trouble);
    assert_non_null(ring);
    fixture.admin = admin_new(&spec, &err);
    assert_non_null(fixture.admin);
    keyring_unref(ring);
    memset(folder, 'x', sizeof(folder));
    memset(&mac, 0, sizeof(mac));
    memset(&spec, 0, sizeof(spec));
    assert_string_equal(fixture.admin->snapshot_path, fixture.snapshot);
    assert_memory_equal(&fixture.admin->key_mac, &fixture.mac, sizeof(mac));
    assert_string_equal(fixture.admin->lost.text, "3 calls were under way");
}

/* Each allocation fails once: NULL with a text, or it works. */
static void test_short_memory_is_told(void **state)
{
    (void)state;
    struct err trouble = {""};
    struct keyring *ring = admin_load_keys(&fixture.spec, &trouble);
    assert_non_null(ring);
    fixture.listener = unix_listener(&fixture, "admin.sock");
    fixture.spec.listener = fixture.listener;
    for (uint64_t n = 0; !fixture.admin; n++) {
        struct err err = {""};
        mem_fail_once(n);
        fixture.admin = admin_new(&fixture.spec, &err);
        mem_fail_never();
        if (!fixture.admin)
            assert_string_equal(err.text, "cannot start the admin API: out of memory");
        assert_true(n < 100);
    }
    keyring_unref(ring);
    admin_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys_outlive_the_process, start, stop),
        cmocka_unit_test_setup_teardown(test_trouble_of_the_start_is_in_the_status, start, stop),
        cmocka_unit_test_setup_teardown(test_both_listeners_may_be_off, start, stop),
        cmocka_unit_test_setup_teardown(test_the_spec_may_go, start, stop),
        cmocka_unit_test_setup_teardown(test_short_memory_is_told, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
