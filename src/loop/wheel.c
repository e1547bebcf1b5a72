/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/wheel.h"

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    wheel->step = now_ms / WHEEL_STEP_MS;
    wheel->steps_empty = 0;
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
}

void wheel_release(struct wheel *wheel)
{
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_each(at, &wheel->slots[i]) list_remove(at);
}

void deadline_init(struct deadline *deadline, void (*fn)(struct deadline *deadline))
{
    list_init(&deadline->link);
    deadline->due_ms = 0;
    deadline->fn = fn;
}

void deadline_clear(struct deadline *deadline)
{
    list_remove(&deadline->link);
    deadline->due_ms = 0;
}

/* Rounded up, so that nothing fires early; at least the next slot, at most the last of the ring. */
static void wheel_insert(struct wheel *wheel, struct deadline *deadline)
{
    uint64_t step = deadline->due_ms / WHEEL_STEP_MS + (deadline->due_ms % WHEEL_STEP_MS != 0);
    step = MAX(step, wheel->step + 1);
    step = MIN(step, wheel->step + WHEEL_SLOTS - 1);
    list_push_back(&wheel->slots[step % WHEEL_SLOTS], &deadline->link);
    wheel->steps_empty = 0;
}

void wheel_set(struct wheel *wheel, struct deadline *deadline, uint64_t due_ms)
{
    if (due_ms == 0) {
        deadline_clear(deadline);
        return;
    }
    bool later = !list_empty(&deadline->link) && due_ms >= deadline->due_ms;
    deadline->due_ms = due_ms;
    if (later)
        return;
    list_remove(&deadline->link);
    wheel_insert(wheel, deadline);
}

/* The slot's deadlines first move to a list of their own: what a callback sets anew goes to later slots, and what it
 * clears (its own deadline or any other) leaves whichever list it is in. */
static void wheel_run_slot(struct wheel *wheel, uint64_t now_ms)
{
    struct list *slot = &wheel->slots[wheel->step % WHEEL_SLOTS];
    if (list_empty(slot)) {
        wheel->steps_empty++;
        return;
    }
    struct list passing;
    list_push_back(slot, &passing);
    list_remove(slot);

    struct list *link;
    while ((link = list_first(&passing))) {
        struct deadline *deadline = list_entry(link, struct deadline, link);
        list_remove(link);
        if (deadline->due_ms > now_ms) {
            wheel_insert(wheel, deadline);
        } else {
            deadline->due_ms = 0;
            deadline->fn(deadline);
        }
    }
    wheel->steps_empty = 0;
}

bool wheel_advance(struct wheel *wheel, uint64_t now_ms)
{
    uint64_t target = now_ms / WHEEL_STEP_MS;
    /* After a long sleep of the process one round is enough: it passes every slot. */
    if (target > wheel->step + WHEEL_SLOTS)
        wheel->step = target - WHEEL_SLOTS;
    while (wheel->step < target) {
        wheel->step++;
        wheel_run_slot(wheel, now_ms);
    }
    return wheel->steps_empty < WHEEL_SLOTS;
}
