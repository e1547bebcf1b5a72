/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A min-heap of seats: who of one level waits, the lowest counter first, and of equal ones who came first. A seat is a member of what waits and knows
 * its place, so it can be moved and taken out from the middle. Four children to a parent, keys beside the pointers: a step down looks at two cache lines.
 *
 * Owns its array, never the seats. O(log n).
 */
#pragma once

#include "base/macros.h"

struct fair_seat {
    double counter;
    uint64_t since; /* of two with the same counter the lower goes first */
    uint32_t place; /* in the heap, from 1; 0: in none */
};

struct fair_slot {
    double counter;
    uint64_t since;
    struct fair_seat *seat;
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
/* Gives a seat of this heap another counter. */
void fair_heap_move(struct fair_heap *heap, struct fair_seat *seat, double counter);
void fair_heap_remove(struct fair_heap *heap, struct fair_seat *seat);
/* NULL: empty. */
struct fair_seat *fair_heap_first(const struct fair_heap *heap);

static inline bool fair_seat_before(const struct fair_seat *a, const struct fair_seat *b)
{
    return a->counter < b->counter || (a->counter == b->counter && a->since < b->since);
}
