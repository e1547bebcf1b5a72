/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are kept when the key of their caller is replaced: whose they are then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/kept_answers.h"

enum { FIRST = 69, SECOND, THIRD, OTHER }; /* keys */

static const struct kept_limits limits = {.grace_ms = 15000,
                                          .answers_max = 4,
                                          .caller_answers_max = 2,
                                          .bytes_max = 65536,
                                          .answer_bytes_max = 4096,
                                          .ahead_bytes_max = 1024};
static struct kept_answers *kept;
static turnstile_bells bells;

static struct kept_answer *open_for(uint64_t caller, char id[KEPT_ID_TEXT + 1])
{
    static int writer;
    struct kept_answer *answer =
        kept_open(kept, &(struct kept_spec){caller, 0, &writer, limits}, id);
    assert_non_null(answer);
    return answer;
}

static enum kept_verdict visit(const char *id, uint64_t caller)
{
    static int subject;
    struct kept_reader reader;
    enum kept_verdict verdict = kept_follow(
        kept, &(struct kept_visit){span_str(id), caller, 0, 1, &subject}, &reader, &bells);
    if (verdict == KEPT_FOUND)
        (void)kept_unfollow(&reader, 0);
    return verdict;
}

static void a_replaced_key_hands_on_what_is_kept(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1], later[KEPT_ID_TEXT + 1], foreign[KEPT_ID_TEXT + 1];
    kept = kept_answers_new();
    assert_non_null(kept);
    struct kept_answer *answer = open_for(FIRST, id), *others = open_for(OTHER, foreign);
    kept_hand_on(kept, FIRST, SECOND);
    struct kept_answer *last = open_for(FIRST, later);

    assert_int_equal(visit(id, FIRST), KEPT_FOUND);
    assert_int_equal(visit(id, SECOND), KEPT_FOUND);
    assert_int_equal(visit(id, THIRD), KEPT_UNKNOWN);
    assert_int_equal(visit(id, OTHER), KEPT_UNKNOWN);
    assert_int_equal(visit(foreign, OTHER), KEPT_FOUND);
    assert_int_equal(visit(foreign, SECOND), KEPT_UNKNOWN);
    assert_int_equal(visit(later, FIRST), KEPT_FOUND);
    assert_int_equal(visit(later, SECOND), KEPT_UNKNOWN); /* it came behind the replacement */

    (void)kept_end(answer, true, 0);
    kept_hand_on(kept, SECOND, THIRD); /* in a row, and of one that is over */
    assert_int_equal(visit(id, FIRST), KEPT_FOUND);
    assert_int_equal(visit(id, SECOND), KEPT_UNKNOWN);
    assert_int_equal(kept_stop(kept, span_str(id), OTHER, &bells), KEPT_UNKNOWN);
    assert_int_equal(kept_stop(kept, span_str(id), THIRD, &bells), KEPT_FOUND);

    (void)kept_end(last, false, 0);
    (void)kept_end(others, false, 0);
    assert_false(kept_answers_any(kept));
    kept_answers_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_replaced_key_hands_on_what_is_kept)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
