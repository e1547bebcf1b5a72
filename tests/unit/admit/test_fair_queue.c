/* SPDX-License-Identifier: Apache-2.0 */
/* Order, limits and counters, step by step and beside a slow model. What comes of it in the long run: test_fair_shares.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "fair_model.h"

#define ALL 7U

static const struct fair_limits limits = {{8, 2, 1}, 60, 4};
static struct fair_queue *queue;
static struct fair_entry entries[MODEL_ENTRIES];
static int64_t live;

static int begin(void **state)
{
    (void)state;
    live = mem_live_count();
    memset(entries, 0, sizeof(entries));
    queue = fair_queue_new(&limits);
    return queue ? 0 : -1;
}

/* Every test gives all back: nothing is remembered then. */
static int end(void **state)
{
    (void)state;
    if (fair_queue_next(queue, ALL)) /* it failed in the middle */
        return -1;
    fair_queue_tidy(queue, SIZE_MAX);
    bool empty = fair_queue_nodes(queue) == 0;
    fair_queue_free(queue);
    return empty && mem_live_count() == live ? 0 : -1;
}

static int push(size_t at, enum fair_class class, uint64_t network, uint64_t identity,
                uint64_t price)
{
    return fair_queue_push(queue, &entries[at], &(struct fair_place){class, network, identity},
                           price);
}

static struct fair_entry *displaced_by(enum fair_class class, uint64_t network, uint64_t price)
{
    return fair_queue_displaced_by(queue, &(struct fair_place){class, network, network}, price);
}

static size_t next(void)
{
    struct fair_entry *entry = fair_queue_next(queue, ALL);
    return entry ? (size_t)(entry - entries) : SIZE_MAX;
}

/* Takes the next one, which is done at once and cost its price. */
static size_t serve(void)
{
    size_t at = next();
    fair_queue_take(queue, &entries[at]);
    fair_queue_settle(queue, &entries[at], entries[at].price);
    return at;
}

static void an_identity_is_served_in_its_own_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(push(i, FAIR_PAID, 1, 1, 100 - i), 0);
    assert_int_equal(push(4, FAIR_PAID, 1, 1, 1), -EAGAIN);
    assert_null(entries[4].node);
    assert_int_equal(fair_queue_waiting(queue, FAIR_PAID), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(serve(), i);
    assert_null(fair_queue_next(queue, ALL));
}

static void one_that_comes_back_is_the_first_of_its_identity(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_UNKNOWN, 1, 1, 10), 0);
    assert_int_equal(push(1, FAIR_UNKNOWN, 1, 1, 10), 0);
    assert_int_equal(
        fair_queue_push_first(queue, &entries[2], &(struct fair_place){FAIR_UNKNOWN, 1, 1}, 10), 0);
    assert_ptr_equal(displaced_by(FAIR_PAID, 9, 1), &entries[1]);
    assert_int_equal(serve(), 2);
    assert_int_equal(serve(), 0);
    assert_int_equal(serve(), 1);
}

static void newcomers_take_turns_with_who_has_many(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(push(i, FAIR_UNKNOWN, 1, 1, 100), 0);
    assert_int_equal(push(4, FAIR_UNKNOWN, 1, 2, 100), 0);
    assert_int_equal(push(5, FAIR_UNKNOWN, 2, 3, 100), 0);
    const size_t order[] = {0, 5, 4, 1, 2, 3};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(serve(), order[i]);
}

/* Work given and the next price together decide, at both levels. */
static void of_equals_the_one_that_asks_for_less_goes_first(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_PAID, 1, 1, 900), 0);
    assert_int_equal(push(1, FAIR_PAID, 2, 2, 500), 0);
    assert_int_equal(push(2, FAIR_PAID, 2, 3, 400), 0);
    assert_int_equal(push(3, FAIR_PAID, 2, 3, 600), 0);
    const size_t order[] = {2, 0, 1, 3}; /* 400, 900, 400 + 500, 900 + 600 */
    for (size_t i = 0; i < COUNT_OF(order); i++)
        assert_int_equal(serve(), order[i]);
}

static void classes_do_not_go_by_the_next_price(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_PAID, 1, 1, 900), 0);
    assert_int_equal(push(1, FAIR_IN_PROFILE, 1, 1, 10), 0);
    assert_int_equal(serve(), 0);
    assert_int_equal(serve(), 1);
}

