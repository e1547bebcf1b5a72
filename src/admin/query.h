/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a target behind '?': "name=value&name=value" with %XX escapes. Any thread.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* All names must be among `names`, each at most once: 0, or -EINVAL with *err. A null query has none. */
int query_check(struct span query, const char *const *names, size_t names_count,
                struct err *err) must_check;

/* The value behind `name`, escapes undone, into `value`: 1, 0 when there is none (or an empty one),
 * -EINVAL for a broken escape or a byte 0, -ENOSPC or -ENOMEM of the buffer. */
int query_get(struct span query, struct span name, struct buf *value) must_check;
