/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#define HOUR_MS 3600000ULL
#define DAY_MS (24 * HOUR_MS)

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    struct err err = {""};
    const struct store_usage rows[] = {
        {.key_id = 1,
         .model = "a/b",
         .hour_ms = DAY_MS,
         .requests = 2,
         .failed = 1,
         .prompt_tokens = 10,
         .completion_tokens = 20},
        {.key_id = 1,
         .model = "a/b",
         .hour_ms = DAY_MS + HOUR_MS,
         .requests = 1,
         .prompt_tokens = 1,
         .completion_tokens = 2},
        {.key_id = 9,
         .model = "c",
         .hour_ms = 2 * DAY_MS,
         .requests = 4,
         .cut = 1,
         .prompt_tokens = 3,
         .disputed_tokens = 7},
        {.key_id = 0, .model = "c", .hour_ms = 2 * DAY_MS, .requests = 8},
    };
    const struct store_mark mark = {.tally = 1};
    fixture_start(&fixture);
    assert_int_equal(store_keys_restore(fixture.store, NULL, 0, NULL, 0, &err), 0);
    store_key(fixture.store, 1, "ann");
    assert_int_equal(store_ledger_add(fixture.store, rows, COUNT_OF(rows), &mark, &err), 0);
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

/* The rows of an answer. */
static const json_t *rows_of(const char *target, size_t count, struct reply *reply)
{
    ask(&fixture, "GET", target, "", reply);
    assert_int_equal(reply->status, 200);
    const json_t *rows = json_object_get(reply->json, "rows");
    assert_int_equal(json_array_size(rows), count);
    assert_int_equal(number_at(reply->json, "unflushed_rows"), 0);
    assert_true(json_is_false(json_object_get(reply->json, "truncated")));
    return rows;
}

static void test_all_in_one_row(void **state)
{
    (void)state;
    struct reply reply;
    const json_t *row = json_array_get(rows_of("/usage", 1, &reply), 0);
    assert_int_equal(number_at(row, "requests"), 15);
    assert_int_equal(number_at(row, "failed"), 1);
    assert_int_equal(number_at(row, "cut"), 1);
    assert_int_equal(number_at(row, "prompt_tokens"), 14);
    assert_int_equal(number_at(row, "completion_tokens"), 22);
    assert_int_equal(number_at(row, "total_tokens"), 36);
    assert_int_equal(number_at(row, "disputed_tokens"), 7);
    assert_null(json_object_get(row, "key"));
    assert_null(json_object_get(row, "model"));
    reply_release(&reply);
}

static void test_by_key_and_model(void **state)
{
    (void)state;
    struct reply reply;
    const json_t *rows = rows_of("/usage?by=key,model", 3, &reply);
    bool known = false, unknown = false, none = false;
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = json_array_get(rows, i);
        known =
            known || (strcmp(text_at(row, "key_name"), "ann") == 0 &&
                      strcmp(text_at(row, "key"), "key_00000000001") == 0 &&
                      strcmp(text_at(row, "model"), "a/b") == 0 && number_at(row, "requests") == 3);
        unknown = unknown || (json_is_null(json_object_get(row, "key_name")) &&
                              json_is_string(json_object_get(row, "key")));
        none = none || json_is_null(json_object_get(row, "key"));
    }
    assert_true(known && unknown && none);
    reply_release(&reply);
}

static void test_by_day_and_hour(void **state)
{
    (void)state;
    struct reply reply;
    const json_t *rows = rows_of("/usage?by=day", 2, &reply);
    assert_string_equal(text_at(json_array_get(rows, 0), "day"), "1970-01-02");
    assert_int_equal(number_at(json_array_get(rows, 0), "requests"), 3);
    reply_release(&reply);
    rows = rows_of("/usage?by=hour", 3, &reply);
    assert_string_equal(text_at(json_array_get(rows, 1), "hour"), "1970-01-02T01:00");
    reply_release(&reply);
}

static void test_a_part_of_it(void **state)
{
    (void)state;
    struct reply reply;
    const json_t *row =
        json_array_get(rows_of("/usage?from=1970-01-02&to=1970-01-02T01:00:00Z", 1, &reply), 0);
    assert_int_equal(number_at(row, "requests"), 2);
    reply_release(&reply);
    row = json_array_get(rows_of("/usage?key=key_00000000009&by=key", 1, &reply), 0);
    assert_int_equal(number_at(row, "requests"), 4);
    reply_release(&reply);
    row = json_array_get(rows_of("/usage?model=a%2Fb&by=model", 1, &reply), 0);
    assert_int_equal(number_at(row, "requests"), 3);
    reply_release(&reply);
    (void)rows_of("/usage?model=nowhere&by=model", 0, &reply);
    reply_release(&reply);
}

static void test_questions_that_are_refused(void **state)
{
    (void)state;
    assert_refused(&fixture, "GET", "/usage?from=yesterday", "", 400, "'from' must be a date");
    assert_refused(&fixture, "GET", "/usage?to=5", "", 400, "'to' must be a date");
    assert_refused(&fixture, "GET", "/usage?key=ann", "", 400, "'key' must be a key's id");
    assert_refused(&fixture, "GET", "/usage?by=week", "", 400, "'by' must be a list of");
    assert_refused(&fixture, "GET", "/usage?by=key,", "", 400, "'by' must be a list of");
    assert_refused(&fixture, "GET", "/usage?model=%zz", "", 400, "'model' is not");
    assert_refused(&fixture, "GET", "/usage?since=1", "", 400, "unknown parameter 'since'");
}

static void test_a_database_that_is_gone_is_503(void **state)
{
    (void)state;
    struct err err = {""};
    int error;
    unserve(&fixture);
    struct store *gone = store_new("/tmp/seawall-there-is-none/seawall.db", &error, &err);
    assert_non_null(gone);
    struct store *kept = fixture.admin->store;
    fixture.admin->store = gone;
    serve(&fixture);
    assert_refused(&fixture, "GET", "/usage", "", 503, "seawall.db");
    unserve(&fixture);
    fixture.admin->store = kept;
    store_free(gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_in_one_row, start, stop),
        cmocka_unit_test_setup_teardown(test_by_key_and_model, start, stop),
        cmocka_unit_test_setup_teardown(test_by_day_and_hour, start, stop),
        cmocka_unit_test_setup_teardown(test_a_part_of_it, start, stop),
        cmocka_unit_test_setup_teardown(test_questions_that_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_a_database_that_is_gone_is_503, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
