/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's server of a few lines, on the test's own loop: it takes connections on 127.0.0.1, waits
 * for a whole request and then does what the test's `answer` says. Under TLS it speaks through
 * OpenSSL's memory BIOs. And what all these tests share: a loop that runs until something has
 * happened.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "loop/sock.h"
#include "relay/pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

/* ── the loop ── */

#define PATIENCE_MS 20000

struct run {
    struct loop *loop;
    bool (*done)(void *arg);
    void *arg;
    uint64_t until_ms;
    bool in_time;
};

static inline void run_look(void *arg)
{
    struct run *run = arg;
    run->in_time = run->done(run->arg);
    if (run->in_time || loop_now_ms(run->loop) > run->until_ms)
        loop_stop(run->loop);
}

/* Runs until done(arg); a test that waits for what never comes fails. */
static inline void run_until(struct loop *loop, bool (*done)(void *arg), void *arg)
{
    struct run run = {loop, done, arg, loop_now_ms(loop) + PATIENCE_MS, false};
    struct tick *tick = tick_new(loop, 1, run_look, &run);
    assert_non_null(tick);
    loop_run(loop);
    tick_free(tick);
    assert_true(run.in_time);
}

static inline bool run_flag(void *arg)
{
    return *(const bool *)arg;
}

static inline bool run_reaches(void *arg)
{
    uint64_t **pair = arg;
    return *pair[0] >= *pair[1];
}

/* Until the counter has come to `value`. */
static inline void run_until_count(struct loop *loop, const uint64_t *counter, uint64_t value)
{
    const uint64_t *pair[] = {counter, &value};
    run_until(loop, run_reaches, pair);
}

/* A few turns in which nothing more should happen. */
static inline bool run_turns_over(void *arg)
{
    return --*(int *)arg <= 0;
}

static inline void run_some_turns(struct loop *loop)
{
    int turns = 10;
    run_until(loop, run_turns_over, &turns);
}

/* ── the engine ── */

#define ENGINE_CONNECTIONS_MAX 64

struct engine;

struct engine_connection {
    struct engine *engine;
    struct sock *sock;
    SSL *ssl;      /* NULL: plain */
    struct buf in; /* the request under way */
    size_t number; /* 0 is the engine's first connection */
    uint64_t requests;
};

struct engine {
    struct loop *loop;
    int fd;
    uint16_t port;
    struct sock_listener *listener;
    SSL_CTX *tls;
    bool deaf; /* reads nothing of what is sent to it */
    /* Called for each whole request. */
    void (*answer)(struct engine *engine, struct engine_connection *connection);
    struct engine_connection connections[ENGINE_CONNECTIONS_MAX];
    uint64_t accepted, requests, hung_up; /* hung_up: connections that the relay ended */
    char head[8192], body[65536];         /* of the last request */
    size_t body_bytes;                    /* of the last request; may be more than is kept */
};

static inline void engine_send_bytes(struct engine_connection *connection, struct span bytes)
{
    if (!connection->sock)
        return;
    if (connection->ssl) {
        assert_int_equal(SSL_write(connection->ssl, bytes.ptr, (int)bytes.len), (int)bytes.len);
        char *out;
        long len = BIO_get_mem_data(SSL_get_wbio(connection->ssl), &out);
        bytes = span_of(out, (size_t)len);
    }
    sock_queue_max(connection->sock, (size_t)256 << 20);
    (void)!sock_write(connection->sock, &bytes,
                      1); /* the other side may have gone: on_error tells */
    if (connection->ssl)
        (void)BIO_reset(SSL_get_wbio(connection->ssl));
}

static inline void engine_send(struct engine_connection *connection, const char *text)
{
    engine_send_bytes(connection, span_str(text));
}

/* A whole answer with its length. */
static inline void engine_answer(struct engine_connection *connection, const char *status,
                                 const char *headers, const char *body)
{
    char head[1024];
    (void)snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
                   headers, strlen(body));
    engine_send(connection, head);
    if (body[0])
        engine_send(connection, body);
}

