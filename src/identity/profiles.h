/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profiles of all identities, shared by all workers: PROFILES_SHARDS tables, each under its own lock that is held for one look-up.
 *
 * Who an identity is: an API key, else (where calls without a key are let in) the caller's address, /64 of IPv6; its network is the
 * /24 or the /48 that its address lies in. Ids are made by identity_of_…() with a key of this installation, so that an address is not kept.
 *
 * Memory is bounded by `identities_max`. When a shard is full the identity that was seen longest ago goes, among those that are not trusted; a
 * trusted one is never dropped for a stranger. A shard full of trusted ones takes no stranger in: these are then judged without memory, as unknown.
 */
#pragma once

#include "base/err.h"
#include "base/mac.h"
#include "identity/profile.h"

#include <sys/socket.h>

#define PROFILES_SHARDS 64
#define PROFILES_MAX 10000000u

struct profiles;

/* NULL when out of memory. Memory is taken as identities come. */
struct profiles *profiles_new(uint32_t identities_max) must_check;
void profiles_free(struct profiles *profiles);

uint64_t identity_of_key(uint64_t key_id);
/* The address as one caller (IPv4 whole, IPv6 /64), and the network it belongs to (/24, /48). */
uint64_t identity_of_address(const struct mac_key *key, const struct sockaddr_storage *address);
uint64_t identity_network(const struct mac_key *key, const struct sockaddr_storage *address);

/* What the gate needs to know of a caller. */
struct standing {
    bool trusted;
    bool in_profile;       /* before this request's price was taken */
    float rate;            /* wt/s; 0: not trusted */
    float request_wt;      /* mean; 0: unknown */
    float output_log;      /* see struct profile */
};
struct standing profiles_look(struct profiles *profiles, uint64_t id, uint64_t wall_ms);
/* Takes `wt` of a trusted identity and tells whether it was in-profile before: one step under one lock, so that a thousand calls at once
 * cannot all see the same balance. */
struct standing profiles_reserve(struct profiles *profiles, uint64_t id, uint64_t wt, uint64_t wall_ms);
void profiles_settle(struct profiles *profiles, uint64_t id, const struct profile_use *use, uint64_t wall_ms);

/* For the admin API and the store. */
bool profiles_get(struct profiles *profiles, uint64_t id, uint64_t wall_ms, struct profile *ret_profile);
/* Adds or replaces. 0, -ENOSPC (its shard is full of trusted ones) or -ENOMEM. */
int profiles_put(struct profiles *profiles, const struct profile *profile) must_check;
bool profiles_forget(struct profiles *profiles, uint64_t id);
/* Changes one in place under its lock; it is made when it is new and `make` is true. False when there is none. */
bool profiles_change(struct profiles *profiles, uint64_t id, bool make, void (*change)(struct profile *profile, void *arg), void *arg);
/* Copies profiles of one shard that changed since they were last taken, and marks them as taken; 0 when there is none left. The store's writer
 * goes round the shards with it. */
size_t profiles_take_changed(struct profiles *profiles, uint32_t shard, struct profile *ret_profiles, size_t profiles_max);

struct profiles_totals {
    uint64_t identities, trusted, in_profile;
    double rate;           /* of the trusted ones together, wt/s */
};
struct profiles_totals profiles_totals(struct profiles *profiles, uint64_t wall_ms);
