/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ca.h"

#include "relay/connection.h"

enum event { NOTHING, IN_READY, IN_HEAD, IN_BODY };

struct caller {
    struct loop *loop;
    struct engine *engine;
    struct pool *pool;
    struct connection_home home;
    struct lane *lane;
    struct connection *connection;
    enum event close_in, stop_in;
    bool keep;      /* when done */
    bool ask_ready; /* in on_ready */
    struct span ask_parts[2];
    uint64_t readies, sents, heads, overs;
    unsigned status;
    struct buf body;
    enum connection_end end;
    struct err what;
};

#define ASK SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n")

static void close_if(struct caller *caller, enum event at)
{
    if (caller->close_in == at)
        connection_close(TAKE(caller->connection));
}

static int ask(struct caller *caller)
{
    return connection_ask(caller->connection, caller->ask_parts, caller->ask_parts[1].len ? 2 : 1);
}

static void on_ready(void *owner)
{
    struct caller *caller = owner;
    caller->readies++;
    if (caller->ask_ready)
        assert_true(ask(caller) >= 0);
    close_if(caller, IN_READY);
}

static void on_sent(void *owner)
{
    ((struct caller *)owner)->sents++;
}

static int on_head(void *owner, const struct http_response *response)
{
    struct caller *caller = owner;
    caller->heads++;
    caller->status = http_response_status(response);
    close_if(caller, IN_HEAD);
    return caller->stop_in == IN_HEAD ? -EAGAIN : 0;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    struct caller *caller = owner;
    assert_non_null(caller->connection);
    buf_append(&caller->body, span_of(bytes, len));
    close_if(caller, IN_BODY);
    return caller->stop_in == IN_BODY ? -EBADMSG : 0;
}

static void on_over(void *owner, enum connection_end end, const struct err *what)
{
    struct caller *caller = owner;
    caller->overs++;
    caller->end = end;
    caller->what = *what;
    if (caller->keep && end == CONNECTION_DONE)
        connection_keep(TAKE(caller->connection));
    else
        connection_close(TAKE(caller->connection));
}

static const struct connection_events events = {on_ready, on_sent, on_head, on_body, on_over};

static void answer_ok(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_answer(connection, "200 OK", "", "hello");
}

static int set_up(void **state)
{
    static struct caller caller;
    caller =
        (struct caller){.loop = loop_new(), .ask_ready = true, .keep = true, .ask_parts = {ASK}};
    caller.home = (struct connection_home){
        .loop = caller.loop,
        .head_bytes_max = 4096,
        .plaintext = mem_zalloc(CONNECTION_PLAINTEXT_BYTES + SOCK_READ_PADDING),
    };
    buf_init(&caller.body, (size_t)64 << 20);
    caller.engine = engine_new(caller.loop, answer_ok);
    *state = &caller;
    return 0;
}

static int tear_down(void **state)
{
    struct caller *caller = *state;
    connection_close(TAKE(caller->connection));
    if (caller->lane)
        lane_forget(caller->lane);
    engine_free(caller->engine);
    loop_free(caller->loop);
    pool_unref(caller->pool);
    mem_free(caller->home.plaintext);
    buf_release(&caller->body);
    return 0;
}

static void use_pool(struct caller *caller, struct pool *pool)
{
    caller->pool = pool;
    caller->lane = lane_new(&caller->home, pool_backend(pool, 0));
    assert_non_null(caller->lane);
}

static void connect_to_engine(struct caller *caller)
{
    if (!caller->lane)
        use_pool(caller, pool_at(usual_pool(), &caller->engine->port, 1));
    caller->overs = 0;
    buf_clear(&caller->body);
    caller->connection = connection_new(caller->lane, &events, caller);
    assert_non_null(caller->connection);
}

static void run_to_end(struct caller *caller)
{
    run_until_count(caller->loop, &caller->overs, 1);
    assert_int_equal(caller->overs, 1);
}

