/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream → whole: what each choice says is collected, and written as the engine would have written it in one piece.
 *
 * Text is kept without escapes and written once at the end; the lists of `logprobs` are kept as the engine wrote them, so that no
 * number changes. The cost is linear in what comes. Everything kept counts against answer_bytes_max.
 *
 * `content` when no text came: engines differ. llama.cpp starts with null and answers whole with "", whatever else there is. vLLM starts
 * with "" and answers whole with null when there are tool calls or thinking instead. So do we.
 */
#include "dialect/answer_internal.h"

#include "base/alloc.h"

enum list {
    LIST_CONTENT,
    LIST_REFUSAL,
    LIST_TOKENS,
    LIST_TOKEN_LOGPROBS,
    LIST_TOP_LOGPROBS,
    LIST_TEXT_OFFSET,
    LISTS
};

static const struct span list_names[LISTS] = {
    [LIST_CONTENT] = {"content", 7},
    [LIST_REFUSAL] = {"refusal", 7},
    [LIST_TOKENS] = {"tokens", 6},
    [LIST_TOKEN_LOGPROBS] = {"token_logprobs", 14},
    [LIST_TOP_LOGPROBS] = {"top_logprobs", 12},
    [LIST_TEXT_OFFSET] = {"text_offset", 11},
};

/* How much of a value has come. */
enum came { CAME_NOT, CAME_NULL, CAME };

/* One tool call; all its buffers empty: never heard of. */
struct tool {
    struct buf id, type, name, arguments;
    bool came;
};

struct assembly {
    struct buf role, text, reasoning, refusal, finish;
    struct buf stop_reason; /* JSON */
    enum came text_came, reasoning_came, refusal_came, logprobs_came, lists_came[LISTS];
    struct buf lists[LISTS]; /* the inside of JSON arrays */
    struct tool *tools;
    size_t tools_count;
    struct tool function; /* the older form of a call */
    int failed;
};

/* ---- collecting ------------------------------------------------------------------------------- */

static void tool_init(struct tool *tool, size_t bytes_max)
{
    buf_init(&tool->id, bytes_max);
    buf_init(&tool->type, bytes_max);
    buf_init(&tool->name, bytes_max);
    buf_init(&tool->arguments, bytes_max);
}

static void tool_release(struct tool *tool)
{
    buf_release(&tool->id);
    buf_release(&tool->type);
    buf_release(&tool->name);
    buf_release(&tool->arguments);
}

static struct assembly *assembly_new(size_t bytes_max)
{
    struct assembly *assembly = mem_zalloc(sizeof(*assembly));
    if (!assembly)
        return NULL;
    buf_init(&assembly->role, bytes_max);
    buf_init(&assembly->text, bytes_max);
    buf_init(&assembly->reasoning, bytes_max);
    buf_init(&assembly->refusal, bytes_max);
    buf_init(&assembly->finish, bytes_max);
    buf_init(&assembly->stop_reason, bytes_max);
    for (size_t i = 0; i < LISTS; i++)
        buf_init(&assembly->lists[i], bytes_max);
    tool_init(&assembly->function, bytes_max);
    return assembly;
}

void assembly_free(struct assembly *assembly)
{
    if (!assembly)
        return;
    buf_release(&assembly->role);
    buf_release(&assembly->text);
    buf_release(&assembly->reasoning);
    buf_release(&assembly->refusal);
    buf_release(&assembly->finish);
    buf_release(&assembly->stop_reason);
    for (size_t i = 0; i < LISTS; i++)
        buf_release(&assembly->lists[i]);
    for (size_t i = 0; i < assembly->tools_count; i++)
        tool_release(&assembly->tools[i]);
    mem_free(assembly->tools);
    tool_release(&assembly->function);
    mem_free(assembly);
}

/* Keeps `text` behind what is in `buf`. */
static void keep(struct answer *answer, struct assembly *assembly, struct buf *buf,
                 struct span text)
{
    buf_append(buf, text);
    answer->bytes += text.len;
    if (buf_status(buf) < 0)
        assembly->failed = buf_status(buf);
}

/* For what comes once: an engine that repeats it says nothing new. */
static void keep_first(struct answer *answer, struct assembly *assembly, struct buf *buf,
                       struct span text)
{
    if (buf->len == 0)
        keep(answer, assembly, buf, text);
}

static enum came came_of(enum came before, struct span text)
{
    return span_is_null(text) ? before : CAME;
}

