/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/chance.h"
#include "engine.h"
#include "sim_presets.h"

static uint64_t hashes[64];

static struct engine_call *submit(struct engine *engine, uint64_t owner, uint32_t prompt,
                                  uint32_t output, uint64_t now_us)
{
    struct engine_call *call = NULL;
    struct engine_ask ask = {(void *)(uintptr_t)owner, prompt, output, hashes, 0};
    assert_int_equal(engine_submit(engine, &ask, now_us, &call), 0);
    return call;
}

static void expect(struct engine *engine, uint64_t at_us, uint64_t owner, uint32_t number,
                   bool last)
{
    struct engine_event event;
    assert_true(engine_next(engine, UINT64_MAX - 1, &event));
    assert_int_equal(event.at_us, at_us);
    assert_int_equal((uintptr_t)event.owner, owner);
    assert_int_equal(event.number, number);
    assert_int_equal(event.last, last);
}

static struct engine_stats stats_of(const struct engine *engine)
{
    struct engine_stats stats;
    engine_stats(engine, &stats);
    return stats;
}

static void one_call_takes_what_the_preset_says(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    preset.time.call_us = 500;
    preset.time.kv_us_per_1000 = 0;
    struct engine *engine = engine_new(&preset, 1);
    struct engine_event event;
    assert_true(engine_due(engine) == ENGINE_NEVER);
    submit(engine, 1, 30, 3, 10000);
    assert_int_equal(engine_due(engine), 10500);
    assert_false(engine_next(engine, 11799, &event));
    expect(engine, 11800, 1, 1, false); /* 500 + 1000 + 30 × 10 */
    expect(engine, 12900, 1, 2, false); /* 1000 + 100 */
    expect(engine, 14000, 1, 3, true);
    assert_false(engine_next(engine, UINT64_MAX - 1, &event));
    assert_true(engine_due(engine) == ENGINE_NEVER);
    assert_int_equal(stats_of(engine).generation_tokens, 3);
    assert_int_equal(stats_of(engine).prompt_tokens, 30);
    assert_int_equal(stats_of(engine).steps, 3);
    assert_true(stats_of(engine).kv_used == 0);
    engine_free(engine);
}

static void a_long_prompt_is_computed_in_chunks_beside_those_who_decode(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    preset.time.kv_us_per_1000 = 0;
    struct engine *engine = engine_new(&preset, 1);
    submit(engine, 1, 10, 5, 0);
    expect(engine, 1100, 1, 1, false);
    submit(engine, 2, 100, 1, 1100);
    /* The budget of a step is 64: 1 token of the first call, 63 of the second; then 1 and 37. */
    expect(engine, 1100 + 1730, 1, 2, false);
    expect(engine, 2830 + 1470, 1, 3, false);
    expect(engine, 4300, 2, 1, true);
    expect(engine, 4300 + 1100, 1, 4, false);
    engine_free(engine);
}

static void who_is_too_long_or_too_late_is_refused(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    struct engine *engine = engine_new(&preset, 1);
    struct engine_call *call = NULL;
    struct engine_ask ask = {NULL, 200, 57, hashes, 0};
    assert_int_equal(engine_submit(engine, &ask, 0, &call), -E2BIG);
    ask.output_tokens = 56;
    for (int i = 0; i < 4 + 8; i++) /* running_max and waiting_max */
        assert_int_equal(engine_submit(engine, &ask, 0, &call), 0);
    assert_int_equal(engine_submit(engine, &ask, 0, &call), -EAGAIN);
    engine_abort(engine, call);
    assert_int_equal(engine_submit(engine, &ask, 0, &call), 0);
    engine_free(engine);
}

static void hanging_up_frees_the_place_at_once(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_SLOTS);
    preset.scheduler.running_max = 1;
    struct engine *engine = engine_new(&preset, 1);
    struct engine_call *first = submit(engine, 1, 10, 200, 0);
    submit(engine, 2, 10, 1, 0);
    expect(engine, 1100, 1, 1, false);
    assert_int_equal(stats_of(engine).running, 1);
    assert_int_equal(stats_of(engine).waiting, 1);
    engine_abort(engine, first);
    assert_int_equal(stats_of(engine).running, 0);
    assert_true(stats_of(engine).kv_used == 0);
    struct engine_event event;
    assert_true(engine_next(engine, UINT64_MAX - 1, &event));
    assert_int_equal((uintptr_t)event.owner, 2);
    engine_free(engine);
}

