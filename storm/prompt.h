/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of prompts: plain words, as many bytes as asked for, the same for the same seed.
 *
 * Two prompts of different seeds differ from their first word on, so that no prefix cache helps; what follows is a piece of
 * one long text, begun at a word that the seed chooses. Copying costs no time that counts even for long prompts. Every byte
 * may stand in a JSON string as it is. Any thread may look.
 */
#pragma once

#include "base/buf.h"

#define PROMPT_BYTES_MAX (16U << 20)

struct prompt_text {
    char *bytes;
};

/* 0 or -ENOMEM. Release it in any case. */
int prompt_text_init(struct prompt_text *text, uint64_t seed) must_check;
void prompt_text_release(struct prompt_text *text);

/* Appends exactly `bytes` bytes, at most PROMPT_BYTES_MAX. Failures are the buffer's. */
void prompt_write(const struct prompt_text *text, uint64_t seed, size_t bytes, struct buf *buf);
