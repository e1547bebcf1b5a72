/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/keys_change.h"

#include "admin/admin_internal.h"
#include "admin/caller.h"
#include "admin/keys_import.h"
#include "admin/keys_json.h"
#include "admin/keys_load.h"
#include "admin/keys_rows.h"
#include "admin/limits_json.h"
#include "admin/upkeep.h"
#include "base/alloc.h"
#include "base/log.h"
#include "identity/identity.h"

#include <stdatomic.h>

#define ANSWER_BYTES_MAX 262144U
#define OVERLAP_S_MAX (366 * 86400)
#define LIMITS_MEMORY_MAX 4096U /* of one text of limits */

struct key_change {
    struct work work;
    struct list link; /* of admin->changes, while it waits */
    enum keys_change_kind kind;
    uint64_t id;
    char account[ACCOUNT_NAME_BYTES_MAX + 1]; /* of KEYS_ACCOUNT_LIMITS */
    struct buf body;

    /* For the store thread. */
    struct store *store;
    struct profiles *profiles;
    struct budgets *budgets;
    struct mac_key mac;
    bool trust_unlisted;
    uint64_t wall_ms, now_ms;
    struct keyring *base;    /* in force when it began */
    struct keyring *retired; /* to be let go over there */

    /* What came of it. */
    struct keyring *ring; /* NULL: nothing changed */
    uint64_t replaced_by; /* the id of the new key; 0: none was replaced */
    unsigned status;
    struct buf answer;
    struct buf rows; /* of an import: the bad ones */
    struct err err;
    char log[256]; /* for the operator's log */
};

static void change_free(struct key_change *change)
{
    if (change->body.ptr)
        explicit_bzero(change->body.ptr, change->body.cap);
    if (change->answer.ptr)
        explicit_bzero(change->answer.ptr, change->answer.cap);
    buf_release(&change->body);
    buf_release(&change->answer);
    buf_release(&change->rows);
    keyring_unref(change->base);
    keyring_unref(change->retired);
    keyring_unref(change->ring);
    mem_free_secret(change, sizeof(*change));
}

/* ── on the store thread ── */

static void refuse(struct key_change *change, unsigned status)
{
    keyring_unref(TAKE(change->ring));
    change->status = status;
}

static void out_of_memory(struct key_change *change)
{
    (void)err_set(&change->err, -ENOMEM, "out of memory");
    refuse(change, 503);
}

/* The database did not take it. */
static void database_refused(struct key_change *change, int error)
{
    (void)err_prefix(&change->err, error, "nothing has changed: the database refuses it");
    refuse(change, error == -EEXIST ? 409 : error == -ENOENT ? 404 : 503);
}

/* The accounts in force, and those that keys name. NULL when out of memory. */
static struct accounts *accounts_of(const struct key_change *change, struct key *const *keys,
                                    size_t count)
{
    struct accounts *accounts = accounts_ref(keyring_accounts(change->base));
    struct account *list = mem_array(accounts_count(accounts) + count + 1, sizeof(*list));
    size_t known = 0;
    for (; list && known < accounts_count(accounts); known++)
        list[known] = *accounts_at(accounts, known);
    size_t all = known;
    for (size_t i = 0; list && i < count; i++) {
        if (keys[i]->account_id == 0 || accounts_by_id(accounts, keys[i]->account_id))
            continue;
        list[all] = (struct account){.id = keys[i]->account_id, .limits = limits_unset()};
        memcpy(list[all++].name, keys[i]->account, strlen(keys[i]->account));
    }
    struct accounts *next = list ? accounts_new(list, all) : NULL;
    mem_free(list);
    accounts_unref(accounts);
    return next;
}

/* The ring in force with `old` replaced by `instead` (both may be NULL) and `added` behind. */
static bool build_ring(struct key_change *change, const struct key *old, struct key *instead,
                       struct key *const *added, size_t added_count)
{
    size_t base_count = keyring_count(change->base), count = base_count + added_count;
    struct key **keys = mem_array(count + 1, sizeof(struct key *));
    if (!keys)
        return false;
    for (size_t i = 0; i < base_count; i++) {
        struct key *key = keyring_at(change->base, i);
        keys[i] = key == old ? instead : key;
    }
    for (size_t i = 0; i < added_count; i++)
        keys[base_count + i] = added[i];
    struct accounts *accounts =
        instead ? accounts_of(change, &instead, 1) : accounts_of(change, added, added_count);
    if (accounts)
        change->ring = keyring_new(&change->mac, keys, count, accounts, change->trust_unlisted);
    accounts_unref(accounts);
    mem_free(keys);
    return change->ring != NULL;
}

