/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/keys_change.h"

#include <sqlite3.h>

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
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

static void change(const char *id, const char *verb, const char *body, struct reply *reply)
{
    char target[64];
    snprintf(target, sizeof(target), "/keys/%s%s", id, verb);
    ask(&fixture, "POST", target, body, reply);
}

/* What the database holds of a key. */
struct found {
    uint64_t id;
    bool there, disabled;
    uint64_t expires_ms;
    size_t count;
};

static int find_row(void *arg, const struct store_key *row)
{
    struct found *found = arg;
    found->count++;
    if (row->id == found->id) {
        found->there = true;
        found->disabled = row->disabled;
        found->expires_ms = row->expires_ms;
    }
    return 0;
}

static struct found in_database(const char *id)
{
    struct found found = {.id = 0};
    struct err err = {""};
    if (id)
        assert_int_equal(key_parse_id(span_str(id), &found.id), 0);
    unserve(&fixture);
    settle(&fixture); /* the store is one thread's at a time */
    assert_int_equal(store_keys_read(fixture.store, find_row, &found, &err), 0);
    serve(&fixture);
    return found;
}

static void test_a_key_that_is_made_works_everywhere(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1];
    make_key(&fixture, "{\"name\":\"ann\",\"models\":[\"a\"],\"expires\":\"2100-01-01\"}", id,
             text);
    assert_int_equal(judge(&fixture, text), REASON_OK);
    text[20] = text[20] == 'a' ? 'b' : 'a';
    assert_int_equal(judge(&fixture, text), REASON_BAD_KEY);
    struct found found = in_database(id);
    assert_true(found.there && !found.disabled);
    assert_true(found.expires_ms > 4000000000000);
}

static void test_refused_wishes_make_nothing(void **state)
{
    (void)state;
    assert_refused(&fixture, "POST", "/keys", "", 400, "'name' must be a text");
    assert_refused(&fixture, "POST", "/keys", "{", 400, "not JSON");
    assert_refused(&fixture, "POST", "/keys", "{\"name\":\"a\",\"model\":[]}", 400,
                   "unknown member 'model'");
    assert_refused(&fixture, "POST", "/keys", "{\"name\":\"a\",\"expires\":\"soon\"}", 400,
                   "'expires'");
    assert_int_equal(atomic_load(&fixture.changes), 0);
    assert_int_equal(in_database(NULL).count, 0);
}

static void test_a_disabled_key_is_refused_until_it_is_enabled(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1];
    struct reply reply;
    make_key(&fixture, "{\"name\":\"ann\"}", id, text);
    for (int i = 0; i < 2; i++) { /* twice is the same */
        change(id, "/disable", "", &reply);
        assert_int_equal(reply.status, 200);
        assert_string_equal(text_at(reply.json, "state"), "disabled");
        reply_release(&reply);
        assert_int_equal(judge(&fixture, text), REASON_KEY_DISABLED);
    }
    assert_true(in_database(id).disabled);
    change(id, "/enable", "", &reply);
    assert_string_equal(text_at(reply.json, "state"), "active");
    assert_null(json_object_get(reply.json, "key"));
    reply_release(&reply);
    assert_int_equal(judge(&fixture, text), REASON_OK);
    assert_false(in_database(id).disabled);
    assert_refused(&fixture, "POST", "/keys/key_00000000001/disable", "", 404,
                   "there is no key 'key_00000000001'");
}

static void test_last_use_survives_a_change(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1];
    struct reply reply;
    make_key(&fixture, "{\"name\":\"ann\"}", id, text);
    assert_int_equal(judge(&fixture, text), REASON_OK); /* that is a use */
    change(id, "/disable", "", &reply);
    assert_true(json_is_string(json_object_get(reply.json, "last_used")));
    reply_release(&reply);
}

