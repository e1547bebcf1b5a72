/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of texts in a configuration: addresses, URLs, origins, names. Nothing is looked up. Any
 * thread.
 */
#pragma once

#include "base/buf.h"

struct form_url {
    bool tls;
    struct span host;   /* without brackets */
    struct span port;   /* null when not given */
    struct span prefix; /* "" or "/…" without a slash at the end and without the API's own "/v1" */
};

/* "http[s]://host[:port][/prefix]". NULL and *ret_url (its spans point into `text`), or what is
 * wrong with it, in words that do not show the text: it may hold a password. */
const char *form_url(struct span text, struct form_url *ret_url) must_check;

/* Writes it with scheme and host in lower case. */
void form_url_write(struct buf *buf, const struct form_url *url);

/* Loopback, private and link-local addresses, and names that only a private network has. A guess
 * by the name alone. */
bool form_host_is_private(struct span host);
bool form_host_is_loopback(struct span host);

/* "host:port" of literal addresses, ":port", "port" or "unix:/path". Port 0 lets the kernel
 * choose. On success *ret_host is what stands in front of the port, with brackets; null for
 * "unix:". */
bool form_listen(struct span text, struct span *ret_host);

/* As a browser writes it (RFC 6454, section 6.2), or "*". */
bool form_origin(struct span text);

bool form_name(struct span text);  /* of a pool */
bool form_model(struct span text); /* of a model, ours or the engine's */
bool form_text(struct span text);  /* for people: valid UTF-8 without control characters, on one line */
bool form_field(struct span text); /* of a JSON object's field */
bool form_user(struct span text);  /* of an account */
bool form_log(struct span text);   /* a relative path without "..", "-" or "off" */
bool form_env(struct span text);   /* of an environment variable */
