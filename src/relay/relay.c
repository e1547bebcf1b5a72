/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine of one call. Transitions, and the function that makes each (all through set_state()):
 *
 *   PICK       → CONNECT     connect_fresh              → SEND   send_ask, on a kept connection
 *   CONNECT    → SEND        send_ask                   → PICK   retry
 *   SEND       → AWAIT_HEAD  await_head                 → PICK   retry
 *   SEND       → BODY        on_head, an answer that did not wait for the whole request
 *   AWAIT_HEAD → BODY        on_head                    → PICK   retry
 *   any        → OVER        end_done, end_failed, relay_cancel
 *
 * What holds: `backend` is taken (counted as in flight) from PICK's end to the next PICK or OVER;
 * `connection` is set in CONNECT to BODY only; the deadline is set in CONNECT to BODY, but not
 * while a paused BODY rests. Callbacks to the owner are the last thing a function does with a call,
 * because the owner may free it there.
 */
#include "relay/relay.h"

#include "base/alloc.h"
#include "base/map.h"
#include "http/answer.h"
#include "relay/connection.h"

#define LANES_MAX 4096       /* backends that one worker talks to between two reloads */
#define HEAD_BYTES_MAX 16384 /* of an ask; an API key can take half of it */

struct relay {
    struct connection_home home;
    struct map *lanes; /* from struct backend * */
    size_t calls;
    struct buf head, value; /* of the ask that is being sent */
};

enum call_state { PICK, CONNECT, SEND, AWAIT_HEAD, BODY, OVER };

struct relay_call {
    struct relay *relay;
    struct pool *pool;
    const struct relay_events *events;
    void *owner;
    struct relay_ask ask;
    enum call_state state;
    struct backend *backend; /* the last one that was picked */
    struct backend *next;    /* taken already, for the retry after a busy answer */
    struct connection *connection;
    struct deadline deadline;
    struct soon start;
    uint64_t tried;
    uint32_t retries;
    unsigned status;
    bool to_one; /* of relay_call_new_to() */
    bool paused;
    bool ending; /* relay_expect_end() */
    struct relay_facts facts;
};

static bool is_legal(enum call_state from, enum call_state to)
{
    switch (to) {
    case PICK:
        return from == CONNECT || from == SEND || from == AWAIT_HEAD;
    case CONNECT:
        return from == PICK;
    case SEND:
        return from == PICK || from == CONNECT;
    case AWAIT_HEAD:
        return from == SEND;
    case BODY:
        return from == SEND || from == AWAIT_HEAD;
    case OVER:
        return from != OVER;
    }
    return false;
}

static void set_state(struct relay_call *call, enum call_state state)
{
    check(is_legal(call->state, state));
    call->state = state;
}

static uint64_t now_ms(const struct relay_call *call)
{
    return loop_now_ms(call->relay->home.loop);
}

static void wait_at_most(struct relay_call *call, uint32_t ms)
{
    deadline_set(call->relay->home.loop, &call->deadline, now_ms(call) + ms);
}

static struct lane *lane_of(struct relay *relay, struct backend *backend)
{
    struct lane *lane = map_get(relay->lanes, &backend);
    if (lane)
        return lane;
    lane = lane_new(&relay->home, backend);
    if (lane && map_put(relay->lanes, &backend, lane, NULL) < 0) {
        lane_forget(lane);
        return NULL;
    }
    return lane;
}

/* Ends. */

/* This try is over: its connection goes, its backend hears how it was. */
static void leave_backend(struct relay_call *call, enum backend_outcome outcome)
{
    deadline_clear(&call->deadline);
    connection_close(TAKE(call->connection));
    if (call->backend && !call->to_one)
        backend_report(call->backend, outcome, now_ms(call));
}

static void end_done(struct relay_call *call, enum backend_outcome outcome)
{
    connection_keep(TAKE(call->connection));
    leave_backend(call, outcome);
    set_state(call, OVER);
    call->events->on_done(call->owner);
}

static void end_failed(struct relay_call *call, enum relay_failure failure, const struct err *what)
{
    set_state(call, OVER);
    call->events->on_failed(call->owner, failure, what);
}

/* 500 and 501 may be the caller's doing; what a proxy in front of a dead engine says is not. */
static enum backend_outcome outcome_of(unsigned status)
{
    if (status == 429 || status == 503)
        return BACKEND_BUSY;
    if (status == 500 || status == 501)
        return BACKEND_ERROR;
    return status > 501 ? BACKEND_FAILED : BACKEND_GOOD;
}

/* Retries. */

/* The backend for another try, taken; or NULL when there is none, or no budget. */
static struct backend *next_backend(struct relay_call *call, bool same_too)
{
    if (call->to_one || call->retries >= call->pool->retries_max)
        return NULL;
    struct backend *backend = same_too ? pool_pick(call->pool, call->tried, now_ms(call))
                                       : pool_pick_untried(call->pool, call->tried, now_ms(call));
    if (backend && !pool_take_retry(call->pool)) {
        backend_untake(backend, now_ms(call));
        return NULL;
    }
    return backend;
}

