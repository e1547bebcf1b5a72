/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/caller.h"

#include "admin/admin_internal.h"
#include "admin/routes.h"
#include "base/alloc.h"
#include "base/json_out.h"
#include "base/text.h"
#include "http/answer.h"

#include <stdarg.h>

#define HEAD_IN_BYTES_MAX 16384
#define HEAD_OUT_BYTES_MAX 4096
#define METRICS_QUEUE_BYTES_MAX (16U << 20)
#define ERROR_BYTES_MAX 4096

enum caller_state { CALLER_READ, CALLER_BUSY, CALLER_WRITE, CALLER_CLOSING, CALLER_CLOSED };

struct caller {
    struct list link; /* in admin->callers */
    struct admin *admin;
    struct sock *sock;
    struct http_request *reader;
    enum caller_kind kind;
    enum caller_state state;
    bool owes;      /* an answer is still to come */
    bool keep;      /* the connection may serve another request */
    bool head_only; /* HEAD: no body goes out */
    bool advancing; /* advance() is on the stack */
    struct deadline deadline;
    struct soon free_soon;
};

/* ── state ── */

static bool legal(enum caller_state from, enum caller_state to)
{
    switch (to) {
    case CALLER_READ:
    case CALLER_CLOSING:
        return from == CALLER_WRITE;
    case CALLER_BUSY:
        return from == CALLER_READ;
    case CALLER_WRITE:
        return from == CALLER_BUSY;
    case CALLER_CLOSED:
        return from != CALLER_CLOSED;
    }
    return false;
}

/* Input waits while a request is under way, so that nobody makes us hold a pipeline. */
static void enter_state(struct caller *caller, enum caller_state state)
{
    struct loop *loop = caller->admin->loop;
    uint64_t now = loop_now_ms(loop);

    check(legal(caller->state, state));
    caller->state = state;
    switch (state) {
    case CALLER_READ:
        sock_read_start(caller->sock);
        deadline_set(loop, &caller->deadline, now + CALLER_READ_MS);
        break;
    case CALLER_BUSY:
        sock_read_stop(caller->sock, true);
        deadline_clear(&caller->deadline);
        break;
    case CALLER_WRITE:
        deadline_set(loop, &caller->deadline, now + CALLER_WRITE_MS);
        break;
    case CALLER_CLOSING:
        sock_shutdown(caller->sock);
        sock_read_start(caller->sock);
        deadline_set(loop, &caller->deadline, now + CALLER_LINGER_MS);
        break;
    case CALLER_CLOSED:
        deadline_clear(&caller->deadline);
        sock_close(TAKE(caller->sock));
        break;
    }
}

static void caller_free(struct caller *caller)
{
    list_remove(&caller->link);
    http_request_free(caller->reader);
    mem_free(caller);
}

static void on_free_soon(struct soon *soon)
{
    caller_free(container_of(soon, struct caller, free_soon));
}

static void caller_close(struct caller *caller)
{
    if (caller->state == CALLER_CLOSED)
        return;
    enter_state(caller, CALLER_CLOSED);
    caller->admin->callers_count[caller->kind]--;
    if (!caller->owes)
        soon_call(caller->admin->loop, &caller->free_soon);
}

/* Without the loop's help: it may not turn again. */
void caller_close_all(struct admin *admin)
{
    struct list *link;
    while ((link = list_first(&admin->callers))) {
        struct caller *caller = list_entry(link, struct caller, link);
        if (caller->state != CALLER_CLOSED)
            enter_state(caller, CALLER_CLOSED);
        soon_cancel(&caller->free_soon);
        list_remove(&caller->link);
        caller->admin = NULL;
        if (!caller->owes)
            caller_free(caller);
    }
}

/* ── answers ── */

static void advance(struct caller *caller);

static void after_answer(struct caller *caller)
{
    if (!caller->keep) {
        enter_state(caller, CALLER_CLOSING);
        return;
    }
    http_request_next(caller->reader);
    enter_state(caller, CALLER_READ);
}

static void send_answer(struct caller *caller, unsigned status, struct span type, struct span allow,
                        struct span body)
{
    char date[TEXT_HTTP_DATE_BYTES];
    struct buf head;
    buf_init(&head, HEAD_OUT_BYTES_MAX);
    text_http_date(loop_wall_ms(caller->admin->loop), date);
    http_answer_start(&head, status, span_str(date));
    http_answer_header(&head, SPAN("Content-Type"), type);
    http_answer_header(&head, SPAN("Cache-Control"), SPAN("no-store"));
    if (!span_is_null(allow))
        http_answer_header(&head, SPAN("Allow"), allow);
    http_answer_end(&head, HTTP_BODY_LENGTH, body.len, caller->keep);

    struct span parts[2] = {buf_span(&head), caller->head_only ? SPAN("") : body};
    ssize_t queued = buf_status(&head) < 0 ? -ENOMEM : sock_write(caller->sock, parts, 2);
    buf_release(&head);
    if (queued < 0) {
        caller_close(caller);
        return;
    }
    enter_state(caller, CALLER_WRITE);
    if (queued == 0)
        after_answer(caller);
}

static void answer(struct caller *caller, unsigned status, struct span type, struct span allow,
                   struct span body)
{
    check(caller->owes);
    caller->owes = false;
    if (caller->state == CALLER_CLOSED) {
        caller_free(caller);
        return;
    }
    send_answer(caller, status, type, allow, body);
    advance(caller);
}

