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

/* Points into the keys and into memory of its own. */
struct key_rows {
    struct store_key *rows;
    size_t count;
    struct arena *memory;
};

/* 0 or -ENOMEM. */
int key_rows_of_keys(struct key *const *keys, size_t count, struct key_rows *ret_rows) must_check;
int key_rows_of_ring(const struct keyring *ring, struct key_rows *ret_rows) must_check;
void key_rows_release(struct key_rows *rows);

/* A growing list of keys, each with a reference of its own. */
struct key_list {
    struct key **keys;
    size_t count, cap;
};

/* Takes over the reference, also on failure. 0, -ENOMEM, or -ENOSPC above KEYRING_KEYS_MAX. */
int key_list_add(struct key_list *list, struct key *key) must_check;
void key_list_release(struct key_list *list);
