/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "admit/limiter.h"
#include "engine_model.h"

#define STEP_US 5000

/* ---- with an engine ------------------------------------------------------------------------ */

static struct limiter limiter;
static struct engine engine;
static uint32_t peak;

struct load {
    uint64_t prompt, prompt_spread, output, output_spread;
};
static const struct load chat = {200, 400, 40, 200};
static uint64_t prompts[ENGINE_CALLS];

static void on_first(void *owner, uint64_t ttft_us)
{
    limiter_first_token(&limiter, *(uint64_t *)owner, ttft_us, engine.under_way);
}

static void on_token(void *owner, uint64_t us)
{
    (void)owner;
    limiter_tokens(&limiter, 1, us);
}

static void on_done(void *owner)
{
    *(uint64_t *)owner = 0;
}

static const struct engine_events events = {on_first, on_token, on_done};

static int begin(void **state)
{
    (void)state;
    random_seed(21);
    memset(prompts, 0, sizeof(prompts));
    limiter_init(&limiter);
    engine = (struct engine){.tpot_us = 20000,
                             .half_speed = 200,
                             .prompt_token_us = 20,
                             .slots = ENGINE_CALLS,
                             .noise_percent = 10,
                             .events = &events,
                             .now_us = 1000000};
    return 0;
}

static int end(void **state)
{
    (void)state;
    random_unseed();
    return 0;
}

static void start_one(const struct load *load)
{
    for (size_t i = 0; i < ENGINE_CALLS; i++) {
        if (prompts[i] > 0)
            continue;
        prompts[i] = load->prompt + random_below((uint32_t)load->prompt_spread);
        uint64_t output = load->output + random_below((uint32_t)load->output_spread);
        assert_true(engine_begin(&engine, &prompts[i], prompts[i], output));
        return;
    }
}

typedef uint32_t limit_of(const struct limiter *limiter);

/* `wanted` calls at a time, as far as that limit lets them. Returns its mean of the last third. */
static double drive_within(limit_of *limit, const struct load *load, uint32_t wanted, unsigned seconds)
{
    double sum = 0;
    unsigned ticks = 0;
    uint64_t until = engine.now_us + seconds * UINT64_C(1000000);
    uint64_t late = until - seconds * UINT64_C(1000000) / 3;
    while (engine.now_us < until) {
        while (engine.under_way < MIN(wanted, limit(&limiter)))
            start_one(load);
        peak = MAX(peak, engine.under_way);
        engine_step(&engine, STEP_US);
        if (engine.now_us % (LIMITER_TICK_MS * 1000) != 0)
            continue;
        limiter_tick(&limiter, peak, engine.now_us / 1000);
        assert_in_range(limiter_limit(&limiter), LIMITER_MIN, LIMITER_MAX);
        assert_in_range(limiter_strict_limit(&limiter), LIMITER_MIN, limiter_limit(&limiter));
        peak = 0;
        if (engine.now_us > late) {
            sum += limit(&limiter);
            ticks++;
        }
    }
    return sum / ticks;
}

static double drive(const struct load *load, uint32_t wanted, unsigned seconds)
{
    return drive_within(limiter_limit, load, wanted, seconds);
}

#define FLOOD ENGINE_CALLS

/* Calls at which TPOT is at its tolerance, beside that of `load` calls: 1 + n / h = tolerance × (1 + load / h). */
static double knee(uint32_t load)
{
    return LIMITER_TPOT_TOLERANCE * (engine.half_speed + load) - engine.half_speed;
}

static void assert_near(double limit, double expected, double less, double more)
{
    if (limit < less * expected || limit > more * expected)
        fail_msg("limit %.1f, expected about %.1f", limit, expected);
}

static void finds_the_knee_from_below(void **state)
{
    (void)state;
    drive(&chat, 2, 30);
    double limit = drive(&chat, FLOOD, 90);
    assert_near(limit, knee(1), 0.85, 1.15);
}

static double strict_knee(void)
{
    return LIMITER_TPOT_STRICT * (engine.half_speed + 1) - engine.half_speed;
}

