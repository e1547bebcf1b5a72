/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "record/lost.h"

#define START "the last life ended without notice: "

static void assert_sentence(struct lost lost, const char *expected)
{
    struct err sentence = {"left over"};
    lost_write(&lost, &sentence);
    assert_string_equal(sentence.text, expected);
    assert_int_equal(lost_nothing(&lost), expected[0] == '\0');
}

static void sentences_say_what_was_lost(void **state)
{
    (void)state;
    assert_sentence((struct lost){0}, "");
    assert_sentence((struct lost){.at_least = true}, "");
    assert_sentence((struct lost){.calls = 1}, START "1 call was under way");
    assert_sentence(
        (struct lost){.calls = 3, .requests = 2, .tokens = 184}, START
        "3 calls were under way; 2 finished requests with 184 tokens had not reached the ledger");
    assert_sentence((struct lost){.requests = 1, .tokens = 1},
                    START "1 finished request with 1 token had not reached the ledger");
    assert_sentence((struct lost){.requests = 1, .at_least = true},
                    START "at least 1 finished request with 0 tokens had not reached the ledger");
    assert_sentence(
        (struct lost){.calls = UINT64_MAX, .requests = UINT64_MAX, .tokens = UINT64_MAX},
        START "18446744073709551615 calls were under way; 18446744073709551615 finished requests "
              "with 18446744073709551615 tokens had not reached the ledger");
}

static void difference_of_tally_and_mark_is_lost(void **state)
{
    (void)state;
    struct lost lost = {0};
    struct tally_slot tally = {.requests = 10, .prompt_tokens = 100, .completion_tokens = 1000};
    struct store_mark mark = {.requests = 10, .prompt_tokens = 100, .completion_tokens = 1000};
    lost_add(&lost, &tally, &mark);
    assert_true(lost_nothing(&lost));
    mark = (struct store_mark){.requests = 8, .prompt_tokens = 90, .completion_tokens = 900};
    lost_add(&lost, &tally, &mark);
    lost_add(&lost, &tally, &mark); /* of a second tally */
    assert_int_equal(lost.requests, 4);
    assert_int_equal(lost.tokens, 220);
    assert_false(lost.at_least);
}

static void mark_ahead_of_the_tally_loses_nothing_below_zero(void **state)
{
    (void)state;
    struct lost lost = {0};
    struct tally_slot tally = {.requests = 10, .prompt_tokens = 100, .completion_tokens = 1000};
    struct store_mark mark = {.requests = 11, .prompt_tokens = 90, .completion_tokens = 2000};
    lost_add(&lost, &tally, &mark);
    assert_int_equal(lost.requests, 0);
    assert_int_equal(lost.tokens, 10);
    assert_true(lost.at_least);
}

static void calls_that_did_not_end_were_under_way(void **state)
{
    (void)state;
    struct lost lost = {0};
    lost_add_calls(&lost, &(struct tally_slot){.calls_begun = 5, .calls_ended = 5});
    assert_int_equal(lost.calls, 0);
    lost_add_calls(&lost, &(struct tally_slot){.calls_begun = 8, .calls_ended = 5});
    assert_int_equal(lost.calls, 3);
    lost_add_calls(&lost, &(struct tally_slot){.calls_begun = 4, .calls_ended = 5});
    assert_int_equal(lost.calls, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_say_what_was_lost),
        cmocka_unit_test(difference_of_tally_and_mark_is_lost),
        cmocka_unit_test(mark_ahead_of_the_tally_loses_nothing_below_zero),
        cmocka_unit_test(calls_that_did_not_end_were_under_way),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