/* The tool of that index, made when it is new; NULL when out of memory. */
static struct tool *tool_at(struct answer *answer, struct assembly *assembly, size_t index)
{
    if (index >= assembly->tools_count) {
        size_t count = index + 1;
        struct tool *tools = mem_realloc(assembly->tools, count * sizeof(*tools));
        if (!tools)
            return NULL;
        memset(tools + assembly->tools_count, 0, (count - assembly->tools_count) * sizeof(*tools));
        for (size_t i = assembly->tools_count; i < count; i++)
            tool_init(&tools[i], answer->terms.answer_bytes_max);
        answer->bytes += (count - assembly->tools_count) * sizeof(*tools);
        assembly->tools = tools;
        assembly->tools_count = count;
    }
    return &assembly->tools[index];
}

static void keep_tool(struct answer *answer, struct assembly *assembly, struct tool *tool,
                      const struct tool_view *view)
{
    tool->came = true;
    keep_first(answer, assembly, &tool->id, view->id);
    keep_first(answer, assembly, &tool->type, view->type);
    keep_first(answer, assembly, &tool->name, view->name);
    keep(answer, assembly, &tool->arguments, view->arguments);
}

static int gather_tools(struct answer *answer, struct assembly *assembly,
                        const struct choice_view *view, struct refusal *refusal)
{
    struct tool_view call;
    struct json_value item;
    if (is_there(view->tool_calls)) {
        struct json_walk walk = json_walk(view->tool_calls);
        for (size_t position = 0; json_walk_next(&walk, NULL, &item); position++) {
            int r = tool_view_read(answer, item, position, &call, refusal);
            if (r < 0)
                return r;
            struct tool *tool = tool_at(answer, assembly, call.index);
            if (tool)
                keep_tool(answer, assembly, tool, &call);
            else
                assembly->failed = -ENOMEM;
        }
    }
    if (is_there(view->function_call)) {
        int r = function_view_read(answer, view->function_call, &call, refusal);
        if (r < 0)
            return r;
        keep_tool(answer, assembly, &assembly->function, &call);
    }
    return 0;
}

static void keep_stop_reason(struct assembly *assembly, struct json_value reason)
{
    int64_t number;
    struct json_out out = json_out_start(&assembly->stop_reason);
    buf_clear(&assembly->stop_reason);
    if (json_i64(reason, &number))
        json_out_i64(&out, number);
    else if (json_kind(reason) == JSON_STRING)
        json_out_string(&out, json_string(reason));
    else
        json_out_null(&out);
    if (buf_status(&assembly->stop_reason) < 0)
        assembly->failed = buf_status(&assembly->stop_reason);
}

/* The inside of an array's text, without white space around it. */
static struct span inside(struct span raw)
{
    while (raw.len > 2 && strchr(" \t\r\n", raw.ptr[raw.len - 2]))
        raw.len--;
    struct span text = span_take(span_skip(raw, 1), raw.len - 2);
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]))
        text = span_skip(text, 1);
    return text;
}

static void keep_list(struct answer *answer, struct assembly *assembly, enum list list,
                      struct span raw)
{
    struct buf *buf = &assembly->lists[list];
    struct span text = inside(raw);
    if (text.len > 0 && buf->len > 0)
        keep(answer, assembly, buf, SPAN(","));
    keep(answer, assembly, buf, text);
}

/* Only for requests that ask for logprobs. */
static int gather_lists_slow(struct answer *answer, struct assembly *assembly,
                             struct json_value logprobs, struct span raw_logprobs,
                             struct refusal *refusal)
{
    struct json_walk walk = json_walk(logprobs);
    struct json_members members = json_members(raw_logprobs);
    struct json_value value;
    struct span name, raw_key, raw;
    while (json_walk_next(&walk, &name, &value) && json_members_next(&members, &raw_key, &raw)) {
        for (size_t i = 0; i < LISTS; i++) {
            if (!span_eq(name, list_names[i]))
                continue;
            if (json_kind(value) == JSON_ARRAY) {
                keep_list(answer, assembly, (enum list)i, raw);
                assembly->lists_came[i] = CAME;
            } else if (json_kind(value) != JSON_NULL) {
                return answer_refuse(answer, refusal, REASON_BAD_ANSWER,
                                     "logprobs: '%s' has a wrong type", list_names[i].ptr);
            } else if (assembly->lists_came[i] == CAME_NOT) {
                assembly->lists_came[i] = CAME_NULL;
            }
        }
    }
    return 0;
}

/* One choice of an event, as it stands in the event's text. */
struct place {
    struct span data;
    struct json_value root, choice;
    size_t position; /* in `choices` */
};

static struct span raw_logprobs_of(const struct place *place)
{
    struct span choices = raw_member(place->data, place->root, SPAN("choices")), raw = SPAN_NULL;
    struct json_members elements = json_members(choices);
    size_t elements_left = place->position + 1;
    while (elements_left > 0 && json_elements_next(&elements, &raw))
        elements_left--;
    return raw_member(raw, place->choice, SPAN("logprobs"));
}