static void test_rotation_without_overlap_ends_the_old_key_at_once(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1];
    struct reply reply;
    make_key(&fixture, "{\"name\":\"ann\",\"models\":[\"a\",\"b\"],\"expires\":\"2100-01-01\"}", id,
             text);
    change(id, "/rotate", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_not_equal(text_at(reply.json, "id"), id);
    assert_string_equal(text_at(reply.json, "name"), "ann");
    assert_string_equal(text_at(reply.json, "expires"), "2100-01-01T00:00:00.000Z");
    assert_int_equal(json_array_size(json_object_get(reply.json, "models")), 2);
    assert_string_equal(text_at(json_object_get(reply.json, "replaces"), "id"), id);
    assert_int_equal(judge(&fixture, text_at(reply.json, "key")), REASON_OK);
    assert_int_equal(judge(&fixture, text), REASON_KEY_DISABLED);
    uint64_t from, to;
    assert_int_equal(key_parse_id(span_str(id), &from), 0);
    assert_int_equal(key_parse_id(span_str(text_at(reply.json, "id")), &to), 0);
    assert_true(fixture.replaced == from && fixture.replaced_by == to);
    struct found found = in_database(text_at(reply.json, "id"));
    assert_true(found.there && !found.disabled && found.count == 2);
    assert_true(in_database(id).disabled);
    reply_release(&reply);
}

static void test_rotation_with_overlap_lets_both_in_for_a_while(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1];
    struct reply reply;
    make_key(&fixture, "{\"name\":\"ann\"}", id, text);
    uint64_t before_ms = clock_wall_ms() - 1000; /* the loop's clock is read once an iteration */
    change(id, "/rotate", "{\"overlap_s\":3600}", &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(judge(&fixture, text), REASON_OK);
    assert_int_equal(judge(&fixture, text_at(reply.json, "key")), REASON_OK);
    struct found old = in_database(id);
    assert_true(!old.disabled && old.expires_ms >= before_ms + 3600000 &&
                old.expires_ms <= clock_wall_ms() + 3601000);
    reply_release(&reply);

    /* An end that was nearer stays. */
    make_key(&fixture, "{\"name\":\"bob\",\"expires\":\"2027-01-01\"}", id, text);
    change(id, "/rotate", "{\"overlap_s\":31536000}", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(text_at(json_object_get(reply.json, "replaces"), "expires"),
                        "2027-01-01T00:00:00.000Z");
    reply_release(&reply);
}

static void test_rotations_that_are_refused(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1], target[64];
    struct reply reply;
    make_key(&fixture, "{\"name\":\"ann\"}", id, text);
    snprintf(target, sizeof(target), "/keys/%s/rotate", id);
    assert_refused(&fixture, "POST", target, "{\"overlap_s\":-1}", 400, "'overlap_s' must be 0 to");
    assert_refused(&fixture, "POST", target, "{\"overlap_s\":31622401}", 400,
                   "'overlap_s' must be 0 to");
    assert_refused(&fixture, "POST", target, "{\"overlap_s\":\"1h\"}", 400,
                   "'overlap_s' must be 0 to");
    assert_refused(&fixture, "POST", target, "{\"overlap\":1}", 400, "unknown member 'overlap'");
    assert_int_equal(judge(&fixture, text), REASON_OK);
    change(id, "/disable", "", &reply);
    reply_release(&reply);
    assert_refused(&fixture, "POST", target, "", 409, "the key is disabled");
    make_key(&fixture, "{\"name\":\"bob\",\"expires\":\"2020-01-01\"}", id, text);
    snprintf(target, sizeof(target), "/keys/%s/rotate", id);
    assert_refused(&fixture, "POST", target, "", 409, "the key is expired");
}

