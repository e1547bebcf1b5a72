/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/metrics_page.h"

static const struct admin_gate gate = {
    .all = {.waiting = {1, 2, 3},
            .running = {4, 5, 6},
            .limit = 16,
            .reserve = 5,
            .holds = 2,
            .cuts = 7,
            .stretched_cuts = 4,
            .displaced = 8,
            .waited_out = 9,
            .foreseen = 15,
            .capacity = 1234.6,
            .waiting_s = 41.7,
            .siege = true},
    .rungs = 3,
    .backends = {{.limit = 10, .under_way = 11, .kv_reserved = 12, .kv_max = 13, .stopping = 14, .blocks = 17, .known_blocks = 16}}};

static const char *write_page(struct buf *buf, struct pool **pools, size_t count)
{
    const struct metrics_page_facts facts = {.pools = pools,
                                             .pools_count = count,
                                             .gates = &gate,
                                             .uptime_s = 12,
                                             .restarts = 3,
                                             .workers = 4,
                                             .kept = {7, 6, 1234},
                                             .keys = 5,
                                             .trouble = true};
    buf_init(buf, 1 << 20);
    metrics_page_write(buf, &facts);
    return buf_cstr(buf);
}

static void test_the_service_is_told(void **state)
{
    (void)state;
    struct buf buf;
    const char *page = write_page(&buf, NULL, 0);
    assert_non_null(
        strstr(page, "# TYPE seawall_uptime_seconds gauge\nseawall_uptime_seconds 12\n"));
    assert_non_null(
        strstr(page, "# TYPE seawall_restarts_total counter\nseawall_restarts_total 3\n"));
    assert_non_null(strstr(page, "\nseawall_workers 4\n"));
    assert_non_null(strstr(page, "\nseawall_keys 5\n"));
    assert_non_null(strstr(page, "\nseawall_kept_answers 7\n"));
    assert_non_null(strstr(page, "\nseawall_kept_answers_left 6\n"));
    assert_non_null(strstr(page, "\nseawall_kept_bytes 1234\n"));
    assert_non_null(strstr(page, "\nseawall_trouble 1\n"));
    assert_non_null(strstr(page, "\nseawall_build_info{version=\"" SEAWALL_VERSION "\"} 1\n"));
    assert_null(strstr(page, "backend"));
    buf_release(&buf);
}

static void test_backends_have_labels_that_are_escaped(void **state)
{
    (void)state;
    const struct backend_spec backend = {.url = SPAN("http://127.0.0.1:1/a"), .weight = 7};
    const struct pool_spec spec = {
        .name = SPAN("ma\"i\\n\n"), .backends = &backend, .backends_count = 1};
    struct err err = {""};
    struct pool *pool = pool_new(&spec, &err);
    assert_non_null(pool);
    struct backend *taken = pool_pick(pool, 0, 1);
    assert_non_null(taken);
    struct buf buf;
    const char *page = write_page(&buf, &pool, 1);
    assert_non_null(strstr(
        page,
        "\nseawall_backend_up{pool=\"ma\\\"i\\\\n\\n\",backend=\"http://127.0.0.1:1/a\"} 1\n"));
    assert_non_null(strstr(page, "# TYPE seawall_backend_in_flight "
                                 "gauge\nseawall_backend_in_flight{pool=\"ma\\\"i\\\\n\\n\","
                                 "backend=\"http://127.0.0.1:1/a\"} 1\n"));
    assert_non_null(strstr(page, "} 7\n"));
    buf_release(&buf);
    backend_report(taken, BACKEND_CANCELLED, 2);
    pool_unref(pool);
}

