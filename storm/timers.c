/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/timers.h"

#include "base/alloc.h"

struct timers {
    uint32_t count, max;
    struct timer **heap; /* from 1; a parent is due no later than its children, 2i and 2i + 1 */
};

struct timers *timers_new(uint32_t max)
{
    struct timers *timers = mem_zalloc(sizeof(*timers));
    struct timer **heap = mem_array((size_t)max + 1, sizeof(*heap));
    if (!timers || !heap) {
        mem_free(timers);
        mem_free(heap);
        return NULL;
    }
    timers->max = max;
    timers->heap = heap;
    return timers;
}

void timers_free(struct timers *timers)
{
    if (!timers)
        return;
    mem_free(timers->heap);
    mem_free(timers);
}

static void put(struct timers *timers, uint32_t place, struct timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void rise(struct timers *timers, struct timer *timer)
{
    uint32_t place = timer->place;
    for (; place > 1 && timers->heap[place / 2]->due_us > timer->due_us; place /= 2)
        put(timers, place, timers->heap[place / 2]);
    put(timers, place, timer);
}

static void sink(struct timers *timers, struct timer *timer)
{
    uint32_t place = timer->place;
    for (;;) {
        uint32_t child = 2 * place;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->due_us < timers->heap[child]->due_us)
            child++;
        if (timers->heap[child]->due_us >= timer->due_us)
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

int timers_set(struct timers *timers, struct timer *timer, uint64_t due_us)
{
    if (timer->place == 0) {
        if (timers->count == timers->max)
            return -ENOSPC;
        put(timers, ++timers->count, timer);
    }
    timer->due_us = due_us;
    rise(timers, timer);
    sink(timers, timer);
    return 0;
}

void timers_clear(struct timers *timers, struct timer *timer)
{
    uint32_t place = timer->place;
    if (place == 0)
        return;
    struct timer *last = timers->heap[timers->count--];
    timer->place = 0;
    if (last == timer)
        return;
    put(timers, place, last);
    rise(timers, last);
    sink(timers, last);
}

struct timer *timers_take(struct timers *timers, uint64_t now_us)
{
    struct timer *first = timers->count > 0 ? timers->heap[1] : NULL;
    if (!first || first->due_us > now_us)
        return NULL;
    timers_clear(timers, first);
    return first;
}

uint64_t timers_next(const struct timers *timers)
{
    return timers->count > 0 ? timers->heap[1]->due_us : UINT64_MAX;
}
