/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few numbers in a mapped file that outlive the process: what each worker has charged so far, and how many calls are under way. Since the kernel keeps the pages
 * of a process that was killed, the next start knows to the token what had not reached the database. (Power loss may take more; then the numbers
 * in the file are older and the loss is told as "at least".)
 */
#pragma once

#include "base/err.h"

#define TALLY_WORKERS_MAX 256

struct tally_slot { /* written by one worker, relaxed atomics */
    uint64_t requests, prompt_tokens, completion_tokens; /* charged since the file was made */
    uint64_t calls_begun, calls_ended;
    uint64_t unused[3]; /* a cache line each */
};

struct tally;

/* Maps the file, making it when missing; a file of another form or size is set aside as `path`.bad. NULL with *err. */
struct tally *tally_open(const char *path, struct err *err) must_check;
void tally_close(struct tally *tally);
struct tally_slot *tally_slot(struct tally *tally, uint32_t worker);
/* Sum of all slots. */
void tally_sum(const struct tally *tally, struct tally_slot *ret_sum);