/* Who is held to it leaves the others their pace, and the other limit stays where it was. */
static void rests_lower_when_it_is_strict(void **state)
{
    (void)state;
    drive(&chat, 2, 30);
    assert_near(drive(&chat, FLOOD, 90), knee(1), 0.85, 1.15);
    assert_near(drive_within(limiter_strict_limit, &chat, FLOOD, 90), strict_knee(), 0.85, 1.15);
    assert_near(limiter_limit(&limiter), knee(1), 0.85, 1.15);
}

/* Nobody needs to wait for it to be learned when it is asked for. */
static void knows_the_strict_limit_before_it_is_asked_for(void **state)
{
    (void)state;
    drive(&chat, 2, 30);
    drive(&chat, FLOOD, 90);
    assert_near(limiter_strict_limit(&limiter), strict_knee(), 0.8, 1.25);
}

static void finds_the_knee_from_above(void **state)
{
    (void)state;
    drive(&chat, 2, 30);
    limiter.limit = 400;
    double limit = drive(&chat, FLOOD, 90);
    assert_near(limit, knee(1), 0.85, 1.35);
}

/* Nothing was ever seen but the flood: the first calls, at most LIMITER_START of them, are what is compared with. */
static void finds_the_knee_in_a_flood_from_the_start(void **state)
{
    (void)state;
    double limit = drive(&chat, FLOOD, 120);
    assert_true(limit > 0.85 * knee(1) && limit < 1.15 * knee(LIMITER_START));
}

/* LIMITER_START is far beyond what it can do, and the flood hides that until the first calm. */
static void a_calm_shows_what_a_flood_from_the_start_hid(void **state)
{
    (void)state;
    engine.half_speed = 20;
    double limit = drive(&chat, FLOOD, 60);
    assert_true(limit < 1.15 * knee(LIMITER_START));
    drive(&chat, 2, 30);
    limit = drive(&chat, FLOOD, 90);
    assert_near(limit, knee(1), 0.7, 1.4);
}

/* An engine for many is not left half empty for a minute after a start. */
static void an_engine_for_hundreds_is_full_within_seconds(void **state)
{
    (void)state;
    engine.half_speed = 1e9;
    engine.prompt_token_us = 5;
    drive(&chat, FLOOD, 6);
    assert_true(limiter_limit(&limiter) >= 300);
}

/* ... and one that feels its load is not run over meanwhile. */
static void a_slow_start_ends_before_the_knee(void **state)
{
    (void)state;
    drive(&chat, 2, 30);
    double most = 0;
    for (unsigned i = 0; i < 50; i++)
        most = fmax(most, drive(&chat, FLOOD, 1));
    assert_true(most < 1.35 * knee(1));
    assert_false(limiter.starts);
}

static void half_an_hour_of_flood_teaches_nothing_wrong(void **state)
{
    (void)state;
    drive(&chat, 2, 30);
    double early = drive(&chat, FLOOD, 120);
    engine.noise_percent = 20;
    double late = drive(&chat, FLOOD, 1800);
    assert_true(fabs(late - early) < 0.2 * early);
}

static void floods_that_come_and_go_teach_nothing_wrong(void **state)
{
    (void)state;
    drive(&chat, 2, 30);
    for (unsigned i = 0; i < 30; i++) {
        drive(&chat, 20, 10);
        drive(&chat, FLOOD, 10);
    }
    assert_near(drive(&chat, FLOOD, 10), knee(1), 0.85, 1.35);
}

/* Four slots, and it does not say so: what does not fit waits inside. TPOT shows nothing, the residual does. */
static void finds_the_slots_of_a_silent_engine(void **state)
{
    (void)state;
    engine.slots = 4;
    engine.half_speed = 1e9;
    drive(&chat, 2, 30);
    double limit = drive(&chat, FLOOD, 120);
    assert_true(limit >= 3 && limit < 8);
}

static void finds_the_slots_of_a_silent_engine_in_a_flood_from_the_start(void **state)
{
    (void)state;
    engine.slots = 4;
    engine.half_speed = 1e9;
    double limit = drive(&chat, FLOOD, 120);
    assert_true(limit >= 3 && limit < 10);
}

