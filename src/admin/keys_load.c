/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/keys_load.h"

#include "admin/keys_rows.h"
#include "admin/keys_snapshot.h"
#include "base/map.h"

struct database_walk {
    struct key_list *list;
    size_t bad;
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

/* Adds those of `more` whose id is not in `list`; takes them over. Keys in the database win. */
static int add_missing(struct key_list *list, struct key_list *more, size_t *ret_added)
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
    return result;
}

static int list_ring(struct key_list *list, const struct keyring *ring)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < keyring_count(ring); i++)
        result = key_list_add(list, key_ref(keyring_at(ring, i)));
    return result;
}

static int restore(struct store *store, const struct key_list *keys, struct err *err)
{
    struct key_rows rows;
    if (key_rows_of_keys(keys->keys, keys->count, &rows) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    int result = store_keys_restore(store, rows.rows, rows.count, err);
    key_rows_release(&rows);
    return result;
}

/* The second source: what is in force already, else the snapshot. 1 or 0 (there is none); a damaged one gives what it can. */
static int read_beside(const char *path, const struct keyring *present, struct key_list *list,
                       struct err *err)
{
    if (present && keyring_count(present) > 0) {
        int result = list_ring(list, present);
        return result < 0 ? result : 1;
    }
    int result = keys_snapshot_read(path, list, err);
    return result == -ENOMEM ? result : result != 0;
}

/* The database was made anew: `list` has what was put into it since. */
static int fill_up(struct store *store, const char *path, const struct keyring *present,
                   struct key_list *list, struct keys_loaded *loaded, struct err *trouble)
{
    struct key_list beside = {.count = 0};
    struct err why = {""};
    size_t added = 0;
    int found = read_beside(path, present, &beside, &why);
    int result = found < 0 ? found : add_missing(list, &beside, &added);
    key_list_release(&beside);
    if (result < 0)
        return result;
    loaded->trust_unlisted = found == 0 && list->count == 0;
    if (why.text[0])
        (void)err_set(trouble, -EIO, "%s", why.text);
    if (found == 0)
        return 0;
    if (restore(store, list, &why) < 0)
        (void)err_set(trouble, -EIO, "the database is new and does not take its %zu keys: %s",
                      added, why.text);
    else if (added > 0)
        (void)err_set(trouble, -EIO, "the database was lost and got %zu keys back%s%s", added,
                      why.text[0] ? "; " : "", why.text);
    return 0;
}

static int load(struct store *store, const char *path, const struct keyring *present,
                struct key_list *list, struct keys_loaded *loaded, struct err *trouble)
{
    struct database_walk walk = {list, 0};
    struct err why = {""};
    int missing = store_keys_missing(store, &why);
    int result = missing < 0 ? missing : store_keys_read(store, each_row, &walk, &why);
    if (result == 0) {
        if (walk.bad > 0)
            (void)err_set(trouble, -EIO, "%zu keys of the database cannot be read and do not count",
                          walk.bad);
        return missing ? fill_up(store, path, present, list, loaded, trouble) : 0;
    }
    if (result == -ENOMEM)
        return result;

    loaded->incomplete = true;
    key_list_release(list);
    (void)err_set(trouble, -EIO, "%s; keys are those of the last snapshot", why.text);
    int found = read_beside(path, present, list, &why);
    if (found < 0)
        return found;
    if (list->count == 0) {
        loaded->trust_unlisted = true;
        (void)err_set(
            trouble, -EIO,
            "neither the database nor keys.snapshot can be read: keys of this service are "
            "let in by their form alone (%s)",
            why.text);
    }
    return 0;
}

int keys_load(struct store *store, const char *snapshot_path, const struct mac_key *mac,
              const struct keyring *present, struct keys_loaded *ret_loaded,
              struct err *ret_trouble)
{
    struct keys_loaded loaded = {.ring = NULL};
    struct key_list list = {.count = 0};
    ret_trouble->text[0] = '\0';
    int result = load(store, snapshot_path, present, &list, &loaded, ret_trouble);
    if (result == 0) {
        loaded.ring = keyring_new(mac, list.keys, list.count, loaded.trust_unlisted);
        result = loaded.ring ? 0 : -ENOMEM;
    }
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
    int result = store_keys_restore(store, rows.rows, rows.count, err);
    key_rows_release(&rows);
    return result;
}
