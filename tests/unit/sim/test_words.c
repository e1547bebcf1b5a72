/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "words.h"

static void pieces_are_whole_text_that_json_takes_as_it_is(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5000; i++) {
        for (int words = PRESET_LATIN; words <= PRESET_MIXED; words++) {
            struct span piece = words_piece((enum preset_words)words, 42, i);
            assert_in_range(piece.len, 1, WORDS_PIECE_BYTES_MAX);
            assert_true(text_is_utf8(piece));
            assert_int_equal(span_find_byte(piece, '"'), -1);
            assert_int_equal(span_find_byte(piece, '\\'), -1);
            assert_int_equal(span_find_byte(piece, '\n'), -1);
        }
    }
}

static void a_token_is_the_same_whenever_it_is_asked_for(void **state)
{
    (void)state;
    struct span ninth = words_piece(PRESET_LATIN, 5, 9);
    (void)words_piece(PRESET_LATIN, 6, 3);
    assert_true(span_eq(words_piece(PRESET_LATIN, 5, 9), ninth));
}

static void the_first_has_no_space(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++)
        assert_int_not_equal(words_piece(PRESET_LATIN, seed, 0).ptr[0], ' ');
}

static void mixed_text_has_chinese_in_it(void **state)
{
    (void)state;
    int chinese = 0;
    for (uint32_t i = 0; i < 100; i++)
        chinese += (unsigned char)words_piece(PRESET_MIXED, 1, i).ptr[0] >= 0xe0;
    assert_in_range(chinese, 50, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_whole_text_that_json_takes_as_it_is),
        cmocka_unit_test(a_token_is_the_same_whenever_it_is_asked_for),
        cmocka_unit_test(the_first_has_no_space),
        cmocka_unit_test(mixed_text_has_chinese_in_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
