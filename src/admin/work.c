/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/work.h"

#include "admin/admin_internal.h"

static void run(struct job *job)
{
    struct work *work = container_of(job, struct work, job);
    work->on_helper(work);
}

static void done(struct job *job)
{
    struct work *work = container_of(job, struct work, job);
    list_remove(&work->link);
    work->on_done(work);
}

int work_start(struct work *work, struct admin *admin, struct caller *caller)
{
    work->job = (struct job){run, done};
    work->admin = admin;
    work->caller = caller;
    list_push_back(&admin->works, &work->link);
    int result = helper_run(admin->helper, &work->job);
    if (result < 0)
        list_remove(&work->link);
    return result;
}

void work_orphan_all(struct admin *admin)
{
    struct list *link;
    while ((link = list_first(&admin->works))) {
        list_entry(link, struct work, link)->admin = NULL;
        list_remove(link);
    }
}
