/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_engine.h"

#include "relay/backend.h"
#include "relay/facts.h"

/* ---- pages ------------------------------------------------------------------------------------------- */

static const char vllm_page[] =
    "# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
    "# TYPE vllm:num_requests_running gauge\n"
    "vllm:num_requests_running{engine=\"0\",model_name=\"Qwen/Qwen3-8B\"} 7.0\n"
    "# HELP vllm:num_requests_waiting Number of requests waiting to be processed.\n"
    "# TYPE vllm:num_requests_waiting gauge\n"
    "vllm:num_requests_waiting{engine=\"0\",model_name=\"Qwen/Qwen3-8B\"} 3.0\n"
    "# TYPE vllm:num_requests_waiting_by_reason gauge\n"
    "vllm:num_requests_waiting_by_reason{engine=\"0\",model_name=\"Qwen/"
    "Qwen3-8B\",reason=\"capacity\"} 3.0\n"
    "# TYPE vllm:kv_cache_usage_perc gauge\n"
    "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"Qwen/Qwen3-8B\"} 0.8125\n"
    "# TYPE vllm:prompt_tokens_total counter\n"
    "vllm:prompt_tokens_total{engine=\"0\",model_name=\"Qwen/Qwen3-8B\"} 9.1e+06\n"
    "# TYPE vllm:time_to_first_token_seconds histogram\n"
    "vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.001\",model_name=\"Qwen/"
    "Qwen3-8B\"} 0.0\n"
    "# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig\n"
    "# TYPE vllm:cache_config_info gauge\n"
    "vllm:cache_config_info{block_size=\"16\",cache_dtype=\"auto\",calculate_kv_scales=\"False\","
    "engine=\"0\","
    "gpu_memory_utilization=\"0.9\",mamba_block_size=\"None\",num_cpu_blocks=\"None\",num_gpu_"
    "blocks=\"27000\","
    "num_gpu_blocks_override=\"None\",sliding_window=\"None\",swap_space=\"4\"} 1.0\n";

static const char sglang_page[] =
    "# HELP sglang:num_running_reqs The number of running requests.\n"
    "# TYPE sglang:num_running_reqs gauge\n"
    "sglang:num_running_reqs{engine_type=\"unified\",model_name=\"deepseek-ai/"
    "DeepSeek-R1\",pp_rank=\"0\",tp_rank=\"0\"} 162.0\n"
    "sglang:num_used_tokens{model_name=\"deepseek-ai/DeepSeek-R1\"} 123859.0\n"
    "sglang:token_usage{model_name=\"deepseek-ai/DeepSeek-R1\"} 0.28\n"
    "sglang:num_queue_reqs{model_name=\"deepseek-ai/DeepSeek-R1\"} 2826.0\n"
    "sglang:max_total_num_tokens{model_name=\"deepseek-ai/DeepSeek-R1\"} 442352.0\n"
    "sglang:gen_throughput{model_name=\"deepseek-ai/DeepSeek-R1\"} 86.5\n";

static const char llamacpp_page[] =
    "# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.\n"
    "# TYPE llamacpp:prompt_tokens_total counter\n"
    "llamacpp:prompt_tokens_total 1192\n"
    "# HELP llamacpp:requests_processing Number of requests processing.\n"
    "# TYPE llamacpp:requests_processing gauge\n"
    "llamacpp:requests_processing 4\n"
    "# HELP llamacpp:requests_deferred Number of requests deferred.\n"
    "# TYPE llamacpp:requests_deferred gauge\n"
    "llamacpp:requests_deferred 2\n";

static struct engine_facts read_page(const char *page)
{
    struct engine_facts facts;
    assert_true(facts_read_metrics(span_str(page), &facts));
    return facts;
}

static void assert_no_page(struct span page)
{
    struct engine_facts facts;
    assert_false(facts_read_metrics(page, &facts));
    assert_int_equal(facts.running + facts.waiting + facts.kv_tokens + facts.slots, 0);
    assert_true(facts.kv_used == 0);
}

