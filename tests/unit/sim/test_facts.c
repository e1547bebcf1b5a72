/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "facts.h"

static void vllm_says_model_context_and_blocks(void **state)
{
    (void)state;
    struct facts facts = {0};
    assert_int_equal(
        facts_read_models(
            SPAN("{\"object\":\"list\",\"data\":[{\"id\":\"smollm2\",\"owned_by\":\"vllm\","
                 "\"max_model_len\":2048},{\"id\":\"other\"}]}"),
            &facts),
        0);
    facts_read_metrics(
        SPAN("# HELP vllm:cache_config_info Information\n"
             "vllm:num_requests_running{engine=\"0\"} 1.0\n"
             "vllm:cache_config_info{block_size=\"128\",num_gpu_blocks=\"728\",x=\"y\"} 1.0\n"),
        &facts);
    assert_string_equal(facts.model, "smollm2");
    assert_int_equal(facts.context_tokens, 2048);
    assert_int_equal(facts.block_tokens, 128);
    assert_int_equal(facts.kv_tokens, 128 * 728);
    assert_true(facts.is_vllm && !facts.is_llama);
    assert_int_equal(facts.slots, 0);
}

static void llama_says_slots_and_what_one_holds(void **state)
{
    (void)state;
    struct facts facts = {0};
    assert_int_equal(
        facts_read_models(SPAN("{\"data\":[{\"id\":\"m\",\"owned_by\":\"llamacpp\"}]}"), &facts),
        0);
    facts_read_props(SPAN("{\"total_slots\":4,\"default_generation_settings\":{\"n_ctx\":2048}}"),
                     &facts);
    assert_int_equal(facts.slots, 4);
    assert_int_equal(facts.context_tokens, 2048);
    assert_int_equal(facts.kv_tokens, 8192);
    assert_int_equal(facts.block_tokens, 1);
    assert_true(facts.is_llama && !facts.is_vllm);
}

static void what_is_no_list_of_models_is_refused(void **state)
{
    (void)state;
    const struct span bad[] = {SPAN_NULL,
                               SPAN("x"),
                               SPAN("[]"),
                               SPAN("{}"),
                               SPAN("{\"data\":[]}"),
                               SPAN("{\"data\":[{\"id\":\"\"}]}"),
                               SPAN("{\"data\":[{\"id\":7}]}")};
    struct facts facts = {0};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(facts_read_models(bad[i], &facts), -EINVAL);
    assert_string_equal(facts.model, "");
}

static void nonsense_says_nothing(void **state)
{
    (void)state;
    struct facts facts = {0};
    facts_read_props(SPAN("not json"), &facts);
    facts_read_props(SPAN("{\"total_slots\":-4,\"default_generation_settings\":{\"n_ctx\":2048}}"),
                     &facts);
    facts_read_props(SPAN("{\"total_slots\":4,\"default_generation_settings\":7}"), &facts);
    facts_read_metrics(
        SPAN("vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"None\"} 1.0\n"), &facts);
    facts_read_metrics(
        SPAN("vllm:cache_config_info{block_size=\"1000000000\",num_gpu_blocks=\"1000000000\"} 1\n"),
        &facts);
    facts_read_metrics(SPAN("vllm:cache_config_info{block_size=\"16"), &facts);
    assert_int_equal(facts.kv_tokens + facts.slots + facts.block_tokens + facts.context_tokens, 0);
    assert_false(facts.is_llama);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vllm_says_model_context_and_blocks),
        cmocka_unit_test(llama_says_slots_and_what_one_holds),
        cmocka_unit_test(what_is_no_list_of_models_is_refused),
        cmocka_unit_test(nonsense_says_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
