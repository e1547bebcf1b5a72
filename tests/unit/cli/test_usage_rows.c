/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "usage_rows.h"

/* One word for each row: line:who,ms,in,out; and "line!why;" for bad ones. */
static int on_row(void *owner, uint64_t line, const struct usage_row *row)
{
    buf_printf(owner, "%llu:%.*s,%llu,%llu,%llu;", (unsigned long long)line, (int)row->who.len,
               row->who.ptr, (unsigned long long)row->wall_ms,
               (unsigned long long)row->prompt_tokens, (unsigned long long)row->completion_tokens);
    return 0;
}

static void on_bad(void *owner, uint64_t line, const char *why)
{
    buf_printf(owner, "%llu!%s;", (unsigned long long)line, why);
}

static const struct usage_events events = {on_row, on_bad};

static int read_in_pieces(const char *text, size_t piece, struct buf *heard, struct err *err)
{
    struct span rest = span_str(text);
    struct usage_rows *rows = usage_rows_new(USAGE_AUTO, &events, heard);
    int result = 0;
    assert_non_null(rows);
    buf_init(heard, 1 << 20);
    while (result == 0 && rest.len > 0) {
        result = usage_rows_feed(rows, span_take(rest, piece), err);
        rest = span_skip(rest, piece);
    }
    if (result == 0)
        result = usage_rows_end(rows, err);
    usage_rows_free(rows);
    return result;
}

static void assert_rows(const char *text, const char *wanted)
{
    for (size_t piece = 1; piece < 80; piece += 13) {
        struct buf heard;
        struct err err = {""};
        assert_int_equal(read_in_pieces(text, piece, &heard, &err), 0);
        assert_string_equal(buf_cstr(&heard), wanted);
        buf_release(&heard);
    }
}

static void assert_error(const char *text, const char *wanted)
{
    struct buf heard;
    struct err err = {""};
    assert_int_equal(read_in_pieces(text, 7, &heard, &err), -EINVAL);
    assert_string_equal(err.text, wanted);
    buf_release(&heard);
}

#define HEAD "key,time,tokens_in,tokens_out\n"

static void csv_is_read(void **state)
{
    (void)state;
    assert_rows(HEAD "a,1,2,3\nb,4,5,6", "2:a,1000,2,3;3:b,4000,5,6;");
    assert_rows("\xef\xbb\xbfkey,time,tokens_in,tokens_out\r\na,1,2,3\r\n", "2:a,1000,2,3;");
    assert_rows("\n" HEAD "\na,1,2,3\n\n", "4:a,1000,2,3;");
    assert_rows(HEAD "\"a,\"\"b\",1,\"2\",3\n", "2:a,\"b,1000,2,3;");
    assert_rows("note," HEAD "\"two\nlines\",a,1,2,3\nx,b,1,2,3\n", "2:a,1000,2,3;4:b,1000,2,3;");
    assert_rows(HEAD, "");
}

static void a_spend_log_of_litellm_is_read(void **state)
{
    (void)state;
    assert_rows("request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,"
                "startTime,endTime,model,user,metadata\n"
                "r1,acompletion,88dc28,0.1,200,120,80,2026-11-21 10:02:11.123,2026-11-21 "
                "10:02:15,m,alice,\"{\"\"a\"\": 1}\"\n"
                "r2,acompletion,,0.1,200,20,8,2026-11-21T10:02:11+00:00,,m,bob,\n",
                "2:88dc28,1795255331123,120,80;3:bob,1795255331000,20,8;");
    assert_rows("{\"api_key\":\"88dc28\",\"startTime\":\"2026-11-21T10:02:11.123000Z\","
                "\"prompt_tokens\":120,\"completion_tokens\":80,\"user\":\"alice\","
                "\"metadata\":{\"user\":\"x\"}}\n",
                "1:88dc28,1795255331123,120,80;");
}

static void json_lines_are_read(void **state)
{
    (void)state;
    assert_rows("{\"user\":\"a\",\"time\":1,\"tokens_in\":2,\"tokens_out\":3}\n\n"
                "{\"time\":1.5,\"Input-Tokens\":\"4\",\"output_tokens\":null,\"IP\":\"10.0.0.1\"}",
                "1:a,1000,2,3;3:10.0.0.1,1500,4,0;");
    assert_rows("{\"user\":\"a\",\"key\":\"b\",\"time\":1,\"tokens_in\":2}\n", "1:b,1000,2,0;");
    assert_rows("{\"user\":\"a\",\"key\":\"\",\"time\":1,\"tokens_in\":2}\n", "1:a,1000,2,0;");
    assert_rows(
        " { } \n{\"user\":\"a\\u00e4\\\"\",\"x\":{\"user\":[\"}\\\"\",{}]},\"y\":[],\"time\" : 1 , "
        "\"tokens_in\":2}\r\n",
        "1!it does not say who it was;2:a\xc3\xa4\",1000,2,0;");
    assert_rows(
        "{\"user\":\"a\",\"time\":1,\"tokens_in\":2}x\n{\"user\":\"a\",\n{\"user\"}\n{\"user\":}\n{"
        ",}\n"
        "{\"user\":\"a\\\n{\"user\":[\n{\"user\":\"a\" "
        "\"time\":1}\n{\"user\":\"\\ud800\",\"time\":1}\n",
        "1!it is no JSON object;2!it is no JSON object;3!it is no JSON object;4!it is no JSON "
        "object;5!it is no JSON object;6!it is no JSON object;7!it is no JSON object;8!it is "
        "no JSON object;9!it does not say who it was;");
    assert_rows("{\"user\":\"a\"}\nnonsense\n[1]\n{\"time\":1}\n{\"user\":\"a\",\"time\":{}}\n",
                "1!it has no time;2!it is no JSON object;3!it is no JSON object;"
                "4!it does not say who it was;5!it has no time;");
}

