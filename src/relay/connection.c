/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transitions, and the function that makes each (all through set_state()):
 *
 *   DIALLING  → HANDSHAKE  on_connected (https)      → READY  on_connected (http)
 *   HANDSHAKE → READY      shake_hands
 *   READY     → ASKED      connection_ask
 *   ASKED     → ANSWERED   on_response_done
 *   ANSWERED  → IDLE       connection_keep
 *   IDLE      → READY      connection_take
 *   any       → CLOSED     connection_close
 *
 * `dial` is set only while DIALLING, `sock` from then on; `owner` is NULL only while IDLE and
 * CLOSED.
 *
 * Callbacks of the socket hold the connection (hold/let_go): an event's receiver may close it, and
 * the code below the callback still looks at it.
 */
#include "relay/connection.h"

#include "base/alloc.h"
#include "base/text.h"
#include "relay/tls.h"

#define QUEUE_SPARE_BYTES 65536 /* beside an ask: the TLS handshake, records' heads */
#define TLS_RECORD_BYTES 16384
#define TLS_RECORD_OVERHEAD 64

enum connection_state { DIALLING, HANDSHAKE, READY, ASKED, ANSWERED, IDLE, CLOSED };

struct connection {
    struct lane *lane;
    struct list link; /* in the lane's idle ones */
    enum connection_state state;
    const struct connection_events *events;
    void *owner;
    struct dial *dial;
    struct sock *sock;
    struct tls *tls;
    struct http_response *response;
    struct deadline idle_deadline;
    struct soon pump; /* plaintext that waited for connection_resume() */
    unsigned holds;
    bool unsent;  /* a part of the ask is queued */
    bool stopped; /* on_head or on_body returned < 0 */
    bool spoilt;  /* more came than the answer, or the other side has ended: not to be used again */
    bool paused;
};

static bool is_legal(enum connection_state from, enum connection_state to)
{
    switch (to) {
    case DIALLING:
        return false;
    case HANDSHAKE:
        return from == DIALLING;
    case READY:
        return from == DIALLING || from == HANDSHAKE || from == IDLE;
    case ASKED:
        return from == READY;
    case ANSWERED:
        return from == ASKED;
    case IDLE:
        return from == ANSWERED;
    case CLOSED:
        return from != CLOSED;
    }
    return false;
}

static void set_state(struct connection *connection, enum connection_state state)
{
    check(is_legal(connection->state, state));
    connection->state = state;
}

static void connection_free(struct connection *connection)
{
    struct lane *lane = connection->lane;
    tls_free(connection->tls);
    http_response_free(connection->response);
    mem_free(connection);
    if (--lane->connections == 0 && lane->forgotten) {
        pool_unref(lane->backend->pool);
        mem_free(lane);
    }
}

static void hold(struct connection *connection)
{
    connection->holds++;
}

static void let_go(struct connection *connection)
{
    if (--connection->holds == 0 && connection->state == CLOSED)
        connection_free(connection);
}

void connection_close(struct connection *connection)
{
    if (!connection)
        return;
    bool under_way = connection->state == ASKED;
    if (connection->state == IDLE) {
        list_remove(&connection->link);
        connection->lane->idle_count--;
    }
    set_state(connection, CLOSED);
    connection->owner = NULL;
    deadline_clear(&connection->idle_deadline);
    soon_cancel(&connection->pump);
    dial_cancel(TAKE(connection->dial));
    if (under_way)
        sock_reset(TAKE(connection->sock));
    else
        sock_close(TAKE(connection->sock));
    if (connection->holds == 0)
        connection_free(connection);
}

static void over(struct connection *connection, enum connection_end end, const struct err *what)
{
    connection->events->on_over(connection->owner, end, what);
}

static bool is_our_shortage(int error)
{
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -ENOBUFS ||
           error == -EADDRNOTAVAIL;
}

/* The other side, or the way to it, has gone. */
static void lost(struct connection *connection, int error, const struct err *what)
{
    bool has_owner = connection->state <= ASKED;
    if (has_owner && is_our_shortage(error)) {
        over(connection, CONNECTION_NO_ROOM, what);
        return;
    }
    switch (connection->state) {
    case IDLE:
        connection_close(connection);
        break;
    case DIALLING:
    case HANDSHAKE:
        over(connection, CONNECTION_NOT_MADE, what);
        break;
    case READY:
    case ASKED:
        over(connection, connection_answering(connection) ? CONNECTION_BROKEN : CONNECTION_SILENT,
             what);
        break;
    case ANSWERED:
        connection->spoilt = true;
        break;
    case CLOSED:
        break;
    }
}

