/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admit/fair_nodes.h"
#include "base/alloc.h"

static struct fair_queue *queue;
static const struct fair_place here = {FAIR_UNKNOWN, 7, 70}, beside = {FAIR_UNKNOWN, 7, 71}, other_class = {FAIR_PAID, 7, 70};

static int begin(void **state)
{
    (void)state;
    const struct fair_limits limits = {.waiting_max = 16, .per_identity_max = 4, .weights = {8, 2, 1}};
    queue = fair_queue_new(&limits);
    return queue ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    fair_queue_free(queue);
    return 0;
}

static void a_place_is_found_once_it_was_made(void **state)
{
    (void)state;
    assert_null(fair_node_find(queue, &here, LEVEL_IDENTITY));
    struct fair_node *leaf = fair_node_make(queue, &here);
    assert_non_null(leaf);
    assert_ptr_equal(fair_node_make(queue, &here), leaf);
    assert_ptr_equal(fair_node_find(queue, &here, LEVEL_IDENTITY), leaf);
    assert_ptr_equal(fair_node_find(queue, &beside, LEVEL_NETWORK), leaf->parent);
    assert_null(fair_node_find(queue, &beside, LEVEL_IDENTITY));
    assert_null(fair_node_find(queue, &other_class, LEVEL_NETWORK));
    assert_int_equal(fair_queue_nodes(queue), 2);
    fair_node_let_go(queue, leaf);
}

static void a_network_stays_as_long_as_one_of_its_identities(void **state)
{
    (void)state;
    struct fair_node *first = fair_node_make(queue, &here), *second = fair_node_make(queue, &beside);
    assert_int_equal(fair_queue_nodes(queue), 3);
    fair_node_let_go(queue, first);
    assert_int_equal(fair_queue_nodes(queue), 2);
    fair_node_let_go(queue, second);
    assert_int_equal(fair_queue_nodes(queue), 0);
}

/* One that was given more than those who wait beside it is kept, so that it does not come back as one who was given nothing. */
static void who_was_given_more_is_remembered_while_others_wait(void **state)
{
    (void)state;
    struct fair_entry entry;
    assert_int_equal(fair_queue_push(queue, &entry, &beside, 10), 0);
    struct fair_node *leaf = fair_node_make(queue, &here);
    leaf->seat.counter = fair_node_floor(leaf->parent) + 100;
    fair_node_let_go(queue, leaf);
    assert_ptr_equal(fair_node_oldest(queue), leaf);
    fair_node_look_at(queue, leaf);
    assert_ptr_equal(fair_node_oldest(queue), leaf);
    assert_ptr_equal(fair_node_make(queue, &here), leaf); /* it came back */
    assert_int_equal(queue->remembered_count, 0);
    fair_node_let_go(queue, leaf);
    fair_node_forget(queue, fair_node_oldest(queue));
    assert_null(fair_node_find(queue, &here, LEVEL_IDENTITY));
    fair_queue_leave(queue, &entry);
    assert_int_equal(fair_queue_nodes(queue), 0);
}

static void runs_out_of_memory_cleanly(void **state)
{
    (void)state;
    struct fair_node *leaf = NULL;
    for (uint64_t successes = 0; !leaf; successes++) {
        mem_fail_after(successes);
        leaf = fair_node_make(queue, &here);
        mem_fail_never();
        assert_true(leaf || fair_queue_nodes(queue) == 0);
    }
    fair_node_let_go(queue, leaf);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_place_is_found_once_it_was_made),
        CASE(a_network_stays_as_long_as_one_of_its_identities),
        CASE(who_was_given_more_is_remembered_while_others_wait),
        CASE(runs_out_of_memory_cleanly),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