static bool add_to_database(struct key_change *change, struct key *const *keys, size_t count)
{
    struct key_rows rows;
    if (key_rows_of_keys(keys, count, NULL, &rows) < 0) {
        out_of_memory(change);
        return false;
    }
    int result = store_keys_add(change->store, rows.rows, rows.count, &change->err);
    key_rows_release(&rows);
    if (result < 0)
        database_refused(change, result);
    return result == 0;
}

/* The key that `spec` makes of `key`. */
static struct key *altered(const struct key *key, const struct key_spec *spec)
{
    struct key *copy = key_new(spec);
    if (copy)
        atomic_store_explicit(&copy->last_used_ms,
                              atomic_load_explicit(&key->last_used_ms, memory_order_relaxed),
                              memory_order_relaxed);
    return copy;
}

/* A key of ours and its text; of `spec` what is not of the text. */
static struct key *make_key(const struct key_change *change, struct key_spec spec,
                            char ret_text[KEY_TEXT_BYTES + 1])
{
    unsigned char digest[SHA256_BYTES];
    key_generate(&change->mac, ret_text, &spec.id);
    sha256(span_of(ret_text, KEY_TEXT_BYTES), digest);
    spec.digest = digest;
    spec.hint = span_of(ret_text + KEY_TEXT_BYTES - 4, 4);
    spec.imported = spec.disabled = false;
    spec.created_ms = change->wall_ms;
    return key_new(&spec);
}

/* The answer for one key; `text` is NULL unless it is new; `replaced` is NULL unless it was rotated. */
static void answer_key(struct key_change *change, const struct key *key, const char *text,
                       const struct key *replaced)
{
    struct json_out out = json_out_start(&change->answer);
    json_out_open(&out, '{');
    if (text) {
        json_out_key(&out, SPAN("key"));
        json_out_string(&out, span_str(text));
    }
    key_write_members(&out, key, change->wall_ms);
    if (replaced) {
        json_out_key(&out, SPAN("replaces"));
        json_out_open(&out, '{');
        key_write_members(&out, replaced, change->wall_ms);
        json_out_close(&out, '}');
    }
    json_out_close(&out, '}');
    change->status = 200;
}

static void note(struct key_change *change, const char *what, const struct key *key)
{
    char id[16];
    key_format_id(key->id, id);
    snprintf(change->log, sizeof(change->log), "key '%s' (%s) %s", id, key->name, what);
}

static json_t *parse_body(struct key_change *change, const char *const *members)
{
    struct span body = change->body.len ? buf_span(&change->body) : SPAN("{}");
    json_t *root = keys_json_parse(body, &change->err);
    if (root && keys_json_only(root, members, &change->err) < 0) {
        json_decref(root);
        root = NULL;
    }
    if (!root)
        refuse(change, 400);
    return root;
}

static void create(struct key_change *change)
{
    static const char *const members[] = {"name", "models", "expires", "account", "limits", NULL};
    struct key_wish wish;
    char text[KEY_TEXT_BYTES + 1];
    json_t *root = parse_body(change, members);
    if (!root)
        return;
    int result = key_wish_read(root, &wish, &change->err);
    if (result < 0) {
        refuse(change, 400);
    } else {
        struct key *key = make_key(change, key_spec_of_wish(&wish), text);
        if (!key || !build_ring(change, NULL, NULL, &key, 1)) {
            out_of_memory(change);
        } else if (add_to_database(change, &key, 1)) {
            answer_key(change, key, text, NULL);
            note(change, "made", key);
        }
        key_unref(key);
    }
    explicit_bzero(text, sizeof(text));
    json_decref(root);
}

static void set_disabled(struct key_change *change, struct key *key, bool disabled)
{
    struct key_spec spec = key_spec_of(key);
    spec.disabled = disabled;
    struct key *copy = altered(key, &spec);
    if (!copy || !build_ring(change, key, copy, NULL, 0)) {
        out_of_memory(change);
    } else {
        int result = store_key_set_disabled(change->store, key->id, disabled, &change->err);
        if (result < 0) {
            database_refused(change, result);
        } else {
            answer_key(change, copy, NULL, NULL);
            note(change, disabled ? "disabled" : "enabled", copy);
        }
    }
    key_unref(copy);
}

static struct budget_time now_of(const struct key_change *change)
{
    return (struct budget_time){change->now_ms, change->wall_ms};
}

/* ── limits ── */

