/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor and a gateway say to each other (over loop/channel.h), and the descriptors a gateway inherits.
 *
 *   supervisor → gateway   START  once, first: everything a gateway needs and may not fetch itself
 *                          RELOAD a new bundle; the gateway answers RELOADED or RELOAD_FAILED
 *                          RELOAD_FAILED  what the file holds cannot even be sent (payload: why, for people)
 *                          RELOAD_BEGINS  the file is read now, as ASK_RELOAD asked: what follows is the answer to that, what came before is not
 *                          DRAIN  finish what is under way, take nothing new, then exit 0
 *                          RETIRE another gateway is about to be started: the admin API is closed, and when all that it was asked for
 *                                 is in the database the gateway answers RETIRED; clients are served as before
 *   gateway → supervisor   READY  listeners are being served
 *                          RETIRED
 *                          RELOADED / RELOAD_FAILED (payload: what is wrong, for people)
 *                          ASK_RELOAD   an operator asked for it through the admin API
 *                          EMBEDDED_DEAD  the embedded model gives no tokens: start it again
 *
 * Descriptors: 0 /dev/null, 1 and 2 the log, 3 the channel, 4 admin listener, 5 metrics listener (/dev/null when off), then
 * workers × listen addresses: descriptor of worker w and address a is HANDOVER_FIRST_LISTENER + w * addresses + a.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/mac.h"

enum handover_type {
    HANDOVER_START = 1,
    HANDOVER_RELOAD,
    HANDOVER_DRAIN,
    HANDOVER_READY,
    HANDOVER_RELOADED,
    HANDOVER_RELOAD_FAILED,
    HANDOVER_ASK_RELOAD,
    HANDOVER_EMBEDDED_DEAD,
    HANDOVER_RELOAD_BEGINS,
    HANDOVER_RETIRE,
    HANDOVER_RETIRED
};

#define HANDOVER_CHANNEL 3
#define HANDOVER_ADMIN 4
#define HANDOVER_METRICS 5
#define HANDOVER_FIRST_LISTENER 6
#define HANDOVER_WORKERS_MAX 64

struct handover_start {
    struct span data_folder;  /* the operator's --data */
    struct span state_folder; /* what the gateway may write: database, logs, tallies */
    uint32_t workers;
    uint32_t addresses; /* listeners of each worker */
    bool metrics;       /* descriptor 5 is a listener */
    uint32_t uid, gid;  /* to become; 0: stay */
    struct mac_key key_mac;
    uint32_t restarts;  /* of the gateway, since the supervisor began */
    struct span bundle; /* for config_parse() */
};

/* JSON with secrets in it: wipe what held it. */
int handover_start_write(const struct handover_start *start, struct buf *ret_payload) must_check;
/* Spans point into memory that *ret_memory owns (mem_free). */
int handover_start_read(struct span payload, struct handover_start *ret_start, void **ret_memory,
                        struct err *err) must_check;
