/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body, read: for tests of what follows from it. */
#pragma once

#include "ask.h"

/* `body` at most 8 KB. What ask_read() returns; *ret_ask only when that is 0. */
static inline int ask_of(const char *body, enum ask_kind kind, const struct preset *preset,
                         struct ask *ret_ask, struct err *err)
{
    static char padded[8192 + JSON_PADDING];
    struct json_parser *parser = json_parser_new(8192, ASK_DEPTH_MAX);
    size_t len = strlen(body);
    check(parser && len <= 8192);
    memcpy(padded, body, len);
    int r = ask_read(parser, kind, span_of(padded, len), preset, ret_ask, err);
    json_parser_free(parser);
    return r;
}
