/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/score.h"

enum { KNOWN, BOTS };

static struct scenario scenario;
static struct score *score;
static struct score_counts counts;

static int begin(void **state)
{
    (void)state;
    scenario_of(SMALL_SCENARIO, &scenario); /* calm 2 to 10, attack 10 to 20, after to 30 */
    score = score_new(&scenario);
    return score ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    score_free(score);
    return 0;
}

/* A streamed answer of 101 tokens, one each `per_token_ms`. */
static void completed(uint32_t group, double due_s, uint32_t ttft_ms, uint32_t per_token_ms)
{
    uint64_t due_us = (uint64_t)(due_s * 1e6);
    score_offered(score, group, due_us);
    score_ended(score, group,
                &(struct score_end){.due_us = due_us,
                                    .outcome = OUTCOME_COMPLETED,
                                    .status = 200,
                                    .tries = 1,
                                    .admitted = true,
                                    .streamed = true,
                                    .ttft_us = ttft_ms * 1000ull,
                                    .total_us = (ttft_ms + 100 * per_token_ms) * 1000ull,
                                    .first_to_last_us = 100000ull * per_token_ms,
                                    .tokens = 101});
}

static void ended(uint32_t group, double due_s, enum score_outcome outcome, unsigned status)
{
    uint64_t due_us = (uint64_t)(due_s * 1e6);
    score_offered(score, group, due_us);
    score_ended(
        score, group,
        &(struct score_end){.due_us = due_us, .outcome = outcome, .status = status, .tries = 3});
}

static uint64_t good_in(enum score_phase phase)
{
    score_sum(score, KNOWN, phase, &counts);
    return counts.good;
}

static void each_request_ends_once_in_its_phase(void **state)
{
    (void)state;
    ended(BOTS, 12, OUTCOME_REFUSED, 429);
    ended(BOTS, 12, OUTCOME_REFUSED, 503);
    ended(BOTS, 12, OUTCOME_LEFT, 0);
    ended(BOTS, 12, OUTCOME_FAILED, 0);
    ended(BOTS, 25, OUTCOME_UNSENT, 0);
    ended(BOTS, 1, OUTCOME_OPEN, 0);
    score_sum(score, BOTS, PHASE_ATTACK, &counts);
    assert_int_equal(counts.offered, 4);
    assert_int_equal(counts.tries, 12);
    assert_int_equal(counts.outcomes[OUTCOME_REFUSED], 2);
    assert_int_equal(counts.refused_by_status[429], 1);
    assert_int_equal(counts.refused_by_status[503], 1);
    score_sum(score, BOTS, PHASES, &counts);
    uint64_t sum = 0;
    for (unsigned i = 0; i < OUTCOMES; i++)
        sum += counts.outcomes[i];
    assert_int_equal(counts.offered, 6);
    assert_int_equal(sum, 6);
    assert_int_equal(score_second_of(score, BOTS, 12)->refused, 2);
    assert_int_equal(score_second_of(score, BOTS, 12)->offered, 4);
}

static void good_is_within_the_service_level(void **state)
{
    (void)state;
    completed(KNOWN, 3, 2000, 25); /* both at their limit */
    completed(KNOWN, 3, 2001, 20); /* too late */
    completed(KNOWN, 3, 100, 26);  /* too slow */
    ended(KNOWN, 3, OUTCOME_LEFT, 0);
    score_judge(score, 20000);
    assert_int_equal(good_in(PHASE_CALM), 1);
    assert_true(score_unloaded_us(score) == 20000);
}

static void the_unloaded_time_is_the_median_of_calm(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++)
        completed(KNOWN, 3, 100, i < 5 ? 20 : 40);
    for (int i = 0; i < 20; i++)
        completed(KNOWN, 15, 100, 90);
    score_judge(score, 0);
    assert_true(fabs(score_unloaded_us(score) / 20000 - 1) < 1.0 / 64);
    assert_int_equal(good_in(PHASE_CALM), 5);
    assert_int_equal(good_in(PHASE_ATTACK), 0);
}

