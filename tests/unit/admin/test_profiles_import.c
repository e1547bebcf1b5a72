/* SPDX-License-Identifier: Apache-2.0 */
#include "profiles_testing.h"

#include "admin/profiles_import.h"
#include "identity/identity.h"

static const struct mac_key mac = {{1}};
static struct keyring *ring;
static struct profiles *profiles;
static uint64_t today;

static int start(void **state)
{
    (void)state;
    struct key *keys[] = {test_key(5, "alice"), test_key(6, "bob")};
    ring = keyring_new(&mac, keys, 2, NULL, false);
    profiles = profiles_new(1000);
    today = clock_wall_ms() / PROFILE_DAY_MS;
    key_unref(keys[0]);
    key_unref(keys[1]);
    return ring && profiles ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    keyring_unref(ring);
    profiles_free(profiles);
    return 0;
}

/* What comes of a body: its status; *ret_json is an object or NULL, *err says why. */
static unsigned import(const char *body, json_t **ret_json, struct err *err)
{
    const struct profiles_import spec = {profiles, ring, &mac, clock_wall_ms()};
    struct buf buf;
    json_t *root = json_loads(body, 0, NULL);
    assert_non_null(root);
    buf_init(&buf, 1 << 20);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    unsigned status = profiles_import(&spec, root, &out, err);
    if (status == 200)
        json_out_close(&out, '}');
    *ret_json = status == 200 ? json_loadb(buf.ptr, buf.len, 0, NULL) : NULL;
    buf_release(&buf);
    json_decref(root);
    return status;
}

/* Four days of eight hours, 3600 wt in each: 800 prompt and 1400 completion tokens an hour. */
static void write_week(struct buf *buf, const char *who)
{
    buf_printf(buf, "{\"who\":\"%s\",\"days\":[", who);
    for (uint64_t day = today - 4; day < today; day++) {
        buf_printf(buf, "%s[%llu,80,400.5,[", day == today - 4 ? "" : ",", (unsigned long long)day);
        for (unsigned hour = 8; hour < 16; hour++)
            buf_printf(buf, "%s[%u,800,1400]", hour == 8 ? "" : ",", hour);
        buf_append(buf, SPAN("]]"));
    }
    buf_append(buf, SPAN("]}"));
}

static json_t *import_three(bool dry_run)
{
    struct buf buf;
    struct err err = {""};
    json_t *json;
    buf_init(&buf, 65536);
    buf_printf(&buf, "{\"dry_run\":%s,\"identities\":[", dry_run ? "true" : "false");
    write_week(&buf, "alice");
    buf_append_byte(&buf, ',');
    write_week(&buf, "nobody");
    buf_append_byte(&buf, ',');
    write_week(&buf, "192.0.2.1");
    buf_append(&buf, SPAN("]}"));
    assert_int_equal(import(buf_cstr(&buf), &json, &err), 200);
    buf_release(&buf);
    return json;
}

static void assert_results(const json_t *json)
{
    const json_t *results = json_object_get(json, "results");
    assert_int_equal(json_array_size(results), 3);
    const json_t *alice = json_array_get(results, 0);
    assert_string_equal(text_at(alice, "name"), "alice");
    assert_true(json_is_true(json_object_get(alice, "in_profile")));
    assert_near(json_number_value(json_object_get(alice, "rate")), 2);
    assert_string_equal(text_at(json_array_get(results, 1), "refused"), "there is no key 'nobody'");
    assert_memory_equal(text_at(json_array_get(results, 2), "id"), "addr_", 5);
}

static void days_from_elsewhere_become_budgets(void **state)
{
    (void)state;
    json_t *json = import_three(false);
    assert_results(json);
    assert_near(rate_now(profiles, identity_of_key(5)), 2);
    assert_int_equal(profiles_count(profiles), 2);
    json_decref(json);
    json = import_three(false); /* a second time changes nothing */
    assert_results(json);
    assert_int_equal(profiles_count(profiles), 2);
    json_decref(json);
}

static void a_dry_run_tells_the_same_and_changes_nothing(void **state)
{
    (void)state;
    json_t *json = import_three(true);
    assert_results(json);
    assert_true(json_is_true(json_object_get(json, "dry_run")));
    assert_int_equal(profiles_count(profiles), 0);
    json_decref(json);
}

static void senseless_bodies_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"{}", "'identities' must be a list"},
        {"{\"identities\":[]}", "'identities' must be a list"},
        {"{\"identities\":[1]}", "identity 0: an identity must be an object"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1,[[0,1,1]]]],\"x\":1}]}",
         "unknown member"},
        {"{\"identities\":[{\"who\":1,\"days\":[[1,1,1,[[0,1,1]]]]}]}", "'who' must be a text"},
        {"{\"identities\":[{\"who\":\"a\"}]}", "'days' must be a list"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[]}]}", "'days' must be a list"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[0,1,1,[[0,1,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1,[]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1,[[24,1,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1,[[0,0,0]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1,[[1,1,1],[0,1,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1,[[0,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,0,1,[[0,1,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1,[[0,-1,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,-1,[[0,1,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1e9,[[0,1,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[65000,1,1,[[0,1,1]]]]}]}", "a day is"},
        {"{\"identities\":[{\"who\":\"a\",\"days\":[[2,1,1,[[0,1,1]]],[2,1,1,[[0,1,1]]]]}]}",
         "in order"},
        {"{\"dry_run\":1,\"identities\":[{\"who\":\"a\",\"days\":[[1,1,1,[[0,1,1]]]]}]}",
         "'dry_run'"},
        {"{\"x\":1}", "unknown member 'x'"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {""};
        json_t *json;
        assert_int_equal(import(cases[i].body, &json, &err), 400);
        if (!strstr(err.text, cases[i].words))
            fail_msg("%s: %s", cases[i].body, err.text);
    }
    assert_int_equal(profiles_count(profiles), 0);
}

static void the_largest_numbers_are_no_trouble(void **state)
{
    (void)state;
    char body[256];
    struct err err = {""};
    json_t *json;
    snprintf(body, sizeof(body),
             "{\"identities\":[{\"who\":\"alice\",\"days\":[[%llu,4294967295,0,"
             "[[0,9223372036854775807,9223372036854775807]]]]}]}",
             (unsigned long long)today);
    assert_int_equal(import(body, &json, &err), 200);
    json_decref(json);
    assert_true(rate_now(profiles, 5) <= PROFILE_RATE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(days_from_elsewhere_become_budgets, start, stop),
        cmocka_unit_test_setup_teardown(a_dry_run_tells_the_same_and_changes_nothing, start, stop),
        cmocka_unit_test_setup_teardown(senseless_bodies_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(the_largest_numbers_are_no_trouble, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
