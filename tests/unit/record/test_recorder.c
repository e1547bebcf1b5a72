/* SPDX-License-Identifier: Apache-2.0 */
#include "hub_testing.h"

static void record_one(struct recorder *recorder, const struct record *record)
{
    if (record->called)
        recorder_call_begins(recorder);
    recorder_request(recorder, record);
}

static void requests_are_counted(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "off");
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    const struct ladder_steps reduced = {.rungs = 1u << LADDER_OUTPUT}, dry_run = {.rungs = 1u << LADDER_MODEL | 1u << LADDER_CONTEXT};
    struct record served = served_record(1);
    served.reduced = &reduced;
    served.dry_run = &dry_run;
    struct record refused = {
        .reason = REASON_BAD_KEY, .status = 401, .bytes_in = 7, .prompt_tokens = 99, .reduced = &reduced};
    struct record failed = served_record(1);
    failed.reason = REASON_ENGINE_ERROR;
    failed.charged = false;
    failed.first_token_us = 0;
    record_one(recorder, &served);
    record_one(recorder, &refused);
    record_one(recorder, &failed);
    METRIC_ADD(recorder_counters(recorder), connections_open, 4);

    struct metrics_counters sum;
    record_hub_counters(service.hub, &sum);
    assert_int_equal(sum.ended[REASON_OK], 1);
    assert_int_equal(sum.ended[REASON_BAD_KEY], 1);
    assert_int_equal(sum.ended[REASON_ENGINE_ERROR], 1);
    assert_int_equal(sum.reduced[LADDER_OUTPUT], 1); /* not of one that never reached an engine */
    assert_int_equal(sum.reduced[LADDER_MODEL] + sum.dry_run[LADDER_OUTPUT], 0);
    assert_int_equal(sum.dry_run[LADDER_MODEL] + sum.dry_run[LADDER_CONTEXT], 2);
    assert_int_equal(sum.bytes_in, 607);
    assert_int_equal(sum.bytes_out, 10000);
    assert_int_equal(sum.prompt_tokens, 10); /* only what was charged */
    assert_int_equal(sum.completion_tokens, 100);
    assert_int_equal(sum.upstream_calls, 2);
    assert_int_equal(sum.connections_open, 4);
    assert_int_equal(sum.first_token_ms[metrics_bucket(20000)], 1);
    assert_int_equal(sum.first_token_ms_sum_us, 20000);
    assert_int_equal(sum.duration_ms[metrics_bucket(1001000)], 2);
    assert_int_equal(sum.duration_ms_sum_us, 2002000);
    recorder_free(recorder);
    recorder_free(NULL);
    record_hub_counters(service.hub, &sum);
    assert_int_equal(sum.ended[REASON_OK], 1); /* outlive the recorder */
    service_end(&service);
}

static void tally_knows_each_call(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 2, "off");
    struct recorder *recorder = recorder_new(service.hub, service.loop, 1);
    assert_non_null(recorder);
    const struct tally_slot *slot = hub_tally_slot(service.hub, 1);
    recorder_call_begins(recorder);
    recorder_call_begins(recorder);
    assert_int_equal(slot->calls_begun, 2);
    assert_int_equal(slot->calls_ended, 0);
    struct record record = served_record(1);
    recorder_request(recorder, &record);
    assert_int_equal(slot->calls_ended, 1);
    assert_int_equal(slot->requests, 1);
    assert_int_equal(slot->prompt_tokens, 10);
    assert_int_equal(slot->completion_tokens, 100);
    record.charged = false; /* over, and nothing to pay */
    recorder_request(recorder, &record);
    assert_int_equal(slot->calls_ended, 2);
    assert_int_equal(slot->requests, 2);
    assert_int_equal(slot->completion_tokens, 100);
    record.called = false; /* never got as far as an engine */
    recorder_request(recorder, &record);
    assert_int_equal(slot->calls_ended, 2);
    assert_int_equal(slot->requests, 2);
    recorder_free(recorder);
    service_end(&service);
}

static void ledger_says_how_calls_ended(void **state)
{
    (void)state;
    static const struct {
        enum reason reason;
        bool failed, cut;
    } ends[] = {{REASON_OK, false, false},         {REASON_CUT, false, true},
                {REASON_CLIENT_GONE, false, true}, {REASON_CLIENT_STALLED, false, true},
                {REASON_GAVE_WAY, false, true},
                {REASON_BAD_ANSWER, true, false},  {REASON_IDLE_TIMEOUT, true, false},
                {REASON_NO_BACKEND, true, false}};
    struct service service;
    service_begin(&service, 1, "off");
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct record record = served_record(i + 1);
        record.reason = ends[i].reason;
        record.disputed = true;
        record.completion_difference = i % 2 ? -7 : 7;
        record_one(recorder, &record);
    }
    struct record nothing_came = served_record(98);
    nothing_came.reason = REASON_GAVE_WAY;
    nothing_came.charged = false;
    record_one(recorder, &nothing_came);
    struct record refused = served_record(99);
    refused.called = false;
    record_one(recorder, &refused);
    recorder_free(recorder);
    service_end(&service);
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct store_usage usage = usage_in_file(i + 1);
        assert_int_equal(usage.requests, 1);
        assert_int_equal(usage.failed, ends[i].failed);
        assert_int_equal(usage.cut, ends[i].cut);
        assert_int_equal(usage.prompt_tokens, 10);
        assert_int_equal(usage.completion_tokens, 100);
        assert_int_equal(usage.disputed_tokens, 7);
        assert_int_equal(usage.hour_ms % 3600000, 0);
        assert_in_range(served_record(1).wall_ms - usage.hour_ms, 0, 3599999);
    }
    assert_int_equal(usage_in_file(98).failed, 1);
    assert_int_equal(usage_in_file(98).cut, 0);
    assert_int_equal(usage_in_file(99).requests, 0);
}

