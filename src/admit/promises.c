/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring in the order in which promises were made, which is that of their times but for a clock that was set back; and chains by network through it, newest first. A kept
 * promise stays in the ring, dead, until those before it have gone.
 */
#include "admit/promises.h"

#include "base/alloc.h"
#include "base/random.h"

#define BUCKETS PROMISES_MAX
#define NOBODY 0

_Static_assert((TICKET_AHEAD_MS_MAX + TICKET_LATE_MS) / TICKET_SPACING_MS_MIN < PROMISES_MAX,
               "a promise of one class that is out would be forgotten");
_Static_assert((PROMISES_MAX & (PROMISES_MAX - 1)) == 0, "buckets are found by a mask");

struct promise {
    uint64_t network, identity;
    uint64_t serial, due_ms;
    uint32_t work_ms; /* that it takes of the plan */
    uint32_t next;    /* of its bucket, as a link */
    uint8_t class;
    bool out;
};

struct promises {
    struct ticket_plan plan;
    struct mac_key hash_key;
    uint32_t first, count; /* of the ring */
    uint32_t out;
    /* Links: a place in the ring and 1; NOBODY: none. Zero, so that nothing of it is touched before it is used. */
    uint32_t buckets[BUCKETS];
    struct promise ring[PROMISES_MAX];
};

struct promises *promises_new(const struct mac_key *key)
{
    struct promises *promises = mem_zalloc(sizeof(*promises));
    if (!promises)
        return NULL;
    ticket_plan_init(&promises->plan, key);
    random_bytes(&promises->hash_key, sizeof(promises->hash_key));
    return promises;
}

void promises_free(struct promises *promises)
{
    mem_free(promises);
}

static struct promise *linked(struct promises *promises, uint32_t link)
{
    return &promises->ring[link - 1];
}

static uint32_t *bucket_of(struct promises *promises, uint64_t network)
{
    uint64_t hash = mac_64(&promises->hash_key, span_of(&network, sizeof(network)));
    return &promises->buckets[hash & (BUCKETS - 1)];
}

static void drop(struct promises *promises, uint32_t at)
{
    struct promise *promise = &promises->ring[at];
    uint32_t *link = bucket_of(promises, promise->network);
    while (*link != at + 1)
        link = &linked(promises, *link)->next;
    *link = promise->next;
    promise->out = false;
    promises->out--;
}

static void drop_first(struct promises *promises)
{
    if (promises->ring[promises->first].out)
        drop(promises, promises->first);
    promises->first = (promises->first + 1) % PROMISES_MAX;
    promises->count--;
}

static bool is_over(const struct promise *promise, uint64_t wall_ms)
{
    return !promise->out || wall_ms > promise->due_ms + TICKET_LATE_MS ||
           promise->due_ms > wall_ms + TICKET_PROMISED_MS_MAX;
}

/* Each promise goes once, so this costs no more than they did. */
static void forget_over(struct promises *promises, uint64_t wall_ms)
{
    while (promises->count > 0 && is_over(&promises->ring[promises->first], wall_ms))
        drop_first(promises);
}

/* What a network has, and which is the identity's; NOBODY: none. */
struct share {
    uint32_t own; /* a link */
    uint32_t count;
    uint64_t work_ms; /* that is still to come */
};

static struct share share_of(struct promises *promises, const struct fair_place *place,
                             uint64_t wall_ms)
{
    struct share share = {.own = NOBODY};
    if (promises->out == 0)
        return share;
    uint32_t link = *bucket_of(promises, place->network);
    for (; link != NOBODY; link = linked(promises, link)->next) {
        const struct promise *promise = linked(promises, link);
        if (promise->network != place->network || promise->class != place->class ||
            is_over(promise, wall_ms))
            continue;
        share.count++;
        share.work_ms += promise->due_ms > wall_ms ? promise->work_ms : 0;
        if (promise->identity == place->identity)
            share.own = link;
    }
    return share;
}

