/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A min-heap of seats: who of one level waits, the lowest finish = counter + price first, and of equal ones who came first; but what is `late` goes after all that is
 * less so. A seat is a member of what waits and knows its place, so it can be moved and taken out from the middle. Four children to a parent, keys beside the pointers:
 * a step down looks at three cache lines.
 * Each slot also knows the lowest counter at and below it, so the lowest of all is known at once though the order is another.
 *
 * Owns its array, never the seats. O(log n).
 */
#pragma once

#include "base/macros.h"

struct fair_seat {
    double counter, price;
    uint64_t since; /* of two with the same finish the lower goes first */
    uint32_t place; /* in the heap, from 1; 0: in none */
    float late;     /* 0 and more */
};

struct fair_slot {
    double counter, price;
    uint64_t since;
    struct fair_seat *seat;
    float late;
    double lowest; /* counter, of this slot and all below it */
};

/* Zeroed: empty. */
struct fair_heap {
    struct fair_slot *slots;
    uint32_t count, capacity;
};

void fair_heap_release(struct fair_heap *heap);
/* Room for `seats` in all, so that none of the calls below can fail. 0 or -ENOMEM. */
int fair_heap_reserve(struct fair_heap *heap, uint32_t seats) must_check;

/* The seat is in no heap. */
void fair_heap_put(struct fair_heap *heap, struct fair_seat *seat);
/* The counter, price or lateness of a seat of this heap may have changed. */
void fair_heap_move(struct fair_heap *heap, struct fair_seat *seat);
void fair_heap_remove(struct fair_heap *heap, struct fair_seat *seat);
/* NULL: empty. */
struct fair_seat *fair_heap_first(const struct fair_heap *heap);
/* Lowest counter; the heap is not empty. */
double fair_heap_lowest(const struct fair_heap *heap);

/* One that goes late: the last of `looks` at the bottom. NULL: empty. */
struct fair_seat *fair_heap_late(const struct fair_heap *heap, uint32_t looks);
/* Sum of the prices of the seats before this one, as far as it is known after FAIR_HEAP_LOOKS of them or `most`: a lower bound. */
#define FAIR_HEAP_LOOKS 32
double fair_heap_price_before(const struct fair_heap *heap, const struct fair_seat *seat, double most);

static inline bool fair_seat_before(const struct fair_seat *a, const struct fair_seat *b)
{
    if (a->late != b->late)
        return a->late < b->late;
    double finish_a = a->counter + a->price, finish_b = b->counter + b->price;
    return finish_a < finish_b || (finish_a == finish_b && a->since < b->since);
}
