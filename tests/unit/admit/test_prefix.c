/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admit/prefix.h"

#define TEXT_BYTES (20 * PREFIX_BLOCK_BYTES)

static char text[TEXT_BYTES];
static struct prefix_table table;
static const struct mac_key key = {"0123456789abcde"};

static char instructions[PREFIX_BLOCK_BYTES];

static int begin(void **state)
{
    (void)state;
    memset(instructions, 's', sizeof(instructions));
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + i % 23);
    memset(&table, 0, sizeof(table));
    return 0;
}

static struct prefix prefix_of(size_t len, uint64_t identity)
{
    struct prefix prefix;
    prefix_begin(&prefix, &key);
    prefix_add(&prefix, span_of(instructions, sizeof(instructions)), true);
    prefix_salt(&prefix, identity);
    prefix_add(&prefix, span_of(text, len), false);
    return prefix;
}

static void the_longest_beginning_is_found(void **state)
{
    (void)state;
    struct prefix first = prefix_of(4 * PREFIX_BLOCK_BYTES + 10, 1);
    assert_int_equal(first.count, 5);
    assert_int_equal(prefix_match(&table, &first), 0);
    prefix_remember(&table, &first);
    assert_int_equal(prefix_match(&table, &first), 5);
    struct prefix longer = prefix_of(9 * PREFIX_BLOCK_BYTES, 1),
                  shorter = prefix_of(2 * PREFIX_BLOCK_BYTES, 1);
    assert_int_equal(prefix_match(&table, &longer), 5);
    assert_int_equal(prefix_match(&table, &shorter), 3);
    text[PREFIX_BLOCK_BYTES]++; /* in the second block */
    struct prefix other = prefix_of(9 * PREFIX_BLOCK_BYTES, 1);
    assert_int_equal(prefix_match(&table, &other), 2);
    text[0]++;
    other = prefix_of(9 * PREFIX_BLOCK_BYTES, 1);
    assert_int_equal(prefix_match(&table, &other), 1);
}

/* Or the time to a first token would tell what others wrote. */
static void of_anothers_prompt_only_the_services_own_words_count(void **state)
{
    (void)state;
    struct prefix mine = prefix_of(8 * PREFIX_BLOCK_BYTES, 1),
                  yours = prefix_of(8 * PREFIX_BLOCK_BYTES, 2);
    prefix_remember(&table, &mine);
    assert_int_equal(prefix_match(&table, &yours), 1);
}

/* A model's name in common is no reason to go where the others went, but the same text for another model is another one. */
static void less_than_a_block_counts_only_for_what_follows(void **state)
{
    (void)state;
    struct prefix prefixes[3];
    const struct span ends[] = {SPAN("one model"), SPAN("one model"), SPAN("another")};
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        prefix_begin(&prefixes[i], &key);
        prefix_add(&prefixes[i], ends[i], true);
        prefix_add(&prefixes[i], SPAN_NULL, true);
        assert_int_equal(prefixes[i].count, 0);
        prefix_add(&prefixes[i], span_of(text, PREFIX_BLOCK_BYTES + 1), true);
        assert_int_equal(prefixes[i].count, 1);
    }
    assert_true(prefixes[0].blocks[0] == prefixes[1].blocks[0]);
    assert_true(prefixes[0].blocks[0] != prefixes[2].blocks[0]);
}

static void only_so_many_blocks_are_looked_at(void **state)
{
    (void)state;
    struct prefix prefix = prefix_of(TEXT_BYTES, 1);
    assert_int_equal(prefix.count, PREFIX_BLOCKS_MAX);
    prefix_add(&prefix, span_of(text, TEXT_BYTES), true);
    assert_int_equal(prefix.count, PREFIX_BLOCKS_MAX);
}

static void a_table_forgets_what_went_there_long_ago(void **state)
{
    (void)state;
    struct prefix first = prefix_of(8 * PREFIX_BLOCK_BYTES, 1);
    prefix_remember(&table, &first);
    for (uint64_t i = 2; i < 20000; i++) {
        struct prefix other = prefix_of(PREFIX_BLOCK_BYTES, i);
        prefix_remember(&table, &other);
        assert_int_equal(prefix_match(&table, &other), 2);
    }
    assert_in_range(prefix_match(&table, &first), 0, 1); /* the system's words were repeated */
}

static void another_installation_has_other_hashes(void **state)
{
    (void)state;
    const struct mac_key other = {"another"};
    struct prefix a, b;
    prefix_begin(&a, &key);
    prefix_begin(&b, &other);
    prefix_add(&a, span_of(text, PREFIX_BLOCK_BYTES), false);
    prefix_add(&b, span_of(text, PREFIX_BLOCK_BYTES), false);
    assert_true(a.blocks[0] != b.blocks[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_longest_beginning_is_found, begin),
        cmocka_unit_test_setup(of_anothers_prompt_only_the_services_own_words_count, begin),
        cmocka_unit_test_setup(less_than_a_block_counts_only_for_what_follows, begin),
        cmocka_unit_test_setup(only_so_many_blocks_are_looked_at, begin),
        cmocka_unit_test_setup(a_table_forgets_what_went_there_long_ago, begin),
        cmocka_unit_test_setup(another_installation_has_other_hashes, begin),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
