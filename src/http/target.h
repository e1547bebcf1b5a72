/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request line (RFC 9112, section 3): method, target, version; and what a Host may be. For
 * request.c only.
 */
#pragma once

#include "http/head.h"
#include "http/request.h"

struct request_line {
    enum http_method method;
    bool is_1_0;
    bool has_query;
    struct head_piece method_text;
    struct head_piece authority; /* of an absolute target; empty otherwise */
    struct head_piece path;      /* empty: an absolute target without one, which means "/" */
    struct head_piece query;
};

/* `line` without its end. REASON_OK, or why not; with BAD_HTTP *ret_fault, a constant for people. */
enum reason request_line_read(struct span line, struct request_line *ret_line,
                              const char **ret_fault);

/* A name, an IPv4 address or an IPv6 address in brackets, with or without a port. No user, no
 * escapes, no zone: no client of ours sends them, and hosts that readers understand differently
 * are a way around rules. */
bool target_is_host(struct span host);
