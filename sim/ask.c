/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

/* ── single fields ── */

/* False when absent or null. */
static bool has(struct json_value object, struct span key, struct json_value *ret_value)
{
    return json_get(object, key, ret_value) && json_kind(*ret_value) != JSON_NULL;
}

static int read_bool(struct json_value object, struct span key, bool *ret_value, struct err *err)
{
    struct json_value value;
    if (!has(object, key, &value))
        return 0;
    if (json_kind(value) != JSON_BOOL)
        return err_set(err, -EINVAL, "'%.*s' must be true or false", (int)key.len, key.ptr);
    *ret_value = json_bool(value);
    return 0;
}

static int read_whole(struct json_value object, struct span key, int64_t min, int64_t max,
                      int64_t *ret_value, struct err *err)
{
    struct json_value value;
    if (!has(object, key, &value))
        return 0;
    int64_t number;
    if (!json_i64(value, &number) || number < min || number > max)
        return err_set(err, -EINVAL, "'%.*s' must be a whole number from %lld to %lld",
                       (int)key.len, key.ptr, (long long)min, (long long)max);
    *ret_value = number;
    return 0;
}

static int read_text(struct json_value object, struct span key, struct span *ret_text,
                     struct err *err)
{
    struct json_value value;
    if (!has(object, key, &value))
        return 0;
    if (json_kind(value) != JSON_STRING)
        return err_set(err, -EINVAL, "'%.*s' must be a string", (int)key.len, key.ptr);
    *ret_text = json_string(value);
    return 0;
}

/* ── the prompt ── */

/* Parts that are no text (images, audio) have no tokens here. */
static int feed_content(struct ask *ask, struct json_value content, struct err *err)
{
    struct json_value part;
    struct json_walk walk = json_walk(content);
    if (json_kind(content) == JSON_STRING)
        prompt_feed(&ask->prompt, json_string(content));
    if (json_kind(content) == JSON_STRING || json_kind(content) == JSON_NULL)
        return 0;
    if (json_kind(content) != JSON_ARRAY)
        return err_set(err, -EINVAL, "'content' must be a string or a list of parts");
    while (json_walk_next(&walk, NULL, &part)) {
        struct span text = SPAN_NULL;
        if (json_kind(part) != JSON_OBJECT)
            return err_set(err, -EINVAL, "a part of 'content' must be an object");
        int r = read_text(part, SPAN("text"), &text, err);
        if (r < 0)
            return r;
        prompt_feed(&ask->prompt, text);
    }
    return 0;
}

static int feed_messages(struct ask *ask, struct json_value root, struct err *err)
{
    struct json_value messages, message, content;
    if (!has(root, SPAN("messages"), &messages) || json_kind(messages) != JSON_ARRAY ||
        json_count(messages) == 0)
        return err_set(err, -EINVAL, "'messages' must be a list of one message or more");
    struct json_walk walk = json_walk(messages);
    while (json_walk_next(&walk, NULL, &message)) {
        struct span role = SPAN_NULL;
        int r = json_kind(message) == JSON_OBJECT
                    ? read_text(message, SPAN("role"), &role, err)
                    : err_set(err, -EINVAL, "a message must be an object");
        if (r == 0 && span_is_null(role))
            r = err_set(err, -EINVAL, "a message must have a 'role'");
        if (r < 0)
            return r;
        prompt_feed(&ask->prompt, role);
        prompt_feed(&ask->prompt, SPAN("\n"));
        if (json_get(message, SPAN("content"), &content))
            r = feed_content(ask, content, err);
        if (r < 0)
            return r;
        prompt_feed(&ask->prompt, SPAN("\n\n"));
    }
    return 0;
}

