/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose request this is: all keys of the service in memory, as one snapshot that never changes.
 *
 * The control thread builds a ring whenever keys change and sends each worker a reference; readers take no lock. Checking a key of ours costs a
 * MAC and one look-up; a forged one costs the MAC; an imported one costs one SHA-256 and one look-up, and so does, once any was imported,
 * a forged one, since it may be one of another Seawall. No database is ever asked.
 */
#pragma once

#include "identity/key.h"

#define KEYRING_KEYS_MAX 4000000

struct keyring;

/* Takes a reference to each key and to the accounts (NULL: none). `trust_unlisted`: a key of ours with a right MAC that is in no list is let in under its id (only when
 * both the database and the snapshot were lost). NULL when out of memory. */
struct keyring *keyring_new(const struct mac_key *mac, struct key *const *keys, size_t count, struct accounts *accounts,
                            bool trust_unlisted) must_check;
struct keyring *keyring_ref(struct keyring *ring);
void keyring_unref(struct keyring *ring);
size_t keyring_count(const struct keyring *ring);
struct key *keyring_at(const struct keyring *ring, size_t index);
/* NULL when there are none. */
struct accounts *keyring_accounts(const struct keyring *ring);
struct key *keyring_by_id(const struct keyring *ring, uint64_t id); /* NULL when there is none */

/* The key's text from an Authorization field: "Bearer " without case (RFC 6750, 2.1), or null. */
struct span keyring_bearer(struct span authorization);

/* REASON_OK and *ret_key (valid while the ring is; NULL when it was let in unlisted, then *ret_id tells), or NO_KEY, BAD_KEY, KEY_EXPIRED, KEY_DISABLED.
 * Renews last_used_ms at most once a second. */
enum reason keyring_check(const struct keyring *ring, struct span authorization, uint64_t wall_ms, struct key **ret_key,
                          uint64_t *ret_id);
