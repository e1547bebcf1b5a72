/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/budgets_fill.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/text.h"

#define DAY_MS UINT64_C(86400000)

/* Of one key, or the sum of an account's keys. */
struct use {
    uint64_t id;
    uint64_t day_tokens, day_spend, month_spend;
};

struct filling {
    const struct keyring *ring;
    const struct config *config;
    struct map *uses; /* struct use by id */
    uint64_t day_ms;  /* when today began */
};

static bool needs_past(const struct limits *limits)
{
    return limits->of[LIMIT_TOKENS_DAY] || limits->of[LIMIT_SPEND_DAY] ||
           limits->of[LIMIT_SPEND_MONTH];
}

/* Does it have a limit that goes back further than a minute? */
static bool key_needs_past(const struct filling *filling, const struct key *key)
{
    struct limits limits = limits_over(key ? key->limits : NULL, &filling->config->key_limits);
    return needs_past(&limits);
}

static bool account_needs_past(const struct filling *filling, uint64_t id)
{
    const struct account *account = accounts_by_id(keyring_accounts(filling->ring), id);
    struct limits limits = limits_over(account ? &account->limits : NULL, NULL);
    return needs_past(&limits);
}

static bool anybody_needs_past(const struct filling *filling)
{
    const struct accounts *accounts = keyring_accounts(filling->ring);
    if (needs_past(&filling->config->key_limits))
        return true;
    for (size_t i = 0; i < accounts_count(accounts); i++)
        if (account_needs_past(filling, accounts_at(accounts, i)->id))
            return true;
    for (size_t i = 0; i < keyring_count(filling->ring); i++)
        if (keyring_at(filling->ring, i)->limits &&
            key_needs_past(filling, keyring_at(filling->ring, i)))
            return true;
    return false;
}

static uint64_t cost_of(const struct config *config, const struct store_usage *row)
{
    for (size_t i = 0; i < config->models_count; i++) {
        const struct config_model *model = &config->models[i];
        if (span_eq(model->name, span_str(row->model)))
            return budget_cost(row->prompt_tokens, model->price_in) +
                   budget_cost(row->completion_tokens, model->price_out);
    }
    return 0;
}

static int add_use(struct filling *filling, uint64_t id, const struct store_usage *row)
{
    struct use *use = map_get(filling->uses, &id);
    if (!use) {
        use = mem_zalloc(sizeof(*use));
        if (!use || map_put(filling->uses, &id, use, NULL) < 0) {
            mem_free(use);
            return -ENOMEM;
        }
        use->id = id;
    }
    uint64_t cost = cost_of(filling->config, row);
    use->month_spend += cost;
    if (row->hour_ms >= filling->day_ms) {
        use->day_tokens += row->prompt_tokens + row->completion_tokens;
        use->day_spend += cost;
    }
    return 0;
}

static int each_row(void *arg, const struct store_usage *row)
{
    struct filling *filling = arg;
    const struct key *key = keyring_by_id(filling->ring, row->key_id);
    int result = 0;
    if (row->key_id == 0)
        return 0;
    if (key_needs_past(filling, key))
        result = add_use(filling, row->key_id, row);
    if (result == 0 && key && key->account_id && account_needs_past(filling, key->account_id))
        result = add_use(filling, key->account_id, row);
    return result;
}

static int read_ledger(struct filling *filling, struct store *store, uint64_t from_ms,
                       struct err *err)
{
    struct store_usage_query query = {
        .from_ms = from_ms, .to_ms = INT64_MAX, .by_key = true, .by_model = true, .by_day = true};
    return store_usage_read(store, &query, each_row, filling, err);
}

static int learn_all(const struct filling *filling, struct budgets *budgets,
                     struct budget_time time)
{
    size_t at = 0;
    const void *id;
    void *value;
    int result = 0;
    while (map_next(filling->uses, &at, &id, &value)) {
        struct use *use = value;
        if (result == 0)
            result = budgets_learn(budgets, use->id, use->day_tokens, use->day_spend,
                                   use->month_spend, time);
        mem_free(use);
    }
    return result;
}

int budgets_fill(struct budgets *budgets, struct store *store, const struct keyring *ring,
                 const struct config *config, struct budget_time time, struct err *err)
{
    struct filling filling = {
        .ring = ring, .config = config, .day_ms = time.wall_ms - time.wall_ms % DAY_MS};
    uint64_t month_ms, end_ms;
    if (!anybody_needs_past(&filling))
        return 0;
    filling.uses = map_new(sizeof(uint64_t), BUDGETS_MAX);
    if (!filling.uses)
        return err_set(err, -ENOMEM, "out of memory");
    text_month(time.wall_ms, &month_ms, &end_ms);
    int result = read_ledger(&filling, store, month_ms, err);
    int learned = learn_all(&filling, budgets, time);
    map_free(filling.uses);
    return result < 0 ? result : learned < 0 ? err_set(err, learned, "out of memory") : 0;
}
