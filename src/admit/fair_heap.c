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
    if (a->late != b->late)
        return a->late < b->late;
    double finish_a = a->counter + a->price, finish_b = b->counter + b->price;
    return finish_a < finish_b || (finish_a == finish_b && a->since < b->since);
}

static void set(struct fair_heap *heap, uint32_t at, const struct fair_slot *slot)
{
    heap->slots[at] = *slot;
    slot->seat->place = at + 1;
}

/* Finds the lowest counters again: from `at` to `top`, where slots have changed, and on towards the root until one is as it was. */
static void note_lowest(struct fair_heap *heap, uint32_t at, uint32_t top)
{
    for (;; at = (at - 1) / CHILDREN) {
        uint32_t first = at * CHILDREN + 1;
        uint32_t end = MIN(first + CHILDREN, heap->count);
        double old = heap->slots[at].lowest, lowest = heap->slots[at].counter;
        for (uint32_t child = first; child < end; child++)
            lowest = MIN(lowest, heap->slots[child].lowest);
        heap->slots[at].lowest = lowest;
        if (at == 0 || (at < top && lowest == old))
            return;
    }
}

/* Puts `slot` at the free place `at`, or above it. */
static void rise(struct fair_heap *heap, uint32_t at, struct fair_slot slot)
{
    uint32_t bottom = at;
    while (at > 0) {
        uint32_t parent = (at - 1) / CHILDREN;
        if (!before(&slot, &heap->slots[parent]))
            break;
        set(heap, at, &heap->slots[parent]);
        at = parent;
    }
    set(heap, at, &slot);
    note_lowest(heap, bottom, at);
}

static uint32_t first_child(const struct fair_heap *heap, uint32_t at)
{
    uint32_t start = at * CHILDREN + 1;
    uint32_t end = MIN(start + CHILDREN, heap->count), first = start;
    for (uint32_t child = start + 1; child < end; child++)
        if (before(&heap->slots[child], &heap->slots[first]))
            first = child;
    return first;
}

/* The same downwards. */
static void sink(struct fair_heap *heap, uint32_t at, struct fair_slot slot)
{
    uint32_t top = at;
    while (at * CHILDREN + 1 < heap->count) {
        uint32_t child = first_child(heap, at);
        if (!before(&heap->slots[child], &slot))
            break;
        set(heap, at, &heap->slots[child]);
        at = child;
    }
    set(heap, at, &slot);
    note_lowest(heap, at, top);
}

static void settle_at(struct fair_heap *heap, uint32_t at, struct fair_slot slot)
{
    if (at > 0 && before(&slot, &heap->slots[(at - 1) / CHILDREN]))
        rise(heap, at, slot);
    else
        sink(heap, at, slot);
}

static struct fair_slot slot_of(struct fair_seat *seat)
{
    return (struct fair_slot){seat->counter, seat->price, seat->since, seat, seat->late, seat->counter};
}

void fair_heap_put(struct fair_heap *heap, struct fair_seat *seat)
{
    check(seat->place == 0 && heap->count < heap->capacity);
    rise(heap, heap->count++, slot_of(seat));
}

static uint32_t place_of(const struct fair_heap *heap, const struct fair_seat *seat)
{
    check(seat->place > 0 && seat->place <= heap->count &&
          heap->slots[seat->place - 1].seat == seat);
    return seat->place - 1;
}

void fair_heap_move(struct fair_heap *heap, struct fair_seat *seat)
{
    uint32_t at = place_of(heap, seat);
    const struct fair_slot *slot = &heap->slots[at];
    if (slot->counter != seat->counter || slot->price != seat->price || slot->late != seat->late)
        settle_at(heap, at, slot_of(seat));
}

void fair_heap_remove(struct fair_heap *heap, struct fair_seat *seat)
{
    uint32_t at = place_of(heap, seat);
    seat->place = 0;
    struct fair_slot last = heap->slots[--heap->count];
    if (heap->count == 0)
        return;
    note_lowest(heap, (heap->count - 1) / CHILDREN, heap->count);
    if (at < heap->count)
        settle_at(heap, at, last);
}

struct fair_seat *fair_heap_first(const struct fair_heap *heap)
{
    return heap->count > 0 ? heap->slots[0].seat : NULL;
}

double fair_heap_lowest(const struct fair_heap *heap)
{
    return heap->slots[0].lowest;
}

struct fair_seat *fair_heap_late(const struct fair_heap *heap, uint32_t looks)
{
    if (heap->count == 0)
        return NULL;
    uint32_t late = heap->count - 1;
    for (uint32_t i = 1; i < MIN(looks, heap->count); i++)
        if (before(&heap->slots[late], &heap->slots[heap->count - 1 - i]))
            late = heap->count - 1 - i;
    return heap->slots[late].seat;
}

/* Whoever is not before it has nobody below who is. */
double fair_heap_price_before(const struct fair_heap *heap, const struct fair_seat *seat, double most)
{
    const struct fair_slot *own = &heap->slots[place_of(heap, seat)];
    uint32_t stack[FAIR_HEAP_LOOKS * (CHILDREN - 1) + 1], depth = 0; /* a look takes one and leaves four */
    double price = 0;
    stack[depth++] = 0;
    for (uint32_t looks = 0; depth > 0 && looks < FAIR_HEAP_LOOKS && price <= most; looks++) {
        uint32_t at = stack[--depth], end = MIN(at * CHILDREN + 1 + CHILDREN, heap->count);
        const struct fair_slot *slot = &heap->slots[at];
        if (slot == own || !before(slot, own))
            continue;
        price += slot->price;
        for (uint32_t child = at * CHILDREN + 1; child < end; child++)
            stack[depth++] = child;
    }
    return price;
}