static int gather_logprobs(struct answer *answer, struct assembly *assembly,
                           struct json_value logprobs, const struct place *place,
                           struct refusal *refusal)
{
    if (!is_there(logprobs))
        return 0;
    if (json_kind(logprobs) == JSON_OBJECT) {
        assembly->logprobs_came = CAME;
        return gather_lists_slow(answer, assembly, logprobs, raw_logprobs_of(place), refusal);
    }
    if (assembly->logprobs_came == CAME_NOT)
        assembly->logprobs_came = CAME_NULL;
    return 0;
}

static int gather_choice(struct answer *answer, const struct choice_view *view,
                         const struct place *place, struct refusal *refusal)
{
    struct assembly *assembly = view->state->assembly;
    if (!assembly)
        assembly = view->state->assembly = assembly_new(answer->terms.answer_bytes_max);
    if (!assembly)
        return answer_refuse(answer, refusal, REASON_INTERNAL, "out of memory");

    assembly->text_came = came_of(assembly->text_came, view->text);
    assembly->reasoning_came = came_of(assembly->reasoning_came, view->reasoning);
    assembly->refusal_came = came_of(assembly->refusal_came, view->refusal);
    keep_first(answer, assembly, &assembly->role, view->role);
    keep(answer, assembly, &assembly->text, view->text);
    keep(answer, assembly, &assembly->reasoning, view->reasoning);
    keep(answer, assembly, &assembly->refusal, view->refusal);
    keep_first(answer, assembly, &assembly->finish, view->finish);
    if (is_there(view->stop_reason))
        keep_stop_reason(assembly, view->stop_reason);
    int r = gather_tools(answer, assembly, view, refusal);
    if (r == 0)
        r = gather_logprobs(answer, assembly, view->logprobs, place, refusal);
    if (r == 0 && assembly->failed)
        r = answer_refuse(answer, refusal, REASON_INTERNAL, "out of memory");
    return r;
}

/* All choices of one event; *ret_only is set when it has just one, *ret_cut when one goes beyond its maximum. */
static int gather_choices(struct answer *answer, const struct answer_view *view, struct span data,
                          struct choice **ret_only, bool *ret_cut, struct refusal *refusal)
{
    struct json_walk walk = json_walk(view->choices);
    struct place place = {.data = data, .root = view->root};
    struct choice_view choice;
    for (; json_walk_next(&walk, NULL, &place.choice); place.position++) {
        int r = choice_view_read(answer, place.choice, false, &choice, refusal);
        if (r < 0)
            return r;
        if (!answer_count(answer, &choice)) {
            *ret_cut = true;
            return 0;
        }
        r = gather_choice(answer, &choice, &place, refusal);
        if (r < 0)
            return r;
        *ret_only = place.position == 0 ? choice.state : NULL;
    }
    return 0;
}

int answer_gather(struct answer *answer, struct json_parser *parser, struct span data,
                  enum answer_state *ret_state, struct refusal *ret_refusal)
{
    struct answer_view view;
    struct choice *only = NULL;
    bool cut = answer->bytes + data.len > answer->terms.answer_bytes_max;
    *ret_state = answer->ended ? ANSWER_DONE : ANSWER_OPEN;
    if (answer->ended)
        return 0;
    if (answer_is_end(data)) {
        if (!answer_any_seen(answer))
            return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER, "ended without a choice");
        answer->ended = true;
        *ret_state = ANSWER_DONE;
        return 0;
    }
    int r = event_view_read(answer, parser, data, &view, ret_refusal);
    if (r <= 0)
        return r;
    answer_pin_head(answer, &view, true);
    /* The event that is too much is not counted either: what it says is not kept. */
    r = cut ? 0 : gather_choices(answer, &view, data, &only, &cut, ret_refusal);
    if (r == 0 && cut)
        *ret_state = ANSWER_CUT;
    else if (r == 0)
        r = usage_read(answer, &view, only, ret_refusal);
    return r;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void write_function(struct json_out *out, const struct tool *tool)
{
    json_out_open(out, '{');
    json_out_key(out, SPAN("name"));
    json_out_string(out, buf_span(&tool->name));
    json_out_key(out, SPAN("arguments"));
    json_out_string(out, buf_span(&tool->arguments));
    json_out_close(out, '}');
}

