/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are paused or hung up on, in every state, and calls over TLS. */
#include "relay_caller.h"

/* Back-pressure. */

#define LONG_BYTES (8 << 20)

static void answer_long(struct engine *engine, struct engine_connection *connection)
{
    char head[64];
    char *body = malloc(LONG_BYTES);
    (void)engine;
    assert_non_null(body);
    memset(body, 'l', LONG_BYTES);
    (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LONG_BYTES);
    engine_send(connection, head);
    engine_send_bytes(connection, span_of(body, LONG_BYTES));
    free(body);
}

static void a_pause_holds_the_engine_back(void **state)
{
    struct caller *caller = *state;
    struct pool_spec spec = usual_pool();
    spec.idle_ms = 100;
    use(caller, spec, 1);
    caller->engines[0]->answer = answer_long;
    caller->pause_in = IN_BODY;
    call(caller);
    run_until_count(caller->loop, &caller->heads, 1);

    /* Longer than the idle deadline: it rests. */
    uint64_t start_ms = loop_now_ms(caller->loop);
    while (loop_now_ms(caller->loop) < start_ms + 400)
        run_some_turns(caller->loop);
    assert_in_range(caller->body.len, 1, SOCK_READ_BYTES);
    assert_int_equal(caller->ends, 0);
    size_t queued = sock_queued(caller->engines[0]->connections[0].sock);
    assert_true(queued > 0);

    for (int i = 0; i < 5; i++) {
        size_t before = caller->body.len;
        relay_resume(caller->call);
        relay_resume(caller->call);
        run_some_turns(caller->loop);
        assert_in_range(caller->body.len, before + 1, before + 10 * SOCK_READ_BYTES);
        relay_pause(caller->call);
        relay_pause(caller->call);
    }
    caller->pause_in = NOTHING;
    relay_resume(caller->call);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_int_equal(caller->body.len, LONG_BYTES);
    assert_false(caller->failed);
}

static void an_early_pause_waits_for_the_body(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = answer_long;
    call(caller);
    relay_pause(caller->call);
    run_until_count(caller->loop, &caller->heads, 1);
    run_some_turns(caller->loop);
    assert_in_range(caller->body.len, 0, SOCK_READ_BYTES);
    relay_resume(caller->call);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_int_equal(caller->body.len, LONG_BYTES);
}

/* Hang-ups. */

static void cancel(struct caller *caller)
{
    relay_cancel(TAKE(caller->call));
    assert_int_equal(view_of(caller->pool, 0).in_flight, 0);
    assert_int_equal(view_of(caller->pool, 0).failures, 0);
}

static void assert_hung_up(struct caller *caller)
{
    run_until_count(caller->loop, &caller->engines[0]->hung_up, 1);
    assert_int_equal(caller->ends, 0);
    assert_int_equal(relay_idle_connections(caller->relay), 0);
}

static void cancelled_before_it_starts(void **state)
{
    struct caller *caller = *state;
    relay_cancel(NULL);
    relay_call_free(NULL);
    use(caller, usual_pool(), 1);
    call(caller);
    cancel(caller);
    run_some_turns(caller->loop);
    assert_int_equal(caller->engines[0]->accepted, 0);
    assert_int_equal(view_of(caller->pool, 0).requests, 0);
}

struct cancel_soon {
    struct soon soon;
    struct caller *caller;
    bool was_picked;
};

static void on_cancel_soon(struct soon *soon)
{
    struct cancel_soon *cancel_soon = container_of(soon, struct cancel_soon, soon);
    cancel_soon->was_picked = is_picked(cancel_soon->caller);
    cancel(cancel_soon->caller);
}

static void cancelled_while_resolving(void **state)
{
    struct caller *caller = *state;
    struct backend_spec backend = {.url = SPAN("http://localhost:1"), .weight = 1};
    struct pool_spec spec = usual_pool();
    spec.backends = &backend;
    spec.backends_count = 1;
    caller->pool = pool_new(&spec, NULL);
    call(caller);
    /* Runs right behind the call's own start. */
    struct cancel_soon soon = {.caller = caller};
    soon_init(&soon.soon, on_cancel_soon);
    soon_call(caller->loop, &soon.soon);
    run_some_turns(caller->loop);
    assert_true(soon.was_picked);
    assert_null(caller->call);
    assert_int_equal(caller->ends, 0);
}

static void cancelled_while_connecting(void **state)
{
    struct caller *caller = *state;
    int fds[STUCK_FDS];
    uint16_t port = stuck_somewhere(fds);
    caller->pool = pool_at(usual_pool(), &port, 1);
    call(caller);
    run_until(caller->loop, is_picked, caller);
    run_some_turns(caller->loop);
    assert_int_equal(relay_call_facts(caller->call).connected_us, 0);
    cancel(caller);
    run_some_turns(caller->loop);
    assert_int_equal(caller->ends, 0);
    for (int i = 0; i < STUCK_FDS; i++)
        close(fds[i]);
}