static void test_an_import_is_whole_or_nothing(void **state)
{
    (void)state;
    struct reply reply;
    ask(&fixture, "POST", "/keys/import",
        "{\"keys\":[{\"key\":\"sk-proj-0123456789\",\"name\":\"ann\"},{\"key\":\"x\",\"name\":"
        "\"b\"}]}",
        &reply);
    assert_int_equal(reply.status, 400);
    const json_t *rows = json_object_get(json_object_get(reply.json, "error"), "rows");
    assert_int_equal(json_array_size(rows), 1);
    assert_int_equal(number_at(json_array_get(rows, 0), "row"), 1);
    reply_release(&reply);
    assert_int_equal(atomic_load(&fixture.changes), 0);

    ask(&fixture, "POST", "/keys/import",
        "{\"keys\":[{\"key\":\"sk-proj-0123456789\",\"name\":\"ann\"}]}", &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(number_at(reply.json, "imported"), 1);
    reply_release(&reply);
    assert_int_equal(judge(&fixture, "sk-proj-0123456789"), REASON_OK);
    assert_refused(&fixture, "POST", "/keys/import",
                   "{\"keys\":[{\"key\":\"sk-proj-0123456789\",\"name\":\"ann\"}]}", 409, "1 of 1");
    assert_refused(&fixture, "POST", "/keys/import", "", 400, "not JSON");
    assert_int_equal(in_database(NULL).count, 1);
}

/* Another process holds the database: a clear 503, and nothing has changed. */
static void test_a_database_that_refuses_changes_nothing(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1], target[64];
    sqlite3 *other;
    make_key(&fixture, "{\"name\":\"ann\"}", id, text);
    int changes = atomic_load(&fixture.changes);
    assert_int_equal(sqlite3_open(fixture.database, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_refused(&fixture, "POST", "/keys", "{\"name\":\"bob\"}", 503, "nothing has changed");
    snprintf(target, sizeof(target), "/keys/%s/disable", id);
    assert_refused(&fixture, "POST", target, "", 503, "nothing has changed");
    assert_int_equal(atomic_load(&fixture.changes), changes);
    assert_int_equal(judge(&fixture, text), REASON_OK);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    make_key(&fixture, "{\"name\":\"bob\"}", id, text);
    assert_int_equal(judge(&fixture, text), REASON_OK);
    assert_int_equal(in_database(NULL).count, 2);
}

/* It is made anew and gets back what is in force with the next change. */
static void test_a_database_that_vanishes_loses_no_key(void **state)
{
    (void)state;
    char id[16], text[KEY_TEXT_BYTES + 1], wal[160];
    struct reply reply;
    make_key(&fixture, "{\"name\":\"ann\"}", id, text);
    unserve(&fixture);
    settle(&fixture);
    assert_int_equal(unlink(fixture.database), 0);
    snprintf(wal, sizeof(wal), "%s-wal", fixture.database);
    (void)unlink(wal);
    snprintf(wal, sizeof(wal), "%s-shm", fixture.database);
    (void)unlink(wal);
    usleep(1100000); /* the store looks once a second whether its file is still there */
    serve(&fixture);
    change(id, "/disable", "", &reply);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    assert_true(in_database(id).disabled);
    assert_int_equal(judge(&fixture, text), REASON_KEY_DISABLED);
}

static void test_changes_of_many_callers_come_one_after_the_other(void **state)
{
    (void)state;
    int fds[20];
    char texts[20][KEY_TEXT_BYTES + 1];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial(&fixture, "admin.sock");
        say(fds[i],
            "POST /keys HTTP/1.1\r\nHost: s\r\nContent-Length: 14\r\n\r\n{\"name\":\"ann\"}");
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        struct reply reply;
        hear(fds[i], &reply, false);
        assert_int_equal(reply.status, 200);
        snprintf(texts[i], sizeof(texts[i]), "%s", text_at(reply.json, "key"));
        reply_release(&reply);
        close(fds[i]);
    }
    assert_int_equal(keyring_count(fixture.ring), COUNT_OF(fds));
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        assert_int_equal(judge(&fixture, texts[i]), REASON_OK);
    assert_int_equal(in_database(NULL).count, COUNT_OF(fds));
}

static void test_changes_that_wait_end_with_the_admin(void **state)
{
    (void)state;
    unserve(&fixture);
    int fds[5];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial(&fixture, "admin.sock");
        say(fds[i],
            "POST /keys HTTP/1.1\r\nHost: s\r\nContent-Length: 14\r\n\r\n{\"name\":\"ann\"}");
    }
    serve(&fixture);
    struct reply reply;
    hear(fds[0], &reply, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    fixture_stop(&fixture);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    (void)start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_key_that_is_made_works_everywhere, start, stop),
        cmocka_unit_test_setup_teardown(test_refused_wishes_make_nothing, start, stop),
        cmocka_unit_test_setup_teardown(test_a_disabled_key_is_refused_until_it_is_enabled, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_last_use_survives_a_change, start, stop),
        cmocka_unit_test_setup_teardown(test_rotation_without_overlap_ends_the_old_key_at_once,
                                        start, stop),
        cmocka_unit_test_setup_teardown(test_rotation_with_overlap_lets_both_in_for_a_while, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_rotations_that_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_an_import_is_whole_or_nothing, start, stop),
        cmocka_unit_test_setup_teardown(test_a_database_that_refuses_changes_nothing, start, stop),
        cmocka_unit_test_setup_teardown(test_a_database_that_vanishes_loses_no_key, start, stop),
        cmocka_unit_test_setup_teardown(test_changes_of_many_callers_come_one_after_the_other,
                                        start, stop),
        cmocka_unit_test_setup_teardown(test_changes_that_wait_end_with_the_admin, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
