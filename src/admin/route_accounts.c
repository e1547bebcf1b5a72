/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at accounts is answered from the ring in force; changing them is the work of keys_change.c. */
#include "admin/admin_internal.h"
#include "admin/keys_change.h"
#include "admin/limits_json.h"
#include "admin/routes.h"

static void write_account(struct json_out *out, struct admin *admin, const struct account *account,
                          uint64_t keys)
{
    json_out_key(out, SPAN("account"));
    json_out_string(out, span_str(account->name));
    json_out_key(out, SPAN("keys"));
    json_out_u64(out, keys);
    json_out_key(out, SPAN("limits"));
    limits_write_json(out, &account->limits);
    struct limits limits = limits_over(&account->limits, NULL);
    json_out_key(out, SPAN("use"));
    json_out_open(out, '[');
    limits_write_use(out, admin->budgets, account->id, &limits, &account->limits, SPAN("account"),
                     (struct budget_time){loop_now_ms(admin->loop), loop_wall_ms(admin->loop)});
    json_out_close(out, ']');
}

static uint64_t keys_of(const struct keyring *ring, uint64_t account_id)
{
    uint64_t count = 0;
    for (size_t i = 0; i < keyring_count(ring); i++)
        count += keyring_at(ring, i)->account_id == account_id;
    return count;
}

void route_accounts_list(const struct ask *ask)
{
    const struct accounts *accounts = keyring_accounts(ask->admin->ring);
    struct buf buf;
    buf_init(&buf, ADMIN_ANSWER_BYTES_MAX);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("accounts"));
    json_out_open(&out, '[');
    for (size_t i = 0; i < accounts_count(accounts); i++) {
        const struct account *account = accounts_at(accounts, i);
        json_out_open(&out, '{');
        json_out_key(&out, SPAN("account"));
        json_out_string(&out, span_str(account->name));
        json_out_key(&out, SPAN("limits"));
        limits_write_json(&out, &account->limits);
        json_out_close(&out, '}');
    }
    json_out_close(&out, ']');
    json_out_close(&out, '}');
    caller_answer_built(ask->caller, &buf);
}

void route_accounts_show(const struct ask *ask)
{
    const struct account *account =
        accounts_by_id(keyring_accounts(ask->admin->ring), account_id(ask->id));
    if (!account) {
        caller_answer_error(ask->caller, 404, "there is no account '%.*s'",
                            (int)MIN(ask->id.len, (size_t)64), ask->id.ptr);
        return;
    }
    struct buf buf;
    buf_init(&buf, ADMIN_ANSWER_BYTES_MAX);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    write_account(&out, ask->admin, account, keys_of(ask->admin->ring, account->id));
    json_out_close(&out, '}');
    caller_answer_built(ask->caller, &buf);
}

void route_accounts_limits(const struct ask *ask)
{
    if (account_name_is_good(ask->id))
        keys_change_account(ask->admin, ask->caller, ask->id, ask->body);
    else
        caller_answer_error(ask->caller, 400,
                            "the name of an account has 1 to %d letters, digits and any of '._@+-'",
                            ACCOUNT_NAME_BYTES_MAX);
}
