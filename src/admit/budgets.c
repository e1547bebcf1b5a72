/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/budgets.h"

#include "base/alloc.h"
#include "base/map.h"

#include <pthread.h>

#define SHARD_BITS 6
_Static_assert(BUDGETS_SHARDS == 1 << SHARD_BITS, "a shard for each number of so many bits");

struct shard {
    pthread_mutex_t lock;
    struct map *budgets; /* by id */
};

struct budgets {
    struct shard shards[BUDGETS_SHARDS];
};

struct budgets *budgets_new(void)
{
    struct budgets *budgets = mem_zalloc(sizeof(*budgets));
    bool whole = budgets != NULL;
    for (size_t i = 0; whole && i < BUDGETS_SHARDS; i++) {
        (void)pthread_mutex_init(&budgets->shards[i].lock,
                                 NULL); /* a default mutex cannot fail here */
        budgets->shards[i].budgets = map_new(sizeof(uint64_t), BUDGETS_MAX / BUDGETS_SHARDS);
        whole = budgets->shards[i].budgets != NULL;
    }
    if (whole)
        return budgets;
    budgets_free(budgets);
    return NULL;
}

static void free_values(struct map *map)
{
    size_t at = 0;
    const void *id;
    void *budget;
    while (map_next(map, &at, &id, &budget))
        mem_free(budget);
}

void budgets_free(struct budgets *budgets)
{
    if (!budgets)
        return;
    for (size_t i = 0; i < BUDGETS_SHARDS && budgets->shards[i].budgets; i++) {
        free_values(budgets->shards[i].budgets);
        map_free(budgets->shards[i].budgets);
        (void)pthread_mutex_destroy(&budgets->shards[i].lock);
    }
    mem_free(budgets);
}

/* ── locks ── */

static struct shard *shard_of(struct budgets *budgets, uint64_t id)
{
    return &budgets->shards[(id * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SHARD_BITS)];
}

static void lock(struct shard *shard)
{
    check(pthread_mutex_lock(&shard->lock) == 0);
}

static void unlock(struct shard *shard)
{
    check(pthread_mutex_unlock(&shard->lock) == 0);
}

/* The shards of a call, the lower one first and none twice, so that no two threads wait for each other. */
struct locked {
    struct shard *shards[BUDGETS_CLAIMS_MAX];
    size_t count;
};

static struct locked lock_all(struct budgets *budgets, const struct budget_hold *hold)
{
    struct locked locked = {.count = 1};
    check(hold->count > 0 && hold->count <= BUDGETS_CLAIMS_MAX);
    locked.shards[0] = shard_of(budgets, hold->claims[0].id);
    if (hold->count > 1) {
        struct shard *other = shard_of(budgets, hold->claims[1].id);
        struct shard *first = MIN(locked.shards[0], other);
        locked.shards[1] = MAX(locked.shards[0], other);
        locked.shards[0] = first;
        locked.count = locked.shards[1] != first ? 2 : 1;
    }
    for (size_t i = 0; i < locked.count; i++)
        lock(locked.shards[i]);
    return locked;
}

static void unlock_all(const struct locked *locked)
{
    for (size_t i = 0; i < locked->count; i++)
        unlock(locked->shards[i]);
}

/* Under its shard's lock: the budget, made if it is new. NULL when out of memory, or of room. */
static struct budget *budget_of(struct budgets *budgets, uint64_t id, struct budget_time time)
{
    struct map *map = shard_of(budgets, id)->budgets;
    struct budget *budget = map_get(map, &id);
    if (budget)
        return budget;
    budget = mem_alloc(sizeof(*budget));
    if (!budget || map_put(map, &id, budget, NULL) < 0) {
        mem_free(budget);
        return NULL;
    }
    budget_init(budget, time);
    return budget;
}

static void advance_all(struct budget_hold *hold, struct budget_time time)
{
    for (size_t i = 0; i < hold->count; i++)
        budget_advance(hold->claims[i].budget, &hold->claims[i].limits, time);
}

/* ── a call ── */

static uint64_t cost_of(const struct budget_hold *hold, uint64_t prompt_tokens,
                        uint64_t output_tokens)
{
    uint64_t prompt = budget_cost(prompt_tokens, hold->price.in),
             output = budget_cost(output_tokens, hold->price.out);
    return prompt > UINT64_MAX - output ? UINT64_MAX : prompt + output;
}