static inline void engine_chunk(struct engine_connection *connection, const char *text)
{
    char chunk[4096];
    (void)snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(text), text);
    engine_send(connection, chunk);
}

static inline void engine_close(struct engine_connection *connection)
{
    sock_close(TAKE(connection->sock));
}

static inline void engine_reset(struct engine_connection *connection)
{
    sock_reset(TAKE(connection->sock));
}

/* Says goodbye under TLS, then FIN. */
static inline void engine_end(struct engine_connection *connection)
{
    if (connection->ssl) {
        (void)SSL_shutdown(connection->ssl);
        char *out;
        long len = BIO_get_mem_data(SSL_get_wbio(connection->ssl), &out);
        struct span bytes = span_of(out, (size_t)len);
        assert_true(sock_write(connection->sock, &bytes, 1) >= 0);
        (void)BIO_reset(SSL_get_wbio(connection->ssl));
    }
    sock_shutdown(connection->sock);
}

/* The whole request in `in`, if it is there: copies it out and drops it. */
static inline bool engine_take_request(struct engine_connection *connection)
{
    struct engine *engine = connection->engine;
    struct span all = buf_span(&connection->in);
    ptrdiff_t end = span_find(all, SPAN("\r\n\r\n"));
    if (end < 0)
        return false;
    struct span head = span_take(all, (size_t)end + 4);
    uint64_t length = 0;
    ptrdiff_t at = span_find(head, SPAN("Content-Length: "));
    if (at >= 0) {
        struct span line = span_skip(head, (size_t)at + 16);
        assert_int_equal(text_to_u64(span_take(line, (size_t)span_find_byte(line, '\r')), &length),
                         0);
    }
    if (all.len < head.len + length)
        return false;
    assert_true(head.len < sizeof(engine->head));
    memcpy(engine->head, head.ptr, head.len);
    engine->head[head.len] = '\0';
    size_t kept = MIN((size_t)length, sizeof(engine->body) - 1);
    memcpy(engine->body, all.ptr + head.len, kept);
    engine->body[kept] = '\0';
    engine->body_bytes = (size_t)length;
    buf_consume(&connection->in, head.len + (size_t)length);
    return true;
}

static inline void engine_requests(struct engine_connection *connection)
{
    struct engine *engine = connection->engine;
    while (connection->sock && engine_take_request(connection)) {
        connection->requests++;
        engine->requests++;
        engine->answer(engine, connection);
    }
}

static inline void engine_tls_bytes(struct engine_connection *connection, struct span bytes)
{
    char plain[16384];
    int n;
    assert_int_equal(BIO_write(SSL_get_rbio(connection->ssl), bytes.ptr, (int)bytes.len),
                     (int)bytes.len);
    while ((n = SSL_read(connection->ssl, plain, sizeof(plain))) > 0)
        buf_append(&connection->in, span_of(plain, (size_t)n));
    ERR_clear_error();
    char *out;
    long len = BIO_get_mem_data(SSL_get_wbio(connection->ssl), &out);
    if (len > 0) {
        struct span sent = span_of(out, (size_t)len);
        (void)!sock_write(connection->sock, &sent, 1);
        (void)BIO_reset(SSL_get_wbio(connection->ssl));
    }
}

static inline void engine_on_read(void *owner, char *bytes, size_t len)
{
    struct engine_connection *connection = owner;
    if (connection->ssl)
        engine_tls_bytes(connection, span_of(bytes, len));
    else
        buf_append(&connection->in, span_of(bytes, len));
    engine_requests(connection);
}

static inline void engine_on_end(void *owner)
{
    struct engine_connection *connection = owner;
    connection->engine->hung_up++;
    engine_close(connection);
}

static inline void engine_on_error(void *owner, int error)
{
    (void)error;
    engine_on_end(owner);
}

