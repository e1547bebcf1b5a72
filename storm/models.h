/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which model to ask for: the first that GET /v1/models names. Blocks, for five seconds at most; also tells, before anything
 * else is sent, that nobody is there.
 */
#pragma once

#include "base/err.h"
#include "storm/target.h"

#define MODELS_NAME_BYTES 256

/* `key` and `header` (one more line, without its end) may be null. 0, or -errno with *err. */
int models_first(const struct target *target, struct span key, struct span header,
                 char ret_name[MODELS_NAME_BYTES], struct err *err) must_check;
/* The same from the answer's body; a name that would need escapes in JSON is refused. 0 or -EINVAL. */
int models_read(struct span body, char ret_name[MODELS_NAME_BYTES]) must_check;
