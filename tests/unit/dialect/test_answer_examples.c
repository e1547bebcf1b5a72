/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs tests/examples/answers/: Markdown files in which each "## title" has a block `engine` with the events of an engine and, either
 * or both, a block `client` (what leaves as a stream, line by line, without the empty lines) and a block `whole` (what they put
 * together to, as JSON). Words behind `engine`:
 *
 *   text        completions instead of chats
 *   usage       the client asked for usage
 *   choices=N   choices that were asked for
 *   max=N       output_tokens_max
 */
#include "answers.h"
#include "compare.h"

#include "base/text.h"

#define FOLDER "/tests/examples/answers/"

struct example {
    struct span title, options, engine, client, whole;
};

static unsigned examples_run;

static uint64_t option(const struct example *example, struct span name, uint64_t otherwise)
{
    struct span rest = example->options, word;
    uint64_t value = 1;
    while (span_split(&rest, ' ', &word)) {
        if (!span_starts(word, name))
            continue;
        if (word.len > name.len)
            assert_int_equal(text_to_u64(span_skip(word, name.len + 1), &value), 0);
        return value;
    }
    return otherwise;
}

static void use(const struct example *example)
{
    start_again();
    terms.endpoint = option(example, SPAN("text"), 0) ? ENDPOINT_COMPLETION : ENDPOINT_CHAT;
    terms.include_usage = option(example, SPAN("usage"), 0) != 0;
    terms.choices = (uint32_t)option(example, SPAN("choices"), 1);
    terms.output_tokens_max = option(example, SPAN("max"), 0);
    answer_state_now = ANSWER_OPEN;
}

/* Feeds the events one way until the end, a cut or a failure: false for the latter. */
static bool feed(const struct example *example, bool whole)
{
    struct span rest = example->engine, line;
    use(example);
    while (answer_state_now == ANSWER_OPEN && span_split(&rest, '\n', &line)) {
        struct span data = span_skip(line, 6);
        if (!span_starts(line, SPAN("data: ")))
            continue;
        int r = whole ? answer_gather(the_answer(), parser, pad(data), &answer_state_now, &refusal)
                      : event_of(data);
        if (r < 0)
            return false;
    }
    return true;
}

static void run_client(const struct example *example)
{
    if (!feed(example, false))
        answer_fail(answer, &refusal, SPAN("req-1"), SPAN_NULL, &out);
    else
        answer_finish(answer, answer_state_now == ANSWER_CUT, &out);
    struct span left = buf_span(&out), expected = example->client, line, wanted;
    while (span_split(&expected, '\n', &wanted)) {
        if (wanted.len == 0)
            continue;
        assert_true(span_split(&left, '\n', &line));
        if (!span_eq(line, wanted))
            fail_msg("%.*s:\n%.*s\nleft instead of\n%.*s", (int)example->title.len,
                     example->title.ptr, (int)line.len, line.ptr, (int)wanted.len, wanted.ptr);
        assert_true(span_split(&left, '\n', &line) && line.len == 0);
    }
    assert_int_equal(left.len, 0);
}

static void run_whole(const struct example *example)
{
    assert_true(feed(example, true));
    assert_int_equal(answer_gathered(answer, answer_state_now == ANSWER_CUT, &out, &refusal), 0);
    char *wanted = strndup(example->whole.ptr, example->whole.len);
    if (!json_texts_equal(buf_cstr(&out), wanted))
        fail_msg("%.*s", (int)example->title.len, example->title.ptr);
    free(wanted);
}

/* Takes one block off the front of *rest, up to the closing fence. */
static struct span block(struct span *rest)
{
    ptrdiff_t end = span_find(*rest, SPAN("\n```\n"));
    assert_true(end >= 0);
    struct span text = span_take(*rest, (size_t)end + 1);
    *rest = span_skip(*rest, (size_t)end + 5);
    return text;
}

static void run(const struct example *example)
{
    if (example->engine.len == 0)
        return;
    assert_true(example->client.len > 0 || example->whole.len > 0);
    if (example->client.len > 0)
        run_client(example);
    if (example->whole.len > 0)
        run_whole(example);
    examples_run++;
}

static void run_text(struct span rest)
{
    struct example example = {0};
    struct span line;
    while (span_split(&rest, '\n', &line)) {
        if (span_starts(line, SPAN("## "))) {
            run(&example);
            example = (struct example){.title = span_skip(line, 3)};
        } else if (span_starts(line, SPAN("```engine"))) {
            example.options = span_skip(line, 10);
            example.engine = block(&rest);
        } else if (span_eq(line, SPAN("```client"))) {
            example.client = block(&rest);
        } else if (span_eq(line, SPAN("```whole"))) {
            example.whole = block(&rest);
        } else {
            assert_false(span_starts(line, SPAN("```")));
        }
    }
    run(&example);
}

static void run_file(const char *name, unsigned examples)
{
    char path[512];
    const char *root = getenv("SEAWALL_SOURCE_ROOT");
    snprintf(path, sizeof(path), "%s" FOLDER "%s", root ? root : ".", name);
    FILE *file = fopen(path, "r");
    char *text = calloc(1, TEST_BYTES_MAX);
    assert_true(file && text);
    size_t len = fread(text, 1, TEST_BYTES_MAX, file);
    fclose(file);
    examples_run = 0;
    run_text(span_of(text, len));
    free(text);
    assert_int_equal(examples_run, examples);
}

static void vllm(void **state)
{
    (void)state;
    run_file("vllm.md", 5);
}

static void deepseek(void **state)
{
    (void)state;
    run_file("deepseek.md", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(vllm, answers_set_up, answers_tear_down),
        cmocka_unit_test_setup_teardown(deepseek, answers_set_up, answers_tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