static int find_all(struct budgets *budgets, struct budget_hold *hold, struct budget_time time)
{
    for (size_t i = 0; i < hold->count; i++) {
        hold->claims[i].budget = budget_of(budgets, hold->claims[i].id, time);
        if (!hold->claims[i].budget)
            return -ENOMEM;
    }
    return 0;
}

/* Of two refusals the one that takes longer is told. */
static bool is_worse(const struct budget_refusal *refusal, const struct budget_verdict *verdict)
{
    if (!verdict->claim || refusal->never != verdict->refusal.never)
        return !verdict->claim || refusal->never;
    return refusal->wait_ms > verdict->refusal.wait_ms;
}

static int judge_all(struct budget_hold *hold, struct budget_want *want, struct budget_time time,
                     struct budget_verdict *verdict)
{
    struct budget_refusal refusal;
    uint64_t output = want->output_tokens, fits;
    verdict->claim = NULL;
    for (size_t i = 0; i < hold->count; i++) {
        const struct budget_claim *claim = &hold->claims[i];
        if (budget_judge(claim->budget, &claim->limits, want, time, &fits, &refusal) == 0)
            output = MIN(output, fits);
        else if (is_worse(&refusal, verdict))
            *verdict = (struct budget_verdict){refusal, claim};
    }
    want->output_tokens = output;
    return verdict->claim ? -EDQUOT : 0;
}

static void hold_all(struct budget_hold *hold, const struct budget_want *want)
{
    hold->held = true;
    hold->prompt_held = want->prompt_tokens;
    hold->output_held = want->output_tokens;
    for (size_t i = 0; i < hold->count; i++) {
        budget_begin(hold->claims[i].budget);
        budget_hold(hold->claims[i].budget, hold->prompt_held + hold->output_held,
                    cost_of(hold, hold->prompt_held, hold->output_held));
    }
}

/* Of several claims the one with the least left. */
static void note_rate(struct budget_rate *rate, const struct budget_claim *claim, enum limit limit,
                      struct budget_time time)
{
    uint64_t value = claim->limits.of[limit];
    if (value == LIMIT_NONE)
        return;
    struct budget_standing standing = budget_standing(claim->budget, &claim->limits, limit, time);
    uint64_t remaining = value > standing.used ? value - standing.used : 0;
    if (rate->limit == LIMIT_NONE || remaining < rate->remaining)
        *rate = (struct budget_rate){value, remaining, standing.reset_ms};
}

static void note_rates(struct budget_hold *hold, struct budget_time time)
{
    memset(hold->rates, 0, sizeof(hold->rates));
    for (size_t i = 0; i < hold->count; i++) {
        const struct budget_claim *claim = &hold->claims[i];
        bool minute = claim->limits.of[LIMIT_TOKENS_MINUTE] != LIMIT_NONE;
        note_rate(&hold->rates[BUDGETS_RATE_REQUESTS], claim, LIMIT_REQUESTS_MINUTE, time);
        note_rate(&hold->rates[BUDGETS_RATE_TOKENS], claim,
                  minute ? LIMIT_TOKENS_MINUTE : LIMIT_TOKENS_DAY, time);
    }
}

int budgets_reserve(struct budgets *budgets, struct budget_hold *hold, uint64_t prompt_tokens,
                    uint64_t output_tokens, struct budget_time time,
                    struct budget_verdict *ret_verdict)
{
    struct budget_want want = {prompt_tokens, output_tokens, hold->price};
    struct locked locked = lock_all(budgets, hold);
    int result = find_all(budgets, hold, time);
    if (result == 0) {
        advance_all(hold, time);
        result = judge_all(hold, &want, time, ret_verdict);
    }
    if (result == 0)
        hold_all(hold, &want);
    if (result != -ENOMEM)
        note_rates(hold, time);
    unlock_all(&locked);
    return result;
}

/* Takes what is there for `more` tokens, of every claim the same. */
static void take_more(struct budget_hold *hold, uint64_t more, struct budget_verdict *verdict)
{
    for (size_t i = 0; i < hold->count; i++) {
        enum limit limit = LIMITS_COUNT;
        uint64_t spare =
            budget_spare(hold->claims[i].budget, &hold->claims[i].limits, hold->price.out, &limit);
        if (spare >= more)
            continue;
        more = spare;
        *verdict = (struct budget_verdict){{.limit = limit}, &hold->claims[i]};
    }
    for (size_t i = 0; i < hold->count; i++)
        budget_hold(hold->claims[i].budget, more, cost_of(hold, 0, more));
    hold->output_held += more;
}

