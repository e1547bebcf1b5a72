/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are answered, tried again, late or badly answered. test_relay_hangup.c has the
 * rest. */
#include "relay_caller.h"

/* The good way. */

static void calls_and_calls_again_on_the_same_connection(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    assert_false(caller->facts.reused_connection);
    assert_int_equal(relay_idle_connections(caller->relay), 1);
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    assert_true(caller->facts.reused_connection);
    assert_int_equal(caller->engines[0]->accepted, 1);

    assert_int_equal(caller->facts.tries, 1);
    assert_true(span_eq(caller->facts.backend, view_of(caller->pool, 0).url));
    assert_true(caller->facts.picked_us > 0);
    assert_true(caller->facts.connected_us >= caller->facts.picked_us);
    assert_true(caller->facts.first_byte_us >= caller->facts.connected_us);
    assert_int_equal(view_of(caller->pool, 0).state, BACKEND_UP);
    assert_int_equal(view_of(caller->pool, 0).requests, 2);

    relay_forget_idle(caller->relay);
    assert_int_equal(relay_idle_connections(caller->relay), 0);
    call_to_end(caller);
    assert_int_equal(caller->engines[0]->accepted, 2);
}

static void only_our_own_headers_go_out(void **state)
{
    struct caller *caller = *state;
    char expected[1024];
    use(caller, usual_pool(), 1);
    call_to_end(caller);
    (void)snprintf(expected, sizeof(expected),
                   "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: "
                   "application/json\r\n"
                   "Accept: application/json\r\nUser-Agent: seawall/" SEAWALL_VERSION
                   "\r\nx-request-id: req-1\r\n"
                   "Content-Length: 7\r\n\r\n",
                   (unsigned)caller->engines[0]->port);
    assert_string_equal(caller->engines[0]->head, expected);
    assert_string_equal(caller->engines[0]->body, "{\"n\":1}");

    caller->ask.stream = true;
    call_to_end(caller);
    assert_non_null(strstr(caller->engines[0]->head, "\r\nAccept: text/event-stream\r\n"));

    caller->ask = (struct relay_ask){.method = SPAN("GET"), .path = SPAN("/v1/models")};
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    assert_true(
        span_starts(span_str(caller->engines[0]->head), SPAN("GET /v1/models HTTP/1.1\r\n")));
    assert_null(strstr(caller->engines[0]->head, "Content-"));
    assert_null(strstr(caller->engines[0]->head, "request-id"));
}

static void use_url(struct caller *caller, const char *suffix, struct span api_key)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)caller->engines[0]->port,
                   suffix);
    struct backend_spec backend = {.url = span_str(url), .weight = 1, .api_key = api_key};
    struct pool_spec spec = usual_pool();
    spec.backends = &backend;
    spec.backends_count = 1;
    pool_unref(caller->pool);
    caller->pool = pool_new(&spec, NULL);
    assert_non_null(caller->pool);
}

static void prefix_and_key_are_the_backends(void **state)
{
    struct caller *caller = *state;
    use_url(caller, "/api/v1", SPAN("sk-engine"));
    call_to_end(caller);
    assert_true(span_starts(span_str(caller->engines[0]->head),
                            SPAN("POST /api/v1/chat/completions HTTP/1.1\r\n")));
    assert_non_null(strstr(caller->engines[0]->head, "\r\nAuthorization: Bearer sk-engine\r\n"));
    use_url(caller, "/v1", SPAN_NULL);
    call_to_end(caller);
    assert_true(span_starts(span_str(caller->engines[0]->head),
                            SPAN("POST /v1/chat/completions HTTP/1.1\r\n")));

    static char long_key[4000]; /* the head does not fit before the body */
    memset(long_key, 'k', sizeof(long_key));
    use_url(caller, "", span_of(long_key, sizeof(long_key)));
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    assert_string_equal(caller->engines[0]->body, "{\"n\":1}");
}

static void a_request_id_cannot_add_headers(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->ask.request_id = SPAN("a\r\nX-Evil: 1");
    call_to_end(caller);
    assert_failure(caller, RELAY_CONNECT_FAILED);
    assert_int_equal(caller->engines[0]->requests, 0);
}