/* A retry goes back to the start of the machine; so does a stale connection. */
static void use_backend(struct relay_call *call, struct backend *backend);
static void connect_fresh(struct relay_call *call, struct lane *lane);

static void retry(struct relay_call *call, struct backend *backend)
{
    backend_retried(call->backend);
    call->retries++;
    set_state(call, PICK);
    use_backend(call, backend);
}

/* A try that failed before a byte of an answer. */
static void try_failed(struct relay_call *call, bool same_too, const struct err *what)
{
    leave_backend(call, BACKEND_FAILED);
    struct backend *backend = next_backend(call, same_too);
    if (backend)
        retry(call, backend);
    else
        end_failed(call, RELAY_CONNECT_FAILED, what);
}

/* Asking. */

static int write_head(struct relay_call *call)
{
    const struct backend *backend = call->backend;
    const struct relay_ask *ask = &call->ask;
    struct buf *head = &call->relay->head;
    struct buf *value = &call->relay->value;

    buf_clear(value);
    buf_append(value, span_str(backend->url.prefix));
    buf_append(value, ask->path);
    buf_clear(head);
    http_ask_start(head, ask->method, buf_span(value), span_str(backend->url.authority));
    if (ask->body)
        http_ask_header(head, SPAN("Content-Type"), SPAN("application/json"));
    http_ask_header(head, SPAN("Accept"),
                    ask->stream ? SPAN("text/event-stream") : SPAN("application/json"));
    if (backend->api_key) {
        buf_clear(value);
        buf_append(value, SPAN("Bearer "));
        buf_append(value, span_str(backend->api_key));
        http_ask_header(head, SPAN("Authorization"), buf_span(value));
    }
    http_ask_header(head, SPAN("User-Agent"), SPAN("seawall/" SEAWALL_VERSION));
    if (ask->request_id.len)
        http_ask_header(head, SPAN("x-request-id"), ask->request_id);
    http_ask_end(head, ask->body_len, ask->body != NULL);
    return buf_status(value) < 0 ? buf_status(value) : buf_status(head);
}

static void await_head(struct relay_call *call)
{
    set_state(call, AWAIT_HEAD);
    wait_at_most(call, call->pool->first_byte_ms);
}

/* The connection ended before a byte of an answer. */
static void went_silent(struct relay_call *call, const struct err *what)
{
    if (!call->facts.reused_connection) {
        try_failed(call, true, what);
        return;
    }
    /* The engine's keep-alive had run out: its clock, not its fault. */
    deadline_clear(&call->deadline);
    connection_close(TAKE(call->connection));
    set_state(call, PICK);
    connect_fresh(call, lane_of(call->relay, call->backend));
}

/* Head and body in one piece where the head fits before the body. */
static size_t ask_parts(struct relay_call *call, struct span ret_parts[2])
{
    struct span head = buf_span(&call->relay->head);
    char *body = call->ask.body;
    ret_parts[0] = head;
    if (!body)
        return 1;
    if (head.len <= RELAY_HEADROOM) {
        memcpy(body - head.len, head.ptr, head.len);
        ret_parts[0] = span_of(body - head.len, head.len + call->ask.body_len);
        return 1;
    }
    ret_parts[1] = span_of(body, call->ask.body_len);
    return 2;
}

static void send_ask(struct relay_call *call)
{
    struct err what = {""};
    int result = write_head(call);
    if (result < 0) {
        (void)err_errno(&what, result, "cannot write a request for '%s'",
                        call->backend->url.authority);
        leave_backend(call, BACKEND_CANCELLED);
        end_failed(call, RELAY_CONNECT_FAILED, &what);
        return;
    }
    struct span parts[2];
    size_t count = ask_parts(call, parts);
    set_state(call, SEND);
    wait_at_most(call, call->pool->first_byte_ms);
    result = connection_ask(call->connection, parts, count);
    if (result < 0) {
        (void)err_errno(&what, result, "cannot send to '%s'", call->backend->url.authority);
        went_silent(call, &what);
    } else if (result == 0) {
        await_head(call);
    }
}

/* The connection's events. */

static void on_ready(void *owner)
{
    struct relay_call *call = owner;
    call->facts.connected_us = loop_now_us(call->relay->home.loop);
    send_ask(call);
}

static void on_sent(void *owner)
{
    struct relay_call *call = owner;
    if (call->state == SEND)
        await_head(call);
}