static void long_prompts_are_no_queue(void **state)
{
    (void)state;
    const struct load summaries = {2000, 20000, 40, 200};
    engine.prompt_token_us = 5;
    drive(&summaries, 2, 60);
    assert_in_range(limiter_ttft_us(&limiter, 10000), 60000, 90000);
    assert_in_range(limiter_ttft_us(&limiter, 20000), 110000, 140000);
    double limit = drive(&summaries, FLOOD, 90);
    assert_true(limit > 25);
}

static void follows_an_engine_that_gets_slower(void **state)
{
    (void)state;
    drive(&chat, 2, 30);
    drive(&chat, FLOOD, 60);
    engine.tpot_us *= 3;
    drive(&chat, FLOOD, 240);
    double limit = drive(&chat, FLOOD, 90);
    assert_near(limit, knee(1), 0.65, 1.35);
}

/* Slower at once, while people use it: fewer calls would not help, so few are turned away to find that out. */
static void people_go_on_when_the_engine_gets_slower(void **state)
{
    const double slower[] = {1.6, 2, 4};
    for (size_t i = 0; i < COUNT_OF(slower); i++) {
        begin(state);
        drive(&chat, 2, 30);
        drive(&chat, 26, 60);
        engine.tpot_us *= slower[i];
        uint32_t least = LIMITER_MAX;
        for (unsigned second = 0; second < 60; second++) {
            drive(&chat, 26, 1);
            least = MIN(least, limiter_limit(&limiter));
        }
        assert_in_range(least, 12, LIMITER_MAX);
        assert_in_range(limiter_limit(&limiter), 24, LIMITER_MAX);
    }
}

static void follows_an_engine_that_gets_faster(void **state)
{
    (void)state;
    engine.half_speed = 50;
    drive(&chat, 2, 30);
    double limit = drive(&chat, FLOOD, 60);
    assert_near(limit, knee(1), 0.65, 1.35);
    engine.half_speed = 400;
    limit = drive(&chat, FLOOD, 120);
    assert_near(limit, knee(1), 0.65, 1.35);
}

static void does_not_rise_unused(void **state)
{
    (void)state;
    double limit = drive(&chat, 3, 120);
    assert_true(limit <= LIMITER_START);
}

/* Two calls are half as fast as one, four half of that: an engine on a processor. It still gets what it has places for. */
static void an_engine_s_slots_are_used_however_slow(void **state)
{
    (void)state;
    limiter_init(&limiter);
    limiter_know(&limiter, &(struct limiter_facts){.slots = 4, .kv_tokens = 8192, .at_ms = 1});
    for (uint64_t tick = 1; tick < 200; tick++) {
        uint32_t load = tick < 20 ? 1 : 4;
        for (int i = 0; i < 8; i++)
            limiter_tokens(&limiter, 1, 20000 * load);
        (void)limiter_tick(&limiter, load, tick * LIMITER_TICK_MS);
    }
    assert_int_equal(limiter_limit(&limiter), 4);
    assert_true(limiter_kv_max(&limiter) == UINT64_MAX); /* each slot has its own part */
}

static void an_engine_s_slots_are_the_cap(void **state)
{
    (void)state;
    limiter_know(&limiter, &(struct limiter_facts){.slots = 2 * LIMITER_START, .at_ms = 1});
    assert_int_equal(limiter_limit(&limiter), LIMITER_START);
    limiter_know(&limiter, &(struct limiter_facts){.slots = 16, .at_ms = 1});
    assert_int_equal(limiter_limit(&limiter), 17);
    engine.slots = 16;
    engine.half_speed = 1e9;
    double limit = drive(&chat, FLOOD, 60);
    assert_true(limit > 14 && limit <= 17);
}

/* ---- without ------------------------------------------------------------------------------- */

static bool calm_tick(uint64_t now_ms)
{
    for (unsigned i = 0; i < 8; i++)
        limiter_tokens(&limiter, 1, 20000);
    return limiter_tick(&limiter, LIMITER_START, now_ms);
}

static void one_slot_is_one_call(void **state)
{
    (void)state;
    limiter_know(&limiter, &(struct limiter_facts){.slots = 1, .at_ms = 1});
    assert_int_equal(limiter_limit(&limiter), 1);
    for (uint64_t now = 1000; now < 60000; now += 200)
        calm_tick(now);
    assert_int_equal(limiter_limit(&limiter), 1);
}