static void a_stream_passes_event_by_event(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = start_stream;
    call(caller);
    run_until_count(caller->loop, &caller->heads, 1);
    run_some_turns(caller->loop);
    assert_string_equal(buf_cstr(&caller->body), "data: 1\n\n");
    assert_int_equal(view_of(caller->pool, 0).state, BACKEND_UP); /* not only at its end */
    assert_int_equal(view_of(caller->pool, 0).in_flight, 1);
    engine_chunk(&caller->engines[0]->connections[0], "data: 2\n\n");
    engine_send(&caller->engines[0]->connections[0], "0\r\n\r\n");
    run_until_count(caller->loop, &caller->ends, 1);
    assert_answer(caller, 200, "data: 1\n\ndata: 2\n\n");
    assert_int_equal(relay_idle_connections(caller->relay), 1);
}

static void answer_until_close(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_send(connection, "HTTP/1.1 200 OK\r\n\r\nall");
    engine_close(connection);
}

static void an_answer_may_end_with_the_connection(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = answer_until_close;
    call_to_end(caller);
    assert_answer(caller, 200, "all");
    assert_int_equal(relay_idle_connections(caller->relay), 0);
}

/* Tried again. */

static void a_stale_connection_costs_nothing(void **state)
{
    struct caller *caller = *state;
    struct pool_spec spec = usual_pool();
    spec.retries_max = 0;
    spec.retry_budget_percent = 0;
    use(caller, spec, 1);
    call_to_end(caller);
    call(caller);
    /* Between the call and its start: the engine has closed, and we do not know it yet. */
    engine_close(&caller->engines[0]->connections[0]);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_answer(caller, 200, "hello");
    assert_int_equal(caller->facts.tries, 2);
    assert_false(caller->facts.reused_connection);
    assert_int_equal(view_of(caller->pool, 0).failures, 0);
    assert_int_equal(view_of(caller->pool, 0).requests, 2);
}

static void close_the_second_request(struct engine *engine, struct engine_connection *connection)
{
    if (connection->requests == 2)
        engine_reset(connection);
    else
        answer_ok(engine, connection);
}

static void a_reset_of_a_reused_connection_is_stale_too(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = close_the_second_request;
    call_to_end(caller);
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    assert_int_equal(caller->engines[0]->accepted, 2);
    assert_int_equal(view_of(caller->pool, 0).failures, 0);
}

/* A pool of a port where nobody listens (heavy, so it is tried first) and of engine 0. */
static void use_refused_first(struct caller *caller, struct pool_spec spec, uint16_t refused)
{
    char urls[2][64];
    struct backend_spec backends[2];
    uint16_t ports[] = {refused, caller->engines[0]->port};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%u", (unsigned)ports[i]);
        backends[i] = (struct backend_spec){.url = span_str(urls[i]), .weight = i == 0 ? 1000 : 1};
    }
    spec.backends = backends;
    spec.backends_count = 2;
    caller->pool = pool_new(&spec, NULL);
    assert_non_null(caller->pool);
}

static void a_refused_connection_goes_to_another_backend(void **state)
{
    struct caller *caller = *state;
    uint16_t port;
    int fd = refuse_somewhere(&port);
    use_refused_first(caller, usual_pool(), port);
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    assert_int_equal(caller->facts.tries, 2);
    assert_true(span_eq(caller->facts.backend, view_of(caller->pool, 1).url));
    assert_int_equal(view_of(caller->pool, 0).failures, 1);
    assert_int_equal(view_of(caller->pool, 0).retries, 1);

    /* After three it is not even tried. */
    call_to_end(caller);
    call_to_end(caller);
    assert_int_equal(view_of(caller->pool, 0).state, BACKEND_DOWN);
    call_to_end(caller);
    assert_int_equal(caller->facts.tries, 1);
    close(fd);
}