/* Answers. */

static int on_response_head(void *owner, const struct http_response *response)
{
    struct connection *connection = owner;
    int result = connection->events->on_head(connection->owner, response);
    connection->stopped = result < 0;
    return result;
}

static int on_response_body(void *owner, char *bytes, size_t len)
{
    struct connection *connection = owner;
    if (connection->state == CLOSED) /* by its owner, one piece before */
        return -ECANCELED;
    int result = connection->events->on_body(connection->owner, bytes, len);
    connection->stopped = result < 0;
    return result;
}

static int on_response_done(void *owner)
{
    struct connection *connection = owner;
    if (connection->state == CLOSED)
        return -ECANCELED;
    set_state(connection, ANSWERED);
    return 0;
}

static const struct http_response_events response_events = {on_response_head, on_response_body,
                                                            on_response_done};

/* After the reader has had its bytes: `result` is its verdict. */
static void judge(struct connection *connection, int result)
{
    struct err what = {""};
    if (connection->state == CLOSED)
        return;
    if (result < 0)
        connection->spoilt = true;
    if (connection->state == ANSWERED) {
        over(connection, CONNECTION_DONE, &what);
    } else if (connection->stopped) {
        over(connection, CONNECTION_STOPPED, &what);
    } else if (is_our_shortage(result)) {
        (void)err_set(&what, result, "out of memory");
        over(connection, CONNECTION_NO_ROOM, &what);
    } else if (result < 0) {
        (void)err_set(&what, result, "'%s' %s", connection->lane->backend->url.authority,
                      result == -ENOSPC ? "answered with a head that is too large"
                                        : "did not answer in valid HTTP");
        over(connection, CONNECTION_BROKEN, &what);
    }
}

/* The other side has ended the stream in a way that may end an answer. */
static void ended(struct connection *connection)
{
    struct err what;
    if (connection->state == ASKED && connection_answering(connection)) {
        int result = http_response_end(connection->response);
        if (connection->state == ANSWERED) {
            judge(connection, result);
            return;
        }
    }
    (void)err_set(&what, -ECONNRESET, "'%s' closed the connection %s",
                  connection->lane->backend->url.authority,
                  connection_answering(connection) ? "in mid-answer" : "without an answer");
    lost(connection, -ECONNRESET, &what);
}

static void plain_bytes(struct connection *connection, char *bytes, size_t len)
{
    if (connection->state == ASKED)
        judge(connection, http_response_feed(connection->response, bytes, len));
    else if (connection->state == IDLE)
        connection_close(connection); /* nobody asked */
    else
        connection->spoilt = true;
}

/* Sending. */

static void failed(struct connection *connection, int error, const char *step)
{
    struct err what;
    (void)err_errno(&what, error, "%s '%s'", step, connection->lane->backend->url.authority);
    lost(connection, error, &what);
}

/* Gives what TLS has produced to the socket. 0, 1 (queued), or < 0. */
static ssize_t flush_tls(struct connection *connection)
{
    struct span outgoing = tls_outgoing(connection->tls);
    if (outgoing.len == 0)
        return sock_queued(connection->sock) > 0;
    ssize_t queued = sock_write(connection->sock, &outgoing, 1);
    if (queued < 0)
        return queued;
    tls_sent(connection->tls);
    return queued > 0;
}

static ssize_t send_tls(struct connection *connection, const struct span *parts, size_t count)
{
    ssize_t result = 0;
    for (size_t i = 0; i < count; i++) {
        result = tls_write(connection->tls, parts[i]);
        if (result < 0)
            return result;
    }
    return flush_tls(connection);
}

int connection_ask(struct connection *connection, const struct span *parts, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].len;
    bytes += bytes / TLS_RECORD_BYTES * TLS_RECORD_OVERHEAD + QUEUE_SPARE_BYTES;

    set_state(connection, ASKED);
    connection->stopped = false;
    http_response_reset(connection->response, false);
    sock_queue_max(connection->sock, bytes);
    ssize_t result = connection->tls ? send_tls(connection, parts, count)
                                     : sock_write(connection->sock, parts, count);
    if (result < 0)
        return (int)result;
    connection->unsent = result > 0;
    return connection->unsent;
}

