/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON body becomes one inference request: typed, checked, estimated; and is written again for the engine from the spans that were checked.
 *
 * Three verbs in this order: inference_read() checks the whole document and the fields that every model shares; the corridor then finds the
 * model; inference_allow() applies that model's caps and its table of engine-only fields; inference_write() builds the engine's body. Where the service is pressed
 * (policy/ladder.h) less goes out than was asked for: fewer turns of the conversation (inference_find_cut), and a word to think less.
 *
 * Every top-level field is in one table (inference_fields.h): its name, for which endpoints, its type and range, and whether it passes, is set by
 * the door, is dropped, or is an engine's own. A field that is in no table is refused unless the operator's table names it. Nothing is
 * guessed: `"max_tokens": "12"` is a 400. A `null` counts as absent. Below the top level what an engine acts on is checked, and members that
 * are not known stay behind (nested.h).
 *
 * Spans point into the body and into the parser: the inference lives until the parser reads its next document, but what
 * inference_write() built is whole. Belongs to one worker thread.
 */
#pragma once

#include "dialect/endpoint.h"
#include "dialect/json_dom.h"
#include "dialect/nested.h"
#include "dialect/refusal.h"

#define INFERENCE_FIELDS_MAX 96 /* top-level members of a body */
#define INFERENCE_MESSAGES_MAX 4096
#define INFERENCE_TOOLS_MAX 512
#define INFERENCE_STOPS_MAX 16
#define INFERENCE_CHOICES_MAX 128 /* `n`; a model's own cap is usually far lower */

struct inference_field {
    int known;            /* row of the field table, or -1 */
    bool listed;          /* the operator's table names it; set by inference_allow() */
    struct span name;     /* unescaped */
    struct span raw;      /* value as written */
    enum nested below;    /* when it holds members that are not known: what it is, so that they can be left out; else NESTED_ANY */
    struct json_value value; /* of `raw` */
};

/* What messages hold beside text; each passes only where the operator's table names it, by these names. */
#define INFERENCE_PARTS(PART)                                                                      \
    PART(IMAGE, "image_url")                                                                       \
    PART(AUDIO, "input_audio")                                                                     \
    PART(AUDIO_URL, "audio_url")                                                                   \
    PART(VIDEO, "video_url")                                                                       \
    PART(FILE, "file")                                                                             \
    PART(REMOTE_URL, "remote_url") /* a URL that is no data: URL, which the engine would fetch */

enum inference_part {
#define PART(name, text) PART_##name,
    INFERENCE_PARTS(PART)
#undef PART
        PART_COUNT
};

/* How an engine is told to think less: its operator says which of these it takes. */
enum inference_thought {
    THOUGHT_AS_ASKED,
    THOUGHT_EFFORT,   /* "reasoning_effort": "low" */
    THOUGHT_THINKING, /* "thinking": {"type": "disabled"}, as DeepSeek has it */
    THOUGHT_TEMPLATE, /* "chat_template_kwargs": {"enable_thinking": false}, as Qwen's templates have it; other members of it stay */
    THOUGHT_COUNT
};

struct inference {
    enum endpoint endpoint;
    struct span model;             /* as asked, public name */
    bool stream;
    bool include_usage;            /* the client asked for usage in its stream */
    bool has_tools, has_logprobs;
    bool is_structured;            /* JSON mode or a schema */
    bool reasons;                  /* asks for thinking: `thinking` enabled, or a `reasoning_effort` beyond minimal */
    bool begins_with_instructions; /* the first message is of a system or developer */
    uint32_t messages;             /* of a chat; else 0 */
    uint64_t last_message_bytes;   /* of prompt_bytes */
    uint32_t thinks_little;        /* a bit for each enum inference_thought in whose words the client itself asks for as little */
    uint32_t parts;                /* a bit for each enum inference_part that occurs */
    uint32_t choices;              /* ≥ 1: `n` or `best_of`, times the prompts of a completion */
    uint32_t prompts;              /* of a completion; else 1 */
    uint64_t output_tokens_max;    /* max_completion_tokens or max_tokens; 0: not given */
    uint64_t prompt_bytes;         /* text of prompt, messages and tools, after escapes */
    uint64_t prompt_tokens_estimate; /* prompt_bytes × ratio, rounded up */
    const struct span *listed;     /* the operator's table, for inference_write(); set by inference_allow() */
    size_t listed_count;
    size_t fields_count;
    struct inference_field fields[INFERENCE_FIELDS_MAX];
};

struct inference_caps {
    const struct span *engine_fields; /* names that this model's operator lets pass */
    size_t engine_fields_count;
    uint64_t output_tokens_max;       /* 0: no cap. A request above it is refused; one without a number gets it as its target's */
    uint64_t context_tokens_max;      /* 0: unknown */
    uint32_t choices_max;             /* ≥ 1 */
};

/* Messages [from, to) of a chat stay behind, but for those of the system and of developers. */
struct inference_cut {
    uint32_t from, to;
    uint32_t messages; /* that stay behind */
    uint64_t tokens;   /* of them, estimated */
};

struct inference_target {
    struct span model;      /* what the engine calls it */
    bool stream;            /* what the engine is asked for; may differ from what the client asked */
    bool ask_usage;         /* adds stream_options.include_usage when streaming */
    uint64_t output_tokens_max; /* 0: as the client wrote it; else the one limit that goes out, as `max_tokens` */
    enum inference_thought thought; /* AS_ASKED: as the client wrote it */
    const struct inference_cut *cut; /* NULL: the whole conversation */
};

/* 0, or -EINVAL with *ret_refusal; -ENOMEM. `body` is followed by JSON_PADDING readable bytes. */
int inference_read(struct json_parser *parser, enum endpoint endpoint, struct span body, struct inference *ret_inference,
                   struct refusal *ret_refusal) must_check;
/* `caps->engine_fields` must live until inference_write(). */
int inference_allow(struct inference *inference, const struct inference_caps *caps, struct refusal *ret_refusal) must_check;
/* What all its answers together may have; 0: no cap. */
uint64_t inference_output_max(const struct inference *inference, uint64_t cap);
/* Is there anything to leave away by telling the engine so? Not where the client asks for as little itself. */
bool inference_can_think_less(const struct inference *inference, enum inference_thought thought);
/*
 * What to leave out so that the prompt of a chat is estimated at `tokens_max` or less: whole turns, and no more of them than it takes. A turn goes from a user's message to the next one, and
 * begins only where every tool call before it has its answer (by their ids): calls and answers are never parted. The oldest go first, except that the first of all, which mostly
 * says what it is about, goes last; the turn under way never goes, nor do messages of the system and of developers, nor what stands before the first turn. Linear in the body, and less work than reading it was.
 * False: there is nothing to leave out (or it is no chat, or no longer than that); else *ret_cut is as close as it comes.
 */
bool inference_find_cut(const struct inference *inference, uint64_t tokens_max, struct inference_cut *ret_cut);
/* Appends to `buf`, whose failure is the result. */
void inference_write(const struct inference *inference, const struct inference_target *target, struct buf *buf);