static void what_lives_into_the_attack_belongs_to_it(void **state)
{
    (void)state;
    completed(KNOWN, 7, 100, 20);   /* ends at 9.1 s */
    completed(KNOWN, 9.5, 100, 20); /* ends at 11.6 s */
    score_judge(score, 20000);
    assert_int_equal(good_in(PHASE_CALM), 1);
    assert_int_equal(counts.offered, 1);
    assert_int_equal(good_in(PHASE_ATTACK), 1);
    assert_int_equal(counts.offered, 1);
}

static void a_shorter_answer_is_good_only_where_any_length_is(void **state)
{
    (void)state;
    struct score_end cut = {.due_us = 3000000,
                            .outcome = OUTCOME_COMPLETED,
                            .streamed = true,
                            .shorter = true,
                            .tokens = 5};
    score_offered(score, KNOWN, cut.due_us);
    score_ended(score, KNOWN, &cut);
    scenario.any_length = true;
    score_offered(score, KNOWN, cut.due_us);
    score_ended(score, KNOWN, &cut);
    score_judge(score, 20000);
    assert_int_equal(good_in(PHASE_CALM), 1);
    assert_int_equal(counts.shorter, 2);
}

static void a_whole_answer_has_time_for_its_tokens(void **state)
{
    (void)state;
    struct score_end whole = {.due_us = 3000000, .outcome = OUTCOME_COMPLETED, .tokens = 101};
    for (int late = 0; late < 2; late++) {
        whole.total_us = 2000000 + 25000 * 100 + (late ? 5000 : 0);
        whole.ttft_us = whole.total_us;
        score_offered(score, KNOWN, whole.due_us);
        score_ended(score, KNOWN, &whole);
    }
    score_judge(score, 20000);
    assert_int_equal(good_in(PHASE_CALM), 1);
}

static void kept_and_settled_follow_from_the_seconds(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        completed(KNOWN, 3 + i / 10.0, 100, 20);
    for (int i = 0; i < 100; i++)
        completed(KNOWN, 10.05 + i / 10.0, i < 25 ? 5000 : 100, 20);
    score_judge(score, 20000);
    assert_true(fabs(score_kept(score, KNOWN) - 0.75) < 1e-9);
    assert_true(fabs(score_settled_s(score, KNOWN) - 3) < 1e-9);
    assert_int_equal(score_second_of(score, KNOWN, 11)->ttft_p50_ms, 5000);
    assert_int_equal(score_second_of(score, KNOWN, 13)->ttft_p99_ms, 100);
}

static void nothing_is_kept_of_what_is_unknown(void **state)
{
    (void)state;
    completed(KNOWN, 15, 100, 20);
    score_judge(score, 20000);
    assert_true(score_kept(score, KNOWN) < 0);
    assert_true(score_settled_s(score, KNOWN) < 0);
    assert_true(score_attackers_share(score) < 0);
    assert_true(score_beyond_spare(score, 0) < 0);
}

static void attackers_win_what_they_get_beyond_what_is_spare(void **state)
{
    (void)state;
    score_tokens(score, KNOWN, 5000000, 4800);  /* 8 s of calm: 600 a second */
    score_tokens(score, KNOWN, 15000000, 6000); /* 10 s of attack */
    score_tokens(score, BOTS, 15000000, 4500);
    assert_true(fabs(score_attackers_share(score) - 4500 / 10500.0) < 1e-9);
    assert_true(fabs(score_beyond_spare(score, 1000) - 0.05) < 1e-9);
    assert_true(score_beyond_spare(score, 1100) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_request_ends_once_in_its_phase, begin, end),
        cmocka_unit_test_setup_teardown(good_is_within_the_service_level, begin, end),
        cmocka_unit_test_setup_teardown(the_unloaded_time_is_the_median_of_calm, begin, end),
        cmocka_unit_test_setup_teardown(what_lives_into_the_attack_belongs_to_it, begin, end),
        cmocka_unit_test_setup_teardown(a_shorter_answer_is_good_only_where_any_length_is, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_whole_answer_has_time_for_its_tokens, begin, end),
        cmocka_unit_test_setup_teardown(kept_and_settled_follow_from_the_seconds, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_kept_of_what_is_unknown, begin, end),
        cmocka_unit_test_setup_teardown(attackers_win_what_they_get_beyond_what_is_spare, begin,
                                        end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
