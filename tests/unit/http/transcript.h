/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reader made of some bytes, as text: one way to look at the readers for examples, unit
 * tests and fuzz targets.
 *
 * The bytes are fed in pieces: `first` bytes, then `step` at a time. Each piece has memory of its
 * own, which is gone after its feed, so a span that outlives it is seen by the sanitizers. With
 * `park_often` a request is parked at each stop and not only at the end of a piece. The text must
 * not depend on any of this.
 */
#pragma once

#include "base/alloc.h"
#include "http/request.h"
#include "http/response.h"
#include "http/sse.h"

struct cuts {
    size_t first, step;
    bool park_often;
};

#define UNCUT ((struct cuts){SIZE_MAX, SIZE_MAX, false})
#define BYTE_BY_BYTE ((struct cuts){1, 1, false})

/* The next piece of *rest, in memory of its own; free it. */
static inline char *cut_piece(struct span *rest, struct cuts *cuts, size_t *ret_len)
{
    size_t len = MIN(cuts->first > 0 ? cuts->first : 1, rest->len);
    char *piece = mem_zalloc(len + 64);
    check(piece != NULL);
    memcpy(piece, rest->ptr, len);
    *rest = span_skip(*rest, len);
    cuts->first = cuts->step;
    *ret_len = len;
    return piece;
}

static inline void write_text(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\r' || c == '\n' || c == '\t')
            buf_printf(out, "\\%c", c == '\r' ? 'r' : c == '\n' ? 'n' : 't');
        else if (c < 0x20 || c >= 0x7f)
            buf_printf(out, "\\x%02x", c);
        else if (c == '\\' || c == '"')
            buf_printf(out, "\\%c", c);
        else
            buf_append_byte(out, (char)c);
    }
}

static inline void write_line(struct buf *out, const char *before, struct span text,
                              const char *behind)
{
    buf_append(out, span_str(before));
    write_text(out, text);
    buf_append(out, span_str(behind));
    buf_append_byte(out, '\n');
}

/* Requests. */

static inline void write_request_head(struct buf *out, const struct http_request *request)
{
    buf_append(out, http_request_method_text(request));
    write_line(out, " ", http_request_path(request), "");
    if (!span_is_null(http_request_query(request)))
        write_line(out, "query ", http_request_query(request), "");
    if (http_request_is_1_0(request))
        buf_append(out, SPAN("version 1.0\n"));
    for (size_t i = 0; i < http_request_headers(request); i++) {
        struct http_header header = http_request_header_at(request, i);
        buf_append(out, SPAN("  "));
        write_text(out, header.name);
        write_line(out, ": ", header.value, "");
    }
    if (http_request_expects_continue(request))
        buf_append(out, SPAN("expects 100-continue\n"));
    if (!http_request_keep_alive(request))
        buf_append(out, SPAN("closes\n"));
}

static inline void park(struct http_request *request)
{
    check(http_request_park(request) == 0);
}

static inline void drive_request(struct buf *out, struct http_request *request, bool park_often)
{
    for (;;) {
        if (park_often)
            park(request);
        switch (http_request_state(request)) {
        case HTTP_REQUEST_HEAD:
        case HTTP_REQUEST_BODY:
            return;
        case HTTP_REQUEST_HEAD_DONE:
            write_request_head(out, request);
            (void)http_request_read_body(request);
            break;
        case HTTP_REQUEST_DONE:
            if (http_request_has_body(request))
                write_line(out, "body \"", http_request_body(request), "\"");
            else
                buf_append(out, SPAN("no body\n"));
            http_request_forget_body(request);
            if (park_often)
                park(request);
            (void)http_request_next(request);
            break;
        case HTTP_REQUEST_REFUSED:
            buf_printf(out, "refused %s\n", reason_info(http_request_refusal(request))->name);
            return;
        }
    }
}

static inline void request_transcript(struct span bytes, struct http_request_limits limits,
                                      struct cuts cuts, struct buf *out)
{
    struct http_request *request = http_request_new(&limits);
    check(request != NULL);
    while (bytes.len > 0 && http_request_state(request) != HTTP_REQUEST_REFUSED) {
        size_t len;
        char *piece = cut_piece(&bytes, &cuts, &len);
        size_t unread = http_request_unread(request);
        (void)http_request_feed(request, piece, len);
        check(http_request_unread(request) <= unread + len);
        drive_request(out, request, cuts.park_often);
        park(request);
        mem_free(piece);
    }
    if (http_request_state(request) == HTTP_REQUEST_BODY)
        buf_append(out, SPAN("waits for the body\n"));
    else if (http_request_state(request) == HTTP_REQUEST_HEAD && http_request_started(request))
        buf_append(out, SPAN("waits for the head\n"));
    check(!http_request_started(request) || http_request_state(request) != HTTP_REQUEST_DONE);
    http_request_free(request);
}

