/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole → whole, and the rewriting of choices. What the engine wrote inside `choices` (or `data` of embeddings) is copied byte by
 * byte; only thinking that came under one of its two names is written twice.
 */
#include "dialect/answer_internal.h"

/* ---- thinking under both names ---------------------------------------------------------------- */

static bool is_thinking(struct span name)
{
    return span_eq(name, SPAN("reasoning_content")) || span_eq(name, SPAN("reasoning"));
}

/* Text that is copied but for a few insertions. */
struct copying {
    struct buf *out;
    const char *from; /* what is before has been copied */
};

static void copy_until(struct copying *copying, const char *until)
{
    buf_append(copying->out, span_of(copying->from, (size_t)(until - copying->from)));
    copying->from = until;
}

/* A delta or message. When exactly one of the two names holds a string, so does the other: in the place of its null, or beside
 * the one that is there, `reasoning_content` first. */
static void rewrite_body(struct copying *copying, struct span raw_body, struct json_value body)
{
    struct json_walk walk = json_walk(body);
    struct json_members members = json_members(raw_body);
    struct json_value value;
    struct span name, raw_key, raw, key = SPAN_NULL, thinking = SPAN_NULL, null = SPAN_NULL;
    bool is_content = false;
    while (json_walk_next(&walk, &name, &value) && json_members_next(&members, &raw_key, &raw)) {
        if (!is_thinking(name))
            continue;
        if (json_kind(value) != JSON_STRING) {
            null = raw;
            continue;
        }
        if (!span_is_null(thinking))
            return; /* both are there */
        key = raw_key;
        thinking = raw;
        is_content = span_eq(name, SPAN("reasoning_content"));
    }
    if (span_is_null(thinking))
        return;
    if (!span_is_null(null)) {
        copy_until(copying, null.ptr);
        copying->from += null.len;
        buf_append(copying->out, thinking);
    } else if (is_content) {
        copy_until(copying, thinking.ptr + thinking.len);
        buf_append(copying->out, SPAN(",\"reasoning\":"));
        buf_append(copying->out, thinking);
    } else {
        copy_until(copying, key.ptr - 1); /* its quote */
        buf_append(copying->out, SPAN("\"reasoning_content\":"));
        buf_append(copying->out, thinking);
        buf_append_byte(copying->out, ',');
    }
}

static void rewrite_choice(struct copying *copying, struct span raw_choice,
                           struct json_value choice)
{
    struct json_walk walk = json_walk(choice);
    struct json_members members = json_members(raw_choice);
    struct json_value value;
    struct span name, raw_key, raw;
    while (json_walk_next(&walk, &name, &value) && json_members_next(&members, &raw_key, &raw)) {
        bool body = span_eq(name, SPAN("delta")) || span_eq(name, SPAN("message"));
        if (body && json_kind(value) == JSON_OBJECT) /* which only one of the two must be */
            rewrite_body(copying, raw, value);
    }
}

/* Every event of thinking comes here; all other events do not. */
void choices_rewrite_slow(struct buf *out, struct span raw, struct json_value choices)
{
    struct copying copying = {out, raw.ptr};
    struct json_walk walk = json_walk(choices);
    struct json_members elements = json_members(raw);
    struct json_value choice;
    struct span raw_choice;
    while (json_walk_next(&walk, NULL, &choice) && json_elements_next(&elements, &raw_choice))
        rewrite_choice(&copying, raw_choice, choice);
    copy_until(&copying, raw.ptr + raw.len);
}

/* ---- whole bodies ----------------------------------------------------------------------------- */

static int read_choices(struct answer *answer, const struct answer_view *view, bool *ret_rewrite,
                        struct refusal *refusal)
{
    struct json_walk walk = json_walk(view->choices);
    struct json_value item;
    struct choice_view choice;
    *ret_rewrite = false;
    while (json_walk_next(&walk, NULL, &item)) {
        int r = choice_view_read(answer, item, true, &choice, refusal);
        if (r < 0)
            return r;
        if (choice.state->seen)
            return answer_refuse(answer, refusal, REASON_BAD_ANSWER, "two choices of one index");
        choice.state->seen = true;
        meter_count(&answer->meter, choice.tokens);
        *ret_rewrite |= choice.one_sided;
    }
    return 0;
}

static int read_embeddings(struct answer *answer, const struct answer_view *view,
                           struct refusal *refusal)
{
    struct json_walk walk = json_walk(view->data);
    struct json_value item;
    while (json_walk_next(&walk, NULL, &item)) {
        if (json_kind(item) != JSON_OBJECT)
            return answer_refuse(answer, refusal, REASON_BAD_ANSWER, "'data' has a wrong type");
    }
    return 0;
}

static void write_whole(struct answer *answer, const struct answer_view *view, struct span body,
                        bool rewrite, struct buf *out)
{
    bool embedding = answer->terms.endpoint == ENDPOINT_EMBEDDING;
    struct span raw = raw_member(body, view->root, embedding ? SPAN("data") : SPAN("choices"));
    answer_pin_head(answer, view, true);
    answer_write_head(answer, out);
    buf_append(out, embedding ? SPAN(",\"data\":") : SPAN(",\"choices\":"));
    if (rewrite)
        choices_rewrite_slow(out, raw, view->choices);
    else
        buf_append(out, raw);
    buf_append(out, SPAN(",\"usage\":"));
    usage_write(answer, out);
    if (is_there(view->service_tier))
        answer_write_service_tier(out, view->service_tier);
    buf_append_byte(out, '}');
}

int answer_whole(struct answer *answer, struct json_parser *parser, struct span body,
                 struct buf *out, struct refusal *ret_refusal)
{
    struct answer_view view;
    bool rewrite = false, embedding = answer->terms.endpoint == ENDPOINT_EMBEDDING;
    if (body.len > answer->terms.answer_bytes_max)
        return answer_refuse(answer, ret_refusal, REASON_ANSWER_TOO_LARGE, "%zu bytes", body.len);
    int r = answer_view_read(answer, parser, body, &view, ret_refusal);
    if (r < 0)
        return r;
    if (r == 0 || !is_there(embedding ? view.data : view.choices) ||
        json_count(embedding ? view.data : view.choices) == 0)
        return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER, "holds no answer");
    answer->meter.counting_exact = false;
    r = embedding ? read_embeddings(answer, &view, ret_refusal)
                  : read_choices(answer, &view, &rewrite, ret_refusal);
    if (r == 0)
        r = usage_read(answer, &view, NULL, ret_refusal);
    if (r < 0)
        return r;
    write_whole(answer, &view, body, rewrite, out);
    answer->ended = true;
    return 0;
}
