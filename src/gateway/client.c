/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/client.h"

#include "base/alloc.h"
#include "gateway/response_path.h"
#include "gateway/resuming.h"
#include "gateway/worker.h"

enum client_state {
    CLIENT_IDLE,
    CLIENT_HEAD,
    CLIENT_REQUEST,
    CLIENT_FLUSH,
    CLIENT_LINGER,
    CLIENT_CLOSED
};

struct client {
    struct list link; /* in worker->connections */
    struct list
        spare_link; /* in worker->silent until its first head is whole, in worker->idle or idle_known while IDLE after a request */
    uint64_t spare_ms; /* since when */
    struct worker *worker;
    struct sock *sock;
    struct http_request *reader; /* NULL once nothing may follow on this connection */
    struct request *request;     /* under way, or NULL */
    enum client_state state;
    bool silent;    /* no head has been whole yet */
    bool known;     /* its last call for a turn was in-profile */
    bool advancing; /* client_advance() is on the stack */
    bool keep;      /* after FLUSH: another request may follow */
    bool reading;   /* false while a pipeline waits */
    bool draining;
    uint64_t bytes_read;    /* of the body under way, for the rate */
    uint64_t bytes_written; /* handed to the socket, queued or not */
    uint64_t
        delivered_seen; /* bytes that had left the queue at the last look of the stall deadline */
    size_t memory_seen; /* of the reader, as counted in worker->body_memory */
    uint64_t body_began_ms;
    struct deadline deadline;      /* of the state */
    struct deadline send_deadline; /* while something is queued */
    struct soon more_soon;         /* pipelined requests that this turn had no time for */
    struct soon free_soon;
    struct sockaddr_storage peer;
};

static void client_advance(struct client *client);

/* ---- state -------------------------------------------------------------------------------------- */

static bool legal(enum client_state from, enum client_state to)
{
    switch (to) {
    case CLIENT_IDLE:
        return from == CLIENT_FLUSH || from == CLIENT_REQUEST;
    case CLIENT_HEAD:
        return from == CLIENT_IDLE;
    case CLIENT_REQUEST:
        return from == CLIENT_IDLE || from == CLIENT_HEAD;
    case CLIENT_FLUSH:
        return from == CLIENT_REQUEST;
    case CLIENT_LINGER:
        return from == CLIENT_FLUSH || from == CLIENT_REQUEST;
    case CLIENT_CLOSED:
        return from != CLIENT_CLOSED;
    }
    return false;
}

/* The one place where the state changes; each state begins with its deadline. */
static void client_enter_state(struct client *client, enum client_state state)
{
    const struct config *config = worker_config(client->worker);
    uint64_t now = loop_now_ms(client->worker->loop);

    check(legal(client->state, state));
    client->state = state;
    switch (state) {
    case CLIENT_IDLE:
        client->spare_ms = now;
        list_push_back(client->known ? &client->worker->idle_known : &client->worker->idle,
                       &client->spare_link);
        deadline_set(client->worker->loop, &client->deadline,
                     now + (client->draining ? MIN(config->keep_alive_ms, CLIENT_LINGER_MS)
                                             : config->keep_alive_ms));
        break;
    case CLIENT_HEAD:
        if (!client->silent)
            list_remove(&client->spare_link);
        deadline_set(client->worker->loop, &client->deadline, now + config->head_ms);
        break;
    case CLIENT_LINGER:
        deadline_set(client->worker->loop, &client->deadline, now + CLIENT_LINGER_MS);
        break;
    case CLIENT_REQUEST: /* while it receives: client_expect_body() */
    case CLIENT_FLUSH:   /* send_deadline */
    case CLIENT_CLOSED:
        deadline_clear(&client->deadline);
        list_remove(&client->spare_link);
        client->silent = false;
        break;
    }
}

void client_note_class(struct client *client, bool in_profile)
{
    client->known = in_profile;
}

/* ---- memory of bodies ---------------------------------------------------------------------------- */

/* A head's is not counted: whoever sends it has shown no key yet, and must not use up what is for bodies. */
static void count_memory(struct client *client)
{
    enum http_request_state state =
        client->reader ? http_request_state(client->reader) : HTTP_REQUEST_HEAD;
    bool has_body = state == HTTP_REQUEST_BODY || state == HTTP_REQUEST_DONE;
    size_t now = has_body ? http_request_memory(client->reader) : 0;
    worker_count_body_memory(client->worker, client->memory_seen, now);
    client->memory_seen = now;
}