static void retries_have_a_number_and_a_budget(void **state)
{
    struct caller *caller = *state;
    uint16_t port;
    int fd = refuse_somewhere(&port);
    struct pool_spec spec = usual_pool();
    spec.retries_max = 0;
    use_refused_first(caller, spec, port);
    call_to_end(caller);
    assert_failure(caller, RELAY_CONNECT_FAILED);
    assert_non_null(strstr(caller->detail.text, "cannot connect"));
    assert_int_equal(caller->facts.tries, 1);
    pool_unref(caller->pool);

    spec.retries_max = 2;
    use_refused_first(caller, spec, port);
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    while (pool_take_retry(caller->pool))
        ;
    call_to_end(caller);
    assert_failure(caller, RELAY_CONNECT_FAILED);
    assert_int_equal(view_of(caller->pool, 1).requests, 1);
    close(fd);
}

static void a_refused_connection_is_not_tried_on_the_same(void **state)
{
    struct caller *caller = *state;
    uint16_t port;
    int fd = refuse_somewhere(&port);
    caller->pool = pool_at(usual_pool(), &port, 1);
    call_to_end(caller);
    assert_failure(caller, RELAY_CONNECT_FAILED);
    assert_int_equal(caller->facts.tries, 1);
    call_to_end(caller);
    call_to_end(caller);
    call_to_end(caller);
    assert_failure(caller, RELAY_NO_BACKEND);
    assert_int_equal(caller->facts.tries, 0);
    assert_true(span_is_null(caller->facts.backend));
    close(fd);
}

static void a_silent_close_is_tried_again(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = answer_by_closing;
    call_to_end(caller);
    assert_failure(caller, RELAY_CONNECT_FAILED);
    assert_int_equal(caller->facts.tries, 3); /* with two retries */
    assert_int_equal(view_of(caller->pool, 0).failures, 3);
}

static void a_silent_close_prefers_another_backend(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 2);
    caller->engines[1]->answer = answer_by_closing;
    for (int i = 0; i < 2; i++) {
        call_to_end(caller);
        assert_answer(caller, 200, "hello");
    }
    assert_int_equal(view_of(caller->pool, 1).failures, 1);
    assert_int_equal(view_of(caller->pool, 1).retries, 1);
}

static void a_busy_backend_hands_over(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 2);
    caller->engines[0]->answer = answer_503;
    for (int i = 0; i < 4; i++) {
        call_to_end(caller);
        assert_answer(caller, 200, "hello");
    }
    assert_int_equal(view_of(caller->pool, 0).failures, 0);
    assert_int_equal(view_of(caller->pool, 0).state, BACKEND_UNKNOWN);

    /* With all busy the answer is handed over. */
    caller->engines[1]->answer = answer_503;
    call_to_end(caller);
    assert_answer(caller, 503, "full");
    assert_int_equal(caller->facts.tries, 2);
    assert_false(caller->failed);
}

static void answer_500(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_answer(connection, "500 Internal Server Error", "", "no image");
}

static void answer_502(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_answer(connection, "502 Bad Gateway", "", "nginx");
}

static void other_errors_are_handed_over(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = answer_500;
    for (int i = 0; i < 5; i++) {
        call_to_end(caller);
        assert_answer(caller, 500, "no image");
        assert_int_equal(caller->facts.tries, 1);
    }
    assert_int_equal(view_of(caller->pool, 0).failures, 5);
    assert_int_equal(view_of(caller->pool, 0).state, BACKEND_UNKNOWN);
    caller->engines[0]->answer = answer_502;
    for (int i = 0; i < 3; i++)
        call_to_end(caller);
    assert_answer(caller, 502, "nginx");
    assert_int_equal(view_of(caller->pool, 0).state, BACKEND_DOWN);
}

/* Deadlines. */

static void a_connection_has_its_time(void **state)
{
    struct caller *caller = *state;
    int fds[STUCK_FDS];
    uint16_t port = stuck_somewhere(fds);
    struct pool_spec spec = usual_pool();
    spec.connect_ms = 100;
    use_refused_first(caller, spec, port);
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    assert_int_equal(caller->facts.tries, 2);
    assert_int_equal(view_of(caller->pool, 0).failures, 1);
    pool_unref(caller->pool);

    caller->pool = pool_at(spec, &port, 1);
    call_to_end(caller);
    assert_failure(caller, RELAY_CONNECT_FAILED);
    for (int i = 0; i < STUCK_FDS; i++)
        close(fds[i]);
}

