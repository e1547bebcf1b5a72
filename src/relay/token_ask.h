/* SPDX-License-Identifier: Apache-2.0 */
/* The chat that the checks ask a backend for themselves: one short message, a stream of a few tokens. Pure. */
#pragma once

#include "base/buf.h"
#include "relay/relay.h"

struct token_ask {
    const char *model; /* as the engine calls it */
    struct span text;  /* what the user says; without quotes or control characters */
    uint32_t tokens_max;
    bool ignore_end; /* `ignore_eos`, for engines that know it: they go on to tokens_max */
};

/* Writes the body into `buf`, behind the headroom, and *ret_ask, whose body stays the buffer's. `buf` is empty, with a maximum. 0, -ENOSPC or -ENOMEM. */
int token_ask_write(const struct token_ask *ask, struct buf *buf,
                    struct relay_ask *ret_ask) must_check;
/* Has this event of the answer a choice in it? The last one of some engines has none. */
bool token_event(struct span data);
