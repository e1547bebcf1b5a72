/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "say.h"
#include "sim_asks.h"
#include "sim_presets.h"

#define CHAT(more) "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]" more "}"

static struct preset preset;
static struct ask ask;
static struct say say;
static struct say_choice choice;
static struct buf text;

static void plan(const char *body, enum ask_kind kind, uint32_t room, uint64_t seed)
{
    struct err err = {""};
    assert_int_equal(ask_of(body, kind, &preset, &ask, &err), 0);
    say_init(&say, &ask, &preset, seed, 1700000000);
    say_plan(&say, &ask, room, 0, seed, &choice);
    ask_release(&ask);
}

static void limits_cut_and_stretch_an_answer(void **state)
{
    (void)state;
    preset = small_preset(PRESET_BATCH);
    for (uint64_t seed = 0; seed < 200; seed++) {
        plan(CHAT(""), ASK_CHAT, 1000, seed);
        uint32_t natural = choice.tokens;
        assert_in_range(natural, 1, preset.model.context_tokens);
        assert_int_equal(choice.finish, SAY_STOP);
        plan(CHAT(", \"max_tokens\": 10"), ASK_CHAT, 1000, seed);
        assert_int_equal(choice.tokens, natural < 10 ? natural : 10);
        assert_int_equal(choice.finish, natural > 10 ? SAY_LENGTH : SAY_STOP);
        plan(CHAT(", \"min_tokens\": 30"), ASK_CHAT, 1000, seed);
        assert_int_equal(choice.tokens, natural < 30 ? 30 : natural);
        plan(CHAT(""), ASK_CHAT, 5, seed);
        assert_in_range(choice.tokens, 1, 5);
        plan(CHAT(", \"max_tokens\": 300, \"ignore_eos\": true"), ASK_CHAT, 1000, seed);
        assert_int_equal(choice.tokens, 300);
        assert_int_equal(choice.finish, SAY_LENGTH);
    }
}

static void effort_changes_how_long_it_thinks(void **state)
{
    (void)state;
    preset = small_preset(PRESET_BATCH);
    preset.answer.thinking_median = 40;
    preset.answer.thinking_p90 = 40;
    plan(CHAT(""), ASK_CHAT, 1000, 1);
    assert_int_equal(choice.thinking, 40);
    assert_true(choice.tokens > 40);
    plan(CHAT(", \"reasoning_effort\": \"low\""), ASK_CHAT, 1000, 1);
    assert_int_equal(choice.thinking, 10);
    plan(CHAT(", \"reasoning_effort\": \"high\""), ASK_CHAT, 1000, 1);
    assert_int_equal(choice.thinking, 80);
    plan(CHAT(", \"reasoning_effort\": \"none\""), ASK_CHAT, 1000, 1);
    assert_int_equal(choice.thinking, 0);
    plan("{\"prompt\": \"x\"}", ASK_COMPLETION, 1000, 1);
    assert_int_equal(choice.thinking, 0);
}

/* ── what events say, put together, is what the whole answer says ── */

static struct json_value member(struct json_value object, const char *key)
{
    struct json_value value = {.document = NULL};
    (void)(object.document && json_get(object, span_str(key), &value));
    return value;
}

static struct json_value first_of(struct json_value list)
{
    struct json_value first = {.document = NULL};
    if (list.document) {
        struct json_walk walk = json_walk(list);
        (void)json_walk_next(&walk, NULL, &first);
    }
    return first;
}

static void append_member(struct buf *to, struct json_value object, const char *key)
{
    struct json_value value = member(object, key);
    if (value.document)
        buf_append(to, json_string(value));
}

struct joined {
    struct buf content, thoughts, arguments;
};

static void join_delta(struct joined *joined, struct json_value delta)
{
    struct json_value tool = first_of(member(delta, "tool_calls"));
    append_member(&joined->content, delta, "content");
    append_member(&joined->thoughts, delta, "reasoning_content");
    append_member(&joined->arguments, member(tool, "function"), "arguments");
}

/* Good until the next one is read. */
static struct json_value read_json(struct span bytes)
{
    static struct json_parser *parser;
    static char padded[65536 + JSON_PADDING];
    struct json_value root;
    struct err err = {""};
    if (!parser)
        parser = json_parser_new(65536, 16);
    assert_in_range(bytes.len, 0, 65536);
    memcpy(padded, bytes.ptr, bytes.len);
    if (json_parse(parser, span_of(padded, bytes.len), &root, &err) < 0)
        fail_msg("%s in %.*s", err.text, (int)bytes.len, bytes.ptr);
    return root;
}

static void init(struct joined *joined)
{
    buf_init(&joined->content, 65536);
    buf_init(&joined->thoughts, 65536);
    buf_init(&joined->arguments, 65536);
}

static void join_events(uint32_t step, struct joined *joined)
{
    init(joined);
    for (uint32_t from = 0; from < choice.tokens; from += step) {
        choice.made = MIN(from + step, choice.tokens);
        buf_clear(&text);
        say_event(&say, &choice, from, &text);
        assert_true(span_starts(buf_span(&text), SPAN("data: ")));
        assert_true(span_ends(buf_span(&text), SPAN("\n\n")));
        struct json_value event = read_json(span_of(text.ptr + 6, text.len - 8));
        struct json_value said = first_of(member(event, "choices"));
        join_delta(joined, member(said, "delta"));
        assert_int_equal(json_kind(member(said, "finish_reason")) == JSON_NULL,
                         choice.made < choice.tokens);
    }
}

