/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets: who cannot be served now is told when to come back, and finds the place kept.
 *
 * A plan hands out times one after another, each as far from the one before as its price takes at the rate that is free for its class, so the returns of all who were
 * turned away add up to what can be served: a storm of retries becomes a queue. The time goes out as `Retry-After`, which the official clients' own retry honours, and
 * in a ticket:
 *
 *     SSSSSSSSSSS.TTTTTTTTTTT.MMMMMMMMMMM   serial, due time in ms, MAC (SipHash-2-4 over serial, time, class and identity); base62
 *
 * A ticket is worth something only to the identity it was given to, in the class it was given for, from its time on until TICKET_LATE_MS after it, once. An early or
 * forged one costs one hash.
 *
 * The wall clock may jump. Forward: tickets are late. Back: the plan begins again at the new time, and a ticket whose time is further ahead than is ever
 * promised is due at once, since nobody was told to wait so long. A plan that is made anew knows no ticket of an older one, whatever their key: these are late.
 *
 * Pure; one plan belongs to one gate and its lock. 128 KiB: not for the stack.
 */
#pragma once

#include "base/mac.h"
#include "base/span.h"

#define TICKET_TEXT_BYTES 35
#define TICKET_LATE_MS 60000
#define TICKET_AHEAD_MS_MAX 60000    /* further ahead nothing is promised: OpenAI's client libraries obey a Retry-After of a minute, and no longer one */
#define TICKET_PROMISED_MS_MAX (2 * TICKET_AHEAD_MS_MAX) /* until the plan is free again at most: the last time, and its work */
#define TICKET_SOONEST_MS 1000
#define TICKET_EARLY_MS 50           /* clocks and networks are not exact */
#define TICKET_SPACING_MS_MIN 2      /* from one of a class to the next, however cheap */
#define TICKETS_OUT_MAX 1048576      /* serials that are remembered as used: a window of the newest, and all that can be out */
#define TICKET_CLASSES 3

struct ticket_plan {
    struct mac_key key;
    uint64_t next_free_ms[TICKET_CLASSES];
    uint64_t serial;                          /* of the next ticket */
    uint64_t used[TICKETS_OUT_MAX / 64];      /* a bit for each of the newest serials */
};

struct ticket {
    uint64_t serial;
    uint64_t due_ms;    /* wall clock */
    uint32_t wait_ms;   /* from now; what Retry-After says, rounded up to seconds by the caller */
    uint32_t work_ms;   /* that it takes of the plan */
};

void ticket_plan_init(struct ticket_plan *plan, const struct mac_key *key);
/* A time for work of `price` when `rate` (wt/s) is free for the class. False when it would be too far ahead, or takes longer than TICKET_AHEAD_MS_MAX by itself: no
 * ticket, and the plan is as it was. */
bool ticket_issue(struct ticket_plan *plan, unsigned class, uint64_t price, double rate, uint64_t wall_ms, struct ticket *ret_ticket);
/* How long work of `price` takes at `rate`; UINT32_MAX: longer than TICKET_AHEAD_MS_MAX. */
uint32_t ticket_work_ms(uint64_t price, double rate);
/* How much of the plan of a class is free: 0 to TICKET_AHEAD_MS_MAX - TICKET_SOONEST_MS. */
uint32_t ticket_rest_ms(const struct ticket_plan *plan, unsigned class, uint64_t wall_ms);
void ticket_write(const struct ticket_plan *plan, const struct ticket *ticket, unsigned class, uint64_t identity, char ret_text[TICKET_TEXT_BYTES + 1]);

enum ticket_verdict { TICKET_NONE, TICKET_DUE, TICKET_EARLY, TICKET_LATE, TICKET_USED, TICKET_FORGED };
/* Never TICKET_NONE. TICKET_DUE marks it as used. *ret_wait_ms is written for an early one: until it is due. */
enum ticket_verdict ticket_check(struct ticket_plan *plan, struct span text, unsigned class, uint64_t identity, uint64_t wall_ms, uint32_t *ret_wait_ms);
/* The ticket of that serial, which was issued, is used: what it promised was kept otherwise. */
void ticket_use(struct ticket_plan *plan, uint64_t serial);
