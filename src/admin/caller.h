/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to the admin API or to the metrics page: bytes in, one request after the other, bytes out.
 *
 *   READ ──whole request──▶ BUSY ──caller_answer()──▶ WRITE ──all written──▶ READ
 *     └──refused────────────▶┘                          └──not to be kept──▶ CLOSING ──▶ CLOSED
 *
 *   state    what holds                                              deadline
 *   READ     no request, or part of one                              CALLER_READ_MS
 *   BUSY     one request; exactly one caller_answer() will come      none
 *   WRITE    the answer is not all written                           CALLER_WRITE_MS
 *   CLOSING  FIN sent; input is thrown away                          CALLER_LINGER_MS
 *   CLOSED   no socket; the struct waits for the answer that BUSY owes, then goes
 *
 * A caller that hangs up does not stop what it asked for: a key that is being made is made.
 */
#pragma once

#include "http/request.h"
#include "loop/sock.h"

#define CALLER_READ_MS 30000U
#define CALLER_WRITE_MS 30000U
#define CALLER_LINGER_MS 2000U

struct admin;
struct caller;

enum caller_kind { CALLER_API, CALLER_METRICS };

/* Takes over the socket; closes it when there is no room. */
void caller_accept(struct admin *admin, enum caller_kind kind, struct sock *sock);
/* The admin goes: closes every connection. Callers that wait for a job stay until it is done. */
void caller_close_all(struct admin *admin);

enum caller_kind caller_kind(const struct caller *caller);
/* NULL once the admin is gone. */
struct admin *caller_admin(const struct caller *caller);
/* The request; its spans live until the handler returns. */
struct http_request *caller_request(struct caller *caller);

/* Ends a request that is BUSY, also one whose caller has gone. `caller` may be gone afterwards. */
void caller_answer(struct caller *caller, unsigned status, struct span type, struct span body);
void caller_answer_json(struct caller *caller, unsigned status, struct span json);
/* 200 with what was built, or 503 where there was no memory for it; releases the buffer. */
void caller_answer_built(struct caller *caller, struct buf *json);
void caller_answer_error(struct caller *caller, unsigned status, const char *format, ...)
    printf_like(3, 4);
/* 405; `allow` is the list of methods. */
void caller_answer_method(struct caller *caller, struct span allow);
