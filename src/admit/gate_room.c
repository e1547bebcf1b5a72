/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a place where: limits of classes, what is kept free, and which backend. */
#include "admit/gate_internal.h"

#include <math.h>

void gate_forget_stopped(struct gate *gate, uint64_t now_ms)
{
    for (size_t i = 0; i < gate->backends_count; i++)
        leaving_forget(&gate->backends[i].leaving, now_ms);
}

/* Of the slowest backend that takes calls. */
static double stop_seconds(const struct gate *gate)
{
    uint32_t ms = 0;
    for (size_t i = 0; i < gate->backends_count; i++)
        ms = gate->backends[i].available ? MAX(ms, gate->backends[i].stop_ms) : ms;
    return MIN(ms, (uint32_t)GATE_HOLD_MS) / 1000.0;
}

uint32_t gate_freed_late(const struct gate *gate)
{
    uint32_t places = 0;
    for (size_t i = 0; i < gate->backends_count; i++)
        if (gate_backend_stops_late(&gate->backends[i]))
            places += gate->backends[i].leaving.count;
    return places;
}

struct gate_totals gate_totals(const struct gate *gate)
{
    struct gate_totals totals = {0};
    for (size_t i = 0; i < gate->backends_count; i++) {
        const struct gate_backend *backend = &gate->backends[i];
        if (!backend->available)
            continue;
        totals.backends++;
        totals.limit += gate_backend_limit(backend);
        totals.strict += gate_backend_strict_limit(backend);
        totals.cap += gate_backend_cap(backend);
        totals.busy += gate_backend_busy(backend, FAIR_UNKNOWN);
        totals.busy_in_profile += gate_backend_busy(backend, FAIR_IN_PROFILE);
    }
    return totals;
}

uint32_t gate_busy(const struct gate_totals *totals, enum fair_class class)
{
    return class == FAIR_IN_PROFILE ? totals->busy_in_profile : totals->busy;
}

void gate_drop_old_holds(struct gate *gate, uint64_t now_ms)
{
    while (gate->holds > 0 && gate->holds_until_ms[gate->holds_at] <= now_ms) {
        gate->holds_at = (gate->holds_at + 1) % GATE_HOLDS_MAX;
        gate->holds--;
    }
}

void gate_hold(struct gate *gate, uint64_t now_ms)
{
    if (gate->holds < GATE_HOLDS_MAX)
        gate->holds_until_ms[(gate->holds_at + gate->holds++) % GATE_HOLDS_MAX] = now_ms + GATE_HOLD_MS;
}

void gate_learn_reserve(struct gate *gate)
{
    double arrivals = gate->in_profile_asks * stop_seconds(gate);
    bool any = gate->in_profile_mean >= 0.01;
    gate->reserve = any ? (uint32_t)ceil(2 * sqrt(gate->in_profile_mean) + arrivals) + 1 : 0;
}

uint32_t gate_reserve(const struct gate *gate, const struct gate_totals *totals)
{
    bool keeps = gate->reserve > 0 && !gate->limits.one_class;
    return keeps ? MIN(gate->reserve + gate->holds, totals->cap / 2) : 0;
}

uint32_t gate_class_limit(const struct gate *gate, enum fair_class class, const struct gate_totals *totals)
{
    uint32_t kept = gate_reserve(gate, totals);
    if (class == FAIR_IN_PROFILE && !gate->limits.one_class)
        return MIN(totals->limit + kept, totals->cap);
    return MIN(gate->siege ? totals->strict : totals->limit, totals->cap - kept);
}

/* Places that in a siege are for strangers who owe nothing. One that has just come waits for the next tick to have one. */
static uint32_t kept_for_new(const struct gate *gate)
{
    uint32_t low = gate->running_count[FAIR_PAID] + gate->running_count[FAIR_UNKNOWN];
    return gate->siege ? (uint32_t)ceil(sqrt(low)) : 0;
}

/* ---- who is beyond what is ordinary ------------------------------------------------------------------- */

float gate_times_ordinary(const struct gate *gate, const struct turn *turn)
{
    if (turn->place.class != FAIR_IN_PROFILE || turn->entry.ordinary_calls == 0)
        return 1;
    bool inside = turn->entry.node != NULL;
    struct fair_calls calls = inside ? fair_queue_calls_beside(&turn->entry) : fair_queue_calls(gate->queue, &turn->place);
    return (float)(calls.running + calls.waiting + !inside) / turn->entry.ordinary_calls;
}

