/* SPDX-License-Identifier: Apache-2.0 */
#include "profiles_testing.h"

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    struct err err = {""};
    fixture_start(&fixture);
    assert_int_equal(store_keys_restore(fixture.store, NULL, 0, NULL, 0, &err), 0);
    for (uint64_t id = 1; id <= 3; id++) {
        char name[16];
        snprintf(name, sizeof(name), "key %u", (unsigned)id);
        store_key(fixture.store, id, name);
    }
    fixture_admin(&fixture);
    serve(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static double real_at(const json_t *json, const char *name)
{
    return json_number_value(json_object_get(json, name));
}

static void profiles_are_listed_largest_first(void **state)
{
    (void)state;
    struct reply reply;
    put_trusted(fixture.profiles, 1, 1800);
    put_trusted(fixture.profiles, 2, 3600);
    put_trusted(fixture.profiles, 99, 900); /* an address */
    ask(&fixture, "GET", "/profiles?limit=2", "", &reply);
    assert_int_equal(reply.status, 200);
    const json_t *rows = json_object_get(reply.json, "profiles");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_at(json_array_get(rows, 0), "name"), "key 2");
    assert_int_equal(number_at(reply.json, "trusted"), 3);
    assert_int_equal(number_at(reply.json, "in_profile"), 3);
    assert_near(real_at(reply.json, "rate"), 3.5);
    reply_release(&reply);
    assert_refused(&fixture, "GET", "/profiles?limit=x", "", 400, "'limit' must be a number");
    assert_refused(&fixture, "GET", "/profiles?limit=10001", "", 400, "'limit' must be a number");
    assert_refused(&fixture, "GET", "/profiles?what=1", "", 400, "unknown parameter");
}

static void one_is_shown(void **state)
{
    (void)state;
    struct reply reply;
    put_trusted(fixture.profiles, 2, 3600);
    ask(&fixture, "GET", "/profiles/show?who=key%202", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_near(real_at(reply.json, "rate"), 2);
    assert_int_equal(json_array_size(json_object_get(reply.json, "days")), 7);
    reply_release(&reply);
    ask(&fixture, "GET", "/profiles/show?who=192.0.2.1", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(json_is_false(json_object_get(reply.json, "trusted")));
    reply_release(&reply);
    assert_refused(&fixture, "GET", "/profiles/show?who=nobody", "", 404,
                   "there is no key 'nobody'");
    assert_refused(&fixture, "GET", "/profiles/show", "", 400, "'who' must be");
    assert_refused(&fixture, "GET", "/profiles/show?who=%zz", "", 400, "'who' is not well formed");
}

static void a_grant_is_given_and_taken_back(void **state)
{
    (void)state;
    struct reply reply;
    ask(&fixture, "POST", "/profiles/grant", "{\"who\":\"key 1\",\"rate\":12.5}", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(text_at(reply.json, "by"), "grant");
    assert_near(real_at(reply.json, "rate"), 12.5);
    reply_release(&reply);
    assert_near(rate_now(fixture.profiles, 1), 12.5);
    ask(&fixture, "POST", "/profiles/grant", "{\"who\":\"key 1\",\"rate\":0}", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(json_is_false(json_object_get(reply.json, "trusted")));
    reply_release(&reply);
    ask(&fixture, "POST", "/profiles/grant", "{\"who\":\"192.0.2.9\",\"rate\":0}", &reply);
    assert_int_equal(reply.status, 200); /* nothing to take back */
    reply_release(&reply);
    assert_int_equal(profiles_count(fixture.profiles), 1);
}

static void grants_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *words;
        unsigned status;
    } cases[] = {{"", "not JSON", 400},
                 {"[]", "not a JSON object", 400},
                 {"{\"rate\":1}", "'who' must be a text", 400},
                 {"{\"who\":5,\"rate\":1}", "'who' must be a text", 400},
                 {"{\"who\":\"nobody\",\"rate\":1}", "there is no key", 404},
                 {"{\"who\":\"key 1\"}", "'rate' must be a number", 400},
                 {"{\"who\":\"key 1\",\"rate\":-1}", "'rate' must be a number", 400},
                 {"{\"who\":\"key 1\",\"rate\":\"1\"}", "'rate' must be a number", 400},
                 {"{\"who\":\"key 1\",\"rate\":1e10}", "'rate' must be a number", 400},
                 {"{\"who\":\"key 1\",\"rate\":1,\"forever\":1}", "unknown member", 400}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_refused(&fixture, "POST", "/profiles/grant", cases[i].body, cases[i].status,
                       cases[i].words);
    assert_int_equal(profiles_count(fixture.profiles), 0);
}

static void one_is_forgotten(void **state)
{
    (void)state;
    struct reply reply;
    put_trusted(fixture.profiles, 2, 3600);
    for (int i = 0; i < 2; i++) {
        ask(&fixture, "POST", "/profiles/forget", "{\"who\":\"key 2\"}", &reply);
        assert_int_equal(reply.status, 200);
        assert_int_equal(json_is_true(json_object_get(reply.json, "known")), i == 0);
        reply_release(&reply);
    }
    assert_true(rate_now(fixture.profiles, 2) == 0);
    assert_refused(&fixture, "POST", "/profiles/forget", "{}", 400, "'who' must be a text");
}

static void usage_is_imported(void **state)
{
    (void)state;
    struct reply reply;
    char body[512];
    unsigned long long today = clock_wall_ms() / PROFILE_DAY_MS;
    snprintf(body, sizeof(body),
             "{\"identities\":[{\"who\":\"key 3\",\"days\":[[%llu,1,0,[[9,1800,0]]],"
             "[%llu,1,0,[[9,1800,0]]],[%llu,1,0,[[9,1800,0]]]]}]}",
             today - 3, today - 2, today - 1);
    ask(&fixture, "POST", "/profiles/import", body, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(json_array_size(json_object_get(reply.json, "results")), 1);
    reply_release(&reply);
    assert_near(rate_now(fixture.profiles, 3), 1);
    assert_refused(&fixture, "POST", "/profiles/import", "{\"identities\":1}", 400, "'identities'");
    assert_refused(&fixture, "POST", "/profiles/import", "nonsense", 400, "not JSON");
}

static void a_rotated_key_keeps_its_budget(void **state)
{
    (void)state;
    struct reply reply;
    char id[16], target[64], body[64];
    put_trusted(fixture.profiles, 2, 3600);
    key_format_id(2, id);
    snprintf(target, sizeof(target), "/keys/%s/rotate", id);
    ask(&fixture, "POST", target, "", &reply);
    assert_int_equal(reply.status, 200);
    snprintf(body, sizeof(body), "/profiles/show?who=%s", text_at(reply.json, "id"));
    reply_release(&reply);
    ask(&fixture, "GET", body, "", &reply);
    assert_near(real_at(reply.json, "rate"), 2);
    assert_string_equal(text_at(reply.json, "name"), "key 2");
    reply_release(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(profiles_are_listed_largest_first, start, stop),
        cmocka_unit_test_setup_teardown(one_is_shown, start, stop),
        cmocka_unit_test_setup_teardown(a_grant_is_given_and_taken_back, start, stop),
        cmocka_unit_test_setup_teardown(grants_that_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(one_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(usage_is_imported, start, stop),
        cmocka_unit_test_setup_teardown(a_rotated_key_keeps_its_budget, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