static void a_keys_text_leaves_as_its_digest(void **state)
{
    (void)state;
    assert_rows(HEAD "sk-abc,1,2,3\n",
                "2:1460db1b6902f8b1fc2a40d9381a24d0fd22c3bc1b2c6f999c521da73776fbe0,1000,2,3;");
}

static void bad_rows_are_told_by_line(void **state)
{
    (void)state;
    assert_rows(HEAD "a,1,2\nb,1,2,3,4\n,1,2,3\nc,,2,3\nd,soon,2,3\ne,1,x,3\nf,1,2,-3\ng,1,2.5,3\n"
                     "h,1,99999999999999999999,3\n\"i\"j,1,2,3\nk,1,2,3\n",
                "2!it has fewer cells than the header;3!it has more cells than the header;"
                "4!it does not say who it was;5!it has no time;"
                "6!its time is neither ISO 8601 nor a number of seconds since 1970;"
                "7!its tokens are no whole numbers;8!its tokens are no whole numbers;"
                "9!its tokens are no whole numbers;10!its tokens are no whole numbers;"
                "11!there is text behind a closing quote;12:k,1000,2,3;");
    assert_rows(HEAD "a,1,2,3\n\"b,1,2,3\nc,1,2,3\n", "2:a,1000,2,3;3!a quote is not closed;");
    assert_rows(HEAD "a\x01,1,2,3\n\xff,1,2,3\n", "2!who it was is no text of at most 512 bytes;"
                                                  "3!who it was is no text of at most 512 bytes;");
}

static void files_that_cannot_be_read_at_all(void **state)
{
    (void)state;
    assert_error("", "1: nothing is in it");
    assert_error("\n\n", "1: nothing is in it");
    assert_error("a,b\n1,2\n", "1: no column says who it was: key, sha256, user, address");
    assert_error("user,tokens_in,tokens_out\n",
                 "1: no column says when: time, timestamp, startTime");
    assert_error("user,time,tokens_out\n",
                 "1: no column says the prompt: tokens_in, prompt_tokens, input_tokens");
    assert_error("user,time,tokens_in\n",
                 "1: no column says the answer: tokens_out, completion_tokens, output_tokens");
    assert_error("user,User,time,tokens_in,tokens_out\n", "1: column 'User' comes twice");
    assert_error("[{\"user\":\"a\"}]",
                 "1: a JSON array: make it one object a line, as jq -c '.[]' does");
    assert_error("\"user,time\n", "1: a quote is not closed");
}

static void a_row_without_end_takes_no_more_than_its_maximum(void **state)
{
    (void)state;
    struct buf heard;
    struct err err = {""};
    static char letters[4096];
    memset(letters, 'x', sizeof(letters));
    struct usage_rows *rows = usage_rows_new(USAGE_AUTO, &events, &heard);
    buf_init(&heard, 4096);
    assert_int_equal(usage_rows_feed(rows, SPAN(HEAD), &err), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(usage_rows_feed(rows, span_of(letters, sizeof(letters)), &err), 0);
    assert_int_equal(usage_rows_feed(rows, SPAN("\na,1,2,3\n"), &err), 0);
    assert_int_equal(usage_rows_end(rows, &err), 0);
    assert_string_equal(buf_cstr(&heard), "2!it is longer than 1 MiB;3:a,1000,2,3;");
    buf_release(&heard);
    usage_rows_free(rows);
}

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t wall_ms;
    } good[] = {
        {"0", 0},
        {"1769990400", 1769990400000},
        {"1769990400.25", 1769990400250},
        {"1769990400123", 1769990400123},
        {"1769990400123456", 1769990400123},
        {"2026-02-02", 1769990400000},
        {"2026-02-02T00:00:00Z", 1769990400000},
        {"2026-02-02 00:00", 1769990400000},
        {"2026-02-02 00:00:00.5", 1769990400500},
        {"2026-02-02 00:00:00.123456", 1769990400123},
        {"2026-02-02T01:00:00+01:00", 1769990400000},
        {"2026-02-01T18:30:00-0530", 1769990400000},
        {"2026-02-02 01:00:00+01", 1769990400000},
        {"2026-02-02 00:00:00 UTC", 1769990400000},
    };
    static const char *const bad[] = {"",
                                      "soon",
                                      "-1",
                                      "1.",
                                      "1.5s",
                                      "100000000000000000",
                                      "2026-02-30",
                                      "2026-02-02T",
                                      "2026-02-02T24:00",
                                      "2026-02-02T00:60",
                                      "2026-02-02T00:00:00+",
                                      "2026-02-02T00:00:00+25:00",
                                      "2026-02-02T00:00:00 CET",
                                      "02/02/2026",
                                      "1970-01-01T00:00:00+01:00"};
    uint64_t wall_ms = 7;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(usage_time_read(span_str(good[i].text), &wall_ms), 0);
        assert_int_equal(wall_ms, good[i].wall_ms);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(usage_time_read(span_str(bad[i]), &wall_ms), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_read),
        cmocka_unit_test(a_spend_log_of_litellm_is_read),
        cmocka_unit_test(json_lines_are_read),
        cmocka_unit_test(a_keys_text_leaves_as_its_digest),
        cmocka_unit_test(bad_rows_are_told_by_line),
        cmocka_unit_test(files_that_cannot_be_read_at_all),
        cmocka_unit_test(a_row_without_end_takes_no_more_than_its_maximum),
        cmocka_unit_test(times_are_read),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
