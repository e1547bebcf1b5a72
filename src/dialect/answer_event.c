/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream → stream: each event of the engine is read whole, checked, counted, and leaves with a head of ours and the engine's own
 * text of `choices`, copied.
 *
 *            event           [DONE]
 *   open ───────────▶ open ──────────▶ ended      answer_event(): the engine ends it
 *     └─ cap reached: ANSWER_CUT ──────▶ ended      answer_finish(): the door ends it
 *     └─ garbage, error of the engine ─▶ ended      answer_fail()
 *
 * Every event of one answer has the id and the time of the first, as OpenAI's have. Once ended, nothing is written any more.
 */
#include "dialect/answer_internal.h"

#include "base/alloc.h"

#define HEAD_BYTES_MAX 8192 /* id and model with every byte escaped */
#define HEAD_FRAME_BYTES 96 /* of it, all but id and model */
#define DETAILS_BYTES_MAX 4096

struct answer *answer_new(const struct answer_terms *terms)
{
    check(terms->choices > 0 && terms->answer_bytes_max > 0);
    size_t size = sizeof(struct answer) + terms->choices * sizeof(struct choice);
    struct answer *answer = mem_zalloc(size);
    if (!answer)
        return NULL;
    answer->terms = *terms;
    answer->meter.prompt_estimate = terms->prompt_tokens_estimate;
    answer->meter.counting_exact = true;
    buf_init(&answer->head, HEAD_BYTES_MAX);
    buf_init(&answer->usage.details, DETAILS_BYTES_MAX);
    return answer;
}

void answer_set_output_max(struct answer *answer, uint64_t output_tokens)
{
    uint32_t choices = answer->terms.choices;
    answer->terms.output_tokens_max = (output_tokens + choices - 1) / choices;
}

void answer_note_end(struct answer *answer, const struct answer_end *end)
{
    answer->end = *end;
}

void answer_free(struct answer *answer)
{
    if (!answer)
        return;
    for (uint32_t i = 0; i < answer->terms.choices; i++)
        assembly_free(answer->choices[i].assembly);
    buf_release(&answer->head);
    buf_release(&answer->usage.details);
    mem_free(answer);
}

void answer_note_cut(struct answer *answer, struct span word)
{
    answer->cut = word;
}

const struct meter *answer_meter(const struct answer *answer)
{
    return &answer->meter;
}

const struct err *answer_detail(const struct answer *answer)
{
    return &answer->detail;
}

/* OpenAI's word for what leaves. */
static struct span object_word(const struct answer *answer, bool whole)
{
    if (answer->terms.endpoint == ENDPOINT_EMBEDDING)
        return SPAN("list");
    if (answer->terms.endpoint == ENDPOINT_COMPLETION)
        return SPAN("text_completion");
    return whole ? SPAN("chat.completion") : SPAN("chat.completion.chunk");
}

/* Seconds; an engine's fractions are dropped, because clients expect an integer. */
static bool whole_seconds(struct json_value created, int64_t *ret_seconds)
{
    double seconds;
    if (!is_there(created))
        return false;
    if (json_i64(created, ret_seconds))
        return true;
    if (!json_number(created, &seconds) || seconds < 0 || seconds > (double)(INT64_C(1) << 53))
        return false;
    *ret_seconds = (int64_t)seconds;
    return true;
}

void answer_pin_head(struct answer *answer, const struct answer_view *view, bool whole)
{
    int64_t created;
    if (answer->head.len > 0)
        return;
    struct buf *head = &answer->head;
    struct span id = is_there(view->id) ? json_string(view->id) : SPAN("");
    if (buf_reserve(head, HEAD_FRAME_BYTES + id.len + answer->terms.model.len) < 0)
        return;
    buf_append_byte(head, '{');
    if (is_there(view->id)) {
        buf_append(head, SPAN("\"id\":\""));
        json_escape(head, id);
        buf_append(head, SPAN("\","));
    }
    buf_append(head, SPAN("\"object\":\""));
    buf_append(head, object_word(answer, whole));
    buf_append_byte(head, '"');
    if (whole_seconds(view->created, &created)) {
        buf_append(head, SPAN(",\"created\":"));
        buf_append_i64(head, created);
    }
    buf_append(head, SPAN(",\"model\":\""));
    json_escape(head, answer->terms.model);
    buf_append_byte(head, '"');
}

