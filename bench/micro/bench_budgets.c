/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What limits cost a call, among 10,000 keys in 100 accounts, each limited by tokens of a minute and a day: held, used once on the way, settled.
 *
 *   call/key          one key's budget
 *   call/account      a key's and its account's, under two locks
 *   call/refused      no balance: judged and told
 *   progress          what one more word to the budgets costs a stream
 */
#include "admit/budgets.h"
#include "harness.h"

#define KEYS 10000
#define ACCOUNTS 100
#define STRIDE 7919 /* keys are not met in the order of memory */

static struct budgets *budgets;
static struct budget_time now = {1000000, UINT64_C(1795521600000)};

static struct limits limits_of(uint64_t tokens)
{
    struct limits limits = {{0}};
    limits.of[LIMIT_TOKENS_MINUTE] = limits.of[LIMIT_TOKENS_DAY] = tokens;
    limits.of[LIMIT_REQUESTS_MINUTE] = 1000000000;
    return limits;
}

static struct budget_hold hold_of(uint64_t number, size_t claims, uint64_t tokens)
{
    struct budget_hold hold = {.count = claims};
    hold.claims[0] = (struct budget_claim){.id = 1 + number % KEYS, .limits = limits_of(tokens)};
    hold.claims[1] = (struct budget_claim){
        .id = UINT64_MAX - number % ACCOUNTS, .account = true, .limits = limits_of(tokens)};
    return hold;
}

static void call(uint64_t number, size_t claims, uint64_t tokens, int expected)
{
    struct budget_verdict verdict;
    struct budget_hold hold = hold_of(number * STRIDE, claims, tokens);
    now.mono_ms += number % 2;
    check(budgets_reserve(budgets, &hold, 100, 200, now, &verdict) == expected);
    if (expected < 0)
        return;
    check(budgets_progress(budgets, &hold, 100, now, &verdict));
    budgets_settle(budgets, &hold, true, 0, 0, now);
}

static void repeat_key(void *arg, uint64_t times)
{
    (void)arg;
    while (times-- > 0)
        call(times, 1, 1000000000, 0);
}

static void repeat_account(void *arg, uint64_t times)
{
    (void)arg;
    while (times-- > 0)
        call(times, 2, 1000000000, 0);
}

static void repeat_refused(void *arg, uint64_t times)
{
    (void)arg;
    while (times-- > 0)
        call(times, 1, 10, -EDQUOT);
}

static void repeat_progress(void *arg, uint64_t times)
{
    struct budget_verdict verdict;
    struct budget_hold hold = hold_of(1, 2, 1000000000000);
    (void)arg;
    check(budgets_reserve(budgets, &hold, 100, 200, now, &verdict) == 0);
    for (uint64_t i = 0; i < times; i++)
        check(budgets_progress(budgets, &hold, i, now, &verdict));
    budgets_settle(budgets, &hold, true, 0, 0, now);
}

int main(int argc, char **argv)
{
    const struct bench benches[] = {
        {"limits/call-key", 0, repeat_key, NULL},
        {"limits/call-account", 0, repeat_account, NULL},
        {"limits/refused", 0, repeat_refused, NULL},
        {"limits/progress", 0, repeat_progress, NULL},
    };
    budgets = budgets_new();
    check(budgets);
    repeat_account(NULL, KEYS); /* every budget is there */
    int status = bench_main(argc, argv, benches, COUNT_OF(benches));
    budgets_free(budgets);
    return status;
}
