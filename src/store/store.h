/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must outlive the process: keys and the ledger, in SQLite (WAL).
 *
 * Every function blocks and belongs on the store thread (loop/mailbox.h: helper). The rest of the service works without it: a missing, locked
 * or full database is an -errno here and never a refusal of a valid key there. Times are wall-clock milliseconds.
 *
 * The database reopens by itself: after -EIO, -EROFS, -ENOSPC or a file that vanished the next call opens or makes it again. A damaged file is set aside as
 * `path`.bad (.bad.1 and so on when there is one), with what belongs to it; it is never deleted.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct store;

#define STORE_BUSY_MS 2000 /* how long a call waits for another process's lock; then -EBUSY */

/* Makes the file (0600) and its tables when missing; moves older tables forward; refuses newer ones (-ENOTSUP). A store object is made even when the file cannot be opened: then
 * *ret_error is < 0 and calls try again. NULL only when out of memory. */
struct store *store_new(const char *path, int *ret_error, struct err *err) must_check;
void store_free(struct store *store);
/* Has the file vanished, been replaced or been set aside as damaged, since the last time this was asked? What was in it is not in the one that the store goes on
 * with. Makes that one if it can. Cheap: looks at the file's name only. */
bool store_was_lost(struct store *store);

struct store_key {
    uint64_t id;
    const unsigned char *digest; /* 32 bytes */
    const char *name;
    const char *hint;
    const char *models; /* names joined by newlines; "" means all */
    bool imported, disabled;
    uint64_t created_ms, expires_ms, last_used_ms;
    const char *account; /* its name; NULL or "" none */
    const char *limits;  /* its own, as text that only others read; NULL or "" none */
};

struct store_account {
    const char *name, *limits;
};

/* Calls `each` for every key, in order of creation; a negative result ends the walk and is returned. `each` may not use the store. */
int store_keys_read(struct store *store, int (*each)(void *arg, const struct store_key *key), void *arg, struct err *err) must_check;
/* All or none, with accounts that they name and that are not there yet. -EEXIST when an id or digest is there already. */
int store_keys_add(struct store *store, const struct store_key *keys, size_t count, struct err *err) must_check;
/* -ENOENT when there is no such key. */
int store_key_set_disabled(struct store *store, uint64_t id, bool disabled, struct err *err) must_check;
int store_key_set_limits(struct store *store, uint64_t id, const char *account, const char *limits, struct err *err) must_check;
int store_key_set_expiry(struct store *store, uint64_t id, uint64_t expires_ms, struct err *err) must_check;
/* Sets last_used_ms of many keys where it moves forward; ids that are gone are passed over. */
int store_keys_used(struct store *store, const uint64_t *ids, const uint64_t *times_ms, size_t count, struct err *err) must_check;

/*
 * A file that was made anew (the first start; or the old one vanished or was set aside as damaged) has no keys, which must not be taken for "no key is
 * valid". Until store_keys_restore() has told it of the keys that are known from elsewhere, this returns 1; then 0. The answer is kept in the file. < 0: failed.
 */
int store_keys_missing(struct store *store, struct err *err) must_check;
/* Adds those keys whose id and digest, and those accounts whose name, are not there yet, and notes that the keys are whole, in one transaction. */
int store_keys_restore(struct store *store, const struct store_key *keys, size_t count, const struct store_account *accounts, size_t accounts_count,
                       struct err *err) must_check;

/* Adds or replaces. */
int store_account_put(struct store *store, const struct store_account *account, struct err *err) must_check;
/* Calls `each` for every account, by name; a negative result ends the walk and is returned. `each` may not use the store. */
int store_accounts_read(struct store *store, int (*each)(void *arg, const struct store_account *account), void *arg, struct err *err) must_check;

/* The ledger: what each key used of each model in each hour. */
struct store_usage {
    uint64_t key_id;      /* 0: no key */
    const char *model;
    uint64_t hour_ms;     /* start of the hour */
    uint64_t requests, failed, cut;
    uint64_t prompt_tokens, completion_tokens, disputed_tokens;
};

/*
 * How far the ledger has come in a tally file (see record/tally.h; there is one for each gateway that lives at the same time). What a crash lost is the tally's
 * numbers minus the mark.
 */
struct store_mark {
    uint32_t tally; /* which file */
    uint64_t requests, prompt_tokens, completion_tokens;
};
/* Adds the rows (none is fine) to the ledger and sets the mark in one transaction. */
int store_ledger_add(struct store *store, const struct store_usage *rows, size_t count, const struct store_mark *mark,
                     struct err *err) must_check;
/* 1 and *ret_mark; 0 when nothing was ever marked for this tally. */
int store_ledger_mark(struct store *store, uint32_t tally, struct store_mark *ret_mark, struct err *err) must_check;

struct store_usage_query {
    uint64_t from_ms, to_ms; /* hours that start in [from, to) */
    uint64_t key_id;         /* 0: all */
    const char *model;       /* NULL: all */
    bool by_key, by_model, by_day, by_hour; /* what to group by; by_hour wins over by_day */
};
/* Calls `each` for every group, oldest first; what is not grouped by is 0 or "". A negative result ends the walk and is returned. `each` may not use the store. */
int store_usage_read(struct store *store, const struct store_usage_query *query,
                     int (*each)(void *arg, const struct store_usage *row), void *arg, struct err *err) must_check;

/* What callers earned (identity/profile.h); the record is bytes that only its room reads. */
struct store_profile {
    uint64_t id;     /* any number of its own: rows are kept in its order */
    bool kept;       /* it is trusted: goes after all that are not */
    uint64_t seen_s; /* since 1970 */
    const void *record;
    size_t record_bytes;
};
/* Adds or replaces, all or none. */
int store_profiles_put(struct store *store, const struct store_profile *profiles, size_t count, struct err *err) must_check;
/* Calls `each` for every one, those not kept first, and the one seen longest ago first. A negative result ends the walk and is returned. `each` may not use the store. */
int store_profiles_read(struct store *store, int (*each)(void *arg, const struct store_profile *profile), void *arg, struct err *err) must_check;
/* 0 also when there is none. */
int store_profile_remove(struct store *store, uint64_t id, struct err *err) must_check;
/* Removes the first of that order until there are `rows_max`. */
int store_profiles_trim(struct store *store, uint64_t rows_max, struct err *err) must_check;
