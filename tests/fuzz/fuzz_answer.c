/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine sends, in each of the three forms of the way back. The first byte chooses: endpoint, number of choices, caps. The
 * rest is a stream of events, one in each line (a byte 1 is a line end inside of it), and also taken as one whole body and as an
 * error. What must hold:
 *   - what leaves is events of one line each, of JSON that reads again, with our model, and usage only in the last;
 *   - a stream that passed puts together to the same answer as the engine's own;
 *   - a failed event leaves nothing behind and says why.
 */
#include "fuzz.h"

#include "dialect/answer.h"

#define BYTES_MAX (1 << 18)
#define OUT_MAX (1 << 24)
#define DEPTH_MAX 32

static struct json_parser *parser;
static struct json_parser *large; /* for what leaves: longer than what came */
static struct buf out, text, again;

static struct answer_terms terms_of(uint8_t choice)
{
    static const enum endpoint endpoints[] = {ENDPOINT_CHAT, ENDPOINT_COMPLETION,
                                              ENDPOINT_EMBEDDING, ENDPOINT_CHAT};
    return (struct answer_terms){.endpoint = endpoints[choice & 3],
                                 .model = SPAN("our \"model\""),
                                 .include_usage = true,
                                 .choices = 1 + ((choice >> 2) & 3),
                                 .prompts = (choice >> 2) & 1,
                                 .prompt_tokens_estimate = 7,
                                 .output_tokens_max = choice & 0x40 ? 2 : 0,
                                 .answer_bytes_max = choice & 0x80 ? 2000 : OUT_MAX};
}

static struct json_value read_again(struct span json)
{
    struct json_value root;
    char *copy = fuzz_copy(json, JSON_PADDING);
    check(json_parse(large, span_of(copy, json.len), &root, NULL) == 0);
    mem_free(copy); /* strings live in the parser */
    return root;
}

static void check_ours(struct span json, bool whole)
{
    struct json_value root = read_again(json), value;
    if (json_get(root, SPAN("error"), &value))
        return;
    check(json_get(root, SPAN("model"), &value) &&
          span_eq(json_string(value), SPAN("our \"model\"")));
    check(json_get(root, SPAN("object"), &value) && json_kind(value) == JSON_STRING);
    bool usage = json_get(root, SPAN("usage"), &value);
    bool choices = json_get(root, SPAN("choices"), &value) && json_count(value) > 0;
    check(whole ? usage : usage != choices);
}

/* Every frame of a stream of ours: "data: ", one line, an empty line. */
static void check_frames(struct span stream)
{
    while (stream.len > 0) {
        ptrdiff_t end = span_find(stream, SPAN("\n\n"));
        check(end > 0 && span_starts(stream, SPAN("data: ")));
        struct span data = span_skip(span_take(stream, (size_t)end), 6);
        check(span_find_byte(data, '\n') < 0 && span_find_byte(data, '\r') < 0);
        if (!span_eq(data, SPAN("[DONE]")))
            check_ours(data, false);
        stream = span_skip(stream, (size_t)end + 2);
    }
}

/* The next event of the input, in `text` with padding behind it. */
static bool next_event(struct span *rest, struct span *ret_data)
{
    struct span line;
    if (!span_split(rest, '\n', &line))
        return false;
    buf_clear(&text);
    buf_append(&text, line);
    check(buf_reserve(&text, JSON_PADDING) == 0);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\x01')
            text.ptr[i] = '\n';
    }
    *ret_data = buf_span(&text);
    return true;
}

static void check_refused(struct answer *answer, const struct refusal *refusal)
{
    check(refusal->reason != REASON_OK && refusal->reason != REASON_INTERNAL);
    check(answer_detail(answer)->text[0] != '\0');
}

