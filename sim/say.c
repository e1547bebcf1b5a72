/* SPDX-License-Identifier: Apache-2.0 */
#include "say.h"

#include "base/json_out.h"
#include "base/text.h"
#include "words.h"

#define FINGERPRINT "simllm"

/* ── the plan ── */

void say_init(struct say *say, const struct ask *ask, const struct preset *preset, uint64_t seed,
              uint64_t created_s)
{
    static const char *const prefixes[] = {"chatcmpl-", "cmpl-", "embd-"};
    char number[TEXT_BASE62_U64];
    *say = (struct say){
        .preset = preset,
        .kind = ask->kind,
        .stream = ask->stream,
        .include_usage = ask->include_usage,
        .continuous_usage = ask->continuous_usage,
        .created_s = created_s,
        .prompt_tokens = prompt_tokens(&ask->prompt),
        .inputs = ask->inputs,
        .choices_count = ask->choices,
    };
    memcpy(say->tool, ask->tool, sizeof(say->tool));
    text_base62(seed, number);
    (void)snprintf(say->id, sizeof(say->id), "%s%.*s", prefixes[ask->kind], TEXT_BASE62_U64,
                   number);
}

static uint32_t thinking_length(const struct preset *preset, double effort, struct chance *chance)
{
    if (preset->answer.thinking_median == 0 || effort <= 0)
        return 0;
    return chance_length(chance, preset->answer.thinking_median * effort,
                         preset->answer.thinking_p90 * effort, preset->model.context_tokens);
}

void say_plan(const struct say *say, const struct ask *ask, uint32_t room, uint32_t index,
              uint64_t seed, struct say_choice *ret_choice)
{
    const struct preset *preset = say->preset;
    struct chance chance = chance_of(seed);
    struct say_choice choice = {.index = index, .seed = chance_u64(&chance), .tokens = 1};
    if (say->kind != ASK_EMBEDDINGS) {
        if (say->kind == ASK_CHAT)
            choice.thinking = thinking_length(preset, ask->effort, &chance);
        uint32_t length = chance_length(&chance, preset->answer.tokens_median,
                                        preset->answer.tokens_p90, preset->model.context_tokens);
        uint64_t wanted = MAX((uint64_t)choice.thinking + length, (uint64_t)ask->min_tokens);
        uint32_t limit = MIN(ask->max_tokens, room);
        choice.finish = say->tool[0] != '\0' ? SAY_TOOL_CALLS : SAY_STOP;
        if (ask->ignore_eos || wanted > limit)
            choice.finish = SAY_LENGTH;
        choice.tokens = ask->ignore_eos || wanted > limit ? limit : (uint32_t)wanted;
    }
    *ret_choice = choice;
}

/* ── pieces ── */

static bool is_over(const struct say_choice *choice)
{
    return choice->made == choice->tokens;
}

const char *say_finish_name(enum say_finish finish)
{
    static const char *const names[] = {"stop", "length", "tool_calls"};
    return names[finish];
}

/* The text of tokens from + 1 … to, numbered from `start`; without quotes. */
static void write_pieces(const struct say *say, const struct say_choice *choice, uint32_t start,
                         uint32_t from, uint32_t to, struct buf *buf)
{
    uint64_t seed = choice->seed + (start > 0);
    for (uint32_t i = from; i < to; i++)
        buf_append(buf, words_piece(say->preset->model.words, seed, i - start));
}

static bool has_thoughts(const struct say_choice *choice, uint32_t from)
{
    return from < choice->thinking && choice->made > from;
}

static void write_thoughts(const struct say *say, const struct say_choice *choice, uint32_t from,
                           struct buf *buf)
{
    buf_append(buf, say->preset->habits.thinking_field == PRESET_REASONING
                        ? SPAN("\"reasoning\":\"")
                        : SPAN("\"reasoning_content\":\""));
    write_pieces(say, choice, 0, from, MIN(choice->made, choice->thinking), buf);
    buf_append(buf, SPAN("\""));
}

/* The function's arguments, {"text": "…"}, as the inside of a JSON string; what its schema asks for is not looked at. */
static void write_arguments(const struct say *say, const struct say_choice *choice, uint32_t from,
                            struct buf *buf)
{
    if (from <= choice->thinking)
        buf_append(buf, SPAN("{\\\"text\\\": \\\""));
    write_pieces(say, choice, choice->thinking, MAX(from, choice->thinking), choice->made, buf);
    if (is_over(choice) && choice->finish == SAY_TOOL_CALLS)
        buf_append(buf, SPAN("\\\"}"));
}

