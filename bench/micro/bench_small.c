/* SPDX-License-Identifier: Apache-2.0 */
/* What each request or event uses a few times: each of these has to cost nearly nothing. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/json_out.h"
#include "base/text.h"
#include "bodies.h"
#include "dialect/endpoint.h"
#include "harness.h"
#include "loop/loop.h"
#include "net/clients.h"

#include <netinet/in.h>

static struct arena *arena;
static struct loop *loop;
static struct clients *clients;
static struct body body;

/* A request's copies: method, path, agent, their request id. */
static void repeat_arena(void *arg, uint64_t times)
{
    (void)arg;
    while (times-- > 0) {
        bench_keep(arena_copy(arena, SPAN("POST")).ptr);
        bench_keep(arena_copy(arena, SPAN("/v1/chat/completions")).ptr);
        bench_keep(arena_copy(arena, SPAN("OpenAI/Python 1.99.1")).ptr);
        bench_keep(arena_copy(arena, SPAN("1f0c9f3e-8c55-4a3e-9a3f-2f3ad1c9a611")).ptr);
        arena_clear(arena);
    }
}

static void on_deadline(struct deadline *deadline)
{
    (void)deadline;
}

/* Moved later with each message, as nearly all of them are. */
static void repeat_deadline(void *arg, uint64_t times)
{
    struct deadline deadline;
    (void)arg;
    deadline_init(&deadline, on_deadline);
    for (uint64_t i = 0; i < times; i++)
        deadline_set(loop, &deadline, 60000 + i);
    deadline_clear(&deadline);
}

static void repeat_deadline_cleared(void *arg, uint64_t times)
{
    struct deadline deadline;
    (void)arg;
    deadline_init(&deadline, on_deadline);
    for (uint64_t i = 0; i < times; i++) {
        deadline_set(loop, &deadline, 60000 + i);
        deadline_clear(&deadline);
    }
}

static void repeat_clients(void *arg, uint64_t times)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&peer;
    (void)arg;
    address->sin_family = AF_INET;
    for (uint64_t i = 0; i < times; i++) {
        address->sin_addr.s_addr = htonl((uint32_t)(i % 1000) << 8);
        check(clients_enter(clients, &peer) == CLIENTS_WELCOME);
        clients_leave(clients, &peer);
    }
}

static void repeat_endpoint(void *arg, uint64_t times)
{
    struct span model;
    (void)arg;
    while (times-- > 0)
        check(endpoint_of(SPAN("/v1/chat/completions"), &model) == ENDPOINT_CHAT);
}

static void repeat_clock(void *arg, uint64_t times)
{
    uint64_t sum = 0;
    (void)arg;
    while (times-- > 0)
        sum += clock_mono_us();
    bench_keep(&sum);
}

static void repeat_utf8(void *arg, uint64_t times)
{
    const struct body *text = arg;
    while (times-- > 0)
        check(text_is_utf8(span_of(text->text, text->len)));
}

static void repeat_escape(void *arg, uint64_t times)
{
    static char room[16384];
    const struct body *text = arg;
    while (times-- > 0) {
        struct buf buf = {.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
        json_escape(&buf, span_of(text->text, text->len));
        check(buf_status(&buf) == 0);
    }
}

int main(int argc, char **argv)
{
    arena = arena_new(65536);
    loop = loop_new();
    clients = clients_new(&(struct clients_limits){10000, 100});
    check(arena && loop && clients);
    body_make(&body, 8192);
    const struct bench benches[] = {
        {"small/arena-of-a-request", 0, repeat_arena, NULL},
        {"small/deadline-moved", 0, repeat_deadline, NULL},
        {"small/deadline-set-and-cleared", 0, repeat_deadline_cleared, NULL},
        {"small/client-counted", 0, repeat_clients, NULL},
        {"small/endpoint-of", 0, repeat_endpoint, NULL},
        {"small/clock", 0, repeat_clock, NULL},
        {"small/utf8-8K", body.len, repeat_utf8, &body},
        {"small/json-escape-8K", body.len, repeat_escape, &body},
    };
    int status = bench_main(argc, argv, benches, COUNT_OF(benches));
    clients_free(clients);
    loop_free(loop);
    arena_free(arena);
    return status;
}
