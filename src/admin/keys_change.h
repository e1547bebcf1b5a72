/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of the keys: made, disabled, rotated, limited, imported; or of an account's limits. One at a time, in the order in which they were asked for.
 *
 *   control thread          store thread                                          control thread
 *   keys_change_start() ──▶ read the wish ─▶ build the next ring ─▶ database ──▶  ring in force, answer, snapshot
 *
 * The ring is built before the database is asked, so that what the database has taken can always be put in force; and when the database
 * refuses, nothing has changed. Rings of a million keys are built and freed on the store thread.
 */
#pragma once

#include "base/span.h"

struct admin;
struct caller;

enum keys_change_kind { KEYS_CREATE, KEYS_DISABLE, KEYS_ENABLE, KEYS_ROTATE, KEYS_IMPORT, KEYS_LIMITS,
                        KEYS_ACCOUNT_LIMITS };

/* `body` is copied (and wiped); `id` is of the key that changes, 0 for none. Answers the caller, now or later. */
void keys_change_start(struct admin *admin, struct caller *caller, enum keys_change_kind kind,
                       uint64_t id, struct span body);
/* The same of an account's limits; its name is good. */
void keys_change_account(struct admin *admin, struct caller *caller, struct span account,
                         struct span body);
/* Begins the next one that waits, unless one is at work. */
void keys_change_next(struct admin *admin);
/* The admin goes: changes that have not begun never do. */
void keys_change_drop_all(struct admin *admin);

struct keyring;
/* Puts a ring in force everywhere; takes over the reference. */
void keys_publish(struct admin *admin, struct keyring *ring);