static void remember(struct promises *promises, const struct fair_place *place,
                     const struct ticket *ticket)
{
    if (promises->count == PROMISES_MAX)
        drop_first(promises);
    uint32_t at = (promises->first + promises->count++) % PROMISES_MAX;
    uint32_t *bucket = bucket_of(promises, place->network);
    promises->ring[at] = (struct promise){.network = place->network,
                                          .identity = place->identity,
                                          .serial = ticket->serial,
                                          .due_ms = ticket->due_ms,
                                          .work_ms = ticket->work_ms,
                                          .next = *bucket,
                                          .class = (uint8_t)place->class,
                                          .out = true};
    *bucket = at + 1;
    promises->out++;
}

/* The first promise of a network may take half of what is left of the plan, or all of an empty one: where engines are slow a single request is worth much of it. */
static bool may_have(const struct promises *promises, const struct fair_place *place,
                     const struct share *share, uint32_t work_ms, uint64_t wall_ms)
{
    uint32_t rest_ms = ticket_rest_ms(&promises->plan, place->class, wall_ms);
    if (share->count == 0)
        return rest_ms == TICKET_AHEAD_MS_MAX - TICKET_SOONEST_MS || work_ms <= rest_ms / 2;
    return share->count < PROMISES_PER_NETWORK_MAX &&
           share->work_ms + work_ms <= rest_ms / PROMISES_SHARE_OF_REST;
}

bool promises_make(struct promises *promises, const struct fair_place *place, uint64_t price,
                   double rate, uint64_t wall_ms, struct ticket *ret_ticket)
{
    forget_over(promises, wall_ms);
    struct share share = share_of(promises, place, wall_ms);
    if (share.own != NOBODY) {
        const struct promise *own = linked(promises, share.own);
        uint64_t soonest_ms = wall_ms + TICKET_SOONEST_MS;
        *ret_ticket = (struct ticket){
            .serial = own->serial,
            .due_ms = own->due_ms,
            .wait_ms = (uint32_t)(MAX(own->due_ms, soonest_ms) - wall_ms),
            .work_ms = own->work_ms,
        };
        return true;
    }
    struct ticket ticket;
    if (!may_have(promises, place, &share, ticket_work_ms(price, rate), wall_ms) ||
        !ticket_issue(&promises->plan, place->class, price, rate, wall_ms, &ticket))
        return false;
    remember(promises, place, &ticket);
    *ret_ticket = ticket;
    return true;
}

void promises_write(const struct promises *promises, const struct ticket *ticket,
                    const struct fair_place *place, char ret_text[TICKET_TEXT_BYTES + 1])
{
    ticket_write(&promises->plan, ticket, place->class, place->identity, ret_text);
}

/* By what is remembered. */
static enum ticket_verdict claim_own(struct promises *promises, uint32_t link, bool room,
                                     uint64_t wall_ms, uint32_t *ret_wait_ms)
{
    const struct promise *promise = linked(promises, link);
    if (!room && wall_ms + TICKET_EARLY_MS < promise->due_ms) {
        *ret_wait_ms = (uint32_t)(promise->due_ms - wall_ms);
        return TICKET_EARLY;
    }
    ticket_use(&promises->plan, promise->serial);
    drop(promises, link - 1);
    return TICKET_DUE;
}

enum ticket_verdict promises_claim(struct promises *promises, const struct fair_place *place,
                                   struct span text, bool room, uint64_t wall_ms,
                                   uint32_t *ret_wait_ms)
{
    forget_over(promises, wall_ms);
    struct share share = share_of(promises, place, wall_ms);
    if (share.own != NOBODY)
        return claim_own(promises, share.own, room, wall_ms, ret_wait_ms);
    if (span_is_null(text))
        return TICKET_NONE;
    return ticket_check(&promises->plan, text, place->class, place->identity, wall_ms, ret_wait_ms);
}

size_t promises_out(const struct promises *promises)
{
    return promises->out;
}
