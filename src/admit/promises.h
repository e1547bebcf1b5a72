/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promises: who was sent away and told a time, remembered by identity, so that a client that only obeys `Retry-After` has on its return what the bearer of a ticket
 * (ticket.h) has: its call is of class paid, once. A ticket is proof where memory is not: it is good for the same promise and for no second one.
 *
 *     - An identity has one promise at a time. While it is out, whoever asks under it again is told the same time, so that asking more often gains nothing.
 *     - A network has PROMISES_PER_NETWORK_MAX at most, and of the plan a share of what is left of it (1 / PROMISES_SHARE_OF_REST, the dynamic threshold by which
 *       fair_queue.h shares places); its first one, half of what is left. Many networks with large requests leave room behind them for small ones, and one network cannot take the plan.
 *     - A promise that nobody came for is forgotten TICKET_LATE_MS after its time. Its time in the plan is over by then, and went to those who waited.
 *
 * Bounded: the plan gives a class one time each TICKET_SPACING_MS_MIN and none further ahead than TICKET_AHEAD_MS_MAX, so PROMISES_MAX hold all that can be out of one
 * class, whoever asks; of several classes the oldest go first. What is forgotten still has its ticket.
 *
 * When the wall clock jumps forward, promises are late; when it jumps back, those that would then be further ahead than is ever promised are forgotten.
 *
 * Pure: no clock, no lock. O(promises of the network). One set belongs to one gate and its lock. About 3 MiB, touched as they are used.
 */
#pragma once

#include "admit/fair_queue.h"
#include "admit/ticket.h"

#define PROMISES_MAX 65536
#define PROMISES_PER_NETWORK_MAX 64
#define PROMISES_SHARE_OF_REST 8

struct promises;

/* NULL when out of memory. `key` makes and checks the tickets. */
struct promises *promises_new(const struct mac_key *key) must_check;
/* Accepts NULL. */
void promises_free(struct promises *promises);

/* A time for work of `price` when `rate` (wt/s) is free for the place's class: the one it has already, or a new one. False: its network has its share of the plan, or
 * the plan is full; nothing has changed. */
bool promises_make(struct promises *promises, const struct fair_place *place, uint64_t price,
                   double rate, uint64_t wall_ms, struct ticket *ret_ticket);
/* The text of a ticket that promises_make() gave to `place`. */
void promises_write(const struct promises *promises, const struct ticket *ticket,
                    const struct fair_place *place, char ret_text[TICKET_TEXT_BYTES + 1]);

/* Somebody asks. `text` is the ticket it brought, or null; `room`: there is room for it now, so that what is remembered for later is kept at once. TICKET_DUE: what it
 * was promised is due, and is hereby kept. TICKET_EARLY: *ret_wait_ms until then.
 * TICKET_NONE: it brought none, and there is no promise. TICKET_LATE, _USED, _FORGED: its ticket is worth nothing, and there is no promise either. */
enum ticket_verdict promises_claim(struct promises *promises, const struct fair_place *place,
                                   struct span text, bool room, uint64_t wall_ms,
                                   uint32_t *ret_wait_ms);

/* Out now: not yet kept, and not forgotten. */
size_t promises_out(const struct promises *promises);