static void put_limits(struct key_change *change, struct key *key, const struct key_spec *spec)
{
    struct key *copy = altered(key, spec);
    struct arena *memory = arena_new(LIMITS_MEMORY_MAX);
    const char *limits = memory ? limits_text(memory, spec->limits) : NULL;
    if (!copy || !limits || !build_ring(change, key, copy, NULL, 0)) {
        out_of_memory(change);
    } else {
        int result =
            store_key_set_limits(change->store, key->id, copy->account, limits, &change->err);
        if (result < 0) {
            database_refused(change, result);
        } else {
            answer_key(change, copy, NULL, NULL);
            note(change, "has other limits", copy);
        }
    }
    arena_free(memory);
    key_unref(copy);
}

static void set_limits(struct key_change *change, struct key *key)
{
    static const char *const members[] = {"account", "limits", NULL};
    struct limits limits = key->limits ? *key->limits : limits_unset();
    struct key_spec spec = key_spec_of(key);
    json_t *root = parse_body(change, members);
    if (!root)
        return;
    if (key_terms_read(root, &spec.account, &limits, &change->err) < 0) {
        refuse(change, 400);
    } else {
        spec.limits = limits_are_unset(&limits) ? NULL : &limits;
        put_limits(change, key, &spec);
    }
    json_decref(root);
}

static void answer_account(struct key_change *change, const struct limits *limits)
{
    struct json_out out = json_out_start(&change->answer);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("account"));
    json_out_string(&out, span_str(change->account));
    json_out_key(&out, SPAN("limits"));
    limits_write_json(&out, limits);
    json_out_close(&out, '}');
    change->status = 200;
    snprintf(change->log, sizeof(change->log), "account '%s' has other limits", change->account);
}

/* The same keys with other accounts. */
static bool build_ring_with(struct key_change *change, const struct limits *limits)
{
    size_t count = keyring_count(change->base);
    struct accounts *accounts =
        accounts_with(keyring_accounts(change->base), span_str(change->account), limits);
    struct key **keys = mem_array(count + 1, sizeof(struct key *));
    for (size_t i = 0; keys && i < count; i++)
        keys[i] = keyring_at(change->base, i);
    if (accounts && keys)
        change->ring = keyring_new(&change->mac, keys, count, accounts, change->trust_unlisted);
    mem_free(keys);
    accounts_unref(accounts);
    return change->ring != NULL;
}

static void put_account_limits(struct key_change *change, const struct limits *limits)
{
    struct arena *memory = arena_new(LIMITS_MEMORY_MAX);
    const char *text = memory ? limits_text(memory, limits) : NULL;
    if (!text || !build_ring_with(change, limits)) {
        out_of_memory(change);
    } else {
        struct store_account row = {change->account, text};
        int result = store_account_put(change->store, &row, &change->err);
        if (result < 0)
            database_refused(change, result);
        else
            answer_account(change, limits);
    }
    arena_free(memory);
}

static void set_account_limits(struct key_change *change)
{
    static const char *const members[] = {"limits", NULL};
    const struct account *account =
        accounts_by_id(keyring_accounts(change->base), account_id(span_str(change->account)));
    struct limits limits = account ? account->limits : limits_unset();
    json_t *root = parse_body(change, members);
    const json_t *wanted = root ? json_object_get(root, "limits") : NULL;
    if (!root)
        return;
    if (wanted && limits_read_json(wanted, &limits, &change->err) < 0)
        refuse(change, 400);
    else
        put_account_limits(change, &limits);
    json_decref(root);
}

/* ── rotation ── */

/* The old key's new end in the database: an hour of overlap is an expiry, none is an end at once. */
static int retire_in_database(struct key_change *change, const struct key *before,
                              const struct key *after)
{
    if (after->disabled)
        return store_key_set_disabled(change->store, after->id, true, &change->err);
    if (after->expires_ms != before->expires_ms)
        return store_key_set_expiry(change->store, after->id, after->expires_ms, &change->err);
    return 0;
}

/* What a caller earned does not hang on the text of its key. While both keys work each has that budget. */
static void hand_on_profile(struct key_change *change, uint64_t from, uint64_t to)
{
    struct profile profile;
    if (!profiles_get(change->profiles, identity_of_key(from), change->wall_ms, &profile))
        return;
    profile.id = identity_of_key(to);
    if (profiles_put(change->profiles, &profile, change->wall_ms) < 0)
        log_line(LOG_WARN, "there is no room for the profile of the key that replaces another");
}

