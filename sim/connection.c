/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include "base/alloc.h"
#include "base/text.h"
#include "call.h"
#include "http/answer.h"
#include "routes.h"

#define REQUEST_HEAD_BYTES_MAX 32768

/* ── state ── */

/* The one place where it changes. A refused request is answered from READING. */
static void enter_state(struct connection *connection, enum connection_state state)
{
    static const bool legal[][4] = {
        [CONNECTION_READING] =
            {[CONNECTION_ANSWERING] = true, [CONNECTION_ENDING] = true, [CONNECTION_CLOSED] = true},
        [CONNECTION_ANSWERING] =
            {[CONNECTION_READING] = true, [CONNECTION_ENDING] = true, [CONNECTION_CLOSED] = true},
        [CONNECTION_ENDING] = {[CONNECTION_CLOSED] = true},
        [CONNECTION_CLOSED] = {false},
    };
    check(legal[connection->state][state]);
    connection->state = state;
}

/* ── the end ── */

static void free_connection(struct connection *connection)
{
    http_request_free(connection->reader);
    mem_free(connection);
}

static void on_free(struct soon *soon)
{
    struct connection *connection = container_of(soon, struct connection, free_soon);
    list_remove(&connection->link);
    free_connection(connection);
}

static void close_with(struct connection *connection, void (*end)(struct sock *sock))
{
    struct server *server = connection->server;
    if (connection->state == CONNECTION_CLOSED)
        return;
    enter_state(connection, CONNECTION_CLOSED);
    deadline_clear(&connection->deadline);
    soon_cancel(&connection->more_soon);
    end(TAKE(connection->sock));
    if (connection->call)
        call_hung_up(TAKE(connection->call));
    list_remove(&connection->link);
    list_push_back(&server->closed, &connection->link);
    server->connections_count--;
    soon_call(server->loop, &connection->free_soon);
}

void connection_reset(struct connection *connection)
{
    close_with(connection, sock_reset);
}

void connection_free_closed(struct server *server)
{
    list_each(at, &server->closed)
    {
        struct connection *connection = list_entry(at, struct connection, link);
        soon_cancel(&connection->free_soon);
        list_remove(at);
        free_connection(connection);
    }
}

/* ── answers ── */

static void write_head(struct connection *connection, unsigned status, struct span type,
                       enum http_body_kind kind, uint64_t length)
{
    struct buf *head = &connection->server->head;
    char date[TEXT_HTTP_DATE_BYTES];
    text_http_date(loop_wall_ms(connection->server->loop), date);
    buf_clear(head);
    http_answer_start(head, status, span_str(date));
    http_answer_header(head, SPAN("Server"), SERVER_NAME);
    http_answer_header(head, SPAN("Content-Type"), type);
    http_answer_end(head, kind, length, connection->keep);
}

/* Who reads too slowly for the queue, or not at all any more, is cut off. */
static bool send_parts(struct connection *connection, const struct span *parts, size_t count)
{
    ssize_t queued = sock_write(connection->sock, parts, count);
    if (queued < 0)
        close_with(connection, sock_close);
    return queued >= 0;
}

/* From the end of one answer to the next request, or to the end. */
static void answered(struct connection *connection)
{
    struct loop *loop = connection->server->loop;
    connection->call = NULL;
    connection->chunked = false;
    connection->queued_seen = SIZE_MAX;
    sock_read_start(connection->sock);
    deadline_set(loop, &connection->deadline, loop_now_ms(loop) + CONNECTION_IDLE_MS);
    if (!connection->keep) {
        enter_state(connection, CONNECTION_ENDING);
        sock_shutdown(connection->sock);
        return;
    }
    enter_state(connection, CONNECTION_READING);
    http_request_next(connection->reader);
    soon_call(loop, &connection->more_soon);
}

void connection_answer(struct connection *connection, unsigned status, struct span type,
                       struct span body)
{
    write_head(connection, status, type, HTTP_BODY_LENGTH, body.len);
    sock_queue_max(connection->sock, MAX((size_t)CONNECTION_QUEUE_MAX, 2 * body.len));
    const struct span parts[] = {buf_span(&connection->server->head), body};
    if (send_parts(connection, parts, COUNT_OF(parts)))
        answered(connection);
}

void connection_fail(struct connection *connection, unsigned status, const char *message)
{
    struct buf *body = &connection->server->scratch;
    buf_clear(body);
    say_error(status, message, body);
    connection_answer(connection, status, SPAN("application/json"), buf_span(body));
}

static bool stream(struct connection *connection, struct span bytes, struct span end)
{
    char size[20];
    struct span head = SPAN("");
    if (!connection->chunked) {
        write_head(connection, 200, SPAN("text/event-stream; charset=utf-8"), HTTP_BODY_CHUNKED, 0);
        head = buf_span(&connection->server->head);
        sock_queue_max(connection->sock, CONNECTION_QUEUE_MAX);
        connection->chunked = true;
    }
    const struct span parts[] = {head, span_of(size, http_chunk_head(bytes.len, size)), bytes,
                                 HTTP_CHUNK_END, end};
    return send_parts(connection, parts, COUNT_OF(parts));
}