static int on_head(void *owner, const struct http_response *response)
{
    struct relay_call *call = owner;
    call->status = http_response_status(response);
    if (outcome_of(call->status) == BACKEND_BUSY) {
        call->next = next_backend(call, false);
        if (call->next)
            return -EAGAIN;
    }
    uint64_t asked_ms = MAX(call->facts.picked_us, call->facts.connected_us) / 1000;
    call->facts.first_byte_us = loop_now_us(call->relay->home.loop);
    if (outcome_of(call->status) == BACKEND_GOOD && !call->to_one)
        backend_answered(call->backend, call->facts.first_byte_us / 1000 - asked_ms, now_ms(call));
    set_state(call, BODY);
    wait_at_most(call, call->pool->idle_ms);
    if (call->paused) {
        deadline_clear(&call->deadline);
        connection_pause(call->connection);
    }
    return call->events->on_head(call->owner, call->status, response);
}

static int on_body(void *owner, char *bytes, size_t len)
{
    struct relay_call *call = owner;
    if (!call->paused && !call->ending)
        wait_at_most(call, call->pool->idle_ms);
    return call->events->on_body(call->owner, bytes, len);
}

static void on_over(void *owner, enum connection_end end, const struct err *what)
{
    struct relay_call *call = owner;
    enum relay_failure failure;
    switch (end) {
    case CONNECTION_DONE:
        end_done(call, outcome_of(call->status));
        break;
    case CONNECTION_NOT_MADE:
        try_failed(call, false, what);
        break;
    case CONNECTION_SILENT:
        went_silent(call, what);
        break;
    case CONNECTION_BROKEN:
        leave_backend(call, BACKEND_FAILED);
        end_failed(call, RELAY_BAD_ANSWER, what);
        break;
    case CONNECTION_STOPPED:
        leave_backend(call, call->next ? BACKEND_BUSY : BACKEND_CANCELLED);
        if (call->next)
            retry(call, TAKE(call->next));
        else
            end_failed(call, RELAY_REFUSED, what);
        break;
    case CONNECTION_NO_ROOM:
        failure = call->state == BODY ? RELAY_BAD_ANSWER : RELAY_CONNECT_FAILED;
        leave_backend(call, BACKEND_CANCELLED);
        end_failed(call, failure, what);
        break;
    }
}

static const struct connection_events connection_events = {on_ready, on_sent, on_head, on_body,
                                                           on_over};

static void on_deadline(struct deadline *deadline)
{
    struct relay_call *call = container_of(deadline, struct relay_call, deadline);
    const char *host = call->backend->url.authority;
    struct err what;
    switch (call->state) {
    case CONNECT:
        (void)err_set(&what, -ETIMEDOUT, "no connection to '%s' within %u ms", host,
                      call->pool->connect_ms);
        try_failed(call, false, &what);
        break;
    case SEND:
    case AWAIT_HEAD:
        (void)err_set(&what, -ETIMEDOUT, "no answer from '%s' within %u ms", host,
                      call->pool->first_byte_ms);
        leave_backend(call, BACKEND_FAILED);
        end_failed(call, RELAY_FIRST_BYTE_TIMEOUT, &what);
        break;
    case BODY:
        (void)err_set(&what, -ETIMEDOUT, "nothing more from '%s' for %u ms", host,
                      call->ending ? RELAY_END_MS : call->pool->idle_ms);
        leave_backend(call, call->ending ? BACKEND_GOOD : BACKEND_FAILED);
        end_failed(call, RELAY_IDLE_TIMEOUT, &what);
        break;
    case PICK:
    case OVER:
        check(false);
    }
}

/* Connecting. */

/* `lane` is NULL when there was no memory for one. */
static void connect_fresh(struct relay_call *call, struct lane *lane)
{
    call->facts.tries++;
    call->facts.reused_connection = false;
    call->facts.connected_us = 0;
    set_state(call, CONNECT);
    wait_at_most(call, call->pool->connect_ms);
    call->connection = lane ? connection_new(lane, &connection_events, call) : NULL;
    if (!call->connection) {
        struct err what;
        (void)err_set(&what, -ENOMEM, "out of memory or descriptors for a connection to '%s'",
                      call->backend->url.authority);
        leave_backend(call, BACKEND_CANCELLED);
        end_failed(call, RELAY_CONNECT_FAILED, &what);
    }
}

/* From PICK: an idle connection if there is one, or a new one. */
static void use_backend(struct relay_call *call, struct backend *backend)
{
    struct lane *lane = lane_of(call->relay, backend);
    call->backend = backend;
    call->tried |= 1ull << backend->index;
    call->facts.backend = span_str(backend->url_text);
    call->facts.picked_us = loop_now_us(call->relay->home.loop);
    call->connection = lane ? connection_take(lane, &connection_events, call) : NULL;
    if (!call->connection) {
        connect_fresh(call, lane);
        return;
    }
    call->facts.tries++;
    call->facts.reused_connection = true;
    call->facts.connected_us = call->facts.picked_us;
    send_ask(call);
}

