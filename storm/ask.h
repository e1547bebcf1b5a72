/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one request: a chat completion as a client library would ask for it.
 *
 * Pure. Any thread.
 */
#pragma once

#include "base/err.h"
#include "storm/offers.h"
#include "storm/prompt.h"

#define ASK_HEADER_BYTES_MAX 4096

struct ask {
    const char *host, *prefix, *model;
    const struct scenario *scenario;
    const struct scenario_group *group;
    const struct offer *offer;
    struct span key;    /* null: no Authorization */
    struct span header; /* one more line of the head, without its end; null: none */
    uint64_t text_seed; /* of the prompt */
};

/* May this be one more line of the head: "Name: value", of printable characters, and none that is written anyway? With `keys`,
 * Authorization is. 0 or -EINVAL with *err. */
int ask_check_header(struct span line, bool keys, struct err *err) must_check;

/* Appends head and body; *ret_head_bytes is where the body begins. Failures are the buffer's. */
void ask_write(const struct ask *ask, const struct prompt_text *text, struct buf *buf,
               size_t *ret_head_bytes);
