/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/fair_heap.h"

#include "base/alloc.h"

#define CHILDREN 4
#define CAPACITY_FIRST 4

void fair_heap_release(struct fair_heap *heap)
{
    mem_free(heap->slots);
    *heap = (struct fair_heap){0};
}

int fair_heap_reserve(struct fair_heap *heap, uint32_t seats)
{
    if (seats <= heap->capacity)
        return 0;
    uint32_t capacity = MAX(seats, heap->capacity ? 2 * heap->capacity : CAPACITY_FIRST);
    struct fair_slot *slots = mem_realloc(heap->slots, capacity * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    heap->slots = slots;
    heap->capacity = capacity;
    return 0;
}

static bool before(const struct fair_slot *a, const struct fair_slot *b)
{
    return a->counter < b->counter || (a->counter == b->counter && a->since < b->since);
}

static void set(struct fair_heap *heap, uint32_t at, const struct fair_slot *slot)
{
    heap->slots[at] = *slot;
    slot->seat->place = at + 1;
}

/* Puts `slot` at the free place `at`, or above it. */
static void rise(struct fair_heap *heap, uint32_t at, struct fair_slot slot)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / CHILDREN;
        if (!before(&slot, &heap->slots[parent]))
            break;
        set(heap, at, &heap->slots[parent]);
        at = parent;
    }
    set(heap, at, &slot);
}

static uint32_t lowest_child(const struct fair_heap *heap, uint32_t at)
{
    uint32_t first = at * CHILDREN + 1;
    uint32_t end = MIN(first + CHILDREN, heap->count), lowest = first;
    for (uint32_t child = first + 1; child < end; child++)
        if (before(&heap->slots[child], &heap->slots[lowest]))
            lowest = child;
    return lowest;
}

/* The same downwards. */
static void sink(struct fair_heap *heap, uint32_t at, struct fair_slot slot)
{
    while (at * CHILDREN + 1 < heap->count) {
        uint32_t child = lowest_child(heap, at);
        if (!before(&heap->slots[child], &slot))
            break;
        set(heap, at, &heap->slots[child]);
        at = child;
    }
    set(heap, at, &slot);
}

static void settle_at(struct fair_heap *heap, uint32_t at, struct fair_slot slot)
{
    if (at > 0 && before(&slot, &heap->slots[(at - 1) / CHILDREN]))
        rise(heap, at, slot);
    else
        sink(heap, at, slot);
}

void fair_heap_put(struct fair_heap *heap, struct fair_seat *seat)
{
    check(seat->place == 0 && heap->count < heap->capacity);
    rise(heap, heap->count++, (struct fair_slot){seat->counter, seat->since, seat});
}

static uint32_t place_of(const struct fair_heap *heap, const struct fair_seat *seat)
{
    check(seat->place > 0 && seat->place <= heap->count &&
          heap->slots[seat->place - 1].seat == seat);
    return seat->place - 1;
}

void fair_heap_move(struct fair_heap *heap, struct fair_seat *seat, double counter)
{
    uint32_t at = place_of(heap, seat);
    seat->counter = counter;
    settle_at(heap, at, (struct fair_slot){counter, seat->since, seat});
}

void fair_heap_remove(struct fair_heap *heap, struct fair_seat *seat)
{
    uint32_t at = place_of(heap, seat);
    seat->place = 0;
    struct fair_slot last = heap->slots[--heap->count];
    if (at < heap->count)
        settle_at(heap, at, last);
}

struct fair_seat *fair_heap_first(const struct fair_heap *heap)
{
    return heap->count > 0 ? heap->slots[0].seat : NULL;
}