static void write_tools(struct json_out *out, const struct assembly *assembly)
{
    json_out_key(out, SPAN("tool_calls"));
    json_out_open(out, '[');
    for (size_t i = 0; i < assembly->tools_count; i++) {
        const struct tool *tool = &assembly->tools[i];
        if (!tool->came)
            continue;
        json_out_open(out, '{');
        if (tool->id.len > 0) {
            json_out_key(out, SPAN("id"));
            json_out_string(out, buf_span(&tool->id));
        }
        json_out_key(out, SPAN("type"));
        json_out_string(out, tool->type.len > 0 ? buf_span(&tool->type) : SPAN("function"));
        json_out_key(out, SPAN("function"));
        write_function(out, tool);
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
}

static void write_content(struct json_out *out, const struct assembly *assembly)
{
    bool other = assembly->tools_count > 0 || assembly->function.came ||
                 assembly->reasoning_came == CAME || assembly->refusal_came == CAME;
    json_out_key(out, SPAN("content"));
    if (assembly->text.len == 0 && assembly->text_came == CAME && other)
        json_out_null(out);
    else
        json_out_string(out, buf_span(&assembly->text));
}

static void write_message(struct json_out *out, const struct assembly *assembly)
{
    json_out_key(out, SPAN("message"));
    json_out_open(out, '{');
    json_out_key(out, SPAN("role"));
    json_out_string(out, assembly->role.len > 0 ? buf_span(&assembly->role) : SPAN("assistant"));
    write_content(out, assembly);
    if (assembly->reasoning_came == CAME) {
        json_out_key(out, SPAN("reasoning_content"));
        json_out_string(out, buf_span(&assembly->reasoning));
        json_out_key(out, SPAN("reasoning"));
        json_out_string(out, buf_span(&assembly->reasoning));
    }
    if (assembly->refusal_came == CAME) {
        json_out_key(out, SPAN("refusal"));
        json_out_string(out, buf_span(&assembly->refusal));
    }
    if (assembly->tools_count > 0)
        write_tools(out, assembly);
    if (assembly->function.came) {
        json_out_key(out, SPAN("function_call"));
        write_function(out, &assembly->function);
    }
    json_out_close(out, '}');
}

static void write_list(struct json_out *out, const struct assembly *assembly, enum list list)
{
    if (assembly->lists_came[list] == CAME_NOT)
        return;
    json_out_key(out, list_names[list]);
    if (assembly->lists_came[list] == CAME_NULL) {
        json_out_null(out);
        return;
    }
    json_out_open(out, '[');
    if (assembly->lists[list].len > 0)
        json_out_raw(out, buf_span(&assembly->lists[list]));
    json_out_close(out, ']');
}

/* Completions always have the member, chats when the engine's stream had it. */
static void write_logprobs(struct json_out *out, const struct assembly *assembly, bool always)
{
    if (assembly->logprobs_came == CAME_NOT && !always)
        return;
    json_out_key(out, SPAN("logprobs"));
    if (assembly->logprobs_came != CAME) {
        json_out_null(out);
        return;
    }
    json_out_open(out, '{');
    for (size_t i = 0; i < LISTS; i++)
        write_list(out, assembly, (enum list)i);
    json_out_close(out, '}');
}

static void write_choice(struct json_out *out, const struct answer *answer, uint32_t index,
                         bool cut)
{
    const struct assembly *assembly = answer->choices[index].assembly;
    bool completion = answer->terms.endpoint == ENDPOINT_COMPLETION;
    json_out_open(out, '{');
    json_out_key(out, SPAN("index"));
    json_out_u64(out, index);
    if (completion) {
        json_out_key(out, SPAN("text"));
        json_out_string(out, buf_span(&assembly->text));
    } else {
        write_message(out, assembly);
    }
    write_logprobs(out, assembly, completion);
    json_out_key(out, SPAN("finish_reason"));
    if (assembly->finish.len > 0)
        json_out_string(out, buf_span(&assembly->finish));
    else if (cut)
        json_out_string(out, SPAN("length"));
    else
        json_out_null(out);
    if (assembly->stop_reason.len > 0) {
        json_out_key(out, SPAN("stop_reason"));
        json_out_raw(out, buf_span(&assembly->stop_reason));
    }
    json_out_close(out, '}');
}

int answer_gathered(struct answer *answer, bool cut, struct buf *out, struct refusal *ret_refusal)
{
    if (cut && !answer_any_seen(answer))
        return answer_refuse(answer, ret_refusal, REASON_ANSWER_TOO_LARGE, "its first event");
    if (!cut && !answer_is_whole(answer))
        return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER, "the stream broke off");
    answer_write_head(answer, out);
    buf_append(out, SPAN(",\"choices\":"));
    struct json_out list = json_out_start(out);
    json_out_open(&list, '[');
    for (uint32_t i = 0; i < answer->terms.choices; i++) {
        if (answer->choices[i].assembly)
            write_choice(&list, answer, i, cut);
    }
    json_out_close(&list, ']');
    buf_append(out, SPAN(",\"usage\":"));
    usage_write(answer, out);
    answer_write_end_note(answer, out);
    buf_append_byte(out, '}');
    answer->ended = true;
    return 0;
}