static void drop_reader(struct client *client)
{
    http_request_free(TAKE(client->reader));
    count_memory(client);
}

/* ---- the end ------------------------------------------------------------------------------------- */

static void client_free(struct soon *soon)
{
    struct client *client = container_of(soon, struct client, free_soon);
    http_request_free(client->reader);
    mem_free(client);
}

void client_close(struct client *client, enum reason reason)
{
    struct worker *worker = client->worker;
    if (client->state == CLIENT_CLOSED)
        return;
    client_enter_state(client, CLIENT_CLOSED);
    deadline_clear(&client->send_deadline);
    if (reason == REASON_CLIENT_STALLED)
        sock_reset(TAKE(client->sock));
    else
        sock_close(TAKE(client->sock));
    struct request *request = client->request;
    if (request && resuming_leave(request, reason))
        client->request = NULL;
    else if (request)
        request_abort(request, reason);
    worker_count_body_memory(worker, client->memory_seen, 0);
    client->memory_seen = 0;
    METRIC_SUB(recorder_counters(worker->recorder), connections_open, 1);
    clients_leave(worker->clients, &client->peer);
    list_remove(&client->link);
    soon_cancel(&client->more_soon);
    soon_call(worker->loop, &client->free_soon);
    worker_look_drained(worker);
}

/* What is queued goes out, then FIN; what still comes in is thrown away, so that a RST does not destroy the answer on its way. */
static void linger(struct client *client)
{
    client_enter_state(client, CLIENT_LINGER);
    sock_shutdown(client->sock);
    sock_read_start(client->sock);
}

/* ---- deadlines ----------------------------------------------------------------------------------- */

/* The rest of the body is not waited for. */
static void refuse_body(struct client *client, enum reason reason)
{
    client->request->keep_alive = false;
    (void)request_refuse(client->request, reason, NULL);
    request_over(client->request);
}

/* A body that is too slow, by its whole time or by its rate, ends like one that never came. */
static void body_deadline(struct client *client)
{
    const struct config *config = worker_config(client->worker);
    uint64_t now = loop_now_ms(client->worker->loop);
    uint64_t took = now - client->body_began_ms;
    bool slow = took > CLIENT_RATE_GRACE_MS &&
                (uint64_t)client->bytes_read * 1000 / took < config->body_rate_min;

    if (took < config->body_ms && !slow) {
        deadline_set(client->worker->loop, &client->deadline, now + 1000);
        return;
    }
    refuse_body(client, REASON_REQUEST_TIMEOUT);
}

static void on_deadline(struct deadline *deadline)
{
    struct client *client = container_of(deadline, struct client, deadline);
    switch (client->state) {
    case CLIENT_REQUEST:
        body_deadline(client);
        break;
    case CLIENT_HEAD: {
        struct request *request = request_begin_refused(client, REASON_REQUEST_TIMEOUT);
        if (!request) {
            client_close(client, REASON_CLIENT_GONE);
            break;
        }
        client->request = request;
        client_enter_state(client, CLIENT_REQUEST);
        request_run(request);
        break;
    }
    case CLIENT_IDLE:
    case CLIENT_FLUSH:
    case CLIENT_LINGER:
        client_close(client, REASON_CLIENT_GONE);
        break;
    case CLIENT_CLOSED:
        break;
    }
}

/* Something has been queued for a whole stall time. Who has taken CLIENT_PROGRESS_BYTES since gets another one. */
static void on_send_deadline(struct deadline *deadline)
{
    struct client *client = container_of(deadline, struct client, send_deadline);
    uint64_t delivered = client->bytes_written - sock_queued(client->sock);
    if (delivered - client->delivered_seen < CLIENT_PROGRESS_BYTES) {
        client_close(client, REASON_CLIENT_STALLED);
        return;
    }
    client->delivered_seen = delivered;
    deadline_set(client->worker->loop, &client->send_deadline,
                 loop_now_ms(client->worker->loop) + worker_config(client->worker)->send_stall_ms);
}

/* ---- the socket's events -------------------------------------------------------------------------- */