static void assert_body(struct caller *caller, const char *text)
{
    assert_string_equal(buf_cstr(&caller->body), text);
}

static bool lane_is_empty(void *arg)
{
    return ((struct lane *)arg)->connections == 0;
}

static void asks_and_is_kept(void **state)
{
    struct caller *caller = *state;
    connect_to_engine(caller);
    assert_false(connection_answering(caller->connection));
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_DONE);
    assert_int_equal(caller->status, 200);
    assert_body(caller, "hello");
    assert_int_equal(caller->lane->idle_count, 1);

    for (int i = 0; i < 3; i++) {
        caller->overs = 0;
        buf_clear(&caller->body);
        caller->connection = connection_take(caller->lane, &events, caller);
        assert_non_null(caller->connection);
        assert_null(connection_take(caller->lane, &events, caller));
        assert_int_equal(ask(caller), 0);
        run_to_end(caller);
        assert_body(caller, "hello");
    }
    assert_int_equal(caller->readies, 1);
    assert_int_equal(caller->engine->accepted, 1);
    assert_int_equal(caller->engine->requests, 4);
}

static void the_last_kept_is_taken_first(void **state)
{
    struct caller *caller = *state;
    struct connection *two[2];
    caller->keep = false;
    caller->ask_ready = false;
    for (uint64_t i = 0; i < 2; i++) {
        connect_to_engine(caller);
        run_until_count(caller->loop, &caller->readies, i + 1);
        two[i] = TAKE(caller->connection);
    }
    caller->keep = true;
    for (int i = 0; i < 2; i++) {
        caller->overs = 0;
        caller->connection = two[i];
        assert_int_equal(ask(caller), 0);
        run_to_end(caller);
    }
    assert_int_equal(caller->lane->idle_count, 2);
    caller->connection = connection_take(caller->lane, &events, caller);
    assert_ptr_equal(caller->connection, two[1]);
}

static const char *told;

static void answer_as_told(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_send(connection, told);
}

static void assert_not_kept(struct caller *caller, const char *answer)
{
    caller->engine->answer = answer_as_told;
    told = answer;
    connect_to_engine(caller);
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_DONE);
    assert_int_equal(caller->lane->idle_count, 0);
}

