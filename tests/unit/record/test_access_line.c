/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "record/access_line.h"

static char line[ACCESS_LINE_BYTES_MAX + 1];

static const char *write_line(struct access_writer *writer, const struct record *record)
{
    size_t len = access_line_write(writer, record, line);
    assert_in_range(len, 3, ACCESS_LINE_BYTES_MAX);
    line[len] = '\0';
    return line;
}

static void assert_line(const struct record *record, uint64_t peer, const char *expected)
{
    struct access_writer writer = {.peer = peer};
    assert_string_equal(write_line(&writer, record), expected);
}

static void empty_record_says_little(void **state)
{
    (void)state;
    struct record record = {.wall_ms = 0};
    assert_line(&record, 0,
                "{\"time\":\"1970-01-01T00:00:00.000Z\",\"price\":0,\"ahead\":0,\"reason\":\"OK\","
                "\"status\":0,\"tries\":0,"
                "\"bytes_in\":0,\"bytes_out\":0,\"prompt_tokens\":0,\"completion_tokens\":0}\n");
}

static void full_record_says_all(void **state)
{
    (void)state;
    struct record record = {.request_id = SPAN("req_1"),
                            .client_request_id = SPAN("theirs"),
                            .method = SPAN("POST"),
                            .path = SPAN("/v1/chat/completions"),
                            .endpoint = SPAN("chat"),
                            .model = SPAN("qwen/qwen3"),
                            .backend = SPAN("http://127.0.0.1:8000"),
                            .user_agent = SPAN("curl/8"),
                            .key_id = 62,
                            .class = SPAN("in_profile"),
                            .ticket = SPAN("due"),
                            .balance = 1234.9,
                            .rate = 0.5,
                            .price = 138,
                            .price_prompt = 10,
                            .price_answer = 64,
                            .siege = true,
                            .stretched = true,
                            .ahead = 7,
                            .reason = REASON_CUT,
                            .status = 200,
                            .stream = true,
                            .streamed_upstream = true,
                            .reused_upstream = true,
                            .tries = 2,
                            .bytes_in = 300,
                            .bytes_out = UINT64_MAX,
                            .prompt_tokens = 10,
                            .completion_tokens = 20,
                            .completion_difference = -3,
                            .disputed = true,
                            .began_us = 1000,
                            .head_us = 1001,
                            .body_us = 1003,
                            .asked_us = 1004,
                            .turn_us = 1019,
                            .picked_us = 1025,
                            .connected_us = 1125,
                            .first_byte_us = 2000,
                            .first_token_us = 2001,
                            .last_token_us = 3000,
                            .ended_us = 4000,
                            .wall_ms = 1795476901042,
                            .detail = SPAN("cut at 20")};
    assert_line(
        &record, 0xabcdef,
        "{\"time\":\"2026-11-23T23:35:01.042Z\",\"id\":\"req_1\",\"client_id\":\"theirs\","
        "\"peer\":\"0000000000abcdef\",\"key\":\"key_00000000010\",\"class\":\"in_profile\","
        "\"ticket\":\"due\",\"balance\":1234,\"budget_hour\":1800,"
        "\"price\":138,\"price_prompt\":10,\"price_answer\":64,\"siege\":true,\"stretched\":true,\"ahead\":7,"
        "\"method\":\"POST\","
        "\"path\":\"/v1/chat/completions\",\"endpoint\":\"chat\",\"model\":\"qwen/qwen3\","
        "\"backend\":\"http://127.0.0.1:8000\",\"agent\":\"curl/"
        "8\",\"reason\":\"CUT\",\"status\":200,"
        "\"stream\":true,\"upstream_stream\":true,\"reused\":true,\"tries\":2,\"bytes_in\":300,"
        "\"bytes_out\":18446744073709551615,\"prompt_tokens\":10,\"completion_tokens\":20,"
        "\"difference\":-3,\"disputed\":true,\"head_us\":1,\"body_us\":3,\"asked_us\":4,\"queue_"
        "us\":15,"
        "\"connect_us\":100,\"first_byte_us\":1000,\"first_token_us\":1001,\"last_token_us\":2000,"
        "\"total_us\":3000,\"detail\":\"cut at 20\"}\n");
}

