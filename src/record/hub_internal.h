/* SPDX-License-Identifier: Apache-2.0 */
/* What a recorder and the hub share. Only recorder.c and hub.c include this. */
#pragma once

#include "record/access_line.h"
#include "record/address.h"
#include "record/ledger.h"
#include "record/recorder.h"
#include "record/tally.h"

#define LOG_BLOCK_BYTES 65536

/* Lines on their way from a worker to the file. */
struct log_block {
    struct job job;
    struct record_hub *hub;
    uint32_t lines;
    uint32_t dropped; /* set by the log's thread */
    int error;
    size_t len;
    char bytes[LOG_BLOCK_BYTES + ACCESS_LINE_BYTES_MAX];
};

/* Rows on their way to the hub. */
struct row_parcel {
    struct record_hub *hub;
    struct ledger *rows;
};

/* One worker's part. The worker writes, with relaxed atomics; the hub reads. */
struct hub_worker {
    struct metrics_counters counters;
    uint64_t lines_dropped, rows_dropped; /* for want of memory, or of a thread that keeps up */
    /* What a recorder could not hand over at its end; the hub takes it at its own, when the worker's thread is gone. */
    struct ledger *rows_left;
    struct log_block *block_left;
};

struct hub_worker *hub_worker(struct record_hub *hub, uint32_t index);
struct tally_slot *hub_tally_slot(struct record_hub *hub, uint32_t index);
bool hub_wants_lines(const struct record_hub *hub);
/* Of today, or for some seconds after midnight of yesterday. Valid for a day. */
const struct address_salt *hub_salt(const struct record_hub *hub);
/* Any thread. 0: taken over; -ENOSPC or -ENOMEM: still the caller's. */
int hub_post_block(struct record_hub *hub, struct log_block *block) must_check;
int hub_post_rows(struct record_hub *hub, struct ledger *rows) must_check;
