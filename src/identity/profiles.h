/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profiles of all identities (identity.h), shared by all workers: PROFILES_SHARDS tables, each under its own lock that is held for one look-up, or
 * for PROFILES_PIECE of them by those that go round.
 *
 * An identity enters with the first call that teaches something (profile_use_earns()), by a grant or by an import. So a stranger who comes in a siege, hangs up
 * or is refused takes no memory, and a flood of new addresses pushes nobody out.
 *
 * Memory is bounded by `identities_max`, shared out evenly among the shards: 168 bytes an identity, taken as they come, and a table of 4 bytes for 0.5 to 0.67 of them
 * from the start. When a shard is full the identity that was seen longest ago goes, among those that are not trusted; a
 * trusted one is never dropped for a stranger, but one whose trust has lapsed is. A shard full of trusted ones takes no stranger in: these are then judged
 * without memory, as unknown.
 *
 * Any thread, each function. Times are wall clock.
 */
#pragma once

#include "identity/profile.h"

#define PROFILES_SHARDS 64
#define PROFILES_MAX 10000000u
#define PROFILES_PIECE 256 /* profiles copied in one hold of a lock: 38 KB */

struct profiles;

/* 1 … PROFILES_MAX. NULL when out of memory. */
struct profiles *profiles_new(uint32_t identities_max) must_check;
void profiles_free(struct profiles *profiles);
uint64_t profiles_count(struct profiles *profiles);
/* How many there may be: `identities_max`, rounded up to whole shards. */
uint32_t profiles_max(const struct profiles *profiles);

/* What the gate needs to know of a caller. */
struct standing {
    bool trusted;
    bool in_profile;       /* before this request's price was taken */
    float balance;         /* wt, before this request's price was taken; 0: not trusted */
    float rate;            /* wt/s; 0: not trusted */
    float request_wt;      /* mean; 0: unknown */
    float output_log;      /* see struct profile */
    uint64_t reserved_wt;  /* what profiles_reserve() took; 0 of profiles_look() */
    float ordinary_calls;  /* profile_ordinary_calls(); 0 of profiles_look() */
};
struct standing profiles_look(struct profiles *profiles, uint64_t id, uint64_t wall_ms);
/* Takes `wt` (> 0) of an identity that is in-profile and has fewer such calls under way than is its way (profile_calls(), `call_s`), and tells whether it was so: one step
 * under one lock, so that a thousand calls at once cannot all see the same balance. Each needs one profiles_settle() with `reserved_wt`. */
struct standing profiles_reserve(struct profiles *profiles, uint64_t id, uint64_t wt, double call_s, uint64_t wall_ms);
/* Without memory for a newcomer it has learned nothing. */
void profiles_settle(struct profiles *profiles, uint64_t id, const struct profile_use *use, uint64_t wall_ms);

/* For the admin API and the store. */
bool profiles_get(struct profiles *profiles, uint64_t id, uint64_t wall_ms, struct profile *ret_profile);
/* Adds or replaces, as it is; it counts as the newest. 0, -ENOSPC (its shard is full of trusted ones), -ENOMEM, or -EINVAL (id 0). */
int profiles_put(struct profiles *profiles, const struct profile *profile, uint64_t wall_ms) must_check;
bool profiles_forget(struct profiles *profiles, uint64_t id);
/* Changes one in place under its lock; `change` tells whether it did. It is made when it is new and `make` is true. 0, -ENOENT when there is none, or as
 * profiles_put(). */
int profiles_change(struct profiles *profiles, uint64_t id, bool make, uint64_t wall_ms, bool (*change)(struct profile *profile, void *arg), void *arg) must_check;

/* Copies profiles of one shard that changed since they were last taken, and marks them as taken: at most PROFILES_PIECE; 0 when there is none left. The
 * store's writer goes round the shards with it. */
size_t profiles_take_changed(struct profiles *profiles, uint32_t shard, struct profile ret_profiles[PROFILES_PIECE]);
/* A number of its own for each id, in the order of that round: rows that are written together lie together in a table that is kept in this order. */
uint64_t profiles_place(uint64_t id);
/* All of them have changed, for a store that lost what it had. */
void profiles_touch_all(struct profiles *profiles);

/* Goes round all, from a zeroed cursor on; 0 at the end. What comes or goes meanwhile may be missed. Not advanced. */
struct profiles_cursor {
    uint32_t shard, slot;
};
size_t profiles_walk(struct profiles *profiles, struct profiles_cursor *cursor, struct profile ret_profiles[PROFILES_PIECE]);

struct profiles_totals {
    uint64_t identities, trusted, in_profile;
    double rate;           /* of the trusted ones together, wt/s */
};
/* These two look at every identity: about a second for ten million. Not for a thread that serves. */
struct profiles_totals profiles_totals(struct profiles *profiles, uint64_t wall_ms);
/* The trusted ones with the largest rates, largest first, advanced; returns how many. */
size_t profiles_largest(struct profiles *profiles, uint64_t wall_ms, struct profile *ret_profiles, size_t profiles_max);