bool gate_presses(const struct gate *gate, const struct turn *turn)
{
    return gate->siege && gate_times_ordinary(gate, turn) > GATE_STRETCH;
}

bool gate_can_cut(const struct gate *gate, const struct turn *turn)
{
    return turn->state == TURN_RUNNING && gate->backends[turn->backend].stop_ms != GATE_STOPS_NOT;
}

/* May it be ended for somebody of its class? */
static bool is_spare(const struct gate *gate, const struct turn *turn)
{
    if (turn->entry.ordinary_calls == 0 || !gate_can_cut(gate, turn))
        return false;
    return gate_presses(gate, turn) || (float)fair_queue_calls_beside(&turn->entry).running > turn->entry.ordinary_calls;
}

struct turn *gate_more_stretched(const struct gate *gate, float than)
{
    const struct list *running = &gate->running[FAIR_IN_PROFILE];
    struct turn *most = NULL;
    float most_times = than;
    uint32_t looks = 0;
    for (struct list *at = running->prev; at != running && looks < GATE_LOOKS; at = at->prev, looks++) {
        struct turn *turn = list_entry(at, struct turn, link);
        float times = is_spare(gate, turn) ? gate_times_ordinary(gate, turn) : 0;
        if (times > most_times) {
            most_times = times;
            most = turn;
        }
    }
    return most;
}

/* ---- a place ------------------------------------------------------------------------------------------ */

/* A stranger that waits and whose network owes nothing. */
static bool is_new(const struct turn *turn)
{
    return turn->place.class == FAIR_UNKNOWN && turn->state == TURN_WAITING && !fair_queue_owes(&turn->entry);
}

static uint32_t limit_of(const struct gate *gate, const struct turn *turn, const struct gate_totals *totals)
{
    return turn->entry.stretched && gate_presses(gate, turn) ? totals->strict : gate_class_limit(gate, turn->place.class, totals);
}

bool gate_waits_for_reading(const struct gate *gate, const struct turn *turn)
{
    struct gate_totals totals = gate_totals(gate);
    bool place = gate_busy(&totals, turn->place.class) < limit_of(gate, turn, &totals), fits = false;
    for (size_t i = 0; place && !fits && i < gate->backends_count; i++)
        fits = gate_backend_fits(&gate->backends[i], turn);
    return fits;
}

struct gate_backend *gate_find_room(struct gate *gate, const struct gate_totals *totals, const struct turn *turn, uint64_t now_ms)
{
    struct gate_backend *best = NULL;
    bool low = turn->place.class != FAIR_IN_PROFILE && !gate->limits.one_class;
    uint32_t kept = low && !is_new(turn) ? kept_for_new(gate) : 0;
    enum fair_class class = turn->place.class;
    if (gate_busy(totals, class) + kept >= limit_of(gate, turn, totals))
        return NULL;
    for (size_t i = 0; i < gate->backends_count; i++) {
        struct gate_backend *backend = &gate->backends[(gate->looked_first + i) % gate->backends_count];
        if (gate_backend_has_room(backend, turn, low, now_ms) && (!best || gate_backend_is_better(backend, best)))
            best = backend;
    }
    if (best && turn->prefix && gate->backends_count > 1)
        best = gate_backend_lean(gate->backends, gate->backends_count, best, turn, low, now_ms);
    if (best)
        gate->looked_first = (size_t)(best - gate->backends) + 1;
    return best;
}

unsigned gate_classes_that_may_go(const struct gate *gate, unsigned classes)
{
    return fair_queue_waiting(gate->queue, FAIR_IN_PROFILE) > 0 ? classes & 1u << FAIR_IN_PROFILE : classes;
}

struct gate_backend *gate_find_room_at_once(struct gate *gate, const struct turn *turn, uint64_t now_ms)
{
    struct gate_totals totals = gate_totals(gate);
    if (totals.backends == 0)
        return &gate->backends[0];
    enum fair_class class = turn->place.class;
    const struct fair_entry *next = fair_queue_next(gate->queue, 1u << class);
    bool first = !next || (!turn->entry.stretched && next->stretched);
    bool in_turn = first && gate_classes_that_may_go(gate, 1u << class);
    return in_turn ? gate_find_room(gate, &totals, turn, now_ms) : NULL;
}
