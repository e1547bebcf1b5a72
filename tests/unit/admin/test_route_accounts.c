/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    struct err err = {""};
    fixture_start(&fixture);
    assert_int_equal(store_keys_restore(fixture.store, NULL, 0, NULL, 0, &err), 0);
    store_key(fixture.store, 1, "key 1");
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

static void post(const char *target, const char *body)
{
    struct reply reply;
    ask(&fixture, "POST", target, body, &reply);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
}

static void assert_limits(const char *target, const char *word, json_int_t value)
{
    struct reply reply;
    ask(&fixture, "GET", target, "", &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(number_at(json_object_get(reply.json, "limits"), word), value);
    reply_release(&reply);
}

static void test_an_account_is_made_by_its_limits(void **state)
{
    (void)state;
    struct reply reply;
    post("/accounts/team/limits", "{\"limits\":{\"tokens_per_day\":50}}");
    post("/accounts/team/limits", "{\"limits\":{\"concurrent_calls\":2}}");
    assert_limits("/accounts/team", "tokens_per_day", 50);
    assert_limits("/accounts/team", "concurrent_calls", 2);
    ask(&fixture, "GET", "/accounts", "", &reply);
    assert_int_equal(json_array_size(json_object_get(reply.json, "accounts")), 1);
    reply_release(&reply);
}

static void test_an_account_is_made_by_its_key(void **state)
{
    (void)state;
    struct reply reply;
    post("/keys/key_00000000001/limits",
         "{\"account\":\"team\",\"limits\":{\"tokens_per_day\":50,\"spend_per_day\":\"5\"}}");
    post("/keys/key_00000000001/limits", "{\"limits\":{\"tokens_per_day\":60}}");
    post("/keys", "{\"name\":\"b\",\"account\":\"team\"}");
    ask(&fixture, "GET", "/accounts/team", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(number_at(reply.json, "keys"), 2);
    assert_int_equal(json_object_size(json_object_get(reply.json, "limits")), 0);
    reply_release(&reply);
    ask(&fixture, "GET", "/keys/key_00000000001", "", &reply);
    assert_string_equal(text_at(reply.json, "account"), "team");
    assert_string_equal(text_at(json_object_get(reply.json, "limits"), "spend_per_day"), "5.00");
    const json_t *use = json_object_get(reply.json, "use");
    assert_int_equal(json_array_size(use), 2);
    assert_int_equal(number_at(json_array_get(use, 0), "value"), 60);
    assert_int_equal(number_at(json_array_get(use, 0), "used"), 0);
    assert_string_equal(text_at(json_array_get(use, 0), "from"), "key");
    reply_release(&reply);
    post("/keys/key_00000000001/limits",
         "{\"account\":null,\"limits\":{\"tokens_per_day\":null,\"spend_per_day\":null}}");
    ask(&fixture, "GET", "/keys/key_00000000001", "", &reply);
    assert_true(json_is_null(json_object_get(reply.json, "account")));
    assert_int_equal(json_object_size(json_object_get(reply.json, "limits")), 0);
    reply_release(&reply);
}

static void test_what_is_wrong_is_refused(void **state)
{
    (void)state;
    assert_refused(&fixture, "GET", "/accounts/nobody", "", 404, "there is no account 'nobody'");
    assert_refused(&fixture, "POST", "/accounts/a%20b/limits", "{}", 400, "the name of an account");
    assert_refused(&fixture, "POST", "/accounts/none/limits", "{}", 400, "the name of an account");
    assert_refused(&fixture, "POST", "/accounts/team/limits", "{\"limits\":{\"tokens_per_day\":0}}",
                   400, "'tokens_per_day' must be");
    assert_refused(&fixture, "POST", "/accounts/team/limits", "{\"limit\":{}}", 400,
                   "unknown member");
    assert_refused(&fixture, "POST", "/keys/key_00000000001/limits", "{\"account\":\"a b\"}", 400,
                   "'account' must be a name");
    assert_refused(&fixture, "POST", "/keys/key_00000000001/limits", "{\"limits\":3}", 400,
                   "'limits' must be an object");
    assert_refused(&fixture, "POST", "/keys/key_00000000009/limits", "{}", 404, "there is no key");
    assert_refused(&fixture, "POST", "/keys",
                   "{\"name\":\"b\",\"limits\":{\"spend_per_day\":\"-1\"}}", 400,
                   "'spend_per_day' must be");
    assert_refused(&fixture, "GET", "/accounts/team", "", 404,
                   "there is no account 'team'"); /* nothing was made of it */
}

static void test_they_survive_a_lost_database(void **state)
{
    (void)state;
    post("/accounts/team/limits", "{\"limits\":{\"tokens_per_day\":50}}");
    post("/keys/key_00000000001/limits",
         "{\"account\":\"team\",\"limits\":{\"tokens_per_day\":7}}");
    assert_int_equal(unlink(fixture.database), 0);
    post("/keys", "{\"name\":\"b\"}"); /* the database is made anew, with all there is */
    struct err trouble = {""};
    struct admin_spec spec = fixture.spec;
    struct keyring *ring = admin_load_keys(&spec, &trouble);
    assert_non_null(ring);
    assert_int_equal(keyring_by_id(ring, 1)->limits->of[LIMIT_TOKENS_DAY], 7);
    assert_string_equal(keyring_by_id(ring, 1)->account, "team");
    assert_int_equal(accounts_by_id(keyring_accounts(ring), keyring_by_id(ring, 1)->account_id)
                         ->limits.of[LIMIT_TOKENS_DAY],
                     50);
    keyring_unref(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_account_is_made_by_its_limits, start, stop),
        cmocka_unit_test_setup_teardown(test_an_account_is_made_by_its_key, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_they_survive_a_lost_database, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
