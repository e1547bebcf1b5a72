/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts: names that several keys share, with limits that hold for all of them together. An account is known by its name; who has no limits is known too,
 * so that it can be listed.
 *
 * One snapshot of all of them that never changes, counted; it goes with a key ring. Any thread.
 */
#pragma once

#include "base/limits.h"

#define ACCOUNT_NAME_BYTES_MAX 64
#define ACCOUNTS_MAX 1000000

struct account {
    uint64_t id; /* account_id() */
    char name[ACCOUNT_NAME_BYTES_MAX + 1];
    struct limits limits; /* unset is none: there are no defaults for accounts */
};

/* 1 to 64 letters, digits and any of "._@+-"; not "none", the tool's word for no account. */
bool account_name_is_good(struct span name);
/* The number that stands for an account, never 0: of the name's SHA-256, so that nobody finds a second name for it. */
uint64_t account_id(struct span name);

struct accounts;

/* Copies; of one name the last counts. NULL when out of memory or above ACCOUNTS_MAX. Names must be good. */
struct accounts *accounts_new(const struct account *list, size_t count) must_check;
struct accounts *accounts_ref(struct accounts *accounts);
void accounts_unref(struct accounts *accounts);
/* Those of `accounts` (NULL: none) and this one; `limits` NULL: as they were, or unset. NULL as above. */
struct accounts *accounts_with(const struct accounts *accounts, struct span name,
                               const struct limits *limits) must_check;

/* All accept NULL. */
size_t accounts_count(const struct accounts *accounts);
const struct account *accounts_at(const struct accounts *accounts, size_t index);
const struct account *accounts_by_id(const struct accounts *accounts,
                                     uint64_t id); /* NULL when there is none */
