/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, a ring of jobs, and a mailbox for the way back. A job counts from helper_run() until its `done` has
 * begun, and the mailbox has room for all that count: the way back never is full.
 */
#include "loop/mailbox.h"

#include "base/alloc.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

struct helper {
    const char *name;
    pthread_t thread;
    struct mailbox *finished;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping;
    size_t jobs; /* waiting, at work, or on the way back */
    size_t first, waiting, size;
    struct job *ring[];
};

static void helper_forget(struct helper *helper)
{
    pthread_mutex_lock(&helper->lock);
    helper->jobs--;
    pthread_mutex_unlock(&helper->lock);
}

/* NULL when the helper is to end and nothing waits. */
static struct job *helper_next(struct helper *helper)
{
    struct job *job = NULL;
    pthread_mutex_lock(&helper->lock);
    while (helper->waiting == 0 && !helper->stopping)
        pthread_cond_wait(&helper->wake, &helper->lock);
    if (helper->waiting > 0) {
        job = helper->ring[helper->first];
        helper->first = (helper->first + 1) % helper->size;
        helper->waiting--;
    }
    pthread_mutex_unlock(&helper->lock);
    return job;
}

static void *helper_main(void *arg)
{
    struct helper *helper = arg;
    (void)prctl(PR_SET_NAME, helper->name); /* by the thread itself: a sandbox leaves no other way */
    struct job *job;
    while ((job = helper_next(helper))) {
        bool told = job->done != NULL; /* without `done` the job may be gone after its work */
        job->work(job);
        if (told)
            check(mailbox_post(helper->finished, job) == 0);
        else
            helper_forget(helper);
    }
    return NULL;
}

static void helper_on_finished(void *arg, void *message)
{
    struct job *job = message;
    helper_forget(arg);
    job->done(job);
}

/* Signals belong to the threads that have a loop. */
static int helper_start(struct helper *helper)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&helper->thread, NULL, helper_main, helper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

static void helper_release(struct helper *helper)
{
    pthread_cond_destroy(&helper->wake);
    pthread_mutex_destroy(&helper->lock);
    mem_free(helper);
}

struct helper *helper_new(struct loop *loop, const char *name, size_t jobs_max)
{
    check(jobs_max > 0 && jobs_max <= SIZE_MAX / 2 / sizeof(struct job *));
    struct helper *helper = mem_zalloc(sizeof(*helper) + jobs_max * sizeof(struct job *));
    if (!helper)
        return NULL;
    check(pthread_mutex_init(&helper->lock, NULL) == 0);
    check(pthread_cond_init(&helper->wake, NULL) == 0);
    helper->size = jobs_max;
    helper->name = name;
    helper->finished = mailbox_new(loop, jobs_max, helper_on_finished, helper);
    if (!helper->finished || helper_start(helper) != 0) {
        mailbox_free(helper->finished, NULL);
        helper_release(helper);
        return NULL;
    }
    return helper;
}

int helper_run(struct helper *helper, struct job *job)
{
    int r = 0;
    pthread_mutex_lock(&helper->lock);
    if (helper->stopping || helper->jobs == helper->size) {
        r = -ENOSPC;
    } else {
        helper->jobs++;
        helper->ring[(helper->first + helper->waiting++) % helper->size] = job;
        pthread_cond_signal(&helper->wake);
    }
    pthread_mutex_unlock(&helper->lock);
    return r;
}

static void call_done(void *message)
{
    struct job *job = message;
    job->done(job);
}

void helper_free(struct helper *helper)
{
    if (!helper)
        return;
    pthread_mutex_lock(&helper->lock);
    helper->stopping = true;
    pthread_cond_signal(&helper->wake);
    pthread_mutex_unlock(&helper->lock);
    check(pthread_join(helper->thread, NULL) == 0);
    mailbox_free(helper->finished, call_done);
    helper_release(helper);
}
