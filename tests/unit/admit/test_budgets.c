/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admit/budgets.h"
#include "base/chance.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define KEY 17
#define ACCOUNT 99

static struct budget_time time_now = {1000000, UINT64_C(1795521600000)};
static struct budget_verdict verdict;

static struct budgets *new_budgets(void)
{
    struct budgets *budgets = budgets_new();
    assert_non_null(budgets);
    return budgets;
}

static struct limits one_limit(enum limit limit, uint64_t value)
{
    struct limits limits = {{0}};
    limits.of[limit] = value;
    return limits;
}

static struct budget_hold hold_of(uint64_t id, struct limits limits)
{
    return (struct budget_hold){.claims = {{.id = id, .limits = limits}}, .count = 1};
}

static struct budget_hold hold_of_both(struct limits key, struct limits account)
{
    return (struct budget_hold){
        .claims = {{.id = KEY, .limits = key}, {.id = ACCOUNT, .account = true, .limits = account}},
        .count = 2};
}

static uint64_t used_of(struct budgets *budgets, uint64_t id, enum limit limit, uint64_t value)
{
    struct limits limits = one_limit(limit, value);
    struct budget_standing standings[LIMITS_COUNT];
    budgets_look(budgets, id, &limits, time_now, standings);
    return standings[limit].used;
}

static void all_budgets_take_it_or_none_does(void **state)
{
    (void)state;
    struct budgets *budgets = new_budgets();
    struct limits key = one_limit(LIMIT_TOKENS_DAY, 1000),
                  account = one_limit(LIMIT_TOKENS_DAY, 100);
    struct budget_hold first = hold_of_both(key, account), second = hold_of_both(key, account);
    assert_int_equal(budgets_reserve(budgets, &first, 10, 512, time_now, &verdict), 0);
    assert_int_equal(first.output_held, 90);
    assert_int_equal(used_of(budgets, KEY, LIMIT_TOKENS_DAY, 1000), 100);
    assert_int_equal(used_of(budgets, ACCOUNT, LIMIT_TOKENS_DAY, 100), 100);
    assert_int_equal(budgets_reserve(budgets, &second, 10, 10, time_now, &verdict), -EDQUOT);
    assert_true(verdict.claim == &second.claims[1]);
    assert_int_equal(verdict.refusal.limit, LIMIT_TOKENS_DAY);
    assert_int_equal(used_of(budgets, KEY, LIMIT_TOKENS_DAY, 1000), 100); /* not by the second */
    budgets_settle(budgets, &second, false, 0, 0, time_now); /* nothing is held: nothing happens */
    budgets_settle(budgets, &first, true, 10, 20, time_now);
    assert_int_equal(used_of(budgets, KEY, LIMIT_TOKENS_DAY, 1000), 30);
    assert_int_equal(used_of(budgets, ACCOUNT, LIMIT_TOKENS_DAY, 100), 30);
    budgets_free(budgets);
}

static void a_call_that_never_ran_gives_everything_back(void **state)
{
    (void)state;
    struct budgets *budgets = new_budgets();
    struct limits limits = one_limit(LIMIT_TOKENS_MINUTE, 100);
    limits.of[LIMIT_REQUESTS_MINUTE] = 1;
    limits.of[LIMIT_CALLS] = 1;
    for (int i = 0; i < 3; i++) {
        struct budget_hold hold = hold_of(KEY, limits), other = hold_of(KEY, limits);
        assert_int_equal(budgets_reserve(budgets, &hold, 50, 50, time_now, &verdict), 0);
        assert_int_equal(hold.rates[BUDGETS_RATE_REQUESTS].remaining, 0);
        assert_int_equal(hold.rates[BUDGETS_RATE_TOKENS].limit, 100);
        assert_int_equal(hold.rates[BUDGETS_RATE_TOKENS].remaining, 0);
        assert_int_equal(hold.rates[BUDGETS_RATE_TOKENS].reset_ms, 60000);
        assert_int_equal(budgets_reserve(budgets, &other, 1, 1, time_now, &verdict), -EDQUOT);
        budgets_settle(budgets, &hold, false, 0, 0, time_now);
    }
    budgets_free(budgets);
}

