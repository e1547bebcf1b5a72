/* SPDX-License-Identifier: Apache-2.0 */
#include "profiles_testing.h"

#include "admin/profiles_json.h"

static json_t *shown(const struct profile *profile, const struct keyring *ring)
{
    struct buf buf;
    buf_init(&buf, 65536);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    profile_write_members(&out, profile, ring);
    profile_write_days(&out, profile);
    json_out_close(&out, '}');
    json_t *json = json_loadb(buf.ptr, buf.len, 0, NULL);
    buf_release(&buf);
    assert_non_null(json);
    return json;
}

static double real_at(const json_t *json, const char *name)
{
    assert_true(json_is_number(json_object_get(json, name)));
    return json_number_value(json_object_get(json, name));
}

static struct keyring *ring_of_one(void)
{
    const struct mac_key mac = {{1}};
    struct key *key = test_key(5, "alice");
    struct keyring *ring = keyring_new(&mac, &key, 1, NULL, false);
    assert_non_null(ring);
    key_unref(key);
    return ring;
}

static void a_trusted_key_is_shown_with_all_its_facts(void **state)
{
    (void)state;
    struct keyring *ring = ring_of_one();
    struct profile profile = trusted_profile(5, 3600);
    json_t *json = shown(&profile, ring);
    assert_string_equal(text_at(json, "name"), "alice");
    assert_memory_equal(text_at(json, "id"), "key_", 4);
    assert_string_equal(text_at(json, "by"), "use");
    assert_true(json_is_true(json_object_get(json, "in_profile")));
    assert_near(real_at(json, "in_profile_in_s"), 0);
    assert_near(real_at(json, "rate"), 2);
    assert_near(real_at(json, "burst"), 3600);
    assert_near(real_at(json, "day"), 57600);
    assert_near(real_at(json, "balance"), 3600);
    assert_int_equal(number_at(json, "days_earned"), 7);
    assert_int_equal(json_array_size(json_object_get(json, "days")), 7);
    const json_t *yesterday = json_array_get(json_object_get(json, "days"), 1);
    assert_int_equal(strlen(text_at(yesterday, "day")), 10);
    assert_near(real_at(yesterday, "wt"), 28800);
    assert_near(real_at(yesterday, "busiest_wt"), 3600);
    assert_int_equal(number_at(yesterday, "hours"), 8);
    assert_int_equal(number_at(yesterday, "requests"), 80);
    json_decref(json);

    (void)profile_reserve(&profile, 3800, profile.refilled_ms);
    json = shown(&profile, ring);
    assert_true(json_is_false(json_object_get(json, "in_profile")));
    assert_near(real_at(json, "in_profile_in_s"), 100);
    json_decref(json);

    profile_grant(&profile, 50, profile.refilled_ms);
    json = shown(&profile, ring);
    assert_string_equal(text_at(json, "by"), "grant");
    assert_near(real_at(json, "rate_granted"), 50);
    assert_near(real_at(json, "rate_earned"), 2);
    json_decref(json);
    keyring_unref(ring);
}

static void a_stranger_has_no_rate_and_no_time(void **state)
{
    (void)state;
    struct keyring *ring = ring_of_one();
    struct profile profile = {.id = 77};
    json_t *json = shown(&profile, ring);
    assert_memory_equal(text_at(json, "id"), "addr_", 5);
    assert_true(json_is_null(json_object_get(json, "name")));
    assert_true(json_is_null(json_object_get(json, "by")));
    assert_true(json_is_null(json_object_get(json, "in_profile_in_s")));
    assert_true(json_is_null(json_object_get(json, "seen")));
    assert_int_equal(json_array_size(json_object_get(json, "days")), 0);
    json_decref(json);
    keyring_unref(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_key_is_shown_with_all_its_facts),
        cmocka_unit_test(a_stranger_has_no_rate_and_no_time),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
