/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_engine.h"

#include "relay/backend.h"
#include "relay/stopping.h"

/* An engine that writes one token each TOKEN_MS until it is hung up, and works on for `stops_after` of its looks. */
#define TOKEN_MS 5
#define LOOKS_NEVER UINT64_MAX

struct watcher {
    struct loop *loop;
    struct stop_watch *watch;
    struct pool *pool;
    struct engine *engine;
    struct tick *tick;
    uint64_t measured;
    uint32_t stop_ms;
    char why[128];
};

static struct watcher watcher;
static struct engine_connection *stream; /* that is written now */
static uint64_t streams, looks_since;    /* looks: at the count, since the hang-up */
static uint64_t stops_after;
static bool has_metrics, has_slots, says_idle, busy_before;
static const char *stream_status;
static uint32_t tokens_max; /* then its answer ends by itself */
static uint32_t tokens;
static char stream_ask[1024];

static bool works(void)
{
    if (busy_before && streams == 0)
        return true;
    if (!stream)
        return false;
    if (stream->sock)
        return true;
    return looks_since++ < stops_after;
}

static void answer_page(struct engine_connection *connection, bool there, const char *idle,
                        const char *busy)
{
    const char *body = works() && !says_idle ? busy : idle;
    engine_answer(connection, there ? "200 OK" : "404 Not Found", "", there ? body : "{}");
}

