/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles in the database: a record of bytes for each, and what decides which goes first when there are too many. */
#include "store/database.h"

struct profile_batch {
    const struct store_profile *profiles;
    size_t count;
};

static int put_batch(struct store *store, void *arg, struct err *err)
{
    const struct profile_batch *batch = arg;
    int r = 0;
    for (size_t i = 0; i < batch->count && r == 0; i++) {
        const struct store_profile *profile = &batch->profiles[i];
        sqlite3_stmt *statement = store_statement(store, STATEMENT_PROFILE_PUT);
        if (statement) {
            sqlite3_bind_int64(statement, 1, (sqlite3_int64)profile->id);
            sqlite3_bind_int(statement, 2, profile->kept);
            sqlite3_bind_int64(statement, 3, store_int(profile->seen_s));
            sqlite3_bind_blob64(statement, 4, profile->record, profile->record_bytes,
                                SQLITE_STATIC);
        }
        r = store_run(store, statement, "cannot write profiles", err);
    }
    return r;
}

int store_profiles_put(struct store *store, const struct store_profile *profiles, size_t count,
                       struct err *err)
{
    struct profile_batch batch = {profiles, count};
    return store_transact(store, put_batch, &batch, "cannot write profiles", err);
}

struct reader {
    int (*each)(void *arg, const struct store_profile *profile);
    void *arg;
};

static int read_row(sqlite3_stmt *row, void *arg)
{
    const struct reader *reader = arg;
    const struct store_profile profile = {
        .id = (uint64_t)sqlite3_column_int64(row, 0),
        .kept = sqlite3_column_int(row, 1) != 0,
        .seen_s = (uint64_t)sqlite3_column_int64(row, 2),
        .record = sqlite3_column_blob(row, 3),
        .record_bytes = (size_t)sqlite3_column_bytes(row, 3),
    };
    return reader->each(reader->arg, &profile);
}

int store_profiles_read(struct store *store,
                        int (*each)(void *arg, const struct store_profile *profile), void *arg,
                        struct err *err)
{
    struct reader reader = {each, arg};
    return store_read(store, STATEMENT_PROFILES_READ, "cannot read profiles", read_row, &reader, err);
}

static int run_with(struct store *store, enum store_statement name, sqlite3_int64 number,
                    const char *what, struct err *err)
{
    int r = store_ready(store, err);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = store_statement(store, name);
    if (statement)
        sqlite3_bind_int64(statement, 1, number);
    return store_settle(store, store_run(store, statement, what, err));
}

int store_profile_remove(struct store *store, uint64_t id, struct err *err)
{
    return run_with(store, STATEMENT_PROFILE_REMOVE, (sqlite3_int64)id, "cannot remove a profile",
                    err);
}

int store_profiles_trim(struct store *store, uint64_t rows_max, struct err *err)
{
    return run_with(store, STATEMENT_PROFILES_TRIM, store_int(rows_max), "cannot remove profiles",
                    err);
}