/* Whatever changes what a network would be served next changes its place. */
static void a_network_has_the_place_of_what_it_would_be_served(void **state)
{
    (void)state;
    const struct fair_place place = {FAIR_PAID, 1, 1};
    assert_int_equal(push(0, FAIR_PAID, 1, 1, 900), 0);
    assert_int_equal(push(1, FAIR_PAID, 2, 1, 500), 0);
    assert_int_equal(next(), 1);
    assert_int_equal(push(2, FAIR_PAID, 1, 2, 400), 0); /* a cheaper identity */
    assert_int_equal(next(), 2);
    fair_queue_leave(queue, &entries[2]);
    assert_int_equal(next(), 1);
    assert_int_equal(fair_queue_push_first(queue, &entries[3], &place, 100), 0);
    assert_int_equal(next(), 3);
    fair_queue_leave(queue, &entries[3]);
    assert_int_equal(serve(), 1);
    assert_int_equal(serve(), 0);
}

static int push_beyond(size_t at, uint64_t identity, float ordinary_calls, uint64_t price)
{
    entries[at].ordinary_calls = ordinary_calls;
    entries[at].stretched = ordinary_calls > 0;
    return push(at, FAIR_IN_PROFILE, identity, identity, price);
}

static void stretched_ones_go_last_and_the_least_first(void **state)
{
    (void)state;
    assert_int_equal(push_beyond(0, 1, 1, 100), 0);
    assert_int_equal(push_beyond(1, 1, 1, 100), 0);
    assert_int_equal(push_beyond(2, 2, 1, 101), 0);
    assert_int_equal(push_beyond(3, 3, 0, 900), 0); /* is within its ordinary ones */
    assert_int_equal(serve(), 3);
    assert_int_equal(serve(), 2); /* one here, not two */
    assert_int_equal(push_beyond(4, 4, 1, 2), 0);
    assert_int_equal(next(), 4);
    fair_queue_take(queue, &entries[4]); /* it runs, and its next comes */
    assert_int_equal(push_beyond(5, 4, 1, 1), 0);
    assert_int_equal(push_beyond(6, 4, 1, 1), 0);
    assert_int_equal(next(), 0); /* two here, not three */
    fair_queue_settle(queue, &entries[4], 2);
    assert_int_equal(next(), 0); /* two each */
    fair_queue_leave(queue, &entries[6]);
    assert_int_equal(serve(), 5); /* one */
    assert_int_equal(serve(), 0);
    assert_int_equal(serve(), 1);
}

static void what_is_being_ended_is_not_counted_as_had(void **state)
{
    (void)state;
    const struct fair_place place = {FAIR_IN_PROFILE, 1, 1};
    assert_int_equal(fair_queue_pass(queue, &entries[0], &place, 10), 0);
    assert_int_equal(push_beyond(1, 1, 1, 10), 0);
    assert_int_equal(push_beyond(2, 2, 1, 90), 0);
    assert_int_equal(next(), 2);
    fair_queue_give_way(&entries[0]);
    assert_int_equal(next(), 1);
    fair_queue_settle(queue, &entries[0], 10);
    assert_int_equal(serve(), 1);
    assert_int_equal(serve(), 2);
}

static void all_that_waits_has_a_maximum(void **state)
{
    (void)state;
    for (size_t i = 0; i < limits.waiting_max; i++)
        assert_int_equal(push(i, FAIR_UNKNOWN, 1, i, 1), 0);
    assert_int_equal(push(90, FAIR_IN_PROFILE, 1, 1, 1), -ENOSPC);
    assert_int_equal(push(91, FAIR_UNKNOWN, 9, 9, 1), -ENOSPC);
    assert_int_equal(fair_queue_nodes(queue), limits.waiting_max + 1);
    fair_queue_leave(queue, &entries[7]);
    assert_int_equal(push(90, FAIR_IN_PROFILE, 1, 1, 1), 0);
    while (fair_queue_next(queue, ALL))
        serve();
}