static void replace_key(struct key_change *change, struct key *key, uint64_t overlap_s)
{
    char text[KEY_TEXT_BYTES + 1];
    uint64_t end_ms = change->wall_ms + overlap_s * 1000;
    if (key->expires_ms != 0)
        end_ms = MIN(end_ms, key->expires_ms);
    struct key *next = make_key(change, key_spec_of(key), text);
    struct key_spec end = key_spec_of(key);
    if (overlap_s == 0)
        end.disabled = true;
    else
        end.expires_ms = end_ms;
    struct key *old = altered(key, &end);
    if (!next || !old || !build_ring(change, key, old, &next, 1)) {
        out_of_memory(change);
    } else if (add_to_database(change, &next, 1)) {
        int result = retire_in_database(change, key, old);
        if (result < 0) {
            /* Nobody has seen the new key's text: enabled or not, its row opens nothing. */
            if (store_key_set_disabled(change->store, next->id, true, NULL) < 0)
                log_line(LOG_WARN, "a key that nobody has stays in the database");
            database_refused(change, result);
        } else {
            hand_on_profile(change, key->id, next->id);
            if (budgets_hand_on(change->budgets, key->id, next->id, now_of(change)) < 0)
                log_line(LOG_WARN, "there is no room for what a replaced key has used");
            change->replaced_by = next->id;
            answer_key(change, next, text, old);
            note(change, "replaced by another one", old);
        }
    }
    explicit_bzero(text, sizeof(text));
    key_unref(next);
    key_unref(old);
}

static void rotate(struct key_change *change, struct key *key)
{
    static const char *const members[] = {"overlap_s", NULL};
    json_t *root = parse_body(change, members);
    if (!root)
        return;
    const json_t *overlap = json_object_get(root, "overlap_s");
    json_int_t seconds = json_integer_value(overlap);
    if (overlap && (!json_is_integer(overlap) || seconds < 0 || seconds > OVERLAP_S_MAX)) {
        (void)err_set(&change->err, -EINVAL, "'overlap_s' must be 0 to %d seconds", OVERLAP_S_MAX);
        refuse(change, 400);
    } else if (key->disabled || (key->expires_ms != 0 && key->expires_ms <= change->wall_ms)) {
        (void)err_set(&change->err, -EINVAL, "the key is %s: enable it first, or make another one",
                      key->disabled ? "disabled" : "expired");
        refuse(change, 409);
    } else {
        replace_key(change, key, (uint64_t)seconds);
    }
    json_decref(root);
}

static void answer_import(struct key_change *change, size_t count)
{
    struct json_out out = json_out_start(&change->answer);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("imported"));
    json_out_u64(&out, count);
    json_out_close(&out, '}');
    change->status = 200;
    snprintf(change->log, sizeof(change->log), "%zu %s imported", count,
             count == 1 ? "key" : "keys");
}

static void import(struct key_change *change)
{
    struct import import = {.count = 0};
    json_t *root = keys_json_parse(buf_span(&change->body), &change->err);
    if (!root) {
        refuse(change, 400);
        return;
    }
    unsigned status =
        import_read(root, change->base, change->wall_ms, &import, &change->rows, &change->err);
    json_decref(root);
    if (status != 200)
        refuse(change, status);
    else if (!build_ring(change, NULL, NULL, import.keys, import.count))
        out_of_memory(change);
    else if (add_to_database(change, import.keys, import.count))
        answer_import(change, import.count);
    import_release(&import);
}

static void change_one(struct key_change *change)
{
    struct key *key = keyring_by_id(change->base, change->id);
    if (!key) {
        (void)err_set(&change->err, -ENOENT, "there is no such key");
        refuse(change, 404);
    } else if (change->kind == KEYS_ROTATE) {
        rotate(change, key);
    } else if (change->kind == KEYS_LIMITS) {
        set_limits(change, key);
    } else {
        set_disabled(change, key, change->kind == KEYS_DISABLE);
    }
}

static void on_helper(struct work *work)
{
    struct key_change *change = container_of(work, struct key_change, work);
    keyring_unref(TAKE(change->retired));
    int result = keys_restore_if_missing(change->store, change->base, &change->err);
    if (result < 0)
        database_refused(change, result);
    else if (change->kind == KEYS_CREATE)
        create(change);
    else if (change->kind == KEYS_IMPORT)
        import(change);
    else if (change->kind == KEYS_ACCOUNT_LIMITS)
        set_account_limits(change);
    else
        change_one(change);
}

/* ── on the control thread ── */