bool connection_answering(const struct connection *connection)
{
    return connection->response && http_response_started(connection->response);
}

/* TLS. */

static void ready(struct connection *connection)
{
    set_state(connection, READY);
    connection->events->on_ready(connection->owner);
}

/* True when there is more to do: the handshake is over. */
static bool shake_hands(struct connection *connection)
{
    struct err what;
    int result = tls_handshake(connection->tls, &what);
    ssize_t sent = flush_tls(connection); /* an alert, too */
    if (result < 0) {
        (void)err_prefix(&what, result, "'%s'", connection->lane->backend->url.authority);
        lost(connection, result, &what);
        return false;
    }
    if (sent < 0) {
        failed(connection, (int)sent, "cannot send to");
        return false;
    }
    if (result == 1)
        ready(connection);
    return result == 1 && connection->state != CLOSED;
}

static void pump_tls(struct connection *connection)
{
    char *plaintext = connection->lane->home->plaintext;
    struct err what;
    while (connection->state != CLOSED && !connection->paused) {
        ssize_t len = tls_read(connection->tls, plaintext, CONNECTION_PLAINTEXT_BYTES, &what);
        if (len == 0)
            break;
        if (len == -ESHUTDOWN) {
            /* A goodbye: the end of the answer may be trusted. */
            connection->spoilt = true;
            ended(connection);
            return;
        }
        if (len < 0) {
            (void)err_prefix(&what, (int)len, "'%s'", connection->lane->backend->url.authority);
            lost(connection, (int)len, &what);
            return;
        }
        plain_bytes(connection, plaintext, (size_t)len);
    }
    /* The other side may have asked for new keys. */
    if (connection->state != CLOSED && flush_tls(connection) < 0)
        failed(connection, -EPIPE, "cannot send to");
}

static void tls_bytes(struct connection *connection, struct span bytes)
{
    if (tls_feed(connection->tls, bytes) < 0) {
        failed(connection, -ENOMEM, "cannot read from");
        return;
    }
    if (connection->state == HANDSHAKE && !shake_hands(connection))
        return;
    pump_tls(connection);
}

static void on_pump(struct soon *soon)
{
    struct connection *connection = container_of(soon, struct connection, pump);
    hold(connection);
    pump_tls(connection);
    let_go(connection);
}

/* The socket's events. */

static void on_read(void *owner, char *bytes, size_t len)
{
    struct connection *connection = owner;
    hold(connection);
    if (connection->tls)
        tls_bytes(connection, span_of(bytes, len));
    else
        plain_bytes(connection, bytes, len);
    let_go(connection);
}

static void on_end(void *owner)
{
    struct connection *connection = owner;
    hold(connection);
    /* Without TLS, or after its goodbye, the end of the stream is the end of an answer of
     * unknown length (RFC 9112 section 6.3). Under TLS anyone on the way can cut a connection,
     * so there it is not (section 9.8). */
    connection->spoilt = true;
    if (connection->tls)
        failed(connection, -ECONNRESET, "connection cut by");
    else
        ended(connection);
    let_go(connection);
}

static void on_error(void *owner, int error)
{
    struct connection *connection = owner;
    hold(connection);
    connection->spoilt = true;
    failed(connection, error, "connection lost to");
    let_go(connection);
}

static void on_drain(void *owner)
{
    struct connection *connection = owner;
    hold(connection);
    if (connection->unsent && connection->state == ASKED) {
        connection->unsent = false;
        connection->events->on_sent(connection->owner);
    }
    let_go(connection);
}

static const struct sock_events sock_events = {on_read, on_end, on_error, on_drain};

/* Making one. */

static void start_tls(struct connection *connection)
{
    struct backend *backend = connection->lane->backend;
    connection->tls = tls_new(backend->tls, &backend->url);
    if (!connection->tls) {
        failed(connection, -ENOMEM, "cannot start TLS to");
        return;
    }
    set_state(connection, HANDSHAKE);
    (void)shake_hands(connection);
}

static void on_connected(void *owner, struct sock *sock)
{
    struct connection *connection = owner;
    connection->dial = NULL;
    connection->sock = sock;
    hold(connection);
    int result = sock_start(sock, &sock_events, connection);
    if (result < 0)
        failed(connection, result, "cannot read from");
    else if (connection->lane->backend->tls)
        start_tls(connection);
    else
        ready(connection);
    let_go(connection);
}

