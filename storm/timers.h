/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers in microseconds: a heap of links that are members of their owners. Setting, moving and clearing one costs O(log n).
 * Not src/loop's wheel: that one counts steps of 100 ms. Belongs to one thread.
 */
#pragma once

#include "base/macros.h"

struct timer {
    uint64_t due_us;
    uint32_t place; /* in the heap, from 1; 0: not set */
};

struct timers;

/* At most `max` are set at a time. NULL when out of memory. */
struct timers *timers_new(uint32_t max) must_check;
void timers_free(struct timers *timers);
/* Sets or moves it. 0, or -ENOSPC when it was not set and `max` are. */
int timers_set(struct timers *timers, struct timer *timer, uint64_t due_us) must_check;
/* May be called for one that is not set. */
void timers_clear(struct timers *timers, struct timer *timer);
/* The first that is due, cleared; or NULL. */
struct timer *timers_take(struct timers *timers, uint64_t now_us);
/* When the first is due; UINT64_MAX when none is set. */
uint64_t timers_next(const struct timers *timers);
