/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From ledger rows in memory to the database, with nothing lost while the process lives.
 *
 *   pending ──ledger_writer_add(), _retry()──▶ job on the store's helper ──written──▶ gone, the mark moves
 *      ▲                                            │
 *      └────────────── failed: merged back ─────────┘
 *
 * One job is under way at a time, so rows and marks stay in order. `mark` is always what the database has for our tally, or will have when the job is done.
 * At the start the marks are compared with the tallies: the difference is what a crash took. If the database cannot be read then, the comparison is made
 * by the first job that reaches it.
 *
 * Belongs to the control thread; jobs run on the helper and own their rows.
 */
#pragma once

#include "loop/mailbox.h"
#include "record/ledger.h"
#include "record/tally.h"

#define LEDGER_WAITING_ROWS_MAX 65536 /* about 10 MB */

struct ledger_writer;

/*
 * Takes a tally file of `folder` and waits for the helper to compare. `booted_s`: when this machine started. *ret_lost: what a crash took, "" if nothing or if the database
 * does not answer. NULL only when out of memory.
 */
struct ledger_writer *ledger_writer_new(struct helper *helper, struct store *store, const char *folder, uint64_t booted_s,
                                        struct err *ret_lost) must_check;
/* Waits until all is written, or has failed once more. The helper must still run. */
void ledger_writer_free(struct ledger_writer *writer);

struct tally *ledger_writer_tally(struct ledger_writer *writer);
/* Takes the rows over. */
void ledger_writer_add(struct ledger_writer *writer, struct ledger *rows);
/* To be called once a second: tries again what failed. */
void ledger_writer_retry(struct ledger_writer *writer);

/* Rows that are not in the database; rows that were dropped, because more than LEDGER_WAITING_ROWS_MAX waited or memory was short. */
uint64_t ledger_writer_waiting(const struct ledger_writer *writer);
uint64_t ledger_writer_dropped(const struct ledger_writer *writer);
/* What is wrong: with the database, or with the tally file; "" when nothing is. */
const char *ledger_writer_trouble(const struct ledger_writer *writer);