static void assert_facts(struct engine_facts facts, uint32_t running, uint32_t waiting,
                         double kv_used, uint64_t kv_tokens)
{
    assert_int_equal(facts.running, running);
    assert_int_equal(facts.waiting, waiting);
    assert_float_equal(facts.kv_used, kv_used, 1e-6);
    assert_int_equal(facts.kv_tokens, kv_tokens);
    assert_int_equal(facts.at_ms, 0);
}

static void pages_of_engines_are_read(void **state)
{
    (void)state;
    assert_facts(read_page(vllm_page), 7, 3, 0.8125, 27000 * 16);
    assert_facts(read_page(sglang_page), 162, 2826, 0.28, 442352);
    assert_facts(read_page(llamacpp_page), 4, 2, 0, 0);
    assert_int_equal(read_page(llamacpp_page).slots, 0);
    assert_facts(read_page("vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5\n"), 0, 0, 0.5, 0);
}

static void labels_come_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(read_page("vllm:cache_config_info{num_gpu_blocks=\"10\",mamba_block_size="
                               "\"99\",block_size=\"32\"} 1\n")
                         .kv_tokens,
                     320);
    assert_int_equal(read_page("vllm:cache_config_info{mamba_block_size=\"99\",num_gpu_blocks="
                               "\"10\",block_size=\"32\",} 1\n")
                         .kv_tokens,
                     320);
    assert_int_equal(
        read_page("vllm:cache_config_info{ block_size=\"32\" , num_gpu_blocks=\"10\" } 1\n")
            .kv_tokens,
        320);
}

static void a_value_of_a_label_may_hold_anything(void **state)
{
    (void)state;
    assert_int_equal(read_page("vllm:num_requests_running{model_name=\"a}b {c\"} 3\n").running, 3);
    assert_int_equal(
        read_page("vllm:num_requests_running{model_name=\"a\\\"} 9\",engine=\"0\"} 3\n").running,
        3);
    assert_int_equal(read_page("vllm:num_requests_running{model_name=\"a\\\\\"} 3\n").running, 3);
    struct engine_facts facts = read_page(
        "vllm:cache_config_info{x=\"block_size=\\\"4\\\",num_gpu_blocks=\\\"4\\\"\"} 1\n");
    assert_int_equal(facts.kv_tokens, 0);
}

static void engines_behind_one_address_add_up(void **state)
{
    (void)state;
    struct engine_facts facts = read_page(
        "vllm:num_requests_running{engine=\"0\"} 3\n"
        "vllm:num_requests_running{engine=\"1\"} 4\n"
        "vllm:num_requests_waiting{engine=\"0\"} 1\n"
        "vllm:num_requests_waiting{engine=\"1\"} 0\n"
        "vllm:kv_cache_usage_perc{engine=\"0\"} 0.25\n"
        "vllm:kv_cache_usage_perc{engine=\"1\"} 0.75\n"
        "vllm:cache_config_info{block_size=\"16\",engine=\"0\",num_gpu_blocks=\"100\"} 1\n"
        "vllm:cache_config_info{block_size=\"16\",engine=\"1\",num_gpu_blocks=\"200\"} 1\n");
    assert_facts(facts, 7, 1, 0.75, 4800);
}

static void numbers_that_cannot_be_are_not_said(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "NaN",  "+Inf", "-Inf",       "-1",
        "-0.5", "1e10", "1e400",      "",
        "x",    "3x",   "--3",        "3,5",
        "1e9x", "0x",   "1000000001", "00000000000000000000000000000000000000003"};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        char page[512];
        (void)snprintf(page, sizeof(page),
                       "vllm:num_requests_running %s\nvllm:kv_cache_usage_perc{a=\"b\"} %s\n",
                       numbers[i], numbers[i]);
        assert_no_page(span_str(page));
    }
    assert_no_page(SPAN("vllm:num_requests_running 3\0x\n"));
    struct engine_facts facts =
        read_page("vllm:num_requests_running NaN\nvllm:num_requests_waiting 2\n");
    assert_facts(facts, 0, 2, 0, 0);
    assert_true(read_page("vllm:kv_cache_usage_perc 81\n").kv_used == 1);
    assert_int_equal(read_page("vllm:num_requests_running -0\n").running, 0);
    assert_int_equal(read_page("vllm:num_requests_running 1e9\n").running, 1000000000);
}

