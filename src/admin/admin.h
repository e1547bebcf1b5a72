/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking in and turning screws from outside: one JSON API over HTTP on a UNIX socket (0600:
 * whoever may open it is the operator), and the metrics page. The `seawall` tool uses only this.
 * Runs on the control thread; what touches the database or the disk goes to the store thread and
 * answers by message.
 *
 *   GET  /status               version, uptime, restarts, workers, listen, models, pools with
 *                              their backends, keys, lost, trouble
 *   GET  /top                  counters now (the caller takes differences)
 *   GET  /keys?offset=&limit=  never a key's text: {"keys":[…],"total":N,"next":offset or null}
 *   GET  /keys/ID              and how its limits stand: "use"
 *   POST /keys                 {"name","models":[],"expires":"2027-01-01","account","limits":{}}
 *                              → the text, once
 *   POST /keys/ID/disable | /enable
 *   POST /keys/ID/rotate       {"overlap_s":0} → the new text, once
 *   POST /keys/ID/limits       {"account","limits":{"tokens_per_day":1000,"spend_per_day":"5.00",
 *                              "concurrent_calls":"none","output_tokens":null}}: what is not named
 *                              stays, null is the configuration's
 *   GET  /accounts             names and limits
 *   GET  /accounts/NAME        how its limits stand
 *   POST /accounts/NAME/limits {"limits":{…}}; makes the account when there is none
 *   POST /keys/import          {"keys":[{"key"|"sha256","name","models","expires","account",
 *                              "limits"}]}: all or none;
 *                              refused rows are in "rows":[{"row":0,"message":…}] of the error
 *   POST /links                {"key":"sk-sw-…"}: a link that signs in with this key, once:
 *                              {"id","name","path":"/#link=…","expires_in_s":900}
 *   GET  /requests/ID          its line of the access log, as it stands there; 409 without a log
 *   GET  /usage?from=&to=&key=&model=&by=key,model,day,hour
 *   GET  /profiles?limit=      what callers earned, largest first, and sums over all
 *   GET  /profiles/show?who=   who: a key's id, name, text or SHA-256; an address; addr_…
 *   POST /profiles/grant       {"who","rate"}: wt/s; 0 takes it back
 *   POST /profiles/forget      {"who"}
 *   POST /profiles/import      {"dry_run":false,"identities":[{"who","days":[…]}]}: what a caller
 *                              used elsewhere, see admin/profiles_import.h
 *   POST /reload               {"reloaded":true}, and "at_next_start":"service.listen" where
 *                              settings were changed that wait for it
 * Errors: {"error":{"message":…}} with 400, 404, 405, 409 (exists, no log, no chat), 413, 422 (refused
 * configuration), 503 (database).
 */
#pragma once

#include "admin/profiles_keeper.h"
#include "admit/budgets.h"
#include "admit/gate.h"
#include "base/err.h"
#include "config/config.h"
#include "identity/keyring.h"
#include "loop/mailbox.h"
#include "record/recorder.h"
#include "relay/pool.h"
#include "site/links.h"
#include "store/store.h"

#define ADMIN_CONNECTIONS_MAX 32         /* of each of the two listeners */
#define ADMIN_BODY_BYTES_MAX (64U << 20) /* imports */
#define ADMIN_IMPORT_KEYS_MAX 1000000
#define ADMIN_POOLS_MAX 64
#define ADMIN_MODELS_MAX 4096

struct admin;

struct admin_model {
    struct span name, pool;
};

/* One pool's gate, as it stands. */
struct admin_gate {
    struct gate_view all;
    uint32_t rungs; /* of the ladder that stand: policy/ladder.h */
    struct gate_backend_view backends[GATE_BACKENDS_MAX]; /* as many as the pool has */
};

/* Answers that callers may return to. */
struct admin_kept {
    uint64_t answers, left, bytes; /* left: under way, without a client */
};

/* What the corridor offers to it. All run on the control thread. */
struct admin_events {
    /* Keys changed: the new ring is to reach every worker (takes a reference). 0 or -ENOSPC: a
     * worker did not take it; then it is called again soon. */
    int (*keys_changed)(void *owner, struct keyring *ring);
    /* Key `to` is about to be in force in the place of `from`, for the same holder. */
    void (*key_replaced)(void *owner, uint64_t from, uint64_t to);
    /* Reload; `done(arg, error text or NULL)` comes later, exactly once, or never after
     * admin_free(). */
    void (*reload)(void *owner, void (*done)(void *arg, const char *error), void *arg);
    /* For /status and /metrics. Pools stay valid during the call only. */
    size_t (*pools)(void *owner, struct pool **ret_pools, size_t max);
    size_t (*models)(void *owner, struct admin_model *ret_models, size_t max);
    /* Of the pool at this place of what pools() has just given. */
    void (*gate)(void *owner, size_t pool, struct admin_gate *ret_gate);
    void (*kept)(void *owner, struct admin_kept *ret_kept);
    /* Settings that were changed by reloads and take effect at the next start: their names,
     * comma-separated, and how many. */
    size_t (*waiting)(void *owner, char *ret_names, size_t size);
    /* In force now; valid during the call only. */
    struct config *(*config)(void *owner);
};

struct admin_spec {
    struct loop *loop;
    int listener;         /* UNIX socket; -1: none */
    int metrics_listener; /* TCP; -1: none. Serves GET /metrics and nothing else */
    struct helper *store_helper;
    struct store *store; /* used on the helper only */
    struct record_hub *record_hub;
    struct profiles *profiles;
    struct profiles_keeper *profiles_keeper;
    struct budgets *budgets;
    struct links *links;
    const struct mac_key *key_mac; /* copied */
    const char *state_folder;      /* keys.snapshot lives here; copied */
    uint32_t restarts, workers;
    const struct span *listen; /* the addresses that are served, for /status; copied */
    size_t listen_count;
    struct span lost; /* what the last crash took; "" nothing */
    const struct admin_events *events;
    void *owner;

    /* Set by admin_load_keys(). The ring is its caller's; admin_new() takes a reference. */
    struct keyring *keyring;
    bool trust_unlisted;  /* `keyring` lets in keys that are in no list */
    bool keys_incomplete; /* the database could not be read: it is asked again until it can */
    struct err keys_trouble;
};

/* Strings and spans of the spec need not outlive the call. NULL with *err. */
struct admin *admin_new(const struct admin_spec *spec, struct err *err) must_check;
/* Closes its connections. Jobs that are on the helper finish there and are told nothing. Accepts
 * NULL. */
void admin_free(struct admin *admin);

/* The configuration is another one. */
void admin_config_changed(struct admin *admin);

/*
 * The key ring at start: what the database holds, and what keys.snapshot holds beside it when the
 * database is new or cannot be read (keys_load.h has the table). Fills the last part of `spec`.
 * Blocks (before the workers start). *ret_trouble says what was wrong, "" when nothing. The
 * reference is the caller's; NULL when out of memory.
 */
struct keyring *admin_load_keys(struct admin_spec *spec, struct err *ret_trouble) must_check;
