/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "torture.h"

#include "dialect/answer.h"
#include "dialect/inference.h"

#define BYTES_MAX (256 * 1024)

static char body[BYTES_MAX + JSON_PADDING];
static size_t body_len;

/* A request that makes the parser grow and, by an object of many members, use its table of keys. */
static void write_body(void)
{
    body_len =
        (size_t)snprintf(body, BYTES_MAX,
                         "{\"model\":\"m\",\"max_tokens\":7,\"messages\":[{\"role\":\"user\","
                         "\"content\":\"%40000s\"}],\"logit_bias\":{",
                         "x");
    for (int i = 0; i < 1000; i++)
        body_len +=
            (size_t)snprintf(body + body_len, BYTES_MAX - body_len, "%s\"%d\":1", i ? "," : "", i);
    body_len += (size_t)snprintf(body + body_len, BYTES_MAX - body_len, "}}");
}

/* From the text to the engine's body. */
static int request(struct json_parser *parser, struct buf *buf)
{
    static struct inference inference;
    struct refusal refusal = {.reason = REASON_OK};
    const struct inference_caps caps = {.choices_max = 1, .output_tokens_max = 100};
    const struct inference_target target = {.model = SPAN("engine"), .stream = true};
    int r = inference_read(parser, ENDPOINT_CHAT, span_of(body, body_len), &inference, &refusal);
    assert_int_equal(refusal.reason, REASON_OK); /* short memory is no fault of the request */
    if (r < 0)
        return r;
    assert_int_equal(inference_allow(&inference, &caps, &refusal), 0);
    inference_write(&inference, &target, buf);
    if (buf_status(buf) == 0)
        assert_true(span_ends(buf_span(buf), SPAN(",\"stream\":true}")));
    return buf_status(buf);
}

static int request_scenario(void *given)
{
    (void)given;
    struct buf buf;
    buf_init(&buf, BYTES_MAX);
    struct json_parser *parser = json_parser_new(BYTES_MAX, 16);
    int r = parser ? request(parser, &buf) : -ENOMEM;
    json_parser_free(parser);
    buf_release(&buf);
    return r;
}

static void a_request_fails_alone(void **state)
{
    (void)state;
    assert_true(torture(request_scenario, NULL) > 10); /* what simdjson allocates is among them */
}

/* What failed for want of memory succeeds with the same parser when there is some. */
static int again_scenario(void *given)
{
    struct buf buf;
    buf_init(&buf, BYTES_MAX);
    int r = request(given, &buf);
    if (r == -ENOMEM) {
        mem_fail_never();
        buf_clear(&buf);
        assert_int_equal(request(given, &buf), 0);
    }
    buf_release(&buf);
    return r;
}

static void a_parser_recovers(void **state)
{
    (void)state;
    for (uint64_t successes = 0;; successes++) {
        struct json_parser *parser = json_parser_new(BYTES_MAX, 16);
        assert_non_null(parser);
        mem_fail_after(successes);
        int r = again_scenario(parser);
        mem_fail_never();
        json_parser_free(parser);
        if (r == 0) {
            assert_true(successes > 3);
            return;
        }
        assert_int_equal(r, -ENOMEM);
    }
}

static int listing_scenario(void *given)
{
    (void)given;
    struct buf buf;
    struct refusal refusal;
    const struct model_listing models[] = {{SPAN("a"), 1, 2}, {SPAN("b"), 3, 4}};
    buf_init(&buf, BYTES_MAX);
    models_write(&buf, models, COUNT_OF(models));
    int r = percent_decode(&buf, SPAN("%61b%2Fcdefghijklmnopqrstuvwxyz"));
    assert_int_equal(refuse(&refusal, REASON_BAD_FIELD, "n", "no"), -EINVAL);
    refusal_write(&buf, &refusal, SPAN("request"));
    if (r == 0)
        r = buf_status(&buf);
    buf_release(&buf);
    return r;
}

static void small_writers_leave_it_to_the_buffer(void **state)
{
    (void)state;
    torture(listing_scenario, NULL);
}

static const char *const events[] = {
    "{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a "
    "long text, longer "
    "than the smallest block of memory, so that it grows\",\"refusal\":\"no\",\"reasoning\":\"t\"},"
    "\"logprobs\":{\"content\":[{\"logprob\":-0.5}],\"refusal\":[1]}}]}",
    "{\"choices\":[{\"index\":1,\"delta\":{\"tool_calls\":[{\"index\":3,\"id\":\"c\",\"type\":"
    "\"function\","
    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],\"function_call\":{\"name\":\"g\"}},"
    "\"finish_reason\":\"stop\",\"stop_reason\":\"x\"}],\"usage\":{\"prompt_tokens\":1,"
    "\"completion_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":1}}}",
    "[DONE]",
};

/* An event as answer_event() or answer_gather() takes it: 0 or -ENOMEM. */
static int take_event(struct answer *answer, struct json_parser *parser, bool gather,
                      const char *data, struct buf *out)
{
    static char text[1024 + JSON_PADDING];
    struct refusal refusal = {.reason = REASON_OK};
    enum answer_state answer_state;
    struct span event = span_of(text, strlen(data));
    memcpy(text, data, event.len);
    int r = gather ? answer_gather(answer, parser, event, &answer_state, &refusal)
                   : answer_event(answer, parser, event, out, &answer_state, &refusal);
    if (r == 0)
        return buf_status(out);
    assert_int_equal(refusal.reason, REASON_INTERNAL); /* short memory is no fault of the engine */
    return -ENOMEM;
}

static int answer_events(struct answer *answer, struct json_parser *parser, bool gather,
                         struct buf *out)
{
    struct refusal refusal;
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        int r = take_event(answer, parser, gather, events[i], out);
        if (r < 0)
            return r;
    }
    if (gather)
        assert_int_equal(answer_gathered(answer, false, out, &refusal), 0);
    else
        assert_true(span_ends(buf_span(out), SPAN("data: [DONE]\n\n")) || buf_status(out) < 0);
    if (buf_status(out) == 0)
        assert_true(span_find(buf_span(out), SPAN("\"cached_tokens\":1")) > 0);
    return buf_status(out);
}

static int answer_scenario(void *given)
{
    struct answer_terms terms = {.endpoint = ENDPOINT_CHAT,
                                 .model = SPAN("m"),
                                 .choices = 2,
                                 .include_usage = true,
                                 .answer_bytes_max = BYTES_MAX};
    struct buf out;
    buf_init(&out, BYTES_MAX);
    struct json_parser *parser = json_parser_new(BYTES_MAX, 16);
    struct answer *answer = answer_new(&terms);
    int r = parser && answer ? answer_events(answer, parser, *(bool *)given, &out) : -ENOMEM;
    answer_free(answer);
    json_parser_free(parser);
    buf_release(&out);
    return r;
}

static void an_answer_fails_alone(void **state)
{
    (void)state;
    bool gather = false;
    assert_true(torture(answer_scenario, &gather) > 5);
    gather = true;
    assert_true(torture(answer_scenario, &gather) > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_fails_alone),
        cmocka_unit_test(a_parser_recovers),
        cmocka_unit_test(small_writers_leave_it_to_the_buffer),
        cmocka_unit_test(an_answer_fails_alone),
    };
    write_body();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
