/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    fixture_admin(&fixture);
    fixture.pool = test_pool("http://127.0.0.1:1");
    fixture.has_model = true;
    fixture.gate = (struct admin_gate){
        .all = {.waiting = {1, 2, 3},
                .running = {4, 5, 6},
                .limit = 16,
                .reserve = 5,
                .capacity = 99.5},
        .backends = {{.limit = 10, .under_way = 11, .kv_reserved = 12, .kv_max = 13, .stopping = 14}}};
    serve(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void test_status_says_what_runs(void **state)
{
    (void)state;
    struct reply reply;
    ask(&fixture, "GET", "/status", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(text_at(reply.json, "version"), SEAWALL_VERSION);
    assert_int_equal(number_at(reply.json, "restarts"), 2);
    assert_int_equal(number_at(reply.json, "workers"), 3);
    assert_int_equal(number_at(reply.json, "keys"), 0);
    assert_int_equal(number_at(reply.json, "pid"), getpid());
    assert_true(number_at(reply.json, "uptime_s") < 100);
    assert_string_equal(text_at(reply.json, "lost"), "3 calls were under way");
    assert_int_equal(json_array_size(json_object_get(reply.json, "trouble")), 0);
    assert_non_null(strstr(reply.body, "\"listen\":[\"127.0.0.1:8080\",\"[::1]:8081\"]"));

    const json_t *pool = json_array_get(json_object_get(reply.json, "pools"), 0);
    const json_t *backend = json_array_get(json_object_get(pool, "backends"), 0);
    assert_string_equal(text_at(pool, "name"), "main");
    assert_true(json_is_true(json_object_get(pool, "available")));
    assert_string_equal(text_at(backend, "url"), "http://127.0.0.1:1");
    assert_string_equal(text_at(backend, "state"), "unknown");
    assert_true(json_is_null(json_object_get(backend, "last_good_s")));
    reply_release(&reply);
}

static void assert_stop(const char *wanted)
{
    struct reply reply;
    ask(&fixture, "GET", "/status", "", &reply);
    const json_t *pool = json_array_get(json_object_get(reply.json, "pools"), 0);
    char *text = json_dumps(json_object_get(json_array_get(json_object_get(pool, "backends"), 0), "stop_ms"), JSON_ENCODE_ANY);
    assert_string_equal(text, wanted);
    free(text);
    reply_release(&reply);
}

static void test_status_says_how_fast_a_backend_stops(void **state)
{
    (void)state;
    assert_stop("null");
    backend_set_stop_ms(pool_backend(fixture.pool, 0), 40);
    assert_stop("40");
    backend_set_stop_ms(pool_backend(fixture.pool, 0), BACKEND_STOPS_NOT);
    assert_stop("-1");
}

static void test_status_says_who_waits_and_who_runs(void **state)
{
    (void)state;
    struct reply reply;
    fixture.gate.all.siege = true;
    fixture.gate.all.waiting_s = 20.4;
    fixture.gate.rungs = 2;
    ask(&fixture, "GET", "/status", "", &reply);
    const json_t *pool = json_array_get(json_object_get(reply.json, "pools"), 0);
    const json_t *gate = json_object_get(pool, "gate");
    const json_t *backend = json_array_get(json_object_get(pool, "backends"), 0);
    assert_int_equal(number_at(gate, "limit"), 16);
    assert_int_equal(number_at(gate, "kept_free"), 5);
    assert_int_equal(number_at(json_object_get(gate, "waiting"), "in_profile"), 1);
    assert_int_equal(number_at(json_object_get(gate, "waiting"), "unknown"), 3);
    assert_int_equal(number_at(json_object_get(gate, "running"), "paid"), 5);
    assert_int_equal(number_at(gate, "capacity_wt_s"), 100);
    assert_true(json_is_true(json_object_get(gate, "siege")));
    assert_int_equal(number_at(gate, "waiting_s"), 20);
    assert_int_equal(number_at(gate, "rungs"), 2);
    assert_int_equal(number_at(backend, "limit"), 10);
    assert_int_equal(number_at(backend, "turns"), 11);
    assert_int_equal(number_at(backend, "kv_reserved"), 12);
    assert_int_equal(number_at(backend, "stopping"), 14);
    assert_int_equal(number_at(backend, "kv_max"), 13);
    reply_release(&reply);
}

static bool model_up(void)
{
    struct reply reply;
    ask(&fixture, "GET", "/status", "", &reply);
    const json_t *model = json_array_get(json_object_get(reply.json, "models"), 0);
    assert_string_equal(text_at(model, "name"), "small");
    bool up = json_is_true(json_object_get(model, "up"));
    reply_release(&reply);
    return up;
}

/* A backend that nobody has asked yet may take calls; that it works is not known. */
static void test_a_model_is_up_when_its_backend_has_shown_it(void **state)
{
    (void)state;
    assert_false(model_up());
    struct backend *backend = pool_pick(fixture.pool, 0, clock_mono_us() / 1000);
    assert_non_null(backend);
    backend_report(backend, BACKEND_GOOD, clock_mono_us() / 1000);
    assert_true(model_up());
    for (int i = 0; i < 3; i++) {
        backend = pool_pick(fixture.pool, 0, clock_mono_us() / 1000);
        assert_non_null(backend);
        backend_report(backend, BACKEND_FAILED, clock_mono_us() / 1000);
    }
    assert_false(model_up());
}

static void test_top_counts(void **state)
{
    (void)state;
    struct reply reply;
    ask(&fixture, "GET", "/top", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(number_at(reply.json, "now_ms") > 0);
    assert_int_equal(number_at(reply.json, "requests_total"), 0);
    assert_int_equal(number_at(reply.json, "errors_total"), 0);
    assert_int_equal(number_at(reply.json, "completion_tokens"), 0);
    assert_int_equal(json_array_size(json_object_get(reply.json, "bounds_ms")), METRICS_BUCKETS);
    assert_int_equal(json_array_size(json_object_get(reply.json, "first_token_ms")),
                     METRICS_BUCKETS + 1);
    assert_int_equal(json_array_size(json_object_get(reply.json, "pools")), 1);
    reply_release(&reply);
}

static void test_metrics_have_the_backends(void **state)
{
    (void)state;
    struct reply reply;
    int fd = dial(&fixture, "metrics.sock");
    ask_on(fd, "GET", "/metrics", "", &reply);
    assert_non_null(strstr(
        reply.body, "\nseawall_backend_up{pool=\"main\",backend=\"http://127.0.0.1:1\"} 1\n"));
    assert_non_null(strstr(reply.body, "\nseawall_workers 3\n"));
    assert_non_null(strstr(reply.body, "\nseawall_turns_limit{pool=\"main\"} 16\n"));
    assert_non_null(strstr(reply.body, "\nseawall_trouble 0\n"));
    reply_release(&reply);
    close(fd);
}

static void test_a_reload_is_told_how_it_went(void **state)
{
    (void)state;
    struct reply reply;
    ask(&fixture, "POST", "/reload", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(json_is_true(json_object_get(reply.json, "reloaded")));
    assert_null(json_object_get(reply.json, "at_next_start"));
    reply_release(&reply);
    fixture.waiting = "listen";
    ask(&fixture, "POST", "/reload", "", &reply);
    assert_string_equal(json_string_value(json_object_get(reply.json, "at_next_start")), "listen");
    reply_release(&reply);
    fixture.reload_error = "seawall.yaml:3: unknown key";
    assert_refused(&fixture, "POST", "/reload", "", 422, "seawall.yaml:3: unknown key");
}

static void test_one_reload_at_a_time(void **state)
{
    (void)state;
    fixture.reload_waits = true;
    int fd = dial(&fixture, "admin.sock");
    say(fd, "POST /reload HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n");
    struct reply reply;
    unsigned status;
    fixture.reload_error = "second";
    do { /* until the first one has arrived, a second one would wait: so ask for another thing first */
        ask(&fixture, "GET", "/keys", "", &reply);
        status = reply.status;
        reply_release(&reply);
    } while (status != 200);
    assert_refused(&fixture, "POST", "/reload", "", 409, "another reload is under way");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_status_says_what_runs, start, stop),
        cmocka_unit_test_setup_teardown(test_status_says_how_fast_a_backend_stops, start, stop),
        cmocka_unit_test_setup_teardown(test_status_says_who_waits_and_who_runs, start, stop),
        cmocka_unit_test_setup_teardown(test_a_model_is_up_when_its_backend_has_shown_it, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_top_counts, start, stop),
        cmocka_unit_test_setup_teardown(test_metrics_have_the_backends, start, stop),
        cmocka_unit_test_setup_teardown(test_a_reload_is_told_how_it_went, start, stop),
        cmocka_unit_test_setup_teardown(test_one_reload_at_a_time, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
