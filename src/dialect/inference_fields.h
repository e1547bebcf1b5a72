/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every top-level member that a request may have, said once:
 *
 *     FIELD(name, endpoints, type, min, max, handling, reader, words)
 *
 * endpoints: CHAT, TEXT (completions), EMBED, or several. type: FLAG, INTEGER, NUMBER (min … max are values), STRING (bytes), WORD (one of
 * `words`), OBJECT, ARRAY (elements), ANY (the reader looks). reader: the function that looks closer, or `none`.
 *
 * handling:
 *   PASS    checked, then copied as written
 *   DOOR    read here; the door writes its own value
 *   DROP    understood and not sent on: a hosted service's own business, without a meaning for an engine
 *   ENGINE  some engine's own: only where the operator's table names it
 *   REFUSE  asks for what this service does not have; `words` say so
 * DROP and REFUSE pass too where the operator's table names the field.
 */
#pragma once

#include "dialect/inference.h"
#include "dialect/reading.h"

#define FIELD_CHAT 1u
#define FIELD_TEXT 2u
#define FIELD_EMBED 4u
#define FIELD_GEN (FIELD_CHAT | FIELD_TEXT)
#define FIELD_ALL (FIELD_GEN | FIELD_EMBED)

#define TOKENS_MAX 2147483647 /* engines keep token counts in 32 bits */
#define SEED_MAX 9223372036854775807.0
#define NUMBER_MAX 1e9 /* "any", for penalties that have no natural end */
#define INFERENCE_BIASES_MAX 1024
#define INFERENCE_STRING_MAX 512   /* names and ids */
#define INFERENCE_GRAMMAR_MAX 65536 /* bytes of a grammar or an expression */

