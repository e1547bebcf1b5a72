/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A piece of work for the store thread that may outlive the admin and the caller who waits for it.
 *
 * A struct work is the first member of whatever the job needs. on_helper() runs on the store thread and touches nothing
 * but its own struct and the store; on_done() runs on the control thread, always, and frees it. By then
 * the admin may be gone: `admin` is NULL.
 */
#pragma once

#include "base/list.h"
#include "loop/mailbox.h"

struct admin;
struct caller;

struct work {
    struct job job;
    struct list link; /* of admin->works */
    struct admin *admin;
    struct caller *caller; /* who waits for an answer, or NULL */
    void (*on_helper)(struct work *work);
    void (*on_done)(struct work *work);
};

/* 0, or -ENOSPC when the store thread has too much to do: then on_done() does not come. `caller` may be NULL. */
int work_start(struct work *work, struct admin *admin, struct caller *caller) must_check;
/* The admin goes: what still runs loses it. */
void work_orphan_all(struct admin *admin);
