/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one request: a chat completion as a client library would ask for it.
 *
 * Pure. Any thread.
 */
#pragma once

#include "storm/offers.h"
#include "storm/prompt.h"

struct ask {
    const char *host, *prefix, *model;
    const struct scenario *scenario;
    const struct scenario_group *group;
    const struct offer *offer;
    struct span key;    /* null: no Authorization */
    uint64_t text_seed; /* of the prompt */
};

/* Appends head and body; *ret_head_bytes is where the body begins. Failures are the buffer's. */
void ask_write(const struct ask *ask, const struct prompt_text *text, struct buf *buf,
               size_t *ret_head_bytes);