static void some_are_not_kept(void **state)
{
    struct caller *caller = *state;
    assert_not_kept(caller, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_not_kept(caller,
                    "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n");
    assert_not_kept(caller,
                    "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0, max=5\r\nContent-Length: 0\r\n\r\n");
    assert_not_kept(caller, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_not_kept(caller, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
    caller->pool->idle_connections_max = 0;
    assert_not_kept(caller, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void nothing_is_kept_in_a_forgotten_lane(void **state)
{
    struct caller *caller = *state;
    connect_to_engine(caller);
    lane_forget(TAKE(caller->lane));
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_DONE);
    run_until_count(caller->loop, &caller->engine->hung_up, 1);
}

static void idle_ones_go_when_the_engine_speaks_or_leaves(void **state)
{
    struct caller *caller = *state;
    void (*const leave[])(struct engine_connection *) = {engine_close, engine_reset, NULL};
    for (size_t i = 0; i < COUNT_OF(leave); i++) {
        connect_to_engine(caller);
        run_to_end(caller);
        assert_int_equal(caller->lane->idle_count, 1);
        struct engine_connection *theirs = &caller->engine->connections[i];
        if (leave[i])
            leave[i](theirs);
        else
            engine_send(theirs, "HTTP/1.1 408 Request Timeout\r\n\r\n");
        run_until(caller->loop, lane_is_empty, caller->lane);
        assert_int_equal(caller->lane->idle_count, 0);
    }
}

static void idle_ones_grow_old_before_the_engine_closes_them(void **state)
{
    struct caller *caller = *state;
    caller->engine->answer = answer_as_told;
    told = "HTTP/1.1 200 OK\r\nKeep-Alive: max=100, timeout=2\r\nContent-Length: 0\r\n\r\n";
    uint64_t before_ms = loop_now_ms(caller->loop);
    connect_to_engine(caller);
    run_to_end(caller);
    assert_int_equal(caller->lane->idle_count, 1);
    run_until(caller->loop, lane_is_empty, caller->lane);
    assert_in_range(loop_now_ms(caller->loop) - before_ms, 1000, CONNECTION_IDLE_MS - 1);
}

static void assert_end(struct caller *caller, const char *answer, enum connection_end end)
{
    caller->engine->answer = answer_as_told;
    told = answer;
    connect_to_engine(caller);
    uint64_t requests = caller->engine->requests;
    run_until_count(caller->loop, &caller->engine->requests, requests + 1);
    struct engine_connection *theirs = &caller->engine->connections[caller->engine->accepted - 1];
    if (theirs->sock)
        sock_shutdown(theirs->sock);
    run_to_end(caller);
    assert_int_equal(caller->end, end);
    assert_true(end == CONNECTION_DONE || caller->what.text[0]);
}

static void tells_how_it_ended(void **state)
{
    struct caller *caller = *state;
    assert_end(caller, "", CONNECTION_SILENT);
    assert_end(caller, "H", CONNECTION_BROKEN);
    assert_end(caller, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n12", CONNECTION_BROKEN);
    assert_end(caller, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n",
               CONNECTION_BROKEN);
    assert_end(caller, "SSH-2.0-OpenSSH\r\n", CONNECTION_BROKEN);
    assert_end(caller, "HTTP/1.1 100 Continue\r\n\r\n", CONNECTION_BROKEN);
    assert_end(caller, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n123", CONNECTION_DONE);
    assert_end(caller, "HTTP/1.1 200 OK\r\n\r\nuntil the end", CONNECTION_DONE);
    assert_body(caller, "until the end");
    assert_end(caller, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
               CONNECTION_DONE);
}

static void a_head_has_a_maximum(void **state)
{
    struct caller *caller = *state;
    char answer[8192];
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nX: %05000d\r\n\r\n", 0);
    assert_end(caller, answer, CONNECTION_BROKEN);
    assert_non_null(strstr(caller->what.text, "too large"));
}

static void the_owner_may_stop_it(void **state)
{
    struct caller *caller = *state;
    for (enum event event = IN_HEAD; event <= IN_BODY; event++) {
        caller->stop_in = event;
        connect_to_engine(caller);
        run_to_end(caller);
        assert_int_equal(caller->end, CONNECTION_STOPPED);
    }
}

static void the_owner_may_close_it_in_any_event(void **state)
{
    struct caller *caller = *state;
    for (enum event event = IN_READY; event <= IN_BODY; event++) {
        uint64_t hung_up = caller->engine->hung_up;
        caller->close_in = event;
        connect_to_engine(caller);
        run_until_count(caller->loop, &caller->engine->hung_up, hung_up + 1);
        assert_null(caller->connection);
        assert_int_equal(caller->overs, 0);
        assert_int_equal(caller->lane->connections, 0);
    }
}

static void says_when_it_cannot_be_made(void **state)
{
    struct caller *caller = *state;
    uint16_t port;
    int fd = refuse_somewhere(&port);
    use_pool(caller, pool_at(usual_pool(), &port, 1));
    connect_to_engine(caller);
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_NOT_MADE);
    assert_non_null(strstr(caller->what.text, "cannot connect"));
    close(fd);
}

static char upload[4 << 20];

static void sends_more_than_a_socket_takes(struct caller *caller)
{
    char head[128];
    (void)snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n",
                   sizeof(upload));
    caller->ask_parts[0] = span_str(head);
    caller->ask_parts[1] = span_of(upload, sizeof(upload));
    memset(upload, 'u', sizeof(upload));
    connect_to_engine(caller);
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_DONE);
    assert_int_equal(caller->sents, 1);
    assert_int_equal(caller->engine->body_bytes, sizeof(upload));
    assert_int_equal(caller->lane->idle_count, 1);
}

static void large_uploads_pass(void **state)
{
    sends_more_than_a_socket_takes(*state);
}

static void answer_at_the_head(void *owner, char *bytes, size_t len)
{
    struct engine_connection *connection = owner;
    (void)bytes;
    (void)len;
    sock_read_stop(connection->sock, false);
    engine_answer(connection, "413 Content Too Large", "", "");
}

static const struct sock_events early_events = {answer_at_the_head, engine_on_end, engine_on_error,
                                                NULL};

static void on_accept_early(void *arg, struct sock *sock)
{
    struct engine *engine = arg;
    struct engine_connection *connection = &engine->connections[engine->accepted++];
    connection->engine = engine;
    connection->sock = sock;
    assert_int_equal(sock_start(sock, &early_events, connection), 0);
}

static void an_answer_before_the_end_of_the_upload_counts(void **state)
{
    struct caller *caller = *state;
    sock_listener_free(caller->engine->listener);
    caller->engine->listener =
        sock_listener_new(caller->loop, caller->engine->fd, on_accept_early, NULL, caller->engine);
    caller->ask_parts[0] = SPAN("POST / HTTP/1.1\r\nContent-Length: 4194304\r\n\r\n");
    caller->ask_parts[1] = span_of(upload, sizeof(upload));
    connect_to_engine(caller);
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_DONE);
    assert_int_equal(caller->status, 413);
    assert_int_equal(caller->sents, 0);
    assert_int_equal(caller->lane->idle_count, 0);
}

static void runs_out_of_memory_cleanly(void **state)
{
    struct caller *caller = *state;
    use_pool(caller, pool_at(usual_pool(), &caller->engine->port, 1));
    uint64_t successes = 0;
    for (; !caller->connection; successes++) {
        mem_fail_after(successes);
        caller->connection = connection_new(caller->lane, &events, caller);
        mem_fail_never();
        assert_int_equal(caller->lane->connections, caller->connection ? 1 : 0);
    }
    assert_true(successes > 3);
    mem_fail_after(0);
    assert_null(lane_new(&caller->home, pool_backend(caller->pool, 0)));
    mem_fail_never();
    run_to_end(caller);
}

/* TLS. */

struct tls_fixture {
    struct ca ca;
    SSL_CTX *server;
};

static struct tls_fixture use_tls(struct caller *caller, const char *names)
{
    struct tls_fixture tls = {.ca = ca_make("ca")};
    tls.server = server_make(&tls.ca, names, 3600);
    caller->engine->tls = tls.server;

    char url[64];
    (void)snprintf(url, sizeof(url), "https://localhost:%u", (unsigned)caller->engine->port);
    struct backend_spec backend = {
        .url = span_str(url), .weight = 1, .ca_pem = span_str(tls.ca.pem)};
    struct pool_spec spec = usual_pool();
    spec.backends = &backend;
    spec.backends_count = 1;
    use_pool(caller, pool_new(&spec, NULL));
    return tls;
}

static void release_tls(struct tls_fixture *tls)
{
    SSL_CTX_free(tls->server);
    ca_release(&tls->ca);
}

static void asks_over_tls(void **state)
{
    struct caller *caller = *state;
    struct tls_fixture tls = use_tls(caller, "DNS:localhost");
    connect_to_engine(caller);
    run_to_end(caller);
    assert_string_equal(caller->what.text, "");
    assert_int_equal(caller->end, CONNECTION_DONE);
    assert_body(caller, "hello");
    assert_int_equal(caller->lane->idle_count, 1);

    caller->overs = 0;
    caller->connection = connection_take(caller->lane, &events, caller);
    assert_int_equal(ask(caller), 0);
    run_to_end(caller);
    assert_int_equal(caller->engine->accepted, 1);

    engine_end(&caller->engine->connections[0]);
    run_until(caller->loop, lane_is_empty, caller->lane);
    release_tls(&tls);
}

static void large_uploads_pass_over_tls(void **state)
{
    struct caller *caller = *state;
    struct tls_fixture tls = use_tls(caller, "DNS:localhost");
    sends_more_than_a_socket_takes(caller);
    release_tls(&tls);
}

static void refuses_another_host_over_tls(void **state)
{
    struct caller *caller = *state;
    struct tls_fixture tls = use_tls(caller, "DNS:other.example");
    connect_to_engine(caller);
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_NOT_MADE);
    assert_non_null(strstr(caller->what.text, "certificate is refused"));
    assert_int_equal(caller->engine->requests, 0);
    release_tls(&tls);
}

static void speaks_plain_to_nobody_over_tls(void **state)
{
    struct caller *caller = *state;
    struct tls_fixture tls = use_tls(caller, "DNS:localhost");
    caller->engine->tls = NULL; /* it takes the ClientHello for a request that never ends */
    connect_to_engine(caller);
    run_until_count(caller->loop, &caller->engine->accepted, 1);
    engine_send(&caller->engine->connections[0], "HTTP/1.1 400 Bad Request\r\n\r\n");
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_NOT_MADE);
    assert_int_equal(caller->readies, 0);
    release_tls(&tls);
}