static void a_late_first_byte_is_not_tried_again(void **state)
{
    struct caller *caller = *state;
    struct pool_spec spec = usual_pool();
    spec.first_byte_ms = 100;
    use(caller, spec, 2);
    caller->engines[0]->answer = answer_nothing;
    caller->engines[1]->answer = answer_nothing;
    call_to_end(caller);
    assert_failure(caller, RELAY_FIRST_BYTE_TIMEOUT);
    assert_int_equal(caller->facts.tries, 1);
    assert_int_equal(caller->engines[0]->requests + caller->engines[1]->requests, 1);
    run_until_count(caller->loop, &caller->engines[caller->engines[0]->requests ? 0 : 1]->hung_up,
                    1);
}

static void half_a_head_is_late_too(void **state)
{
    struct caller *caller = *state;
    struct pool_spec spec = usual_pool();
    spec.first_byte_ms = 100;
    use(caller, spec, 1);
    caller->engines[0]->answer = answer_nothing;
    call(caller);
    run_until_count(caller->loop, &caller->engines[0]->requests, 1);
    engine_send(&caller->engines[0]->connections[0], "HTTP/1.1 200 OK\r\nCont");
    run_until_count(caller->loop, &caller->ends, 1);
    assert_failure(caller, RELAY_FIRST_BYTE_TIMEOUT);
}

static void a_stream_that_stalls_is_ended(void **state)
{
    struct caller *caller = *state;
    struct pool_spec spec = usual_pool();
    spec.idle_ms = 100;
    use(caller, spec, 1);
    caller->engines[0]->answer = start_stream;
    call_to_end(caller);
    assert_failure(caller, RELAY_IDLE_TIMEOUT);
    assert_string_equal(buf_cstr(&caller->body), "data: 1\n\n");
    run_until_count(caller->loop, &caller->engines[0]->hung_up, 1);
    assert_int_equal(view_of(caller->pool, 0).failures, 1);
}

static void an_answer_that_is_over_but_not_ended_is_no_fault(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1); /* its idle time is far longer than RELAY_END_MS */
    caller->engines[0]->answer = start_stream;
    call(caller);
    run_until_count(caller->loop, &caller->heads, 1);
    run_some_turns(caller->loop);
    relay_expect_end(caller->call);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_failure(caller, RELAY_IDLE_TIMEOUT);
    run_until_count(caller->loop, &caller->engines[0]->hung_up, 1);
    assert_int_equal(view_of(caller->pool, 0).failures, 0);
    assert_int_equal(relay_idle_connections(caller->relay), 0);
}

/* Broken answers. */

static const char *told;

static void answer_as_told(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_send(connection, told);
    if (connection->sock)
        sock_shutdown(connection->sock);
}

static void bad_answers_are_failures(void **state)
{
    static const char *const bad[] = {
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 2",
    };
    struct caller *caller = *state;
    struct pool_spec spec = usual_pool();
    spec.breaker_failures = 100;
    use(caller, spec, 2);
    caller->engines[0]->answer = answer_as_told;
    caller->engines[1]->answer = answer_as_told;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        told = bad[i];
        call_to_end(caller);
        assert_failure(caller, RELAY_BAD_ANSWER);
        assert_string_not_equal(caller->detail.text, "");
        assert_int_equal(caller->facts.tries, 1);
    }
    assert_int_equal(view_of(caller->pool, 0).failures + view_of(caller->pool, 1).failures,
                     COUNT_OF(bad));
    assert_int_equal(relay_idle_connections(caller->relay), 0);
}

static void bytes_behind_an_answer_end_the_connection_only(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = answer_as_told;
    told = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: "
           "4\r\n\r\nevil";
    call_to_end(caller);
    assert_answer(caller, 200, "hello");
    assert_int_equal(relay_idle_connections(caller->relay), 0);
}

static void the_owner_may_refuse(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    for (enum event event = IN_HEAD; event <= IN_BODY; event++) {
        caller->refuse_in = event;
        call_to_end(caller);
        assert_failure(caller, RELAY_REFUSED);
        assert_int_equal(view_of(caller->pool, 0).failures, 0);
        assert_int_equal(relay_idle_connections(caller->relay), 0);
    }
}

/* The rest. */

