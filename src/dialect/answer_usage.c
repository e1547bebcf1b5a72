/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How engines report usage, and what is made of it.
 *
 *   vLLM, OpenAI     one closing report at the end, in an event without choices: all choices together
 *   vLLM, asked for  a report in every event, of the event's choice so far; then the closing one
 *   llama.cpp chat   a closing report for each choice, in mid-stream, of that choice alone
 *   llama.cpp text   a report in the last event of each choice, of that choice alone
 *
 * So a report beside a choice belongs to that choice and replaces its one before. A closing report covers the choices that
 * ended since the closing report before it; it is added to that one when both cover some, and replaces it otherwise. The larger of both
 * sums is what the engine reports. The prompt is counted once however many choices there are, but each of several prompts is.
 *
 * None of these reports leaves as it came: the client gets one, at the end, if it asked.
 */
#include "dialect/answer_internal.h"

struct reported {
    struct json_value prompt_tokens, completion_tokens;
    struct json_value prompt_tokens_details, completion_tokens_details;
    struct json_value prompt_cache_hit_tokens, prompt_cache_miss_tokens;
};

static const struct {
    struct span name;
    size_t offset;
    bool object;
} reported_wanted[] = {
#define REPORTED(name, object)                                                                     \
    {                                                                                              \
        {#name, sizeof(#name) - 1}, offsetof(struct reported, name), object                        \
    }
    REPORTED(prompt_tokens, false),           REPORTED(completion_tokens, false),
    REPORTED(prompt_tokens_details, true),    REPORTED(completion_tokens_details, true),
    REPORTED(prompt_cache_hit_tokens, false), REPORTED(prompt_cache_miss_tokens, false),
#undef REPORTED
};

static bool tokens_of(struct json_value value, uint64_t *ret_tokens)
{
    int64_t number;
    if (!json_i64(value, &number) || number < 0 || (uint64_t)number > ANSWER_TOKENS_MAX)
        return false;
    *ret_tokens = (uint64_t)number;
    return true;
}

/* 0 when the member is missing; they were all looked at. */
static uint64_t number(struct json_value value)
{
    uint64_t tokens = 0;
    if (is_there(value))
        (void)tokens_of(value, &tokens);
    return tokens;
}

static uint64_t detail(struct json_value object, struct span name)
{
    struct json_value value = {0};
    if (!is_there(object) || !json_get(object, name, &value))
        return 0;
    return number(value);
}

static int read_reported(struct answer *answer, struct json_value usage, struct reported *reported,
                         struct refusal *refusal)
{
    struct json_walk walk = json_walk(usage);
    struct span name;
    struct json_value value;
    uint64_t tokens;
    while (json_walk_next(&walk, &name, &value)) {
        for (size_t i = 0; i < COUNT_OF(reported_wanted); i++) {
            if (!span_eq(name, reported_wanted[i].name) || json_kind(value) == JSON_NULL)
                continue;
            if (reported_wanted[i].object ? json_kind(value) != JSON_OBJECT
                                          : !tokens_of(value, &tokens))
                return answer_refuse(answer, refusal, REASON_BAD_ANSWER, "usage: '%s' is wrong",
                                     reported_wanted[i].name.ptr);
            *(struct json_value *)(void *)((char *)reported + reported_wanted[i].offset) = value;
        }
    }
    return 0;
}

/* The numbers of a details object; what is no number stays behind. */
static void write_details(struct json_out *out, struct span key, struct json_value object)
{
    struct json_walk walk = json_walk(object);
    struct span name;
    struct json_value value;
    uint64_t tokens;
    json_out_key(out, key);
    json_out_open(out, '{');
    while (json_walk_next(&walk, &name, &value)) {
        if (!tokens_of(value, &tokens))
            continue;
        json_out_key(out, name);
        json_out_u64(out, tokens);
    }
    json_out_close(out, '}');
}

/* Keeps the members that pass as they are; the text is an object. One that is too long is left out when usage is written. */
static void keep_details(struct usage_track *usage, const struct reported *reported)
{
    buf_clear(&usage->details);
    struct json_out out = json_out_start(&usage->details);
    json_out_open(&out, '{');
    if (is_there(reported->prompt_tokens_details))
        write_details(&out, SPAN("prompt_tokens_details"), reported->prompt_tokens_details);
    if (is_there(reported->completion_tokens_details))
        write_details(&out, SPAN("completion_tokens_details"), reported->completion_tokens_details);
    if (is_there(reported->prompt_cache_hit_tokens)) {
        json_out_key(&out, SPAN("prompt_cache_hit_tokens"));
        json_out_u64(&out, number(reported->prompt_cache_hit_tokens));
    }
    if (is_there(reported->prompt_cache_miss_tokens)) {
        json_out_key(&out, SPAN("prompt_cache_miss_tokens"));
        json_out_u64(&out, number(reported->prompt_cache_miss_tokens));
    }
    json_out_close(&out, '}');
}

/* All reports together, as far as they have come. */
static void add_up(struct answer *answer, uint64_t *ret_prompt, uint64_t *ret_completion)
{
    uint64_t prompts = 0, completion = 0;
    const struct answer_terms *terms = &answer->terms;
    for (uint32_t i = 0; i < terms->choices; i++) {
        prompts += answer->choices[i].reported_prompt;
        completion += answer->choices[i].reported_completion;
    }
    *ret_prompt = answer->usage.prompt;
    if (terms->prompts > 1)
        *ret_prompt = MAX(*ret_prompt, prompts * terms->prompts / terms->choices);
    *ret_completion = MAX(completion, answer->usage.before + answer->usage.last);
}

static void note_closing(struct usage_track *usage, uint64_t completion)
{
    if (usage->ended_since > 0 && usage->last_covers) {
        usage->before += usage->last;
        usage->last = completion;
    } else {
        usage->last = MAX(usage->last, completion);
    }
    usage->last_covers |= usage->ended_since > 0;
    usage->ended_since = 0;
}

int usage_read(struct answer *answer, const struct answer_view *view, struct choice *only,
               struct refusal *ret_refusal)
{
    struct usage_track *usage = &answer->usage;
    struct reported reported = {0};
    if (!is_there(view->usage))
        return 0;
    int r = read_reported(answer, view->usage, &reported, ret_refusal);
    if (r < 0)
        return r;

    uint64_t prompt = number(reported.prompt_tokens);
    uint64_t completion = number(reported.completion_tokens);
    usage->prompt = MAX(usage->prompt, prompt);
    if (only) {
        only->reported_prompt = MAX(only->reported_prompt, prompt);
        only->reported_completion = MAX(only->reported_completion, completion);
    } else {
        note_closing(usage, completion);
    }
    keep_details(usage, &reported);
    if (buf_status(&usage->details) == -ENOMEM)
        return answer_refuse(answer, ret_refusal, REASON_INTERNAL, "out of memory");

    uint64_t cached = detail(reported.prompt_tokens_details, SPAN("cached_tokens"));
    add_up(answer, &prompt, &completion);
    meter_usage(&answer->meter, prompt, completion,
                MAX(cached, number(reported.prompt_cache_hit_tokens)),
                detail(reported.completion_tokens_details, SPAN("reasoning_tokens")));
    return 0;
}

void usage_write(const struct answer *answer, struct buf *out)
{
    struct settlement settled = meter_settle(&answer->meter);
    struct span details = buf_span(&answer->usage.details);

    buf_append(out, SPAN("{\"prompt_tokens\":"));
    buf_append_u64(out, settled.prompt_tokens);
    if (answer->terms.endpoint != ENDPOINT_EMBEDDING) {
        buf_append(out, SPAN(",\"completion_tokens\":"));
        buf_append_u64(out, settled.completion_tokens);
    }
    buf_append(out, SPAN(",\"total_tokens\":"));
    buf_append_u64(out, settled.prompt_tokens + settled.completion_tokens);
    if (details.len > 2 && buf_status(&answer->usage.details) == 0) {
        buf_append_byte(out, ',');
        buf_append(out, span_take(span_skip(details, 1), details.len - 2));
    }
    if (!span_is_null(answer->cut)) {
        buf_append(out, SPAN(",\"seawall\":{\"cut\":\""));
        buf_append(out, answer->cut);
        buf_append(out, SPAN("\"}"));
    }
    buf_append_byte(out, '}');
}
