/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/keys_rows.h"

#include "base/alloc.h"

#include <stdatomic.h>

#define LIST_FIRST 64

struct key *key_from_row(const struct store_key *row, bool *ret_bad)
{
    const char *models[KEY_MODELS_MAX];
    size_t count = 0;
    struct span name = span_str(row->name), hint = span_str(row->hint), part;
    struct span rest = row->models[0] ? span_str(row->models) : SPAN_NULL;

    struct span account = span_str(row->account ? row->account : "");
    struct limits limits;
    *ret_bad = row->id == 0 || name.len > KEY_NAME_BYTES_MAX || hint.len > 4 ||
               (account.len > 0 && !account_name_is_good(account)) ||
               limits_read(span_str(row->limits ? row->limits : ""), &limits) < 0;
    char *text = mem_strdup(row->models);
    while (text && !*ret_bad && span_split(&rest, '\n', &part)) {
        *ret_bad = count == KEY_MODELS_MAX;
        if (*ret_bad)
            break;
        size_t at = (size_t)(part.ptr - row->models);
        text[at + part.len] = '\0';
        models[count++] = text + at;
    }
    struct key *key = NULL;
    if (text && !*ret_bad)
        key = key_new(&(struct key_spec){.id = row->id,
                                         .digest = row->digest,
                                         .name = name,
                                         .hint = hint,
                                         .imported = row->imported,
                                         .disabled = row->disabled,
                                         .created_ms = row->created_ms,
                                         .expires_ms = row->expires_ms,
                                         .models = models,
                                         .models_count = count,
                                         .account = account,
                                         .limits = limits_are_unset(&limits) ? NULL : &limits});
    if (key)
        atomic_store_explicit(&key->last_used_ms, row->last_used_ms, memory_order_relaxed);
    mem_free(text);
    return key;
}

/* The names with newlines between them; NULL when out of memory. */
static const char *join_models(struct arena *memory, const struct key *key)
{
    size_t size = 1;
    for (size_t i = 0; i < key->models_count; i++)
        size += strlen(key->models[i]) + 1;
    char *text = arena_alloc(memory, size);
    if (!text)
        return NULL;
    char *at = text;
    for (size_t i = 0; i < key->models_count; i++) {
        size_t len = strlen(key->models[i]);
        if (i > 0)
            *at++ = '\n';
        memcpy(at, key->models[i], len);
        at += len;
    }
    *at = '\0';
    return text;
}

const char *limits_text(struct arena *memory, const struct limits *limits)
{
    char text[LIMITS_TEXT_BYTES_MAX + 1];
    struct buf buf = {.ptr = text, .cap = sizeof(text) - 1, .max = sizeof(text) - 1};
    if (!limits)
        return "";
    limits_write(&buf, limits);
    check(buf_status(&buf) == 0);
    return arena_copy(memory, buf_span(&buf)).ptr;
}

static int fill_row(struct arena *memory, const struct key *key, struct store_key *row)
{
    *row = (struct store_key){.id = key->id,
                              .digest = key->digest,
                              .name = key->name,
                              .hint = key->hint,
                              .models = key->models_count ? join_models(memory, key) : "",
                              .imported = key->imported,
                              .disabled = key->disabled,
                              .created_ms = key->created_ms,
                              .expires_ms = key->expires_ms,
                              .last_used_ms =
                                  atomic_load_explicit(&key->last_used_ms, memory_order_relaxed),
                              .account = key->account,
                              .limits = limits_text(memory, key->limits)};
    return row->models && row->limits ? 0 : -ENOMEM;
}

static int fill_accounts(struct key_rows *rows, const struct accounts *accounts)
{
    for (size_t i = 0; i < accounts_count(accounts); i++) {
        const struct account *account = accounts_at(accounts, i);
        const char *limits = limits_text(rows->memory, &account->limits);
        if (!limits)
            return -ENOMEM;
        rows->accounts[rows->accounts_count++] = (struct store_account){account->name, limits};
    }
    return 0;
}

int key_rows_of_keys(struct key *const *keys, size_t count, const struct accounts *accounts,
                     struct key_rows *ret_rows)
{
    struct key_rows rows = {.rows = mem_array(count + 1, sizeof(*rows.rows)),
                            .accounts =
                                mem_array(accounts_count(accounts) + 1, sizeof(*rows.accounts)),
                            .memory = arena_new(SIZE_MAX / 2)};
    int result =
        rows.rows && rows.accounts && rows.memory ? fill_accounts(&rows, accounts) : -ENOMEM;
    for (; result == 0 && rows.count < count; rows.count++)
        result = fill_row(rows.memory, keys[rows.count], &rows.rows[rows.count]);
    if (result == 0)
        *ret_rows = rows;
    else
        key_rows_release(&rows);
    return result;
}

int key_rows_of_ring(const struct keyring *ring, struct key_rows *ret_rows)
{
    size_t count = keyring_count(ring);
    struct key **keys = mem_array(count + 1, sizeof(struct key *));
    if (!keys)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        keys[i] = keyring_at(ring, i);
    int result = key_rows_of_keys(keys, count, keyring_accounts(ring), ret_rows);
    mem_free(keys);
    return result;
}

void key_rows_release(struct key_rows *rows)
{
    arena_free(rows->memory);
    mem_free(rows->rows);
    mem_free(rows->accounts);
    *rows = (struct key_rows){.count = 0};
}

int key_list_add(struct key_list *list, struct key *key)
{
    int result = list->count < KEYRING_KEYS_MAX ? 0 : -ENOSPC;
    if (result == 0 && list->count == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : LIST_FIRST;
        struct key **keys = mem_realloc(list->keys, cap * sizeof(struct key *));
        if (keys) {
            list->keys = keys;
            list->cap = cap;
        } else {
            result = -ENOMEM;
        }
    }
    if (result == 0)
        list->keys[list->count++] = key;
    else
        key_unref(key);
    return result;
}

int key_list_add_account(struct key_list *list, struct span name, struct span limits)
{
    struct account account = {.id = account_id(name)};
    if (!account_name_is_good(name) || limits_read(limits, &account.limits) < 0)
        return -EBADMSG;
    if (list->accounts_count == ACCOUNTS_MAX)
        return -ENOSPC;
    memcpy(account.name, name.ptr, name.len);
    if (list->accounts_count == list->accounts_cap) {
        size_t cap = list->accounts_cap ? 2 * list->accounts_cap : LIST_FIRST;
        struct account *accounts = mem_realloc(list->accounts, cap * sizeof(*accounts));
        if (!accounts)
            return -ENOMEM;
        list->accounts = accounts;
        list->accounts_cap = cap;
    }
    list->accounts[list->accounts_count++] = account;
    return 0;
}

void key_list_release(struct key_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        key_unref(list->keys[i]);
    mem_free(list->keys);
    mem_free(list->accounts);
    *list = (struct key_list){.count = 0};
}