static const struct sock_events engine_sock_events = {engine_on_read, engine_on_end,
                                                      engine_on_error, NULL};

static inline void engine_on_accept(void *arg, struct sock *sock)
{
    struct engine *engine = arg;
    assert_true(engine->accepted < ENGINE_CONNECTIONS_MAX);
    struct engine_connection *connection = &engine->connections[engine->accepted];
    connection->engine = engine;
    connection->number = (size_t)engine->accepted++;
    connection->sock = sock;
    buf_init(&connection->in, (size_t)64 << 20);
    if (engine->tls) {
        connection->ssl = SSL_new(engine->tls);
        SSL_set_bio(connection->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(connection->ssl);
    }
    assert_int_equal(sock_start(sock, &engine_sock_events, connection), 0);
    if (engine->deaf)
        sock_read_stop(sock, true);
}

/* A listening descriptor on a free port of 127.0.0.1. */
static inline int listen_somewhere(int backlog, uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static inline struct engine *engine_new(struct loop *loop,
                                        void (*answer)(struct engine *, struct engine_connection *))
{
    struct engine *engine = calloc(1, sizeof(*engine));
    assert_non_null(engine);
    engine->loop = loop;
    engine->answer = answer;
    engine->fd = listen_somewhere(64, &engine->port);
    engine->listener = sock_listener_new(loop, engine->fd, engine_on_accept, NULL, engine);
    assert_non_null(engine->listener);
    return engine;
}

static inline void engine_free(struct engine *engine)
{
    for (size_t i = 0; i < engine->accepted; i++) {
        sock_close(engine->connections[i].sock);
        SSL_free(engine->connections[i].ssl);
        buf_release(&engine->connections[i].in);
    }
    sock_listener_free(engine->listener);
    close(engine->fd);
    free(engine);
}

/* A port on which nobody listens: it stays bound, so that nobody else gets it. */
static inline int refuse_somewhere(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* A port that neither takes nor refuses: its backlog is full. `ret_fds` are to be closed. */
#define STUCK_FDS 4
static inline uint16_t stuck_somewhere(int ret_fds[STUCK_FDS])
{
    uint16_t port;
    ret_fds[0] = listen_somewhere(0, &port);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 1; i < STUCK_FDS; i++) {
        ret_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(ret_fds[i] >= 0);
        (void)connect(ret_fds[i], (struct sockaddr *)&address, sizeof(address));
    }
    return port;
}

/* ── pools ── */

/* Settings that no test waits for; a test changes what it is about. */
static inline struct pool_spec usual_pool(void)
{
    return (struct pool_spec){
        .name = SPAN("main"),
        .connect_ms = 10000,
        .first_byte_ms = 10000,
        .idle_ms = 10000,
        .probe_every_ms = 10000,
        .probe_timeout_ms = 10000,
        .breaker_failures = 3,
        .breaker_pause_ms = 1000,
        .retries_max = 2,
        .retry_budget_percent = 10,
        .idle_connections_max = 4,
    };
}

#define POOL_TEST_BACKENDS_MAX 4

/* A pool of backends at these ports of 127.0.0.1. */
static inline struct pool *pool_at(struct pool_spec spec, const uint16_t *ports, size_t count)
{
    struct backend_spec backends[POOL_TEST_BACKENDS_MAX] = {0};
    char urls[POOL_TEST_BACKENDS_MAX][64];
    struct err err = {""};
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%u", (unsigned)ports[i]);
        backends[i] = (struct backend_spec){.url = span_str(urls[i]), .weight = 1};
    }
    spec.backends = backends;
    spec.backends_count = count;
    struct pool *pool = pool_new(&spec, &err);
    assert_string_equal(err.text, "");
    assert_non_null(pool);
    return pool;
}

static inline struct backend_view view_of(struct pool *pool, size_t index)
{
    struct backend_view view;
    backend_view(pool_backend(pool, index), &view);
    return view;
}