static void answer_refusal(struct key_change *change)
{
    struct json_out out = json_out_start(&change->answer);
    buf_clear(&change->answer);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("error"));
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("message"));
    json_out_string(&out, span_str(change->err.text));
    if (change->rows.len > 0 && buf_status(&change->rows) == 0) {
        json_out_key(&out, SPAN("rows"));
        json_out_raw(&out, buf_span(&change->rows));
    }
    json_out_close(&out, '}');
    json_out_close(&out, '}');
}

static void answer(struct key_change *change)
{
    if (change->status != 200)
        answer_refusal(change);
    if (buf_status(&change->answer) < 0)
        caller_answer_error(change->work.caller, 503, "out of memory for the answer");
    else
        caller_answer_json(change->work.caller, change->status, buf_span(&change->answer));
}

void keys_publish(struct admin *admin, struct keyring *ring)
{
    keyring_unref(admin->retired); /* one is kept; a second one within a minute is rare */
    admin->retired = admin->ring;
    admin->ring = ring;
    admin->publish_again = admin->events->keys_changed(admin->owner, ring) < 0;
    upkeep_keys_changed(admin);
}

static void on_done(struct work *work)
{
    struct key_change *change = container_of(work, struct key_change, work);
    struct admin *admin = work->admin;
    if (admin)
        admin->change_runs = false;
    if (admin && change->ring) {
        if (change->replaced_by)
            admin->events->key_replaced(admin->owner, change->id, change->replaced_by);
        keys_publish(admin, TAKE(change->ring));
        if (change->kind == KEYS_LIMITS || change->kind == KEYS_ACCOUNT_LIMITS)
            upkeep_limits_changed(admin);
        log_line(LOG_INFO, "%s", change->log);
    } else if (admin && change->status == 503) {
        log_line(LOG_ERROR, "a change of keys failed: %s", change->err.text);
    }
    answer(change);
    change_free(change);
    if (admin)
        keys_change_next(admin);
}

void keys_change_next(struct admin *admin)
{
    struct list *link;
    while (!admin->change_runs && (link = list_first(&admin->changes))) {
        struct key_change *change = list_entry(link, struct key_change, link);
        list_remove(link);
        change->base = keyring_ref(admin->ring);
        change->retired = TAKE(admin->retired);
        change->trust_unlisted = admin->trust_unlisted;
        change->wall_ms = loop_wall_ms(admin->loop);
        change->now_ms = loop_now_ms(admin->loop);
        change->work.on_helper = on_helper;
        change->work.on_done = on_done;
        admin->change_runs = true;
        if (work_start(&change->work, admin, change->work.caller) == 0)
            return;
        admin->change_runs = false;
        caller_answer_error(change->work.caller, 503,
                            "the database has too much to do: nothing has changed");
        change_free(change);
    }
}

static void start(struct admin *admin, struct caller *caller, enum keys_change_kind kind,
                  uint64_t id, struct span account, struct span body)
{
    struct key_change *change = mem_zalloc(sizeof(*change));
    if (!change) {
        caller_answer_error(caller, 503, "out of memory");
        return;
    }
    change->kind = kind;
    change->id = id;
    change->work.caller = caller;
    change->store = admin->store;
    change->profiles = admin->profiles;
    change->budgets = admin->budgets;
    memcpy(change->account, account.ptr, account.len);
    change->mac = admin->key_mac;
    list_init(&change->link);
    buf_init(&change->body, ADMIN_BODY_BYTES_MAX);
    buf_init(&change->answer, ANSWER_BYTES_MAX);
    buf_init(&change->rows, ANSWER_BYTES_MAX / 2);
    buf_append(&change->body, body);
    if (buf_status(&change->body) < 0) {
        change_free(change);
        caller_answer_error(caller, 503, "out of memory");
        return;
    }
    list_push_back(&admin->changes, &change->link);
    keys_change_next(admin);
}

void keys_change_start(struct admin *admin, struct caller *caller, enum keys_change_kind kind,
                       uint64_t id, struct span body)
{
    start(admin, caller, kind, id, SPAN(""), body);
}

void keys_change_account(struct admin *admin, struct caller *caller, struct span account,
                         struct span body)
{
    check(account.len <= ACCOUNT_NAME_BYTES_MAX);
    start(admin, caller, KEYS_ACCOUNT_LIMITS, 0, account, body);
}

void keys_change_drop_all(struct admin *admin)
{
    struct list *link;
    while ((link = list_first(&admin->changes))) {
        struct key_change *change = list_entry(link, struct key_change, link);
        list_remove(link);
        caller_answer_error(change->work.caller, 503, "shutting down: nothing has changed");
        change_free(change);
    }
}
