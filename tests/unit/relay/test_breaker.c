/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "relay/breaker.h"

static const struct breaker_limits limits = {.failures = 3, .pause_ms = 1000};

static struct breaker after(struct breaker breaker, enum breaker_event event, uint64_t now_ms)
{
    return breaker_next(breaker, event, &limits, now_ms);
}

static struct breaker down_until(uint64_t until_ms)
{
    return (struct breaker){
        .state = BACKEND_DOWN, .failures = 3, .doublings = 1, .until_ms = until_ms};
}

static void the_word_holds_everything(void **state)
{
    (void)state;
    const struct breaker breakers[] = {
        {0},
        {BACKEND_UP, 1, 0, 0},
        {BACKEND_DOWN, BREAKER_FAILURES_MAX, 31, (1ull << 45) - 1},
        {BACKEND_TRIAL, 17, 5, 123456789012},
    };
    for (size_t i = 0; i < COUNT_OF(breakers); i++) {
        struct breaker back = breaker_unpack(breaker_pack(breakers[i]));
        assert_int_equal(back.state, breakers[i].state);
        assert_int_equal(back.failures, breakers[i].failures);
        assert_int_equal(back.doublings, breakers[i].doublings);
        assert_int_equal(back.until_ms, breakers[i].until_ms);
    }
    assert_int_equal(breaker_pack((struct breaker){0}), 0);
}

static void falls_after_failures_in_a_row(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    breaker = after(breaker, BREAKER_FAILED, 10);
    breaker = after(breaker, BREAKER_FAILED, 10);
    assert_int_equal(breaker.state, BACKEND_UNKNOWN);
    breaker = after(breaker, BREAKER_GOOD, 10);
    assert_int_equal(breaker.state, BACKEND_UP);
    breaker = after(breaker, BREAKER_FAILED, 10);
    breaker = after(breaker, BREAKER_FAILED, 10);
    assert_int_equal(breaker.state, BACKEND_UP);
    assert_true(breaker_takes_calls(breaker, 10));
    breaker = after(breaker, BREAKER_FAILED, 10);
    assert_int_equal(breaker.state, BACKEND_DOWN);
    assert_int_equal(breaker.until_ms, 1010);
    assert_false(breaker_takes_calls(breaker, 1009));
    assert_true(breaker_takes_calls(breaker, 1010));
}

static void a_trial_is_one_call(void **state)
{
    (void)state;
    struct breaker breaker = down_until(500);
    assert_int_equal(after(breaker, BREAKER_TAKE, 499).state, BACKEND_DOWN);
    breaker = after(breaker, BREAKER_TAKE, 500);
    assert_int_equal(breaker.state, BACKEND_TRIAL);
    assert_false(breaker_takes_calls(breaker, 100000));
    assert_int_equal(after(breaker, BREAKER_TAKE, 100000).state, BACKEND_TRIAL);

    struct breaker up = after(breaker, BREAKER_GOOD, 600);
    assert_int_equal(up.state, BACKEND_UP);
    assert_int_equal(up.failures, 0);
    assert_int_equal(up.doublings, 0);

    struct breaker down = after(breaker, BREAKER_FAILED, 600);
    assert_int_equal(down.state, BACKEND_DOWN);
    assert_int_equal(down.until_ms, 600 + 2000);

    down = after(breaker, BREAKER_GIVE_BACK, 600);
    assert_int_equal(down.state, BACKEND_DOWN);
    assert_true(breaker_takes_calls(down, 600));
    assert_int_equal(down.doublings, breaker.doublings);

    down = after(breaker, BREAKER_DOUBT, 600);
    assert_int_equal(down.state, BACKEND_DOWN);
    assert_int_equal(down.until_ms, 1600);
    assert_int_equal(down.doublings, breaker.doublings);
}

static void pauses_double_up_to_a_maximum(void **state)
{
    (void)state;
    struct breaker breaker = {.state = BACKEND_UP, .failures = 2};
    uint64_t now_ms = 0;
    uint64_t pause_ms = 1000;
    for (int i = 0; i < 50; i++) {
        breaker = after(breaker, BREAKER_FAILED, now_ms);
        assert_int_equal(breaker.state, BACKEND_DOWN);
        assert_int_equal(breaker.until_ms - now_ms, pause_ms);
        now_ms = breaker.until_ms;
        breaker = after(breaker, BREAKER_TAKE, now_ms);
        assert_int_equal(breaker.state, BACKEND_TRIAL);
        pause_ms = pause_ms * 2 > BREAKER_PAUSE_MAX_MS ? BREAKER_PAUSE_MAX_MS : pause_ms * 2;
    }
    assert_int_equal(pause_ms, BREAKER_PAUSE_MAX_MS);
}

static void old_news_moves_nothing(void **state)
{
    (void)state;
    struct breaker down = down_until(500);
    assert_int_equal(after(down, BREAKER_GOOD, 10).state, BACKEND_DOWN);
    assert_int_equal(after(down, BREAKER_FAILED, 10).until_ms, 500);
    assert_int_equal(after(down, BREAKER_GIVE_BACK, 10).until_ms, 500);
    assert_int_equal(after(down, BREAKER_DOUBT, 10).until_ms, 500);

    struct breaker up = {.state = BACKEND_UP, .failures = 2};
    assert_int_equal(breaker_pack(after(up, BREAKER_GIVE_BACK, 10)), breaker_pack(up));
    assert_int_equal(breaker_pack(after(up, BREAKER_DOUBT, 10)), breaker_pack(up));
    assert_int_equal(breaker_pack(after(up, BREAKER_TAKE, 10)), breaker_pack(up));
}

static void probes_decide_at_once(void **state)
{
    (void)state;
    const enum backend_state states[] = {BACKEND_UNKNOWN, BACKEND_UP, BACKEND_DOWN, BACKEND_TRIAL};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        struct breaker breaker = {
            .state = states[i], .failures = 1, .doublings = 1, .until_ms = 5000};
        assert_int_equal(after(breaker, BREAKER_PROBE_GOOD, 10).state, BACKEND_UP);
        struct breaker down = after(breaker, BREAKER_PROBE_FAILED, 10);
        assert_int_equal(down.state, BACKEND_DOWN);
        assert_int_equal(down.until_ms, 2010);
    }
    /* A probe of one token does not excuse calls that fail. */
    struct breaker up = {.state = BACKEND_UP, .failures = 2};
    assert_int_equal(after(up, BREAKER_PROBE_GOOD, 10).failures, 2);
}

static void failures_saturate(void **state)
{
    (void)state;
    struct breaker breaker = {
        .state = BACKEND_DOWN, .failures = BREAKER_FAILURES_MAX, .until_ms = 7};
    assert_int_equal(after(breaker, BREAKER_FAILED, 1).failures, BREAKER_FAILURES_MAX);
    breaker.doublings = 31;
    assert_int_equal(after(breaker, BREAKER_PROBE_FAILED, 1).until_ms, 1 + BREAKER_PAUSE_MAX_MS);
    assert_int_equal(after(breaker, BREAKER_PROBE_FAILED, 1).doublings, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_word_holds_everything),
        cmocka_unit_test(falls_after_failures_in_a_row),
        cmocka_unit_test(a_trial_is_one_call),
        cmocka_unit_test(pauses_double_up_to_a_maximum),
        cmocka_unit_test(old_news_moves_nothing),
        cmocka_unit_test(probes_decide_at_once),
        cmocka_unit_test(failures_saturate),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
