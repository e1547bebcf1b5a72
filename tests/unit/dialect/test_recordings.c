/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What llama.cpp's server really sent: its streams put together must equal its own whole answers, field by field, and what leaves
 * the door as a stream must put together to the same.
 */
#include "answers.h"
#include "compare.h"

#define FOLDER "/tests/data/engines/llamacpp/"

static const struct recording {
    const char *name;
    enum endpoint endpoint;
    uint32_t choices, prompts;
} recordings[] = {
    {"chat-plain", ENDPOINT_CHAT, 1, 1},          {"chat-length", ENDPOINT_CHAT, 1, 1},
    {"chat-stop", ENDPOINT_CHAT, 1, 1},           {"chat-n2", ENDPOINT_CHAT, 2, 1},
    {"chat-logprobs", ENDPOINT_CHAT, 1, 1},       {"chat-n2-logprobs", ENDPOINT_CHAT, 2, 1},
    {"chat-tools", ENDPOINT_CHAT, 1, 1},          {"chat-tools-parallel", ENDPOINT_CHAT, 1, 1},
    {"chat-tools-cut", ENDPOINT_CHAT, 1, 1},      {"chat-tools-unused", ENDPOINT_CHAT, 1, 1},
    {"chat-json-object", ENDPOINT_CHAT, 1, 1},    {"chat-json-schema", ENDPOINT_CHAT, 1, 1},
    {"chat-utf8", ENDPOINT_CHAT, 1, 1},           {"chat-reasoning", ENDPOINT_CHAT, 1, 1},
    {"chat-empty", ENDPOINT_CHAT, 1, 1},          {"text-plain", ENDPOINT_COMPLETION, 1, 1},
    {"text-logprobs", ENDPOINT_COMPLETION, 1, 1}, {"text-n2", ENDPOINT_COMPLETION, 2, 1},
    {"text-prompts", ENDPOINT_COMPLETION, 2, 2},
};

static char *read_file(const char *name, const char *ending)
{
    char path[512];
    const char *root = getenv("SEAWALL_SOURCE_ROOT");
    snprintf(path, sizeof(path), "%s" FOLDER "%s%s", root ? root : ".", name, ending);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("cannot open %s", path);
    char *text = calloc(1, TEST_BYTES_MAX);
    assert_non_null(text);
    assert_true(fread(text, 1, TEST_BYTES_MAX - 1, file) > 0);
    fclose(file);
    return text;
}

static void use(const struct recording *recording)
{
    start_again();
    terms.endpoint = recording->endpoint;
    terms.choices = recording->choices;
    terms.prompts = recording->prompts;
    terms.include_usage = true;
}

/* Hands each data line to `take`. */
static void replay(struct span stream, void (*take)(struct span data))
{
    struct span line;
    while (span_split(&stream, '\n', &line)) {
        if (span_starts(line, SPAN("data: ")))
            take(span_skip(line, 6));
    }
}

static void take_gather(struct span data)
{
    if (answer_gather(the_answer(), parser, pad(data), &answer_state_now, &refusal) < 0)
        fail_msg("%.*s: %s", (int)data.len, data.ptr, answer_detail(answer)->text);
}

static void take_event(struct span data)
{
    if (event_of(data) < 0)
        fail_msg("%.*s: %s", (int)data.len, data.ptr, answer_detail(answer)->text);
}

/* A copy of what the stream makes. */
static char *gathered(const struct recording *recording, const char *stream)
{
    use(recording);
    replay(span_str(stream), take_gather);
    assert_int_equal(answer_state_now, ANSWER_DONE);
    assert_int_equal(answer_gathered(answer, false, &out, &refusal), 0);
    assert_int_equal(buf_status(&out), 0);
    return strdup(buf_cstr(&out));
}

static void streams_put_together_equal_whole_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(recordings); i++) {
        const struct recording *recording = &recordings[i];
        char *stream = read_file(recording->name, "-stream.sse");
        char *theirs = read_file(recording->name, ".json");
        char *ours = gathered(recording, stream);
        struct missing missing = {recording->choices, recording->prompts};
        if (!answer_is_engines(ours, theirs, missing))
            fail_msg("%s", recording->name);
        free(ours);
        free(theirs);
        free(stream);
    }
}