void answer_write_head(struct answer *answer, struct buf *out)
{
    if (buf_status(&answer->head) < 0)
        out->failed = buf_status(&answer->head);
    buf_append(out, buf_span(&answer->head));
}

/* The start of an event that is not the engine's; none of its own may have come. */
static void write_own_head(struct answer *answer, struct buf *out)
{
    static const struct answer_view nothing;
    answer_pin_head(answer, &nothing, false);
    buf_append(out, SPAN("data: "));
    answer_write_head(answer, out);
}

/* ---- one event -------------------------------------------------------------------------------- */

struct looked {
    size_t choices;
    struct choice *only; /* the choice of an event that has just one */
    bool rewrite;
    bool cut;
};

static int look_at_choices(struct answer *answer, const struct answer_view *view,
                           struct looked *looked, struct refusal *refusal)
{
    struct json_walk walk = json_walk(view->choices);
    struct json_value item;
    struct choice_view choice;
    while (json_walk_next(&walk, NULL, &item)) {
        int r = choice_view_read(answer, item, false, &choice, refusal);
        if (r < 0)
            return r;
        if (!answer_count(answer, &choice)) {
            looked->cut = true;
            return 0;
        }
        looked->rewrite |= choice.one_sided;
        looked->only = looked->choices++ == 0 ? choice.state : NULL;
    }
    return 0;
}

/* White space of the engine's JSON may hold line ends, which would end our event. None is inside a string: those are escaped. */
static void keep_on_one_line(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++) {
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r')
            out->ptr[i] = ' ';
    }
}

void answer_write_service_tier(struct buf *out, struct json_value tier)
{
    buf_append(out, SPAN(",\"service_tier\":\""));
    json_escape(out, json_string(tier));
    buf_append_byte(out, '"');
}

static void write_event(struct answer *answer, const struct answer_view *view, struct span raw,
                        bool rewrite, struct buf *out)
{
    size_t from = out->len;
    buf_append(out, SPAN("data: "));
    answer_write_head(answer, out);
    buf_append(out, SPAN(",\"choices\":"));
    size_t body = out->len;
    if (rewrite)
        choices_rewrite_slow(out, raw, view->choices);
    else
        buf_append(out, raw);
    if (raw.len > 0 && (memchr(raw.ptr, '\n', raw.len) || memchr(raw.ptr, '\r', raw.len)))
        keep_on_one_line(out, body);
    if (is_there(view->service_tier))
        answer_write_service_tier(out, view->service_tier);
    buf_append(out, SPAN("}\n\n"));
    answer->bytes += out->len - from;
}

/* The end of a stream in good order: the one report of usage, and the word for it. */
static void write_end(struct answer *answer, struct buf *out)
{
    if (answer->terms.include_usage) {
        write_own_head(answer, out);
        buf_append(out, SPAN(",\"choices\":[],\"usage\":"));
        usage_write(answer, out);
        buf_append(out, SPAN("}\n\n"));
    }
    buf_append(out, SPAN("data: [DONE]\n\n"));
    answer->ended = true;
}

bool answer_any_seen(const struct answer *answer)
{
    for (uint32_t i = 0; i < answer->terms.choices; i++) {
        if (answer->choices[i].seen)
            return true;
    }
    return false;
}

bool answer_is_end(struct span data)
{
    return data.len >= 6 && span_eq(span_trim(data), SPAN("[DONE]"));
}

