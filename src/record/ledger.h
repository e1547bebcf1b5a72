/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledger rows in memory: what each key used of each model in each hour, until the database has it. Each worker fills one and hands it to the hub, which merges
 * them. Rows of the same hour, key and model become one, so what waits is bounded by how many of those there are, not by how many requests were served.
 *
 * Belongs to one thread at a time. Models are copied.
 */
#pragma once

#include "store/store.h"

struct ledger;

/* NULL when out of memory. */
struct ledger *ledger_new(size_t rows_max) must_check;
void ledger_free(struct ledger *ledger);
/* Adds the numbers of `row` (its `model` is not read; `model` is) to the row of its hour, key and model. 0, -ENOSPC (rows_max) or -ENOMEM; then nothing was added. */
int ledger_add(struct ledger *ledger, struct span model, const struct store_usage *row) must_check;
/* Adds all rows of `from`. Returns how many found no place. */
size_t ledger_merge(struct ledger *ledger, const struct ledger *from);
size_t ledger_count(const struct ledger *ledger);
const struct store_usage *ledger_rows(const struct ledger *ledger);
/* Adds the sums of all rows to a mark. */
void ledger_add_to_mark(const struct ledger *ledger, struct store_mark *mark);