static void write_tool_call(const struct say *say, const struct say_choice *choice, uint32_t from,
                            struct buf *buf)
{
    buf_append(buf, SPAN("\"tool_calls\":[{"));
    if (say->stream)
        buf_append(buf, SPAN("\"index\":0,"));
    if (from <= choice->thinking) {
        buf_printf(buf, "\"id\":\"call_%016llx\",\"type\":\"function\",",
                   (unsigned long long)choice->seed);
        buf_append(buf, SPAN("\"function\":{\"name\":\""));
        json_escape(buf, span_str(say->tool));
        buf_append(buf, SPAN("\",\"arguments\":\""));
    } else {
        buf_append(buf, SPAN("\"function\":{\"arguments\":\""));
    }
    write_arguments(say, choice, from, buf);
    buf_append(buf, SPAN("\"}}]"));
}

/* Members of a delta or a message for the tokens behind `from`. */
static void write_said(const struct say *say, const struct say_choice *choice, uint32_t from,
                       struct buf *buf)
{
    bool thoughts = has_thoughts(choice, from);
    bool answers = choice->made > choice->thinking;
    if (thoughts)
        write_thoughts(say, choice, from, buf);
    if (thoughts && answers)
        buf_append(buf, SPAN(","));
    if (answers && say->tool[0] != '\0') {
        write_tool_call(say, choice, from, buf);
    } else if (answers) {
        buf_append(buf, SPAN("\"content\":\""));
        write_pieces(say, choice, choice->thinking, MAX(from, choice->thinking), choice->made, buf);
        buf_append(buf, SPAN("\""));
    }
}

static void write_finish(const struct say_choice *choice, struct buf *buf)
{
    buf_append(buf, SPAN(",\"finish_reason\":"));
    if (is_over(choice))
        buf_printf(buf, "\"%s\"}", say_finish_name(choice->finish));
    else
        buf_append(buf, SPAN("null}"));
}

/* ── usage, which may lie ── */

static uint64_t as_told(const struct say *say, uint64_t tokens)
{
    if (fault_in(say->faults, FAULT_USAGE_LOW))
        return tokens / 2;
    return fault_in(say->faults, FAULT_USAGE_HIGH) ? 2 * tokens : tokens;
}

static void write_usage(const struct say *say, uint64_t made, uint64_t thoughts, struct buf *buf)
{
    uint64_t completion = as_told(say, made);
    buf_printf(buf, "{\"prompt_tokens\":%u,\"total_tokens\":%llu,\"completion_tokens\":%llu",
               say->prompt_tokens, (unsigned long long)(say->prompt_tokens + completion),
               (unsigned long long)completion);
    if (say->preset->answer.thinking_median > 0)
        buf_printf(buf, ",\"completion_tokens_details\":{\"reasoning_tokens\":%llu}",
                   (unsigned long long)as_told(say, thoughts));
    buf_append(buf, SPAN("}"));
}

static void write_usage_of_all(const struct say *say, const struct say_choice *choices,
                               struct buf *buf)
{
    uint32_t counted = say->preset->habits.counts_choices ? say->choices_count : 1;
    uint64_t made = 0, thoughts = 0;
    for (uint32_t i = 0; i < counted; i++) {
        made += choices[i].made;
        thoughts += MIN(choices[i].made, choices[i].thinking);
    }
    write_usage(say, made, thoughts, buf);
}

/* ── events ── */

static void write_head(const struct say *say, struct span object, struct buf *buf)
{
    buf_append(buf, SPAN("{\"id\":\""));
    buf_append(buf, span_str(say->id));
    buf_append(buf, SPAN("\",\"object\":\""));
    buf_append(buf, object);
    buf_append(buf, SPAN("\",\"created\":"));
    buf_append_u64(buf, say->created_s);
    buf_append(buf, SPAN(",\"model\":\""));
    json_escape(buf, span_str(say->preset->model.name));
    buf_append(buf, SPAN("\",\"system_fingerprint\":\"" FINGERPRINT "\",\"choices\":["));
}

static struct span event_object(const struct say *say)
{
    return say->kind == ASK_CHAT ? SPAN("chat.completion.chunk") : SPAN("text_completion");
}

static void write_delta(const struct say *say, const struct say_choice *choice, uint32_t from,
                        struct buf *buf)
{
    buf_append(buf, SPAN("{\"index\":"));
    buf_append_u64(buf, choice->index);
    if (say->kind == ASK_CHAT) {
        buf_append(buf,
                   from == 0 ? SPAN(",\"delta\":{\"role\":\"assistant\",") : SPAN(",\"delta\":{"));
        write_said(say, choice, from, buf);
        buf_append(buf, SPAN("}"));
    } else {
        buf_append(buf, SPAN(",\"text\":\""));
        write_pieces(say, choice, 0, from, choice->made, buf);
        buf_append(buf, SPAN("\""));
    }
    buf_append(buf, SPAN(",\"logprobs\":null"));
    write_finish(choice, buf);
}