int answer_event(struct answer *answer, struct json_parser *parser, struct span data,
                 struct buf *out, enum answer_state *ret_state, struct refusal *ret_refusal)
{
    struct answer_view view;
    struct looked looked = {0};
    *ret_state = answer->ended ? ANSWER_DONE : ANSWER_OPEN;
    if (answer->ended)
        return 0;
    if (answer_is_end(data)) {
        if (!answer_any_seen(answer))
            return answer_refuse(answer, ret_refusal, REASON_BAD_ANSWER, "ended without a choice");
        write_end(answer, out);
        *ret_state = ANSWER_DONE;
        return 0;
    }
    int r = event_view_read(answer, parser, data, &view, ret_refusal);
    if (r <= 0)
        return r;
    /* What does not leave is not counted. */
    if (answer->bytes + answer->head.len + data.len > answer->terms.answer_bytes_max)
        looked.cut = true;
    else
        r = look_at_choices(answer, &view, &looked, ret_refusal);
    if (looked.cut) {
        *ret_state = ANSWER_CUT;
        return 0;
    }
    if (r == 0)
        r = usage_read(answer, &view, looked.only, ret_refusal);
    if (r < 0)
        return r;
    answer_pin_head(answer, &view, false);
    if (looked.choices > 0) /* else usage, or nothing: both wait for the end */
        write_event(answer, &view, raw_member(data, view.root, SPAN("choices")), looked.rewrite,
                    out);
    return 0;
}

/* ---- ends that are not the engine's ----------------------------------------------------------- */

void answer_write_end_note(const struct answer *answer, struct buf *out)
{
    const struct answer_end *end = &answer->end;
    if (span_is_null(end->reason))
        return;
    buf_append(out, SPAN(",\"seawall\":{\"ended\":\""));
    buf_append(out, end->reason);
    buf_append_byte(out, '"');
    if (end->retry_after_s > 0) {
        buf_append(out, SPAN(",\"retry_after\":"));
        buf_append_u64(out, end->retry_after_s);
    }
    if (!span_is_null(end->ticket)) {
        buf_append(out, SPAN(",\"ticket\":\""));
        buf_append(out, end->ticket);
        buf_append_byte(out, '"');
    }
    if (!span_is_null(end->reduced)) {
        buf_append(out, SPAN(",\"reduced\":\""));
        json_escape(out, end->reduced);
        buf_append_byte(out, '"');
    }
    buf_append_byte(out, '}');
}

static void write_last_of(struct answer *answer, uint32_t index, struct buf *out)
{
    write_own_head(answer, out);
    buf_append(out, SPAN(",\"choices\":[{\"index\":"));
    buf_append_u64(out, index);
    buf_append(out, answer->terms.endpoint == ENDPOINT_COMPLETION ? SPAN(",\"text\":\"\"")
                                                                  : SPAN(",\"delta\":{}"));
    buf_append(out, SPAN(",\"logprobs\":null,\"finish_reason\":\"length\"}]"));
    answer_write_end_note(answer, out);
    buf_append(out, SPAN("}\n\n"));
}

bool answer_is_whole(const struct answer *answer)
{
    if (answer->ended)
        return true;
    for (uint32_t i = 0; i < answer->terms.choices; i++) {
        if (!answer->choices[i].ended)
            return false;
    }
    return true;
}

void answer_finish(struct answer *answer, bool cut, struct buf *out)
{
    if (answer->ended)
        return;
    bool any = answer_any_seen(answer);
    for (uint32_t i = 0; cut && i < answer->terms.choices; i++) {
        if (!answer->choices[i].ended && (answer->choices[i].seen || (i == 0 && !any)))
            write_last_of(answer, i, out);
    }
    write_end(answer, out);
}

void answer_fail(struct answer *answer, const struct refusal *refusal, struct span request_id, struct span ticket, struct buf *out)
{
    if (answer->ended)
        return;
    refusal_write_event(out, refusal, request_id, ticket);
    answer->ended = true;
}