static bool ledger_has_one(void *arg)
{
    (void)arg;
    return usage_in_file(0).requests == 1;
}

static bool log_has_one(void *arg)
{
    return lines_in_log(arg) == 1;
}

/* Nobody asks for it: half a second for rows, one for lines. */
static void time_alone_hands_over(void **state)
{
    (void)state;
    struct service service;
    char name[] = "access.log";
    service_begin(&service, 1, name);
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    struct record record = served_record(1);
    record_one(recorder, &record);
    assert_int_equal(lines_in_log(name), 0);
    assert_int_equal(usage_in_file(0).requests, 0);
    uint64_t began_ms = loop_now_ms(service.loop);
    run_until(service.loop, ledger_has_one, NULL);
    run_until(service.loop, log_has_one, name);
    assert_in_range(loop_now_ms(service.loop) - began_ms, 400, 10000);
    recorder_free(recorder);
    service_end(&service);
}

static bool log_has_hundred(void *arg)
{
    return lines_in_log(arg) >= 100;
}

static void full_block_goes_at_once(void **state)
{
    (void)state;
    struct service service;
    char name[] = "access.log";
    service_begin(&service, 1, name);
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    struct record record = served_record(1);
    for (int i = 0; i < 400; i++)
        record_one(recorder, &record);
    run_until(service.loop, log_has_hundred, name); /* the loop's tick has not come yet */
    recorder_free(recorder);
    service_end(&service);
    assert_int_equal(lines_in_log(name), 400);
}

/* More keys in half a second than a table has rows. */
static void full_table_goes_at_once(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "off");
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    for (uint64_t key = 1; key <= 10000; key++) {
        struct record record = served_record(key);
        record_one(recorder, &record);
    }
    recorder_free(recorder);
    service_end(&service);
    assert_int_equal(usage_in_file(0).requests, 10000);
    assert_int_equal(usage_in_file(4097).requests, 1);
}

/* The hub does not turn: lines and rows beyond what may wait are counted, the last ones are handed over at the end. */
static void hub_that_does_not_keep_up_costs_lines_only(void **state)
{
    (void)state;
    enum { REQUESTS = 40000 };
    struct service service;
    service_begin(&service, 1, "access.log");
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    for (int i = 0; i < REQUESTS; i++) {
        struct record record = served_record(1);
        record_one(recorder, &record);
    }
    uint64_t dropped = hub_worker(service.hub, 0)->lines_dropped;
    assert_in_range(dropped, 1, REQUESTS - 1);
    recorder_free(recorder);
    service_end(&service);
    assert_int_equal(lines_in_log("access.log") + dropped, REQUESTS);
    assert_int_equal(usage_in_file(1).requests, REQUESTS);
}

static void no_memory_costs_the_row_and_the_line(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "access.log");
    mem_fail_after(0);
    struct recorder *none = recorder_new(service.hub, service.loop, 0);
    mem_fail_never();
    assert_null(none);
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    struct record record = served_record(1);
    mem_fail_after(0);
    record_one(recorder, &record);
    mem_fail_never();
    assert_int_equal(hub_worker(service.hub, 0)->rows_dropped, 1);
    assert_int_equal(hub_worker(service.hub, 0)->lines_dropped, 1);
    assert_int_equal(hub_tally_slot(service.hub, 0)->requests, 1);
    record_one(recorder, &record);
    recorder_free(recorder);
    service_end(&service);
    assert_int_equal(lines_in_log("access.log"), 1);
    /* What found no memory is told by the next start. */
    service_begin(&service, 1, "off");
    assert_non_null(strstr(service.lost.text, "1 finished request with 110 tokens"));
    service_end(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(requests_are_counted),
        folder_test(tally_knows_each_call),
        folder_test(ledger_says_how_calls_ended),
        folder_test(time_alone_hands_over),
        folder_test(full_block_goes_at_once),
        folder_test(full_table_goes_at_once),
        folder_test(hub_that_does_not_keep_up_costs_lines_only),
        folder_test(no_memory_costs_the_row_and_the_line),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
