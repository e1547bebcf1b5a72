/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file behind the store: opening and making it, statements, transactions, and what to do when it fails. Only the files of this room and its tests
 * include this.
 *
 *   closed ──store_ready()──▶ open ──store_settle() after an error that may be the file's──▶ closed
 *                              └──── another file has the path, or none (store_ready) ────▶ closed, and opened again
 *
 * Each public function of the room calls store_ready() first and store_settle() last. Between them `store->db` is open.
 */
#pragma once

#include "store/store.h"

#include <sqlite3.h>
#include <sys/types.h>

/* STATEMENT(name, sql): prepared when first used, kept until the file is closed. */
#define STORE_STATEMENTS(STATEMENT)                                                                \
    STATEMENT(BEGIN, "BEGIN IMMEDIATE")                                                            \
    STATEMENT(COMMIT, "COMMIT")                                                                    \
    STATEMENT(KEYS_READ, "SELECT id, digest, name, hint, models, imported, disabled, created_ms, " \
                         "expires_ms, last_used_ms, account, limits FROM keys ORDER BY number")    \
    STATEMENT(KEY_ADD, "INSERT INTO keys (id, digest, name, hint, models, imported, disabled, "    \
                       "created_ms, expires_ms, last_used_ms, account, limits) "                   \
                       "VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")                                         \
    STATEMENT(KEY_RESTORE, "INSERT OR IGNORE INTO keys (id, digest, name, hint, models, "          \
                           "imported, disabled, created_ms, expires_ms, last_used_ms, account, "   \
                           "limits) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")                             \
    STATEMENT(KEY_DISABLED, "UPDATE keys SET disabled = ?2 WHERE id = ?1")                         \
    STATEMENT(KEY_EXPIRY, "UPDATE keys SET expires_ms = ?2 WHERE id = ?1")                         \
    STATEMENT(KEY_LIMITS, "UPDATE keys SET account = ?2, limits = ?3 WHERE id = ?1")               \
    STATEMENT(ACCOUNTS_READ, "SELECT name, limits FROM accounts ORDER BY name")                    \
    STATEMENT(ACCOUNT_ADD, "INSERT OR IGNORE INTO accounts (name, limits) VALUES (?,?)")           \
    STATEMENT(ACCOUNT_PUT, "INSERT OR REPLACE INTO accounts (name, limits) VALUES (?,?)")          \
    STATEMENT(KEY_USED, "UPDATE keys SET last_used_ms = MAX(last_used_ms, ?2) WHERE id = ?1")      \
    STATEMENT(KEYS_WHOLE, "SELECT 1 FROM facts WHERE name = 'keys are whole'")                     \
    STATEMENT(KEYS_SET_WHOLE, "INSERT OR IGNORE INTO facts (name) VALUES ('keys are whole')")      \
    STATEMENT(USAGE_ADD,                                                                           \
              "INSERT INTO usage (hour_ms, key_id, model, requests, failed, cut, prompt_tokens, "  \
              "completion_tokens, disputed_tokens) VALUES (?,?,?,?,?,?,?,?,?) "                    \
              "ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, "                \
              "failed = failed + excluded.failed, cut = cut + excluded.cut, "                      \
              "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "                           \
              "completion_tokens = completion_tokens + excluded.completion_tokens, "               \
              "disputed_tokens = disputed_tokens + excluded.disputed_tokens")                      \
    STATEMENT(USAGE_READ,                                                                          \
              "SELECT CASE WHEN ?7 THEN hour_ms WHEN ?6 THEN hour_ms - hour_ms % 86400000 "        \
              "ELSE 0 END, iif(?4, key_id, 0), iif(?5, model, ''), sum(requests), sum(failed), "   \
              "sum(cut), sum(prompt_tokens), sum(completion_tokens), sum(disputed_tokens) "        \
              "FROM usage WHERE hour_ms >= ?1 AND hour_ms < ?2 AND (?3 = 0 OR key_id = ?3) "       \
              "AND (?8 IS NULL OR model = ?8) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")                  \
    STATEMENT(MARK_READ, "SELECT requests, prompt_tokens, completion_tokens FROM marks "           \
                         "WHERE tally = ?")                                                        \
    STATEMENT(MARK_SET, "INSERT OR REPLACE INTO marks (tally, requests, prompt_tokens, "           \
                        "completion_tokens) VALUES (?,?,?,?)")                                     \
    STATEMENT(PROFILES_READ, "SELECT id, kept, seen_s, record FROM profiles "                      \
                             "ORDER BY kept, seen_s")                                              \
    STATEMENT(PROFILE_PUT, "INSERT OR REPLACE INTO profiles (id, kept, seen_s, record) "           \
                           "VALUES (?,?,?,?)")                                                     \
    STATEMENT(PROFILE_REMOVE, "DELETE FROM profiles WHERE id = ?")                                 \
    STATEMENT(PROFILES_TRIM, "DELETE FROM profiles WHERE id IN (SELECT id FROM profiles "          \
                             "ORDER BY kept, seen_s "                                              \
                             "LIMIT max(0, (SELECT count(*) FROM profiles) - ?))")

enum store_statement {
#define STATEMENT(name, sql) STATEMENT_##name,
    STORE_STATEMENTS(STATEMENT)
#undef STATEMENT
        STATEMENT_COUNT
};

struct store {
    char *path;
    sqlite3 *db; /* NULL: closed */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    dev_t device; /* which file is open, to see when the path means another one */
    ino_t inode;
    bool suspect; /* the last error may go away by opening the file again */
    bool lost;    /* store_was_lost() has not told it yet */
    bool damaged; /* what is in the file is not a database of ours any more */
};

/* Opens the file unless it is open, and still the one that the path means. 0 or -errno. */
int store_ready(struct store *store, struct err *err) must_check;
/* After work that gave `result`: closes and sets aside what the errors on the way call for. Returns `result`. */
int store_settle(struct store *store, int result);
/* All of a public function that reads rows: `row` is called for each, until one says < 0, which is returned. `what` as below. */
int store_read(struct store *store, enum store_statement name, const char *what, int (*row)(sqlite3_stmt *row, void *arg), void *arg, struct err *err);

/* The last call's error as a negative errno; notes what store_settle() has to do. `what` is what failed: "cannot add keys". */
int store_failed(struct store *store, const char *what, struct err *err);

/* The prepared statement, reset and without values; NULL when it cannot be prepared. */
sqlite3_stmt *store_statement(struct store *store, enum store_statement name) must_check;
/* Adds those that are not there yet: a part of another one's transaction. 0 or -errno. */
int store_accounts_add(struct store *store, const struct store_account *accounts, size_t count,
                       struct err *err) must_check;

/* Runs it to its end, for statements without rows. `statement` may be NULL (a store_statement() that failed). 0 or -errno. */
int store_run(struct store *store, sqlite3_stmt *statement, const char *what,
              struct err *err) must_check;

/* All of `work` or nothing of it: between BEGIN and COMMIT, from ready to settled. */
int store_transact(struct store *store,
                   int (*work)(struct store *store, void *arg, struct err *err), void *arg,
                   const char *what, struct err *err) must_check;

/* Makes the tables or moves them forward (schema.c). 0, or -errno: -ENOTSUP when the file is of a later version. */
int schema_bring_up(struct store *store, struct err *err) must_check;
int schema_version_known(void);

/* SQLite's integers are signed: ids keep their bits, and sums stop at the largest. */
static inline sqlite3_int64 store_int(uint64_t number)
{
    return (sqlite3_int64)MIN(number, (uint64_t)INT64_MAX);
}