static void the_newest_of_the_lowest_class_is_displaced(void **state)
{
    (void)state;
    assert_null(displaced_by(FAIR_IN_PROFILE, 9, 1));
    assert_int_equal(push(0, FAIR_IN_PROFILE, 1, 1, 1), 0);
    assert_null(displaced_by(FAIR_IN_PROFILE, 9, 1));
    assert_int_equal(push(1, FAIR_PAID, 1, 1, 1), 0);
    assert_int_equal(push(2, FAIR_UNKNOWN, 1, 1, 1), 0);
    assert_int_equal(push(3, FAIR_UNKNOWN, 2, 1, 1), 0);
    assert_int_equal(push(4, FAIR_PAID, 2, 1, 1), 0);
    assert_ptr_equal(displaced_by(FAIR_IN_PROFILE, 9, 1), &entries[3]);
    fair_queue_leave(queue, &entries[3]);
    assert_ptr_equal(displaced_by(FAIR_PAID, 9, 1), &entries[2]);
    fair_queue_leave(queue, &entries[2]);
    assert_null(displaced_by(FAIR_PAID, 9, 1));
    assert_ptr_equal(displaced_by(FAIR_IN_PROFILE, 9, 1), &entries[4]);
    while (fair_queue_next(queue, ALL))
        serve();
}

/* Of strangers, who would be served later than the one that comes. */
static void strangers_displace_who_goes_late(void **state)
{
    (void)state;
    assert_null(displaced_by(FAIR_UNKNOWN, 9, 10));
    assert_int_equal(push(0, FAIR_UNKNOWN, 1, 1, 500), 0);
    assert_int_equal(push(1, FAIR_UNKNOWN, 2, 2, 900), 0);
    assert_int_equal(push(2, FAIR_UNKNOWN, 2, 3, 1000), 0);
    assert_int_equal(push(3, FAIR_UNKNOWN, 3, 4, 700), 0);
    assert_ptr_equal(displaced_by(FAIR_UNKNOWN, 9, 600), &entries[2]);
    assert_null(displaced_by(FAIR_UNKNOWN, 9, 900)); /* not sooner than the last of them */
    assert_null(displaced_by(FAIR_UNKNOWN, 9, 5000));
    for (size_t i = 0; i < 4; i++)
        fair_queue_leave(queue, &entries[i]);
}

/* A flood of small requests, each of which waits in vain, and one stranger with a large one. */
static void who_asked_in_vain_goes_after_who_asks_first(void **state)
{
    (void)state;
    assert_int_equal(push(50, FAIR_UNKNOWN, 77, 77, 300), 0); /* somebody waits throughout */
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(push(i, FAIR_UNKNOWN, i, i, 100), 0);
            assert_true(fair_queue_owes(&entries[i]) == (round > 0));
        }
        for (size_t i = 0; i < 20; i++)
            fair_queue_leave_in_vain(queue, &entries[i]);
    }
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(push(i, FAIR_UNKNOWN, i, i, 100), 0);
    assert_int_equal(push(20, FAIR_UNKNOWN, 20, 20, 350), 0);
    assert_false(fair_queue_owes(&entries[20]));
    assert_int_equal(serve(), 50);
    assert_int_equal(serve(), 20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(serve(), i);
    assert_true(fair_queue_counters(queue, &(struct fair_place){FAIR_UNKNOWN, 1, 1}).class <= 2650); /* what was served */
}

static void a_debt_is_bounded_and_forgotten_when_nobody_waits(void **state)
{
    (void)state;
    const struct fair_place debtor = {FAIR_UNKNOWN, 1, 1};
    assert_int_equal(push(0, FAIR_UNKNOWN, 2, 2, 100), 0);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(push(1, FAIR_UNKNOWN, 1, 1, 100), 0);
        fair_queue_leave_in_vain(queue, &entries[1]);
    }
    assert_true(fair_queue_counters(queue, &debtor).network == FAIR_VAIN_TURNS * 100);
    assert_int_equal(serve(), 0);
    fair_queue_tidy(queue, SIZE_MAX);
    assert_int_equal(fair_queue_nodes(queue), 0);
}