/* clang-format off */
#define INFERENCE_FIELDS(FIELD)                                                                                        \
    /* name                  endpoints   type     min        max                   handling reader           words */  \
    FIELD(model,             FIELD_ALL,  STRING,  1,         INFERENCE_STRING_MAX, DOOR,    read_model,      "")       \
    FIELD(messages,          FIELD_CHAT, ARRAY,   1,         INFERENCE_MESSAGES_MAX, PASS,  read_messages,   "")       \
    FIELD(prompt,            FIELD_TEXT, ANY,     0,         0,                    PASS,    read_prompt,     "")       \
    FIELD(input,             FIELD_EMBED, ANY,    0,         0,                    PASS,    read_prompt,     "")       \
    FIELD(stream,            FIELD_GEN,  FLAG,    0,         0,                    DOOR,    read_stream,     "")       \
    FIELD(stream_options,    FIELD_GEN,  OBJECT,  0,         0,                    DOOR,    read_stream_options, "")   \
    FIELD(max_tokens,        FIELD_GEN,  INTEGER, 1,         TOKENS_MAX,           PASS,    read_limit,      "")       \
    FIELD(max_completion_tokens, FIELD_CHAT, INTEGER, 1,     TOKENS_MAX,           PASS,    read_limit,      "")       \
    FIELD(n,                 FIELD_GEN,  INTEGER, 1,         INFERENCE_CHOICES_MAX, PASS,   read_choices,    "")       \
    FIELD(temperature,       FIELD_GEN,  NUMBER,  0,         2,                    PASS,    none,            "")       \
    FIELD(top_p,             FIELD_GEN,  NUMBER,  0,         1,                    PASS,    none,            "")       \
    FIELD(stop,              FIELD_GEN,  ANY,     0,         0,                    PASS,    read_stop,       "")       \
    FIELD(presence_penalty,  FIELD_GEN,  NUMBER,  -2,        2,                    PASS,    none,            "")       \
    FIELD(frequency_penalty, FIELD_GEN,  NUMBER,  -2,        2,                    PASS,    none,            "")       \
    FIELD(logit_bias,        FIELD_GEN,  OBJECT,  0,         INFERENCE_BIASES_MAX, PASS,    read_biases,     "")       \
    FIELD(seed,              FIELD_GEN,  INTEGER, -SEED_MAX, SEED_MAX,             PASS,    none,            "")       \
    FIELD(logprobs,          FIELD_CHAT, FLAG,    0,         0,                    PASS,    read_logprobs,   "")       \
    FIELD(logprobs,          FIELD_TEXT, INTEGER, 0,         20,                   PASS,    read_logprobs,   "")       \
    FIELD(top_logprobs,      FIELD_CHAT, INTEGER, 0,         20,                   PASS,    read_top_logprobs, "")     \
    FIELD(tools,             FIELD_CHAT, ARRAY,   0,         INFERENCE_TOOLS_MAX,  PASS,    read_tools,      "")       \
    FIELD(tool_choice,       FIELD_CHAT, ANY,     0,         0,                    PASS,    read_tool_choice, "")      \
    FIELD(parallel_tool_calls, FIELD_CHAT, FLAG,  0,         0,                    PASS,    none,            "")       \
    FIELD(response_format,   FIELD_GEN,  OBJECT,  0,         0,                    PASS,    read_response_format, "")  \
    FIELD(reasoning_effort,  FIELD_CHAT, WORD,    0,         0,                    PASS,    read_effort,               \
          "none minimal low medium high xhigh max ultra")                                                              \
    FIELD(thinking,          FIELD_CHAT, OBJECT,  0,         0,                    PASS,    read_thinking,   "")       \
    FIELD(suffix,            FIELD_TEXT, STRING,  0,         TOKENS_MAX,           PASS,    read_suffix,     "")       \
    FIELD(echo,              FIELD_TEXT, FLAG,    0,         0,                    PASS,    none,            "")       \
    FIELD(encoding_format,   FIELD_EMBED, WORD,   0,         0,                    PASS,    none,            "float base64") \
    FIELD(dimensions,        FIELD_EMBED, INTEGER, 1,        65536,                PASS,    none,            "")       \
    /* A hosted service's own business: who asks, how it caches, bills and keeps. */                                   \
    FIELD(user,              FIELD_ALL,  STRING,  0,         INFERENCE_STRING_MAX, DROP,    none,            "")       \
    FIELD(user_id,           FIELD_CHAT, STRING,  0,         INFERENCE_STRING_MAX, DROP,    none,            "")       \
    FIELD(safety_identifier, FIELD_CHAT, STRING,  0,         INFERENCE_STRING_MAX, DROP,    none,            "")       \
    FIELD(metadata,          FIELD_CHAT, OBJECT,  0,         0,                    DROP,    none,            "")       \
    FIELD(store,             FIELD_CHAT, FLAG,    0,         0,                    DROP,    read_store,      "")       \
    FIELD(service_tier,      FIELD_CHAT, WORD,    0,         0,                    DROP,    none,                      \
          "auto default flex scale priority fast")                                                                     \
    FIELD(prompt_cache_key,  FIELD_CHAT, STRING,  0,         INFERENCE_STRING_MAX, DROP,    none,            "")       \
    FIELD(prompt_cache_retention, FIELD_CHAT, STRING, 0,     INFERENCE_STRING_MAX, DROP,    none,            "")       \
    FIELD(prompt_cache_options, FIELD_CHAT, OBJECT, 0,       0,                    DROP,    none,            "")       \
    FIELD(verbosity,         FIELD_CHAT, WORD,    0,         0,                    DROP,    none,            "low medium high") \
    FIELD(prediction,        FIELD_CHAT, OBJECT,  0,         0,                    DROP,    none,            "")       \
    FIELD(modalities,        FIELD_CHAT, ARRAY,   0,         8,                    DROP,    read_modalities, "")       \
    /* What an engine does not have. */                                                                                \
    FIELD(audio,             FIELD_CHAT, OBJECT,  0,         0,                    REFUSE,  none,                      \
          "is not available: answers are text")                                                                  \
    FIELD(web_search_options, FIELD_CHAT, OBJECT, 0,         0,                    REFUSE,  none,                      \
          "is not available")                                                                               \
    FIELD(moderation,        FIELD_CHAT, OBJECT,  0,         0,                    REFUSE,  none,                      \
          "is not available")                                                               \
    FIELD(functions,         FIELD_CHAT, ARRAY,   0,         INFERENCE_TOOLS_MAX,  REFUSE,  none,                      \
          "is the old form: use 'tools'")                                                                  \
    FIELD(function_call,     FIELD_CHAT, ANY,     0,         0,                    REFUSE,  none,                      \
          "is the old form: use 'tool_choice'")                                                        \
    /* Engines' own. Ranges keep what is plainly wrong away; what is left is the operator's choice. */                 \
    FIELD(best_of,           FIELD_TEXT, INTEGER, 1,         INFERENCE_CHOICES_MAX, ENGINE, read_best_of,    "")       \
    FIELD(n_predict,         FIELD_GEN,  INTEGER, 1,         TOKENS_MAX,           ENGINE,  read_limit,      "")       \
    FIELD(min_tokens,        FIELD_GEN,  INTEGER, 0,         TOKENS_MAX,           ENGINE,  none,            "")       \
    FIELD(ignore_eos,        FIELD_GEN,  FLAG,    0,         0,                    ENGINE,  none,            "")       \
    FIELD(top_k,             FIELD_GEN,  INTEGER, -1,        TOKENS_MAX,           ENGINE,  none,            "")       \
    FIELD(min_p,             FIELD_GEN,  NUMBER,  0,         1,                    ENGINE,  none,            "")       \
    FIELD(typical_p,         FIELD_GEN,  NUMBER,  0,         1,                    ENGINE,  none,            "")       \
    FIELD(repetition_penalty, FIELD_GEN, NUMBER,  0,         NUMBER_MAX,           ENGINE,  none,            "")       \
    FIELD(repeat_penalty,    FIELD_GEN,  NUMBER,  0,         NUMBER_MAX,           ENGINE,  none,            "")       \
    FIELD(length_penalty,    FIELD_GEN,  NUMBER,  -NUMBER_MAX, NUMBER_MAX,         ENGINE,  none,            "")       \
    FIELD(use_beam_search,   FIELD_GEN,  FLAG,    0,         0,                    ENGINE,  none,            "")       \
    FIELD(stop_token_ids,    FIELD_GEN,  ARRAY,   0,         INFERENCE_BIASES_MAX, ENGINE,  read_token_ids,  "")       \
    FIELD(allowed_token_ids, FIELD_GEN,  ARRAY,   0,         TOKENS_MAX,           ENGINE,  read_token_ids,  "")       \
    FIELD(bad_words,         FIELD_GEN,  ARRAY,   0,         INFERENCE_BIASES_MAX, ENGINE,  none,            "")       \
    FIELD(include_stop_str_in_output, FIELD_GEN, FLAG, 0,    0,                    ENGINE,  none,            "")       \
    FIELD(skip_special_tokens, FIELD_GEN, FLAG,   0,         0,                    ENGINE,  none,            "")       \
    FIELD(spaces_between_special_tokens, FIELD_GEN, FLAG, 0, 0,                    ENGINE,  none,            "")       \
    FIELD(truncate_prompt_tokens, FIELD_ALL, INTEGER, -1,    TOKENS_MAX,           ENGINE,  none,            "")       \
    FIELD(prompt_logprobs,   FIELD_GEN,  INTEGER, 0,         20,                   ENGINE,  none,            "")       \
    FIELD(return_token_ids,  FIELD_GEN,  FLAG,    0,         0,                    ENGINE,  none,            "")       \
    FIELD(add_special_tokens, FIELD_ALL, FLAG,    0,         0,                    ENGINE,  none,            "")       \
    FIELD(add_generation_prompt, FIELD_CHAT, FLAG, 0,        0,                    ENGINE,  none,            "")       \
    FIELD(continue_final_message, FIELD_CHAT, FLAG, 0,       0,                    ENGINE,  none,            "")       \
    FIELD(include_reasoning, FIELD_CHAT, FLAG,    0,         0,                    ENGINE,  none,            "")       \
    FIELD(chat_template,     FIELD_CHAT, STRING,  0,         INFERENCE_GRAMMAR_MAX, ENGINE, none,            "")       \
    FIELD(chat_template_kwargs, FIELD_CHAT, OBJECT, 0,       0,                    ENGINE,  read_template_kwargs, "")  \
    FIELD(guided_json,       FIELD_GEN,  ANY,     0,         0,                    ENGINE,  none,            "")       \
    FIELD(guided_regex,      FIELD_GEN,  STRING,  0,         INFERENCE_GRAMMAR_MAX, ENGINE, none,            "")       \
    FIELD(guided_choice,     FIELD_GEN,  ARRAY,   0,         INFERENCE_BIASES_MAX, ENGINE,  none,            "")       \
    FIELD(guided_grammar,    FIELD_GEN,  STRING,  0,         INFERENCE_GRAMMAR_MAX, ENGINE, none,            "")       \
    FIELD(structured_outputs, FIELD_GEN, OBJECT,  0,         0,                    ENGINE,  none,            "")       \
    FIELD(grammar,           FIELD_GEN,  STRING,  0,         INFERENCE_GRAMMAR_MAX, ENGINE, none,            "")       \
    FIELD(json_schema,       FIELD_GEN,  OBJECT,  0,         0,                    ENGINE,  none,            "")       \
    FIELD(priority,          FIELD_ALL,  INTEGER, -TOKENS_MAX, TOKENS_MAX,         ENGINE,  none,            "")       \
    FIELD(id_slot,           FIELD_GEN,  INTEGER, -1,        TOKENS_MAX,           ENGINE,  none,            "")       \
    FIELD(cache_prompt,      FIELD_GEN,  FLAG,    0,         0,                    ENGINE,  none,            "")       \
    FIELD(kv_transfer_params, FIELD_GEN, OBJECT,  0,         0,                    ENGINE,  none,            "")
/* clang-format on */

enum field_type { FLAG, INTEGER, NUMBER, STRING, WORD, OBJECT, ARRAY, ANY };
enum field_handling { PASS, DOOR, DROP, ENGINE, REFUSE };

struct field_rule;
typedef int field_reader(struct reading *reading, const struct field_rule *rule,
                         struct json_value value, struct span raw);

struct field_rule {
    struct span name;
    unsigned endpoints;
    enum field_type type;
    enum field_handling handling;
    double min, max;
    field_reader *read; /* after type and range; may be NULL */
    const char *words;
};

/* The rule's row for this endpoint, or -1. */
int field_find(enum endpoint endpoint, struct span name);
const struct field_rule *field_rule(int row);
/* Is it one of the names for how many tokens may come out? */
bool field_is_limit(const struct field_rule *rule);
/* Is it what the engine is told to think less by? */
bool field_is_thought(const struct field_rule *rule, enum inference_thought thought);
bool field_is_messages(const struct field_rule *rule);
/* Type and range. 0, or -EINVAL with the refusal. */
int field_check(struct reading *reading, const struct field_rule *rule, struct json_value value);