/* Streams it into `out`. True when the engine's stream was good to its end. */
static bool stream(const struct answer_terms *terms, struct span input)
{
    struct answer *answer = answer_new(terms);
    enum answer_state state = ANSWER_OPEN;
    struct refusal refusal = {0};
    struct span data;
    bool good = true;
    check(answer);
    buf_clear(&out);
    while (good && state == ANSWER_OPEN && next_event(&input, &data)) {
        size_t before = out.len;
        good = answer_event(answer, parser, data, &out, &state, &refusal) == 0;
        if (!good) {
            check_refused(answer, &refusal);
            check(out.len == before);
        }
    }
    bool done = good && state == ANSWER_DONE;
    if (!good)
        answer_fail(answer, &refusal, SPAN("r"), SPAN_NULL, &out);
    else
        answer_finish(answer, state == ANSWER_CUT, &out);
    check(buf_status(&out) == 0);
    check_frames(buf_span(&out));
    answer_free(answer);
    return done;
}

/* Puts together what engine or door sent (then each line has "data: "), into `again`. */
static enum answer_state gather(const struct answer_terms *terms, struct span input, bool framed)
{
    struct answer *answer = answer_new(terms);
    enum answer_state state = ANSWER_OPEN;
    struct refusal refusal = {0};
    struct span data;
    int r = 0;
    check(answer);
    buf_clear(&again);
    while (r == 0 && state == ANSWER_OPEN && next_event(&input, &data)) {
        if (framed && data.len == 0)
            continue;
        if (framed)
            data = span_skip(data, 6);
        r = answer_gather(answer, framed ? large : parser, data, &state, &refusal);
    }
    if (r == 0)
        r = answer_gathered(answer, state == ANSWER_CUT, &again, &refusal);
    if (r == 0)
        check_ours(buf_span(&again), true);
    else
        check_refused(answer, &refusal);
    answer_free(answer);
    return r == 0 ? state : ANSWER_OPEN;
}

/* The same, but for white space that had to leave the lines of a stream. */
static void check_same(struct buf *one, struct buf *two)
{
    for (size_t i = 0; i < one->len; i++) {
        if (one->ptr[i] == '\n' || one->ptr[i] == '\r')
            one->ptr[i] = ' ';
    }
    check(span_eq(buf_span(one), buf_span(two)));
}

static void whole(const struct answer_terms *terms, struct span input)
{
    struct answer *answer = answer_new(terms);
    struct refusal refusal = {0};
    struct err detail = {""};
    char *copy = fuzz_copy(input, JSON_PADDING);
    check(answer);
    buf_clear(&out);
    if (answer_whole(answer, parser, span_of(copy, input.len), &out, &refusal) == 0) {
        check(buf_status(&out) == 0);
        check_ours(buf_span(&out), true);
    } else {
        check_refused(answer, &refusal);
        check(out.len == 0);
    }
    answer_engine_error(parser, 400 + (unsigned)input.len % 200, span_of(copy, input.len), &refusal,
                        &detail);
    check(refusal.reason != REASON_OK && detail.text[0] != '\0');
    answer_free(answer);
    mem_free(copy);
}

static void start(void)
{
    if (parser)
        return;
    parser = json_parser_new(BYTES_MAX, DEPTH_MAX);
    large = json_parser_new(OUT_MAX, DEPTH_MAX);
    check(parser && large);
    buf_init(&out, 2 * OUT_MAX);
    buf_init(&again, 2 * OUT_MAX);
    buf_init(&text, OUT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > BYTES_MAX)
        return 0;
    start();
    struct answer_terms terms = terms_of(data[0]);
    struct span input = span_of(data + 1, size - 1);
    whole(&terms, input);
    bool passed = stream(&terms, input);
    if (gather(&terms, input, false) != ANSWER_DONE || !passed)
        return 0;
    struct buf direct = again, left = out;
    buf_init(&again, 2 * OUT_MAX);
    terms.answer_bytes_max = OUT_MAX; /* our heads are longer than the engine's may be */
    check(gather(&terms, buf_span(&left), true) == ANSWER_DONE);
    check_same(&direct, &again);
    buf_release(&direct);
    return 0;
}
