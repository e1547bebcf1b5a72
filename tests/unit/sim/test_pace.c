/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pace.h"
#include "sim_presets.h"

static double us_of(const struct preset *preset, uint64_t prefill, uint32_t decoding, uint64_t kv)
{
    struct pace_step step = {prefill, decoding, kv};
    return pace_step_us(preset, &step);
}

#define assert_us(given, wanted) assert_true((given) > (wanted)-0.001 && (given) < (wanted) + 0.001)

static void the_terms_add_up(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    preset.time.kv_us_per_1000 = 50;
    assert_us(us_of(&preset, 0, 0, 0), 1000);
    assert_us(us_of(&preset, 7, 0, 0), 1070);
    assert_us(us_of(&preset, 0, 1, 0), 1100);
    assert_us(us_of(&preset, 7, 2, 2000), 1000 + 70 + 200 + 100);
}

static void lines_between_the_points_and_beyond_them(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    const struct preset_point points[] = {{1, 100}, {4, 130}, {16, 370}};
    memcpy(preset.time.decode_us, points, sizeof(points));
    preset.time.decode_points = 3;
    assert_us(us_of(&preset, 0, 1, 0), 1100);
    assert_us(us_of(&preset, 0, 2, 0), 1110);
    assert_us(us_of(&preset, 0, 4, 0), 1130);
    assert_us(us_of(&preset, 0, 5, 0), 1150);
    assert_us(us_of(&preset, 0, 16, 0), 1370);
    assert_us(us_of(&preset, 0, 20, 0), 1450);
    preset.time.decode_points = 1;
    assert_us(us_of(&preset, 0, 20, 0), 1100);
}

static void a_falling_line_ends_at_nothing(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    const struct preset_point points[] = {{1, 100}, {2, 50}};
    memcpy(preset.time.decode_us, points, sizeof(points));
    assert_us(us_of(&preset, 0, 1000, 0), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_terms_add_up),
        cmocka_unit_test(lines_between_the_points_and_beyond_them),
        cmocka_unit_test(a_falling_line_ends_at_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
