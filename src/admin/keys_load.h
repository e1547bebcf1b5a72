/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All keys there are: from the database, and from keys.snapshot where the database does not know. Blocks: store thread, or before the
 * workers start.
 *
 *   database         snapshot    ring
 *   read             any         the database's
 *   read, made anew  whole       both; the database gets the keys back
 *   read, made anew  damaged     both, and unlisted keys of ours are let in by their MAC
 *   read, made anew  none        the database's; if empty, unlisted keys of ours are let in by their MAC
 *                                (a first start, or all was lost)
 *   not to be read   whole       the snapshot's; the database is asked again until it can be read
 *   not to be read   else        what there is, and unlisted ones of ours; asked again
 */
#pragma once

#include "admin/admin.h"

struct keys_loaded {
    struct keyring *ring; /* the caller's */
    bool trust_unlisted;
    bool incomplete; /* the database could not be read */
};

/* `present` (may be NULL): keys in force, which count like those of a snapshot. 0 or -ENOMEM; *ret_trouble as admin_load_keys(). */
int keys_load(struct store *store, const char *snapshot_path, const struct mac_key *mac,
              const struct keyring *present, struct keys_loaded *ret_loaded,
              struct err *ret_trouble) must_check;

/* A database that was made anew while we ran gets back the keys of `ring`. 0 or -errno with *err. */
int keys_restore_if_missing(struct store *store, const struct keyring *ring,
                            struct err *err) must_check;
