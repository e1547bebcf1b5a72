/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine's JSON becomes views whose every member is of its kind. One table for each object names the members that mean
 * something here; all others are passed over, whatever they hold. `null` is the same as missing, except where a table says
 * otherwise.
 */
#include "dialect/answer_internal.h"

#include <stdarg.h>

#define BYTES_PER_TOKEN_GUESS                                                                      \
    4 /* of whole answers; the engine's own number is used unless it is far off */

#define KIND(kind) (1u << (kind))
#define KIND_NUMBER (KIND(JSON_INT) | KIND(JSON_UINT) | KIND(JSON_DOUBLE))

/* One member that is wanted: where its value goes, and what it may be. */
struct wanted {
    struct span name;
    size_t offset;
    unsigned kinds;
};

int answer_refuse(struct answer *answer, struct refusal *refusal, enum reason reason,
                  const char *format, ...)
{
    *refusal = (struct refusal){.reason = reason};
    va_list args;
    va_start(args, format);
    if (vsnprintf(answer->detail.text, sizeof(answer->detail.text), format, args) < 0)
        answer->detail.text[0] = '\0';
    va_end(args);
    return -EINVAL;
}

static int wrong_kind(struct answer *answer, struct span name, struct refusal *refusal)
{
    return answer_refuse(answer, refusal, REASON_BAD_ANSWER, "'%.*s' has a wrong type",
                         (int)name.len, name.ptr);
}

/* Puts the wanted members of `object` into the struct at `values`. */
static int pick(struct answer *answer, struct json_value object, const struct wanted *wanted,
                size_t count, void *values, struct refusal *refusal)
{
    struct json_walk walk = json_walk(object);
    struct span name;
    struct json_value value;
    while (json_walk_next(&walk, &name, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (!span_eq(name, wanted[i].name))
                continue;
            enum json_kind kind = json_kind(value);
            if (wanted[i].kinds & KIND(kind))
                *(struct json_value *)(void *)((char *)values + wanted[i].offset) = value;
            else if (kind != JSON_NULL)
                return wrong_kind(answer, wanted[i].name, refusal);
            break;
        }
    }
    return 0;
}

static struct span text_of(struct json_value value)
{
    return is_there(value) ? json_string(value) : SPAN_NULL;
}

/* ---- the top level ---------------------------------------------------------------------------- */

#define TOP(name, kinds)                                                                           \
    {                                                                                              \
        {#name, sizeof(#name) - 1}, offsetof(struct answer_view, name), kinds                      \
    }
static const struct wanted top_wanted[] = {
    TOP(choices, KIND(JSON_ARRAY)),
    TOP(id, KIND(JSON_STRING)),
    TOP(created, KIND_NUMBER),
    TOP(object, KIND(JSON_STRING)),
    TOP(usage, KIND(JSON_OBJECT)),
    TOP(data, KIND(JSON_ARRAY)),
    TOP(service_tier, KIND(JSON_STRING)),
    TOP(error, ~KIND(JSON_NULL)),
};
#undef TOP

/* json_parse() has said in the detail what is wrong. */
static int refuse_json(struct answer *answer, int failure, struct refusal *refusal)
{
    enum reason reason = REASON_BAD_ANSWER;
    if (failure == -ENOMEM)
        reason = REASON_INTERNAL;
    else if (failure == -ENOSPC)
        reason = REASON_ANSWER_TOO_LARGE;
    *refusal = (struct refusal){.reason = reason};
    return err_prefix(&answer->detail, -EINVAL, "not JSON as it should be");
}

/* An engine may say {"error":{…}} in its stream, or (older vLLM) {"object":"error","message":…}. */
static int read_error(struct answer *answer, const struct answer_view *view,
                      struct refusal *refusal)
{
    struct json_value error = is_there(view->error) ? view->error : view->root;
    struct json_value code;
    int64_t status = 500;
    if (json_get(error, SPAN("code"), &code))
        (void)json_i64(code, &status); /* stays as it was for words */
    engine_error_read(status >= 400 && status <= 599 ? (unsigned)status : 500, error, refusal,
                      &answer->detail);
    return -EINVAL;
}

int answer_view_read(struct answer *answer, struct json_parser *parser, struct span text,
                     struct answer_view *ret_view, struct refusal *ret_refusal)
{
    struct json_value root;
    int r = json_parse(parser, text, &root, &answer->detail);
    if (r < 0)
        return refuse_json(answer, r, ret_refusal);
    if (json_kind(root) == JSON_NULL)
        return 0;
    if (json_kind(root) != JSON_OBJECT)
        return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER, "not an object");
    *ret_view = (struct answer_view){.root = root};
    r = pick(answer, root, top_wanted, COUNT_OF(top_wanted), ret_view, ret_refusal);
    if (r < 0)
        return r;
    if (is_there(ret_view->error) || span_eq(text_of(ret_view->object), SPAN("error")))
        return read_error(answer, ret_view, ret_refusal);
    if (text_of(ret_view->id).len > ANSWER_ID_MAX)
        return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER, "'id' is too long");
    return 1;
}

