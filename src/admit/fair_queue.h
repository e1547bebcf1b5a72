/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is: weighted virtual token counters, in three levels: class → network → identity, and first come, first served within an identity.
 *
 * Each class, each network within a class and each identity within a network has a counter of the work that it was given, divided by its weight (networks and
 * identities weigh 1). Among classes the turn goes to the one that waits with the lowest counter. Among networks, and among the identities of one, it goes to the
 * lowest *finish*: counter + price of what would be served next (weighted fair queueing: Demers, Keshav, Shenker 1989; Parekh and Gallager 1993), so that one who comes
 * with a small request need not wait until each of many large ones had its turn. Of equal ones the one that waits longest. Work is charged at the turn by its
 * predicted price and corrected when it is known, so a counter may be corrected while its owner waits again.
 *
 * What is *stretched* (its identity had as many calls here, waiting or running, as are its ordinary ones) goes after all of its class that is not; of the stretched, who has the fewest
 * here now for its ordinary ones goes first. A network is where the first of it is.
 *
 * A child that begins to wait is lifted, so that idle time is not saved up (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024, section 4): to the lowest
 * counter of those that wait beside it or, among networks and identities, to their *virtual time* if that is more; when none waits, to the highest that was
 * served so far. The virtual time is what each would have had by now, had they shared all the work that is over: strangers without number, each with a small request,
 * begin later and later, and one with a large request gets its turn. Two consequences, each a rule of its own:
 *
 *     - A refund takes nobody below what it was lifted to when it last began to wait, or an overpriced call that ends late would be a way to save up.
 *     - A class that waits and is passed over because it may not go now (fair_queue_next() was not asked for it, or another class passes) is lifted to the class
 *       that goes: after a siege the unknown do not present the bill for it to everybody else.
 *
 * Whoever waited in vain is charged all the same (fair_queue_leave_in_vain(), for strangers): of those who were given nothing, who asks for the first time goes before who
 * asks again and again, and a flood ranks behind the few that it hides. The debt is at most FAIR_VAIN_TURNS of its requests, and is forgotten when nobody waits beside it.
 *
 * Let P be the dearest request, R what one child has running at most (which may turn out dearer or cheaper), n the children that wait at a level at one time.
 *
 *     - For two identities of one network that both wait throughout, and are not stretched, the counters differ by at most U = P + R, and what they were given in any time by at most
 *       2 U: the bound of the paper. The same holds for networks of a class and, by weights, for classes.
 *     - What a child that owes nothing would be served next has its turn before work of 4 (n + 1) (2 P + R) of the children beside it is over, whoever comes meanwhile; a newcomer's
 *       request of price p, while the same n wait throughout at one price, after n p of it and one request.
 *
 * Pure: no clock, no lock, no memory but its own. O(log n) for each call, n = what waits at one level. Bounded: `waiting_max` entries; of one identity a
 * share of what is left of these (1 / FAIR_SHARE_OF_REST: the dynamic threshold of Choudhury and Hahne, 1998), and `per_identity_max` however little is left;
 * one node for each identity or network that waits or runs, and of those that do neither but are ahead of what waits beside them as many as may wait, at
 * most FAIR_REMEMBERED_MAX: they are forgotten when the others have caught up, or when there are too many (whoever is forgotten starts as somebody new, which
 * anybody can anyway).
 */
#pragma once

#include "base/list.h"
#include "base/span.h"

#define FAIR_REMEMBERED_MAX 65536
#define FAIR_SHARE_OF_REST 16
#define FAIR_VAIN_TURNS 8
#define FAIR_LOOKS 8
#define FAIR_PRICE_MAX (UINT64_C(1) << 40) /* wt; more counts as this, and nothing as 1 */

enum fair_class { FAIR_IN_PROFILE, FAIR_PAID, FAIR_UNKNOWN, FAIR_CLASSES };
/* "in_profile", "paid", "unknown": in the log, the metrics and the admin API. */
struct span fair_class_name(enum fair_class class);

struct fair_queue;
struct fair_node; /* an identity within its network and class */

struct fair_limits {
    uint32_t weights[FAIR_CLASSES]; /* ≥ 1 */
    uint32_t waiting_max;           /* ≥ 1 */
    uint32_t per_identity_max;      /* ≥ 1 */
};

/* Embedded in what waits. `node` is set from push or pass until it left or was settled. The first two are set before; all others are written by the queue alone. */
struct fair_entry {
    float ordinary_calls;     /* of its identity; 0: any number */
    bool stretched;           /* beyond these; then there is such a number */
    struct list link;         /* in its identity */
    struct list arrival_link; /* in its class */
    struct fair_node *node;
    uint64_t price;  /* charged at the turn; wt */
    uint64_t number; /* order of arrival */
    bool gives_way;
};

