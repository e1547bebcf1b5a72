/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker's side of the record: see record.h. The hub is the control thread's side and the only one that talks to the store.
 *
 *   worker: recorder ──lines, 64 KB or 1 s──▶ log thread ──append──▶ access.log
 *               │ └──rows, 0.5 s──▶ hub (control) ──▶ store thread ──▶ the ledger in the database
 *               └──counters, tally: plain stores; the hub and the next start read them
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "loop/mailbox.h"
#include "record/metrics.h"
#include "record/record.h"
#include "store/store.h"

struct record_hub; /* control thread */
struct recorder;   /* one worker thread */

struct record_hub_spec {
    struct loop *loop;            /* control loop */
    struct helper *store_helper;  /* runs store calls */
    struct store *store;          /* used on the helper only */
    const char *folder;           /* state folder: access.log (when the name is relative), ledger.tally, address.salt */
    struct span access_log;       /* "-", "off", or a name */
    uint32_t workers;             /* at most TALLY_WORKERS_MAX */
};

/*
 * Opens the log and the tally file. Reads how far the ledger had come, compares with the tallies of the last life, and writes into *ret_lost (one sentence; "" when
 * nothing was lost) what a crash took: requests, tokens, calls that were under way. Blocks, before the workers start. A database that does not answer is told in
 * the process's log, and so is the loss when it answers later; nor does a full disk hinder the start. NULL and *err when the log's name is wrong or
 * memory is short.
 */
struct record_hub *record_hub_new(const struct record_hub_spec *spec, struct err *ret_lost, struct err *err) must_check;
/* Flushes and waits for it; no recorder may be used any more, the helper still runs. */
void record_hub_free(struct record_hub *hub);
/* Opens the log file again (after a rotation) and changes where it goes. 0, or -errno with *err and nothing has changed. */
int record_hub_reopen(struct record_hub *hub, struct span access_log, struct err *err) must_check;
/* Where its lines go now: the path of a file, "-" (standard output) or "off". Valid until the next reopening. */
const char *record_hub_log(const struct record_hub *hub);
/* Ledger rows that are in no database yet. For `seawall usage`. Rows that workers hold (half a second) do not count. */
uint64_t record_hub_unflushed(const struct record_hub *hub);
/* Was the last write of the log / the ledger refused, and why ("" when all is well)? For /metrics and status. */
const char *record_hub_trouble(const struct record_hub *hub);
/* The Prometheus page (text format 0.0.4) of all recorders' counters; the caller appends its own (metrics_write_head()). */
void record_hub_metrics(struct record_hub *hub, struct buf *buf);
/* Sum of all workers' counters, for `seawall top`. */
void record_hub_counters(struct record_hub *hub, struct metrics_counters *ret_sum);

/* On the worker's thread, with its loop. `index` < workers. NULL when out of memory. */
struct recorder *recorder_new(struct record_hub *hub, struct loop *loop, uint32_t index) must_check;
void recorder_free(struct recorder *recorder); /* hands over what it holds */

/* A call to an engine begins: it counts as under way until recorder_request() of a record with `called` set. */
void recorder_call_begins(struct recorder *recorder);
/* The request is over. */
void recorder_request(struct recorder *recorder, const struct record *record);
/* The worker's own counters, for gauges that the corridor keeps (connections, streams under way). */
struct metrics_counters *recorder_counters(struct recorder *recorder);
