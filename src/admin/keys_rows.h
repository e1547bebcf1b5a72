/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between keys in memory and rows of the store. Any thread.
 */
#pragma once

#include "base/arena.h"
#include "identity/keyring.h"
#include "store/store.h"

/* NULL when out of memory, or when the row holds what no key can (told apart by *ret_bad). */
struct key *key_from_row(const struct store_key *row, bool *ret_bad) must_check;

/* Point into the keys and the accounts, and into memory of their own. */
struct key_rows {
    struct store_key *rows;
    size_t count;
    struct store_account *accounts;
    size_t accounts_count;
    struct arena *memory;
};

/* 0 or -ENOMEM. `accounts` may be NULL. */
int key_rows_of_keys(struct key *const *keys, size_t count, const struct accounts *accounts,
                     struct key_rows *ret_rows) must_check;
int key_rows_of_ring(const struct keyring *ring, struct key_rows *ret_rows) must_check;
void key_rows_release(struct key_rows *rows);
/* The text of limits in `memory`; NULL when out of memory. `limits` may be NULL: "". */
const char *limits_text(struct arena *memory, const struct limits *limits);

/* A growing list of keys, each with a reference of its own, and of accounts. */
struct key_list {
    struct key **keys;
    size_t count, cap;
    struct account *accounts;
    size_t accounts_count, accounts_cap;
};

/* Takes over the reference, also on failure. 0, -ENOMEM, or -ENOSPC above KEYRING_KEYS_MAX. */
int key_list_add(struct key_list *list, struct key *key) must_check;
/* An account by its name and its limits as text. 0, -ENOMEM, -ENOSPC above ACCOUNTS_MAX, or -EBADMSG when it is none. */
int key_list_add_account(struct key_list *list, struct span name, struct span limits) must_check;
void key_list_release(struct key_list *list);
