/* SPDX-License-Identifier: Apache-2.0 */
/* One call, its owner and two engines: what the tests of the relay share. */
#pragma once

#include "fake_ca.h"

#include "relay/backend.h"
#include "relay/relay.h"

#define ENGINES 2

enum event { NOTHING, IN_HEAD, IN_BODY };

struct caller {
    struct loop *loop;
    struct relay *relay;
    struct pool *pool;
    struct engine *engines[ENGINES];
    struct relay_call *call;
    struct relay_ask ask;
    char room[RELAY_HEADROOM + 64];
    enum event cancel_in, refuse_in, pause_in;
    uint64_t heads, ends;
    unsigned status;
    struct buf body;
    bool failed;
    enum relay_failure failure;
    struct err detail;
    struct relay_facts facts;
};

static inline void act(struct caller *caller, enum event at)
{
    if (caller->pause_in == at)
        relay_pause(caller->call);
    if (caller->cancel_in == at)
        relay_cancel(TAKE(caller->call));
}

static inline int on_head(void *owner, unsigned status, const struct http_response *head)
{
    struct caller *caller = owner;
    caller->heads++;
    caller->status = status;
    assert_int_equal(http_response_status(head), status);
    act(caller, IN_HEAD);
    return caller->refuse_in == IN_HEAD ? -EINVAL : 0;
}

static inline int on_body(void *owner, char *bytes, size_t len)
{
    struct caller *caller = owner;
    assert_non_null(caller->call);
    buf_append(&caller->body, span_of(bytes, len));
    memset(bytes, 'x', len);
    act(caller, IN_BODY);
    return caller->refuse_in == IN_BODY ? -EINVAL : 0;
}

static inline void end(struct caller *caller)
{
    caller->ends++;
    caller->facts = relay_call_facts(caller->call);
    relay_call_free(TAKE(caller->call));
}

static inline void on_done(void *owner)
{
    end(owner);
}

static inline void on_failed(void *owner, enum relay_failure failure, const struct err *detail)
{
    struct caller *caller = owner;
    caller->failed = true;
    caller->failure = failure;
    caller->detail = *detail;
    end(caller);
}

static const struct relay_events events = {on_head, on_body, on_done, on_failed};

static inline void answer_ok(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_answer(connection, "200 OK", "", "hello");
}

static inline void answer_503(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_answer(connection, "503 Service Unavailable", "", "full");
}

static inline void answer_nothing(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    (void)connection;
}

static inline void answer_by_closing(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_close(connection);
}

static inline void start_stream(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_send(
        connection,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n");
    engine_chunk(connection, "data: 1\n\n");
}

static inline int set_up(void **state)
{
    static struct caller caller;
    caller = (struct caller){.loop = loop_new()};
    caller.relay = relay_new(caller.loop, 4096);
    assert_non_null(caller.relay);
    memcpy(caller.room + RELAY_HEADROOM, "{\"n\":1}", 7);
    caller.ask = (struct relay_ask){
        .method = SPAN("POST"),
        .path = SPAN("/v1/chat/completions"),
        .body = caller.room + RELAY_HEADROOM,
        .body_len = 7,
        .request_id = SPAN("req-1"),
    };
    for (int i = 0; i < ENGINES; i++)
        caller.engines[i] = engine_new(caller.loop, answer_ok);
    buf_init(&caller.body, (size_t)64 << 20);
    *state = &caller;
    return 0;
}

static inline int tear_down(void **state)
{
    struct caller *caller = *state;
    relay_cancel(TAKE(caller->call));
    for (size_t i = 0; caller->pool && i < pool_backends(caller->pool); i++)
        assert_int_equal(view_of(caller->pool, i).in_flight, 0);
    relay_free(caller->relay);
    pool_unref(caller->pool);
    for (int i = 0; i < ENGINES; i++)
        engine_free(caller->engines[i]);
    loop_free(caller->loop);
    buf_release(&caller->body);
    return 0;
}

static inline void use(struct caller *caller, struct pool_spec spec, size_t engines)
{
    uint16_t ports[ENGINES] = {caller->engines[0]->port, caller->engines[1]->port};
    caller->pool = pool_at(spec, ports, engines);
}

static inline void call(struct caller *caller)
{
    caller->heads = caller->ends = 0;
    caller->failed = false;
    buf_clear(&caller->body);
    caller->call = relay_call_new(caller->relay, caller->pool, &caller->ask, &events, caller);
    assert_non_null(caller->call);
    assert_int_equal(caller->heads + caller->ends, 0);
}

static inline void call_to_end(struct caller *caller)
{
    call(caller);
    run_until_count(caller->loop, &caller->ends, 1);
    assert_int_equal(caller->ends, 1);
}

static inline void assert_answer(struct caller *caller, unsigned status, const char *body)
{
    if (caller->failed)
        fail_msg("failed: %s", caller->detail.text);
    assert_int_equal(caller->status, status);
    assert_int_equal(caller->heads, 1);
    assert_string_equal(buf_cstr(&caller->body), body);
}

static inline void assert_failure(struct caller *caller, enum relay_failure failure)
{
    assert_true(caller->failed);
    assert_int_equal(caller->failure, failure);
}

static inline bool is_picked(void *arg)
{
    return relay_call_facts(((struct caller *)arg)->call).picked_us > 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