static void on_read(void *owner, char *bytes, size_t len)
{
    struct client *client = owner;
    if (client->state == CLIENT_LINGER || (client->state == CLIENT_FLUSH && !client->keep))
        return;
    if (client->state == CLIENT_REQUEST)
        client->bytes_read += len;

    http_request_feed(client->reader, bytes, len);
    /* An empty line, which some clients send behind a body, begins no request. */
    if (client->state == CLIENT_IDLE && http_request_started(client->reader))
        client_enter_state(client, CLIENT_HEAD);
    client_advance(client);
    if (client->state == CLIENT_CLOSED || !client->reader)
        return;
    if (http_request_park(client->reader) < 0) {
        client_close(client, REASON_OVERLOADED);
        return;
    }
    count_memory(client);
    /* New bodies are refused when the memory for them is used up (step_receive); those under way may have as much again. */
    if (client->body_began_ms > 0 && worker_body_memory_beyond(client->worker, 2)) {
        refuse_body(client, REASON_OVERLOADED);
        return;
    }
    if ((client->request || client->keep) &&
        http_request_unread(client->reader) > PIPELINE_BYTES_MAX) {
        client->reading = false;
        sock_read_stop(client->sock, true);
    }
}

/* Who sends no more has gone, unless the rest of a whole answer is on its way to it. */
static void on_end(void *owner)
{
    struct client *client = owner;
    if (client->state == CLIENT_FLUSH)
        client->keep = false;
    else
        client_close(client, REASON_CLIENT_GONE);
}

static void on_error(void *owner, int error)
{
    (void)error;
    client_close(owner, REASON_CLIENT_GONE);
}

static void on_drain(void *owner)
{
    struct client *client = owner;
    deadline_clear(&client->send_deadline);
    if (client->request)
        response_drained(client->request);
    else if (client->state == CLIENT_FLUSH)
        client_advance(client);
}

static const struct sock_events events = {on_read, on_end, on_error, on_drain};

/* ---- requests, one after the other ------------------------------------------------------------------ */

/* The head is read, or refused: the request begins. */
static void begin_request(struct client *client, enum http_request_state reader_state)
{
    struct request *request;

    if (reader_state == HTTP_REQUEST_REFUSED)
        request = request_begin_refused(client, http_request_refusal(client->reader));
    else
        request = request_begin(client);
    if (!request) {
        client_close(client, REASON_OVERLOADED);
        return;
    }
    client->request = request;
    client_enter_state(client, CLIENT_REQUEST);
    request_run(request);
}

/* From the end of one request to the wait for the next, or to the end of the connection. */
static void after_request(struct client *client)
{
    /* What was pipelined may have found no memory: then nothing can follow. */
    if (client->keep && http_request_state(client->reader) == HTTP_REQUEST_REFUSED)
        client->keep = false;
    if (!client->keep)
        drop_reader(client);
    if (sock_queued(client->sock) > 0) {
        if (client->state == CLIENT_REQUEST)
            client_enter_state(client, CLIENT_FLUSH);
        return; /* on_drain goes on */
    }
    if (!client->keep) {
        linger(client);
        return;
    }
    http_request_next(client->reader);
    count_memory(client);
    client_enter_state(client, CLIENT_IDLE);
    if (http_request_started(client->reader))
        client_enter_state(client, CLIENT_HEAD);
    if (!client->reading && http_request_unread(client->reader) <= PIPELINE_BYTES_MAX) {
        client->reading = true;
        sock_read_start(client->sock);
    }
}

/* Moves on as far as the bytes that are here allow. */
static void client_advance(struct client *client)
{
    unsigned begun = 0;
    if (client->advancing)
        return;
    client->advancing = true;
    for (;;) {
        if (client->state == CLIENT_CLOSED || client->state == CLIENT_LINGER)
            break;
        if (client->request) {
            /* A request that waits for its body hears of it; any other has its own alarm clock. */
            bool receiving = client->body_began_ms > 0;
            if (!receiving || http_request_state(client->reader) == HTTP_REQUEST_BODY)
                break;
            request_run(client->request);
            continue;
        }
        if (client->state == CLIENT_REQUEST || client->state == CLIENT_FLUSH) {
            after_request(client);
            if (client->state == CLIENT_FLUSH)
                break;
            continue;
        }
        enum http_request_state state = http_request_state(client->reader);
        if (state == HTTP_REQUEST_HEAD)
            break;
        if (begun++ == PIPELINE_REQUESTS_PER_TURN) {
            soon_call(client->worker->loop, &client->more_soon);
            break;
        }
        begin_request(client, state);
    }
    client->advancing = false;
}

static void on_more(struct soon *soon)
{
    client_advance(container_of(soon, struct client, more_soon));
}

void client_request_over(struct client *client, bool keep)
{
    client->request = NULL;
    client->keep = keep && !client->draining;
    client->body_began_ms = 0;
    if (client->state != CLIENT_CLOSED)
        client_advance(client);
}