static void cancelled_while_sending(void **state)
{
    struct caller *caller = *state;
    size_t len = 16 << 20;
    char *room = calloc(1, RELAY_HEADROOM + len);
    assert_non_null(room);
    use(caller, usual_pool(), 1);
    caller->engines[0]->deaf = true;
    caller->ask.body = room + RELAY_HEADROOM;
    caller->ask.body_len = len;
    call(caller);
    run_until_count(caller->loop, &caller->engines[0]->accepted, 1);
    run_some_turns(caller->loop);
    cancel(caller);
    assert_hung_up(caller);
    free(room);
}

static void cancelled_while_waiting_for_the_head(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = answer_nothing;
    call(caller);
    run_until_count(caller->loop, &caller->engines[0]->requests, 1);
    cancel(caller);
    assert_hung_up(caller);
}

static void cancelled_in_the_body(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = start_stream;
    call(caller);
    run_until_count(caller->loop, &caller->heads, 1);
    cancel(caller);
    assert_hung_up(caller);
}

static void cancelled_while_paused(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = answer_long;
    caller->pause_in = IN_BODY;
    call(caller);
    run_until_count(caller->loop, &caller->heads, 1);
    run_some_turns(caller->loop);
    cancel(caller);
    assert_hung_up(caller);
}

static void cancelled_from_inside_an_event(void **state)
{
    struct caller *caller = *state;
    use(caller, usual_pool(), 1);
    caller->engines[0]->answer = start_stream;
    for (enum event event = IN_HEAD; event <= IN_BODY; event++) {
        caller->cancel_in = event;
        call(caller);
        run_until_count(caller->loop, &caller->engines[0]->hung_up, event);
        assert_null(caller->call);
        assert_int_equal(caller->ends, 0);
        assert_int_equal(view_of(caller->pool, 0).in_flight, 0);
    }
}

/* TLS. */

static void use_tls(struct caller *caller, struct ca *ca, struct ca *trusted, const char *names)
{
    char url[64];
    (void)snprintf(url, sizeof(url), "https://localhost:%u/v1", (unsigned)caller->engines[0]->port);
    struct backend_spec backend = {
        .url = span_str(url), .weight = 1, .ca_pem = span_str(trusted->pem)};
    struct pool_spec spec = usual_pool();
    spec.backends = &backend;
    spec.backends_count = 1;
    caller->engines[0]->tls = server_make(ca, names, 3600);
    caller->pool = pool_new(&spec, NULL);
    assert_non_null(caller->pool);
}

static void calls_over_tls(void **state)
{
    struct caller *caller = *state;
    struct ca ca = ca_make("ca");
    use_tls(caller, &ca, &ca, "DNS:localhost");
    for (int i = 0; i < 3; i++) {
        call_to_end(caller);
        assert_answer(caller, 200, "hello");
    }
    assert_int_equal(caller->engines[0]->accepted, 1);
    assert_true(span_starts(span_str(caller->engines[0]->head),
                            SPAN("POST /v1/chat/completions HTTP/1.1\r\n")));

    caller->engines[0]->answer = answer_nothing;
    call(caller);
    run_until_count(caller->loop, &caller->engines[0]->requests, 4);
    cancel(caller);
    assert_hung_up(caller);
    SSL_CTX_free(caller->engines[0]->tls);
    ca_release(&ca);
}

static void strangers_get_no_request(void **state)
{
    struct caller *caller = *state;
    struct ca ca = ca_make("ca");
    struct ca stranger = ca_make("ca");
    use_tls(caller, &stranger, &ca, "DNS:localhost");
    call_to_end(caller);
    assert_failure(caller, RELAY_CONNECT_FAILED);
    assert_non_null(strstr(caller->detail.text, "certificate is refused"));
    SSL_CTX_free(caller->engines[0]->tls);
    pool_unref(caller->pool);

    use_tls(caller, &ca, &ca, "DNS:elsewhere.example");
    call_to_end(caller);
    assert_failure(caller, RELAY_CONNECT_FAILED);
    assert_non_null(strstr(caller->detail.text, "certificate is refused"));
    assert_int_equal(caller->engines[0]->requests, 0);
    SSL_CTX_free(caller->engines[0]->tls);
    ca_release(&ca);
    ca_release(&stranger);
}

static void cancelled_in_the_handshake(void **state)
{
    struct caller *caller = *state;
    struct ca ca = ca_make("ca");
    use_tls(caller, &ca, &ca, "DNS:localhost");
    caller->engines[0]->deaf = true;
    call(caller);
    run_until_count(caller->loop, &caller->engines[0]->accepted, 1);
    run_some_turns(caller->loop);
    cancel(caller);
    assert_hung_up(caller);
    SSL_CTX_free(caller->engines[0]->tls);
    ca_release(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_pause_holds_the_engine_back),
        CASE(an_early_pause_waits_for_the_body),
        CASE(cancelled_before_it_starts),
        CASE(cancelled_while_resolving),
        CASE(cancelled_while_connecting),
        CASE(cancelled_while_sending),
        CASE(cancelled_while_waiting_for_the_head),
        CASE(cancelled_in_the_body),
        CASE(cancelled_while_paused),
        CASE(cancelled_from_inside_an_event),
        CASE(calls_over_tls),
        CASE(strangers_get_no_request),
        CASE(cancelled_in_the_handshake),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
