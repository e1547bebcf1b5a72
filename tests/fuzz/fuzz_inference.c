/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request through its three verbs. The first byte of the input chooses the endpoint and the target, the rest is the body. What is
 * written must be whole JSON for jansson too, hold exactly the members that the table lets pass, each with the client's
 * value or one that only lacks members, and read again as the same request. A conversation that is shortened must lack whole turns only: what is left is in its
 * order, with all that the system said and the end as it was, and no call has lost its answer.
 */
#include "jansson_beside.h"

#include "fuzz.h"

#include "dialect/inference.h"

#define BYTES_MAX (1 << 20)

static const struct span listed[] = {SPAN("top_k"),     SPAN("n_predict"),  SPAN("best_of"),
                                     SPAN("user"),      SPAN("own\"field"), SPAN("image_url"),
                                     SPAN("functions"), SPAN("remote_url"), SPAN("file"),
                                     SPAN("chat_template_kwargs")};

/* Members that the door sets: these and no other value. */
static bool is_doors(const char *name, json_t *value, const struct inference_target *target)
{
    if (strcmp(name, "model") == 0)
        return strcmp(json_string_value(value), "engine/\"model\"") == 0;
    if (strcmp(name, "stream") == 0)
        return target->stream && json_typeof(value) == JANSSON_TRUE;
    if (strcmp(name, "stream_options") == 0)
        return target->stream && json_object_size(value) == 1 &&
               json_typeof(json_object_get(value, "include_usage")) == JANSSON_TRUE;
    if (strcmp(name, "reasoning_effort") == 0)
        return target->thought == THOUGHT_EFFORT && strcmp(json_string_value(value), "low") == 0;
    if (strcmp(name, "thinking") == 0)
        return target->thought == THOUGHT_THINKING &&
               strcmp(json_string_value(json_object_get(value, "type")), "disabled") == 0;
    return target->output_tokens_max && strcmp(name, "max_tokens") == 0 &&
           json_integer_value(value) == (json_int_t)target->output_tokens_max;
}

/* Equal, but for members of objects that are not there. */
static bool is_part_of(json_t *sent, json_t *asked)
{
    const char *name;
    json_t *value;
    if (json_typeof(sent) != json_typeof(asked))
        return false;
    if (json_typeof(sent) == JANSSON_ARRAY) {
        size_t count = json_array_size(sent);
        if (count != json_array_size(asked))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!is_part_of(json_array_get(sent, i), json_array_get(asked, i)))
                return false;
        return true;
    }
    if (json_typeof(sent) != JANSSON_OBJECT)
        return json_equal(sent, asked);
    json_object_foreach(sent, name, value)
    {
        json_t *theirs = json_object_get(asked, name);
        if (!theirs || !is_part_of(value, theirs))
            return false;
    }
    return true;
}

static bool has_role(json_t *message, const char *role)
{
    return strcmp(json_string_value(json_object_get(message, "role")), role) == 0;
}

/* How often this id is called, less how often it is answered; `name`: of the old form. */
static int open_calls(json_t *messages, const char *id)
{
    int open = 0;
    size_t i, j;
    json_t *message, *call;
    json_array_foreach(messages, i, message)
    {
        const char *answered = json_string_value(json_object_get(message, "tool_call_id"));
        if (has_role(message, "tool") && answered && strcmp(answered, id) == 0)
            open--;
        if (!has_role(message, "assistant"))
            continue;
        json_array_foreach(json_object_get(message, "tool_calls"), j, call)
            open += strcmp(json_string_value(json_object_get(call, "id")), id) == 0;
    }
    return open;
}

/* `sent` has lost whole turns of `asked`. */
static void check_shortened(json_t *sent, json_t *asked)
{
    size_t at = 0, i, j;
    json_t *message, *call;
    check(json_array_size(sent) > 0 && json_array_size(sent) < json_array_size(asked));
    json_array_foreach(asked, i, message)
    {
        if (at < json_array_size(sent) && is_part_of(json_array_get(sent, at), message))
            at++;
        else
            check(!has_role(message, "system") && !has_role(message, "developer"));
        json_array_foreach(json_object_get(message, "tool_calls"), j, call)
        {
            const char *id = json_string_value(json_object_get(call, "id"));
            if (has_role(message, "assistant"))
                check(open_calls(sent, id) == open_calls(asked, id));
        }
    }
    check(at == json_array_size(sent));
    check(is_part_of(json_array_get(sent, at - 1), json_array_get(asked, i - 1)));
}

/* The member that the door sets, and others that the client gave. */
static void check_template(json_t *sent, json_t *asked)
{
    const char *name;
    json_t *value;
    check(json_typeof(json_object_get(sent, "enable_thinking")) == JANSSON_FALSE);
    json_object_foreach(sent, name, value) check(strcmp(name, "enable_thinking") == 0 ||
                                                 json_equal(value, json_object_get(asked, name)));
}