static void steps_of_the_ladder_are_told(void **state)
{
    (void)state;
    struct access_writer writer = {0};
    struct ladder_steps reduced = {.rungs = 1u << LADDER_OUTPUT | 1u << LADDER_MODEL, .output_tokens = 256, .model = SPAN("small")};
    struct ladder_steps dry_run = {.rungs = 1u << LADDER_CONTEXT, .messages = 12};
    struct record record = {
        .rungs = 4, .reduced = &reduced, .dry_run = &dry_run, .model = SPAN("small"), .asked_model = SPAN("large")};
    const char *text = write_line(&writer, &record);
    assert_non_null(strstr(text, ",\"rungs\":4,\"reduced\":\"output=256, model=\\\"small\\\"\",\"dry_run\":\"context=-12\","));
    assert_non_null(strstr(text, ",\"model\":\"small\",\"asked_model\":\"large\","));
    reduced.rungs = dry_run.rungs = 0;
    text = write_line(&writer, &record);
    assert_null(strstr(text, "reduced"));
    assert_null(strstr(text, "dry_run"));
}

static void a_budget_may_be_overdrawn_and_small(void **state)
{
    (void)state;
    struct access_writer writer = {0};
    struct record record = {.balance = -12.5, .rate = 1e-6};
    const char *text = write_line(&writer, &record);
    assert_non_null(strstr(text, "\"balance\":-12,\"budget_hour\":1,"));
    record.rate = 0;
    text = write_line(&writer, &record);
    assert_null(strstr(text, "budget_hour"));
}

static void date_follows_the_clock_both_ways(void **state)
{
    (void)state;
    struct access_writer writer = {0};
    struct record record = {0};
    static const struct {
        uint64_t wall_ms;
        const char *start;
    } steps[] = {{1795476901042, "{\"time\":\"2026-11-23T23:35:01.042Z\""},
                 {1795476901999, "{\"time\":\"2026-11-23T23:35:01.999Z\""},
                 {1795476902000, "{\"time\":\"2026-11-23T23:35:02.000Z\""},
                 {1795476901500, "{\"time\":\"2026-11-23T23:35:01.500Z\""},
                 {1795478400000, "{\"time\":\"2026-11-24T00:00:00.000Z\""}};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        record.wall_ms = steps[i].wall_ms;
        const char *text = write_line(&writer, &record);
        assert_memory_equal(text, steps[i].start, strlen(steps[i].start));
    }
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s is not in %s", part, text);
}

static void text_is_escaped(void **state)
{
    (void)state;
    struct access_writer writer = {0};
    struct record record = {.user_agent = SPAN("a\"b\\c\nd\x01 \xe6\xa8\xa1 \xff"),
                            .path = SPAN("/\xe6"),
                            .detail = SPAN("")};
    const char *text = write_line(&writer, &record);
    assert_has(text, "\"agent\":\"a\\\"b\\\\c\\nd\\u0001 \xe6\xa8\xa1 \xef\xbf\xbd\"");
    assert_has(text, "\"path\":\"/\xef\xbf\xbd\"");
    assert_has(text, "\"detail\":\"\"");
}

static void long_text_is_cut_and_queries_are_left_out(void **state)
{
    (void)state;
    struct access_writer writer = {0};
    char letters[400];
    memset(letters, 'l', sizeof(letters));
    struct span all = span_of(letters, sizeof(letters));
    struct record record = {.path = all, .user_agent = all, .detail = all, .method = all};
    const char *text = write_line(&writer, &record);
    static const struct {
        const char *key;
        size_t len;
    } cuts[] = {
        {"\"path\":\"", 128}, {"\"agent\":\"", 64}, {"\"detail\":\"", 256}, {"\"method\":\"", 16}};
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        const char *at = strstr(text, cuts[i].key);
        assert_non_null(at);
        assert_int_equal(strspn(at + strlen(cuts[i].key), "l"), cuts[i].len);
    }
    record = (struct record){.path = SPAN("/v1/models?key=sk-secret")};
    text = write_line(&writer, &record);
    assert_has(text, "\"path\":\"/v1/models\"");
    assert_null(strstr(text, "secret"));
}

