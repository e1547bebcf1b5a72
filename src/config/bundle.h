/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle: all that makes a configuration, in one piece of memory, so that who parses it needs
 * no file and no environment.
 *
 *     {"path":"seawall.yaml","text":"…","facts":{"port":"8081"},"warnings":"…",
 *      "secrets":[{"kind":"key_file","name":"keys/a","bytes":51}]}⏎
 *     the secrets' bytes, one behind the other
 *
 * The bytes stand behind the JSON and not in it: so they reach no JSON library, which would leave
 * copies of them in memory it gives back, and need no escapes. One thread.
 */
#pragma once

#include "config/config.h"
#include "config/secret.h"

#include <jansson.h>

struct bundle_secret {
    struct span kind, name, bytes;
    struct span kept; /* the configuration's own copy, made by parse.c when it is first asked for */
};

struct bundle {
    json_t *head; /* holds all texts but the secrets */
    const char *path;
    struct span text;
    struct span warnings;                                         /* a line each */
    struct span port, upstream_url, embedded_url, embedded_model; /* null: not given */
    struct bundle_secret *secrets;
    size_t secrets_count;
};

/* Appends to `buf` in one allocation. 0, -ENOSPC or -ENOMEM. */
int bundle_write(struct buf *buf, const char *path, struct span text, struct span warnings,
                 const struct config_facts *facts, const struct secrets *secrets) must_check;

/* `bytes` must stay until the release. 0, -EINVAL or -ENOMEM with *err. */
int bundle_open(struct bundle *bundle, struct span bytes, struct err *err) must_check;
void bundle_release(struct bundle *bundle);

/* NULL when the bundle has no such secret. */
struct bundle_secret *bundle_find(struct bundle *bundle, enum secret_kind kind, struct span name);