static void check_member(const char *name, json_t *value, json_t *asked, const struct inference_target *target)
{
    json_t *theirs = json_object_get(asked, name);
    if (target->thought == THOUGHT_TEMPLATE && strcmp(name, "chat_template_kwargs") == 0)
        check_template(value, theirs);
    else if (target->cut && strcmp(name, "messages") == 0)
        check_shortened(value, theirs);
    else
        check(is_doors(name, value, target) || (theirs && is_part_of(value, theirs)));
}

static void check_written(struct span body, struct span written,
                          const struct inference_target *target)
{
    json_error_t error;
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *asked = json_loadb(body.ptr, body.len, flags, &error);
    json_t *sent = json_loadb(written.ptr, written.len, flags, &error);
    if (asked) {
        const char *name;
        json_t *value;
        check(sent);
        json_object_foreach(sent, name, value) check_member(name, value, asked, target);
    }
    json_decref(asked);
    json_decref(sent);
}

static void check_again(struct json_parser *parser, const struct inference *first,
                        const struct inference_caps *caps, const struct inference_target *target,
                        struct span written)
{
    static struct inference second;
    struct refusal refusal;
    char *again = fuzz_copy(written, JSON_PADDING);
    check(inference_read(parser, first->endpoint, span_of(again, written.len), &second, &refusal) ==
          0);
    check(inference_allow(&second, caps, &refusal) == 0);
    check(span_eq(second.model, target->model));
    check(second.choices == first->choices);
    check(target->cut ? (second.parts & ~first->parts) == 0 : second.parts == first->parts);
    /* Tools are estimated by their whole text. */
    check(second.prompt_tokens_estimate <= first->prompt_tokens_estimate);
    if (target->cut)
        check(second.prompt_tokens_estimate <= first->prompt_tokens_estimate - target->cut->tokens);
    check(!inference_can_think_less(&second, target->thought));
    for (size_t i = 0; i < second.fields_count; i++)
        check(second.fields[i].below == NESTED_ANY || second.listed_count > 0);
    check(second.has_tools == first->has_tools && second.has_logprobs == first->has_logprobs);
    check(second.output_tokens_max ==
          (target->output_tokens_max ? target->output_tokens_max : first->output_tokens_max));
    check(second.stream == target->stream);
    mem_free(again);
}

static void run(struct json_parser *parser, uint8_t choice, struct span body)
{
    static const enum endpoint endpoints[] = {ENDPOINT_CHAT, ENDPOINT_CHAT, ENDPOINT_COMPLETION,
                                              ENDPOINT_EMBEDDING};
    enum endpoint endpoint = endpoints[choice & 3];
    bool generates = endpoint != ENDPOINT_EMBEDDING;
    const struct inference_caps caps = {.engine_fields = listed,
                                        .engine_fields_count = COUNT_OF(listed),
                                        .choices_max = INFERENCE_CHOICES_MAX};
    struct inference_target target = {.model = SPAN("engine/\"model\""),
                                            .stream = generates && (choice & 4),
                                            .ask_usage = (choice & 8) != 0,
                                            .output_tokens_max =
                                                generates && (choice & 16) ? 77 : 0,
                                            .thought = endpoint == ENDPOINT_CHAT ? (enum inference_thought)(choice >> 5 & 3)
                                                                                 : THOUGHT_AS_ASKED};
    static struct inference inference;
    struct refusal refusal = {.reason = REASON_OK};
    int r = inference_read(parser, endpoint, body, &inference, &refusal);
    if (r == 0)
        r = inference_allow(&inference, &caps, &refusal);
    if (r < 0) {
        check(r == -EINVAL && refusal.reason != REASON_OK && refusal.message.text[0] != '\0');
        return;
    }
    struct inference_cut cut;
    if ((choice & 128) && inference_find_cut(&inference, inference.prompt_tokens_estimate / 2, &cut))
        target.cut = &cut;
    struct buf buf;
    buf_init(&buf, 2 * BYTES_MAX);
    inference_write(&inference, &target, &buf);
    check(buf_status(&buf) == 0);
    check_written(body, buf_span(&buf), &target);
    check_again(parser, &inference, &caps, &target, buf_span(&buf));
    buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_parser *parser;
    if (size == 0 || size - 1 > BYTES_MAX / 8)
        return 0;
    if (!parser)
        parser = json_parser_new(2 * BYTES_MAX, 32);
    check(parser);
    char *text = fuzz_copy(span_of(data + 1, size - 1), JSON_PADDING);
    memset(text + size - 1, '}', JSON_PADDING); /* what lies behind the text must not matter */
    run(parser, data[0], span_of(text, size - 1));
    mem_free(text);
    return 0;
}
