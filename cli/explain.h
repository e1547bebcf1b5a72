/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the access log (docs/access-log.md) in words: who asked for what, at which price, in which class and why, how many waited before it, what it used, how it
 * ended and what that means, and when each of it happened. Pure.
 */
#pragma once

#include "base/buf.h"

#include <jansson.h>

/* `key_name` may be NULL. What the line does not say is left out. Failures are the buffer's. */
void explain_write(const json_t *line, const char *key_name, struct buf *text);