static void what_leaves_as_a_stream_puts_together_to_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(recordings); i++) {
        const struct recording *recording = &recordings[i];
        char *stream = read_file(recording->name, "-stream.sse");
        char *at_once = gathered(recording, stream);

        use(recording);
        replay(span_str(stream), take_event);
        assert_int_equal(answer_state_now, ANSWER_DONE);
        assert_int_equal(buf_status(&out), 0);
        uint64_t counted = answer_meter(answer)->events_counted;
        char *left = strdup(buf_cstr(&out));
        assert_null(strstr(left, "timings"));
        assert_null(strstr(left, "fingerprint"));

        char *in_two_steps = gathered(recording, left);
        assert_int_equal(answer_meter(answer)->events_counted, counted);
        if (!answers_equal(at_once, in_two_steps))
            fail_msg("%s", recording->name);
        free(in_two_steps);
        free(left);
        free(at_once);
        free(stream);
    }
}

static void whole_answers_pass_unharmed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(recordings); i++) {
        char *text = read_file(recordings[i].name, ".json");
        struct missing nothing = {1, 1}; /* what it says of usage is believed */
        use(&recordings[i]);
        assert_int_equal(answer_whole(the_answer(), parser, pad(span_str(text)), &out, &refusal),
                         0);
        if (!answer_is_engines(buf_cstr(&out), text, nothing))
            fail_msg("%s", recordings[i].name);
        free(text);
    }
}

/* One usage event before [DONE], and none beside choices, whatever the engine did. */
static void usage_leaves_once_and_only_if_asked(void **state)
{
    (void)state;
    static const char *const names[] = {"chat-n2-stream", "text-n2-stream", "text-no-usage",
                                        "chat-continuous-usage", "chat-no-usage"};
    for (size_t i = 0; i < COUNT_OF(names) * 2; i++) {
        const char *name = names[i / 2];
        struct recording recording = {name, ENDPOINT_CHAT, 2, 1};
        if (strncmp(name, "text", 4) == 0)
            recording.endpoint = ENDPOINT_COMPLETION;
        char *stream = read_file(name, ".sse");
        use(&recording);
        terms.include_usage = i % 2 == 0;
        replay(span_str(stream), take_event);
        const char *left = buf_cstr(&out), *usage = strstr(left, "\"usage\"");
        assert_int_equal(usage != NULL, terms.include_usage);
        if (usage) {
            assert_null(strstr(usage + 1, "\"usage\""));
            assert_memory_equal(usage - 14, ",\"choices\":[],", 14);
            assert_non_null(strstr(usage, "}\n\ndata: [DONE]\n\n"));
        }
        free(stream);
    }
}

static void errors_become_ours(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned status;
        enum reason reason;
    } errors[] = {
        {"error-path", 404, REASON_ENGINE_ERROR},
        {"error-embeddings", 501, REASON_UNPROCESSABLE},
        {"error-unfinished-json", 400, REASON_REJECTED_BY_ENGINE},
        {"error-no-messages", 400, REASON_REJECTED_BY_ENGINE},
        {"error-type", 400, REASON_REJECTED_BY_ENGINE},
        {"error-image", 500, REASON_UNPROCESSABLE},
        {"error-grammar", 400, REASON_REJECTED_BY_ENGINE},
        {"error-schema", 400, REASON_REJECTED_BY_ENGINE},
        {"error-n", 400, REASON_REJECTED_BY_ENGINE},
        {"error-context", 400, REASON_CONTEXT_EXCEEDED},
        {"error-context-streamed", 400, REASON_CONTEXT_EXCEEDED},
        {"error-key", 401, REASON_ENGINE_ERROR},
    };
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        char *text = read_file(errors[i].name, ".json");
        struct err detail = {""};
        answer_engine_error(parser, errors[i].status, pad(span_str(text)), &refusal, &detail);
        assert_int_equal(refusal.reason, errors[i].reason);
        assert_true(detail.text[0] != '\0');
        if (errors[i].reason == REASON_CONTEXT_EXCEEDED)
            assert_string_equal(refusal.message.text,
                                "the request has 1131 tokens, this model's context holds 1024");
        else
            assert_string_equal(refusal.message.text, "");
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(streams_put_together_equal_whole_answers, answers_set_up,
                                        answers_tear_down),
        cmocka_unit_test_setup_teardown(what_leaves_as_a_stream_puts_together_to_the_same,
                                        answers_set_up, answers_tear_down),
        cmocka_unit_test_setup_teardown(whole_answers_pass_unharmed, answers_set_up,
                                        answers_tear_down),
        cmocka_unit_test_setup_teardown(usage_leaves_once_and_only_if_asked, answers_set_up,
                                        answers_tear_down),
        cmocka_unit_test_setup_teardown(errors_become_ours, answers_set_up, answers_tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