void say_event(const struct say *say, const struct say_choice *choice, uint32_t from,
               struct buf *buf)
{
    buf_append(buf, SPAN("data: "));
    write_head(say, event_object(say), buf);
    write_delta(say, choice, from, buf);
    buf_append(buf, SPAN("]"));
    if (say->continuous_usage && !fault_in(say->faults, FAULT_USAGE_NONE)) {
        buf_append(buf, SPAN(",\"usage\":"));
        write_usage(say, choice->made, MIN(choice->made, choice->thinking), buf);
    }
    buf_append(buf, SPAN("}\n\n"));
}

void say_end(const struct say *say, const struct say_choice *choices, struct buf *buf)
{
    if (say->include_usage && !fault_in(say->faults, FAULT_USAGE_NONE)) {
        buf_append(buf, SPAN("data: "));
        write_head(say, event_object(say), buf);
        buf_append(buf, SPAN("],\"usage\":"));
        write_usage_of_all(say, choices, buf);
        buf_append(buf, SPAN("}\n\n"));
    }
    buf_append(buf, SPAN("data: [DONE]\n\n"));
}

/* ── whole ── */

static void write_choice(const struct say *say, const struct say_choice *choice, struct buf *buf)
{
    buf_append(buf, SPAN("{\"index\":"));
    buf_append_u64(buf, choice->index);
    if (say->kind == ASK_CHAT) {
        bool text = say->tool[0] == '\0' && choice->made > choice->thinking;
        buf_append(buf, SPAN(",\"message\":{\"role\":\"assistant\","));
        buf_append(buf, text ? SPAN("") : SPAN("\"content\":null,"));
        write_said(say, choice, 0, buf);
        buf_append(buf, SPAN("}"));
    } else {
        buf_append(buf, SPAN(",\"text\":\""));
        write_pieces(say, choice, 0, 0, choice->made, buf);
        buf_append(buf, SPAN("\""));
    }
    buf_append(buf, SPAN(",\"logprobs\":null"));
    write_finish(choice, buf);
}

static void write_embeddings(const struct say *say, const struct say_choice *choice,
                             struct buf *buf)
{
    struct json_out out = json_out_start(buf);
    struct chance chance = chance_of(choice->seed);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("object"));
    json_out_string(&out, SPAN("list"));
    json_out_key(&out, SPAN("model"));
    json_out_string(&out, span_str(say->preset->model.name));
    json_out_key(&out, SPAN("data"));
    json_out_open(&out, '[');
    for (uint32_t i = 0; i < say->inputs; i++) {
        json_out_open(&out, '{');
        json_out_key(&out, SPAN("object"));
        json_out_string(&out, SPAN("embedding"));
        json_out_key(&out, SPAN("index"));
        json_out_u64(&out, i);
        json_out_key(&out, SPAN("embedding"));
        json_out_open(&out, '[');
        for (int j = 0; j < SAY_EMBEDDING_SIZE; j++)
            json_out_double(&out, 2 * chance_unit(&chance) - 1);
        json_out_close(&out, ']');
        json_out_close(&out, '}');
    }
    json_out_close(&out, ']');
    json_out_key(&out, SPAN("usage"));
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("prompt_tokens"));
    json_out_u64(&out, say->prompt_tokens);
    json_out_key(&out, SPAN("total_tokens"));
    json_out_u64(&out, say->prompt_tokens);
    json_out_close(&out, '}');
    json_out_close(&out, '}');
}

void say_whole(const struct say *say, const struct say_choice *choices, struct buf *buf)
{
    if (say->kind == ASK_EMBEDDINGS) {
        write_embeddings(say, choices, buf);
        return;
    }
    write_head(say, say->kind == ASK_CHAT ? SPAN("chat.completion") : SPAN("text_completion"), buf);
    for (uint32_t i = 0; i < say->choices_count; i++) {
        buf_append(buf, i > 0 ? SPAN(",") : SPAN(""));
        write_choice(say, &choices[i], buf);
    }
    buf_append(buf, SPAN("]"));
    if (!fault_in(say->faults, FAULT_USAGE_NONE)) {
        buf_append(buf, SPAN(",\"usage\":"));
        write_usage_of_all(say, choices, buf);
    }
    buf_append(buf, SPAN("}"));
}

void say_error(unsigned status, const char *message, struct buf *buf)
{
    const char *type = status == 404   ? "NotFoundError"
                       : status == 401 ? "AuthenticationError"
                       : status >= 500 ? "InternalServerError"
                                       : "BadRequestError";
    struct json_out out = json_out_start(buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("error"));
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("message"));
    json_out_string(&out, span_str(message));
    json_out_key(&out, SPAN("type"));
    json_out_string(&out, span_str(type));
    json_out_key(&out, SPAN("param"));
    json_out_null(&out);
    json_out_key(&out, SPAN("code"));
    json_out_u64(&out, status);
    json_out_close(&out, '}');
    json_out_close(&out, '}');
}
