/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "admit/predictor.h"
#include "base/random.h"

static struct predictor predictor;

static int begin(void **state)
{
    (void)state;
    random_seed(31);
    predictor_init(&predictor);
    return 0;
}

static int end(void **state)
{
    (void)state;
    random_unseed();
    return 0;
}

static double uniform(void)
{
    return ((double)random_below(1U << 30) + 0.5) / (1U << 30);
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * 3.14159265358979 * uniform());
}

/* A service: answers are log-normal around `median`. Returns the share of answers that were not longer than predicted, of the last half. */
static double serve(const struct predictor_facts *facts, double median, double spread,
                    unsigned calls)
{
    unsigned within = 0, judged = 0;
    for (unsigned i = 0; i < calls; i++) {
        uint64_t output = (uint64_t)(median * exp(spread * normal()));
        if (i >= calls / 2) {
            within += output <= predictor_output(&predictor, facts);
            judged++;
        }
        predictor_learn(&predictor, facts, output);
    }
    return (double)within / judged;
}

static void four_of_five_answers_are_shorter(void **state)
{
    (void)state;
    const struct predictor_facts chat = {.prompt_tokens = 300, .messages = 3};
    double share = serve(&chat, 200, 1, 20000);
    assert_true(share > 0.78 && share < 0.82);
    /* ln of the quantile: 0.8416 σ above the median */
    assert_in_range(predictor_output(&predictor, &chat), 200 * 2.32 * 0.75, 200 * 2.32 * 1.25);
}

static void kinds_of_requests_are_told_apart(void **state)
{
    (void)state;
    const struct predictor_facts kinds[] = {
        {.prompt_tokens = 50, .messages = 1, .last_message_bytes = 100},
        {.prompt_tokens = 50, .messages = 1, .last_message_bytes = 100, .reasons = true},
        {.prompt_tokens = 8000, .messages = 9, .structured = true},
        {.prompt_tokens = 500, .tools = true, .messages = 5},
        {.prompt_tokens = 500, .messages = 5, .identity_output_log = 7.6f},
        {.prompt_tokens = 500, .messages = 5, .identity_output_log = 2.4f},
    };
    const double medians[] = {150, 3000, 60, 30, 2000, 10};
    for (unsigned round = 0; round < 400; round++)
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            serve(&kinds[i], medians[i], 0.5, 10);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        for (size_t j = 0; j < COUNT_OF(kinds); j++)
            if (medians[i] > medians[j])
                assert_true(predictor_output(&predictor, &kinds[i]) >
                            predictor_output(&predictor, &kinds[j]));
}

static void follows_a_service_that_changes(void **state)
{
    (void)state;
    const struct predictor_facts chat = {.prompt_tokens = 300, .messages = 3};
    serve(&chat, 100, 0.5, 50000);
    uint64_t before = predictor_output(&predictor, &chat);
    double share = serve(&chat, 2000, 0.5, 4000);
    assert_true(share > 0.75 && share < 0.85);
    assert_true(predictor_output(&predictor, &chat) > 10 * before);
}

static void leans_on_the_cap_at_first(void **state)
{
    (void)state;
    const struct predictor_facts capped = {.prompt_tokens = 300, .output_max = 77};
    const struct predictor_facts large = {.prompt_tokens = 300, .output_max = 8000};
    const struct predictor_facts open = {.prompt_tokens = 300};
    assert_int_equal(predictor_output(&predictor, &capped), 77);
    assert_in_range(predictor_output(&predictor, &large), 7999, 8000);
    assert_in_range(predictor_output(&predictor, &open), PREDICTOR_UNKNOWN_TOKENS,
                    PREDICTOR_UNKNOWN_TOKENS + 1);
    for (unsigned i = 0; i < PREDICTOR_WARM; i++)
        predictor_learn(&predictor, &large, 20);
    assert_in_range(predictor_output(&predictor, &large), 1, 4000);
}

static void never_more_than_the_cap_nor_less_than_one(void **state)
{
    (void)state;
    const struct predictor_facts chat = {.prompt_tokens = 300, .output_max = 10};
    serve(&chat, 5000, 0.5, 2000);
    assert_int_equal(predictor_output(&predictor, &chat), 10);
    for (unsigned i = 0; i < 20000; i++)
        predictor_learn(&predictor, &chat, 0);
    assert_in_range(predictor_output(&predictor, &chat), 1, 2);
    const struct predictor_facts one = {.output_max = 1};
    assert_int_equal(predictor_output(&predictor, &one), 1);
}

static uint64_t odd_count(void)
{
    const uint64_t odd[] = {0, 1, 2, 1000, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    return odd[random_below(COUNT_OF(odd))];
}

static void odd_facts_do_no_harm(void **state)
{
    (void)state;
    const float logs[] = {NAN, INFINITY, -INFINITY, -1, 0, 5, 1e30f};
    for (unsigned i = 0; i < 100000; i++) {
        struct predictor_facts facts = {
            .prompt_tokens = odd_count(),
            .output_max = odd_count(),
            .messages = (uint32_t)odd_count(),
            .last_message_bytes = odd_count(),
            .tools = random_below(2),
            .structured = random_below(2),
            .reasons = random_below(2),
            .identity_output_log = logs[random_below(COUNT_OF(logs))],
        };
        uint64_t tokens = predictor_output(&predictor, &facts);
        assert_in_range(tokens, 1, PREDICTOR_TOKENS_MAX);
        assert_true(facts.output_max == 0 || tokens <= facts.output_max);
        predictor_learn(&predictor, &facts, odd_count());
        for (size_t w = 0; w < PREDICTOR_FEATURES; w++)
            assert_true(isfinite(predictor.weights[w]));
    }
    /* … and what was learned from it passes. */
    const struct predictor_facts chat = {.prompt_tokens = 300, .messages = 3};
    double share = serve(&chat, 200, 1, 20000);
    assert_true(share > 0.78 && share < 0.82);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(four_of_five_answers_are_shorter),
        TEST(kinds_of_requests_are_told_apart),
        TEST(follows_a_service_that_changes),
        TEST(leans_on_the_cap_at_first),
        TEST(never_more_than_the_cap_nor_less_than_one),
        TEST(odd_facts_do_no_harm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