static void a_stalled_engine_makes_nothing(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    preset.time.kv_us_per_1000 = 0;
    struct engine *engine = engine_new(&preset, 1);
    struct engine_event event;
    submit(engine, 1, 10, 3, 0);
    expect(engine, 1100, 1, 1, false);
    engine_stall(engine, 50000);
    assert_false(engine_next(engine, 49999, &event));
    expect(engine, 51100, 1, 2, false);
    expect(engine, 52200, 1, 3, true);
    engine_free(engine);
}

static void a_prompt_that_is_known_is_not_computed_again(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    preset.time.kv_us_per_1000 = 0;
    struct engine *engine = engine_new(&preset, 1);
    struct engine_call *call;
    for (uint64_t i = 0; i < 64; i++)
        hashes[i] = i + 1;
    struct engine_ask ask = {NULL, 50, 1, hashes, 3};
    assert_int_equal(engine_submit(engine, &ask, 0, &call), 0);
    expect(engine, 1500, 0, 1, true);
    assert_int_equal(engine_submit(engine, &ask, 2000, &call), 0);
    expect(engine, 2000 + 1020, 0, 1, true); /* 2 of 50 are not in whole blocks */
    ask.prompt_tokens = 48;
    assert_int_equal(engine_submit(engine, &ask, 4000, &call), 0);
    expect(engine, 4000 + 1010, 0, 1, true); /* all are, and one is computed all the same */
    assert_int_equal(stats_of(engine).cache_queries, 148);
    assert_int_equal(stats_of(engine).cache_hits, 48 + 47);
    engine_free(engine);
}

/* Both want 112 tokens in the end and 128 are there: the newer one has to go, and comes back with what it had. */
static void the_newest_is_sent_back_when_the_cache_is_full(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    preset.model.context_tokens = 128;
    preset.kv.tokens = 128;
    struct engine *engine = engine_new(&preset, 1);
    submit(engine, 1, 32, 80, 0);
    submit(engine, 2, 32, 80, 0);
    uint32_t made[3] = {0}, ended = 0;
    struct engine_event event;
    while (engine_next(engine, UINT64_MAX - 1, &event)) {
        uintptr_t owner = (uintptr_t)event.owner;
        assert_int_equal(event.number, ++made[owner]);
        if (event.last)
            assert_int_equal(owner, ++ended);
    }
    assert_int_equal(made[1], 80);
    assert_int_equal(made[2], 80);
    assert_int_equal(stats_of(engine).preemptions, 1);
    assert_int_equal(stats_of(engine).generation_tokens, 160);
    engine_free(engine);
}

/* ── a long day with many calls ── */

enum { CALLS = 3000 };

struct day {
    uint32_t made[CALLS], wanted[CALLS];
    bool ended[CALLS], aborted[CALLS];
    struct engine_call *calls[CALLS];
    uint64_t sum; /* of all that came out, to compare days */
    uint64_t last_us;
};

static void check_event(struct day *day, const struct engine_event *event)
{
    uintptr_t i = (uintptr_t)event->owner;
    assert_true(event->at_us >= day->last_us);
    day->last_us = event->at_us;
    assert_false(day->ended[i] || day->aborted[i]);
    assert_int_equal(event->number, ++day->made[i]);
    assert_int_equal(event->last, day->made[i] == day->wanted[i]);
    day->ended[i] = event->last;
    day->sum = day->sum * 31 + event->at_us + i;
}

static void submit_random(struct engine *engine, struct day *day, uintptr_t i, uint64_t now_us,
                          struct chance *chance)
{
    uint64_t family = chance_u64(chance) % 8;
    for (uint64_t b = 0; b < 16; b++)
        hashes[b] = family * 100 + b;
    struct engine_ask ask = {.owner = (void *)i,
                             .prompt_tokens = 1 + (uint32_t)(chance_u64(chance) % 150),
                             .output_tokens = 1 + (uint32_t)(chance_u64(chance) % 100),
                             .hashes = hashes};
    ask.hashes_count = ask.prompt_tokens / 16;
    day->wanted[i] = ask.output_tokens;
    day->aborted[i] = engine_submit(engine, &ask, now_us, &day->calls[i]) == -EAGAIN;
}

static void abort_random(struct engine *engine, struct day *day, uintptr_t i)
{
    if (day->ended[i] || day->aborted[i])
        return;
    engine_abort(engine, day->calls[i]);
    day->aborted[i] = true;
}

static void check_limits(const struct engine *engine, const struct preset *preset)
{
    struct engine_stats stats = stats_of(engine);
    assert_in_range(stats.running, 0, preset->scheduler.running_max);
    assert_in_range(stats.waiting, 0,
                    preset->scheduler.waiting_max + preset->scheduler.running_max);
    assert_true(stats.kv_used >= 0 && stats.kv_used <= 1);
}

