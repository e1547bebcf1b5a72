/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The built-in presets give back the numbers that they cite. */
#include "engine.h"
#include "pace.h"

static struct preset preset;

static void load(const char *name)
{
    struct err err = {""};
    assert_int_equal(preset_load(name, &preset, &err), 0);
    preset.time.jitter = 0;
    preset.kv.prefix_cache = false;
}

static void assert_near(double given, double wanted, double share)
{
    if (given < wanted * (1 - share) || given > wanted * (1 + share))
        fail_msg("%g is not within %g %% of %g", given, 100 * share, wanted);
}

struct run {
    double first_s;   /* mean time to the first token */
    double between_s; /* mean time between two tokens of a call */
    double tokens_each_s;
};

/* So many clients, each with one call after the other. */
static struct run run(uint32_t clients, uint32_t prompt, uint32_t output, uint32_t calls)
{
    enum { CLIENTS_MAX = 1024 };
    static uint64_t began[CLIENTS_MAX], last[CLIENTS_MAX];
    struct engine *engine = engine_new(&preset, 1);
    struct engine_call *call;
    struct engine_event event;
    double first = 0, between = 0;
    uint64_t end_us = 0, tokens = 0;
    uint32_t begun = 0, ended = 0;
    assert_in_range(clients, 1, CLIENTS_MAX);
    for (; begun < clients; begun++) {
        struct engine_ask ask = {(void *)(uintptr_t)begun, prompt, output, NULL, 0};
        began[begun] = 0;
        assert_int_equal(engine_submit(engine, &ask, 0, &call), 0);
    }
    while (ended < calls && engine_next(engine, UINT64_MAX - 1, &event)) {
        uintptr_t i = (uintptr_t)event.owner;
        if (event.number == 1)
            first += (double)(event.at_us - began[i]);
        else
            between += (double)(event.at_us - last[i]);
        last[i] = event.at_us;
        end_us = event.at_us;
        tokens++;
        if (!event.last)
            continue;
        ended++;
        struct engine_ask ask = {event.owner, prompt, output, NULL, 0};
        began[i] = event.at_us;
        if (begun++ < calls)
            assert_int_equal(engine_submit(engine, &ask, event.at_us, &call), 0);
    }
    engine_free(engine);
    return (struct run){first / 1e6 / ended, between / 1e6 / ended / (output > 1 ? output - 1 : 1),
                        (double)tokens * 1e6 / (double)end_us};
}

static double step_ms(uint32_t sequences, double kv_each)
{
    struct pace_step step = {0, sequences, (uint64_t)(sequences * kv_each)};
    return pace_step_us(&preset, &step) / 1000;
}

static void vllm_on_two_cores(void **state)
{
    (void)state;
    load("vllm-cpu");
    assert_near(run(1, 60, 48, 4).first_s, 0.14, 0.3);
    assert_near(run(1, 630, 48, 4).first_s, 1.3, 0.05);
    assert_near(run(1, 60, 48, 4).between_s, 0.035, 0.05);
    assert_near(step_ms(4, 84), 42, 0.05);
    assert_near(step_ms(16, 84), 103, 0.05);
    assert_near(step_ms(16, 654), 114, 0.05);
    assert_near(run(16, 60, 48, 16).first_s, 1.9, 0.1);
}

static void llama_cpp_on_two_cores(void **state)
{
    (void)state;
    load("llamacpp-cpu");
    assert_near(run(1, 60, 48, 4).first_s, 0.3, 0.05);
    assert_near(run(1, 630, 48, 4).first_s, 3.1, 0.05);
    assert_near(run(1, 60, 48, 4).between_s, 0.012, 0.05);
    assert_near(step_ms(1, 654), 17, 0.05);
    assert_near(step_ms(4, 84), 29, 0.05);
}