static void answer_until_end(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_send(connection, "HTTP/1.1 200 OK\r\n\r\nall of it");
    if (connection->number == 0)
        engine_end(connection); /* with a goodbye */
    else
        sock_shutdown(connection->sock);
}

static void a_cut_is_no_end_under_tls(void **state)
{
    struct caller *caller = *state;
    struct tls_fixture tls = use_tls(caller, "DNS:localhost");
    caller->engine->answer = answer_until_end;
    connect_to_engine(caller);
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_DONE);
    assert_body(caller, "all of it");
    connect_to_engine(caller);
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_BROKEN);
    release_tls(&tls);
}

#define LONG_BYTES (4 << 20)

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

static bool has_body(void *arg)
{
    return ((struct caller *)arg)->body.len > 0;
}

static void a_pause_bounds_what_comes(struct caller *caller)
{
    caller->engine->answer = answer_long;
    connect_to_engine(caller);
    run_until(caller->loop, has_body, caller);
    connection_pause(caller->connection);
    size_t before = caller->body.len;
    run_some_turns(caller->loop);
    assert_in_range(caller->body.len, before, before + SOCK_READ_BYTES);
    assert_int_equal(caller->overs, 0);
    connection_resume(caller->connection);
    run_to_end(caller);
    assert_int_equal(caller->end, CONNECTION_DONE);
    assert_int_equal(caller->body.len, LONG_BYTES);
}