static void more_is_taken_while_there_is_any(void **state)
{
    (void)state;
    struct budgets *budgets = new_budgets();
    struct limits limits = one_limit(LIMIT_TOKENS_DAY, 100);
    struct budget_hold hold = hold_of(KEY, limits), other = hold_of(KEY, limits);
    assert_int_equal(budgets_reserve(budgets, &hold, 10, 5, time_now, &verdict), 0);
    assert_int_equal(budgets_reserve(budgets, &other, 10, 45, time_now, &verdict), 0);
    assert_true(budgets_progress(budgets, &hold, 5, time_now, &verdict));
    assert_true(budgets_progress(budgets, &hold, 6, time_now, &verdict));
    assert_int_equal(hold.output_held, 6 + BUDGETS_STEP);
    assert_true(budgets_progress(budgets, &hold, 35, time_now, &verdict));
    assert_int_equal(hold.output_held, 35); /* the other one holds the rest */
    assert_false(budgets_progress(budgets, &hold, 36, time_now, &verdict));
    assert_int_equal(verdict.refusal.limit, LIMIT_TOKENS_DAY);
    assert_int_equal(used_of(budgets, KEY, LIMIT_TOKENS_DAY, 100), 101);
    budgets_settle(budgets, &other, true, 10, 1, time_now);
    budgets_settle(budgets, &hold, true, 10, 36, time_now);
    assert_int_equal(used_of(budgets, KEY, LIMIT_TOKENS_DAY, 100), 57);
    budgets_free(budgets);
}

static void a_settlement_may_be_less_than_what_was_used_on_the_way(void **state)
{
    (void)state;
    struct budgets *budgets = new_budgets();
    struct budget_hold hold = hold_of(KEY, one_limit(LIMIT_TOKENS_DAY, 100));
    assert_int_equal(budgets_reserve(budgets, &hold, 10, 50, time_now, &verdict), 0);
    assert_true(budgets_progress(budgets, &hold, 40, time_now, &verdict));
    budgets_settle(budgets, &hold, true, 0, 0,
                   time_now); /* nothing of it left the door: it is not charged */
    assert_int_equal(used_of(budgets, KEY, LIMIT_TOKENS_DAY, 100), 0);
    budgets_free(budgets);
}

static void what_one_key_used_counts_for_the_next(void **state)
{
    (void)state;
    struct budgets *budgets = new_budgets();
    assert_int_equal(budgets_hand_on(budgets, KEY, KEY + 1, time_now), 0);
    assert_int_equal(budgets_learn(budgets, KEY, 40, 0, 0, time_now), 0);
    assert_int_equal(budgets_hand_on(budgets, KEY, KEY + 1, time_now), 0);
    assert_int_equal(used_of(budgets, KEY + 1, LIMIT_TOKENS_DAY, 100), 40);
    struct budget_time tomorrow = {time_now.mono_ms + 86400000, time_now.wall_ms + 86400000};
    assert_int_equal(budgets_hand_on(budgets, KEY, KEY + 2, tomorrow), 0);
    assert_int_equal(used_of(budgets, KEY + 2, LIMIT_TOKENS_DAY, 100), 0);
    budgets_free(budgets);
}

/* ── against a model that anybody can check ── */

enum { KEYS = 3, CALLS = 40, STEPS = 40000, KEY_LIMIT = 700, ACCOUNT_LIMIT = 1500 };

struct model_call {
    struct budget_hold hold;
    bool open;
    uint64_t prompt, output;
};

static uint64_t below(struct chance *chance, uint64_t end)
{
    return chance_u64(chance) % end;
}

