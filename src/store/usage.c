/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger in the database, and the marks that say how far it has come. */
#include "store/database.h"

struct ledger_batch {
    const struct store_usage *rows;
    size_t count;
    const struct store_mark *mark;
};

static int add_row(struct store *store, const struct store_usage *row, struct err *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_USAGE_ADD);
    if (statement) {
        sqlite3_bind_int64(statement, 1, store_int(row->hour_ms));
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)row->key_id);
        sqlite3_bind_text(statement, 3, row->model, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 4, store_int(row->requests));
        sqlite3_bind_int64(statement, 5, store_int(row->failed));
        sqlite3_bind_int64(statement, 6, store_int(row->cut));
        sqlite3_bind_int64(statement, 7, store_int(row->prompt_tokens));
        sqlite3_bind_int64(statement, 8, store_int(row->completion_tokens));
        sqlite3_bind_int64(statement, 9, store_int(row->disputed_tokens));
    }
    return store_run(store, statement, "cannot write the ledger", err);
}

static int set_mark(struct store *store, const struct store_mark *mark, struct err *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_MARK_SET);
    if (statement) {
        sqlite3_bind_int64(statement, 1, mark->tally);
        sqlite3_bind_int64(statement, 2, store_int(mark->requests));
        sqlite3_bind_int64(statement, 3, store_int(mark->prompt_tokens));
        sqlite3_bind_int64(statement, 4, store_int(mark->completion_tokens));
    }
    return store_run(store, statement, "cannot write the ledger", err);
}

static int add_batch(struct store *store, void *arg, struct err *err)
{
    const struct ledger_batch *batch = arg;
    int r = 0;
    for (size_t i = 0; i < batch->count && r == 0; i++)
        r = add_row(store, &batch->rows[i], err);
    return r == 0 ? set_mark(store, batch->mark, err) : r;
}

int store_ledger_add(struct store *store, const struct store_usage *rows, size_t count,
                     const struct store_mark *mark, struct err *err)
{
    struct ledger_batch batch = {rows, count, mark};
    return store_transact(store, add_batch, &batch, "cannot write the ledger", err);
}

static void read_mark(sqlite3_stmt *row, uint32_t tally, struct store_mark *ret_mark)
{
    *ret_mark = (struct store_mark){
        .tally = tally,
        .requests = (uint64_t)sqlite3_column_int64(row, 0),
        .prompt_tokens = (uint64_t)sqlite3_column_int64(row, 1),
        .completion_tokens = (uint64_t)sqlite3_column_int64(row, 2),
    };
}

int store_ledger_mark(struct store *store, uint32_t tally, struct store_mark *ret_mark,
                      struct err *err)
{
    int r = store_ready(store, err);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_MARK_READ);
    if (statement)
        sqlite3_bind_int64(statement, 1, tally);
    int step = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    if (step == SQLITE_ROW) {
        read_mark(statement, tally, ret_mark);
        r = 1;
    } else if (step != SQLITE_DONE) {
        r = store_failed(store, "cannot read the ledger", err);
    }
    sqlite3_reset(statement);
    return store_settle(store, r);
}

static void bind_query(sqlite3_stmt *statement, const struct store_usage_query *query)
{
    sqlite3_bind_int64(statement, 1, store_int(query->from_ms));
    sqlite3_bind_int64(statement, 2, store_int(query->to_ms));
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)query->key_id);
    sqlite3_bind_int(statement, 4, query->by_key);
    sqlite3_bind_int(statement, 5, query->by_model);
    sqlite3_bind_int(statement, 6, query->by_day);
    sqlite3_bind_int(statement, 7, query->by_hour);
    if (query->model)
        sqlite3_bind_text(statement, 8, query->model, -1, SQLITE_STATIC);
}

static int tell_row(sqlite3_stmt *row, int (*each)(void *arg, const struct store_usage *row),
                    void *arg)
{
    const char *model = (const char *)sqlite3_column_text(row, 2);
    const struct store_usage usage = {
        .hour_ms = (uint64_t)sqlite3_column_int64(row, 0),
        .key_id = (uint64_t)sqlite3_column_int64(row, 1),
        .model = model ? model : "",
        .requests = (uint64_t)sqlite3_column_int64(row, 3),
        .failed = (uint64_t)sqlite3_column_int64(row, 4),
        .cut = (uint64_t)sqlite3_column_int64(row, 5),
        .prompt_tokens = (uint64_t)sqlite3_column_int64(row, 6),
        .completion_tokens = (uint64_t)sqlite3_column_int64(row, 7),
        .disputed_tokens = (uint64_t)sqlite3_column_int64(row, 8),
    };
    return each(arg, &usage);
}

int store_usage_read(struct store *store, const struct store_usage_query *query,
                     int (*each)(void *arg, const struct store_usage *row), void *arg,
                     struct err *err)
{
    int r = store_ready(store, err);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_USAGE_READ);
    if (statement)
        bind_query(statement, query);
    int step = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    while (step == SQLITE_ROW && r >= 0) {
        r = tell_row(statement, each, arg);
        if (r >= 0)
            step = sqlite3_step(statement);
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        r = store_failed(store, "cannot read the ledger", err);
    sqlite3_reset(statement);
    return store_settle(store, MIN(r, 0));
}
