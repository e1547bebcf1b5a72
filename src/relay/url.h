/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address of a model's server as an operator writes it: http[s]://host[:port][/prefix].
 *
 * Every other part of a URL is refused: a user name would end up in logs, a query or fragment means
 * nothing here. An IPv6 address stands in brackets and has no zone. A prefix that ends in /v1 loses
 * it, because the paths that are asked for begin with it: "https://api.example.com/v1" and
 * "https://api.example.com" are the same server. Any thread.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define URL_HOST_MAX 253
#define URL_PREFIX_MAX 255

struct url {
    bool tls;
    bool host_is_address; /* numeric: no name to resolve, no SNI */
    uint16_t port;
    char host[URL_HOST_MAX + 1]; /* without brackets, lower case */
    char port_text[6];
    char authority[URL_HOST_MAX + 9]; /* for Host: brackets and a port that is not the scheme's */
    char prefix[URL_PREFIX_MAX + 1];  /* "" or "/…" without a slash at its end */
};

/* 0, or -EINVAL with *err; then *ret_url is not to be used. */
int url_parse(struct span text, struct url *ret_url, struct err *err) must_check;