/* Responses. */

struct response_log {
    struct buf *out;
    struct buf body;
    char *piece; /* under way, with its length */
    size_t len;
};

static inline int log_head(void *owner, const struct http_response *response)
{
    struct response_log *log = owner;
    buf_printf(log->out, "head %u\n", http_response_status(response));
    struct span type = http_response_header(response, SPAN("content-type"));
    if (!span_is_null(type))
        write_line(log->out, "  content-type: ", type, "");
    return 0;
}

static inline int log_body(void *owner, char *bytes, size_t len)
{
    struct response_log *log = owner;
    check(len > 0 && bytes >= log->piece && bytes + len <= log->piece + log->len);
    buf_append(&log->body, span_of(bytes, len));
    bytes[0] = '#'; /* it may be overwritten */
    return 0;
}

static inline void write_body(struct response_log *log)
{
    if (log->body.len > 0)
        write_line(log->out, "body \"", buf_span(&log->body), "\"");
    buf_clear(&log->body);
}

static inline int log_done(void *owner)
{
    struct response_log *log = owner;
    write_body(log);
    buf_append(log->out, SPAN("done\n"));
    return 0;
}

static inline const char *error_name(int error)
{
    return error == -EBADMSG  ? "EBADMSG"
           : error == -ENOSPC ? "ENOSPC"
           : error == -EXFULL ? "EXFULL"
                              : "?";
}

struct response_case {
    struct span bytes;
    size_t head_bytes_max;
    bool to_head; /* the request was HEAD */
    bool ends;    /* and then the connection ends */
};

static inline void response_transcript(struct response_case given, struct cuts cuts,
                                       struct buf *out)
{
    static const struct http_response_events events = {log_head, log_body, log_done};
    struct response_log log = {.out = out};
    struct http_response *response = http_response_new(given.head_bytes_max, &events, &log);
    check(response != NULL);
    buf_init(&log.body, given.bytes.len + 1);
    http_response_reset(response, given.to_head);

    int result = 0;
    while (given.bytes.len > 0 && result == 0) {
        log.piece = cut_piece(&given.bytes, &cuts, &log.len);
        result = http_response_feed(response, log.piece, log.len);
        mem_free(log.piece);
    }
    if (result == 0 && given.ends)
        result = http_response_end(response);
    write_body(&log);
    if (result < 0)
        buf_printf(out, "fails %s\n", error_name(result));
    else if (http_response_keep_alive(response))
        buf_append(out, SPAN("keep-alive\n"));
    buf_release(&log.body);
    http_response_free(response);
}

/* Events. */

static inline int log_event(void *owner, struct span data, struct span event)
{
    struct buf *out = owner;
    check(!span_is_null(data));
    buf_append(out, SPAN("event "));
    if (!span_is_null(event)) {
        write_text(out, event);
        buf_append_byte(out, ' ');
    }
    write_line(out, "\"", data, "\"");
    return 0;
}

static inline int log_comment(void *owner, struct span text)
{
    write_line(owner, "comment \"", text, "\"");
    return 0;
}

static inline void sse_transcript(struct span bytes, size_t event_bytes_max, struct cuts cuts,
                                  struct buf *out)
{
    static const struct sse_events events = {log_event, log_comment};
    struct sse_splitter splitter;
    sse_splitter_init(&splitter, event_bytes_max, &events, out);
    int result = 0;
    while (bytes.len > 0 && result == 0) {
        size_t len;
        char *piece = cut_piece(&bytes, &cuts, &len);
        result = sse_splitter_feed(&splitter, span_of(piece, len));
        mem_free(piece);
    }
    if (result < 0)
        buf_printf(out, "fails %s\n", error_name(result));
    else if (sse_splitter_unfinished(&splitter))
        buf_append(out, SPAN("unfinished\n"));
    sse_splitter_release(&splitter);
}