static void test_gates_are_told_by_pool_class_and_backend(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "# TYPE seawall_turns_waiting "
        "gauge\nseawall_turns_waiting{pool=\"main\",class=\"in_profile\"} 1\n"
        "seawall_turns_waiting{pool=\"main\",class=\"paid\"} 2\n"
        "seawall_turns_waiting{pool=\"main\",class=\"unknown\"} 3\n",
        "\nseawall_turns_running{pool=\"main\",class=\"unknown\"} 6\n",
        "\nseawall_turns_limit{pool=\"main\"} 16\n",
        "\nseawall_turns_kept_free{pool=\"main\"} 5\n",
        "# TYPE seawall_turns_cut_total counter\nseawall_turns_cut_total{pool=\"main\"} 7\n",
        "\nseawall_turns_cut_in_profile_total{pool=\"main\"} 4\n",
        "\nseawall_turns_displaced_total{pool=\"main\"} 8\n",
        "\nseawall_turns_waited_out_total{pool=\"main\"} 9\n",
        "\nseawall_turns_foreseen_total{pool=\"main\"} 15\n",
        "\nseawall_capacity_weighted_tokens{pool=\"main\"} 1235\n",
        "\nseawall_siege{pool=\"main\"} 1\n",
        "\nseawall_turns_waiting_seconds{pool=\"main\"} 42\n",
        "\nseawall_ladder_rungs{pool=\"main\"} 3\n",
        "\nseawall_backend_limit{pool=\"main\",backend=\"http://127.0.0.1:1\"} 10\n",
        "\nseawall_backend_turns{pool=\"main\",backend=\"http://127.0.0.1:1\"} 11\n",
        "\nseawall_backend_kv_reserved_tokens{pool=\"main\",backend=\"http://127.0.0.1:1\"} 12\n",
        "\nseawall_backend_kv_tokens{pool=\"main\",backend=\"http://127.0.0.1:1\"} 13\n",
        "\nseawall_backend_stops{pool=\"main\",backend=\"http://127.0.0.1:1\"} 1\n",
        "\nseawall_backend_stop_milliseconds{pool=\"main\",backend=\"http://127.0.0.1:1\"} 40\n",
        "\nseawall_backend_prompt_blocks_total{pool=\"main\",backend=\"http://127.0.0.1:1\"} 17\n",
        "\nseawall_backend_known_blocks_total{pool=\"main\",backend=\"http://127.0.0.1:1\"} 16\n",
        "\nseawall_backend_stopping{pool=\"main\",backend=\"http://127.0.0.1:1\"} 14\n",
    };
    struct buf buf;
    struct pool *pool = test_pool("http://127.0.0.1:1");
    backend_set_stop_ms(pool_backend(pool, 0), 40);
    const char *page = write_page(&buf, &pool, 1);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (!strstr(page, lines[i]))
            fail_msg("no '%s' in %s", lines[i], page);
    buf_release(&buf);
    pool_unref(pool);
}

/* HELP, TYPE, then all samples of it: as the format wants it. */
static void test_each_metric_stands_in_one_piece(void **state)
{
    (void)state;
    struct buf page;
    struct pool *pool = test_pool("http://127.0.0.1:1");
    struct span rest = span_str(write_page(&page, &pool, 1)), line;
    char name[96] = "", seen[4096] = "";
    size_t metrics = 0;
    while (span_split(&rest, '\n', &line) && rest.len > 0) {
        char word[96];
        if (sscanf(line.ptr, "# HELP %95s", name) == 1) {
            assert_null(strstr(seen, name));
            size_t len = strlen(seen);
            snprintf(seen + len, sizeof(seen) - len, "%s ", name);
            metrics++;
        } else if (sscanf(line.ptr, "# TYPE %95s", word) == 1) {
            assert_string_equal(word, name);
        } else {
            assert_true(span_starts(line, span_str(name)));
        }
    }
    assert_int_equal(metrics, 41);
    buf_release(&page);
    pool_unref(pool);
}

static void test_states_and_engines_have_names(void **state)
{
    (void)state;
    assert_true(span_eq(backend_state_name(BACKEND_UP), SPAN("up")));
    assert_true(span_eq(backend_state_name(BACKEND_DOWN), SPAN("down")));
    assert_true(span_eq(backend_state_name(BACKEND_TRIAL), SPAN("on trial")));
    assert_true(span_eq(backend_state_name(BACKEND_UNKNOWN), SPAN("unknown")));
    assert_true(span_eq(engine_name(ENGINE_LLAMACPP), SPAN("llama.cpp")));
    assert_true(span_eq(engine_name(ENGINE_OTHER), SPAN("other")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_service_is_told),
        cmocka_unit_test(test_backends_have_labels_that_are_escaped),
        cmocka_unit_test(test_gates_are_told_by_pool_class_and_backend),
        cmocka_unit_test(test_each_metric_stands_in_one_piece),
        cmocka_unit_test(test_states_and_engines_have_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