static void a_call_to_one_reports_nothing(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 2);
    caller->engines[1]->answer = answer_503;
    caller->call = relay_call_new_to(caller->relay, pool_backend(caller->pool, 1), &caller->ask,
                                     &events, caller);
    assert_non_null(caller->call);
    assert_ptr_equal(relay_call_backend(caller->call), pool_backend(caller->pool, 1));
    run_until_count(caller->loop, &caller->ends, 1);
    assert_answer(caller, 503, "full");
    assert_int_equal(view_of(caller->pool, 1).requests, 0);
    assert_int_equal(caller->engines[0]->requests, 0);
    assert_int_equal(view_of(caller->pool, 1).state, BACKEND_UNKNOWN);
}

static void a_reload_leaves_calls_alone(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = start_stream;
    call(caller);
    run_until_count(caller->loop, &caller->heads, 1);
    relay_forget_idle(caller->relay);
    pool_unref(TAKE(caller->pool)); /* the call keeps it */
    engine_send(&caller->engines[0]->connections[0], "0\r\n\r\n");
    run_until_count(caller->loop, &caller->ends, 1);
    assert_answer(caller, 200, "data: 1\n\n");
    assert_int_equal(relay_idle_connections(caller->relay), 0);
}

/* The engine of the test is to have memory again when it is its turn. */
static bool has_started(void *arg)
{
    struct caller *caller = arg;
    if (caller->call && !is_picked(caller))
        return false;
    mem_fail_never();
    return true;
}

static void start_without_memory(struct caller *caller, uint64_t successes)
{
    struct run run = {caller->loop, has_started, caller, UINT64_MAX, false};
    struct tick *tick = tick_new(caller->loop, 1, run_look, &run);
    assert_non_null(tick);
    mem_fail_after(successes);
    loop_run(caller->loop);
    tick_free(tick);
}

static void runs_out_of_memory_cleanly(void **state)
{
    struct caller *caller = *state;
    uint64_t successes = 0;
    struct relay *relay = NULL;
    for (; !relay; successes++) {
        mem_fail_after(successes);
        relay = relay_new(caller->loop, 4096);
        mem_fail_never();
    }
    assert_true(successes > 3);
    relay_free(relay);
    relay_free(NULL);

    use(caller, usual_pool(), 1);
    mem_fail_after(0);
    assert_null(relay_call_new(caller->relay, caller->pool, &caller->ask, &events, caller));
    mem_fail_never();
    /* Each allocation of a call's start fails once: an answer or a failure, never nothing. */
    bool answered = false;
    for (successes = 0; !answered; successes++) {
        relay_forget_idle(caller->relay);
        call(caller);
        start_without_memory(caller, successes);
        run_until_count(caller->loop, &caller->ends, 1);
        answered = !caller->failed;
    }
    assert_true(successes > 4);
    assert_int_equal(view_of(caller->pool, 0).failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(calls_and_calls_again_on_the_same_connection),
        CASE(only_our_own_headers_go_out),
        CASE(prefix_and_key_are_the_backends),
        CASE(a_request_id_cannot_add_headers),
        CASE(a_stream_passes_event_by_event),
        CASE(an_answer_may_end_with_the_connection),
        CASE(a_stale_connection_costs_nothing),
        CASE(a_reset_of_a_reused_connection_is_stale_too),
        CASE(a_refused_connection_goes_to_another_backend),
        CASE(retries_have_a_number_and_a_budget),
        CASE(a_refused_connection_is_not_tried_on_the_same),
        CASE(a_silent_close_is_tried_again),
        CASE(a_silent_close_prefers_another_backend),
        CASE(a_busy_backend_hands_over),
        CASE(other_errors_are_handed_over),
        CASE(a_connection_has_its_time),
        CASE(a_late_first_byte_is_not_tried_again),
        CASE(half_a_head_is_late_too),
        CASE(a_stream_that_stalls_is_ended),
        CASE(an_answer_that_is_over_but_not_ended_is_no_fault),
        CASE(bad_answers_are_failures),
        CASE(bytes_behind_an_answer_end_the_connection_only),
        CASE(the_owner_may_refuse),
        CASE(a_call_to_one_reports_nothing),
        CASE(a_reload_leaves_calls_alone),
        CASE(runs_out_of_memory_cleanly),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