static void only_classes_that_are_asked_for_go(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_UNKNOWN, 1, 1, 1), 0);
    assert_int_equal(push(1, FAIR_PAID, 1, 1, 1), 0);
    assert_null(fair_queue_next(queue, 1U << FAIR_IN_PROFILE));
    assert_null(fair_queue_next(queue, 0));
    assert_ptr_equal(fair_queue_next(queue, 1U << FAIR_PAID), &entries[1]);
    assert_ptr_equal(fair_queue_next(queue, ALL), &entries[0]);
    serve();
    serve();
}

static double identity_counter(enum fair_class class, uint64_t network, uint64_t identity)
{
    return fair_queue_counters(queue, &(struct fair_place){class, network, identity}).identity;
}

static void idle_time_is_not_saved_up(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_PAID, 1, 1, 1000), 0);
    assert_int_equal(push(1, FAIR_PAID, 1, 1, 1000), 0);
    serve();
    assert_int_equal(push(2, FAIR_PAID, 1, 2, 10), 0);
    assert_true(identity_counter(FAIR_PAID, 1, 2) == 1000);
    serve();
    serve();
}

/* Overpriced, then away while others are served, then back before the refund. */
static void a_late_refund_is_not_saved_up(void **state)
{
    (void)state;
    assert_int_equal(
        fair_queue_pass(queue, &entries[0], &(struct fair_place){FAIR_PAID, 1, 1}, 1000), 0);
    for (size_t i = 1; i < 5; i++)
        assert_int_equal(push(i, FAIR_PAID, 1, 2, 1000), 0);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(serve(), i);
    assert_int_equal(push(5, FAIR_PAID, 1, 1, 10), 0);
    assert_true(identity_counter(FAIR_PAID, 1, 1) == 3000);
    fair_queue_settle(queue, &entries[0], 1);
    assert_true(identity_counter(FAIR_PAID, 1, 1) == 3000);
    serve();
    serve();
}

static void a_refund_in_the_same_wait_is_given_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(push(i, FAIR_PAID, 1, 1, 1000), 0);
        assert_int_equal(push(2 + i, FAIR_PAID, 1, 2, 1000), 0);
    }
    fair_queue_take(queue, &entries[next()]);
    assert_int_equal(serve(), 2);
    fair_queue_settle(queue, &entries[0], 100);
    assert_true(identity_counter(FAIR_PAID, 1, 1) == 100);
    assert_int_equal(serve(), 1);
    assert_int_equal(serve(), 3);
}

static void what_turns_out_dearer_is_charged_while_it_runs(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_PAID, 1, 1, 10), 0);
    assert_int_equal(push(1, FAIR_PAID, 1, 1, 10), 0);
    fair_queue_take(queue, &entries[0]);
    fair_queue_charge(queue, &entries[0], 5);
    assert_true(identity_counter(FAIR_PAID, 1, 1) == 10);
    fair_queue_charge(queue, &entries[0], 60);
    assert_int_equal(entries[0].price, 60);
    assert_true(identity_counter(FAIR_PAID, 1, 1) == 60);
    fair_queue_settle(queue, &entries[0], 50);
    assert_true(identity_counter(FAIR_PAID, 1, 1) == 50);
    serve();
}

/* The unknown wait through a siege in which only others may go. Afterwards they have no claim to all of it. */
static void who_was_passed_over_presents_no_bill(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_UNKNOWN, 1, 1, 8), 0);
    for (size_t i = 0; i < 1000; i++) {
        struct fair_place place = {FAIR_IN_PROFILE, i, i};
        assert_int_equal(fair_queue_pass(queue, &entries[1], &place, 800), 0);
        fair_queue_settle(queue, &entries[1], 800);
    }
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(push(i, FAIR_UNKNOWN, 1, 1, 800), 0);
    for (size_t i = 4; i < 8; i++)
        assert_int_equal(push(i, FAIR_IN_PROFILE, 1, 1, 800), 0);
    assert_int_equal(serve(), 0);
    assert_int_equal(serve(), 1);
    for (size_t i = 4; i < 8; i++)
        assert_int_equal(serve(), i);
    assert_int_equal(serve(), 2);
    assert_int_equal(serve(), 3);
}