void client_expect_body(struct client *client)
{
    client->body_began_ms = loop_now_ms(client->worker->loop);
    client->bytes_read = 0;
    deadline_set(client->worker->loop, &client->deadline, client->body_began_ms + 1000);
}

void client_body_received(struct client *client)
{
    client->body_began_ms = 0;
    deadline_clear(&client->deadline);
}

/* After a write of so many bytes, of which `queued` wait: whoever takes them has its deadline. */
static void wrote(struct client *client, size_t bytes, size_t queued)
{
    client->bytes_written += bytes;
    if (queued > 0 && client->send_deadline.due_ms == 0) {
        client->delivered_seen = client->bytes_written - queued;
        deadline_set(client->worker->loop, &client->send_deadline,
                     loop_now_ms(client->worker->loop) +
                         worker_config(client->worker)->send_stall_ms);
    }
}

ssize_t client_write(struct client *client, const struct span *parts, size_t count)
{
    if (client->state == CLIENT_CLOSED)
        return -EPIPE;
    ssize_t queued = sock_write(client->sock, parts, count);
    if (queued < 0)
        return queued;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].len;
    wrote(client, bytes, (size_t)queued);
    return queued;
}

ssize_t client_write_constant(struct client *client, struct span head, struct span constant)
{
    if (client->state == CLIENT_CLOSED)
        return -EPIPE;
    ssize_t queued = sock_write_constant(client->sock, head, constant);
    if (queued >= 0)
        wrote(client, head.len + constant.len, (size_t)queued);
    return queued;
}

/* ---- small things ------------------------------------------------------------------------------------ */

void client_accept(struct worker *worker, struct sock *sock)
{
    const struct config *config = worker_config(worker);
    struct metrics_counters *counters = recorder_counters(worker->recorder);
    struct sockaddr_storage peer;
    sock_peer(sock, &peer);
    enum clients_verdict verdict = clients_enter(worker->clients, &peer);
    if (verdict == CLIENTS_FULL && worker_make_room(worker))
        verdict = clients_enter(worker->clients, &peer);
    if (verdict != CLIENTS_WELCOME) {
        METRIC_ADD(counters, connections_refused, 1);
        sock_reset(sock);
        return;
    }
    struct client *client = mem_zalloc(sizeof(*client));
    if (client)
        client->reader = http_request_new(
            &(struct http_request_limits){config->head_bytes_max, config->body_bytes_max});
    if (!client || !client->reader || sock_start(sock, &events, client) < 0) {
        if (client)
            http_request_free(client->reader);
        mem_free(client);
        clients_leave(worker->clients, &peer);
        METRIC_ADD(counters, connections_refused, 1);
        sock_close(sock);
        return;
    }
    client->worker = worker;
    client->sock = sock;
    client->peer = peer;
    client->reading = true;
    client->silent = true;
    client->spare_ms = loop_now_ms(worker->loop);
    deadline_init(&client->deadline, on_deadline);
    deadline_init(&client->send_deadline, on_send_deadline);
    soon_init(&client->more_soon, on_more);
    soon_init(&client->free_soon, client_free);
    /* A whole answer is at most twice what the engine sent (worker->out), since JSON's escapes may grow. */
    sock_queue_max(sock, 2 * config->answer_bytes_max + config->send_queue_bytes_max);
    list_push_back(&worker->connections, &client->link);
    list_push_back(&worker->silent, &client->spare_link);
    METRIC_ADD(counters, connections_open, 1);
    METRIC_ADD(counters, connections_total, 1);
    /* A connection that says nothing gets the time of a head, not of a keep-alive. */
    deadline_set(worker->loop, &client->deadline, client->spare_ms + config->head_ms);
}

void client_drain(struct client *client)
{
    client->draining = true;
    if (client->state == CLIENT_IDLE)
        deadline_set(client->worker->loop, &client->deadline,
                     loop_now_ms(client->worker->loop) + CLIENT_LINGER_MS);
}

struct client *client_of_link(struct list *link)
{
    return list_entry(link, struct client, link);
}

struct client *client_of_spare(struct list *link)
{
    return list_entry(link, struct client, spare_link);
}

uint64_t client_spare_ms(const struct client *client)
{
    return loop_now_ms(client->worker->loop) - client->spare_ms;
}

struct http_request *client_reader(struct client *client)
{
    return client->reader;
}

const struct sockaddr_storage *client_peer(const struct client *client)
{
    return &client->peer;
}

struct worker *client_worker(struct client *client)
{
    return client->worker;
}

size_t client_queued(const struct client *client)
{
    return client->sock ? sock_queued(client->sock) : 0;
}
