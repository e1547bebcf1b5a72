/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine answers becomes what leaves the door: one form, whatever the engine calls things.
 *
 * The way back has three forms, and one `struct answer` serves them all:
 *   stream → stream   answer_event() for each event
 *   whole  → whole    answer_whole() for the body
 *   stream → whole    answer_gather() for each event, answer_gathered() at the end (assemble.c)
 * Each meters what passes. Rewritten: `model` (the public name), thinking (both `reasoning_content` and `reasoning`, whichever came),
 * usage when more was charged than reported. Passed: id and created (of the first event, for all), the text of choices byte by byte,
 * service_tier. Dropped: everything else beside the choices (timings, paths, prompt token ids, fingerprints).
 *
 * Usage of a stream: whatever the engine reports and where, the client gets one report, in an event of its own before [DONE], and only if it
 * asked; other events have no `usage` (not even null).
 *
 * What an engine sends is not trusted: an event that is not a JSON object (or null, which says nothing), has wrong types or duplicate keys ends
 * the answer with BAD_ANSWER.
 * Belongs to one request; memory from `buf`s with maxima.
 */
#pragma once

#include "base/buf.h"
#include "dialect/endpoint.h"
#include "dialect/json_dom.h"
#include "dialect/meter.h"
#include "dialect/refusal.h"

struct answer_terms {
    enum endpoint endpoint;
    struct span model;             /* public name; outlives the answer */
    bool include_usage;            /* client wants the usage event of a stream */
    uint32_t choices;              /* asked for, ≥ 1 (n × prompts): an engine that sends more is cut off (BAD_ANSWER) */
    uint32_t prompts;              /* of a completion with several prompts; 0 is 1 */
    uint64_t prompt_tokens_estimate;
    uint64_t output_tokens_max;    /* of each choice, as max_tokens is; 0: none. A choice that has reached it may bring one event more, the next
                                    * one cuts the answer */
    size_t answer_bytes_max;       /* > 0: what may be gathered, and what may be streamed */
};

struct answer; /* heap; see answer_new */

enum answer_state {
    ANSWER_OPEN,   /* more may come */
    ANSWER_CUT,    /* a cap was reached: the caller stops the engine and calls answer_finish() */
    ANSWER_DONE    /* the engine said [DONE], or its last event came */
};

struct answer *answer_new(const struct answer_terms *terms) must_check;
/* Another maximum, from the next event on: of all choices together, each with an equal part. 0: none. */
void answer_set_output_max(struct answer *answer, uint64_t output_tokens);
/* Why the door ends it early; the spans outlive the answer. */
struct answer_end {
    struct span reason;     /* of A-Z a-z 0-9 . _, as the ticket */
    unsigned retry_after_s; /* when to come back; 0: not said */
    struct span ticket;     /* null: none */
    struct span reduced;    /* what was left away of it, any text; null: not said */
};

/* The last event of each choice that is cut, or the gathered answer, says so beside its choices: `"seawall":{"ended":"gave_way","retry_after":7,"ticket":"…"}`,
 * `"seawall":{"ended":"shortened","reduced":"output=256"}`. */
void answer_note_end(struct answer *answer, const struct answer_end *end);
void answer_free(struct answer *answer);
const struct meter *answer_meter(const struct answer *answer);
/* What was wrong with the engine's answer, in words for the operator's log only: set after -EINVAL, else "". May quote the engine. */
const struct err *answer_detail(const struct answer *answer);

/* Usage tells that the answer was cut, and for what: `"seawall":{"cut":"tokens_per_day"}`. The word outlives the answer. */
void answer_note_cut(struct answer *answer, struct span word);

/* The engine said [DONE], or every choice that was asked for came to its end. */
bool answer_is_whole(const struct answer *answer);

/* One event's data from the engine; appends to `out` what the client gets, framed as SSE (or nothing). *ret_state says how it goes on.
 * -EINVAL with *ret_refusal: garbage (BAD_ANSWER) or the engine's own error event (ENGINE_ERROR…). */
int answer_event(struct answer *answer, struct json_parser *parser, struct span data, struct buf *out,
                 enum answer_state *ret_state, struct refusal *ret_refusal) must_check;

/* The stream ends here, in good order: for choices without an end a last event with finish_reason "length" (when `cut`), the usage event
 * if the client asked for it and none went out, and "data: [DONE]". */
void answer_finish(struct answer *answer, bool cut, struct buf *out);

/* The stream ends here with a failure: an error event (refusal_write_event()), no [DONE]. */
void answer_fail(struct answer *answer, const struct refusal *refusal, struct span request_id, struct span ticket, struct buf *out);

/* A whole body from the engine (200) → the client's body. */
int answer_whole(struct answer *answer, struct json_parser *parser, struct span body, struct buf *out,
                 struct refusal *ret_refusal) must_check;

/* Stream → whole. The gathered answer equals what the engine would have answered unstreamed, field by field. */
int answer_gather(struct answer *answer, struct json_parser *parser, struct span data, enum answer_state *ret_state,
                  struct refusal *ret_refusal) must_check;
/* -EINVAL when the engine never sent anything that makes an answer. `cut`: open choices end with "length". */
int answer_gathered(struct answer *answer, bool cut, struct buf *out, struct refusal *ret_refusal) must_check;

/* An engine's error (status ≥ 400, any body, perhaps HTML or nothing) → our refusal. Its own words never reach the client, except numbers of a
 * context overflow; *ret_detail (may be NULL) gets at most its first 200 printable characters for the operator's log. */
void answer_engine_error(struct json_parser *parser, unsigned status, struct span body, struct refusal *ret_refusal,
                         struct err *ret_detail);
