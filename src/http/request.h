/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 requests from bytes (RFC 9112), strictly: every doubt about framing is a refusal and the
 * connection closes.
 *
 * Bytes in, state out; no sockets, no clock. The reader keeps one message's bytes contiguous for
 * its owner: feed it what came; the common case (whole message in one read) is parsed in place and
 * copies nothing. It stops after the head, so that its owner can judge the caller before a byte of
 * the body is looked at, and after the message, so that the next one of a pipeline waits its turn.
 * Feeding whole or byte by byte gives the same result.
 *
 *   HEAD ──(blank line)──▶ HEAD_DONE ──http_request_read_body()──▶ BODY ──(end)──▶ DONE ──http_request_next()──▶ HEAD
 *     └───────────────────── any error: REFUSED (the owner answers, then closes) ──────┘
 *
 * Belongs to one connection.
 */
#pragma once

#include "base/buf.h"
#include "base/reason.h"

#define HTTP_HEADERS_MAX 100
#define HTTP_CHUNK_HEAD_MAX 256 /* a chunk's size line with extensions */

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_OPTIONS,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OTHER
};

enum http_request_state {
    HTTP_REQUEST_HEAD,      /* needs bytes */
    HTTP_REQUEST_HEAD_DONE, /* the head may be read; waits for http_request_read_body() */
    HTTP_REQUEST_BODY,      /* needs bytes */
    HTTP_REQUEST_DONE,      /* the whole message may be read; waits for http_request_next() */
    HTTP_REQUEST_REFUSED    /* final; `refusal` says why */
};

struct http_header {
    struct span name; /* as sent; compare without case */
    struct span value;
};

struct http_request_limits {
    size_t head_bytes_max; /* with the request line; REASON_HEAD_TOO_LARGE, REASON_URI_TOO_LONG */
    size_t body_bytes_max; /* REASON_TOO_LARGE, at the head when Content-Length says so */
};

struct http_request;

struct http_request *http_request_new(const struct http_request_limits *limits) must_check;
void http_request_free(struct http_request *request);

/*
 * Feeds bytes that were read from the wire and returns the state. `bytes` must stay valid and in
 * place until http_request_park(), which comes before the next feed: spans of the message point into
 * them where it came whole. Bytes behind the end of the message, or behind the head while HEAD_DONE,
 * stay unread; they are parsed by read_body and next. The bytes are followed by 64 readable ones.
 */
enum http_request_state http_request_feed(struct http_request *request, char *bytes, size_t len);

/* From HEAD_DONE: goes on into the body. `bytes` of the last feed are still valid. */
enum http_request_state http_request_read_body(struct http_request *request);

/* From DONE, or from HEAD_DONE when no body follows: forgets this message and starts on the
 * bytes that are left. */
enum http_request_state http_request_next(struct http_request *request);

/* Before the fed bytes become invalid (at the end of the read callback): copies into the
 * reader's own memory what is still needed, unread bytes included. Spans taken before are stale;
 * take them again. 0 or -ENOMEM / -ENOSPC. */
int http_request_park(struct http_request *request) must_check;

/* Bytes that came and are not parsed yet (pipelined). Their owner stops reading above a limit. */
size_t http_request_unread(const struct http_request *request);

enum http_request_state http_request_state(const struct http_request *request);
/* REASON_OK unless REFUSED. */
enum reason http_request_refusal(const struct http_request *request);
/* When REFUSED as BAD_HTTP: what is wrong, a constant for people that holds nothing of the message. Else NULL. */
const char *http_request_fault(const struct http_request *request);
/* Has anything of a message come? Tells an idle keep-alive connection from a cut-off request. */
bool http_request_started(const struct http_request *request);
/* Bytes of memory the reader holds now, beside the struct. */
size_t http_request_memory(const struct http_request *request);

/* From HEAD_DONE on; also when REFUSED for what a valid head asks for (an expectation, too long
 * a body). Of a head that is refused itself there are method, path and query, if its first line was good, and no fields. Of any other head the
 * spans are null and nothing is counted. Spans live until the
 * next feed, park, next or free. */
enum http_method http_request_method(const struct http_request *request);
struct span http_request_method_text(const struct http_request *request);
/* The target up to '?'; never empty. */
struct span http_request_path(const struct http_request *request);
struct span http_request_query(const struct http_request *request); /* behind '?', or null */
size_t http_request_headers(const struct http_request *request);
struct http_header http_request_header_at(const struct http_request *request, size_t index);
/* The only field of that name (lower case), or null. Null too when it came more than once: the
 * fields that decide something here are single by their definition; http_request_header_count()
 * tells. */
struct span http_request_header(const struct http_request *request, struct span name);
size_t http_request_header_count(const struct http_request *request, struct span name);
/* Of an absolute target ("GET http://name/ HTTP/1.1") the authority stands for the value of
 * Host. */
bool http_request_keep_alive(const struct http_request *request); /* never for HTTP/1.0 */
bool http_request_is_1_0(const struct http_request *request);
/* Expect: 100-continue, and the body is not whole. */
bool http_request_expects_continue(const struct http_request *request);
bool http_request_has_body(const struct http_request *request);

/* From DONE: the body in one piece, chunks joined. 64 readable bytes follow it; it may be
 * overwritten. */
struct span http_request_body(const struct http_request *request);
/* From DONE: the body is not needed any more; its memory is given back where it is the reader's
 * own. The head stays. */
void http_request_forget_body(struct http_request *request);
