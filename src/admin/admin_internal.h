/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the room: what the admin holds. admin.h is what others see. All of it belongs to the control thread.
 */
#pragma once

#include "admin/admin.h"
#include "admin/work.h"
#include "loop/sock.h"

#define ADMIN_ANSWER_BYTES_MAX (256U << 20)

struct admin {
    struct loop *loop;
    struct helper *helper;
    struct store *store; /* on the helper only */
    struct record_hub *record_hub;
    struct profiles *profiles;
    struct profiles_keeper *profiles_keeper;
    struct budgets *budgets;
    struct links *links;
    struct mac_key key_mac;
    char *snapshot_path;
    uint32_t restarts, workers;
    struct buf listen; /* a JSON array */
    struct err lost;
    uint64_t started_ms;
    const struct admin_events *events;
    void *owner;

    struct sock_listener *listener, *metrics_listener;
    struct list callers; /* struct caller */
    size_t callers_count[2];
    struct list works;

    /* keys */
    struct keyring *ring; /* in force */
    struct keyring
        *retired; /* the one before, kept so that it is freed on the helper and not by a worker */
    bool trust_unlisted;
    bool keys_incomplete;
    struct list changes; /* struct key_change that wait; one at a time is at work */
    bool change_runs;
    struct caller *reloading; /* who waits for a reload, or NULL */

    /* upkeep.c */
    struct tick *tick;
    uint64_t used_ms, retry_ms; /* monotonic: when these were last tried */
    uint64_t used_since_ms;     /* wall clock: uses before this are in the database */
    uint64_t fill_due_ms;       /* monotonic: when the budgets learn from the ledger; 0: not wanted */
    bool look_runs, used_runs, fill_runs, snapshot_runs, snapshot_wanted, publish_again;
    struct err keys_trouble, snapshot_trouble, used_trouble, fill_trouble;
};
