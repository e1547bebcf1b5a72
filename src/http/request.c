/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transitions, and the function that makes each (all through set_state()):
 *
 *   HEAD      → HEAD_DONE  end_head
 *   HEAD_DONE → BODY       http_request_read_body
 *   HEAD_DONE → DONE       http_request_read_body (no body follows)
 *   BODY      → DONE       read_body
 *   DONE      → HEAD       http_request_next
 *   any       → REFUSED    refuse
 *
 * The message's bytes are one window, `at` and `len`, which lies in the fed memory or, once parked,
 * in `held`:
 *
 *   at ├── head_len ──┼── body_len ──┼── dropped ──┼── not parsed yet ──┤ at + len
 *                                                  └ raw
 *
 * A chunked body is joined in place, so what is dropped is chunk framing, or a body that was
 * forgotten; parking closes the gap. While the head is not whole, head_len, body_len and raw are 0.
 */
#include "http/request.h"

#include "base/alloc.h"
#include "http/chunked.h"
#include "http/framing.h"
#include "http/target.h"

#define PADDING_BYTES 64        /* readable behind the body: simdjson looks that far */
#define UNREAD_BYTES_MAX 262144 /* pipelined; the owner stops reading long before */
#define KEEP_BYTES (size_t)4096 /* of memory, from one message to the next */

_Static_assert(HEAD_FIELDS_MAX == HTTP_HEADERS_MAX, "one maximum, two names");
_Static_assert(CHUNKED_LINE_BYTES_MAX == HTTP_CHUNK_HEAD_MAX, "one maximum, two names");

struct http_request {
    enum http_request_state state;
    enum reason refusal;
    const char *fault; /* with BAD_HTTP */
    char *at;
    size_t len;
    size_t head_len;
    size_t body_len;
    size_t raw;
    bool parked;
    bool empty_line_passed;
    bool expects_continue;
    struct framing framing;
    struct request_line line;
    struct chunked chunked;
    struct http_request_limits limits;
    struct buf held;
    struct head head;
};

static bool is_legal(enum http_request_state from, enum http_request_state to)
{
    switch (to) {
    case HTTP_REQUEST_HEAD:
        return from == HTTP_REQUEST_DONE;
    case HTTP_REQUEST_HEAD_DONE:
        return from == HTTP_REQUEST_HEAD;
    case HTTP_REQUEST_BODY:
        return from == HTTP_REQUEST_HEAD_DONE;
    case HTTP_REQUEST_DONE:
        return from == HTTP_REQUEST_HEAD_DONE || from == HTTP_REQUEST_BODY;
    case HTTP_REQUEST_REFUSED:
        return from != HTTP_REQUEST_REFUSED;
    }
    return false;
}

static void set_state(struct http_request *request, enum http_request_state state)
{
    check(is_legal(request->state, state));
    request->state = state;
}

/* A head that was whole stays, to be logged; of another one its first line, if that was good; all else goes. */
static void refuse(struct http_request *request, enum reason reason)
{
    set_state(request, HTTP_REQUEST_REFUSED);
    request->refusal = reason;
    request->body_len = 0;
    if (request->head_len == 0 && request->line.method_text.len > 0) {
        request->head_len = request->head.scan.first_line_len;
        request->framing = (struct framing){0};
        head_clear(&request->head);
    }
    request->raw = request->head_len;
    request->len = request->head_len;
}

static void refuse_malformed(struct http_request *request, const char *fault)
{
    request->fault = fault;
    refuse(request, REASON_BAD_HTTP);
}

struct http_request *http_request_new(const struct http_request_limits *limits)
{
    struct http_request *request = mem_zalloc(sizeof(*request));
    if (!request)
        return NULL;
    request->limits = *limits;
    buf_init(&request->held,
             limits->head_bytes_max + limits->body_bytes_max + UNREAD_BYTES_MAX + PADDING_BYTES);
    return request;
}

void http_request_free(struct http_request *request)
{
    if (!request)
        return;
    head_clear(&request->head);
    buf_release(&request->held);
    mem_free(request);
}

/* The head. */

