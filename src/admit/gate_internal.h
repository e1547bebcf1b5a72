/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of a gate: each backend's limiter and what is under way there; the fair queue of those that wait; lists of those that wait and run, by class. gate_room.c finds
 * places in it, gate.c gives them out. Private to the gate, whose manual (gate.h) has the rules.
 */
#pragma once

#include "admit/gate_backend.h"

#define GATE_HOLDS_MAX 64

struct gate {
    struct gate_limits limits;
    struct fair_queue *queue;
    struct list waiting[FAIR_CLASSES], running[FAIR_CLASSES];
    uint32_t running_count[FAIR_CLASSES];
    uint32_t cutting;
    struct list *news; /* of each worker */
    uint32_t workers;
    uint64_t workers_with_news;

    uint64_t holds_until_ms[GATE_HOLDS_MAX]; /* a ring, oldest first */
    uint32_t holds, holds_at;
    double in_profile_mean; /* under way */
    double in_profile_asks; /* in a second, smoothed */
    uint32_t asks;          /* of in-profile requests, since the last tick */
    uint32_t reserve;       /* but for holds; 0: no in-profile calls */
    double served[FAIR_CLASSES], rate[FAIR_CLASSES]; /* wt since the last tick; wt/s, smoothed */
    double capacity;
    uint32_t pressed_ticks; /* stays at a maximum */
    uint64_t ticked_ms, pressed_ms;
    uint64_t nobody_ms; /* since when no backend takes calls; 0: one does */
    uint64_t in_profile_ms; /* when an in-profile call was under way; 0: never */
    bool siege, shorten;
    uint32_t left; /* turns whose clients have gone */
    uint64_t cuts, stretched_cuts, displaced, waited_out, foreseen;
    double foreseen_price; /* of those who were refused for it, as long as they would still wait; wt */

    size_t looked_first; /* the backend that won the last tie, and one */
    size_t backends_count;
    struct gate_backend backends[];
};

/* Of the backends that take calls: what others still do is no reason to wait. Added up once for a decision. */
struct gate_totals {
    uint32_t backends, limit, strict, cap;
    uint32_t busy, busy_in_profile; /* calls whose end others, and in-profile requests, have to wait for */
};
struct gate_totals gate_totals(const struct gate *gate);
uint32_t gate_busy(const struct gate_totals *totals, enum fair_class class);

/* A place that was cut free is kept for in-profile requests. */
void gate_hold(struct gate *gate, uint64_t now_ms);
void gate_drop_old_holds(struct gate *gate, uint64_t now_ms);
void gate_forget_stopped(struct gate *gate, uint64_t now_ms);
/* Places that in-profile requests wait for, and that come. */
uint32_t gate_freed_late(const struct gate *gate);

/* What follows from the means and from how backends stop: after each change of these. */
void gate_learn_reserve(struct gate *gate);
/* Places that classes below in-profile do not get. */
uint32_t gate_reserve(const struct gate *gate, const struct gate_totals *totals);
/* Calls that a class may have under way, with those of all others. */
uint32_t gate_class_limit(const struct gate *gate, enum fair_class class, const struct gate_totals *totals);

/* Calls that the owner of a turn has here, waiting or running, this one too, for each of its ordinary ones; 1 where it has no such number, or is of a lower class. */
float gate_times_ordinary(const struct gate *gate, const struct turn *turn);
/* Does the owner of a turn ask for more than GATE_STRETCH times its ordinary calls, in a siege? */
bool gate_presses(const struct gate *gate, const struct turn *turn);
/* The newest in-profile call, of those that may be cut and whose identity presses, or has more than its ordinary ones under way, of the identity that has most here for these, if that is
 * more than `than`; else NULL. Looks at the newest GATE_LOOKS alone: it is asked again for as long as one waits, under the lock. */
struct turn *gate_more_stretched(const struct gate *gate, float than);
/* Does it end when it is hung up? One that was cut is not cut again. */
bool gate_can_cut(const struct gate *gate, const struct turn *turn);

/* While an in-profile request waits nobody else goes: what frees for it a place or a part of the cache was cut for it, and one of a lower class that fits in sooner would
 * be cut in turn. */
unsigned gate_classes_that_may_go(const struct gate *gate, unsigned classes);
/* The least loaded backend with room, or NULL. `totals` are those of now. */
struct gate_backend *gate_find_room(struct gate *gate, const struct gate_totals *totals, const struct turn *turn, uint64_t now_ms);
/* Of an in-profile one that has none: there is a place, once prompts have been read. */
bool gate_waits_for_reading(const struct gate *gate, const struct turn *turn);
/* For one that has just come: NULL when it has to wait. */
struct gate_backend *gate_find_room_at_once(struct gate *gate, const struct turn *turn, uint64_t now_ms);