/* Of all keys of the one account: what is used or held, added up anew each time. */
static uint64_t model_sum(const struct model_call *calls, const uint64_t *settled, int key)
{
    uint64_t sum = 0;
    for (int k = 0; k < KEYS; k++)
        if (key < 0 || key == k)
            sum += settled[k];
    for (int i = 0; i < CALLS; i++)
        if (calls[i].open && (key < 0 || i % KEYS == key))
            sum += calls[i].hold.prompt_held + MAX(calls[i].hold.output_held, calls[i].output);
    return sum;
}

static void random_calls_agree_with_a_simple_model(void **state)
{
    (void)state;
    struct chance chance = chance_of(20261128);
    static struct model_call calls[CALLS];
    uint64_t settled[KEYS] = {0}, admitted = 0, refused = 0, cut = 0;
    struct budgets *budgets = new_budgets();
    for (int step = 0; step < STEPS; step++) {
        int i = (int)below(&chance, CALLS), key = i % KEYS;
        struct model_call *call = &calls[i];
        uint64_t what = below(&chance, 4);
        if (!call->open && what == 0) {
            struct limits own = one_limit(LIMIT_TOKENS_DAY, KEY_LIMIT),
                          together = one_limit(LIMIT_TOKENS_DAY, ACCOUNT_LIMIT);
            *call = (struct model_call){
                .hold = {.claims = {{.id = (uint64_t)key + 1, .limits = own},
                                    {.id = ACCOUNT, .account = true, .limits = together}},
                         .count = 2},
                .prompt = below(&chance, 30)};
            uint64_t want = below(&chance, 60);
            uint64_t key_sum = model_sum(calls, settled, key), sum = model_sum(calls, settled, -1);
            uint64_t left = MIN(KEY_LIMIT > key_sum ? KEY_LIMIT - key_sum : 0,
                                ACCOUNT_LIMIT > sum ? ACCOUNT_LIMIT - sum : 0);
            int result =
                budgets_reserve(budgets, &call->hold, call->prompt, want, time_now, &verdict);
            assert_int_equal(result, call->prompt + (want > 0) <= left ? 0 : -EDQUOT);
            call->open = result == 0;
            admitted += result == 0;
            refused += result < 0;
            if (call->open)
                assert_int_equal(call->hold.output_held, MIN(want, left - call->prompt));
        } else if (call->open && what <= 2) {
            uint64_t grown = call->output + below(&chance, 12);
            uint64_t held = call->hold.output_held;
            bool within = budgets_progress(budgets, &call->hold, grown, time_now, &verdict);
            uint64_t others = model_sum(calls, settled, -1) - call->hold.prompt_held -
                              MAX(call->hold.output_held, call->output);
            assert_true(within == (grown <= call->hold.output_held));
            assert_true(call->hold.output_held >= held);
            if (call->hold.output_held > held) /* never takes what is not there */
                assert_true(others + call->hold.prompt_held + call->hold.output_held <=
                            ACCOUNT_LIMIT);
            call->output = grown;
            cut += !within;
            what = within ? what : 3;
        }
        if (call->open && what == 3) {
            bool charged = below(&chance, 3) > 0;
            budgets_settle(budgets, &call->hold, charged, charged ? call->prompt : 0,
                           charged ? call->output : 0, time_now);
            settled[key] += charged ? call->prompt + call->output : 0;
            call->open = false;
        }
        assert_int_equal(used_of(budgets, ACCOUNT, LIMIT_TOKENS_DAY, ACCOUNT_LIMIT),
                         model_sum(calls, settled, -1));
        assert_int_equal(used_of(budgets, (uint64_t)key + 1, LIMIT_TOKENS_DAY, KEY_LIMIT),
                         model_sum(calls, settled, key));
        if (step % 4000 == 3999) { /* the next day */
            time_now.mono_ms += 86400000;
            time_now.wall_ms += 86400000;
            for (int k = 0; k < CALLS; k++)
                if (calls[k].open)
                    budgets_settle(budgets, &calls[k].hold, false, 0, 0, time_now);
            memset(calls, 0, sizeof(calls));
            memset(settled, 0, sizeof(settled));
        }
    }
    assert_true(admitted > 500 && refused > 500 && cut > 50);
    budgets_free(budgets);
}

