/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/chance.h"
#include "kv.h"

static const uint64_t abc[] = {1, 2, 3}, abd[] = {1, 2, 4};

static void a_prompt_is_found_again_after_it_was_let_go(void **state)
{
    (void)state;
    struct kv *kv = kv_new(8, true);
    struct kv_hold hold = {0}, again = {0};
    assert_int_equal(kv_grow(kv, &hold, 4, abc, 3), 0);
    assert_int_equal(kv_used(kv), 4);
    kv_drop(kv, &hold);
    assert_int_equal(kv_used(kv), 0);
    assert_int_equal(hold.blocks, 0);
    kv_reuse(kv, &again, abc, 3);
    assert_int_equal(again.blocks, 3); /* the fourth has no hash */
    assert_int_equal(kv_used(kv), 3);
    kv_drop(kv, &again);
    kv_free(kv);
}

static void prompts_share_what_they_begin_with(void **state)
{
    (void)state;
    struct kv *kv = kv_new(8, true);
    struct kv_hold first = {0}, second = {0};
    assert_int_equal(kv_grow(kv, &first, 3, abc, 3), 0);
    kv_reuse(kv, &second, abd, 3);
    assert_int_equal(second.blocks, 2);
    assert_int_equal(kv_grow(kv, &second, 3, abd, 3), 0);
    assert_int_equal(kv_used(kv), 4);
    kv_drop(kv, &first);
    assert_int_equal(kv_used(kv), 3);
    kv_drop(kv, &second);
    assert_int_equal(kv_used(kv), 0);
    kv_free(kv);
}

static void the_one_unused_for_longest_goes_first_and_from_its_end(void **state)
{
    (void)state;
    static const uint64_t x[] = {10, 11, 12}, y[] = {20, 21, 22};
    struct kv *kv = kv_new(6, true);
    struct kv_hold one = {0}, two = {0}, three = {0};
    assert_int_equal(kv_grow(kv, &one, 3, x, 3), 0);
    kv_drop(kv, &one);
    assert_int_equal(kv_grow(kv, &two, 3, y, 3), 0);
    kv_drop(kv, &two);
    assert_int_equal(kv_grow(kv, &three, 2, abc, 3), 0); /* takes two blocks of x, the last two */
    kv_reuse(kv, &one, x, 3);
    assert_int_equal(one.blocks, 1);
    kv_reuse(kv, &two, y, 3);
    assert_int_equal(two.blocks, 3);
    kv_drop(kv, &one);
    kv_drop(kv, &two);
    kv_drop(kv, &three);
    kv_free(kv);
}

static void a_full_cache_refuses_and_changes_nothing(void **state)
{
    (void)state;
    struct kv *kv = kv_new(4, true);
    struct kv_hold one = {0}, two = {0};
    assert_int_equal(kv_grow(kv, &one, 3, abc, 3), 0);
    assert_int_equal(kv_grow(kv, &two, 2, abd, 3), -ENOSPC);
    assert_int_equal(two.blocks, 0);
    assert_int_equal(kv_used(kv), 3);
    assert_int_equal(kv_grow(kv, &one, 4, abc, 3), 0);
    assert_int_equal(kv_grow(kv, &one, 2, abc, 3), 0); /* never shrinks */
    assert_int_equal(one.blocks, 4);
    kv_drop(kv, &one);
    kv_drop(kv, &one);
    kv_free(kv);
}

static void nothing_is_found_where_nothing_is_shared(void **state)
{
    (void)state;
    struct kv *kv = kv_new(8, false);
    struct kv_hold one = {0}, two = {0};
    assert_int_equal(kv_grow(kv, &one, 3, abc, 3), 0);
    kv_reuse(kv, &two, abc, 3);
    assert_int_equal(two.blocks, 0);
    kv_drop(kv, &one);
    kv_free(kv);
    kv_free(NULL);
}

/* Many calls with prompts of a few families, at random: what is used is never more than there is, and what each holds
 * adds up. */
static void random_calls_keep_the_books(void **state)
{
    (void)state;
    enum { HOLDS = 24, BLOCKS = 64, PROMPT = 12 };
    struct kv *kv = kv_new(BLOCKS, true);
    struct kv_hold holds[HOLDS] = {{0}};
    struct chance chance = chance_of(11);
    for (int i = 0; i < 200000; i++) {
        struct kv_hold *hold = &holds[chance_u64(&chance) % HOLDS];
        uint64_t hashes[PROMPT], family = chance_u64(&chance) % 5;
        uint32_t branch = (uint32_t)(chance_u64(&chance) % PROMPT);
        for (uint32_t b = 0; b < PROMPT; b++)
            hashes[b] = family * 1000 + b + (b >= branch ? 100 * (1 + branch) : 0);
        if (hold->blocks == 0) {
            kv_reuse(kv, hold, hashes, PROMPT);
            (void)!kv_grow(kv, hold, PROMPT, hashes, PROMPT);
        } else if (chance_u64(&chance) % 3 == 0) {
            (void)!kv_grow(kv, hold, hold->blocks + 1, NULL, 0);
        } else {
            kv_drop(kv, hold);
        }
        uint32_t most = 0, sum = 0;
        for (int h = 0; h < HOLDS; h++) {
            most = holds[h].blocks > most ? holds[h].blocks : most;
            sum += holds[h].blocks;
        }
        assert_in_range(kv_used(kv), most, sum < BLOCKS ? sum : BLOCKS);
    }
    for (int h = 0; h < HOLDS; h++)
        kv_drop(kv, &holds[h]);
    assert_int_equal(kv_used(kv), 0);
    struct kv_hold all = {0};
    assert_int_equal(kv_grow(kv, &all, BLOCKS, NULL, 0), 0);
    kv_drop(kv, &all);
    kv_free(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_is_found_again_after_it_was_let_go),
        cmocka_unit_test(prompts_share_what_they_begin_with),
        cmocka_unit_test(the_one_unused_for_longest_goes_first_and_from_its_end),
        cmocka_unit_test(a_full_cache_refuses_and_changes_nothing),
        cmocka_unit_test(nothing_is_found_where_nothing_is_shared),
        cmocka_unit_test(random_calls_keep_the_books),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