static void on_dial_failed(void *owner, int error, const struct err *what)
{
    struct connection *connection = owner;
    connection->dial = NULL;
    hold(connection);
    lost(connection, error, what);
    let_go(connection);
}

static const struct dial_events dial_events = {on_connected, on_dial_failed};

static void on_idle_over(struct deadline *deadline)
{
    connection_close(container_of(deadline, struct connection, idle_deadline));
}

struct connection *connection_new(struct lane *lane, const struct connection_events *events,
                                  void *owner)
{
    const struct connection_home *home = lane->home;
    struct connection *connection = mem_zalloc(sizeof(*connection));
    if (!connection)
        return NULL;
    connection->lane = lane;
    connection->events = events;
    connection->owner = owner;
    list_init(&connection->link);
    deadline_init(&connection->idle_deadline, on_idle_over);
    soon_init(&connection->pump, on_pump);
    lane->connections++;

    connection->response = http_response_new(home->head_bytes_max, &response_events, connection);
    if (connection->response)
        connection->dial = dial_new(home->loop, &lane->backend->url, &lane->addresses,
                                    lane->backend->pool->connect_ms, &dial_events, connection);
    if (!connection->dial) {
        connection_close(connection);
        return NULL;
    }
    return connection;
}

struct connection *connection_take(struct lane *lane, const struct connection_events *events,
                                   void *owner)
{
    struct list *first = list_first(&lane->idle);
    if (!first)
        return NULL;
    struct connection *connection = list_entry(first, struct connection, link);
    list_remove(first);
    lane->idle_count--;
    deadline_clear(&connection->idle_deadline);
    set_state(connection, READY);
    connection->events = events;
    connection->owner = owner;
    return connection;
}

/* Keep-Alive: timeout=N, of HTTP/1.0 times and still sent: llama.cpp's server says 5. We let go
 * a second before. */
static uint32_t idle_ms_of(const struct http_response *response)
{
    struct span rest = http_response_header(response, SPAN("keep-alive"));
    struct span part;
    uint64_t seconds;
    while (span_split(&rest, ',', &part)) {
        part = span_trim(part);
        if (!span_starts(part, SPAN("timeout=")) || text_to_u64(span_skip(part, 8), &seconds) < 0)
            continue;
        if (seconds == 0)
            return 0;
        return (uint32_t)MIN((seconds - 1) * 1000, (uint64_t)CONNECTION_IDLE_MAX_MS);
    }
    return CONNECTION_IDLE_MS;
}

void connection_keep(struct connection *connection)
{
    struct lane *lane = connection->lane;
    uint32_t idle_ms = idle_ms_of(connection->response);
    bool may_keep = connection->state == ANSWERED && !connection->spoilt && !connection->unsent &&
                    idle_ms > 0 && !lane->forgotten &&
                    lane->idle_count < lane->backend->pool->idle_connections_max &&
                    http_response_keep_alive(connection->response);
    if (!may_keep) {
        connection_close(connection);
        return;
    }
    if (connection->paused)
        connection_resume(connection);
    set_state(connection, IDLE);
    connection->owner = NULL;
    list_push_front(&lane->idle, &connection->link);
    lane->idle_count++;
    deadline_set(lane->home->loop, &connection->idle_deadline,
                 loop_now_ms(lane->home->loop) + idle_ms);
}

void connection_pause(struct connection *connection)
{
    connection->paused = true;
    sock_read_stop(connection->sock, false);
}

void connection_resume(struct connection *connection)
{
    connection->paused = false;
    sock_read_start(connection->sock);
    if (connection->tls)
        soon_call(connection->lane->home->loop, &connection->pump);
}

/* Lanes. */

struct lane *lane_new(const struct connection_home *home, struct backend *backend)
{
    struct lane *lane = mem_zalloc(sizeof(*lane));
    if (!lane)
        return NULL;
    lane->home = home;
    lane->backend = backend;
    list_init(&lane->idle);
    (void)pool_ref(backend->pool);
    return lane;
}

void lane_forget(struct lane *lane)
{
    struct list *link;
    lane->forgotten = true;
    lane->connections++; /* holds the lane while its idle connections go */
    while ((link = list_first(&lane->idle)))
        connection_close(list_entry(link, struct connection, link));
    if (--lane->connections == 0) {
        pool_unref(lane->backend->pool);
        mem_free(lane);
    }
}
