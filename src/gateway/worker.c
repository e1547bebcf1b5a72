/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/worker.h"

#include "base/alloc.h"
#include "base/log.h"
#include "gateway/admission.h"
#include "gateway/client.h"
#include "gateway/resuming.h"

#include <stdatomic.h>
#include <sys/resource.h>

#define MAILBOX_MESSAGES_MAX 64
#define REQUEST_MEMORY_MAX                                                                         \
    65536 /* an arena holds copies of short head fields and lists of models */
#define ANSWER_HEAD_BYTES_MAX 16384
#define ENGINE_HEAD_BYTES_MAX 32768
#define DESCRIPTORS_KEPT 80 /* for loops, listeners, files, the admin's callers and health checks */
#define SPARE_MS_MIN 100    /* a connection has had its time to say something */
#define CONNECTIONS_MIN 16  /* however few descriptors there are; the configuration's own minimum */

/* ---- snapshots and orders from the control thread ------------------------------------------------- */

static void begin_drain(struct worker *worker, uint64_t drain_ms)
{
    if (worker->draining)
        return;
    worker->draining = true;
    for (size_t i = 0; i < worker->listeners_count; i++)
        sock_listener_free(TAKE(worker->listeners[i]));
    worker->listeners_count = 0;
    list_each(at, &worker->connections) client_drain(client_of_link(at));
    deadline_set(worker->loop, &worker->drain, loop_now_ms(worker->loop) + drain_ms);
    resuming_tick(worker);
    worker_look_drained(worker);
}

/* The drain's time is over: what still runs is cut. */
static void on_drain_deadline(struct deadline *deadline)
{
    struct worker *worker = container_of(deadline, struct worker, drain);
    while (!list_empty(&worker->connections))
        client_close(client_of_link(list_first(&worker->connections)), REASON_SHUTTING_DOWN);
    resuming_end_all(worker);
}

void worker_look_drained(struct worker *worker)
{
    if (worker->draining && list_empty(&worker->connections) && list_empty(&worker->left)) {
        deadline_clear(&worker->drain);
        worker->on_drained(worker);
    }
}

/* Half of the descriptors may be clients, since each may need a connection to an engine. */
static uint64_t connections_possible(const struct config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return config->connections_max;
    uint64_t left = limit.rlim_cur > DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT : 0;
    uint64_t possible = MAX(left / 2, (uint64_t)CONNECTIONS_MIN);
    return MIN((uint64_t)config->connections_max, possible);
}

/* The kernel spreads connections evenly, one network's (of one client, at the least) it does not: those are counted in each worker. */
static struct clients_limits clients_limits(const struct worker *worker,
                                            const struct config *config)
{
    return (struct clients_limits){(uint32_t)worker_share(worker, connections_possible(config)),
                                   config->connections_per_network_max};
}

static void apply_limits(struct worker *worker)
{
    const struct config *config = worker->catalog->config;
    struct clients_limits limits = clients_limits(worker, config);
    clients_set_limits(worker->clients, &limits);
    worker->out.max = 2 * config->answer_bytes_max;
    worker->numbered.max = 3 * config->answer_bytes_max;
}

static struct json_parser *new_parser(const struct config *config)
{
    return json_parser_new(MAX(config->body_bytes_max, config->answer_bytes_max),
                           config->json_depth_max);
}

/* Without memory for a parser of the new size the old one stays; it refuses what is too large for it. */
static void resize_parser(struct worker *worker, const struct config *before)
{
    const struct config *now = worker->catalog->config;
    if (now->body_bytes_max == before->body_bytes_max &&
        now->answer_bytes_max == before->answer_bytes_max &&
        now->json_depth_max == before->json_depth_max)
        return;
    struct json_parser *parser = new_parser(now);
    if (!parser)
        return;
    json_parser_free(worker->parser);
    worker->parser = parser;
}

/* ---- turnstiles ---------------------------------------------------------------------------------------- */

static struct worker_turnstile *entry_of(struct worker *worker, const struct turnstile *turnstile)
{
    for (size_t i = 0; i < worker->turnstiles_count; i++)
        if (worker->turnstiles[i].turnstile == turnstile)
            return &worker->turnstiles[i];
    return NULL;
}

