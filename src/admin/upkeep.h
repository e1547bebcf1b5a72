/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keys, and the profiles, need by the clock: the snapshot after each change, last used times once a minute, a database that could not be read asked
 * again, one that vanished told and made again, a ring that a worker did not take sent again; and the turns of the profiles' keeper; what limits need to know of the ledger. Control thread; the work itself is the store thread's.
 */
#pragma once

#include <stdint.h>

struct admin;

#define UPKEEP_TICK_MS 1000
#define UPKEEP_USED_MS 60000U /* last used times to the database */
#define UPKEEP_RETRY_MS                                                                            \
    5000U /* a database that cannot be read; a snapshot that could not be written */

/* 0 or -ENOMEM. */
int upkeep_start(struct admin *admin);
/* Hands over what is not written yet. */
void upkeep_stop(struct admin *admin);
/* The ring in force is another one. */
void upkeep_keys_changed(struct admin *admin);
/* The limits of a key or an account, or the configuration, are other ones: what they need to know of the past is read. */
void upkeep_limits_changed(struct admin *admin);
/* What the tick does; `now_ms` is monotonic. For tests too. */
void upkeep_tick(struct admin *admin, uint64_t now_ms);