/* ── ten thousand at once ── */

enum { THREADS = 8, CROWD = 10000, BALANCE = 100 };

struct crowd {
    struct budgets *budgets;
    pthread_barrier_t *together;
    bool both;
    uint64_t prompt, wish;
    uint64_t admitted, written;
};

/* Each writes one token after the other until it is told to stop, as an engine would for ever. */
static void *call_many(void *arg)
{
    struct crowd *crowd = arg;
    struct limits limits = one_limit(LIMIT_TOKENS_DAY, BALANCE),
                  plenty = one_limit(LIMIT_TOKENS_DAY, 1000000);
    static struct budget_hold holds[THREADS][CROWD / THREADS];
    static _Atomic unsigned next;
    struct budget_hold *mine = holds[atomic_fetch_add(&next, 1) % THREADS];
    struct budget_verdict why;
    (void)pthread_barrier_wait(crowd->together);
    for (size_t i = 0; i < CROWD / THREADS; i++) {
        mine[i] = crowd->both ? hold_of_both(plenty, limits) : hold_of(KEY, limits);
        crowd->admitted += budgets_reserve(crowd->budgets, &mine[i], crowd->prompt, crowd->wish,
                                           time_now, &why) == 0;
    }
    for (size_t i = 0; i < CROWD / THREADS; i++) {
        uint64_t tokens = 0;
        if (!mine[i].held)
            continue;
        while (budgets_progress(crowd->budgets, &mine[i], ++tokens, time_now, &why))
            ;
        crowd->written += crowd->prompt + tokens;
    }
    (void)pthread_barrier_wait(crowd->together); /* nothing is given back while any of them runs */
    for (size_t i = 0; i < CROWD / THREADS; i++)
        budgets_settle(crowd->budgets, &mine[i], true, 0, 0, time_now);
    return NULL;
}

static void crowd_spends_its_balance(bool both, uint64_t prompt, uint64_t wish,
                                     uint64_t admitted_max)
{
    struct budgets *budgets = new_budgets();
    struct crowd crowds[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t together;
    uint64_t admitted = 0, written = 0;
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){budgets, &together, both, prompt, wish, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, &crowds[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        admitted += crowds[i].admitted;
        written += crowds[i].written;
    }
    assert_true(admitted > 0 && admitted <= admitted_max);
    assert_true(written <= BALANCE + admitted); /* a chunk is one token here */
    assert_true(written >= BALANCE - prompt);
    assert_int_equal(used_of(budgets, both ? ACCOUNT : KEY, LIMIT_TOKENS_DAY, BALANCE),
                     0); /* all of it came back */
    pthread_barrier_destroy(&together);
    budgets_free(budgets);
}

static void ten_thousand_calls_spend_one_balance(void **state)
{
    (void)state;
    crowd_spends_its_balance(false, 1, 512, 1);
    crowd_spends_its_balance(false, 5, 5, BALANCE / 6);
    crowd_spends_its_balance(false, 0, 1, BALANCE);
    crowd_spends_its_balance(true, 3, 4, BALANCE / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_budgets_take_it_or_none_does),
        cmocka_unit_test(a_call_that_never_ran_gives_everything_back),
        cmocka_unit_test(more_is_taken_while_there_is_any),
        cmocka_unit_test(a_settlement_may_be_less_than_what_was_used_on_the_way),
        cmocka_unit_test(what_one_key_used_counts_for_the_next),
        cmocka_unit_test(random_calls_agree_with_a_simple_model),
        cmocka_unit_test(ten_thousand_calls_spend_one_balance),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
