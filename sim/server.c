/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include "base/alloc.h"
#include "call.h"
#include "connection.h"

#define ANSWER_BYTES_MAX (64u << 20)
#define HEAD_BYTES_MAX 1024

/* ── time ── */

uint64_t server_now_us(const struct server *server)
{
    double real_us = (double)(loop_now_us(server->loop) - server->began_us);
    return (uint64_t)(real_us * server->options->speed);
}

uint64_t server_real_ms(const struct server *server, double seconds)
{
    return (uint64_t)(seconds * 1000.0 / server->options->speed);
}

/* What there is to do beyond the maximum waits a millisecond, so that hang-ups are seen. */
static void on_tick(void *arg)
{
    struct server *server = arg;
    struct engine_event event;
    uint64_t now_us = server_now_us(server);
    for (int i = 0; i < SERVER_EVENTS_PER_TICK_MAX; i++) {
        if (!engine_next(server->engine, now_us, &event))
            break;
        call_token(&event);
    }
    server_wake(server);
}

void server_wake(struct server *server)
{
    bool busy = engine_due(server->engine) != ENGINE_NEVER;
    if (busy && !server->tick)
        server->tick = tick_new(server->loop, 1, on_tick, server);
    else if (!busy)
        tick_free(TAKE(server->tick));
}

/* ── newcomers ── */

static void on_accept(void *arg, struct sock *sock)
{
    struct server *server = arg;
    if (server_now_us(server) < server->closed_until_us ||
        server->connections_count >= server->options->connections_max ||
        connection_new(server, sock) < 0)
        sock_reset(sock);
}

int server_listen(struct server *server, int fd)
{
    server->listener = sock_listener_new(server->loop, fd, on_accept, NULL, server);
    return server->listener ? 0 : -ENOMEM;
}

/* ── the engine's end and beginning ── */

static int make_engine(struct server *server)
{
    server->engine = engine_new(&server->options->preset, chance_seed(server->options->seed, 1));
    return server->engine ? 0 : -ENOMEM;
}

static void drop_all(struct server *server)
{
    list_each(at, &server->connections) connection_reset(list_entry(at, struct connection, link));
    list_each(at, &server->calls) call_free(list_entry(at, struct call, link));
    tick_free(TAKE(server->tick));
    engine_free(TAKE(server->engine));
}

/* Without memory for a new engine there is nothing left that could serve. */
static void on_restart(struct soon *soon)
{
    struct server *server = container_of(soon, struct server, restart_soon);
    drop_all(server);
    server->meters = (struct meters){.aborted = 0};
    server->closed_until_us = server_now_us(server) + (uint64_t)(server->restart_seconds * 1e6);
    if (make_engine(server) < 0)
        loop_stop(server->loop);
}

void server_restart(struct server *server, double seconds)
{
    server->restart_seconds = seconds;
    soon_call(server->loop, &server->restart_soon);
}

/* ── life ── */

struct server *server_new(struct loop *loop, struct options *options, struct err *err)
{
    struct server *server = mem_zalloc(sizeof(*server));
    if (!server) {
        err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    server->loop = loop;
    server->options = options;
    server->began_us = loop_now_us(loop);
    list_init(&server->connections);
    list_init(&server->closed);
    list_init(&server->calls);
    soon_init(&server->restart_soon, on_restart);
    buf_init(&server->scratch, ANSWER_BYTES_MAX);
    buf_init(&server->head, HEAD_BYTES_MAX);
    server->parser = json_parser_new(options->body_bytes_max, ASK_DEPTH_MAX);
    if (make_engine(server) < 0 || !server->parser) {
        err_set(err, -ENOMEM, "out of memory");
        server_free(server);
        return NULL;
    }
    return server;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    sock_listener_free(server->listener);
    soon_cancel(&server->restart_soon);
    if (server->engine)
        drop_all(server);
    list_each(at, &server->connections) connection_reset(list_entry(at, struct connection, link));
    connection_free_closed(server);
    json_parser_free(server->parser);
    buf_release(&server->scratch);
    buf_release(&server->head);
    mem_free(server);
}
