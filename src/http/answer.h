/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers: heads of answers to clients and of requests to engines. Only what is written here leaves
 * the door; no header is ever forwarded as bytes. Values are checked: a CR, LF or NUL in one is our
 * mistake or an attack and fails the buffer with -EINVAL. Any thread.
 */
#pragma once

#include "base/buf.h"

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

/* "HTTP/1.1 200 OK\r\n", then Date; `date` is a TEXT_HTTP_DATE text that the worker renews each
 * second. */
void http_answer_start(struct buf *buf, unsigned status, struct span date);
void http_answer_header(struct buf *buf, struct span name, struct span value);
/* Content-Length or Transfer-Encoding, Connection when the connection closes, and the blank
 * line. */
void http_answer_end(struct buf *buf, enum http_body_kind kind, uint64_t length, bool keep_alive);

/* One chunk around `bytes` (RFC 9112, 7.1); nothing for empty bytes. */
void http_chunk(struct buf *buf, struct span bytes);
/* The hexadecimal head of a chunk of `len` bytes with its CRLF into `ret_head` (room for 20);
 * returns its length. */
size_t http_chunk_head(uint64_t len, char ret_head[20]);
#define HTTP_CHUNK_END SPAN("\r\n")
#define HTTP_LAST_CHUNK SPAN("0\r\n\r\n")

void http_ask_start(struct buf *buf, struct span method, struct span target, struct span host);
void http_ask_header(struct buf *buf, struct span name, struct span value);
void http_ask_end(struct buf *buf, uint64_t content_length, bool has_body);

/* The reason phrase of a status; "" when unknown. */
struct span http_status_text(unsigned status);