static void facts_that_say_nothing_limit_nothing(void **state)
{
    (void)state;
    assert_true(limiter_kv_max(&limiter) == UINT64_MAX);
    assert_false(limiter_holds_low(&limiter, 0));
    assert_false(limiter_holds_low(&limiter, 123456));
    assert_int_equal(limiter_ttft_us(&limiter, 100), 0);
    limiter_know(&limiter, &(struct limiter_facts){0});
    assert_int_equal(limiter_limit(&limiter), LIMITER_START);
}

static void nonsense_facts_count_as_nothing(void **state)
{
    (void)state;
    const float shares[] = {NAN, INFINITY, -INFINITY, -0.1f, 1.1f, 1e30f};
    for (size_t i = 0; i < COUNT_OF(shares); i++) {
        struct limiter_facts facts = {.slots = UINT32_MAX,
                                      .kv_tokens = UINT64_MAX,
                                      .running = UINT32_MAX,
                                      .waiting = UINT32_MAX,
                                      .kv_used = shares[i],
                                      .at_ms = 5000};
        limiter_know(&limiter, &facts);
        assert_false(limiter_holds_low(&limiter, 5000));
        assert_true(limiter_kv_max(&limiter) == UINT64_MAX);
        assert_int_equal(limiter_limit(&limiter), LIMITER_START);
    }
}

static void low_classes_are_held_by_fresh_facts_only(void **state)
{
    (void)state;
    limiter_know(&limiter, &(struct limiter_facts){.waiting = 3, .at_ms = 5000});
    assert_true(limiter_holds_low(&limiter, 5000));
    assert_true(limiter_holds_low(&limiter, 4990)); /* the other thread's clock */
    assert_true(limiter_holds_low(&limiter, 6000));
    assert_false(limiter_holds_low(&limiter, 6001));
    assert_false(limiter_holds_low(&limiter, 3000));
    limiter_know(&limiter, &(struct limiter_facts){.waiting = 2, .kv_used = 0.9f, .at_ms = 5000});
    assert_false(limiter_holds_low(&limiter, 5000));
    limiter_know(&limiter, &(struct limiter_facts){.kv_used = 0.91f, .at_ms = 5000});
    assert_true(limiter_holds_low(&limiter, 5000));
}

static void a_share_of_the_cache_is_for_calls(void **state)
{
    (void)state;
    limiter_know(&limiter, &(struct limiter_facts){.kv_tokens = 100000, .at_ms = 1});
    assert_int_equal(limiter_kv_max(&limiter), 90000);
}

static void clocks_may_jump(void **state)
{
    (void)state;
    calm_tick(999800);
    assert_true(calm_tick(1000000));
    assert_false(calm_tick(1000100));
    assert_false(calm_tick(5));
    uint32_t before = limiter_limit(&limiter);
    for (uint64_t now = 205; now < 2000; now += 200)
        calm_tick(now);
    assert_true(limiter_limit(&limiter) > before);
    before = limiter_limit(&limiter);
    calm_tick(UINT64_MAX);
    assert_in_range(limiter_limit(&limiter), before,
                    before + 2); /* one step, however long it was */
}

static void ticks_without_a_sample_change_nothing(void **state)
{
    (void)state;
    for (uint64_t now = 1000; now < 100000; now += 200)
        assert_false(limiter_tick(&limiter, 100, now));
    assert_int_equal(limiter_limit(&limiter), LIMITER_START);
}

/* Samples of every kind, also none that an engine could make. */
static void odd_samples_do_not_blow_it_up(void **state)
{
    (void)state;
    const uint64_t odd[] = {0, 1, 2, 1000, 600000001, UINT64_MAX / 2, UINT64_MAX};
    for (uint64_t step = 0; step < 200000; step++) {
        uint64_t a = odd[random_below(COUNT_OF(odd))], b = odd[random_below(COUNT_OF(odd))];
        limiter_tokens(&limiter, (uint32_t)a, b);
        limiter_first_token(&limiter, b, a, random_below(20));
        limiter_first_token(&limiter, random_below(2000), a, random_below(3));
        if (step % 50 == 0)
            limiter_tick(&limiter, random_below(600), step * 10);
        assert_in_range(limiter_limit(&limiter), LIMITER_MIN, LIMITER_MAX);
        assert_true(isfinite(limiter.limit) && isfinite(limiter.ttft.xy));
        assert_in_range(limiter_ttft_us(&limiter, a), 0, 600000000);
    }
}