static void time_that_went_back_is_none(void **state)
{
    (void)state;
    struct access_writer writer = {0};
    struct record record = {.began_us = 100, .head_us = 90, .ended_us = 100};
    const char *text = write_line(&writer, &record);
    assert_has(text, "\"head_us\":0,\"total_us\":0}");
    record = (struct record){.completion_difference = INT64_MIN};
    assert_has(write_line(&writer, &record), "\"difference\":-9223372036854775808}");
}

/* One line, of JSON's shape: strings close, nothing below a space, nothing that is not UTF-8. */
static void assert_sound(struct span text)
{
    assert_true(span_ends(text, SPAN("}\n")));
    assert_true(text_is_utf8(text));
    bool in_string = false;
    for (size_t i = 0; i + 1 < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        assert_true(c >= 0x20);
        if (c == '\\') {
            assert_true(in_string);
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        }
    }
    assert_false(in_string);
}

static void anything_at_all_gives_a_sound_line(void **state)
{
    (void)state;
    struct access_writer writer = {.peer = UINT64_MAX};
    char noise[400];
    struct span all = span_of(noise, sizeof(noise));
    random_seed(7);
    for (int i = 0; i < 3000; i++) {
        random_bytes(noise, sizeof(noise));
        if (i % 3 == 0) /* the longest escapes */
            memset(noise, 1, sizeof(noise));
        char quotes[255]; /* the longest name of a model, and of it the longest escapes */
        memset(quotes, '"', sizeof(quotes));
        struct ladder_steps steps = {.rungs = (1u << LADDER_RUNGS) - 1,
                                     .output_tokens = UINT64_MAX,
                                     .messages = UINT32_MAX,
                                     .reasoning = SPAN("low"),
                                     .model = span_of(quotes, sizeof(quotes))};
        struct record record = {.request_id = all,
                                .client_request_id = all,
                                .method = all,
                                .path = all,
                                .endpoint = all,
                                .model = all,
                                .asked_model = all,
                                .reduced = &steps,
                                .dry_run = &steps,
                                .backend = all,
                                .user_agent = all,
                                .detail = all,
                                .key_id = random_u64(),
                                .reason = (enum reason)random_below(REASON_COUNT),
                                .status = UINT32_MAX,
                                .tries = UINT32_MAX,
                                .bytes_in = UINT64_MAX,
                                .bytes_out = UINT64_MAX,
                                .prompt_tokens = UINT64_MAX,
                                .completion_tokens = UINT64_MAX,
                                .completion_difference = INT64_MIN,
                                .disputed = true,
                                .stream = true,
                                .began_us = 1,
                                .head_us = UINT64_MAX,
                                .ended_us = UINT64_MAX,
                                .wall_ms = random_u64()};
        size_t len = access_line_write(&writer, &record, line);
        assert_in_range(len, 3, ACCESS_LINE_BYTES_MAX);
        assert_sound(span_of(line, len));
    }
    random_unseed();
}

static void page_for_people_has_every_field(void **state)
{
    (void)state;
    static const char *const names[] = {"time", "peer", "key", "queue_us", "difference", "detail"};
    struct buf buf;
    buf_init(&buf, 1 << 20);
    access_write_reference(&buf);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char row[64];
        snprintf(row, sizeof(row), "\n| `%s` | ", names[i]);
        assert_has(buf_cstr(&buf), row);
    }
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_record_says_little),
        cmocka_unit_test(full_record_says_all),
        cmocka_unit_test(steps_of_the_ladder_are_told),
        cmocka_unit_test(a_budget_may_be_overdrawn_and_small),
        cmocka_unit_test(date_follows_the_clock_both_ways),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(long_text_is_cut_and_queries_are_left_out),
        cmocka_unit_test(time_that_went_back_is_none),
        cmocka_unit_test(anything_at_all_gives_a_sound_line),
        cmocka_unit_test(page_for_people_has_every_field),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
