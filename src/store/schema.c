/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, as steps from one version to the next. A step that was released never changes; the next change is one more step. The version is
 * the file's user_version.
 */
#include "store/database.h"

static const char *const steps[] = {
    /* 0 → 1 */
    "CREATE TABLE keys ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT," /* order of creation */
    "  id INTEGER NOT NULL UNIQUE,"
    "  digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),"
    "  name TEXT NOT NULL, hint TEXT NOT NULL, models TEXT NOT NULL,"
    "  imported INTEGER NOT NULL, disabled INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, last_used_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE usage ("
    "  hour_ms INTEGER NOT NULL, key_id INTEGER NOT NULL, model TEXT NOT NULL,"
    "  requests INTEGER NOT NULL, failed INTEGER NOT NULL, cut INTEGER NOT NULL,"
    "  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,"
    "  disputed_tokens INTEGER NOT NULL,"
    "  PRIMARY KEY (hour_ms, key_id, model)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE marks ("
    "  tally INTEGER PRIMARY KEY, requests INTEGER NOT NULL,"
    "  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE facts (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;",
    /* 1 → 2 */
    "CREATE TABLE profiles ("
    "  id INTEGER PRIMARY KEY,"
    "  kept INTEGER NOT NULL," /* it is trusted: the others go first */
    "  seen_s INTEGER NOT NULL,"
    "  record BLOB NOT NULL"
    ") STRICT;",
    /* 2 → 3 */
    "ALTER TABLE keys ADD COLUMN account TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE keys ADD COLUMN limits TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE accounts (name TEXT PRIMARY KEY, limits TEXT NOT NULL) STRICT, WITHOUT ROWID;",
};

int schema_version_known(void)
{
    return (int)COUNT_OF(steps);
}

/* 0 or more, or -errno. */
static int version_of(struct store *store, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int r = -1;
    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        r = MAX(sqlite3_column_int(statement, 0), 0);
    if (r < 0)
        r = store_failed(store, "cannot read the version", err);
    sqlite3_finalize(statement);
    return r;
}

static int take_step(struct store *store, int version, struct err *err)
{
    char set_version[64];
    snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", version + 1);
    if (sqlite3_exec(store->db, steps[version], NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(store->db, set_version, NULL, NULL, NULL) != SQLITE_OK)
        return store_failed(store, "cannot make the tables", err);
    return 0;
}

/* The version is read again under the lock: another gateway may have been first. */
static int bring_up_locked(struct store *store, struct err *err)
{
    int version = version_of(store, err);
    int r = MIN(version, 0);
    for (; r == 0 && version < schema_version_known(); version++)
        r = take_step(store, version, err);
    return r;
}

int schema_bring_up(struct store *store, struct err *err)
{
    int version = version_of(store, err);
    if (version < 0)
        return version;
    if (version > schema_version_known())
        return err_set(
            err, -ENOTSUP,
            "'%s' was made by a later version: its tables are of version %d, known is %d",
            store->path, version, schema_version_known());
    if (version == schema_version_known())
        return 0;
    if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return store_failed(store, "cannot make the tables", err);
    int r = bring_up_locked(store, err);
    if (r == 0 && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        r = store_failed(store, "cannot make the tables", err);
    if (r < 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}
