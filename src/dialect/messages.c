/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of a chat: roles, contents and tool calls. What an engine's template acts on is checked; other members stay
 * behind: clients send back whole messages as they got them (`annotations`, `audio`, …), and that is no fault of theirs.
 */
#include "dialect/reading.h"

/* What a template puts around each message: role and end markers. Chat templates in use need three to six. */
#define MESSAGE_TOKENS 4
/* A picture or a clip: vision models take 250 to 1,500 tokens for one. */
#define MEDIA_TOKENS 1024

static const struct {
    struct span type;
    bool has_url;
} media[] = {
    [PART_IMAGE] = {SPAN("image_url"), true},     [PART_AUDIO] = {SPAN("input_audio"), false},
    [PART_AUDIO_URL] = {SPAN("audio_url"), true}, [PART_VIDEO] = {SPAN("video_url"), true},
    [PART_FILE] = {SPAN("file"), false},
};

static int text_part(struct reading *reading, const struct place *place, struct json_value part,
                     const char *member)
{
    struct span text;
    int r = reading_string(reading, place, part, member, REQUIRED, &text);
    if (r < 0)
        return r;
    reading->inference->prompt_bytes += text.len;
    return 0;
}

/* {"image_url": {"url": …}} and, as some engines have it, {"image_url": …}. */
static int media_url(struct reading *reading, const struct place *place, struct json_value part,
                     const char *type)
{
    struct json_value body;
    struct span url = SPAN_NULL;
    int r = 0;
    if (reading_member(part, type, &body) && json_kind(body) == JSON_STRING)
        url = json_string(body);
    else if ((r = reading_object(reading, place, part, type, REQUIRED, &body)) > 0)
        r = reading_string(reading, PLACE_MEMBER(place, type), body, "url", REQUIRED, &url);
    if (r < 0)
        return r;
    if (!span_eq_nocase(span_take(url, 5), SPAN("data:")))
        reading->inference->parts |= 1u << PART_REMOTE_URL;
    return 0;
}

static int media_part(struct reading *reading, const struct place *place, struct json_value part,
                      struct span type)
{
    for (size_t i = 0; i < COUNT_OF(media); i++) {
        if (!span_eq(type, media[i].type))
            continue;
        reading->inference->parts |= 1u << i;
        reading->tokens += MEDIA_TOKENS;
        struct json_value body;
        int r = media[i].has_url
                    ? media_url(reading, place, part, media[i].type.ptr)
                    : reading_object(reading, place, part, media[i].type.ptr, REQUIRED, &body);
        return r < 0 ? r : 0;
    }
    return reading_refuse(reading, PLACE_MEMBER(place, "type"), "'%.*s' is no known type of part",
                          (int)MIN(type.len, (size_t)40), type.ptr);
}

static int content_part(struct reading *reading, const struct place *place, struct json_value part)
{
    if (json_kind(part) != JSON_OBJECT)
        return reading_refuse(reading, place, "must be an object");
    struct span type;
    int r = reading_string(reading, place, part, "type", REQUIRED, &type);
    if (r < 0)
        return r;
    bool is_text = span_eq(type, SPAN("text")), is_refusal = span_eq(type, SPAN("refusal"));
    if (is_text || is_refusal)
        r = text_part(reading, place, part, is_text ? "text" : "refusal");
    else
        r = media_part(reading, place, part, type);
    if (r == 0) /* what a medium is made of was not looked at: its two members are not all */
        reading_knows(reading, NESTED_MESSAGE, NESTED_PART, part, is_text || is_refusal ? 2 : 0);
    return r;
}

/* A string or parts. */
static int content_read(struct reading *reading, const struct place *place,
                        struct json_value content)
{
    if (json_kind(content) == JSON_STRING) {
        reading->inference->prompt_bytes += json_string(content).len;
        return 0;
    }
    if (json_kind(content) != JSON_ARRAY)
        return reading_refuse(reading, place, "must be a string or an array of parts");
    if (json_count(content) == 0)
        return reading_refuse(reading, place, "must not be empty");
    struct json_value part;
    size_t i = 0;
    for (struct json_walk walk = json_walk(content); json_walk_next(&walk, NULL, &part); i++) {
        int r = content_part(reading, PLACE_ELEMENT(place, i), part);
        if (r < 0)
            return r;
    }
    return 0;
}