void worker_forget_idle_turnstiles(struct worker *worker)
{
    for (size_t i = worker->turnstiles_count; i-- > 0;) {
        struct worker_turnstile *entry = &worker->turnstiles[i];
        if (entry->current || entry->turns > 0)
            continue;
        turnstile_unref(entry->turnstile);
        *entry = worker->turnstiles[--worker->turnstiles_count];
    }
}

/* Those of before stay while requests are in them. */
static void use_turnstiles(struct worker *worker, const struct catalog *catalog)
{
    for (size_t i = 0; i < worker->turnstiles_count; i++)
        worker->turnstiles[i].current = false;
    for (size_t i = 0; i < catalog->pools_count; i++) {
        struct worker_turnstile *entry = entry_of(worker, catalog->turnstiles[i]);
        if (entry)
            entry->current = true;
        else if (worker->turnstiles_count < WORKER_TURNSTILES_MAX)
            worker->turnstiles[worker->turnstiles_count++] =
                (struct worker_turnstile){turnstile_ref(catalog->turnstiles[i]), 0, true};
    }
    worker_forget_idle_turnstiles(worker);
}

void worker_tick_soon(struct worker *worker)
{
    if (worker->turn_tick.due_ms == 0)
        deadline_set(worker->loop, &worker->turn_tick, loop_now_ms(worker->loop) + GATE_TICK_MS);
}

static void on_turn_tick(struct deadline *deadline)
{
    struct worker *worker = container_of(deadline, struct worker, turn_tick);
    bool turns = kept_answers_any(worker->kept_answers);
    resuming_tick(worker);
    admission_tick(worker);
    for (size_t i = 0; i < worker->turnstiles_count; i++)
        turns |= worker->turnstiles[i].turns > 0;
    if (turns)
        worker_tick_soon(worker);
}

bool worker_turn_begins(struct worker *worker, struct turnstile *turnstile)
{
    struct worker_turnstile *entry = entry_of(worker, turnstile);
    if (!entry)
        return false;
    entry->turns++;
    worker_tick_soon(worker);
    return true;
}

void worker_turn_ends(struct worker *worker, struct turnstile *turnstile)
{
    struct worker_turnstile *entry = entry_of(worker, turnstile);
    if (entry)
        entry->turns--;
}

static void take_news(struct worker *worker)
{
    resuming_take_news(worker);
    admission_take_news(worker);
}

static void on_news(struct soon *soon)
{
    take_news(container_of(soon, struct worker, news_soon));
}

/* One message is enough for all that happens until it is read. A full mailbox is no loss: each worker looks at its tick too. */
static void ring_peer(struct worker *peer)
{
    if (!peer || atomic_exchange_explicit(&peer->rung, true, memory_order_acq_rel))
        return;
    struct worker_message message = {.kind = WORKER_NEWS};
    if (worker_post(peer, &message) < 0)
        atomic_store_explicit(&peer->rung, false, memory_order_release);
}

void worker_ring(struct worker *worker, turnstile_bells bells)
{
    for (; bells && !worker->stopped; bells &= bells - 1) {
        uint32_t index = (uint32_t)__builtin_ctzll(bells);
        if (index == worker->index)
            soon_call(worker->loop, &worker->news_soon);
        else
            ring_peer(atomic_load_explicit(&worker->peers[index], memory_order_acquire));
    }
}

static void use_catalog(struct worker *worker, struct catalog *catalog)
{
    struct catalog *before = worker->catalog;
    worker->catalog = catalog;
    use_turnstiles(worker, catalog);
    apply_limits(worker);
    resize_parser(worker, before->config);
    catalog_unref(before);
    relay_forget_idle(worker->relay);
}

static void on_message(void *arg, void *content)
{
    struct worker *worker = arg;
    struct worker_message *message = content;
    switch (message->kind) {
    case WORKER_CATALOG:
        use_catalog(worker, message->catalog);
        break;
    case WORKER_KEYRING:
        keyring_unref(worker->keyring);
        worker->keyring = message->keyring;
        break;
    case WORKER_NEWS:
        atomic_store_explicit(&worker->rung, false, memory_order_release);
        take_news(worker);
        break;
    case WORKER_DRAIN:
        begin_drain(worker, message->drain_ms);
        break;
    case WORKER_STOP:
        worker->stopped = true;
        loop_stop(worker->loop);
        break;
    }
    mem_free(message);
}

