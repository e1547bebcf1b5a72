/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of API keys, one a line; empty lines and lines that begin with '#' are passed over. The texts are wiped when they
 * go. One thread.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define KEYS_FILE_BYTES_MAX (64U << 20)
#define KEYS_BYTES_MAX 512 /* of one key */

struct keys {
    struct buf text;
    struct span *list; /* into `text` */
    size_t count;
};

/* 0, -EINVAL (a line is no key, or there is none), or what reading gave, with *err. Release it in any case. */
int keys_load(const char *path, struct keys *ret_keys, struct err *err) must_check;
/* The same from what is in `keys->text`; `name` stands in front of errors. */
int keys_read(struct keys *keys, const char *name, struct err *err) must_check;
void keys_release(struct keys *keys);
