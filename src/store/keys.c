/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in the database. The digest of a key's text is there, the text never. */
#include "store/database.h"

#define DIGEST_BYTES 32

static const char *column_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "";
}

struct reader {
    int (*each)(void *arg, const struct store_key *key);
    void *arg;
};

/* The table's checks make the digest 32 bytes long; without memory it is not there. */
static int read_row(sqlite3_stmt *row, void *arg)
{
    const struct reader *reader = arg;
    const unsigned char *digest = sqlite3_column_blob(row, 1);
    if (!digest || sqlite3_column_bytes(row, 1) != DIGEST_BYTES)
        return -EIO;
    const struct store_key key = {
        .id = (uint64_t)sqlite3_column_int64(row, 0),
        .digest = digest,
        .name = column_text(row, 2),
        .hint = column_text(row, 3),
        .models = column_text(row, 4),
        .imported = sqlite3_column_int(row, 5) != 0,
        .disabled = sqlite3_column_int(row, 6) != 0,
        .created_ms = (uint64_t)sqlite3_column_int64(row, 7),
        .expires_ms = (uint64_t)sqlite3_column_int64(row, 8),
        .last_used_ms = (uint64_t)sqlite3_column_int64(row, 9),
        .account = column_text(row, 10),
        .limits = column_text(row, 11),
    };
    return reader->each(reader->arg, &key);
}

int store_keys_read(struct store *store, int (*each)(void *arg, const struct store_key *key),
                    void *arg, struct err *err)
{
    struct reader reader = {each, arg};
    return store_read(store, STATEMENT_KEYS_READ, "cannot read keys", read_row, &reader, err);
}

static void bind_key(sqlite3_stmt *statement, const struct store_key *key)
{
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)key->id);
    sqlite3_bind_blob(statement, 2, key->digest, DIGEST_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, key->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, key->hint, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 5, key->models, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 6, key->imported);
    sqlite3_bind_int(statement, 7, key->disabled);
    sqlite3_bind_int64(statement, 8, store_int(key->created_ms));
    sqlite3_bind_int64(statement, 9, store_int(key->expires_ms));
    sqlite3_bind_int64(statement, 10, store_int(key->last_used_ms));
    sqlite3_bind_text(statement, 11, key->account ? key->account : "", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 12, key->limits ? key->limits : "", -1, SQLITE_STATIC);
}

struct key_list {
    const struct store_key *keys;
    size_t count;
    const struct store_account *accounts;
    size_t accounts_count;
};

/* Who belongs to an account makes it. */
static int add_account(struct store *store, const char *name, struct err *err)
{
    struct store_account account = {name, ""};
    return name && name[0] ? store_accounts_add(store, &account, 1, err) : 0;
}

static int insert_keys(struct store *store, const struct key_list *list, enum store_statement how,
                       struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < list->count && r == 0; i++) {
        sqlite3_stmt *statement = store_statement(store, how);
        if (statement)
            bind_key(statement, &list->keys[i]);
        r = store_run(store, statement, "cannot add keys", err);
        if (r == 0)
            r = add_account(store, list->keys[i].account, err);
    }
    return r;
}

static int add_keys(struct store *store, void *arg, struct err *err)
{
    return insert_keys(store, arg, STATEMENT_KEY_ADD, err);
}

int store_keys_add(struct store *store, const struct store_key *keys, size_t count, struct err *err)
{
    struct key_list list = {.keys = keys, .count = count};
    return store_transact(store, add_keys, &list, "cannot add keys", err);
}

int store_keys_missing(struct store *store, struct err *err)
{
    int r = store_ready(store, err);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_KEYS_WHOLE);
    int step = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    if (step == SQLITE_ROW || step == SQLITE_DONE)
        r = step == SQLITE_DONE;
    else
        r = store_failed(store, "cannot read keys", err);
    sqlite3_reset(statement);
    return store_settle(store, r);
}

static int restore_keys(struct store *store, void *arg, struct err *err)
{
    const struct key_list *list = arg;
    int r = store_accounts_add(store, list->accounts, list->accounts_count, err);
    if (r == 0)
        r = insert_keys(store, list, STATEMENT_KEY_RESTORE, err);
    if (r < 0)
        return r;
    return store_run(store, store_statement(store, STATEMENT_KEYS_SET_WHOLE), "cannot add keys",
                     err);
}

int store_keys_restore(struct store *store, const struct store_key *keys, size_t count,
                       const struct store_account *accounts, size_t accounts_count, struct err *err)
{
    struct key_list list = {keys, count, accounts, accounts_count};
    return store_transact(store, restore_keys, &list, "cannot add keys", err);
}

struct key_change {
    enum store_statement how;
    uint64_t id;
    sqlite3_int64 value;
};

static int run_change(struct store *store, sqlite3_stmt *statement, struct err *err)
{
    int r = store_run(store, statement, "cannot change a key", err);
    if (r == 0 && sqlite3_changes(store->db) == 0)
        r = err_set(err, -ENOENT, "there is no such key in '%s'", store->path);
    return r;
}

static int change_key(struct store *store, void *arg, struct err *err)
{
    const struct key_change *change = arg;
    sqlite3_stmt *statement = store_statement(store, change->how);
    if (statement) {
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)change->id);
        sqlite3_bind_int64(statement, 2, change->value);
    }
    return run_change(store, statement, err);
}

int store_key_set_disabled(struct store *store, uint64_t id, bool disabled, struct err *err)
{
    struct key_change change = {STATEMENT_KEY_DISABLED, id, disabled};
    return store_transact(store, change_key, &change, "cannot change a key", err);
}

int store_key_set_expiry(struct store *store, uint64_t id, uint64_t expires_ms, struct err *err)
{
    struct key_change change = {STATEMENT_KEY_EXPIRY, id, store_int(expires_ms)};
    return store_transact(store, change_key, &change, "cannot change a key", err);
}

struct limits_change {
    uint64_t id;
    const char *account, *limits;
};

static int change_limits(struct store *store, void *arg, struct err *err)
{
    const struct limits_change *change = arg;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_KEY_LIMITS);
    if (statement) {
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)change->id);
        sqlite3_bind_text(statement, 2, change->account, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 3, change->limits, -1, SQLITE_STATIC);
    }
    int r = run_change(store, statement, err);
    return r == 0 ? add_account(store, change->account, err) : r;
}

int store_key_set_limits(struct store *store, uint64_t id, const char *account, const char *limits,
                         struct err *err)
{
    struct limits_change change = {id, account, limits};
    return store_transact(store, change_limits, &change, "cannot change a key", err);
}

struct use_list {
    const uint64_t *ids, *times_ms;
    size_t count;
};

static int note_uses(struct store *store, void *arg, struct err *err)
{
    const struct use_list *list = arg;
    int r = 0;
    for (size_t i = 0; i < list->count && r == 0; i++) {
        sqlite3_stmt *statement = store_statement(store, STATEMENT_KEY_USED);
        if (statement) {
            sqlite3_bind_int64(statement, 1, (sqlite3_int64)list->ids[i]);
            sqlite3_bind_int64(statement, 2, store_int(list->times_ms[i]));
        }
        r = store_run(store, statement, "cannot note when keys were used", err);
    }
    return r;
}

int store_keys_used(struct store *store, const uint64_t *ids, const uint64_t *times_ms,
                    size_t count, struct err *err)
{
    struct use_list list = {ids, times_ms, count};
    return store_transact(store, note_uses, &list, "cannot note when keys were used", err);
}