static void sums_end_at_the_largest_number(void **state)
{
    (void)state;
    struct engine_facts facts =
        read_page("vllm:num_requests_running 1e9\nvllm:num_requests_running "
                  "1e9\nvllm:num_requests_running 1e9\n"
                  "vllm:num_requests_running 1e9\nvllm:num_requests_running 1e9\n"
                  "sglang:max_total_num_tokens 1e9\nsglang:max_total_num_tokens 5\n");
    assert_facts(facts, 1000000000, 0, 0, 1000000000);
    facts = read_page("vllm:cache_config_info{block_size=\"1e9\",num_gpu_blocks=\"1e9\"} 1\n");
    assert_int_equal(facts.kv_tokens, 0);
    facts = read_page("vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"None\"} 1\n");
    assert_int_equal(facts.kv_tokens, 0);
}

static void names_are_compared_whole(void **state)
{
    (void)state;
    assert_no_page(SPAN("vllm:num_requests_running3 5\n"));
    assert_no_page(SPAN("vllm:num_requests_waiting_by_reason 5\n"));
    assert_no_page(SPAN(" vllm:num_requests_running 5\n"));
    assert_no_page(SPAN("#vllm:num_requests_running 5\n"));
    assert_int_equal(read_page("vllm:num_requests_running\t5\n").running, 5);
    assert_int_equal(read_page("vllm:num_requests_running 5 1700000000000\n").running, 5);
}

static void cut_lines_are_not_read(void **state)
{
    (void)state;
    static const char line[] = "vllm:num_requests_running{engine=\"0\",model=\"m\"} 12\n";
    for (size_t len = 0; len < sizeof(line) - 1; len++)
        assert_no_page(span_of(line, len));
    assert_no_page(SPAN("vllm:num_requests_running{engine=\"0 12\n"));
    assert_no_page(SPAN("vllm:num_requests_running{engine=\"0\\\n"));
    assert_no_page(SPAN("vllm:num_requests_running{engine=\"0\" 12\n"));
    assert_no_page(SPAN("vllm:num_requests_running{} \n"));
    assert_no_page(SPAN("vllm:num_requests_running\n"));
    assert_no_page(SPAN("\n\n\n"));
    assert_no_page(SPAN_NULL);
    assert_no_page(SPAN("<html><body>404</body></html>\n"));
}

static void a_page_of_a_megabyte_is_read_to_its_end(void **state)
{
    (void)state;
    static const char last[] = "vllm:num_requests_running 5\n";
    struct buf page;
    buf_init(&page, FACTS_PAGE_BYTES_MAX);
    while (page.len + 100 < FACTS_PAGE_BYTES_MAX)
        buf_append(&page, SPAN("vllm:other{a=\"b\"} 1\n"));
    buf_append(&page, span_str(last));
    assert_int_equal(read_page(buf_cstr(&page)).running, 5);
    memset(page.ptr, 'x', page.len - 1);
    assert_no_page(buf_span(&page));
    memset(page.ptr, '\n', page.len);
    assert_no_page(buf_span(&page));
    buf_release(&page);
}

/* ---- /props ------------------------------------------------------------------------------------------ */

static bool read_props(const char *json, struct engine_facts *ret_facts)
{
    char padded[1024] = "";
    struct json_parser *parser = json_parser_new(sizeof(padded), 8);
    assert_non_null(parser);
    assert_true(strlen(json) + JSON_PADDING < sizeof(padded));
    memcpy(padded, json, strlen(json));
    bool read = facts_read_props(parser, span_str(padded), ret_facts);
    json_parser_free(parser);
    return read;
}

#define PROPS                                                                                      \
    "{\"default_generation_settings\":{\"id\":0,\"n_ctx\":2048,\"is_processing\":false},"          \
    "\"total_slots\":4,\"model_path\":\"m.gguf\",\"build_info\":\"b1\"}"

static void props_of_llamacpp_are_read(void **state)
{
    (void)state;
    struct engine_facts facts;
    assert_true(read_props(PROPS, &facts));
    assert_int_equal(facts.slots, 4);
    assert_int_equal(facts.kv_tokens, 8192);
    assert_true(read_props("{\"total_slots\":2}", &facts));
    assert_int_equal(facts.slots, 2);
    assert_int_equal(facts.kv_tokens, 0);
}