static void drop_message(void *content)
{
    struct worker_message *message = content;
    if (message->kind == WORKER_CATALOG)
        catalog_unref(message->catalog);
    if (message->kind == WORKER_KEYRING)
        keyring_unref(message->keyring);
    mem_free(message);
}

int worker_post(struct worker *worker, const struct worker_message *message)
{
    struct worker_message *copy = mem_alloc(sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    *copy = *message;
    int result = mailbox_post(worker->mailbox, copy);
    if (result < 0)
        mem_free(copy);
    return result;
}

/* ---- the thread ------------------------------------------------------------------------------------ */

static void on_accept(void *arg, struct sock *sock)
{
    client_accept(arg, sock);
}

static void on_short(void *arg)
{
    struct worker *worker = arg;
    METRIC_ADD(recorder_counters(worker->recorder), connections_refused, 1);
}

/* Descriptors have run out, for all workers. */
static bool on_full(void *arg)
{
    return worker_make_room(arg);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    loop_run(worker->loop);
    return NULL;
}

static int open_listeners(struct worker *worker, const struct worker_spec *spec)
{
    for (size_t i = 0; i < spec->listeners_count; i++) {
        worker->listeners[i] =
            sock_listener_new(worker->loop, spec->listeners[i], on_accept, on_short, worker);
        if (!worker->listeners[i])
            return -ENOMEM;
        sock_listener_on_full(worker->listeners[i], on_full);
        worker->listeners_count++;
    }
    return 0;
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    while (
        !list_empty(&worker->connections)) /* of a start that failed after the first of them came */
        client_close(client_of_link(list_first(&worker->connections)), REASON_SHUTTING_DOWN);
    resuming_end_all(worker);
    for (size_t i = 0; i < worker->listeners_count; i++)
        sock_listener_free(worker->listeners[i]);
    for (size_t i = 0; i < worker->kept_count; i++) {
        arena_free(worker->kept[i]->arena);
        mem_free(worker->kept[i]);
    }
    for (size_t i = 0; i < worker->turnstiles_count; i++)
        turnstile_unref(worker->turnstiles[i].turnstile);
    relay_free(worker->relay);
    recorder_free(worker->recorder);
    mailbox_free(worker->mailbox, drop_message);
    clients_free(worker->clients);
    json_parser_free(worker->parser);
    buf_release(&worker->head);
    buf_release(&worker->out);
    buf_release(&worker->numbered);
    loop_free(worker->loop);
    catalog_unref(worker->catalog);
    keyring_unref(worker->keyring);
    mem_free(worker);
}

static int worker_build(struct worker *worker, const struct worker_spec *spec)
{
    const struct config *config = spec->catalog->config;

    worker->loop = loop_new();
    if (!worker->loop)
        return -ENOMEM;
    worker->mailbox = mailbox_new(worker->loop, MAILBOX_MESSAGES_MAX, on_message, worker);
    worker->relay = relay_new(worker->loop, ENGINE_HEAD_BYTES_MAX);
    worker->recorder = recorder_new(spec->record_hub, worker->loop, spec->index);
    struct clients_limits limits = clients_limits(worker, config);
    worker->clients = clients_new(&limits);
    worker->parser = new_parser(config);
    if (!worker->mailbox || !worker->relay || !worker->recorder || !worker->clients ||
        !worker->parser)
        return -ENOMEM;
    return open_listeners(worker, spec);
}

struct worker *worker_start(const struct worker_spec *spec, struct err *err)
{
    struct worker *worker = mem_zalloc(sizeof(*worker));
    if (!worker) {
        err_set(err, -ENOMEM, "cannot start worker %u: out of memory", spec->index);
        return NULL;
    }
    worker->index = spec->index;
    worker->workers = spec->workers;
    worker->catalog = catalog_ref(spec->catalog);
    worker->keyring = keyring_ref(spec->keyring);
    worker->profiles = spec->profiles;
    worker->budgets = spec->budgets;
    worker->kept_answers = spec->kept_answers;
    worker->address_key = spec->address_key;
    worker->peers = spec->peers;
    worker->record_hub = spec->record_hub;
    worker->links = spec->links;
    soon_init(&worker->news_soon, on_news);
    use_turnstiles(worker, worker->catalog);
    worker->on_drained = spec->on_drained;
    list_init(&worker->connections);
    list_init(&worker->silent);
    list_init(&worker->idle);
    list_init(&worker->idle_known);
    list_init(&worker->waiting);
    list_init(&worker->left);
    deadline_init(&worker->drain, on_drain_deadline);
    deadline_init(&worker->turn_tick, on_turn_tick);
    buf_init(&worker->head, ANSWER_HEAD_BYTES_MAX);
    buf_init(&worker->out, 2 * spec->catalog->config->answer_bytes_max);
    buf_init(&worker->numbered, 3 * spec->catalog->config->answer_bytes_max);

    int result = worker_build(worker, spec);
    if (result == 0)
        result = -pthread_create(&worker->thread, NULL, worker_main, worker);
    if (result < 0) {
        err_errno(err, result, "cannot start worker %u", spec->index);
        worker_free(worker);
        return NULL;
    }
    return worker;
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

/* The first of these goes, if it has been there for long enough. */
static bool give_up_first(struct worker *worker, struct list *spare)
{
    struct list *link = list_first(spare);
    if (!link || client_spare_ms(client_of_spare(link)) < SPARE_MS_MIN)
        return false;
    METRIC_ADD(recorder_counters(worker->recorder), connections_given_up, 1);
    client_close(client_of_spare(link), REASON_CLIENT_GONE);
    return true;
}

bool worker_make_room(struct worker *worker)
{
    return give_up_first(worker, &worker->silent) || give_up_first(worker, &worker->idle) ||
           give_up_first(worker, &worker->idle_known);
}

/* ---- what its requests use ------------------------------------------------------------------------- */

struct span worker_date(struct worker *worker)
{
    uint64_t wall_ms = loop_wall_ms(worker->loop);
    if (wall_ms / 1000 != worker->date_s) {
        worker->date_s = wall_ms / 1000;
        text_http_date(wall_ms, worker->date);
    }
    return span_of(worker->date, TEXT_HTTP_DATE_BYTES - 1);
}

const struct config *worker_config(const struct worker *worker)
{
    return worker->catalog->config;
}

uint64_t worker_share(const struct worker *worker, uint64_t limit)
{
    return limit / worker->workers + (limit % worker->workers > 0);
}

void worker_count_body_memory(struct worker *worker, size_t before, size_t now)
{
    worker->body_memory += now - before; /* unsigned: what shrinks is taken away */
    METRIC_ADD(recorder_counters(worker->recorder), body_memory, now - before);
}

bool worker_body_memory_beyond(const struct worker *worker, unsigned times)
{
    return worker->body_memory / times >
           worker_share(worker, worker_config(worker)->body_memory_max);
}

struct request *worker_take_request(struct worker *worker)
{
    struct request *request;
    if (worker->kept_count > 0) {
        request = worker->kept[--worker->kept_count];
    } else {
        request = mem_alloc(sizeof(*request));
        struct arena *arena = request ? arena_new(REQUEST_MEMORY_MAX) : NULL;
        if (!arena) {
            mem_free(request);
            return NULL;
        }
        request->arena = arena;
    }
    struct arena *arena = request->arena;
    *request = (struct request){.arena = arena, .worker = worker};
    list_init(&request->waiting_link);
    buf_init(&request->ask, RELAY_HEADROOM + 2 * worker_config(worker)->body_bytes_max);
    buf_init(&request->whole, 1);
    sse_splitter_init(&request->splitter, 1, NULL, NULL);
    return request;
}

void worker_give_request(struct worker *worker, struct request *request)
{
    arena_clear(request->arena);
    if (worker->kept_count < WORKER_REQUESTS_KEPT) {
        worker->kept[worker->kept_count++] = request;
        return;
    }
    arena_free(request->arena);
    mem_free(request);
}