static enum reason check_host(struct http_request *request)
{
    struct head_field *host = NULL;
    for (size_t i = 0; i < request->head.count; i++) {
        struct head_field *field = head_field(&request->head, i);
        if (field->name.len != 4 ||
            !span_eq_nocase(head_text(request->at, field->name), SPAN("host")))
            continue;
        /* Once, and well-formed (RFC 9112, section 3.2). */
        request->fault = host ? "Host comes twice" : "Host is no name and no address";
        if (host || !target_is_host(head_text(request->at, field->value)))
            return REASON_BAD_HTTP;
        host = field;
    }
    request->fault = "there is no Host";
    if (!host)
        return request->line.is_1_0 ? REASON_OK : REASON_BAD_HTTP;
    /* The target's authority wins (RFC 9112, section 3.2.2). */
    if (request->line.authority.len > 0)
        host->value = request->line.authority;
    return REASON_OK;
}

/* RFC 9110, section 10.1.1: the one expectation there is; HTTP/1.0 has none, and there it is
 * passed over. */
static enum reason check_expectation(struct http_request *request)
{
    struct span value;
    size_t count = head_find(&request->head, request->at, SPAN("expect"), &value);
    if (count == 0 || request->line.is_1_0)
        return REASON_OK;
    if (count > 1 || !span_eq_nocase(value, SPAN("100-continue")))
        return REASON_EXPECTATION;
    request->expects_continue = true;
    return REASON_OK;
}

static enum reason judge_head(struct http_request *request)
{
    int result = head_parse(&request->head, HEAD_OF_REQUEST, request->at);
    request->fault = "a header field is malformed";
    if (result < 0)
        return result == -ENOSPC    ? REASON_HEAD_TOO_LARGE
               : result == -ENOMEM  ? REASON_OVERLOADED
               : result == -ENOTSUP ? REASON_NOT_IMPLEMENTED
                                    : REASON_BAD_HTTP;
    if (request->head.is_1_0 != request->line.is_1_0)
        return REASON_BAD_HTTP;
    enum reason reason = check_host(request);
    if (reason == REASON_OK && framing_read(&request->head, request->at, &request->framing, &request->fault) < 0)
        reason = REASON_BAD_HTTP;
    return reason;
}

static void end_head(struct http_request *request)
{
    enum reason reason = judge_head(request);
    if (reason != REASON_OK) {
        refuse(request, reason);
        return;
    }
    request->head_len = request->raw = request->head.scan.at;
    reason = check_expectation(request);
    if (reason == REASON_OK && request->framing.length > request->limits.body_bytes_max)
        reason = REASON_TOO_LARGE;
    if (reason != REASON_OK)
        refuse(request, reason);
    else
        set_state(request, HTTP_REQUEST_HEAD_DONE);
}

/* One empty line before a request is passed over: some clients end a body with one too many (RFC
 * 9112, section 2.2). */
static void pass_empty_line(struct http_request *request)
{
    if (request->empty_line_passed || request->len < 2 || memcmp(request->at, "\r\n", 2) != 0)
        return;
    request->empty_line_passed = true;
    request->at += 2;
    request->len -= 2;
}

/* What made the scan stop; it stands where it did. */
static const char *scan_fault(const struct head_scan *scan, const char *bytes)
{
    if (scan->first_line_len == 0 && scan->line_at > 0)
        return "there is no first line";
    char byte = bytes[scan->at];
    if (scan->at == scan->line_at && (byte == ' ' || byte == '\t'))
        return "a line begins with white space";
    if (byte == '\n' || byte == '\r')
        return "a line does not end with CR LF";
    return "a control character is in the header";
}

static void read_head(struct http_request *request)
{
    struct head_scan *scan = &request->head.scan;
    if (scan->at == 0) {
        pass_empty_line(request);
        if (request->len == 1 && request->at[0] == '\r')
            return;
    }
    for (;;) {
        enum reason reason;
        switch (head_scan(scan, request->at, MIN(request->len, request->limits.head_bytes_max))) {
        case HEAD_FIRST_LINE:
            reason = request_line_read(span_of(request->at, scan->first_line_len), &request->line,
                                       &request->fault);
            if (reason == REASON_OK)
                continue;
            refuse(request, reason);
            return;
        case HEAD_WHOLE:
            end_head(request);
            return;
        case HEAD_MORE:
            if (request->len >= request->limits.head_bytes_max)
                refuse(request,
                       scan->first_line_len > 0 ? REASON_HEAD_TOO_LARGE : REASON_URI_TOO_LONG);
            return;
        default:
            refuse_malformed(request, scan_fault(scan, request->at));
            return;
        }
    }
}