void connection_stream(struct connection *connection, struct span bytes)
{
    (void)stream(connection, bytes, SPAN(""));
}

void connection_stream_end(struct connection *connection, struct span bytes)
{
    if (stream(connection, bytes, HTTP_LAST_CHUNK))
        answered(connection);
}

void connection_stream_break(struct connection *connection, struct span last_bytes)
{
    connection->keep = false;
    if (stream(connection, last_bytes, SPAN("")))
        answered(connection);
}

void connection_answer_break(struct connection *connection, struct span type, struct span body)
{
    connection->keep = false;
    write_head(connection, 200, type, HTTP_BODY_LENGTH, body.len);
    const struct span parts[] = {buf_span(&connection->server->head),
                                 span_take(body, body.len / 2)};
    if (send_parts(connection, parts, COUNT_OF(parts)))
        answered(connection);
}

/* ── requests ── */

static void refuse(struct connection *connection)
{
    enum reason reason = http_request_refusal(connection->reader);
    bool large = reason == REASON_TOO_LARGE;
    connection->keep = false;
    connection_fail(connection, large ? 413 : 400,
                    large ? "the body is too large" : "this is no HTTP/1.1 request");
}

static void serve(struct connection *connection)
{
    enter_state(connection, CONNECTION_ANSWERING);
    connection->keep = http_request_keep_alive(connection->reader);
    deadline_clear(&connection->deadline);
    sock_read_stop(connection->sock, true);
    routes_serve(connection);
}

/* The state behind the head; a body that its client asks about is wanted. */
static enum http_request_state receive(struct connection *connection)
{
    const struct span yes = SPAN("HTTP/1.1 100 Continue\r\n\r\n");
    bool asks = http_request_expects_continue(connection->reader);
    enum http_request_state state = http_request_read_body(connection->reader);
    if (asks && state == HTTP_REQUEST_BODY)
        (void)send_parts(connection, &yes, 1);
    return state;
}

/* Moves on as far as the bytes that are here allow: one request at most, for its answer comes back through
 * answered(), which asks for the next. */
static void advance(struct connection *connection)
{
    if (connection->state != CONNECTION_READING)
        return;
    enum http_request_state state = http_request_state(connection->reader);
    if (state == HTTP_REQUEST_HEAD_DONE)
        state = receive(connection);
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (state == HTTP_REQUEST_DONE)
        serve(connection);
    else if (state == HTTP_REQUEST_REFUSED)
        refuse(connection);
}

static void on_more(struct soon *soon)
{
    advance(container_of(soon, struct connection, more_soon));
}

/* ── the socket's events ── */

static void on_read(void *owner, char *bytes, size_t len)
{
    struct connection *connection = owner;
    struct loop *loop = connection->server->loop;
    if (connection->state == CONNECTION_ENDING)
        return;
    if (connection->state == CONNECTION_READING && !http_request_started(connection->reader))
        deadline_set(loop, &connection->deadline, loop_now_ms(loop) + CONNECTION_RECEIVE_MS);
    http_request_feed(connection->reader, bytes, len);
    advance(connection);
    if (connection->state != CONNECTION_CLOSED && http_request_park(connection->reader) < 0)
        close_with(connection, sock_close);
}

static void on_end(void *owner)
{
    close_with(owner, sock_close);
}

static void on_error(void *owner, int error)
{
    (void)error;
    close_with(owner, sock_close);
}

/* Who still takes bytes of an answer is not idle. */
static void on_deadline(struct deadline *deadline)
{
    struct connection *connection = container_of(deadline, struct connection, deadline);
    struct loop *loop = connection->server->loop;
    size_t queued = sock_queued(connection->sock);
    if (queued >= connection->queued_seen || queued == 0) {
        close_with(connection, sock_close);
        return;
    }
    connection->queued_seen = queued;
    deadline_set(loop, deadline, loop_now_ms(loop) + CONNECTION_IDLE_MS);
}

/* ── life ── */

int connection_new(struct server *server, struct sock *sock)
{
    static const struct sock_events events = {on_read, on_end, on_error, NULL};
    const struct http_request_limits limits = {REQUEST_HEAD_BYTES_MAX,
                                               server->options->body_bytes_max};
    struct connection *connection = mem_zalloc(sizeof(*connection));
    struct http_request *reader = http_request_new(&limits);
    int r = connection && reader ? 0 : -ENOMEM;
    if (r == 0)
        r = sock_start(sock, &events, connection);
    if (r < 0) {
        http_request_free(reader);
        mem_free(connection);
        return r;
    }
    connection->server = server;
    connection->sock = sock;
    connection->reader = reader;
    deadline_init(&connection->deadline, on_deadline);
    deadline_set(server->loop, &connection->deadline,
                 loop_now_ms(server->loop) + CONNECTION_IDLE_MS);
    soon_init(&connection->free_soon, on_free);
    soon_init(&connection->more_soon, on_more);
    list_push_back(&server->connections, &connection->link);
    server->connections_count++;
    return 0;
}