/* NULL when out of memory. */
struct fair_queue *fair_queue_new(const struct fair_limits *limits) must_check;
/* Nothing may wait or run. Accepts NULL. */
void fair_queue_free(struct fair_queue *queue);

/* Other bounds for what comes from now on; what waits stays. */
void fair_queue_set_bounds(struct fair_queue *queue, uint32_t waiting_max,
                           uint32_t per_identity_max);

struct fair_place {
    enum fair_class class;
    uint64_t network, identity;
};

/* A request that need not wait: it gets its turn now and is charged. 0 or -ENOMEM. */
int fair_queue_pass(struct fair_queue *queue, struct fair_entry *entry,
                    const struct fair_place *place, uint64_t price) must_check;
/* A request that waits. 0; -EAGAIN: its identity has as many waiting as it may; -ENOSPC: waiting_max; -ENOMEM. */
int fair_queue_push(struct fair_queue *queue, struct fair_entry *entry,
                    const struct fair_place *place, uint64_t price) must_check;
/* In front of what its identity has waiting, and the last of its class to be displaced: one that had a turn and lost it (settle it first), or comes back with a
 * ticket. Results as above. */
int fair_queue_push_first(struct fair_queue *queue, struct fair_entry *entry,
                          const struct fair_place *place, uint64_t price) must_check;

/* Who is next among the classes whose bit (1 << class) is in `classes`; NULL when none of them waits. Stays in place. */
struct fair_entry *fair_queue_next(struct fair_queue *queue, unsigned classes);
/* The turn of what fair_queue_next() gave: it leaves the queue and its price is charged. */
void fair_queue_take(struct fair_queue *queue, struct fair_entry *entry);
/* Gives up waiting: nothing is charged. */
void fair_queue_leave(struct fair_queue *queue, struct fair_entry *entry);
/* Waited in vain: its network and identity are charged as if it had had its turn, up to FAIR_VAIN_TURNS times its price ahead of their level; its class is not. So who
 * asks once goes before who asks again and again. */
void fair_queue_leave_in_vain(struct fair_queue *queue, struct fair_entry *entry);
/* The work of one that had its turn is over: charges `used` instead of its price. */
void fair_queue_settle(struct fair_queue *queue, struct fair_entry *entry, uint64_t used);
/* It turned out dearer than its price while it runs: charges the difference now; `price` grows to `used`. */
void fair_queue_charge(struct fair_queue *queue, struct fair_entry *entry, uint64_t used);

/* Who goes when all is full and a request of this place and price comes: the newest of the lowest class that waits and is lower; where there is none and it is unknown
 * itself, one of the unknown that would be served late and after it (of FAIR_LOOKS that are looked at). NULL: it has to go itself. */
struct fair_entry *fair_queue_displaced_by(struct fair_queue *queue, const struct fair_place *place, uint64_t price);

/* Of an identity in its class: how many of its entries run, without those that give way, and how many wait. */
struct fair_calls {
    uint32_t running, waiting;
};
struct fair_calls fair_queue_calls(const struct fair_queue *queue, const struct fair_place *place);
/* The same, of the identity of an entry that waits or runs. */
struct fair_calls fair_queue_calls_beside(const struct fair_entry *entry);
/* One that runs is being ended for others; until it is settled. Once for each. */
void fair_queue_give_way(struct fair_entry *entry);

/* Of one that waits: was its network given more than those beside it when it began to wait, or has it asked in vain? */
bool fair_queue_owes(const struct fair_entry *entry);

/* Forgets what need not be remembered any more, looking at no more than `nodes`. Each fourth call or so looks at one by itself; a quiet time
 * is for the rest. */
void fair_queue_tidy(struct fair_queue *queue, size_t nodes);

uint32_t fair_queue_waiting(const struct fair_queue *queue, enum fair_class class);
/* Price of all that waits in `class`, and of what would have its turn before a new entry of it: an estimate for people and for deadlines. */
uint64_t fair_queue_price_waiting(const struct fair_queue *queue, enum fair_class class);
/* Price of what of its class has its turn before this entry, which waits; a lower bound, looked for up to `most` and among a few dozen. */
double fair_queue_work_before(const struct fair_entry *entry, double most);
/* Identities and networks in memory. */
size_t fair_queue_nodes(const struct fair_queue *queue);

/* For tests and `explain`: counters on the way to an identity, wt / weight; 0 where there is no node. */
struct fair_counters {
    double class, network, identity;
};
struct fair_counters fair_queue_counters(const struct fair_queue *queue,
                                         const struct fair_place *place);
