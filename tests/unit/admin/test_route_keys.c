/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    struct err err = {""};
    char name[16];
    fixture_start(&fixture);
    assert_int_equal(store_keys_restore(fixture.store, NULL, 0, NULL, 0, &err), 0);
    for (uint64_t id = 1; id <= 5; id++) {
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

static void assert_page(const char *target, size_t count, const char *first, int next)
{
    struct reply reply;
    ask(&fixture, "GET", target, "", &reply);
    assert_int_equal(reply.status, 200);
    const json_t *keys = json_object_get(reply.json, "keys");
    assert_int_equal(json_array_size(keys), count);
    assert_int_equal(number_at(reply.json, "total"), 5);
    if (count > 0)
        assert_string_equal(text_at(json_array_get(keys, 0), "name"), first);
    if (next < 0)
        assert_true(json_is_null(json_object_get(reply.json, "next")));
    else
        assert_int_equal(number_at(reply.json, "next"), next);
    reply_release(&reply);
}

static void test_keys_come_page_by_page(void **state)
{
    (void)state;
    assert_page("/keys", 5, "key 1", -1);
    assert_page("/keys?limit=2", 2, "key 1", 2);
    assert_page("/keys?limit=2&offset=2", 2, "key 3", 4);
    assert_page("/keys?limit=2&offset=4", 1, "key 5", -1);
    assert_page("/keys?offset=5", 0, NULL, -1);
    assert_page("/keys?offset=18446744073709551615", 0, NULL, -1);
    assert_page("/keys?limit=18446744073709551615", 5, "key 1", -1);
    assert_page("/keys?limit=0", 0, NULL, 0);
    assert_page("/keys?limit=", 5, "key 1", -1);
}

static void test_pages_that_are_refused(void **state)
{
    (void)state;
    assert_refused(&fixture, "GET", "/keys?limit=ten", "", 400, "'limit' must be a number");
    assert_refused(&fixture, "GET", "/keys?offset=-1", "", 400, "'offset' must be a number");
    assert_refused(&fixture, "GET", "/keys?page=2", "", 400, "unknown parameter 'page'");
}

static void test_no_answer_has_a_digest(void **state)
{
    (void)state;
    struct reply reply;
    ask(&fixture, "GET", "/keys", "", &reply);
    assert_null(strstr(reply.body, "0101010101"));
    assert_null(strstr(reply.body, "digest"));
    assert_null(strstr(reply.body, "\"key\""));
    reply_release(&reply);
}

static void test_one_key(void **state)
{
    (void)state;
    struct reply reply;
    ask(&fixture, "GET", "/keys/key_00000000003", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(text_at(reply.json, "name"), "key 3");
    reply_release(&reply);
    assert_refused(&fixture, "GET", "/keys/key_00000000009", "", 404,
                   "there is no key 'key_00000000009'");
    assert_refused(&fixture, "GET", "/keys/3", "", 404, "there is no key '3'");
    assert_refused(&fixture, "POST", "/keys/nobody/rotate", "", 404, "there is no key 'nobody'");
    assert_refused(&fixture, "POST", "/keys/nobody/enable", "", 404, "there is no key 'nobody'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys_come_page_by_page, start, stop),
        cmocka_unit_test_setup_teardown(test_pages_that_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_no_answer_has_a_digest, start, stop),
        cmocka_unit_test_setup_teardown(test_one_key, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