static void on_start(struct soon *soon)
{
    struct relay_call *call = container_of(soon, struct relay_call, start);
    struct backend *backend = call->to_one ? call->backend
                                           : pool_pick_first(call->pool, call->ask.first, now_ms(call));
    if (backend) {
        use_backend(call, backend);
        return;
    }
    struct err what;
    (void)err_set(&what, -EHOSTDOWN, "no backend of pool '%s' takes calls now", call->pool->name);
    end_failed(call, RELAY_NO_BACKEND, &what);
}

/* The calls of relay.h, in its order. */

struct relay *relay_new(struct loop *loop, size_t head_bytes_max)
{
    struct relay *relay = mem_zalloc(sizeof(*relay));
    if (!relay)
        return NULL;
    relay->home = (struct connection_home){
        .loop = loop,
        .head_bytes_max = head_bytes_max,
        .plaintext = mem_zalloc(CONNECTION_PLAINTEXT_BYTES + SOCK_READ_PADDING),
    };
    relay->lanes = map_new(sizeof(struct backend *), LANES_MAX);
    buf_init(&relay->head, HEAD_BYTES_MAX);
    buf_init(&relay->value, HEAD_BYTES_MAX);
    if (!relay->home.plaintext || !relay->lanes) {
        relay_free(relay);
        return NULL;
    }
    return relay;
}

void relay_forget_idle(struct relay *relay)
{
    const void *key;
    void *lane;
    size_t at = 0;
    while (map_next(relay->lanes, &at, &key, &lane)) {
        struct backend *backend = ((struct lane *)lane)->backend;
        (void)map_remove(relay->lanes, &backend);
        lane_forget(lane);
        at = 0; /* the map has changed */
    }
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    check(relay->calls == 0);
    if (relay->lanes)
        relay_forget_idle(relay);
    map_free(relay->lanes);
    mem_free(relay->home.plaintext);
    buf_release(&relay->head);
    buf_release(&relay->value);
    mem_free(relay);
}

static struct relay_call *call_new(struct relay *relay, struct pool *pool,
                                   const struct relay_ask *ask, const struct relay_events *events,
                                   void *owner)
{
    struct relay_call *call = mem_zalloc(sizeof(*call));
    if (!call)
        return NULL;
    call->relay = relay;
    call->pool = pool_ref(pool);
    call->events = events;
    call->owner = owner;
    call->ask = *ask;
    deadline_init(&call->deadline, on_deadline);
    soon_init(&call->start, on_start);
    soon_call(relay->home.loop, &call->start);
    relay->calls++;
    return call;
}

struct relay_call *relay_call_new(struct relay *relay, struct pool *pool,
                                  const struct relay_ask *ask, const struct relay_events *events,
                                  void *owner)
{
    return call_new(relay, pool, ask, events, owner);
}

struct relay_call *relay_call_new_to(struct relay *relay, struct backend *backend,
                                     const struct relay_ask *ask, const struct relay_events *events,
                                     void *owner)
{
    struct relay_call *call = call_new(relay, backend->pool, ask, events, owner);
    if (call) {
        call->backend = backend;
        call->to_one = true;
    }
    return call;
}

void relay_pause(struct relay_call *call)
{
    if (call->paused)
        return;
    call->paused = true;
    if (call->state == BODY) {
        deadline_clear(&call->deadline);
        connection_pause(call->connection);
    }
}

void relay_resume(struct relay_call *call)
{
    if (!call->paused)
        return;
    call->paused = false;
    if (call->state == BODY) {
        wait_at_most(call, call->ending ? RELAY_END_MS : call->pool->idle_ms);
        connection_resume(call->connection);
    }
}

void relay_expect_end(struct relay_call *call)
{
    if (call->ending || call->state != BODY)
        return;
    call->ending = true;
    if (!call->paused)
        wait_at_most(call, RELAY_END_MS);
}

void relay_cancel(struct relay_call *call)
{
    if (!call)
        return;
    if (call->state != OVER) {
        soon_cancel(&call->start);
        leave_backend(call, BACKEND_CANCELLED);
        set_state(call, OVER);
    }
    relay_call_free(call);
}

void relay_call_free(struct relay_call *call)
{
    if (!call)
        return;
    check(call->state == OVER && !call->next);
    call->relay->calls--;
    pool_unref(call->pool);
    mem_free(call);
}

struct relay_facts relay_call_facts(const struct relay_call *call)
{
    return call->facts;
}

struct backend *relay_call_backend(const struct relay_call *call)
{
    return call->backend;
}

size_t relay_idle_connections(const struct relay *relay)
{
    const void *key;
    void *lane;
    size_t at = 0, count = 0;
    while (map_next(relay->lanes, &at, &key, &lane))
        count += ((const struct lane *)lane)->idle_count;
    return count;
}