/* {"name": …, "arguments": "…"} */
static int function_read(struct reading *reading, const struct place *place,
                         struct json_value function)
{
    struct span name, arguments;
    int r = reading_string(reading, place, function, "name", REQUIRED, &name);
    if (r < 0)
        return r;
    r = reading_string(reading, place, function, "arguments", REQUIRED, &arguments);
    if (r < 0)
        return r;
    reading->inference->prompt_bytes += name.len + arguments.len;
    reading_knows(reading, NESTED_MESSAGE, NESTED_CALLED, function, 2);
    return 0;
}

static int tool_call_read(struct reading *reading, const struct place *place,
                          struct json_value call)
{
    if (json_kind(call) != JSON_OBJECT)
        return reading_refuse(reading, place, "must be an object");
    struct span text;
    int r = reading_string(reading, place, call, "id", REQUIRED, &text);
    if (r < 0)
        return r;
    r = reading_string(reading, place, call, "type", OPTIONAL, &text);
    if (r < 0)
        return r;
    if (r > 0 && !span_eq(text, SPAN("function")))
        return reading_refuse(reading, PLACE_MEMBER(place, "type"), "must be 'function'");
    reading_knows(reading, NESTED_MESSAGE, NESTED_CALL, call, r > 0 ? 3 : 2);
    struct json_value function;
    r = reading_object(reading, place, call, "function", REQUIRED, &function);
    return r < 0 ? r : function_read(reading, PLACE_MEMBER(place, "function"), function);
}

static int tool_calls_read(struct reading *reading, const struct place *place,
                           struct json_value calls)
{
    if (json_kind(calls) != JSON_ARRAY)
        return reading_refuse(reading, place, "must be an array");
    struct json_value call;
    size_t i = 0;
    for (struct json_walk walk = json_walk(calls); json_walk_next(&walk, NULL, &call); i++) {
        int r = tool_call_read(reading, PLACE_ELEMENT(place, i), call);
        if (r < 0)
            return r;
    }
    return 0;
}

struct message {
    struct json_value object;
    size_t left; /* members that nobody has found yet: with none, no other is looked for */
};

static int message_text(struct reading *reading, const struct place *place, struct message *message,
                        const char *name, enum reading_need need, struct span *ret_text)
{
    if (message->left == 0 && need == OPTIONAL)
        return 0;
    int r = reading_string(reading, place, message->object, name, need, ret_text);
    message->left -= r > 0;
    return r;
}

/* What an assistant said beside its content. 1 when there was anything of it, 0, or -EINVAL. */
static int assistant_read(struct reading *reading, const struct place *place,
                          struct message *message, bool is_last)
{
    static const char *const texts[] = {"reasoning_content", "reasoning", "refusal"};
    bool anything = false, prefix = false;
    struct json_value value;
    struct span text;
    int r;
    if (message->left > 0 && reading_member(message->object, "tool_calls", &value)) {
        message->left--;
        r = tool_calls_read(reading, PLACE_MEMBER(place, "tool_calls"), value);
        if (r < 0)
            return r;
        anything = json_count(value) > 0;
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        r = message_text(reading, place, message, texts[i], OPTIONAL, &text);
        if (r < 0)
            return r;
        anything = anything || r > 0;
        reading->inference->prompt_bytes += r > 0 ? text.len : 0;
    }
    if (message->left == 0)
        return anything;
    r = reading_object(reading, place, message->object, "function_call", OPTIONAL, &value);
    if (r > 0)
        r = function_read(reading, PLACE_MEMBER(place, "function_call"), value) < 0 ? -EINVAL : 1;
    if (r < 0)
        return r;
    anything = anything || r > 0;
    /* DeepSeek: the answer goes on from this text. */
    r = reading_flag(reading, place, message->object, "prefix", &prefix);
    if (r >= 0 && prefix && !is_last)
        r = reading_refuse(reading, PLACE_MEMBER(place, "prefix"), "is for the last message only");
    return r < 0 ? r : anything;
}

