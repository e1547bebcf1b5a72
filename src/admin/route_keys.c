/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at keys is answered from the ring in force; changing them is the work of keys_change.c. */
#include "admin/admin_internal.h"
#include "admin/keys_change.h"
#include "admin/keys_json.h"
#include "admin/limits_json.h"
#include "admin/routes.h"
#include "base/text.h"

#define PAGE_KEYS 1000U
#define LIST_BYTES_MAX ADMIN_ANSWER_BYTES_MAX
#define PARAMETER_BYTES_MAX 64

/* A number of the query: `fallback` when there is none. 0 or -EINVAL with *err. */
static int read_number(struct span query, struct span name, uint64_t fallback, uint64_t *ret_value,
                       struct err *err)
{
    struct buf text;
    buf_init(&text, PARAMETER_BYTES_MAX);
    int result = query_get(query, name, &text);
    if (result == 0)
        *ret_value = fallback;
    if (result > 0)
        result = text_to_u64(buf_span(&text), ret_value);
    buf_release(&text);
    return result < 0 ? err_set(err, -EINVAL, "'%.*s' must be a number", (int)name.len, name.ptr)
                      : 0;
}

static void write_list(struct json_out *out, struct admin *admin, uint64_t offset, uint64_t limit)
{
    uint64_t total = keyring_count(admin->ring), first = MIN(offset, total);
    uint64_t end = first + MIN(limit, total - first);
    json_out_open(out, '{');
    json_out_key(out, SPAN("keys"));
    json_out_open(out, '[');
    for (uint64_t i = first; i < end; i++) {
        json_out_open(out, '{');
        key_write_members(out, keyring_at(admin->ring, (size_t)i), loop_wall_ms(admin->loop));
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
    json_out_key(out, SPAN("total"));
    json_out_u64(out, total);
    json_out_key(out, SPAN("next"));
    if (end < total)
        json_out_u64(out, end);
    else
        json_out_null(out);
    json_out_close(out, '}');
}

/* Keys are only ever added behind, so an offset stays where it was. */
void route_keys_list(const struct ask *ask)
{
    static const char *const names[] = {"offset", "limit"};
    struct err err = {""};
    uint64_t offset = 0, limit = 0;
    int result = query_check(ask->query, names, COUNT_OF(names), &err);
    if (result == 0)
        result = read_number(ask->query, SPAN("offset"), 0, &offset, &err);
    if (result == 0)
        result = read_number(ask->query, SPAN("limit"), PAGE_KEYS, &limit, &err);
    if (result < 0) {
        caller_answer_error(ask->caller, 400, "%s", err.text);
        return;
    }
    struct buf buf;
    buf_init(&buf, LIST_BYTES_MAX);
    struct json_out out = json_out_start(&buf);
    write_list(&out, ask->admin, offset, MIN(limit, PAGE_KEYS));
    caller_answer_built(ask->caller, &buf);
}

/* The key that the path names; answers 404 when there is none. */
static struct key *find(const struct ask *ask)
{
    uint64_t id;
    struct key *key = NULL;
    if (key_parse_id(ask->id, &id) == 0)
        key = keyring_by_id(ask->admin->ring, id);
    if (!key)
        caller_answer_error(ask->caller, 404, "there is no key '%.*s'",
                            (int)MIN(ask->id.len, (size_t)64), ask->id.ptr);
    return key;
}

/* How its limits stand, those of the configuration too. */
static void write_use(struct json_out *out, struct admin *admin, const struct key *key)
{
    const struct config *config = admin->events->config(admin->owner);
    struct limits limits = limits_over(key->limits, &config->key_limits);
    json_out_key(out, SPAN("use"));
    json_out_open(out, '[');
    limits_write_use(out, admin->budgets, key->id, &limits, key->limits, SPAN("key"),
                     (struct budget_time){loop_now_ms(admin->loop), loop_wall_ms(admin->loop)});
    json_out_close(out, ']');
}

void route_keys_show(const struct ask *ask)
{
    struct key *key = find(ask);
    if (!key)
        return;
    struct buf buf;
    buf_init(&buf, LIST_BYTES_MAX);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    key_write_members(&out, key, loop_wall_ms(ask->admin->loop));
    write_use(&out, ask->admin, key);
    json_out_close(&out, '}');
    caller_answer_built(ask->caller, &buf);
}

static void change_one(const struct ask *ask, enum keys_change_kind kind)
{
    struct key *key = find(ask);
    if (key)
        keys_change_start(ask->admin, ask->caller, kind, key->id, ask->body);
}

void route_keys_create(const struct ask *ask)
{
    keys_change_start(ask->admin, ask->caller, KEYS_CREATE, 0, ask->body);
}

void route_keys_import(const struct ask *ask)
{
    keys_change_start(ask->admin, ask->caller, KEYS_IMPORT, 0, ask->body);
}

void route_keys_disable(const struct ask *ask)
{
    change_one(ask, KEYS_DISABLE);
}

void route_keys_enable(const struct ask *ask)
{
    change_one(ask, KEYS_ENABLE);
}

void route_keys_rotate(const struct ask *ask)
{
    change_one(ask, KEYS_ROTATE);
}

void route_keys_limits(const struct ask *ask)
{
    change_one(ask, KEYS_LIMITS);
}