static void pauses(void **state)
{
    a_pause_bounds_what_comes(*state);
}

static void pauses_over_tls(void **state)
{
    struct caller *caller = *state;
    struct tls_fixture tls = use_tls(caller, "DNS:localhost");
    a_pause_bounds_what_comes(caller);
    release_tls(&tls);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(asks_and_is_kept),
        CASE(the_last_kept_is_taken_first),
        CASE(some_are_not_kept),
        CASE(nothing_is_kept_in_a_forgotten_lane),
        CASE(idle_ones_go_when_the_engine_speaks_or_leaves),
        CASE(idle_ones_grow_old_before_the_engine_closes_them),
        CASE(tells_how_it_ended),
        CASE(a_head_has_a_maximum),
        CASE(the_owner_may_stop_it),
        CASE(the_owner_may_close_it_in_any_event),
        CASE(says_when_it_cannot_be_made),
        CASE(large_uploads_pass),
        CASE(an_answer_before_the_end_of_the_upload_counts),
        CASE(runs_out_of_memory_cleanly),
        CASE(asks_over_tls),
        CASE(large_uploads_pass_over_tls),
        CASE(refuses_another_host_over_tls),
        CASE(speaks_plain_to_nobody_over_tls),
        CASE(a_cut_is_no_end_under_tls),
        CASE(pauses),
        CASE(pauses_over_tls),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