static void prices_without_sense_do_no_harm(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_PAID, 1, 1, 0), 0);
    assert_int_equal(push(1, FAIR_PAID, 1, 2, UINT64_MAX), 0);
    assert_int_equal(entries[0].price, 1);
    assert_int_equal(entries[1].price, FAIR_PRICE_MAX);
    fair_queue_take(queue, &entries[next()]);
    fair_queue_charge(queue, &entries[0], UINT64_MAX);
    fair_queue_settle(queue, &entries[0], UINT64_MAX);
    fair_queue_take(queue, &entries[next()]);
    fair_queue_settle(queue, &entries[1], 0);
}

static void a_wild_number_at_the_end_puts_no_stranger_off(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_PAID, 1, 1, 10), 0);
    assert_int_equal(push(1, FAIR_PAID, 1, 2, 100), 0);
    assert_int_equal(next(), 0);
    fair_queue_take(queue, &entries[0]);
    fair_queue_settle(queue, &entries[0], UINT64_MAX);
    assert_int_equal(push(2, FAIR_PAID, 1, 3, 10), 0);
    assert_true(identity_counter(FAIR_PAID, 1, 3) == 5);
    assert_int_equal(serve(), 2);
    assert_int_equal(serve(), 1);
}

static void waiting_work_is_added_up(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_IN_PROFILE, 1, 1, 800), 0);
    assert_int_equal(push(1, FAIR_UNKNOWN, 1, 1, 30), 0);
    assert_int_equal(push(2, FAIR_UNKNOWN, 1, 2, 70), 0);
    assert_int_equal(fair_queue_price_waiting(queue, FAIR_UNKNOWN), 100 + 800);
    assert_int_equal(fair_queue_price_waiting(queue, FAIR_IN_PROFILE), 800 + 100);
    assert_int_equal(fair_queue_price_waiting(queue, FAIR_PAID), 0);
    fair_queue_leave(queue, &entries[2]);
    assert_int_equal(fair_queue_price_waiting(queue, FAIR_UNKNOWN), 30 + 240);
    serve();
    serve();
    assert_int_equal(fair_queue_price_waiting(queue, FAIR_UNKNOWN), 0);
}

static void work_before_an_entry_is_known(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_UNKNOWN, 1, 1, 100), 0);
    assert_true(fair_queue_work_before(&entries[0], 1e9) == 0);
    assert_int_equal(push(1, FAIR_UNKNOWN, 1, 1, 30), 0);  /* behind the first of its identity */
    assert_int_equal(push(2, FAIR_UNKNOWN, 2, 2, 50), 0);  /* of another network, for less */
    assert_int_equal(push(3, FAIR_UNKNOWN, 3, 3, 500), 0); /* for more */
    assert_int_equal(push(4, FAIR_PAID, 4, 4, 700), 0);    /* of another class */
    assert_true(fair_queue_work_before(&entries[2], 1e9) == 0);
    assert_true(fair_queue_work_before(&entries[0], 1e9) == 50);
    assert_true(fair_queue_work_before(&entries[1], 1e9) == 150);
    assert_true(fair_queue_work_before(&entries[3], 1e9) == 150); /* each network with its next */
    assert_true(fair_queue_work_before(&entries[1], 99) == 100);
    assert_true(fair_queue_work_before(&entries[4], 1e9) == 0);
    while (next() != SIZE_MAX)
        (void)serve();
}

static void no_memory_refuses_and_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_PAID, 1, 1, 5), 0);
    for (uint64_t fails = 0; fails < 3; fails++) {
        mem_fail_once(fails);
        assert_int_equal(push(1, FAIR_PAID, 2, 2, 5), -ENOMEM);
        mem_fail_never();
        assert_int_equal(fair_queue_nodes(queue), 2);
    }
    mem_fail_after(0);
    assert_int_equal(push(1, FAIR_PAID, 1, 1, 5), 0);
    mem_fail_never();
    for (uint64_t fails = 0; fails < 3; fails++) {
        mem_fail_once(fails);
        assert_null(fair_queue_new(&limits));
        mem_fail_never();
    }
    serve();
    serve();
    fair_queue_free(NULL);
}

