/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of recorder and hub share: a hub with all that it needs, and a request to record. */
#pragma once

#include "record_testing.h"

#include "base/log.h"
#include "record/hub_internal.h"

struct service {
    struct loop *loop;
    struct helper *store_helper;
    struct store *store;
    struct record_hub *hub;
    struct err lost;
};

static inline void service_begin(struct service *service, uint32_t workers, const char *access_log)
{
    int error;
    struct err err = {""};
    service->loop = loop_new();
    service->store = store_new(in_folder("seawall.db").text, &error, NULL);
    assert_true(service->loop && service->store);
    service->store_helper = helper_new(service->loop, "store", 16);
    assert_non_null(service->store_helper);
    struct record_hub_spec spec = {.loop = service->loop,
                                   .store_helper = service->store_helper,
                                   .store = service->store,
                                   .folder = test_folder,
                                   .access_log = span_str(access_log),
                                   .workers = workers};
    service->hub = record_hub_new(&spec, &service->lost, &err);
    assert_string_equal(err.text, "");
    assert_non_null(service->hub);
    assert_string_equal(record_hub_trouble(service->hub), "");
}

/* In the order of the gateway's end: nothing turns any more, and all is written. */
static inline void service_end(struct service *service)
{
    record_hub_free(service->hub);
    helper_free(service->store_helper);
    store_free(service->store);
    loop_free(service->loop);
}

/* A streamed answer of 10 prompt tokens and 100 completion tokens, on the clock of 2026-11-23. */
static inline struct record served_record(uint64_t key_id)
{
    return (struct record){.request_id = SPAN("req_1"),
                           .method = SPAN("POST"),
                           .path = SPAN("/v1/chat/completions"),
                           .endpoint = SPAN("chat"),
                           .model = SPAN("smollm2"),
                           .key_id = key_id,
                           .reason = REASON_OK,
                           .status = 200,
                           .stream = true,
                           .tries = 1,
                           .bytes_in = 300,
                           .bytes_out = 5000,
                           .prompt_tokens = 10,
                           .completion_tokens = 100,
                           .called = true,
                           .charged = true,
                           .began_us = 1000000,
                           .first_token_us = 1020000,
                           .last_token_us = 2000000,
                           .ended_us = 2001000,
                           .wall_ms = 1795476901042};
}

static inline int sum_usage(void *arg, const struct store_usage *row)
{
    struct store_usage *sum = arg;
    sum->hour_ms = row->hour_ms;
    sum->requests += row->requests;
    sum->failed += row->failed;
    sum->cut += row->cut;
    sum->prompt_tokens += row->prompt_tokens;
    sum->completion_tokens += row->completion_tokens;
    sum->disputed_tokens += row->disputed_tokens;
    return 0;
}

/* What the ledger in the database has of a key; 0: of all. Opens the file anew, so it may be asked at any time. */
static inline struct store_usage usage_in_file(uint64_t key_id)
{
    int error;
    struct store *store = store_new(in_folder("seawall.db").text, &error, NULL);
    struct store_usage_query query = {.to_ms = UINT64_MAX, .key_id = key_id, .by_hour = true};
    struct store_usage sum = {0};
    assert_int_equal(store_usage_read(store, &query, sum_usage, &sum, NULL), 0);
    store_free(store);
    return sum;
}

static inline size_t lines_in_log(const char *name)
{
    struct buf text;
    buf_init(&text, (size_t)64 << 20);
    read_file_text(name, &text);
    size_t lines = count_of_byte(buf_span(&text), '\n');
    buf_release(&text);
    return lines;
}