/* A string, or a list of `max` strings at most. */
static int feed_strings(struct ask *ask, struct json_value root, struct span key, size_t max,
                        struct err *err)
{
    struct json_value value, item;
    bool given = has(root, key, &value);
    ask->inputs = 1;
    if (given && json_kind(value) == JSON_STRING) {
        prompt_feed(&ask->prompt, json_string(value));
        return 0;
    }
    bool list = given && json_kind(value) == JSON_ARRAY;
    struct json_walk walk = {.end = 0};
    if (list)
        walk = json_walk(value);
    while (list && json_walk_next(&walk, NULL, &item)) {
        list = json_kind(item) == JSON_STRING;
        prompt_feed(&ask->prompt, json_string(item));
    }
    if (!list || json_count(value) < 1 || json_count(value) > max)
        return err_set(err, -EINVAL, "'%.*s' must be a string or a list of 1 to %zu strings",
                       (int)key.len, key.ptr, max);
    ask->inputs = (uint32_t)json_count(value);
    return 0;
}

/* ── tools ── */

static struct span function_name(struct json_value tool)
{
    struct json_value function, name;
    if (json_kind(tool) != JSON_OBJECT || !has(tool, SPAN("function"), &function) ||
        json_kind(function) != JSON_OBJECT || !has(function, SPAN("name"), &name))
        return SPAN_NULL;
    return json_string(name);
}

/* The tool named `wanted`, or the first one when it is null. */
static int choose_tool(struct ask *ask, struct json_value root, struct span wanted, struct err *err)
{
    struct json_value tools, tool;
    struct span found = SPAN_NULL;
    struct json_walk walk = {.end = 0};
    if (has(root, SPAN("tools"), &tools) && json_kind(tools) == JSON_ARRAY)
        walk = json_walk(tools);
    while (span_is_null(found) && json_walk_next(&walk, NULL, &tool)) {
        struct span name = function_name(tool);
        if (span_is_null(wanted) || span_eq(name, wanted))
            found = name;
    }
    if (span_is_null(found) || found.len == 0 || found.len >= sizeof(ask->tool))
        return err_set(err, -EINVAL,
                       "'tool_choice' needs a function of 'tools', named in 1 to %d bytes",
                       ASK_TOOL_BYTES - 1);
    memcpy(ask->tool, found.ptr, found.len);
    ask->tool[found.len] = '\0';
    return 0;
}

/* Only who must call a tool calls one: what a model would have decided is not simulated. */
static int read_tools(struct ask *ask, struct json_value root, struct span body, struct err *err)
{
    struct json_members members = json_members(body);
    struct span key, value;
    while (json_members_next(&members, &key, &value)) {
        if (span_eq(key, SPAN("tools")))
            prompt_feed(&ask->prompt, value);
    }
    struct json_value choice;
    if (!has(root, SPAN("tool_choice"), &choice))
        return 0;
    if (json_kind(choice) == JSON_OBJECT)
        return choose_tool(ask, root, function_name(choice), err);
    if (span_eq(json_string(choice), SPAN("required")))
        return choose_tool(ask, root, SPAN_NULL, err);
    return 0;
}

/* ── the rest ── */

static const struct {
    struct span name;
    double factor;
} efforts[] = {
    {SPAN("none"), 0},   {SPAN("minimal"), 0.1}, {SPAN("low"), 0.25},
    {SPAN("medium"), 1}, {SPAN("high"), 2},
};