/* Each is far ahead of one that waits beside it, so none would be forgotten otherwise. */
static void what_is_remembered_has_a_maximum(void **state)
{
    (void)state;
    assert_int_equal(push(0, FAIR_UNKNOWN, 1, 1, 5), 0);
    for (uint64_t i = 2; i < 1000; i++) {
        struct fair_place place = {FAIR_UNKNOWN, 1, i};
        assert_int_equal(fair_queue_pass(queue, &entries[1], &place, 1000), 0);
        fair_queue_settle(queue, &entries[1], 1000);
    }
    assert_int_equal(fair_queue_nodes(queue), limits.waiting_max + 2);
    serve();
}

/* ---- beside the model ---------------------------------------------------------------------- */

static struct model model;

static struct fair_place place_of(const unsigned *path)
{
    return (struct fair_place){path[0], path[1], path[2]};
}

static void compare_next(unsigned classes)
{
    struct fair_entry *entry = fair_queue_next(queue, classes);
    size_t at = model_next(&model, classes);
    assert_ptr_equal(entry, at < MODEL_ENTRIES ? &entries[at] : NULL);
}

/* A node at a depth, after all that lie below it. One that is remembered has a counter above 0. */
static void compare_node(unsigned *path, unsigned depth, double counter)
{
    const struct model_node *node = model_node(&model, path, depth);
    bool idle = model_count(&model, path, depth, MODEL_WAITS) == 0 &&
                model_count(&model, path, depth, MODEL_RUNS) == 0;
    if (counter == 0 && (node->counter != 0 || (node->known && idle)))
        assert_true(model_forget(&model, path, depth));
    assert_true(counter == model_node(&model, path, depth)->counter);
}

static void compare_counters(void)
{
    unsigned path[3];
    for (path[0] = 0; path[0] < FAIR_CLASSES; path[0]++)
        for (path[1] = 0; path[1] < MODEL_NETWORKS; path[1]++) {
            struct fair_counters counters = {0};
            for (path[2] = 0; path[2] < MODEL_IDENTITIES; path[2]++) {
                struct fair_place place = place_of(path);
                counters = fair_queue_counters(queue, &place);
                compare_node(path, 3, counters.identity);
            }
            compare_node(path, 2, counters.network);
            assert_true(counters.class == model_node(&model, path, 1)->counter);
        }
}

/* Sixteen share what is left: 160 at first, and (160 − 9) / 16 = 9. */
static void in_an_empty_queue_an_identity_may_have_more(void **state)
{
    (void)state;
    fair_queue_set_bounds(queue, 160, 2);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(push(i, FAIR_UNKNOWN, 1, 1, 10), 0);
    assert_int_equal(push(9, FAIR_UNKNOWN, 1, 1, 10), -EAGAIN);
    assert_int_equal(push(9, FAIR_UNKNOWN, 1, 2, 10), 0);
    fair_queue_set_bounds(queue, 12, 2);
    assert_int_equal(push(10, FAIR_UNKNOWN, 1, 2, 10), 0);
    assert_int_equal(push(11, FAIR_UNKNOWN, 1, 2, 10), -EAGAIN);
    for (size_t i = 0; i < 11; i++)
        fair_queue_leave(queue, &entries[i]);
}

/* A free entry arrives: waits, waits in front, or passes. */
static void random_arrival(size_t at)
{
    unsigned path[3] = {random_below(FAIR_CLASSES), random_below(MODEL_NETWORKS),
                        random_below(MODEL_IDENTITIES)};
    struct fair_place place = place_of(path);
    float ordinary_calls = entries[at].ordinary_calls = 1 + (float)random_below(8) / 4;
    float beyond = (entries[at].stretched = random_below(3) == 0) ? ordinary_calls : 0;
    uint64_t price = 1 + random_below(random_below(2) ? 20 : 1000);
    unsigned how = random_below(8);
    int expected = 0;
    if (model_count(&model, path, 3, MODEL_WAITS) >= limits.per_identity_max)
        expected = -EAGAIN;
    else if (model_count(&model, path, 0, MODEL_WAITS) >= limits.waiting_max)
        expected = -ENOSPC;

    if (how == 0 && model_count(&model, path, 3, MODEL_WAITS) == 0) {
        assert_int_equal(fair_queue_pass(queue, &entries[at], &place, price), 0);
        model_arrive(&model, at, path, price, beyond, false);
        model_go(&model, at);
    } else if (how == 1) {
        assert_int_equal(fair_queue_push_first(queue, &entries[at], &place, price), expected);
        if (expected == 0)
            model_arrive(&model, at, path, price, beyond, true);
    } else {
        assert_int_equal(fair_queue_push(queue, &entries[at], &place, price), expected);
        if (expected == 0)
            model_arrive(&model, at, path, price, beyond, false);
    }
}