static void compare_with_whole(const struct joined *joined)
{
    struct joined whole;
    init(&whole);
    buf_clear(&text);
    say_whole(&say, &choice, &text);
    join_delta(&whole, member(first_of(member(read_json(buf_span(&text)), "choices")), "message"));
    assert_true(span_eq(buf_span(&whole.content), buf_span(&joined->content)));
    assert_true(span_eq(buf_span(&whole.thoughts), buf_span(&joined->thoughts)));
    assert_true(span_eq(buf_span(&whole.arguments), buf_span(&joined->arguments)));
    buf_release(&whole.content);
    buf_release(&whole.thoughts);
    buf_release(&whole.arguments);
}

static void release(struct joined *joined)
{
    buf_release(&joined->content);
    buf_release(&joined->thoughts);
    buf_release(&joined->arguments);
    buf_release(&text);
}

static void events_and_the_whole_say_the_same(void **state)
{
    (void)state;
    struct joined joined;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        preset = small_preset(PRESET_BATCH);
        preset.answer.thinking_median = 5;
        preset.answer.thinking_p90 = 9;
        preset.model.words = seed % 2 ? PRESET_MIXED : PRESET_LATIN;
        buf_init(&text, 1 << 20);
        plan(CHAT(", \"min_tokens\": 20"), ASK_CHAT, 1000, seed);
        join_events(1 + seed % 4, &joined);
        assert_true(joined.content.len > 0 && joined.thoughts.len > 0);
        compare_with_whole(&joined);
        release(&joined);
    }
}

static void a_tool_call_has_arguments_that_are_json(void **state)
{
    (void)state;
    struct joined joined;
    preset = small_preset(PRESET_BATCH);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        buf_init(&text, 1 << 20);
        plan(CHAT(", \"tools\": [{\"function\": {\"name\": \"g\\\"o\"}}], \"tool_choice\": "
                  "\"required\""),
             ASK_CHAT, 1000, seed);
        assert_int_equal(choice.finish, SAY_TOOL_CALLS);
        join_events(1, &joined);
        compare_with_whole(&joined);
        struct json_value arguments = read_json(buf_span(&joined.arguments));
        assert_int_equal(json_kind(member(arguments, "text")), JSON_STRING);
        release(&joined);
    }
}

static int64_t usage_of(struct json_value answer, const char *key)
{
    int64_t tokens = -1;
    (void)json_i64(member(member(answer, "usage"), key), &tokens);
    return tokens;
}

static void usage_lies_when_it_is_told_to(void **state)
{
    (void)state;
    static const struct {
        enum fault fault;
        long told;
    } lies[] = {{FAULT_ERROR, 10}, {FAULT_USAGE_LOW, 5}, {FAULT_USAGE_HIGH, 20}};
    preset = small_preset(PRESET_BATCH);
    buf_init(&text, 65536);
    plan(CHAT(", \"max_tokens\": 10, \"ignore_eos\": true"), ASK_CHAT, 1000, 1);
    choice.made = 10;
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        say.faults.bits = 1u << lies[i].fault;
        buf_clear(&text);
        say_whole(&say, &choice, &text);
        struct json_value answer = read_json(buf_span(&text));
        assert_int_equal(usage_of(answer, "completion_tokens"), lies[i].told);
        assert_int_equal(usage_of(answer, "total_tokens"), lies[i].told + say.prompt_tokens);
    }
    say.faults.bits = 1u << FAULT_USAGE_NONE;
    buf_clear(&text);
    say_whole(&say, &choice, &text);
    assert_int_equal(span_find(buf_span(&text), SPAN("usage")), -1);
    buf_release(&text);
}

static void usage_counts_one_choice_or_all(void **state)
{
    (void)state;
    preset = small_preset(PRESET_BATCH);
    for (int all = 0; all <= 1; all++) {
        preset.habits.counts_choices = all;
        plan(CHAT(", \"n\": 3"), ASK_CHAT, 1000, 1);
        struct say_choice choices[3] = {choice, choice, choice};
        for (uint32_t i = 0; i < 3; i++) {
            choices[i].index = i;
            choices[i].made = choices[i].tokens = 7;
        }
        buf_init(&text, 65536);
        say_whole(&say, choices, &text);
        struct json_value answer = read_json(buf_span(&text));
        assert_int_equal(json_count(member(answer, "choices")), 3);
        assert_int_equal(usage_of(answer, "completion_tokens"), all ? 21 : 7);
        buf_release(&text);
    }
}

static void errors_are_json(void **state)
{
    (void)state;
    buf_init(&text, 65536);
    say_error(404, "no \"such\" model", &text);
    assert_string_equal(buf_cstr(&text),
                        "{\"error\":{\"message\":\"no \\\"such\\\" model\",\"type\":"
                        "\"NotFoundError\",\"param\":null,\"code\":404}}");
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_cut_and_stretch_an_answer),
        cmocka_unit_test(effort_changes_how_long_it_thinks),
        cmocka_unit_test(events_and_the_whole_say_the_same),
        cmocka_unit_test(a_tool_call_has_arguments_that_are_json),
        cmocka_unit_test(usage_lies_when_it_is_told_to),
        cmocka_unit_test(usage_counts_one_choice_or_all),
        cmocka_unit_test(errors_are_json),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
