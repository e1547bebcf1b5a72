/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a message's body ends and whether its connection goes on: Content-Length,
 * Transfer-Encoding, Connection. One reading for requests and responses, since a doubt here is how
 * requests are smuggled. For request.c and response.c only.
 */
#pragma once

#include "http/head.h"

struct framing {
    bool has_length;
    bool chunked;
    bool close;      /* Connection: close */
    uint64_t length; /* when has_length */
};

/* 0, or -EBADMSG with *ret_fault: what is wrong, a constant for people. */
int framing_read(const struct head *head, const char *bytes, struct framing *ret_framing,
                 const char **ret_fault) must_check;
