/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys and accounts have used this day and month, from the ledger: at the start, a minute later (when another gateway has written the last of what it served),
 * and after a change of limits or configuration. What is used is at least what the ledger says; what it does not know yet, the budgets do.
 *
 * Money is the ledger's tokens at today's prices. Blocks: store thread, or before the workers start.
 */
#pragma once

#include "admit/budgets.h"
#include "config/config.h"
#include "identity/keyring.h"
#include "store/store.h"

/* 0 or -errno with *err. Nothing is read where no limit is of a day or a month. */
int budgets_fill(struct budgets *budgets, struct store *store, const struct keyring *ring,
                 const struct config *config, struct budget_time time, struct err *err) must_check;
