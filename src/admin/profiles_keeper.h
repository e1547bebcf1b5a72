/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the profiles over a restart: in the database, and in profiles.snapshot beside it (profiles_file.h), so that a database that is lost or locked loses
 * nothing.
 *
 *   start    database, then the file: of each identity the later record counts
 *   running  each KEEPER_WRITE_MS a turn: what changed goes to the file and to the database, KEEPER_SLICE profiles a job, so that others have
 *            their turn at the store thread between
 *   end      profiles_keeper_stop(): all that is left in one job
 *
 * A database or file that refuses a turn is tried again KEEPER_RETRY_MS later, and gets all profiles when it takes them; so does a database that was made anew, at
 * once. One that could not be read at the start is read when it answers, and what it knows is merged into what was learned meanwhile. A crash loses what was learned since the last turn.
 *
 * Belongs to the control thread; jobs run on the helper.
 */
#pragma once

#include "identity/profiles.h"
#include "loop/mailbox.h"
#include "store/store.h"

#define KEEPER_WRITE_MS 30000U
#define KEEPER_RETRY_MS 5000U   /* while something refuses */
#define KEEPER_TRIM_MS 3600000U /* rows above the table's maximum are removed */
#define KEEPER_SLICE 4096

struct profiles_keeper;

struct profiles_keeper_spec {
    struct helper *helper;
    struct store *store;       /* used on the helper, and in profiles_keeper_new() */
    struct profiles *profiles; /* outlives the keeper */
    const char *folder;        /* profiles.snapshot lives here; copied */
};

/* Fills the profiles. Blocks (before the workers start). *ret_trouble says what was wrong (it is logged too), "" when nothing. NULL when out of memory. */
struct profiles_keeper *profiles_keeper_new(const struct profiles_keeper_spec *spec, struct err *ret_trouble) must_check;
/* After helper_free(). Accepts NULL. */
void profiles_keeper_free(struct profiles_keeper *keeper);

/* To be called once a second; `now_ms` is monotonic. */
void profiles_keeper_tick(struct profiles_keeper *keeper, uint64_t now_ms);
/* The database is another one than before. */
void profiles_keeper_database_lost(struct profiles_keeper *keeper);
/* Hands over what is not written yet; nothing is written afterwards. For the end, and for when another gateway takes over: it reads behind this job.
 * Accepts NULL; the second time does nothing. */
void profiles_keeper_stop(struct profiles_keeper *keeper);

/* Forgets one identity here, in the database and in the file. On the helper. True when it was known. < 0: it may come back after a restart. */
int profiles_keeper_forget(struct profiles_keeper *keeper, uint64_t id, uint64_t wall_ms, struct err *err) must_check;

/* "" when nothing is. */
const char *profiles_keeper_trouble(const struct profiles_keeper *keeper);