/* What came in one read makes one token in three quick and the next slow: that is the same pace. */
static void an_uneven_stream_is_no_slow_one(void **state)
{
    (void)state;
    for (uint64_t tick = 1; tick < 600; tick++) {
        for (unsigned i = 0; i < 60; i++)
            limiter_tokens(&limiter, 1, i % 3 == 0 ? 100 : 10000 + random_below(50000));
        limiter_tick(&limiter, tick < 100 ? 2 : 1000, tick * LIMITER_TICK_MS);
    }
    assert_true(limiter_limit(&limiter) > 100);
}

/* One call in ten sends what it wrote in bursts; and now and then something is very slow. */
static void a_tenth_of_odd_samples_moves_it_little(void **state)
{
    (void)state;
    for (uint64_t tick = 1; tick < 600; tick++) {
        for (unsigned i = 0; i < 50; i++)
            limiter_tokens(&limiter, 1, i % 11 == 0 ? 30 : i % 13 == 0 ? 900000 : 20000);
        limiter_first_token(&limiter, 100, tick % 40 == 0 ? 60000000 : 50000, 1);
        limiter_tick(&limiter, 1000, tick * LIMITER_TICK_MS);
    }
    assert_true(limiter_limit(&limiter) > 500);
    assert_in_range(limiter_ttft_us(&limiter, 100), 45000, 150000);
}

static void an_answers_length_has_its_time(void **state)
{
    (void)state;
    limiter_init(&limiter);
    assert_int_equal(limiter_output_us(&limiter, 100), 0);
    for (int i = 0; i < 10; i++)
        limiter_tokens(&limiter, 2, 50000);
    limiter_tick(&limiter, 1, 1000);
    assert_in_range(limiter_output_us(&limiter, 100), 2490000, 2510000);
    assert_in_range(limiter_output_us(&limiter, UINT64_MAX), 1, UINT64_C(600000000));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answers_length_has_its_time),
        TEST(finds_the_knee_from_below),
        TEST(rests_lower_when_it_is_strict),
        TEST(knows_the_strict_limit_before_it_is_asked_for),
        TEST(finds_the_knee_from_above),
        TEST(finds_the_knee_in_a_flood_from_the_start),
        TEST(a_calm_shows_what_a_flood_from_the_start_hid),
        TEST(an_engine_for_hundreds_is_full_within_seconds),
        TEST(a_slow_start_ends_before_the_knee),
        TEST(half_an_hour_of_flood_teaches_nothing_wrong),
        TEST(floods_that_come_and_go_teach_nothing_wrong),
        TEST(finds_the_slots_of_a_silent_engine),
        TEST(finds_the_slots_of_a_silent_engine_in_a_flood_from_the_start),
        TEST(long_prompts_are_no_queue),
        TEST(follows_an_engine_that_gets_slower),
        TEST(people_go_on_when_the_engine_gets_slower),
        TEST(follows_an_engine_that_gets_faster),
        TEST(does_not_rise_unused),
        TEST(an_engine_s_slots_are_used_however_slow),
        TEST(an_engine_s_slots_are_the_cap),
        TEST(one_slot_is_one_call),
        TEST(facts_that_say_nothing_limit_nothing),
        TEST(nonsense_facts_count_as_nothing),
        TEST(low_classes_are_held_by_fresh_facts_only),
        TEST(a_share_of_the_cache_is_for_calls),
        TEST(clocks_may_jump),
        TEST(ticks_without_a_sample_change_nothing),
        TEST(odd_samples_do_not_blow_it_up),
        TEST(an_uneven_stream_is_no_slow_one),
        TEST(a_tenth_of_odd_samples_moves_it_little),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