void caller_answer(struct caller *caller, unsigned status, struct span type, struct span body)
{
    answer(caller, status, type, SPAN_NULL, body);
}

void caller_answer_json(struct caller *caller, unsigned status, struct span json)
{
    answer(caller, status, SPAN("application/json"), SPAN_NULL, json);
}

void caller_answer_built(struct caller *caller, struct buf *json)
{
    if (buf_status(json) < 0)
        caller_answer_error(caller, 503, "out of memory for the answer");
    else
        caller_answer_json(caller, 200, buf_span(json));
    buf_release(json);
}

static void answer_message(struct caller *caller, unsigned status, struct span allow,
                           struct span message)
{
    struct buf buf;
    buf_init(&buf, ERROR_BYTES_MAX);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("error"));
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("message"));
    json_out_string(&out, message);
    json_out_close(&out, '}');
    json_out_close(&out, '}');
    struct span body =
        buf_status(&buf) < 0 ? SPAN("{\"error\":{\"message\":\"out of memory\"}}") : buf_span(&buf);
    answer(caller, status, SPAN("application/json"), allow, body);
    buf_release(&buf);
}

void caller_answer_error(struct caller *caller, unsigned status, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    answer_message(caller, status, SPAN_NULL, span_str(message));
}

void caller_answer_method(struct caller *caller, struct span allow)
{
    answer_message(caller, 405, allow, SPAN("this path does not take this method"));
}

/* ── requests, one after the other ── */

static void begin(struct caller *caller)
{
    const struct http_request *request = caller->reader;
    enter_state(caller, CALLER_BUSY);
    caller->owes = true;
    if (http_request_state(request) == HTTP_REQUEST_REFUSED) {
        const struct reason_info *info = reason_info(http_request_refusal(request));
        caller->keep = false;
        caller->head_only = false;
        caller_answer_error(caller, info->status, "%s", info->text);
        return;
    }
    caller->keep = http_request_keep_alive(request);
    caller->head_only = http_request_method(request) == HTTP_HEAD;
    routes_run(caller);
}

/* On from the head. A client that waits for leave to send its body gets it. */
static void read_body(struct caller *caller)
{
    struct span leave = SPAN("HTTP/1.1 100 Continue\r\n\r\n");
    if (http_request_expects_continue(caller->reader) && sock_write(caller->sock, &leave, 1) < 0) {
        caller_close(caller);
        return;
    }
    http_request_read_body(caller->reader);
}

/* As far as the bytes that are here allow. */
static void advance(struct caller *caller)
{
    if (caller->advancing)
        return;
    caller->advancing = true;
    while (caller->state == CALLER_READ) {
        enum http_request_state state = http_request_state(caller->reader);
        if (state == HTTP_REQUEST_HEAD || state == HTTP_REQUEST_BODY)
            break;
        if (state == HTTP_REQUEST_HEAD_DONE)
            read_body(caller);
        else
            begin(caller);
    }
    caller->advancing = false;
}

/* ── the socket's events ── */

static void on_read(void *owner, char *bytes, size_t len)
{
    struct caller *caller = owner;
    if (caller->state != CALLER_READ)
        return; /* CLOSING: nobody reads it any more */
    http_request_feed(caller->reader, bytes, len);
    advance(caller);
    if (caller->state != CALLER_CLOSED && http_request_park(caller->reader) < 0)
        caller_close(caller);
}

static void on_end(void *owner)
{
    caller_close(owner);
}

static void on_error(void *owner, int error)
{
    (void)error;
    caller_close(owner);
}

static void on_drain(void *owner)
{
    struct caller *caller = owner;
    if (caller->state != CALLER_WRITE)
        return;
    after_answer(caller);
    advance(caller);
}

static const struct sock_events events = {on_read, on_end, on_error, on_drain};

static void on_deadline(struct deadline *deadline)
{
    caller_close(container_of(deadline, struct caller, deadline));
}

void caller_accept(struct admin *admin, enum caller_kind kind, struct sock *sock)
{
    const struct http_request_limits limits = {HEAD_IN_BYTES_MAX,
                                               kind == CALLER_API ? ADMIN_BODY_BYTES_MAX : 0};
    struct caller *caller = NULL;
    if (admin->callers_count[kind] < ADMIN_CONNECTIONS_MAX)
        caller = mem_zalloc(sizeof(*caller));
    if (caller) {
        list_init(&caller->link);
        caller->reader = http_request_new(&limits);
    }
    if (!caller || !caller->reader || sock_start(sock, &events, caller) < 0) {
        if (caller)
            caller_free(caller);
        sock_close(sock);
        return;
    }
    caller->admin = admin;
    caller->kind = kind;
    caller->sock = sock;
    deadline_init(&caller->deadline, on_deadline);
    soon_init(&caller->free_soon, on_free_soon);
    deadline_set(admin->loop, &caller->deadline, loop_now_ms(admin->loop) + CALLER_READ_MS);
    sock_queue_max(sock, (kind == CALLER_API ? ADMIN_ANSWER_BYTES_MAX : METRICS_QUEUE_BYTES_MAX) +
                             HEAD_OUT_BYTES_MAX);
    list_push_back(&admin->callers, &caller->link);
    admin->callers_count[kind]++;
}

/* ── small things ── */

enum caller_kind caller_kind(const struct caller *caller)
{
    return caller->kind;
}

struct admin *caller_admin(const struct caller *caller)
{
    return caller->admin;
}

struct http_request *caller_request(struct caller *caller)
{
    return caller->reader;
}