static void answer(struct engine *engine, struct engine_connection *connection)
{
    struct span head = span_str(engine->head);
    if (span_starts(head, SPAN("GET /metrics "))) {
        answer_page(connection, has_metrics,
                    "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n",
                    "vllm:num_requests_running 1\nvllm:num_requests_waiting 0\n");
    } else if (span_starts(head, SPAN("GET /slots "))) {
        answer_page(connection, has_slots, "[{\"id\":0,\"is_processing\":false}]",
                    "[{\"id\":0,\"is_processing\":true}]");
    } else {
        assert_true(span_starts(head, SPAN("POST /v1/chat/completions ")));
        (void)snprintf(stream_ask, sizeof(stream_ask), "%.1000s", engine->body);
        streams++;
        if (stream_status) {
            engine_answer(connection, stream_status, "", "{}");
            return;
        }
        stream = connection;
        tokens = 0;
        looks_since = 0;
        engine_send(connection, "HTTP/1.1 200 OK\r\nContent-Type: "
                                "text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    }
}

static void on_tick(void *arg)
{
    (void)arg;
    if (!stream || !stream->sock || tokens > tokens_max)
        return;
    if (tokens++ < tokens_max)
        engine_chunk(stream, "data: {\"choices\":[{\"delta\":{\"content\":\"1\"}}]}\n\n");
    else
        engine_send(stream, "0\r\n\r\n");
}

static void on_measured(void *owner, struct pool *pool, const struct backend_view *backend,
                        const char *why)
{
    assert_ptr_equal(owner, &watcher);
    assert_ptr_equal(pool, watcher.pool);
    watcher.measured++;
    watcher.stop_ms = backend->stop_ms;
    (void)snprintf(watcher.why, sizeof(watcher.why), "%s", why);
}

static const struct stop_events events = {on_measured};

static struct backend *the_backend(void)
{
    return pool_backend(watcher.pool, 0);
}

static void knows_its_models(void)
{
    static const struct model_list list = {.count = 1, .entries = {{.name = "small"}}};
    assert_int_equal(backend_set_models(the_backend(), &list), 0);
    backend_probed(the_backend(), true, loop_now_ms(watcher.loop));
}

static int set_up(void **state)
{
    (void)state;
    struct pool_spec spec = usual_pool();
    watcher = (struct watcher){.loop = loop_new()};
    watcher.engine = engine_new(watcher.loop, answer);
    watcher.watch = stop_watch_new(watcher.loop, &events, &watcher);
    watcher.tick = tick_new(watcher.loop, TOKEN_MS, on_tick, NULL);
    spec.probe_tokens = spec.probe_stop = true;
    watcher.pool = pool_at(spec, &watcher.engine->port, 1);
    assert_true(watcher.watch && watcher.tick);
    stream = NULL;
    streams = looks_since = 0;
    stops_after = 0;
    has_metrics = true;
    has_slots = says_idle = busy_before = false;
    stream_status = NULL;
    tokens_max = UINT32_MAX - 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop_watch_free(watcher.watch);
    tick_free(watcher.tick);
    pool_unref(watcher.pool);
    engine_free(watcher.engine);
    loop_free(watcher.loop);
    return 0;
}

static void watch(void)
{
    assert_int_equal(stop_watch_set(watcher.watch, &watcher.pool, 1), 0);
}

static void measure(void)
{
    watch();
    run_until_count(watcher.loop, &watcher.measured, 1);
    assert_int_equal(backend_stop_ms(the_backend()), watcher.stop_ms);
}

static void an_engine_that_stops_is_timed(void **state)
{
    (void)state;
    knows_its_models();
    stops_after = 3;
    measure();
    /* Three looks found it at work, STOPPING_LOOK_MS apart. */
    assert_in_range(watcher.stop_ms, 2 * STOPPING_LOOK_MS, STOPPING_GIVE_UP_MS);
    assert_non_null(strstr(watcher.why, "had stopped"));
    assert_int_equal(streams, 1);
    assert_non_null(strstr(stream_ask, "\"ignore_eos\":true"));
    assert_int_equal(view_of(watcher.pool, 0).in_flight + view_of(watcher.pool, 0).requests, 0);
}

static void one_that_goes_on_does_not_stop(void **state)
{
    (void)state;
    knows_its_models();
    stops_after = LOOKS_NEVER;
    measure();
    assert_int_equal(watcher.stop_ms, BACKEND_STOPS_NOT);
    assert_non_null(strstr(watcher.why, "still worked on the call"));
}

static void slots_of_llamacpp_tell_too(void **state)
{
    (void)state;
    knows_its_models();
    has_metrics = false;
    has_slots = true;
    stops_after = 1;
    measure();
    assert_in_range(watcher.stop_ms, 1, STOPPING_GIVE_UP_MS);
}

static void without_a_count_nothing_is_asked_for(void **state)
{
    (void)state;
    knows_its_models();
    has_metrics = false;
    measure();
    assert_int_equal(watcher.stop_ms, BACKEND_STOP_UNKNOWN);
    assert_int_equal(streams, 0);
}

static void an_engine_that_does_not_chat_is_not_known(void **state)
{
    (void)state;
    knows_its_models();
    stream_status = "404 Not Found";
    measure();
    assert_int_equal(watcher.stop_ms, BACKEND_STOP_UNKNOWN);
    assert_int_equal(streams, 1);
}

static bool began(void *arg)
{
    (void)arg;
    return streams > 0;
}

static void a_call_of_ours_ends_the_measurement(void **state)
{
    (void)state;
    knows_its_models();
    stops_after = LOOKS_NEVER;
    watch();
    run_until(watcher.loop, began, NULL);
    struct backend *taken = pool_pick(watcher.pool, 0, loop_now_ms(watcher.loop));
    assert_ptr_equal(taken, the_backend());
    run_until_count(watcher.loop, &watcher.engine->hung_up, 1);
    assert_int_equal(watcher.measured, 0);
    assert_int_equal(backend_stop_ms(the_backend()), BACKEND_STOP_UNKNOWN);
    backend_report(taken, BACKEND_CANCELLED, loop_now_ms(watcher.loop));
}

static bool looked(void *arg)
{
    (void)arg;
    return watcher.engine->requests > 0;
}

static void a_busy_engine_is_left_alone(void **state)
{
    (void)state;
    knows_its_models();
    busy_before = true;
    watch();
    run_until(watcher.loop, looked, NULL);
    run_some_turns(watcher.loop);
    assert_int_equal(streams, 0);
    assert_int_equal(watcher.measured, 0);
}

static void what_is_not_wanted_is_not_measured(void **state)
{
    (void)state;
    struct pool_spec spec = usual_pool();
    for (int i = 0; i < 2; i++) {
        spec.probe_tokens = i == 0;
        spec.probe_stop = i == 1;
        pool_unref(watcher.pool);
        watcher.pool = pool_at(spec, &watcher.engine->port, 1);
        knows_its_models();
        watch();
        run_some_turns(watcher.loop);
        assert_int_equal(watcher.engine->requests, 0);
    }
}

static void what_is_known_goes_on_over_a_reload(void **state)
{
    (void)state;
    knows_its_models();
    measure();
    struct pool_spec spec = usual_pool();
    struct pool *next = pool_at(spec, &watcher.engine->port, 1);
    pool_inherit(next, watcher.pool);
    assert_int_equal(backend_stop_ms(pool_backend(next, 0)), watcher.stop_ms);
    pool_unref(next);
}

static void it_may_end_at_any_moment(void **state)
{
    (void)state;
    knows_its_models();
    watch();
    run_until(watcher.loop, began, NULL);
    watch(); /* a reload in the middle */
    stop_watch_free(TAKE(watcher.watch));
    stop_watch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_engine_that_stops_is_timed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_goes_on_does_not_stop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slots_of_llamacpp_tell_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_count_nothing_is_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_engine_that_does_not_chat_is_not_known, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_call_of_ours_ends_the_measurement, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_busy_engine_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_wanted_is_not_measured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_known_goes_on_over_a_reload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_may_end_at_any_moment, set_up, tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
