/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who there is: the identities of all groups, each with an address of its own in 127.0.0.0/8, a key or none, and the
 * connections that it keeps.
 *
 * Group g (from 0) has 127.16(g+1).0.0/12, of which its `networks` first /24s are used, one host in each before a second in the
 * first. A group that is turned from another has that one's first identities, addresses, keys and connections.
 *
 * Belongs to one thread.
 */
#pragma once

#include "base/list.h"
#include "storm/keys.h"
#include "storm/scenario.h"

#define POPULATION_KEY_BYTES 52 /* of a forged key, terminated */

struct identity {
    uint32_t address; /* host byte order */
    uint32_t open;    /* connections, idle ones too */
    struct list idle; /* connections that wait for the next request; the last used first */
};

struct population;

/* `known` and `fresh` may be NULL: then nobody sends those keys; else there must be one for each identity that wants one. They outlive
 * the population, as the scenario does. 0, -EINVAL (too few keys) or -ENOMEM with *err. */
int population_new(const struct scenario *scenario, const struct keys *known,
                   const struct keys *fresh, struct population **ret_population,
                   struct err *err) must_check;
void population_free(struct population *population);

/* `index` within the group. */
struct identity *population_at(struct population *population, uint32_t group, uint32_t index);
/* Has this identity been turned by then, so that it sends nothing more for this group? */
bool population_is_turned(const struct population *population, uint32_t group, uint32_t index,
                          double at_s);
/* The key that it sends; null: none. A forged one is written into `room`, another for each seed. */
struct span population_key(const struct population *population, uint32_t group, uint32_t index,
                           uint64_t seed, char room[POPULATION_KEY_BYTES]);
