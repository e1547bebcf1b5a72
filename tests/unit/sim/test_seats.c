/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "seats.h"
#include "sim_presets.h"

static const uint64_t abcd[] = {1, 2, 3, 4}, abxy[] = {1, 2, 8, 9}, other[] = {7, 7, 7, 7};

static struct seat_prompt prompt_of(const uint64_t *hashes)
{
    return (struct seat_prompt){hashes, 4};
}

static void slots_are_as_many_as_there_are_and_share_the_context(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_SLOTS);
    struct seats *seats = seats_new(&preset);
    struct seat taken[5] = {{.slot = 0}};
    struct seat_prompt prompt = prompt_of(abcd);
    uint32_t cached;
    assert_int_equal(seats_context(seats), 256);
    for (int i = 0; i < 4; i++)
        assert_int_equal(seats_take(seats, &taken[i], &prompt, &cached), 0);
    assert_int_equal(seats_take(seats, &taken[4], &prompt, &cached), -EAGAIN);
    assert_int_equal(seats_grow(seats, &taken[0], &prompt, 256), 0);
    assert_int_equal(seats_grow(seats, &taken[0], &prompt, 257), -ENOSPC);
    assert_int_equal(seats_tokens_used(seats), 256);
    seats_leave(seats, &taken[2]);
    assert_int_equal(seats_take(seats, &taken[4], &prompt, &cached), 0);
    for (int i = 0; i < 5; i++)
        seats_leave(seats, &taken[i]);
    assert_int_equal(seats_tokens_used(seats), 0);
    seats_free(seats);
}

static void a_call_gets_the_slot_that_knows_most_of_its_prompt(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_SLOTS);
    struct seats *seats = seats_new(&preset);
    struct seat one = {.slot = 0}, two = {.slot = 0}, three = {.slot = 0};
    struct seat_prompt first = prompt_of(abcd), second = prompt_of(other), third = prompt_of(abxy);
    uint32_t cached;
    assert_int_equal(seats_take(seats, &one, &first, &cached), 0);
    assert_int_equal(cached, 0);
    assert_int_equal(seats_grow(seats, &one, &first, 70), 0);
    assert_int_equal(seats_take(seats, &two, &second, &cached), 0);
    assert_int_equal(seats_grow(seats, &two, &second, 70), 0);
    uint32_t slot = one.slot;
    seats_leave(seats, &one);
    seats_leave(seats, &two);
    assert_int_equal(seats_take(seats, &three, &third, &cached), 0);
    assert_int_equal(three.slot, slot);
    assert_int_equal(cached, 32);
    assert_int_equal(seats_tokens_used(seats), 32);
    /* What was behind is lost. */
    assert_int_equal(seats_grow(seats, &three, &third, 64), 0);
    seats_leave(seats, &three);
    assert_int_equal(seats_take(seats, &one, &first, &cached), 0);
    assert_int_equal(cached, 32);
    seats_leave(seats, &one);
    seats_free(seats);
}

static void else_the_slot_unused_for_longest(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_SLOTS);
    struct seats *seats = seats_new(&preset);
    struct seat taken[4] = {{.slot = 0}}, next = {.slot = 0};
    struct seat_prompt prompt = prompt_of(abcd), unknown = prompt_of(other);
    uint32_t cached, oldest;
    for (int i = 0; i < 4; i++)
        assert_int_equal(seats_take(seats, &taken[i], &prompt, &cached), 0);
    oldest = taken[3].slot;
    for (int i = 3; i >= 0; i--)
        seats_leave(seats, &taken[i]);
    assert_int_equal(seats_take(seats, &next, &unknown, &cached), 0);
    assert_int_equal(next.slot, oldest);
    seats_leave(seats, &next);
    seats_free(seats);
}

static void a_batch_has_a_seat_for_everyone_until_the_blocks_are_gone(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    preset.kv.tokens = 256;
    struct seats *seats = seats_new(&preset);
    struct seat one = {.slot = 0}, two = {.slot = 0};
    struct seat_prompt first = prompt_of(abcd), second = prompt_of(other);
    uint32_t cached;
    assert_int_equal(seats_take(seats, &one, &first, &cached), 0);
    assert_int_equal(seats_grow(seats, &one, &first, 65), 0);
    assert_int_equal(seats_tokens_used(seats), 80);
    assert_int_equal(seats_take(seats, &two, &second, &cached), 0);
    assert_int_equal(seats_grow(seats, &two, &second, 177), -ENOSPC);
    assert_int_equal(seats_grow(seats, &two, &second, 176), 0);
    assert_int_equal(seats_tokens_used(seats), 256);
    seats_leave(seats, &one);
    seats_leave(seats, &two);
    assert_int_equal(seats_take(seats, &one, &first, &cached), 0);
    assert_int_equal(cached, 64);
    seats_leave(seats, &one);
    seats_free(seats);
    seats_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_as_many_as_there_are_and_share_the_context),
        cmocka_unit_test(a_call_gets_the_slot_that_knows_most_of_its_prompt),
        cmocka_unit_test(else_the_slot_unused_for_longest),
        cmocka_unit_test(a_batch_has_a_seat_for_everyone_until_the_blocks_are_gone),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
