/* SPDX-License-Identifier: Apache-2.0 */
#include "loop_test.h"

#include "base/alloc.h"
#include "loop/mailbox.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

static struct loop *loop;
static struct helper *helper;
static sem_t gate; /* a job that waits here keeps the helper busy */
static sem_t began;
static pthread_t loop_thread;
static int done_count;

struct task {
    struct job job;
    bool waits;
    bool worked;
    bool done;
    bool signals_blocked;
    char thread_name[16];
    int order;
};

static int work_order;

static void on_work(struct job *job)
{
    struct task *task = container_of(job, struct task, job);
    sem_post(&began);
    if (task->waits)
        sem_wait(&gate);
    assert_false(pthread_equal(pthread_self(), loop_thread));
    pthread_getname_np(pthread_self(), task->thread_name, sizeof(task->thread_name));
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    task->signals_blocked = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD);
    task->order = ++work_order;
    task->worked = true;
}

static void on_done(struct job *job)
{
    struct task *task = container_of(job, struct task, job);
    assert_true(pthread_equal(pthread_self(), loop_thread));
    assert_true(task->worked);
    task->done = true;
    done_count++;
}

static struct task task_new(bool waits)
{
    return (struct task){.job = {on_work, on_done}, .waits = waits};
}

static int set_up(void **state)
{
    (void)state;
    done_count = work_order = 0;
    loop_thread = pthread_self();
    sem_init(&gate, 0, 0);
    sem_init(&began, 0, 0);
    loop = loop_new();
    helper = helper_new(loop, "store", 3);
    return loop && helper ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mem_fail_never();
    helper_free(TAKE(helper));
    loop_free(TAKE(loop));
    return 0;
}

static void works_elsewhere_and_tells_here(void **state)
{
    (void)state;
    struct task first = task_new(false), second = task_new(false);
    assert_int_equal(helper_run(helper, &first.job), 0);
    assert_int_equal(helper_run(helper, &second.job), 0);
    turn_until(loop, done_count == 2);
    assert_string_equal(first.thread_name, "store");
    assert_true(first.signals_blocked);
    assert_int_equal(first.order, 1);
    assert_int_equal(second.order, 2);
}

/* Also a job whose `done` was not called yet holds its place: the way back has room for all. */
static void refuses_when_full(void **state)
{
    (void)state;
    struct task tasks[3] = {task_new(true), task_new(false), task_new(false)};
    struct task late = task_new(false);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(helper_run(helper, &tasks[i].job), 0);
    assert_int_equal(helper_run(helper, &late.job), -ENOSPC);
    sem_post(&gate);
    for (size_t i = 0; i < 3; i++)
        sem_wait(&began);
    assert_int_equal(helper_run(helper, &late.job), -ENOSPC);
    turn_until(loop, done_count == 3);
    assert_int_equal(helper_run(helper, &late.job), 0);
    turn_until(loop, done_count == 4);
}

static void on_work_free(struct job *job)
{
    mem_free(job);
    sem_post(&began);
}

static void without_done_nobody_is_told(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct job *job = mem_alloc(sizeof(*job));
        *job = (struct job){on_work_free, NULL};
        while (helper_run(helper, job) < 0)
            sched_yield();
        sem_wait(&began);
    }
    turn_idle(loop);
    assert_int_equal(done_count, 0);
}

static void freeing_finishes_everything(void **state)
{
    (void)state;
    struct task tasks[3] = {task_new(true), task_new(false), task_new(false)};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(helper_run(helper, &tasks[i].job), 0);
    sem_post(&gate);
    helper_free(TAKE(helper));
    for (size_t i = 0; i < 3; i++)
        assert_true(tasks[i].done);
    turn_idle(loop);
    assert_int_equal(done_count, 3);
}

static void outlives_the_loop(void **state)
{
    (void)state;
    struct task task = task_new(true);
    assert_int_equal(helper_run(helper, &task.job), 0);
    loop_free(TAKE(loop));
    sem_post(&gate);
    helper_free(TAKE(helper));
    assert_true(task.done);
    helper_free(NULL);
}

static void new_without_memory_is_null(void **state)
{
    (void)state;
    for (uint64_t successes = 0; successes < 2; successes++) {
        mem_fail_after(successes);
        assert_null(helper_new(loop, "x", 3));
        mem_fail_never();
    }
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(works_elsewhere_and_tells_here),
        case_of(refuses_when_full),
        case_of(without_done_nobody_is_told),
        case_of(freeing_finishes_everything),
        case_of(outlives_the_loop),
        case_of(new_without_memory_is_null),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
