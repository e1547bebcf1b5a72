/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few numbers in a mapped file that outlive the process: what each worker has charged so far, and how many calls are under way. Since the kernel keeps the pages
 * of a process that was killed, the next start knows to the token what had not reached the database. (Power loss may take more; then the numbers
 * in the file are older and the loss is told as "at least".)
 *
 * One living process to a file: it holds a lock on it. While a new gateway takes over, the old one still has the first file and the new one takes the second, so
 * files have numbers: "ledger.tally", "ledger.tally.1" and so on.
 */
#pragma once

#include "base/err.h"

#define TALLY_WORKERS_MAX 256
#define TALLY_FILES_MAX 4 /* gateways alive at the same time */

struct tally_slot { /* written by one worker, relaxed atomics */
    uint64_t requests, prompt_tokens, completion_tokens; /* of requests whose call began, since the file was made */
    uint64_t calls_begun, calls_ended;
    uint64_t unused[3]; /* a cache line each */
};

struct tally;

/*
 * Locks and maps the file `path` (number 0) or `path`.NUMBER, making it when missing if `make`; a file of another form or size is set aside as
 * `path`.bad. 0; -ENOENT when there is none and none is to be made; -EBUSY when a living process has it; or another -errno with *err.
 */
int tally_open(const char *path, uint32_t number, bool make, struct tally **ret_tally, struct err *err) must_check;
/* The same numbers in memory only, for when the disk gives no file: a crash of this life cannot be told. NULL when out of memory. */
struct tally *tally_anonymous(void) must_check;
void tally_close(struct tally *tally);

struct tally_slot *tally_slot(struct tally *tally, uint32_t worker);
/* Adds `n` to a number of a slot; by the slot's worker only. */
#define TALLY_ADD(slot, field, n) __atomic_store_n(&(slot)->field, (slot)->field + (n), __ATOMIC_RELAXED)
/* Sum of all slots. */
void tally_sum(const struct tally *tally, struct tally_slot *ret_sum);

/* No call is under way any more; before the first worker starts. */
void tally_end_calls(struct tally *tally);

/* When the machine was started, as the process saw it that last used the file: seconds since 1970; 0: unknown. */
uint64_t tally_booted_s(const struct tally *tally);
void tally_set_booted_s(struct tally *tally, uint64_t booted_s);
