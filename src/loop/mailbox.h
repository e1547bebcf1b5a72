/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to a loop from other threads, and work for helper threads that answers by message.
 *
 * A mailbox is bounded; posting never blocks. Messages arrive in the order of posting, on the loop's thread.
 */
#pragma once

#include "loop/loop.h"

struct mailbox;

/* `fn(arg, message)` runs on the loop's thread and takes over the message. NULL when out of memory. */
struct mailbox *mailbox_new(struct loop *loop, size_t messages_max, void (*fn)(void *arg, void *message),
                            void *arg) must_check;
/* On the loop's thread (also in `fn`), or after loop_free(); messages not yet read go to `drop` (may be NULL). Nobody may
 * post any more. Accepts NULL. */
void mailbox_free(struct mailbox *mailbox, void (*drop)(void *message));
/* Any thread. 0, or -ENOSPC: the message, which is not NULL, stays the caller's. */
int mailbox_post(struct mailbox *mailbox, void *message) must_check;

/*
 * A helper: one thread with a bounded queue of jobs, for what may block (database, disk).
 * `work(job)` runs on the helper; then `done(job)` runs on the loop that was named at helper_new().
 */
struct helper;

struct job {
    void (*work)(struct job *job);
    void (*done)(struct job *job); /* may be NULL: then nobody is told */
};

/* `name` is a literal of at most 15 bytes. NULL when out of memory or threads. */
struct helper *helper_new(struct loop *loop, const char *name, size_t jobs_max) must_check;
/* Any thread. 0, or -ENOSPC: the job stays the caller's. A job counts against `jobs_max` until its `done` is called. */
int helper_run(struct helper *helper, struct job *job) must_check;
/* Finishes the queued jobs, joins the thread, runs the outstanding `done`. Blocks: only while shutting down. On the
 * loop's thread or after loop_free(). Accepts NULL. */
void helper_free(struct helper *helper);