static int read_effort(struct ask *ask, struct json_value root, struct err *err)
{
    struct span effort = SPAN_NULL;
    int r = read_text(root, SPAN("reasoning_effort"), &effort, err);
    ask->effort = 1;
    if (r < 0 || span_is_null(effort))
        return r;
    for (size_t i = 0; i < COUNT_OF(efforts); i++) {
        if (span_eq(effort, efforts[i].name)) {
            ask->effort = efforts[i].factor;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "'reasoning_effort' must be none, minimal, low, medium or high");
}

/* llama.cpp takes -1 for "until the context is full"; vLLM refuses it. */
static int read_limits(struct ask *ask, struct json_value root, const struct preset *preset,
                       struct err *err)
{
    int64_t min = preset->scheduler.kind == PRESET_SLOTS ? -1 : 1;
    int64_t max_tokens = -1, min_tokens = 0, choices = 1, seed = 0;
    struct json_value unused;
    int r = read_whole(root, SPAN("max_tokens"), min, ASK_NO_LIMIT - 1, &max_tokens, err);
    if (r == 0)
        r = read_whole(root, SPAN("max_completion_tokens"), min, ASK_NO_LIMIT - 1, &max_tokens,
                       err);
    if (r == 0)
        r = read_whole(root, SPAN("min_tokens"), 0, ASK_NO_LIMIT - 1, &min_tokens, err);
    if (r == 0)
        r = read_whole(root, SPAN("n"), 1, ASK_CHOICES_MAX, &choices, err);
    if (r == 0)
        r = read_whole(root, SPAN("seed"), INT64_MIN, INT64_MAX, &seed, err);
    if (r == 0 && max_tokens == 0)
        max_tokens = 1;
    ask->max_tokens = max_tokens < 0 ? ASK_NO_LIMIT : (uint32_t)max_tokens;
    ask->min_tokens = (uint32_t)min_tokens;
    ask->choices = (uint32_t)choices;
    ask->seed = (uint64_t)seed;
    ask->has_seed = has(root, SPAN("seed"), &unused);
    return r;
}

static int read_stream(struct ask *ask, struct json_value root, struct err *err)
{
    struct json_value options;
    int r = read_bool(root, SPAN("stream"), &ask->stream, err);
    if (r < 0 || !has(root, SPAN("stream_options"), &options))
        return r;
    if (json_kind(options) != JSON_OBJECT)
        return err_set(err, -EINVAL, "'stream_options' must be an object");
    r = read_bool(options, SPAN("include_usage"), &ask->include_usage, err);
    if (r == 0)
        r = read_bool(options, SPAN("continuous_usage_stats"), &ask->continuous_usage, err);
    return r;
}

static int read_generation(struct ask *ask, struct json_value root, struct span body,
                           const struct preset *preset, struct err *err)
{
    int r = read_stream(ask, root, err);
    if (r == 0)
        r = read_limits(ask, root, preset, err);
    if (r == 0)
        r = read_bool(root, SPAN("ignore_eos"), &ask->ignore_eos, err);
    if (r == 0)
        r = read_effort(ask, root, err);
    if (r == 0 && ask->kind == ASK_CHAT)
        r = read_tools(ask, root, body, err);
    return r;
}

static int read_prompt(struct ask *ask, struct json_value root, struct err *err)
{
    switch (ask->kind) {
    case ASK_CHAT:
        return feed_messages(ask, root, err);
    case ASK_COMPLETION:
        return feed_strings(ask, root, SPAN("prompt"), 1, err);
    case ASK_EMBEDDINGS:
        return feed_strings(ask, root, SPAN("input"), ASK_INPUTS_MAX, err);
    }
    return -EINVAL;
}

int ask_read(struct json_parser *parser, enum ask_kind kind, struct span body,
             const struct preset *preset, struct ask *ret_ask, struct err *err)
{
    struct json_value root;
    struct span model = SPAN_NULL;
    struct ask ask = {.kind = kind, .choices = 1, .max_tokens = 1};
    int r = json_parse(parser, body, &root, err);
    if (r < 0)
        return r == -ENOMEM ? r : -EINVAL;
    if (json_kind(root) != JSON_OBJECT)
        return err_set(err, -EINVAL, "the body must be a JSON object");
    prompt_init(&ask.prompt, preset);
    r = read_text(root, SPAN("model"), &model, err);
    ask.knows_model = span_is_null(model) || span_eq(model, span_str(preset->model.name));
    if (r == 0 && kind != ASK_EMBEDDINGS)
        r = read_generation(&ask, root, body, preset, err);
    if (r == 0)
        r = read_prompt(&ask, root, err);
    if (r == 0 && ask.prompt.hashes.failed == -ENOMEM)
        r = err_set(err, -ENOMEM, "out of memory");
    if (r < 0)
        prompt_release(&ask.prompt);
    else
        *ret_ask = ask;
    return r;
}

void ask_release(struct ask *ask)
{
    prompt_release(&ask->prompt);
}
