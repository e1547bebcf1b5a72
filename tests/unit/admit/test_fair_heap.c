/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "admit/fair_heap.h"
#include "base/alloc.h"
#include "base/random.h"

#define SEATS 300

static struct fair_seat seats[SEATS];

/* The seat that a search through all of them finds. */
static struct fair_seat *first(void)
{
    struct fair_seat *best = NULL;
    for (size_t i = 0; i < SEATS; i++)
        if (seats[i].place > 0 && (!best || fair_seat_before(&seats[i], best)))
            best = &seats[i];
    return best;
}

static double lowest_counter(void)
{
    double counter = INFINITY;
    for (size_t i = 0; i < SEATS; i++)
        if (seats[i].place > 0)
            counter = fmin(counter, seats[i].counter);
    return counter;
}

static void the_first_is_the_lowest_whatever_happens(void **state)
{
    (void)state;
    struct fair_heap heap = {0};
    uint32_t inside = 0;
    random_seed(1);
    memset(seats, 0, sizeof(seats));
    for (int step = 0; step < 50000; step++) {
        struct fair_seat *seat = &seats[random_below(SEATS)];
        double counter = random_below(30), price = random_below(20); /* many are equal */
        if (seat->place == 0) {
            assert_int_equal(fair_heap_reserve(&heap, ++inside), 0);
            seat->counter = counter;
            seat->price = price;
            seat->since = (uint64_t)step;
            fair_heap_put(&heap, seat);
        } else if (random_below(3) > 0) {
            seat->counter = counter;
            seat->price = price;
            fair_heap_move(&heap, seat);
        } else {
            fair_heap_remove(&heap, seat);
            inside--;
        }
        assert_int_equal(heap.count, inside);
        assert_ptr_equal(fair_heap_first(&heap), first());
        if (inside > 0)
            assert_true(fair_heap_lowest(&heap) == lowest_counter());
        /* All are looked at: it is the last of all. Of a few it is one that is inside. */
        struct fair_seat *late = fair_heap_late(&heap, UINT32_MAX);
        assert_true((late != NULL) == (inside > 0));
        for (size_t i = 0; late && i < SEATS; i++)
            assert_false(seats[i].place > 0 && fair_seat_before(late, &seats[i]));
        assert_true(inside == 0 || fair_heap_late(&heap, 3)->place > 0);
    }
    fair_heap_release(&heap);
    assert_null(fair_heap_first(&heap));
    random_unseed();
}

/* Beside a search through all of them. */
static void what_stands_before_a_seat_is_added_up(void **state)
{
    (void)state;
    struct fair_heap heap = {0};
    memset(seats, 0, sizeof(seats));
    for (uint32_t i = 0; i < SEATS; i++) {
        assert_int_equal(fair_heap_reserve(&heap, i + 1), 0);
        seats[i] = (struct fair_seat){.counter = random_below(100), .price = 1 + random_below(20), .since = i};
        fair_heap_put(&heap, &seats[i]);
    }
    for (uint32_t i = 0; i < SEATS; i++) {
        double before = 0;
        uint32_t count = 0;
        for (uint32_t k = 0; k < SEATS; k++) {
            before += fair_seat_before(&seats[k], &seats[i]) ? seats[k].price : 0;
            count += fair_seat_before(&seats[k], &seats[i]);
        }
        double seen = fair_heap_price_before(&heap, &seats[i], INFINITY);
        assert_true(seen <= before && (seen > 0 || count == 0));
        if (count * 5 < FAIR_HEAP_LOOKS) /* each of them, and the four below it, was looked at */
            assert_true(seen >= before);
        double little = fair_heap_price_before(&heap, &seats[i], 5);
        assert_true(little <= before && (little > 5 || little >= seen));
    }
    fair_heap_release(&heap);
}

static void no_memory_leaves_it_as_it_was(void **state)
{
    (void)state;
    struct fair_heap heap = {0};
    struct fair_seat seat = {0};
    mem_fail_once(0);
    assert_int_equal(fair_heap_reserve(&heap, 1), -ENOMEM);
    mem_fail_never();
    assert_int_equal(fair_heap_reserve(&heap, 1), 0);
    fair_heap_put(&heap, &seat);
    mem_fail_once(0);
    assert_int_equal(fair_heap_reserve(&heap, 1000), -ENOMEM);
    mem_fail_never();
    assert_ptr_equal(fair_heap_first(&heap), &seat);
    fair_heap_release(&heap);
    fair_heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_lowest_whatever_happens),
        cmocka_unit_test(what_stands_before_a_seat_is_added_up),
        cmocka_unit_test(no_memory_leaves_it_as_it_was),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
