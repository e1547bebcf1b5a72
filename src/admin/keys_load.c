/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/keys_load.h"

#include "admin/keys_rows.h"
#include "admin/keys_snapshot.h"
#include "base/alloc.h"
#include "base/map.h"

struct database_walk {
    struct key_list *list;
    size_t bad, bad_accounts;
};

/* A row that is no key is passed over: one damaged row takes no other key's holder off the service. */
static int each_row(void *arg, const struct store_key *row)
{
    struct database_walk *walk = arg;
    bool bad;
    struct key *key = key_from_row(row, &bad);
    if (bad) {
        walk->bad++;
        return 0;
    }
    return key ? key_list_add(walk->list, key) : -ENOMEM;
}

static int each_account(void *arg, const struct store_account *row)
{
    struct database_walk *walk = arg;
    int result = key_list_add_account(walk->list, span_str(row->name), span_str(row->limits));
    walk->bad_accounts += result == -EBADMSG;
    return result == -EBADMSG ? 0 : result;
}

/* Accounts of `more` go in front of those of `list`: of one name the last counts. */
static int add_accounts(struct key_list *list, const struct key_list *more)
{
    size_t count = list->accounts_count + more->accounts_count;
    struct account *both = mem_array(count + 1, sizeof(*both));
    if (!both)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        both[i] =
            i < more->accounts_count ? more->accounts[i] : list->accounts[i - more->accounts_count];
    mem_free(list->accounts);
    list->accounts = both;
    list->accounts_count = count;
    list->accounts_cap = count + 1;
    return 0;
}

/* Adds those of `more` whose id is not in `list`. Keys in the database win. */
static int add_missing(struct key_list *list, const struct key_list *more, size_t *ret_added)
{
    struct map *ids = map_new(sizeof(uint64_t), KEYRING_KEYS_MAX);
    int result = ids ? 0 : -ENOMEM;
    *ret_added = 0;
    for (size_t i = 0; result == 0 && i < list->count; i++)
        result = map_put(ids, &list->keys[i]->id, list->keys[i], NULL);
    for (size_t i = 0; result == 0 && i < more->count; i++) {
        if (map_get(ids, &more->keys[i]->id))
            continue;
        result = key_list_add(list, key_ref(more->keys[i]));
        *ret_added += result == 0;
    }
    map_free(ids);
    return result < 0 ? result : add_accounts(list, more);
}

static int list_ring(struct key_list *list, const struct keyring *ring)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < keyring_count(ring); i++)
        result = key_list_add(list, key_ref(keyring_at(ring, i)));
    struct key_list accounts = {.accounts_count = accounts_count(keyring_accounts(ring))};
    if (accounts.accounts_count == 0 || result < 0)
        return result;
    accounts.accounts = (struct account *)accounts_at(keyring_accounts(ring), 0); /* only read */
    return add_accounts(list, &accounts);
}

static int restore_rows(struct store *store, struct key_rows *rows, struct err *err)
{
    int result = store_keys_restore(store, rows->rows, rows->count, rows->accounts,
                                    rows->accounts_count, err);
    key_rows_release(rows);
    return result;
}

static int restore(struct store *store, const struct key_list *keys, struct err *err)
{
    struct key_rows rows;
    struct accounts *accounts = accounts_new(keys->accounts, keys->accounts_count);
    int result = accounts ? key_rows_of_keys(keys->keys, keys->count, accounts, &rows) : -ENOMEM;
    result = result < 0 ? err_set(err, -ENOMEM, "out of memory") : restore_rows(store, &rows, err);
    accounts_unref(accounts);
    return result;
}

/* The second source: what is in force already, else the snapshot. */
struct beside {
    struct key_list list;
    bool found;
    bool damaged; /* more keys than these were in it */
};

static int read_beside(const char *path, const struct keyring *present, struct beside *beside,
                       struct err *err)
{
    if (present && keyring_count(present) > 0) {
        beside->found = true;
        return list_ring(&beside->list, present);
    }
    int result = keys_snapshot_read(path, &beside->list, err);
    beside->found = result != 0;
    beside->damaged = result < 0;
    return result == -ENOMEM ? result : 0;
}

