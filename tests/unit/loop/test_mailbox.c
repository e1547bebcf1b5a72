/* SPDX-License-Identifier: Apache-2.0 */
#include "loop_test.h"

#include "base/alloc.h"
#include "loop/mailbox.h"

#include <pthread.h>
#include <sched.h>

enum { POSTERS = 4, MESSAGES_EACH = 5000 };

static struct loop *loop;
static struct mailbox *mailbox;
static uintptr_t read_last[POSTERS];
static size_t read_count;
static size_t drop_count;

static void on_message(void *arg, void *message)
{
    assert_ptr_equal(arg, &read_count);
    uintptr_t value = (uintptr_t)message;
    size_t poster = value % POSTERS;
    assert_true(value / POSTERS > read_last[poster]);
    read_last[poster] = value / POSTERS;
    read_count++;
}

static void *message_of(size_t poster, size_t number)
{
    return (void *)(uintptr_t)(number * POSTERS + poster);
}

static void on_drop(void *message)
{
    assert_non_null(message);
    drop_count++;
}

static int set_up(void **state)
{
    (void)state;
    memset(read_last, 0, sizeof(read_last));
    read_count = drop_count = 0;
    loop = loop_new();
    mailbox = mailbox_new(loop, 8, on_message, &read_count);
    return loop && mailbox ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mem_fail_never();
    mailbox_free(TAKE(mailbox), NULL);
    loop_free(TAKE(loop));
    return 0;
}

static void arrives_in_order(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 8; i++)
        assert_int_equal(mailbox_post(mailbox, message_of(1, i)), 0);
    assert_int_equal(read_count, 0);
    turn_until(loop, read_count == 8);
    assert_int_equal(read_last[1], 8);
    assert_waits(loop);
}

static void refuses_when_full(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 8; i++)
        assert_int_equal(mailbox_post(mailbox, message_of(0, i)), 0);
    assert_int_equal(mailbox_post(mailbox, message_of(0, 9)), -ENOSPC);
    turn_until(loop, read_count == 8);
    assert_int_equal(mailbox_post(mailbox, message_of(0, 10)), 0);
    turn_until(loop, read_count == 9);
}

static void *post_many(void *arg)
{
    size_t poster = (size_t)(uintptr_t)arg;
    for (size_t i = 1; i <= MESSAGES_EACH; i++)
        while (mailbox_post(mailbox, message_of(poster, i)) < 0)
            sched_yield();
    return NULL;
}

static void many_threads_lose_nothing(void **state)
{
    (void)state;
    mailbox_free(mailbox, NULL);
    mailbox = mailbox_new(loop, 600, on_message, &read_count);
    pthread_t threads[POSTERS];
    for (size_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, (void *)(uintptr_t)i), 0);
    turn_until(loop, read_count == POSTERS * MESSAGES_EACH);
    for (size_t i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(read_last[i], MESSAGES_EACH);
    }
}

static void a_full_turn_leaves_the_rest_for_the_next(void **state)
{
    (void)state;
    mailbox_free(mailbox, NULL);
    mailbox = mailbox_new(loop, 1000, on_message, &read_count);
    for (size_t i = 1; i <= 1000; i++)
        assert_int_equal(mailbox_post(mailbox, message_of(2, i)), 0);
    turn(loop);
    assert_in_range(read_count, 1, 999);
    turn_until(loop, read_count == 1000);
}

static void freeing_drops_what_is_unread(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 5; i++)
        assert_int_equal(mailbox_post(mailbox, message_of(0, i)), 0);
    mailbox_free(TAKE(mailbox), on_drop);
    turn_idle(loop);
    assert_int_equal(drop_count, 5);
    assert_int_equal(read_count, 0);
}

static void on_message_free(void *arg, void *message)
{
    (void)arg;
    (void)message;
    read_count++;
    mailbox_free(TAKE(mailbox), on_drop);
}

static void may_be_freed_in_its_callback(void **state)
{
    (void)state;
    mailbox_free(mailbox, NULL);
    mailbox = mailbox_new(loop, 8, on_message_free, NULL);
    for (size_t i = 1; i <= 4; i++)
        assert_int_equal(mailbox_post(mailbox, message_of(0, i)), 0);
    turn_until(loop, read_count > 0);
    turn_idle(loop);
    assert_int_equal(read_count, 1);
    assert_int_equal(drop_count, 3);
}

static void outlives_the_loop(void **state)
{
    (void)state;
    assert_int_equal(mailbox_post(mailbox, message_of(0, 1)), 0);
    loop_free(TAKE(loop));
    assert_int_equal(mailbox_post(mailbox, message_of(0, 2)), 0);
    mailbox_free(TAKE(mailbox), on_drop);
    assert_int_equal(drop_count, 2);
    mailbox_free(NULL, on_drop);
}

static void new_without_memory_is_null(void **state)
{
    (void)state;
    mem_fail_after(0);
    assert_null(mailbox_new(loop, 8, on_message, NULL));
    mem_fail_never();
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(arrives_in_order),
        case_of(refuses_when_full),
        case_of(many_threads_lose_nothing),
        case_of(a_full_turn_leaves_the_rest_for_the_next),
        case_of(freeing_drops_what_is_unread),
        case_of(may_be_freed_in_its_callback),
        case_of(outlives_the_loop),
        case_of(new_without_memory_is_null),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