/* Sixteen ask at once for what the four slots know already. */
static void sixteen_streams_of_known_prompts(uint32_t prompt, double first_s, double worst_s,
                                             double between_s, double tokens_each_s)
{
    enum { STREAMS = 16, OUTPUT = 48 };
    static uint64_t hashes[1024], last[STREAMS];
    struct engine_ask ask = {NULL, prompt, OUTPUT, hashes, prompt};
    struct engine_call *call;
    struct engine_event event;
    double first = 0, between = 0, worst = 0;
    for (uint64_t i = 0; i < COUNT_OF(hashes); i++)
        hashes[i] = i + 1;
    load("llamacpp-cpu");
    preset.kv.prefix_cache = true;
    struct engine *engine = engine_new(&preset, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(engine_submit(engine, &ask, 0, &call), 0);
    while (engine_next(engine, UINT64_MAX - 1, &event))
        ;
    const uint64_t began = event.at_us;
    for (uintptr_t i = 0; i < STREAMS; i++) {
        ask.owner = (void *)i;
        assert_int_equal(engine_submit(engine, &ask, began, &call), 0);
    }
    while (engine_next(engine, UINT64_MAX - 1, &event)) {
        uintptr_t i = (uintptr_t)event.owner;
        double waited = (double)(event.at_us - began) / 1e6;
        worst = event.number == 1 && waited > worst ? waited : worst;
        first += event.number == 1 ? waited : 0;
        between += event.number > 1 ? (double)(event.at_us - last[i]) / 1e6 : 0;
        last[i] = event.at_us;
    }
    assert_near(first / STREAMS, first_s, 0.15);
    assert_near(worst, worst_s, 0.15);
    assert_near(between / STREAMS / (OUTPUT - 1), between_s, 0.15);
    assert_near(STREAMS * OUTPUT * 1e6 / (double)(event.at_us - began), tokens_each_s, 0.15);
    engine_free(engine);
}

static void llama_cpp_with_more_streams_than_slots(void **state)
{
    (void)state;
    sixteen_streams_of_known_prompts(60, 2.4, 4.7, 0.031, 126);
    sixteen_streams_of_known_prompts(630, 3.8, 7.5, 0.053, 74);
}

static void llama_8b_on_an_a100(void **state)
{
    (void)state;
    load("a100-8b");
    struct run one = run(1, 1024, 128, 20), eight = run(8, 1024, 128, 160);
    assert_near(1 / one.between_s, 75, 0.03);
    assert_near(eight.tokens_each_s / one.tokens_each_s, 6.6, 0.1);
    assert_near(step_ms(8, 1100), step_ms(1, 1100), 0.1);
}

static void deepseek_on_h800(void **state)
{
    (void)state;
    load("h800-deepseek-r1");
    assert_near(705 * 1000 / step_ms(705, 4989), 14800, 0.02);
    assert_near(1000 / step_ms(705, 4989), 21, 0.05);
    assert_near(1000 / step_ms(1, 1000), 60, 0.02);
    assert_near(735 * 1000 / step_ms(735, 5120), 14700, 0.05); /* RTP-LLM: 50 ms */
    assert_near(1e6 / preset.time.prefill_us, 73700 * (1 - 0.563), 0.02);
    assert_near(run(8, 8192, 1, 64).tokens_each_s * 8192, 73700 * (1 - 0.563), 0.02);
}

static void deepseek_on_h20(void **state)
{
    (void)state;
    static const struct {
        uint32_t each;
        double tokens_each_s;
    } published[] = {{1, 43}, {8, 278}, {32, 675}, {48, 714}};
    load("h20-deepseek-r1");
    for (size_t i = 0; i < COUNT_OF(published); i++)
        assert_near(published[i].each * 1000 / step_ms(8 * published[i].each, 4096 + 768),
                    published[i].tokens_each_s, 0.02);
    assert_near(run(8, 4096, 1, 64).tokens_each_s * 4096, 16500, 0.05);
    assert_near(157952 * 8 / 0.21, preset.kv.tokens, 0.03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vllm_on_two_cores),
        cmocka_unit_test(llama_cpp_on_two_cores),
        cmocka_unit_test(llama_cpp_with_more_streams_than_slots),
        cmocka_unit_test(llama_8b_on_an_a100),
        cmocka_unit_test(deepseek_on_h800),
        cmocka_unit_test(deepseek_on_h20),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