static void bad_props_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"total_slots\":",
        "{\"total_slots\":0}",
        "{\"total_slots\":-1}",
        "{\"total_slots\":1.5}",
        "{\"total_slots\":\"4\"}",
        "{\"total_slots\":1000000001}",
        "{\"error\":{\"code\":501,\"message\":\"This server does not support it\"}}"};
    struct engine_facts facts;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(read_props(bad[i], &facts));
        assert_int_equal(facts.slots + facts.kv_tokens, 0);
    }
    assert_true(read_props(
        "{\"total_slots\":1000000000,\"default_generation_settings\":{\"n_ctx\":1000000000}}",
        &facts));
    assert_int_equal(facts.kv_tokens, 0);
    assert_true(
        read_props("{\"total_slots\":3,\"default_generation_settings\":{\"n_ctx\":-4}}", &facts));
    assert_int_equal(facts.kv_tokens, 0);
}

/* ---- /slots ------------------------------------------------------------------------------------------ */

static bool read_slots(const char *json, uint32_t *ret_running)
{
    char padded[1024] = "";
    struct json_parser *parser = json_parser_new(sizeof(padded), 8);
    assert_non_null(parser);
    assert_true(strlen(json) + JSON_PADDING < sizeof(padded));
    memcpy(padded, json, strlen(json));
    bool read = facts_read_slots(parser, span_str(padded), ret_running);
    json_parser_free(parser);
    return read;
}

