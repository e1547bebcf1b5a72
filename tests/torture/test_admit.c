/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "torture.h"

#include "admit/budgets.h"

#define CALLS 40 /* each of a key that is new */

static const struct budget_time now = {1000000, UINT64_C(1795521600000)};

static struct budget_hold hold_of(uint64_t key)
{
    struct budget_hold hold = {.count = 2};
    hold.claims[0] = (struct budget_claim){.id = key};
    hold.claims[1] = (struct budget_claim){.id = UINT64_MAX, .account = true};
    hold.claims[0].limits.of[LIMIT_TOKENS_DAY] = hold.claims[1].limits.of[LIMIT_TOKENS_DAY] = 1000;
    return hold;
}

/* A call that found no memory for one of its budgets holds nothing of the other. */
static int budgets_scenario(void *given)
{
    (void)given;
    struct budgets *budgets = budgets_new();
    struct budget_verdict verdict;
    struct budget_standing standings[LIMITS_COUNT];
    int r = budgets ? 0 : -ENOMEM;
    for (uint64_t key = 1; key <= CALLS && r == 0; key++) {
        struct budget_hold hold = hold_of(key);
        r = budgets_reserve(budgets, &hold, 1, 1, now, &verdict);
        assert_true(hold.held == (r == 0));
        budgets_settle(budgets, &hold, true, 0, 0, now);
        budgets_look(budgets, UINT64_MAX, &hold.claims[1].limits, now, standings);
        assert_int_equal(standings[LIMIT_TOKENS_DAY].used, 0);
    }
    if (r == 0)
        r = budgets_learn(budgets, CALLS + 1, 1, 1, 1, now);
    if (r == 0)
        r = budgets_hand_on(budgets, CALLS + 1, CALLS + 2, now);
    budgets_free(budgets);
    return r;
}

static void a_call_is_held_whole_or_not_at_all(void **state)
{
    (void)state;
    torture(budgets_scenario, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_held_whole_or_not_at_all),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
