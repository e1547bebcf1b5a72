/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the way back share. Only answer_*.c, assemble.c and engine_error.c include it.
 *
 *   answer_read.c    an engine's JSON → views that were checked; everything that can be wrong is refused here
 *   answer_usage.c   the engine's reports of usage, added up, and the one that leaves
 *   answer_event.c   stream → stream, and how streams end
 *   answer_whole.c   whole → whole, and the rewriting of choices that both need
 *   assemble.c       stream → whole
 */
#pragma once

#include "base/json_out.h"
#include "dialect/answer.h"

#define ANSWER_ID_MAX 256            /* bytes of `id`: it is sent with every event */
#define ANSWER_FINISH_MAX 32         /* bytes of `finish_reason` */
#define ANSWER_TOOL_CALLS_MAX 128    /* of one choice; OpenAI's own limit for tools */
#define ANSWER_TOKENS_MAX (UINT64_C(1) << 40) /* a larger number in `usage` is a mistake or an attack */

struct assembly; /* assemble.c: what one choice has said */

/* What is known of one choice. */
struct choice {
    uint64_t tokens;              /* counted */
    uint64_t reported_prompt;     /* `usage` in an event of this choice */
    uint64_t reported_completion;
    bool seen;
    bool ended;                   /* finish_reason came */
    bool over;                    /* has had its one event beyond the maximum */
    struct assembly *assembly;    /* NULL: nothing gathered */
};

/* Reports of usage. See answer_usage.c for how engines send them. */
struct usage_track {
    uint64_t before;              /* completion tokens of the closing reports before the last */
    uint64_t last;                /* of the last closing report */
    uint64_t prompt;              /* largest of any report */
    bool last_covers;             /* … which came behind the end of a choice */
    uint32_t ended_since;         /* choices that ended since the last closing report */
    struct buf details;           /* members of the last report that pass beside the three numbers */
};

struct answer {
    struct answer_terms terms;
    struct meter meter;
    struct usage_track usage;
    struct buf head;       /* {"id":…,"object":…,"created":…,"model":… of this answer; empty until the first event */
    struct span cut;       /* what usage tells of it; null: nothing */
    struct err detail;     /* what was wrong with the engine's answer, for the operator */
    size_t bytes;          /* streamed or gathered so far */
    struct answer_end end; /* answer_note_end(); its reason null: none */
    bool ended;            /* nothing may follow */
    struct choice choices[]; /* terms.choices */
};

/* A value that may be missing: then its document is NULL. */
static inline bool is_there(struct json_value value)
{
    return value.document != NULL;
}

/* The top level of an event or a whole body. All of the right kind or missing. */
struct answer_view {
    struct json_value root;
    struct json_value id, created, service_tier, usage, choices, data;
    struct json_value object, error; /* looked at by answer_view_read() alone */
};

/* One choice of it; spans live in the parser. A span that is null was missing or null. */
struct choice_view {
    struct choice *state;
    uint64_t tokens;               /* that this event brings; a guess for whole answers */
    struct span role, text, reasoning, refusal, finish;
    bool one_sided;                /* thinking under one of its two names only: it must leave under both */
    struct json_value tool_calls, function_call, logprobs, stop_reason;
};

/* One tool call, or a function call of the older form. Null: missing. */
struct tool_view {
    size_t index;
    struct span id, type, name, arguments;
};

/* Refuses what the engine sent; the words are for the operator only. -EINVAL. */
int answer_refuse(struct answer *answer, struct refusal *refusal, enum reason reason, const char *format, ...)
    printf_like(4, 5);

/* Parses and checks the top level: 1, 0 when the event is `null` (llama.cpp sends it when it has nothing to say), or -EINVAL with a
 * refusal: not JSON, wrong types, or an error object of the engine; *ret_view is then nothing to rely on. */
int answer_view_read(struct answer *answer, struct json_parser *parser, struct span text, struct answer_view *ret_view,
                     struct refusal *ret_refusal) must_check;
/* The same of an event, which must have choices; embeddings have no events. */
int event_view_read(struct answer *answer, struct json_parser *parser, struct span data, struct answer_view *ret_view,
                    struct refusal *ret_refusal) must_check;
/* Checks one choice of view->choices. `whole`: it has a message instead of a delta. */
int choice_view_read(struct answer *answer, struct json_value choice, bool whole, struct choice_view *ret_view,
                     struct refusal *ret_refusal) must_check;

/* `position`: the index of a call that names none. */
int tool_view_read(struct answer *answer, struct json_value call, size_t position, struct tool_view *ret_view,
                   struct refusal *ret_refusal) must_check;
int function_view_read(struct answer *answer, struct json_value function, struct tool_view *ret_view,
                       struct refusal *ret_refusal) must_check;

/* The text of member `key` in `text`, which is `object` in the DOM; null when missing. */
struct span raw_member(struct span text, struct json_value object, struct span key);

/* Notes the choice's tokens; false when the event goes beyond the choice's maximum and must not leave. */
bool answer_count(struct answer *answer, const struct choice_view *view) must_check;

/* Checks and notes view->usage. `only`: the choice of an event that has just one; else NULL. */
int usage_read(struct answer *answer, const struct answer_view *view, struct choice *only,
               struct refusal *ret_refusal) must_check;
/* The object: what is charged, and the engine's details. */
void usage_write(const struct answer *answer, struct buf *out);

/* Pins id and created of the first event for the whole answer. */
void answer_pin_head(struct answer *answer, const struct answer_view *view, bool whole);
/* The pinned head, its object still open. Marks `out` as failed when there was no memory for it. */
void answer_write_head(struct answer *answer, struct buf *out);
/* ,"seawall":{…}, when answer_note_end() said so */
void answer_write_end_note(const struct answer *answer, struct buf *out);
/* ,"service_tier":… */
void answer_write_service_tier(struct buf *out, struct json_value tier);

/* "[DONE]" */
bool answer_is_end(struct span data);
/* Some choice has said something. */
bool answer_any_seen(const struct answer *answer);

/* `raw` is the text of `choices`: appended with thinking under both names. */
void choices_rewrite_slow(struct buf *out, struct span raw, struct json_value choices);

void assembly_free(struct assembly *assembly);

/* An error object that came with status 200; `status` of its own code. */
void engine_error_read(unsigned status, struct json_value error, struct refusal *ret_refusal, struct err *ret_detail);