/* The body. */

static void read_chunks(struct http_request *request)
{
    while (request->raw < request->len && !chunked_done(&request->chunked)) {
        struct span data;
        ssize_t taken = chunked_feed(&request->chunked, request->at + request->raw,
                                     request->len - request->raw, &data);
        if (taken < 0) {
            request->fault = "the chunks of the body are malformed";
            refuse(request, taken == -EFBIG    ? REASON_TOO_LARGE
                            : taken == -ENOSPC ? REASON_HEAD_TOO_LARGE
                                               : REASON_BAD_HTTP);
            return;
        }
        if (data.len > 0)
            memmove(request->at + request->head_len + request->body_len, data.ptr, data.len);
        request->body_len += data.len;
        request->raw += (size_t)taken;
    }
    if (chunked_done(&request->chunked))
        set_state(request, HTTP_REQUEST_DONE);
}

static void read_body(struct http_request *request)
{
    if (request->framing.chunked) {
        read_chunks(request);
        return;
    }
    size_t missing = (size_t)request->framing.length - request->body_len;
    size_t taken = MIN(missing, request->len - request->raw);
    request->body_len += taken;
    request->raw += taken;
    if (taken == missing)
        set_state(request, HTTP_REQUEST_DONE);
}

enum http_request_state http_request_read_body(struct http_request *request)
{
    check(request->state == HTTP_REQUEST_HEAD_DONE);
    if (!http_request_has_body(request)) {
        /* Neither length nor coding: there is no body (RFC 9112, section 6.3). */
        set_state(request, HTTP_REQUEST_DONE);
        return request->state;
    }
    set_state(request, HTTP_REQUEST_BODY);
    chunked_init(&request->chunked, request->limits.body_bytes_max);
    read_body(request);
    return request->state;
}

/* Memory. */

/* Closes the gaps of the window in `held`: before it, and between what is kept and what is not
 * parsed yet. */
static void close_gaps(struct http_request *request)
{
    size_t kept = request->head_len + request->body_len;
    size_t unread = request->len - request->raw;
    if (request->at != request->held.ptr || request->raw != kept) {
        memmove(request->held.ptr, request->at, kept);
        memmove(request->held.ptr + kept, request->at + request->raw, unread);
    }
    request->at = request->held.ptr;
    request->raw = kept;
    request->len = request->held.len = kept + unread;
}

static void let_go_of_memory(struct http_request *request)
{
    request->at = NULL;
    request->parked = false;
    buf_shrink(&request->held, KEEP_BYTES);
}

static int append(struct http_request *request, struct span bytes)
{
    close_gaps(request);
    if (buf_reserve(&request->held, bytes.len + PADDING_BYTES) < 0)
        return buf_status(&request->held);
    buf_append(&request->held, bytes);
    request->at = request->held.ptr;
    request->len = request->held.len;
    return 0;
}

enum http_request_state http_request_feed(struct http_request *request, char *bytes, size_t len)
{
    if (request->state == HTTP_REQUEST_REFUSED || len == 0)
        return request->state;
    if (!request->parked) {
        check(request->len == 0); /* else what was fed before has not been parked */
        request->at = bytes;
        request->len = len;
    } else if (append(request, span_of(bytes, len)) < 0) {
        refuse(request, REASON_OVERLOADED);
    }
    if (request->state == HTTP_REQUEST_HEAD)
        read_head(request);
    else if (request->state == HTTP_REQUEST_BODY)
        read_body(request);
    return request->state;
}

int http_request_park(struct http_request *request)
{
    if (request->len == 0) {
        let_go_of_memory(request);
        return 0;
    }
    if (request->parked) {
        close_gaps(request);
        return 0;
    }
    size_t kept = request->head_len + request->body_len;
    size_t unread = request->len - request->raw;
    buf_clear(&request->held);
    if (buf_reserve(&request->held, kept + unread + PADDING_BYTES) < 0)
        return buf_status(&request->held);
    buf_append(&request->held, span_of(request->at, kept));
    buf_append(&request->held, span_of(request->at + request->raw, unread));
    request->at = request->held.ptr;
    request->raw = kept;
    request->len = kept + unread;
    request->parked = true;
    return 0;
}