int event_view_read(struct answer *answer, struct json_parser *parser, struct span data,
                    struct answer_view *ret_view, struct refusal *ret_refusal)
{
    int r = answer_view_read(answer, parser, data, ret_view, ret_refusal);
    if (r > 0 && (!is_there(ret_view->choices) || answer->terms.endpoint == ENDPOINT_EMBEDDING))
        return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER, "an event without 'choices'");
    return r;
}

/* ---- a choice --------------------------------------------------------------------------------- */

struct parts {
    struct json_value index, body, text, finish;
    struct json_value role, content, reasoning_content, reasoning, refusal;
    struct json_value tool_calls, function_call, logprobs, stop_reason;
    struct json_value logprobs_content, logprobs_tokens;
};

#define PART(name, member, kinds)                                                                  \
    {                                                                                              \
        {name, sizeof(name) - 1}, offsetof(struct parts, member), kinds                            \
    }
static const struct wanted chat_event_wanted[] = {
    PART("index", index, KIND(JSON_INT)),
    PART("delta", body, KIND(JSON_OBJECT)),
    PART("finish_reason", finish, KIND(JSON_STRING)),
    PART("logprobs", logprobs, KIND(JSON_OBJECT) | KIND(JSON_NULL)),
    PART("stop_reason", stop_reason, KIND(JSON_STRING) | KIND(JSON_INT) | KIND(JSON_NULL)),
};
static const struct wanted chat_whole_wanted[] = {
    PART("index", index, KIND(JSON_INT)),
    PART("message", body, KIND(JSON_OBJECT)),
    PART("finish_reason", finish, KIND(JSON_STRING)),
    PART("logprobs", logprobs, KIND(JSON_OBJECT) | KIND(JSON_NULL)),
};
static const struct wanted completion_wanted[] = {
    PART("index", index, KIND(JSON_INT)),
    PART("text", text, KIND(JSON_STRING)),
    PART("finish_reason", finish, KIND(JSON_STRING)),
    PART("logprobs", logprobs, KIND(JSON_OBJECT) | KIND(JSON_NULL)),
    PART("stop_reason", stop_reason, KIND(JSON_STRING) | KIND(JSON_INT) | KIND(JSON_NULL)),
};
static const struct wanted body_wanted[] = {
    PART("content", content, KIND(JSON_STRING)),
    PART("role", role, KIND(JSON_STRING)),
    PART("reasoning_content", reasoning_content, KIND(JSON_STRING)),
    PART("reasoning", reasoning, KIND(JSON_STRING)),
    PART("tool_calls", tool_calls, KIND(JSON_ARRAY)),
    PART("function_call", function_call, KIND(JSON_OBJECT)),
    PART("refusal", refusal, KIND(JSON_STRING)),
};
static const struct wanted logprobs_wanted[] = {
    PART("content", logprobs_content, KIND(JSON_ARRAY)),
    PART("tokens", logprobs_tokens, KIND(JSON_ARRAY)),
};
#undef PART