/* The prompt and the answer so far: from held to used. What was written beyond what is held is used all the same. */
static void use_all(struct budget_hold *hold, uint64_t output_tokens)
{
    uint64_t prompt = hold->prompt_held - hold->prompt_used,
             output = output_tokens - hold->output_used;
    uint64_t held =
        MIN(output_tokens, hold->output_held) - MIN(hold->output_used, hold->output_held);
    for (size_t i = 0; i < hold->count; i++) {
        struct budget_claim *claim = &hold->claims[i];
        budget_release(claim->budget, prompt + held, cost_of(hold, prompt, held));
        budget_use(claim->budget, &claim->limits, prompt + output, cost_of(hold, prompt, output));
    }
    hold->prompt_used = hold->prompt_held;
    hold->output_used = output_tokens;
}

bool budgets_progress(struct budgets *budgets, struct budget_hold *hold, uint64_t output_tokens,
                      struct budget_time time, struct budget_verdict *ret_verdict)
{
    if (!hold->held || output_tokens < hold->output_used)
        return true;
    struct locked locked = lock_all(budgets, hold);
    advance_all(hold, time);
    if (output_tokens > hold->output_held)
        take_more(hold, output_tokens - hold->output_held + BUDGETS_STEP, ret_verdict);
    use_all(hold, output_tokens);
    bool within = output_tokens <= hold->output_held;
    unlock_all(&locked);
    return within;
}

static void correct(struct budget_claim *claim, uint64_t tokens, uint64_t spend,
                    uint64_t used_tokens, uint64_t used_spend)
{
    budget_unuse(claim->budget, used_tokens > tokens ? used_tokens - tokens : 0,
                 used_spend > spend ? used_spend - spend : 0);
    budget_use(claim->budget, &claim->limits, tokens > used_tokens ? tokens - used_tokens : 0,
               spend > used_spend ? spend - used_spend : 0);
}

void budgets_settle(struct budgets *budgets, struct budget_hold *hold, bool ran,
                    uint64_t prompt_tokens, uint64_t output_tokens, struct budget_time time)
{
    if (!hold->held)
        return;
    uint64_t prompt = hold->prompt_held - hold->prompt_used;
    uint64_t output = hold->output_held - MIN(hold->output_used, hold->output_held);
    struct locked locked = lock_all(budgets, hold);
    advance_all(hold, time);
    for (size_t i = 0; i < hold->count; i++) {
        struct budget_claim *claim = &hold->claims[i];
        budget_release(claim->budget, prompt + output, cost_of(hold, prompt, output));
        correct(claim, prompt_tokens + output_tokens, cost_of(hold, prompt_tokens, output_tokens),
                hold->prompt_used + hold->output_used,
                cost_of(hold, hold->prompt_used, hold->output_used));
        budget_end(claim->budget, ran);
    }
    note_rates(hold, time);
    unlock_all(&locked);
    hold->held = false;
}

/* ── from and for others ── */

int budgets_learn(struct budgets *budgets, uint64_t id, uint64_t day_tokens, uint64_t day_spend,
                  uint64_t month_spend, struct budget_time time)
{
    struct shard *shard = shard_of(budgets, id);
    lock(shard);
    struct budget *budget = budget_of(budgets, id, time);
    if (budget)
        budget_learn(budget, day_tokens, day_spend, month_spend);
    unlock(shard);
    return budget ? 0 : -ENOMEM;
}

int budgets_hand_on(struct budgets *budgets, uint64_t from, uint64_t to, struct budget_time time)
{
    static const struct limits none; /* a day and a month are all that is handed on */
    struct budget past;
    struct shard *shard = shard_of(budgets, from);
    lock(shard);
    const struct budget *budget = map_get(shard->budgets, &from);
    bool known = budget != NULL;
    if (known)
        past = *budget;
    unlock(shard);
    if (!known)
        return 0;
    budget_advance(&past, &none, time);
    return budgets_learn(budgets, to, past.day.tokens, past.day.spend, past.month.spend, time);
}

void budgets_look(struct budgets *budgets, uint64_t id, const struct limits *limits,
                  struct budget_time time, struct budget_standing ret_standings[LIMITS_COUNT])
{
    struct budget now;
    struct shard *shard = shard_of(budgets, id);
    budget_init(&now, time);
    lock(shard);
    const struct budget *budget = map_get(shard->budgets, &id);
    if (budget)
        now = *budget;
    unlock(shard);
    budget_advance(&now, limits, time);
    for (size_t i = 0; i < LIMITS_COUNT; i++)
        ret_standings[i] = budget_standing(&now, limits, (enum limit)i, time);
}