#define LET_IN "keys of this service that are missing are let in by their form"

static void tell_restored(struct err *trouble, size_t added, const struct beside *beside,
                          const struct err *why)
{
    if (beside->damaged)
        (void)err_set(trouble, -EIO, "the database was lost; %s; " LET_IN, why->text);
    else if (added > 0)
        (void)err_set(trouble, -EIO, "the database was lost and got %zu %s back", added,
                      added == 1 ? "key" : "keys");
}

/* The database was made anew: `list` has what was put into it since. */
static int fill_up(struct store *store, const struct beside *beside, struct key_list *list,
                   struct keys_loaded *loaded, struct err *trouble, const struct err *why)
{
    size_t added = 0;
    struct err refused = {""};
    int result = add_missing(list, &beside->list, &added);
    if (result < 0)
        return result;
    loaded->trust_unlisted = beside->damaged || (!beside->found && list->count == 0);
    if (!beside->found)
        return 0;
    tell_restored(trouble, added, beside, why);
    if (restore(store, list, &refused) < 0)
        (void)err_set(trouble, -EIO, "the database is new and does not take its keys: %s",
                      refused.text);
    return 0;
}

static int load(struct store *store, const char *path, const struct keyring *present,
                struct key_list *list, struct keys_loaded *loaded, struct err *trouble)
{
    struct database_walk walk = {.list = list};
    struct beside beside = {.found = false};
    struct err why = {""}, why_beside = {""};
    int missing = store_keys_missing(store, &why);
    int result = missing < 0 ? missing : store_keys_read(store, each_row, &walk, &why);
    if (result == 0)
        result = store_accounts_read(store, each_account, &walk, &why);
    if (result == -ENOMEM)
        return result;
    if (result == 0 && walk.bad > 0)
        (void)err_set(trouble, -EIO, "%zu keys of the database cannot be read and do not count",
                      walk.bad);
    if (result == 0 && walk.bad_accounts > 0)
        (void)err_set(trouble, -EIO, "the limits of %zu accounts cannot be read and do not count",
                      walk.bad_accounts);
    if (result == 0 && !missing)
        return 0;

    int other = read_beside(path, present, &beside, &why_beside);
    if (other == 0 && result == 0) {
        other = fill_up(store, &beside, list, loaded, trouble, &why_beside);
    } else if (other == 0) {
        bool whole = beside.found && !beside.damaged;
        loaded->incomplete = true;
        loaded->trust_unlisted = !whole;
        key_list_release(list);
        *list = beside.list;
        beside.list = (struct key_list){.count = 0};
        (void)err_set(trouble, -EIO,
                      whole ? "%s; keys are those of the last snapshot"
                            : "%s; neither is keys.snapshot whole: " LET_IN,
                      why.text);
    }
    key_list_release(&beside.list);
    return other;
}

static int build(const struct mac_key *mac, const struct key_list *list, struct keys_loaded *loaded)
{
    struct accounts *accounts = accounts_new(list->accounts, list->accounts_count);
    if (accounts)
        loaded->ring = keyring_new(mac, list->keys, list->count, accounts, loaded->trust_unlisted);
    accounts_unref(accounts);
    return loaded->ring ? 0 : -ENOMEM;
}

int keys_load(struct store *store, const char *snapshot_path, const struct mac_key *mac,
              const struct keyring *present, struct keys_loaded *ret_loaded,
              struct err *ret_trouble)
{
    struct keys_loaded loaded = {.ring = NULL};
    struct key_list list = {.count = 0};
    ret_trouble->text[0] = '\0';
    int result = load(store, snapshot_path, present, &list, &loaded, ret_trouble);
    if (result == 0)
        result = build(mac, &list, &loaded);
    key_list_release(&list);
    if (result == 0)
        *ret_loaded = loaded;
    return result;
}

int keys_restore_if_missing(struct store *store, const struct keyring *ring, struct err *err)
{
    struct key_rows rows;
    int missing = store_keys_missing(store, err);
    if (missing <= 0 || keyring_count(ring) == 0)
        return missing < 0 ? missing : 0;
    if (key_rows_of_ring(ring, &rows) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    return restore_rows(store, &rows, err);
}
