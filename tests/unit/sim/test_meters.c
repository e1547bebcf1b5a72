/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "meters.h"

static void the_page_has_what_vllm_has(void **state)
{
    (void)state;
    struct meters meters = {.aborted = 2};
    struct engine_stats stats = {
        .running = 3, .waiting = 4, .kv_used = 0.25, .generation_tokens = 99};
    struct preset preset = {.model = {.name = "a\"b"}, .kv = {.tokens = 4096, .block_tokens = 16}};
    struct buf text;
    meters_time(&meters, METERS_FIRST_TOKEN, 0.3);
    meters_time(&meters, METERS_FIRST_TOKEN, 10000);
    buf_init(&text, 65536);
    meters_write(&meters, &stats, &preset, &text);
    const char *const lines[] = {
        "vllm:num_requests_running{model_name=\"a\\\"b\"} 3\n",
        "vllm:num_requests_waiting{model_name=\"a\\\"b\"} 4\n",
        "vllm:kv_cache_usage_perc{model_name=\"a\\\"b\"} 0.25\n",
        "vllm:gpu_cache_usage_perc{model_name=\"a\\\"b\"} 0.25\n",
        "vllm:generation_tokens_total{model_name=\"a\\\"b\"} 99\n",
        "vllm:request_success_total{finished_reason=\"abort\",model_name=\"a\\\"b\"} 2\n",
        "vllm:time_to_first_token_seconds_bucket{le=\"0.25\",model_name=\"a\\\"b\"} 0\n",
        "vllm:time_to_first_token_seconds_bucket{le=\"0.5\",model_name=\"a\\\"b\"} 1\n",
        "vllm:time_to_first_token_seconds_bucket{le=\"640\",model_name=\"a\\\"b\"} 1\n",
        "vllm:time_to_first_token_seconds_bucket{le=\"+Inf\",model_name=\"a\\\"b\"} 2\n",
        "vllm:time_to_first_token_seconds_count{model_name=\"a\\\"b\"} 2\n",
        "# TYPE vllm:e2e_request_latency_seconds histogram\n",
        "# TYPE vllm:time_per_output_token_seconds histogram\n",
        "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"256\",model_name=\"a\\\"b\"} 1\n",
        "vllm:num_preemptions_total{",
        "vllm:prompt_tokens_total{",
        "vllm:prefix_cache_queries_total{",
        "vllm:prefix_cache_hits_total{",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (span_find(buf_span(&text), span_str(lines[i])) < 0)
            fail_msg("no '%s' in %s", lines[i], buf_cstr(&text));
    }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_what_vllm_has),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