void http_request_forget_body(struct http_request *request)
{
    check(request->state == HTTP_REQUEST_DONE);
    request->body_len = 0;
    if (!request->parked)
        return;
    close_gaps(request);
    if (request->held.cap < 4 * MAX(request->len, KEEP_BYTES))
        return;
    /* A smaller home; without memory for one, the larger stays. */
    struct buf smaller;
    buf_init(&smaller, request->held.max);
    if (buf_reserve(&smaller, request->len + PADDING_BYTES) < 0)
        return;
    buf_append(&smaller, buf_span(&request->held));
    buf_release(&request->held);
    request->held = smaller;
    request->at = request->held.ptr;
}

enum http_request_state http_request_next(struct http_request *request)
{
    if (request->state == HTTP_REQUEST_HEAD_DONE && !http_request_has_body(request))
        set_state(request, HTTP_REQUEST_DONE);
    set_state(request, HTTP_REQUEST_HEAD);
    request->at += request->raw;
    request->len -= request->raw;
    request->head_len = request->body_len = request->raw = 0;
    request->empty_line_passed = false;
    request->expects_continue = false;
    request->line.method_text.len = 0;
    head_clear(&request->head);
    if (request->len == 0)
        let_go_of_memory(request);
    else
        read_head(request);
    return request->state;
}

/* Answers. */

size_t http_request_unread(const struct http_request *request)
{
    return request->state == HTTP_REQUEST_HEAD ? 0 : request->len - request->raw;
}

enum http_request_state http_request_state(const struct http_request *request)
{
    return request->state;
}

enum reason http_request_refusal(const struct http_request *request)
{
    return request->refusal;
}

const char *http_request_fault(const struct http_request *request)
{
    return request->refusal == REASON_BAD_HTTP ? request->fault : NULL;
}

bool http_request_started(const struct http_request *request)
{
    return request->state != HTTP_REQUEST_HEAD || request->len > 0;
}

size_t http_request_memory(const struct http_request *request)
{
    return request->held.cap;
}

static bool has_head(const struct http_request *request)
{
    return request->head_len > 0;
}

static struct span piece(const struct http_request *request, struct head_piece piece)
{
    return has_head(request) ? head_text(request->at, piece) : SPAN_NULL;
}

enum http_method http_request_method(const struct http_request *request)
{
    return has_head(request) ? request->line.method : HTTP_OTHER;
}

struct span http_request_method_text(const struct http_request *request)
{
    return piece(request, request->line.method_text);
}

struct span http_request_path(const struct http_request *request)
{
    /* An absolute target may have none; it means the root (RFC 9110, section 4.2.3). */
    if (has_head(request) && request->line.path.len == 0)
        return SPAN("/");
    return piece(request, request->line.path);
}

struct span http_request_query(const struct http_request *request)
{
    return request->line.has_query ? piece(request, request->line.query) : SPAN_NULL;
}

size_t http_request_headers(const struct http_request *request)
{
    return request->head.count;
}

struct http_header http_request_header_at(const struct http_request *request, size_t index)
{
    check(index < request->head.count);
    const struct head_field *field = head_field_at(&request->head, index);
    return (struct http_header){piece(request, field->name), piece(request, field->value)};
}

struct span http_request_header(const struct http_request *request, struct span name)
{
    struct span value = SPAN_NULL;
    return head_find(&request->head, request->at, name, &value) == 1 ? value : SPAN_NULL;
}

size_t http_request_header_count(const struct http_request *request, struct span name)
{
    struct span value;
    return head_find(&request->head, request->at, name, &value);
}

bool http_request_keep_alive(const struct http_request *request)
{
    /* HTTP/1.0's keep-alive was never a standard, and our answers do not speak it (RFC 9112,
     * appendix C.2.2). */
    return has_head(request) && !request->line.is_1_0 && !request->framing.close;
}

bool http_request_is_1_0(const struct http_request *request)
{
    return has_head(request) && request->line.is_1_0;
}

bool http_request_has_body(const struct http_request *request)
{
    return has_head(request) && (request->framing.chunked || request->framing.length > 0);
}

bool http_request_expects_continue(const struct http_request *request)
{
    return request->expects_continue && http_request_has_body(request) &&
           request->state != HTTP_REQUEST_DONE;
}

struct span http_request_body(const struct http_request *request)
{
    check(request->state == HTTP_REQUEST_DONE);
    return span_of(request->at + request->head_len, request->body_len);
}
