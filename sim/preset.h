/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Presets: the facts of one simulated engine, as a JSON file that people read and `simllm calibrate` writes.
 *
 * Strict: every key of the format must be there, no other key may be, and each value is of its type and within its
 * range; what is wrong is told as one line: file, key, what was expected. A few presets are built into the binary
 * under their names (sim/presets/); any other is a file.
 *
 * The format, version 1. All times are microseconds of the engine's own time, all sizes are tokens unless a name says
 * otherwise. `number` may have a fraction.
 *
 *   format                      1
 *   name                        1 to 63 of a-z 0-9 . _ -
 *   title                       text: engine, model, hardware
 *   source                      list of 1 to 16 texts: where each published or measured number comes from
 *   derived                     list of 0 to 16 texts: which numbers are not published, and how they were derived
 *
 *   model.name                  what GET /v1/models says, and what `model` of a request must say
 *   model.context_tokens        prompt and answer of one call together
 *   model.bytes_per_token       number: a prompt of n bytes has ceil(n / this) tokens
 *   model.words                 "latin" or "mixed" (some Chinese): the text of answers
 *
 *   scheduler.kind              "batch": continuous batching with a shared KV cache (vLLM's way)
 *                               "slots": a fixed number of slots with kv.tokens / slots each (llama.cpp's way)
 *   scheduler.running_max       calls in one step at most; the number of slots
 *   scheduler.waiting_max       calls that may wait; the next one gets 503
 *   scheduler.step_tokens_max   prefill and decode tokens of one step together (chunked prefill)
 *
 *   kv.tokens                   size of the KV cache; a multiple of kv.block_tokens
 *   kv.block_tokens             tokens of one block
 *   kv.prefix_cache             true: a prompt that begins as an earlier one is not computed again, block by block
 *
 *   time.step_us                number: every step takes this
 *   time.prefill_us             number: and this for each prompt token that it computes
 *   time.decode_us              list of 1 to 32 pairs [sequences, microseconds], sequences rising from 1: and this when
 *                               it decodes so many sequences; straight lines between the points, the last line goes on
 *   time.kv_us_per_1000         number: and this for each 1000 tokens of KV that its sequences hold
 *   time.call_us                number: from a call's arrival until it may be scheduled (tokenizing, queueing between
 *                               processes); it takes no time from steps
 *   time.jitter                 number 0 to 0.5: a step is longer or shorter by up to this share, evenly
 *
 *   answer.tokens_median        length of an answer when nothing limits it: log-normal with this median
 *   answer.tokens_p90           and nine of ten below this; ≥ the median
 *   answer.thinking_median      the same for the tokens of thinking before the answer; 0: the model does not think
 *   answer.thinking_p90
 *   answer.event_tokens         tokens in one event of a stream
 *
 *   habits.stops                which calls end when their client hangs up: "all", "streamed" (llama.cpp) or "none"
 *   habits.counts_choices       true: usage counts all choices of n; false: only the first (llama.cpp)
 *   habits.thinking_field       "reasoning_content" or "reasoning" (vLLM 0.32): its name in deltas and messages
 *
 * So a step that computes p prompt tokens and decodes n sequences, all of them holding k tokens of KV, takes
 *
 *   step_us + p × prefill_us + decode_us(n) + k / 1000 × kv_us_per_1000        microseconds, give or take the jitter
 *
 * where decode_us(0) is 0. A step that completes a prompt also brings that call's first token, and each decoded
 * sequence brings one.
 *
 * A preset is plain data without pointers: copy it freely. Any thread.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define PRESET_FORMAT 1
#define PRESET_FILE_BYTES_MAX 65536
#define PRESET_NAME_BYTES 64
#define PRESET_TEXT_BYTES 512
#define PRESET_NOTES_MAX 16
#define PRESET_POINTS_MAX 32

enum preset_scheduler { PRESET_BATCH, PRESET_SLOTS };
enum preset_words { PRESET_LATIN, PRESET_MIXED };
enum preset_stops { PRESET_STOPS_ALL, PRESET_STOPS_STREAMED, PRESET_STOPS_NONE };
enum preset_thinking { PRESET_REASONING_CONTENT, PRESET_REASONING };

struct preset_notes {
    uint32_t count;
    char text[PRESET_NOTES_MAX][PRESET_TEXT_BYTES];
};

struct preset_point {
    uint32_t sequences;
    double us;
};

struct preset {
    char name[PRESET_NAME_BYTES];
    char title[PRESET_TEXT_BYTES];
    struct preset_notes source;
    struct preset_notes derived;

    struct {
        char name[PRESET_TEXT_BYTES];
        uint32_t context_tokens;
        double bytes_per_token;
        uint32_t words; /* enum preset_words */
    } model;

    struct {
        uint32_t kind; /* enum preset_scheduler */
        uint32_t running_max;
        uint32_t waiting_max;
        uint32_t step_tokens_max;
    } scheduler;

    struct {
        uint32_t tokens;
        uint32_t block_tokens;
        bool prefix_cache;
    } kv;

    struct {
        double step_us;
        double prefill_us;
        struct preset_point decode_us[PRESET_POINTS_MAX];
        uint32_t decode_points;
        double kv_us_per_1000;
        double call_us;
        double jitter;
    } time;

    struct {
        uint32_t tokens_median;
        uint32_t tokens_p90;
        uint32_t thinking_median;
        uint32_t thinking_p90;
        uint32_t event_tokens;
    } answer;

    struct {
        uint32_t stops; /* enum preset_stops */
        bool counts_choices;
        uint32_t thinking_field; /* enum preset_thinking */
    } habits;
};

/* `json` is a whole file; `name` stands in front of errors. 0, -EINVAL or -ENOMEM. */
int preset_read(struct span json, const char *name, struct preset *ret_preset,
                struct err *err) must_check;

/* What preset_read() takes back equal, with line ends and two spaces a level. The preset must be one that agrees (see
 * below). Failures are the buffer's. */
void preset_write(const struct preset *preset, struct buf *buf);

/* All that preset_read() asks of the values: ranges, and that they fit together. 0 or -EINVAL. */
int preset_agrees(const struct preset *preset, const char *name, struct err *err) must_check;

/* A built-in preset by its name; else, when there is a '/' or ".json" in it, a file. 0, -ENOENT or as above. */
int preset_load(const char *name_or_path, struct preset *ret_preset, struct err *err) must_check;

/* Names of the built-in presets in alphabetical order; NULL behind the last. */
const char *preset_name_at(size_t index);
