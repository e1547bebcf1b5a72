/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/chance.h"
#include "prompt.h"
#include "sim_presets.h"

static char text[4096];

static void fill(void)
{
    struct chance chance = chance_of(9);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + chance_u64(&chance) % 26);
}

static void tokens_are_bytes_over_the_ratio(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    struct prompt prompt;
    fill();
    prompt_init(&prompt, &preset);
    assert_int_equal(prompt_tokens(&prompt), 1);
    prompt_feed(&prompt, span_of(text, 4));
    assert_int_equal(prompt_tokens(&prompt), 1);
    prompt_feed(&prompt, span_of(text, 1));
    assert_int_equal(prompt_tokens(&prompt), 2);
    prompt_release(&prompt);
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    preset.model.bytes_per_token = 3.7;
    preset.model.context_tokens = 4096;
    fill();
    struct prompt whole, bytes;
    const uint64_t *of_whole, *of_bytes;
    prompt_init(&whole, &preset);
    prompt_init(&bytes, &preset);
    prompt_feed(&whole, span_of(text, sizeof(text)));
    for (size_t i = 0; i < sizeof(text); i++)
        prompt_feed(&bytes, span_of(text + i, 1));
    uint32_t count = prompt_hashes(&whole, &of_whole);
    assert_int_equal(count, (uint32_t)(sizeof(text) / (16 * 3.7)));
    assert_int_equal(prompt_hashes(&bytes, &of_bytes), count);
    assert_memory_equal(of_whole, of_bytes, count * sizeof(uint64_t));
    prompt_release(&whole);
    prompt_release(&bytes);
}

static void prompts_that_begin_alike_share_hashes_until_they_differ(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    struct prompt one, two;
    const uint64_t *a, *b;
    fill();
    prompt_init(&one, &preset);
    prompt_init(&two, &preset);
    prompt_feed(&one, span_of(text, 512));
    text[200] = '!';
    prompt_feed(&two, span_of(text, 512));
    assert_int_equal(prompt_hashes(&one, &a), 8);
    assert_int_equal(prompt_hashes(&two, &b), 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(a[i] == b[i], i < 3); /* blocks of 64 bytes; byte 200 is in the fourth */
    prompt_release(&one);
    prompt_release(&two);
}

static void no_more_hashes_than_a_context_has(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    struct prompt prompt;
    const uint64_t *hashes;
    fill();
    prompt_init(&prompt, &preset);
    for (int i = 0; i < 100; i++)
        prompt_feed(&prompt, span_of(text, sizeof(text)));
    assert_int_equal(prompt_tokens(&prompt), 100 * sizeof(text) / 4);
    assert_int_equal(prompt_hashes(&prompt, &hashes), 256 / 16 + 1);
    prompt_release(&prompt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_bytes_over_the_ratio),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(prompts_that_begin_alike_share_hashes_until_they_differ),
        cmocka_unit_test(no_more_hashes_than_a_context_has),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
