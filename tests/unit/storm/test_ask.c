/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/ask.h"

#include <jansson.h>

static struct scenario scenario;
static struct prompt_text text;
static struct offer offer = {.input_tokens = 100, .output_tokens = 40, .streamed = true};

static int begin(void **state)
{
    (void)state;
    scenario_of(SMALL_SCENARIO, &scenario);
    return prompt_text_init(&text, 1);
}

static int end(void **state)
{
    (void)state;
    prompt_text_release(&text);
    return 0;
}

/* The body as JSON; the head is left in `ret_head`. */
static json_t *write(struct span key, char ret_head[1024])
{
    struct buf buf;
    size_t head_bytes = 0;
    struct ask ask = {.host = "127.0.0.1:80",
                      .prefix = "/p",
                      .model = "m",
                      .scenario = &scenario,
                      .group = &scenario.groups[0],
                      .offer = &offer,
                      .key = key,
                      .header = SPAN("X-More: a: b"),
                      .text_seed = 9};
    buf_init(&buf, 1 << 20);
    ask_write(&ask, &text, &buf, &head_bytes);
    assert_int_equal(buf_status(&buf), 0);
    assert_in_range(head_bytes, 1, 1023);
    memcpy(ret_head, buf.ptr, head_bytes);
    ret_head[head_bytes] = '\0';
    char length[64];
    (void)snprintf(length, sizeof(length), "Content-Length: %8zu\r\n", buf.len - head_bytes);
    assert_non_null(strstr(ret_head, length));
    json_t *json =
        json_loadb(buf.ptr + head_bytes, buf.len - head_bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    buf_release(&buf);
    return json;
}

static void a_stream_is_asked_for_with_its_usage(void **state)
{
    (void)state;
    char head[1024];
    json_t *body = write(SPAN("sk-1"), head);
    const json_t *message = json_array_get(json_object_get(body, "messages"), 0);
    assert_true(
        strncmp(head, "POST /p/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:80\r\n", 58) == 0);
    assert_non_null(strstr(head, "\r\nAuthorization: Bearer sk-1\r\n"));
    assert_non_null(strstr(head, "\r\nX-More: a: b\r\n"));
    assert_string_equal(json_string_value(json_object_get(body, "model")), "m");
    assert_int_equal(json_string_length(json_object_get(message, "content")), 400);
    assert_int_equal(json_integer_value(json_object_get(body, "max_tokens")), 40);
    assert_true(json_is_true(json_object_get(body, "ignore_eos")));
    assert_true(json_is_true(json_object_get(body, "stream")));
    assert_true(
        json_is_true(json_object_get(json_object_get(body, "stream_options"), "include_usage")));
    assert_null(json_object_get(body, "reasoning_effort"));
    json_decref(body);
}

static void what_is_not_asked_for_is_not_there(void **state)
{
    (void)state;
    char head[1024];
    offer.streamed = false;
    scenario.any_length = true;
    scenario.groups[0].effort = EFFORT_HIGH;
    json_t *body = write(SPAN_NULL, head);
    assert_null(strstr(head, "Authorization"));
    assert_null(json_object_get(body, "stream"));
    assert_null(json_object_get(body, "ignore_eos"));
    assert_string_equal(json_string_value(json_object_get(body, "reasoning_effort")), "high");
    json_decref(body);
}

static int check_of(const char *line, bool keys)
{
    struct err err = {""};
    int r = ask_check_header(span_str(line), keys, &err);
    assert_true((r == 0) == (err.text[0] == '\0'));
    return r;
}

static void a_header_is_one_line_that_is_not_there_yet(void **state)
{
    (void)state;
    static char line[ASK_HEADER_BYTES_MAX + 2] = "a:";
    assert_int_equal(check_of("x-config: {\"a\": 1}", true), 0);
    assert_int_equal(check_of("Authorization: Bearer x", false), 0);
    assert_int_equal(check_of("authorization: Bearer x", true), -EINVAL);
    assert_int_equal(check_of("CONTENT-length: 1", false), -EINVAL);
    assert_int_equal(check_of("no colon", false), -EINVAL);
    assert_int_equal(check_of(": no name", false), -EINVAL);
    assert_int_equal(check_of("two words: x", false), -EINVAL);
    assert_int_equal(check_of("a: b\r\nc: d", false), -EINVAL);
    assert_int_equal(check_of("a: b\x80", false), -EINVAL);
    memset(line + 2, 'x', ASK_HEADER_BYTES_MAX - 2);
    assert_int_equal(check_of(line, false), 0);
    line[ASK_HEADER_BYTES_MAX] = 'x';
    assert_int_equal(check_of(line, false), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_asked_for_with_its_usage),
        cmocka_unit_test(what_is_not_asked_for_is_not_there),
        cmocka_unit_test(a_header_is_one_line_that_is_not_there_yet),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
