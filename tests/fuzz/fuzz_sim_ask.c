/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulated engine is asked. The first byte chooses the endpoint and the scheduler, the rest is the body. A
 * refusal says why; what is accepted is within its limits, and its answer, event by event and whole, is JSON.
 */
#include "fuzz.h"

#include "say.h"

#define BYTES_MAX 65536
#define ROOM 40

static const struct preset presets[] = {
    {.model = {"m", 4096, 4.0, PRESET_MIXED},
     .scheduler = {PRESET_BATCH, 4, 8, 64},
     .kv = {4096, 16, true},
     .answer = {20, 60, 5, 9, 1}},
    {.model = {"\"m\"", 64, 0.5, PRESET_LATIN},
     .scheduler = {PRESET_SLOTS, 4, 8, 64},
     .kv = {256, 1, true},
     .answer = {20, 60, 0, 0, 1}},
};

static void check_json(struct json_parser *parser, struct span text)
{
    struct json_value root;
    char *padded = fuzz_copy(text, JSON_PADDING);
    check(json_parse(parser, span_of(padded, text.len), &root, NULL) == 0);
    mem_free(padded);
}

static void check_events(struct json_parser *parser, const struct say *say,
                         struct say_choice *choice, struct buf *buf)
{
    for (uint32_t from = 0; from < choice->tokens; from += 3) {
        choice->made = MIN(from + 3, choice->tokens);
        buf_clear(buf);
        say_event(say, choice, from, buf);
        check(buf_status(buf) == 0 && span_starts(buf_span(buf), SPAN("data: ")));
        check_json(parser, span_of(buf->ptr + 6, buf->len - 8));
    }
}

static void check_answer(struct json_parser *parser, const struct ask *ask,
                         const struct preset *preset)
{
    static struct say_choice choices[ASK_CHOICES_MAX];
    struct say say;
    struct buf buf;
    buf_init(&buf, 1 << 20);
    say_init(&say, ask, preset, 1, 2);
    for (uint32_t i = 0; i < ask->choices; i++) {
        say_plan(&say, ask, ROOM, i, i, &choices[i]);
        check(choices[i].tokens >= 1 && choices[i].tokens <= ROOM);
        if (ask->kind != ASK_EMBEDDINGS)
            check_events(parser, &say, &choices[i], &buf);
        choices[i].made = choices[i].tokens;
    }
    buf_clear(&buf);
    say_whole(&say, choices, &buf);
    check(buf_status(&buf) == 0);
    check_json(parser, buf_span(&buf));
    buf_release(&buf);
}

static void check_ask(const struct ask *ask, const struct preset *preset, size_t bytes)
{
    const uint64_t *hashes;
    uint32_t tokens = prompt_tokens(&ask->prompt);
    check(tokens >= 1 && ask->prompt.bytes <= 8 * bytes); /* what is between messages counts too */
    check(prompt_hashes(&ask->prompt, &hashes) <=
          MIN(tokens, preset->model.context_tokens) / preset->kv.block_tokens + 1);
    check(ask->choices >= 1 && ask->choices <= ASK_CHOICES_MAX);
    check(ask->max_tokens >= 1 && ask->effort >= 0);
    check(strnlen(ask->tool, sizeof(ask->tool)) < sizeof(ask->tool));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_parser *parser, *reader;
    if (size < 1 || size > BYTES_MAX)
        return 0;
    if (!parser) {
        parser = json_parser_new(BYTES_MAX, ASK_DEPTH_MAX);
        reader = json_parser_new(1 << 20, 16);
        check(parser && reader);
    }
    struct ask ask;
    struct err err = {""};
    const struct preset *preset = &presets[data[0] / 3 % 2];
    char *body = fuzz_copy(span_of(data + 1, size - 1), JSON_PADDING);
    int r =
        ask_read(parser, (enum ask_kind)(data[0] % 3), span_of(body, size - 1), preset, &ask, &err);
    check(r == 0 || (r == -EINVAL && err.text[0] != '\0'));
    if (r == 0) {
        check_ask(&ask, preset, size);
        check_answer(reader, &ask, preset);
        ask_release(&ask);
    }
    mem_free(body);
    return 0;
}
