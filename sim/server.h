/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: a listener, connections, and the one engine that all calls go to. It turns real time into the engine's
 * time, and the engine's events into answers.
 *
 *   connection.c  bytes in: HTTP/1.1, one request after the other        (connection.h)
 *   routes.c      which request is what                                  (routes.h)
 *   call.c        a request for tokens, from its body to its last event  (call.h)
 *   server.c      the rest: time, listening, restart
 *
 * One thread. While the engine has something to do, a tick each millisecond looks what has happened.
 */
#pragma once

#include "base/list.h"
#include "engine.h"
#include "loop/sock.h"
#include "meters.h"
#include "options.h"

#define SERVER_EVENTS_PER_TICK_MAX 8192
#define SERVER_NAME SPAN("simllm")

struct server {
    struct loop *loop;
    struct options *options;
    struct engine *engine;
    struct json_parser *parser;
    struct sock_listener *listener;
    struct tick *tick; /* NULL: nothing to do */
    struct list connections;
    struct list closed; /* connections that are freed at the end of this iteration */
    uint32_t connections_count;
    struct list calls;
    uint64_t calls_number; /* of the last */
    struct meters meters;
    uint64_t began_us;        /* the loop's time */
    uint64_t closed_until_us; /* the engine's time: an engine that starts again lets nobody in */
    struct soon restart_soon;
    double restart_seconds;
    struct buf scratch; /* one event or one answer */
    struct buf head;    /* one head */
};

/* `options` stay the caller's. NULL with *err. */
struct server *server_new(struct loop *loop, struct options *options, struct err *err) must_check;
void server_free(struct server *server);
/* Starts to accept on a descriptor of net/listen.h, which stays the caller's. 0 or -ENOMEM. */
int server_listen(struct server *server, int fd) must_check;

/* The engine's time. */
uint64_t server_now_us(const struct server *server);
/* What so many seconds of the engine's time are in real milliseconds. */
uint64_t server_real_ms(const struct server *server, double seconds);
/* After a call went to the engine, or was taken from it. */
void server_wake(struct server *server);
/* At the end of this iteration: all connections and all state are gone, and for some seconds of the engine's time
 * whoever connects is reset. */
void server_restart(struct server *server, double seconds);