static uint64_t live_through(uint32_t kind, uint64_t seed)
{
    struct preset preset = small_preset(kind);
    struct day *day = mem_zalloc(sizeof(*day));
    struct chance chance = chance_of(seed);
    struct engine_event event;
    uint64_t now_us = 0;
    preset.kv.tokens = kind == PRESET_SLOTS ? 1024 : 512;
    preset.time.jitter = 0.2;
    struct engine *engine = engine_new(&preset, seed);
    for (uintptr_t i = 0; i < CALLS; i++) {
        now_us += chance_u64(&chance) % 60000;
        while (engine_next(engine, now_us, &event)) {
            check_event(day, &event);
            check_limits(engine, &preset);
        }
        submit_random(engine, day, i, now_us, &chance);
        if (i > 5 && chance_u64(&chance) % 10 == 0)
            abort_random(engine, day, i - chance_u64(&chance) % 5);
        check_limits(engine, &preset);
    }
    while (engine_next(engine, UINT64_MAX - 1, &event))
        check_event(day, &event);
    for (int i = 0; i < CALLS; i++)
        assert_true(day->ended[i] || day->aborted[i]);
    assert_int_equal(stats_of(engine).running + stats_of(engine).waiting, 0);
    assert_true(stats_of(engine).kv_used == 0);
    uint64_t sum = day->sum;
    engine_free(engine);
    mem_free(day);
    return sum;
}

static void no_token_is_lost_and_every_call_ends(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        (void)live_through(PRESET_BATCH, seed);
        (void)live_through(PRESET_SLOTS, seed);
    }
}

static void the_same_day_twice_is_the_same(void **state)
{
    (void)state;
    assert_true(live_through(PRESET_BATCH, 5) == live_through(PRESET_BATCH, 5));
    assert_true(live_through(PRESET_SLOTS, 5) == live_through(PRESET_SLOTS, 5));
    assert_false(live_through(PRESET_SLOTS, 5) == live_through(PRESET_SLOTS, 6));
}

/* First tokens come in order of arrival, whoever asks for how much. */
static void who_comes_first_is_served_first(void **state)
{
    (void)state;
    for (uint32_t kind = PRESET_BATCH; kind <= PRESET_SLOTS; kind++) {
        struct preset preset = small_preset(kind);
        preset.scheduler.running_max = 2;
        struct engine *engine = engine_new(&preset, 1);
        for (uint64_t i = 1; i <= 8; i++)
            submit(engine, i, 5 * (uint32_t)(9 - i), 3 + (uint32_t)(i % 3), 0);
        uintptr_t newest = 0;
        struct engine_event event;
        while (engine_next(engine, UINT64_MAX - 1, &event)) {
            if (event.number == 1)
                assert_int_equal((uintptr_t)event.owner, ++newest);
        }
        assert_int_equal(newest, 8);
        engine_free(engine);
    }
}

static void memory_that_is_short_fails_the_call_alone(void **state)
{
    (void)state;
    struct preset preset = small_preset(PRESET_BATCH);
    struct engine *engine = engine_new(&preset, 1);
    struct engine_ask ask = {NULL, 10, 1, hashes, 0};
    struct engine_call *call;
    mem_fail_once(0);
    assert_int_equal(engine_submit(engine, &ask, 0, &call), -ENOMEM);
    mem_fail_never();
    assert_int_equal(engine_submit(engine, &ask, 0, &call), 0);
    expect(engine, 1100, 0, 1, true);
    engine_free(engine);
    for (uint64_t i = 0; i < 4; i++) {
        mem_fail_once(i);
        engine_free(engine_new(&preset, 1));
    }
    mem_fail_never();
    assert_int_equal(mem_live_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_takes_what_the_preset_says),
        cmocka_unit_test(a_long_prompt_is_computed_in_chunks_beside_those_who_decode),
        cmocka_unit_test(who_is_too_long_or_too_late_is_refused),
        cmocka_unit_test(hanging_up_frees_the_place_at_once),
        cmocka_unit_test(a_stalled_engine_makes_nothing),
        cmocka_unit_test(a_prompt_that_is_known_is_not_computed_again),
        cmocka_unit_test(the_newest_is_sent_back_when_the_cache_is_full),
        cmocka_unit_test(no_token_is_lost_and_every_call_ends),
        cmocka_unit_test(the_same_day_twice_is_the_same),
        cmocka_unit_test(who_comes_first_is_served_first),
        cmocka_unit_test(memory_that_is_short_fails_the_call_alone),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
