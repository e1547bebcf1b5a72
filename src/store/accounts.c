/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in the database: a name and its limits as text. */
#include "store/database.h"

struct account_list {
    const struct store_account *accounts;
    size_t count;
    enum store_statement how;
};

static int write_accounts(struct store *store, void *arg, struct err *err)
{
    const struct account_list *list = arg;
    int r = 0;
    for (size_t i = 0; i < list->count && r == 0; i++) {
        sqlite3_stmt *statement = store_statement(store, list->how);
        if (statement) {
            sqlite3_bind_text(statement, 1, list->accounts[i].name, -1, SQLITE_STATIC);
            sqlite3_bind_text(statement, 2, list->accounts[i].limits, -1, SQLITE_STATIC);
        }
        r = store_run(store, statement, "cannot write an account", err);
    }
    return r;
}

int store_account_put(struct store *store, const struct store_account *account, struct err *err)
{
    struct account_list list = {account, 1, STATEMENT_ACCOUNT_PUT};
    return store_transact(store, write_accounts, &list, "cannot write an account", err);
}

int store_accounts_add(struct store *store, const struct store_account *accounts, size_t count,
                       struct err *err)
{
    struct account_list list = {accounts, count, STATEMENT_ACCOUNT_ADD};
    return write_accounts(store, &list, err);
}

struct reader {
    int (*each)(void *arg, const struct store_account *account);
    void *arg;
};

static int read_row(sqlite3_stmt *row, void *arg)
{
    const struct reader *reader = arg;
    const struct store_account account = {(const char *)sqlite3_column_text(row, 0),
                                          (const char *)sqlite3_column_text(row, 1)};
    return account.name && account.limits ? reader->each(reader->arg, &account) : -ENOMEM;
}

int store_accounts_read(struct store *store,
                        int (*each)(void *arg, const struct store_account *account), void *arg,
                        struct err *err)
{
    struct reader reader = {each, arg};
    return store_read(store, STATEMENT_ACCOUNTS_READ, "cannot read accounts", read_row, &reader, err);
}