static void random_end(size_t at)
{
    if (random_below(6) == 0 && !model.entries[at].gives_way) {
        fair_queue_give_way(&entries[at]);
        model.entries[at].gives_way = true;
        return;
    }
    uint64_t used = random_below(4) ? random_below(1500) : entries[at].price;
    if (random_below(3) == 0) {
        fair_queue_charge(queue, &entries[at], used);
        model_overrun(&model, at, used);
        return;
    }
    fair_queue_settle(queue, &entries[at], used);
    model_settle(&model, at, used);
}

static void random_turn(void)
{
    unsigned classes = random_below(2) ? ALL : random_below(8);
    compare_next(classes);
    struct fair_entry *entry = fair_queue_next(queue, classes);
    if (!entry)
        return;
    fair_queue_take(queue, entry);
    model_go(&model, (size_t)(entry - entries));
}

static void random_step(unsigned arrivals)
{
    size_t at = random_below(MODEL_ENTRIES);
    struct model_entry *entry = &model.entries[at];
    if (random_below(10) >= arrivals) {
        random_turn();
    } else if (entry->state == MODEL_FREE) {
        random_arrival(at);
    } else if (entry->state == MODEL_RUNS) {
        random_end(at);
    } else if (random_below(10) == 0) {
        fair_queue_leave(queue, &entries[at]);
        entry->state = MODEL_FREE;
    }
}

static void counters_and_turns_are_those_of_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        random_seed(seed);
        model_init(&model, &limits);
        for (unsigned step = 0; step < 8000; step++) {
            random_step(3 + (step / 1000) % 6); /* full for some time, then nearly empty */
            compare_counters();
            compare_next(ALL);
        }
        while (fair_queue_next(queue, ALL))
            random_turn();
        for (size_t i = 0; i < MODEL_ENTRIES; i++)
            if (model.entries[i].state == MODEL_RUNS)
                fair_queue_settle(queue, &entries[i], random_below(100));
        fair_queue_tidy(queue, SIZE_MAX);
        assert_int_equal(fair_queue_nodes(queue), 0);
        fair_queue_free(queue);
        queue = fair_queue_new(&limits);
        assert_non_null(queue);
        random_unseed();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(work_before_an_entry_is_known, begin, end),
        cmocka_unit_test_setup_teardown(in_an_empty_queue_an_identity_may_have_more, begin, end),
        TEST(an_identity_is_served_in_its_own_order),
        TEST(one_that_comes_back_is_the_first_of_its_identity),
        TEST(newcomers_take_turns_with_who_has_many),
        TEST(of_equals_the_one_that_asks_for_less_goes_first),
        TEST(classes_do_not_go_by_the_next_price),
        TEST(a_network_has_the_place_of_what_it_would_be_served),
        TEST(stretched_ones_go_last_and_the_least_first),
        TEST(what_is_being_ended_is_not_counted_as_had),
        TEST(all_that_waits_has_a_maximum),
        TEST(the_newest_of_the_lowest_class_is_displaced),
        TEST(strangers_displace_who_goes_late),
        TEST(who_asked_in_vain_goes_after_who_asks_first),
        TEST(a_debt_is_bounded_and_forgotten_when_nobody_waits),
        TEST(only_classes_that_are_asked_for_go),
        TEST(idle_time_is_not_saved_up),
        TEST(a_late_refund_is_not_saved_up),
        TEST(a_refund_in_the_same_wait_is_given_back),
        TEST(what_turns_out_dearer_is_charged_while_it_runs),
        TEST(who_was_passed_over_presents_no_bill),
        TEST(prices_without_sense_do_no_harm),
        TEST(a_wild_number_at_the_end_puts_no_stranger_off),
        TEST(waiting_work_is_added_up),
        TEST(no_memory_refuses_and_leaves_nothing),
        TEST(what_is_remembered_has_a_maximum),
        TEST(counters_and_turns_are_those_of_the_model),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