static void slots_at_work_are_counted(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[]", "{}", "[1]", "[{\"id\":0}]", "[{\"is_processing\":1}]",
                                      "[{\"is_processing\":true},{}]", "[{\"is_processing\":true}"};
    uint32_t running = 77;
    assert_true(read_slots("[{\"id\":0,\"is_processing\":false}]", &running));
    assert_int_equal(running, 0);
    assert_true(read_slots("[{\"is_processing\":true},{\"is_processing\":false},{\"n\":1,\"is_processing\":true}]", &running));
    assert_int_equal(running, 2);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(read_slots(bad[i], &running));
    assert_int_equal(running, 2);
}

/* ---- the watch --------------------------------------------------------------------------------------- */

struct watcher {
    struct loop *loop;
    struct facts_watch *watch;
    struct pool *pool;
    struct engine *engine;
};

/* What the engine answers; NULL: 404. */
static const char *metrics_body, *props_body;
static bool metrics_hang;
static uint64_t metrics_asked, props_asked;

static void answer(struct engine *engine, struct engine_connection *connection)
{
    bool metrics = span_starts(span_str(engine->head), SPAN("GET /metrics "));
    const char *body = metrics ? metrics_body : props_body;
    assert_true(metrics || span_starts(span_str(engine->head), SPAN("GET /props ")));
    metrics_asked += metrics;
    props_asked += !metrics;
    if (metrics && metrics_hang)
        return;
    engine_answer(connection, body ? "200 OK" : "404 Not Found", "",
                  body ? body : "nothing here\n");
}

static int set_up(void **state)
{
    static struct watcher watcher;
    watcher = (struct watcher){.loop = loop_new()};
    watcher.engine = engine_new(watcher.loop, answer);
    watcher.watch = facts_watch_new(watcher.loop);
    assert_non_null(watcher.watch);
    watcher.pool = pool_at(usual_pool(), &watcher.engine->port, 1);
    atomic_fetch_add(&pool_backend(watcher.pool, 0)->in_flight, 1); /* it has work: it is asked often */
    metrics_body = props_body = NULL;
    metrics_hang = false;
    metrics_asked = props_asked = 0;
    *state = &watcher;
    return 0;
}

static int tear_down(void **state)
{
    struct watcher *watcher = *state;
    facts_watch_free(watcher->watch);
    pool_unref(watcher->pool);
    engine_free(watcher->engine);
    loop_free(watcher->loop);
    return 0;
}

static void watch(struct watcher *watcher)
{
    assert_int_equal(facts_watch_set(watcher->watch, &watcher->pool, 1), 0);
}

static struct engine_facts facts_of(struct watcher *watcher)
{
    return backend_facts(pool_backend(watcher->pool, 0));
}

static bool knows_facts(void *arg)
{
    return facts_of(arg).at_ms > 0;
}

static void metrics_are_asked_for_again_and_again(void **state)
{
    struct watcher *watcher = *state;
    metrics_body = vllm_page;
    watch(watcher);
    run_until(watcher->loop, knows_facts, watcher);
    assert_int_equal(facts_of(watcher).running, 7);
    assert_int_equal(facts_of(watcher).kv_tokens, 432000);
    metrics_body = sglang_page;
    run_until_count(watcher->loop, &metrics_asked, 3);
    assert_int_equal(facts_of(watcher).running, 162);
    assert_int_equal(props_asked, 0);
    assert_int_equal(watcher->engine->accepted, 1);
    assert_int_equal(view_of(watcher->pool, 0).requests, 0);
    assert_int_equal(view_of(watcher->pool, 0).state, BACKEND_UNKNOWN);
}

static void props_come_after_metrics(void **state)
{
    struct watcher *watcher = *state;
    props_body = PROPS;
    watch(watcher);
    run_until(watcher->loop, knows_facts, watcher);
    assert_int_equal(facts_of(watcher).slots, 4);
    run_until_count(watcher->loop, &props_asked, 3);
    assert_int_equal(metrics_asked, 1);
}

static void a_page_that_is_of_no_engine_is_none(void **state)
{
    struct watcher *watcher = *state;
    metrics_body = "go_goroutines 7\n";
    props_body = PROPS;
    watch(watcher);
    run_until(watcher->loop, knows_facts, watcher);
    assert_int_equal(facts_of(watcher).slots, 4);
    assert_int_equal(metrics_asked, 1);
}

static void answer_404(struct engine *engine, struct engine_connection *connection)
{
    (void)engine;
    engine_answer(connection, "404 Not Found", "", "nothing here\n");
}

static void one_that_has_neither_is_left_alone(void **state)
{
    struct watcher *watcher = *state;
    struct engine *silent = engine_new(watcher->loop, answer_404);
    struct pool *pools[] = {watcher->pool, pool_at(usual_pool(), &silent->port, 1)};
    metrics_body = vllm_page;
    assert_int_equal(facts_watch_set(watcher->watch, pools, 2), 0);
    run_until_count(watcher->loop, &metrics_asked, 5);
    assert_int_equal(silent->requests, 2);
    assert_true(span_starts(span_str(silent->head), SPAN("GET /props ")));
    assert_int_equal(backend_facts(pool_backend(pools[1], 0)).at_ms, 0);
    assert_int_equal(facts_watch_set(watcher->watch, pools, 1), 0);
    pool_unref(pools[1]);
    engine_free(silent);
}

static void one_that_is_back_is_asked_at_once(void **state)
{
    struct watcher *watcher = *state;
    struct backend *backend = pool_backend(watcher->pool, 0);
    watch(watcher);
    run_until_count(watcher->loop, &props_asked, 1);
    for (int i = 0; i < 3; i++) {
        assert_true(backend_take(backend, loop_now_ms(watcher->loop)));
        backend_report(backend, BACKEND_FAILED, loop_now_ms(watcher->loop));
    }
    assert_int_equal(view_of(watcher->pool, 0).state, BACKEND_DOWN);
    metrics_body = vllm_page;
    run_until(watcher->loop, knows_facts, watcher); /* after the breaker's pause of a second */
    assert_int_equal(metrics_asked, 2);
}

static void metrics_without_a_size_have_it_from_props(void **state)
{
    struct watcher *watcher = *state;
    metrics_body = llamacpp_page;
    props_body = PROPS;
    watch(watcher);
    run_until_count(watcher->loop, &metrics_asked, 4);
    assert_int_equal(props_asked, 1);
    assert_int_equal(facts_of(watcher).running, 4);
    assert_int_equal(facts_of(watcher).slots, 4);
    assert_int_equal(facts_of(watcher).kv_tokens, 8192);
}

static void metrics_without_a_size_will_do(void **state)
{
    struct watcher *watcher = *state;
    metrics_body = llamacpp_page;
    watch(watcher);
    run_until_count(watcher->loop, &metrics_asked, 4);
    assert_int_equal(props_asked, 2); /* once more, as any page behind one that was there */
    assert_int_equal(facts_of(watcher).running, 4);
    assert_int_equal(facts_of(watcher).slots, 0);
}

static void a_page_that_was_there_is_asked_for_once_more(void **state)
{
    struct watcher *watcher = *state;
    metrics_body = vllm_page;
    watch(watcher);
    run_until(watcher->loop, knows_facts, watcher);
    metrics_body = NULL;
    run_until_count(watcher->loop, &props_asked, 1);
    assert_int_equal(metrics_asked, 3);
    assert_int_equal(facts_of(watcher).running, 7); /* as it said at `at_ms` */
}

static void a_page_that_does_not_come_is_not_waited_for(void **state)
{
    struct watcher *watcher = *state;
    metrics_hang = true;
    props_body = PROPS;
    watch(watcher);
    run_until(watcher->loop, knows_facts, watcher); /* after FACTS_TIMEOUT_MS */
    assert_int_equal(facts_of(watcher).slots, 4);
    assert_int_equal(metrics_asked, 1);
    assert_int_equal(watcher->engine->hung_up, 1);
}

static void a_page_that_is_too_long_is_none(void **state)
{
    struct watcher *watcher = *state;
    char *body = malloc(FACTS_PAGE_BYTES_MAX + 200);
    assert_non_null(body);
    memset(body, '\n', FACTS_PAGE_BYTES_MAX + 199);
    body[FACTS_PAGE_BYTES_MAX + 199] = '\0';
    memcpy(body, "vllm:num_requests_running 5\n", 28);
    metrics_body = body;
    props_body = PROPS;
    watch(watcher);
    run_until(watcher->loop, knows_facts, watcher);
    assert_int_equal(facts_of(watcher).slots, 4);
    free(body);
}

static void a_new_watch_ends_the_old(void **state)
{
    struct watcher *watcher = *state;
    metrics_hang = true;
    watch(watcher);
    run_until_count(watcher->loop, &metrics_asked, 1);
    mem_fail_after(0);
    assert_int_equal(facts_watch_set(watcher->watch, NULL, 0), -ENOMEM);
    mem_fail_never();
    assert_int_equal(facts_watch_set(watcher->watch, NULL, 0), 0);
    run_until_count(watcher->loop, &watcher->engine->hung_up, 1);
}

static void runs_out_of_memory_cleanly(void **state)
{
    struct watcher *watcher = *state;
    struct facts_watch *other = NULL;
    uint64_t successes = 0;
    for (; !other; successes++) {
        mem_fail_after(successes);
        other = facts_watch_new(watcher->loop);
        mem_fail_never();
    }
    assert_true(successes > 2);
    facts_watch_free(other);
    facts_watch_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_engines_are_read),
        cmocka_unit_test(labels_come_in_any_order),
        cmocka_unit_test(a_value_of_a_label_may_hold_anything),
        cmocka_unit_test(engines_behind_one_address_add_up),
        cmocka_unit_test(numbers_that_cannot_be_are_not_said),
        cmocka_unit_test(sums_end_at_the_largest_number),
        cmocka_unit_test(names_are_compared_whole),
        cmocka_unit_test(cut_lines_are_not_read),
        cmocka_unit_test(a_page_of_a_megabyte_is_read_to_its_end),
        cmocka_unit_test(props_of_llamacpp_are_read),
        cmocka_unit_test(bad_props_are_none),
        cmocka_unit_test(slots_at_work_are_counted),
        CASE(metrics_are_asked_for_again_and_again),
        CASE(props_come_after_metrics),
        CASE(a_page_that_is_of_no_engine_is_none),
        CASE(one_that_has_neither_is_left_alone),
        CASE(one_that_is_back_is_asked_at_once),
        CASE(metrics_without_a_size_have_it_from_props),
        CASE(metrics_without_a_size_will_do),
        CASE(a_page_that_was_there_is_asked_for_once_more),
        CASE(a_page_that_does_not_come_is_not_waited_for),
        CASE(a_page_that_is_too_long_is_none),
        CASE(a_new_watch_ends_the_old),
        CASE(runs_out_of_memory_cleanly),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