static int read_parts(struct answer *answer, struct json_value choice, bool whole,
                      struct parts *parts, struct refusal *refusal)
{
    int r;
    if (json_kind(choice) != JSON_OBJECT)
        return wrong_kind(answer, SPAN("choices"), refusal);
    if (answer->terms.endpoint == ENDPOINT_COMPLETION)
        r = pick(answer, choice, completion_wanted, COUNT_OF(completion_wanted), parts, refusal);
    else if (whole)
        r = pick(answer, choice, chat_whole_wanted, COUNT_OF(chat_whole_wanted), parts, refusal);
    else
        r = pick(answer, choice, chat_event_wanted, COUNT_OF(chat_event_wanted), parts, refusal);
    if (r == 0 && is_there(parts->body))
        r = pick(answer, parts->body, body_wanted, COUNT_OF(body_wanted), parts, refusal);
    if (r == 0 && is_there(parts->logprobs))
        r = pick(answer, parts->logprobs, logprobs_wanted, COUNT_OF(logprobs_wanted), parts,
                 refusal);
    return r;
}

static struct choice *state_of(struct answer *answer, struct json_value index)
{
    int64_t number;
    if (!is_there(index) || !json_i64(index, &number) || number < 0 ||
        number >= (int64_t)answer->terms.choices)
        return NULL;
    return &answer->choices[number];
}

struct tool_parts {
    struct json_value index, id, type, function, name, arguments;
};

#define TOOL(name, kinds)                                                                          \
    {                                                                                              \
        {#name, sizeof(#name) - 1}, offsetof(struct tool_parts, name), kinds                       \
    }
static const struct wanted tool_wanted[] = {
    TOOL(index, KIND(JSON_INT)),
    TOOL(id, KIND(JSON_STRING)),
    TOOL(type, KIND(JSON_STRING)),
    TOOL(function, KIND(JSON_OBJECT)),
};
static const struct wanted function_wanted[] = {
    TOOL(name, KIND(JSON_STRING)),
    TOOL(arguments, KIND(JSON_STRING)),
};
#undef TOOL

int tool_view_read(struct answer *answer, struct json_value call, size_t position,
                   struct tool_view *ret_view, struct refusal *ret_refusal)
{
    struct tool_parts parts = {0};
    int64_t index = (int64_t)position;
    if (json_kind(call) != JSON_OBJECT)
        return wrong_kind(answer, SPAN("tool_calls"), ret_refusal);
    int r = pick(answer, call, tool_wanted, COUNT_OF(tool_wanted), &parts, ret_refusal);
    if (r == 0 && is_there(parts.function))
        r = pick(answer, parts.function, function_wanted, COUNT_OF(function_wanted), &parts,
                 ret_refusal);
    if (r < 0)
        return r;
    if (is_there(parts.index))
        (void)json_i64(parts.index, &index); /* an integer: looked at above */
    if (index < 0 || index >= ANSWER_TOOL_CALLS_MAX)
        return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER,
                             "a tool call has the index %lld", (long long)index);
    *ret_view = (struct tool_view){(size_t)index, text_of(parts.id), text_of(parts.type),
                                   text_of(parts.name), text_of(parts.arguments)};
    return 0;
}

int function_view_read(struct answer *answer, struct json_value function,
                       struct tool_view *ret_view, struct refusal *ret_refusal)
{
    struct tool_parts parts = {0};
    int r = pick(answer, function, function_wanted, COUNT_OF(function_wanted), &parts, ret_refusal);
    if (r < 0)
        return r;
    *ret_view =
        (struct tool_view){.name = text_of(parts.name), .arguments = text_of(parts.arguments)};
    return 0;
}

