/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in the making: read once each from files and environment, kept until the bundle is
 * written, then wiped. Only the supervisor and `seawall check` come here. One thread.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define SECRETS_MAX 1024             /* different ones of one configuration */
#define SECRETS_BYTES_MAX (4u << 20) /* all together */
#define SECRET_KEY_BYTES_MAX 512     /* an API key must fit into a request's head */
#define SECRET_CALLED_BYTES 128      /* of a longer path its end is shown */

enum secret_kind { SECRET_KEY_FILE, SECRET_KEY_ENV, SECRET_CA_FILE, SECRET_FACT };

struct secret {
    enum secret_kind kind;
    char *name; /* as the configuration writes it */
    char called
        [SECRET_CALLED_BYTES]; /* in words for people: "'/etc/seawall/a.key'", or "the file" */
    char *bytes;               /* `size` allocated */
    size_t len, size;
    bool readable_by_all; /* the file it came from */
};

struct secrets {
    struct secret *items;
    size_t count, bytes;
};

/* Reads one, unless it is there already. `folder`: what a relative file name is relative to;
 * NULL is the current one. 0 or -errno with *err, in words that never show the secret, and its
 * name only where it must be one, since people paste keys where names belong: of a file that is
 * there, that lies in a folder that is there, or that ends like ".key"; of a variable in capitals
 * with a '_'. *ret_secret is valid until the next call. */
int secrets_read(struct secrets *secrets, enum secret_kind kind, struct span name,
                 const char *folder, const struct secret **ret_secret, struct err *err) must_check;

/* Adds one that is known already. 0, -EINVAL, -ENOSPC or -ENOMEM. */
int secrets_add(struct secrets *secrets, enum secret_kind kind, const char *name, struct span bytes,
                struct err *err) must_check;

void secrets_release(struct secrets *secrets);

/* "key file", as the bundle calls it. */
const char *secret_kind_name(enum secret_kind kind);
