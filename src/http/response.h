/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 answers of a model's server from bytes, as strictly as requests: what an engine sends is
 * not trusted either.
 *
 * Bytes in, events out. The body is handed on piece by piece as it arrives, without its chunk
 * framing, in the memory that was fed. 1xx answers are skipped. Belongs to one upstream connection.
 * Events may not reset or free the response.
 */
#pragma once

#include "base/buf.h"

struct http_response;

struct http_response_events {
    /* The head is whole. Return 0 to go on, < 0 to stop with that result. */
    int (*on_head)(void *owner, const struct http_response *response);
    int (*on_body)(void *owner, char *bytes, size_t len);
    /* The message is whole. */
    int (*on_done)(void *owner);
};

struct http_response *http_response_new(size_t head_bytes_max,
                                        const struct http_response_events *events,
                                        void *owner) must_check;
void http_response_free(struct http_response *response);
/* Ready for the next answer on the same connection. `to_head`: the request was HEAD, no body
 * follows. */
void http_response_reset(struct http_response *response, bool to_head);

/* All of `len` is consumed, or < 0: -EBADMSG (malformed), -ENOSPC (head too large), -EXFULL
 * (bytes behind the answer's end), or what an event returned. */
int http_response_feed(struct http_response *response, char *bytes, size_t len) must_check;
/* The connection ended: 0 when that ends the message properly (body until close: on_done was
 * called; or between messages), -EBADMSG when it cut one off. */
int http_response_end(struct http_response *response) must_check;

/* Of the head, from on_head until the next reset. */
unsigned http_response_status(const struct http_response *response);
struct span
http_response_header(const struct http_response *response,
                     struct span name); /* lower case; null if absent or more than one */
bool http_response_keep_alive(
    const struct http_response *response); /* may the connection be used again */
bool http_response_started(const struct http_response *response); /* any byte of an answer came */
