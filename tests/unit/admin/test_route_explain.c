/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "base/text.h"
#include "identity/request_id.h"

static struct fixture fixture;
static char id[REQUEST_ID_BYTES + 1];

/* A log of one line, written a minute after the request's beginning. */
static int start(void **state)
{
    struct err err = {""};
    char path[128], time[TEXT_TIME_BYTES];
    (void)state;
    fixture_start(&fixture);
    fixture_admin(&fixture);
    request_id_new(UINT64_C(1795514400000000), id);
    assert_int_equal(record_hub_reopen(fixture.hub, SPAN("access.log"), &err), 0);
    snprintf(path, sizeof(path), "%s/access.log", fixture.folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    text_time(UINT64_C(1795514460000), time);
    fprintf(file, "{\"time\":\"%s\",\"id\":\"%s\",\"status\":200}\n", time, id);
    assert_int_equal(fclose(file), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void reopen(const char *name)
{
    struct err err = {""};
    assert_int_equal(record_hub_reopen(fixture.hub, span_str(name), &err), 0);
}

static const char *target_of(const char *name)
{
    static char target[300];
    snprintf(target, sizeof(target), "/requests/%s", name);
    return target;
}

static void test_a_line_is_given_as_it_stands(void **state)
{
    (void)state;
    struct reply reply;
    serve(&fixture);
    ask(&fixture, "GET", target_of(id), "", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(text_at(reply.json, "id"), id);
    assert_int_equal(number_at(reply.json, "status"), 200);
    reply_release(&reply);
}

static void test_what_is_not_there_is_told_apart(void **state)
{
    (void)state;
    char other[REQUEST_ID_BYTES + 1];
    serve(&fixture);
    request_id_new(UINT64_C(1795514400000000), other);
    assert_refused(&fixture, "GET", target_of(other), "", 404,
                   "is kept of the access log begins at 2026-11-24T10:01:00.000Z");
    assert_refused(&fixture, "GET", target_of(other), "", 404, "began at 2026-11-24T10:00:00.000Z");
    request_id_new(UINT64_C(1795514470000000), other);
    assert_refused(&fixture, "GET", target_of(other), "", 404, "there is no request");
}

static void test_names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"x",
                                        "req_",
                                        "req_0000000000a0000000000",
                                        "req_0000000000a0000000000bc",
                                        "req_0000000000a000000000-b",
                                        "REQ_0000000000a0000000000b",
                                        "req_zzzzzzzzzzz0000000000b",
                                        "..",
                                        "req_0000000000a%200000000b"};
    serve(&fixture);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_refused(&fixture, "GET", target_of(names[i]), "", 400, "no request's id");
    assert_refused(&fixture, "GET", "/requests/", "", 404, "there is no");
    assert_refused(&fixture, "POST", target_of(id), "", 405, "");
}

static void test_without_a_log_there_is_nothing_to_tell(void **state)
{
    (void)state;
    reopen("off");
    serve(&fixture);
    assert_refused(&fixture, "GET", target_of(id), "", 409, "switched off");
    unserve(&fixture);
    reopen("-");
    serve(&fixture);
    assert_refused(&fixture, "GET", target_of(id), "", 409, "standard output");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_line_is_given_as_it_stands, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_not_there_is_told_apart, start, stop),
        cmocka_unit_test_setup_teardown(test_names_that_are_none_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_without_a_log_there_is_nothing_to_tell, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