static size_t tool_bytes(const struct tool_view *tool)
{
    return tool->id.len + tool->name.len + tool->arguments.len;
}

/* Checks all calls; *bytes grows by what they say. */
static int read_tools(struct answer *answer, const struct choice_view *view, size_t *bytes,
                      struct refusal *refusal)
{
    struct tool_view tool;
    if (is_there(view->tool_calls)) {
        struct json_walk walk = json_walk(view->tool_calls);
        struct json_value call;
        for (size_t position = 0; json_walk_next(&walk, NULL, &call); position++) {
            int r = tool_view_read(answer, call, position, &tool, refusal);
            if (r < 0)
                return r;
            *bytes += tool_bytes(&tool);
        }
    }
    if (is_there(view->function_call)) {
        int r = function_view_read(answer, view->function_call, &tool, refusal);
        if (r < 0)
            return r;
        *bytes += tool_bytes(&tool);
    }
    return 0;
}

static uint64_t tokens_of(const struct parts *parts, size_t bytes, bool whole)
{
    uint64_t listed =
        MAX(is_there(parts->logprobs_content) ? json_count(parts->logprobs_content) : 0,
            is_there(parts->logprobs_tokens) ? json_count(parts->logprobs_tokens) : 0);
    if (whole)
        return listed ? listed : (bytes + BYTES_PER_TOKEN_GUESS - 1) / BYTES_PER_TOKEN_GUESS;
    return listed ? listed : bytes > 0;
}

int choice_view_read(struct answer *answer, struct json_value choice, bool whole,
                     struct choice_view *ret_view, struct refusal *ret_refusal)
{
    struct parts parts = {0};
    int r = read_parts(answer, choice, whole, &parts, ret_refusal);
    if (r < 0)
        return r;
    struct choice_view view = {
        .state = state_of(answer, parts.index),
        .role = text_of(parts.role),
        .text = text_of(is_there(parts.text) ? parts.text : parts.content),
        .reasoning =
            text_of(is_there(parts.reasoning_content) ? parts.reasoning_content : parts.reasoning),
        .refusal = text_of(parts.refusal),
        .finish = text_of(parts.finish),
        .one_sided = is_there(parts.reasoning_content) != is_there(parts.reasoning),
        .tool_calls = parts.tool_calls,
        .function_call = parts.function_call,
        .logprobs = parts.logprobs,
        .stop_reason = parts.stop_reason,
    };
    if (!view.state)
        return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER,
                             "a choice's index is missing or not one of %u", answer->terms.choices);
    if (view.finish.len > ANSWER_FINISH_MAX)
        return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER, "'finish_reason' is too long");
    size_t bytes = view.text.len + view.reasoning.len + view.refusal.len;
    r = read_tools(answer, &view, &bytes, ret_refusal);
    if (r < 0)
        return r;
    view.tokens = tokens_of(&parts, bytes, whole);
    *ret_view = view;
    return 0;
}

bool answer_count(struct answer *answer, const struct choice_view *view)
{
    struct choice *choice = view->state;
    uint64_t tokens_max = answer->terms.output_tokens_max;
    if (tokens_max > 0 && view->tokens > 0 && choice->tokens >= tokens_max) {
        if (choice->over)
            return false;
        choice->over = true;
    }
    choice->seen = true;
    choice->tokens += view->tokens;
    meter_count(&answer->meter, view->tokens);
    if (!span_is_null(view->finish) && !choice->ended) {
        choice->ended = true;
        answer->usage.ended_since++;
    }
    return true;
}

struct span raw_member(struct span text, struct json_value object, struct span key)
{
    struct json_walk walk = json_walk(object);
    struct json_members members = json_members(text);
    struct json_value value;
    struct span name, raw_key, raw;
    while (json_walk_next(&walk, &name, &value) && json_members_next(&members, &raw_key, &raw)) {
        if (span_eq(name, key))
            return raw;
    }
    return SPAN_NULL;
}
