/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One backend at a gate: its limits, what is under way there, what was hung up and works on, and whether one more call fits. Private to the gate, whose manual
 * (gate.h) has the rules.
 */
#pragma once

#include "admit/gate.h"

struct gate_backend {
    struct limiter limiter;
    uint32_t weight;
    uint32_t calls_max; /* the operator's; 0: none */
    bool available;
    uint32_t under_way, under_way_most; /* now, and since the last tick */
    uint32_t in_profile;                /* of those under way */
    double reads_until_ms; /* the prompts that went there, at GATE_READ_SHARE of the engine's time */
    uint64_t kv_reserved;
    uint32_t stop_ms;
    struct leaving leaving;        /* hung up, and not stopped yet */
    struct prefix_table prefixes;  /* of prompts that went there */
    uint64_t blocks, known_blocks; /* of these prompts; as in the view */
};

void gate_backend_init(struct gate_backend *backend);
/* What the operator or the engine sets: never more. */
uint32_t gate_backend_cap(const struct gate_backend *backend);
uint32_t gate_backend_limit(const struct gate_backend *backend);
uint32_t gate_backend_strict_limit(const struct gate_backend *backend);
/* Calls whose end a request of this class has to wait for. */
uint32_t gate_backend_busy(const struct gate_backend *backend, enum fair_class class);
/* Is there a place, and a part of the cache, for it? */
bool gate_backend_fits(const struct gate_backend *backend, const struct turn *turn);
/* … and does nothing hold it back? `low`: its class is to go elsewhere while the engine says that it has too much to do. It too, and who is stretched, while prompts are to be read beside
 * in-profile calls. */
bool gate_backend_has_room(const struct gate_backend *backend, const struct turn *turn, bool low,
                           uint64_t now_ms);
/* One that is below its limit before one that is not; then the least (busy + 1) / (limit × weight). */
bool gate_backend_is_better(const struct gate_backend *backend, const struct gate_backend *best);

/* `least`, or one that has read more of the prompt and is more loaded by GATE_LEAN of its limit at most. */
struct gate_backend *gate_backend_lean(struct gate_backend *backends, size_t count,
                                       struct gate_backend *least, const struct turn *turn,
                                       bool low, uint64_t now_ms);

/* It goes there; `turn->kv` is set. */
void gate_backend_take(struct gate_backend *backend, struct turn *turn);
/* It wrote more than was reserved: true when that takes more of the cache. */
bool gate_backend_take_more(struct gate_backend *backend, struct turn *turn);
/* It is over; what was hung up goes on for a while. */
void gate_backend_give_back(struct gate_backend *backend, const struct turn *turn, uint64_t now_ms);

/* In-profile requests wait for a stop there, which comes. */
bool gate_backend_stops_late(const struct gate_backend *backend);

void gate_backend_look(const struct gate_backend *backend, struct gate_backend_view *ret_view);