/* What a message of a role must have beside its content, which only an assistant may be without. */
struct role {
    struct span word;
    bool has_call_id, has_name, is_assistant, instructs;
};

static int role_read(struct reading *reading, const struct place *place, struct message *message,
                     const struct role **ret_role)
{
    static const struct role roles[] = {
        {.word = SPAN("user")},      {.word = SPAN("assistant"), .is_assistant = true},
        {.word = SPAN("system"), .instructs = true},    {.word = SPAN("tool"), .has_call_id = true},
        {.word = SPAN("developer"), .instructs = true}, {.word = SPAN("function"), .has_name = true},
    };
    struct span word;
    int r = message_text(reading, place, message, "role", REQUIRED, &word);
    if (r < 0)
        return r;
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (span_eq(word, roles[i].word)) {
            *ret_role = &roles[i];
            reading->inference->begins_with_instructions |= place->index == 0 && roles[i].instructs;
            return 0;
        }
    }
    return reading_refuse(reading, PLACE_MEMBER(place, "role"),
                          "must be one of: developer, system, user, assistant, tool, function");
}

static int message_read(struct reading *reading, const struct place *place,
                        struct json_value object, bool is_last)
{
    if (json_kind(object) != JSON_OBJECT)
        return reading_refuse(reading, place, "must be an object");
    struct message message = {object, json_count(object)};
    struct json_value content;
    bool has_content = json_get(object, SPAN("content"), &content);
    message.left -= has_content;
    has_content = has_content && json_kind(content) != JSON_NULL;
    const struct role *role;
    struct span text;
    int r = role_read(reading, place, &message, &role);
    if (r >= 0 && role->has_call_id)
        r = message_text(reading, place, &message, "tool_call_id", REQUIRED, &text);
    if (r < 0)
        return r;
    r = role->is_assistant ? assistant_read(reading, place, &message, is_last) : 0;
    if (r < 0)
        return r;
    bool may_be_silent = r > 0;
    r = message_text(reading, place, &message, "name", role->has_name ? REQUIRED : OPTIONAL, &text);
    if (r < 0)
        return r;
    reading->inference->prompt_bytes += r > 0 ? text.len : 0;
    reading->tokens += MESSAGE_TOKENS;
    if (message.left > 0 && !nested_is_known(NESTED_MESSAGE, object))
        reading->below = NESTED_MESSAGE;
    if (has_content)
        return content_read(reading, PLACE_MEMBER(place, "content"), content);
    if (may_be_silent)
        return 0;
    return reading_refuse(reading, PLACE_MEMBER(place, "content"), "is missing");
}

uint64_t message_bytes(struct json_value message)
{
    struct inference counted;
    struct refusal unused = {.reason = REASON_OK};
    memset(&counted, 0, offsetof(struct inference, fields)); /* no field of it is touched */
    struct reading reading = {.inference = &counted, .refusal = &unused};
    (void)message_read(&reading, PLACE_MEMBER(NULL, "messages"), message, true);
    return counted.prompt_bytes + reading.tokens * BYTES_PER_TOKEN;
}

int messages_read(struct reading *reading, struct json_value messages)
{
    const struct place *place = PLACE_MEMBER(NULL, "messages");
    size_t count = json_count(messages), i = 0;
    struct json_value message;
    struct inference *inference = reading->inference;
    uint64_t before = inference->prompt_bytes;
    for (struct json_walk walk = json_walk(messages); json_walk_next(&walk, NULL, &message); i++) {
        before = inference->prompt_bytes;
        int r = message_read(reading, PLACE_ELEMENT(place, i), message, i + 1 == count);
        if (r < 0)
            return r;
    }
    inference->messages = (uint32_t)count;
    inference->last_message_bytes = inference->prompt_bytes - before;
    reading->has_input = true;
    return 0;
}
