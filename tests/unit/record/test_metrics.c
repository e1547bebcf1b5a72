/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "record/metrics.h"

static void times_fall_into_buckets(void **state)
{
    (void)state;
    assert_int_equal(metrics_bucket(0), 0);
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        uint64_t bound_ms = metrics_bucket_ms(i);
        assert_int_equal(metrics_bucket(bound_ms * 1000),
                         i); /* a bound belongs to its bucket: "le" */
        assert_int_equal(metrics_bucket(bound_ms * 1000 + 1), i + 1);
        assert_true(bound_ms < metrics_bucket_ms(i + 1));
    }
    assert_int_equal(metrics_bucket(UINT64_MAX), METRICS_BUCKETS);
    assert_true(metrics_bucket_ms(METRICS_BUCKETS) == UINT64_MAX);
}

static void numbers_of_workers_add_up(void **state)
{
    (void)state;
    struct metrics_counters first = {0}, second = {0}, sum = {0};
    METRIC_ADD(&first, connections_open, 5);
    METRIC_SUB(&first, connections_open, 2);
    METRIC_ADD(&second, connections_open, 4);
    METRIC_ADD(&second, ended[REASON_CUT], 1);
    METRIC_OBSERVE(&first, duration_ms, 7000);
    METRIC_OBSERVE(&second, duration_ms, 9000);
    METRIC_OBSERVE(&second, duration_ms, 1000000001);
    metrics_add(&sum, &first);
    metrics_add(&sum, &second);
    assert_int_equal(sum.connections_open, 7);
    assert_int_equal(sum.ended[REASON_CUT], 1);
    assert_int_equal(sum.duration_ms[1], 2);
    assert_int_equal(sum.duration_ms[METRICS_BUCKETS], 1);
    assert_int_equal(sum.duration_ms_sum_us, 1000016001);
}

/* A gauge whose ups are counted by one worker and whose downs by another still has the right sum. */
static void gauge_may_be_below_zero_in_one_worker(void **state)
{
    (void)state;
    struct metrics_counters first = {0}, second = {0}, sum = {0};
    METRIC_SUB(&first, streams_open, 1);
    METRIC_ADD(&second, streams_open, 3);
    metrics_add(&sum, &first);
    metrics_add(&sum, &second);
    assert_int_equal(sum.streams_open, 2);
}

static void assert_has(const char *page, const char *line)
{
    if (!strstr(page, line))
        fail_msg("not on the page: %s", line);
}

static void page_is_in_prometheus_form(void **state)
{
    (void)state;
    struct metrics_counters sum = {.connections_open = 3, .bytes_out = UINT64_MAX};
    struct metrics_hub hub = {.access_lines_dropped = 12, .trouble = 1};
    sum.ended[REASON_BAD_KEY] = 8;
    sum.reduced[LADDER_OUTPUT] = 5;
    sum.dry_run[LADDER_MODEL] = 6;
    METRIC_OBSERVE(&sum, first_token_ms, 6000);
    METRIC_OBSERVE(&sum, first_token_ms, 10000);
    METRIC_OBSERVE(&sum, first_token_ms, 60000000);
    METRIC_OBSERVE(&sum, first_token_ms, 300000001);
    struct buf buf;
    buf_init(&buf, 1 << 20);
    metrics_write(&buf, &sum, &hub);
    assert_int_equal(buf_status(&buf), 0);
    const char *page = buf_cstr(&buf);
    assert_has(page, "# HELP seawall_connections_open client connections open now\n"
                     "# TYPE seawall_connections_open gauge\n"
                     "seawall_connections_open 3\n");
    assert_has(
        page,
        "# TYPE seawall_bytes_out_total counter\nseawall_bytes_out_total 18446744073709551615\n");
    assert_has(page, "# TYPE seawall_requests_total counter\n"
                     "seawall_requests_total{reason=\"OK\",status=\"200\"} 0\n");
    assert_has(page, "\nseawall_requests_total{reason=\"BAD_KEY\",status=\"401\"} 8\n");
    assert_has(page, "# TYPE seawall_reduced_total counter\n"
                     "seawall_reduced_total{rung=\"output\",mode=\"on\"} 5\n"
                     "seawall_reduced_total{rung=\"output\",mode=\"dry-run\"} 0\n");
    assert_has(page, "\nseawall_reduced_total{rung=\"model\",mode=\"dry-run\"} 6\n");
    assert_has(page, "# TYPE seawall_first_token_seconds histogram\n"
                     "seawall_first_token_seconds_bucket{le=\"0.005\"} 0\n"
                     "seawall_first_token_seconds_bucket{le=\"0.010\"} 2\n"
                     "seawall_first_token_seconds_bucket{le=\"0.025\"} 2\n");
    assert_has(page, "seawall_first_token_seconds_bucket{le=\"300.000\"} 3\n"
                     "seawall_first_token_seconds_bucket{le=\"+Inf\"} 4\n"
                     "seawall_first_token_seconds_sum 360.016001\n"
                     "seawall_first_token_seconds_count 4\n");
    assert_has(page, "\nseawall_answer_duration_seconds_count 0\n");
    assert_has(page, "\nseawall_access_log_dropped_total 12\n");
    assert_has(page, "\nseawall_record_trouble 1\n");
    buf_release(&buf);
}

/* Every line is a comment or a sample of the metric that was announced last. */
static void samples_follow_their_head(void **state)
{
    (void)state;
    static const struct metrics_counters sum;
    static const struct metrics_hub hub;
    struct buf buf;
    buf_init(&buf, 1 << 20);
    metrics_write(&buf, &sum, &hub);
    struct span rest = buf_span(&buf), line, name = SPAN_NULL;
    assert_true(span_ends(rest, SPAN("\n")));
    rest.len--;
    size_t heads = 0;
    while (span_split(&rest, '\n', &line)) {
        if (span_starts(line, SPAN("# HELP "))) {
            struct span words = span_skip(line, 7);
            assert_true(span_split(&words, ' ', &name));
            assert_true(span_starts(name, SPAN("seawall_")));
            heads++;
        } else if (!span_starts(line, SPAN("# TYPE "))) {
            assert_true(span_starts(line, name));
        }
    }
    assert_int_equal(heads, 22);
    buf_release(&buf);
}

static void full_buffer_says_so(void **state)
{
    (void)state;
    static const struct metrics_counters sum;
    static const struct metrics_hub hub;
    struct buf buf;
    buf_init(&buf, 500);
    metrics_write(&buf, &sum, &hub);
    assert_int_equal(buf_status(&buf), -ENOSPC);
    buf_release(&buf);
}

static void page_for_people_has_every_metric(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1 << 20);
    metrics_write_reference(&buf);
    const char *page = buf_cstr(&buf);
#define METRIC(field, kind, name, help) assert_has(page, "| `" name "` | " #kind " | " help " |\n");
    METRICS_TABLE(METRIC)
    METRICS_HUB_TABLE(METRIC)
#undef METRIC
#define HISTOGRAM(field, name, help) assert_has(page, "| `" name "` | histogram | " help " |\n");
    METRICS_HISTOGRAMS(HISTOGRAM)
#undef HISTOGRAM
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_fall_into_buckets),
        cmocka_unit_test(numbers_of_workers_add_up),
        cmocka_unit_test(gauge_may_be_below_zero_in_one_worker),
        cmocka_unit_test(page_is_in_prometheus_form),
        cmocka_unit_test(samples_follow_their_head),
        cmocka_unit_test(full_buffer_says_so),
        cmocka_unit_test(page_for_people_has_every_metric),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
