/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wheel behind the deadlines of loop.h: a ring of slots, one for each step of 100 ms. Time comes in as a number.
 *
 * Lazy: a deadline that moves later keeps its slot, and is put into its new one when the old one comes round; one that
 * lies further away than the ring is long waits in the furthest slot and is put in again from there. So a deadline
 * that is moved with each message costs one store a message and one re-insertion each time its slot passes.
 *
 * Always true: a deadline sits in a slot that comes round before or at its due time, rounded up to a step.
 * Private to the room; belongs to the loop's thread.
 */
#pragma once

#include "loop/loop.h"

#define WHEEL_STEP_MS 100
#define WHEEL_SLOTS                                                                                \
    1024 /* 102 seconds: most deadlines of a request and all of a head fit without a second round */

struct wheel {
    uint64_t step;        /* slots up to this one have been run */
    uint32_t steps_empty; /* slots found empty in a row since the last insertion */
    struct list slots[WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);
/* Takes all deadlines out, so that their owners may clear them after the wheel is gone. */
void wheel_release(struct wheel *wheel);
/* A `due_ms` that has passed fires at the next step; 0 clears. */
void wheel_set(struct wheel *wheel, struct deadline *deadline, uint64_t due_ms);
/* Calls what is due. Returns false when a whole round has found nothing: the wheel is empty. */
bool wheel_advance(struct wheel *wheel, uint64_t now_ms);
