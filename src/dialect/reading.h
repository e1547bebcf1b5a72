/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of one request share: where they write what they found, and how they say where something is wrong.
 *
 * A place is a chain on the stack, from the inside out; it becomes text ("messages[3].content[0].type") only when something is refused.
 */
#pragma once

#include "dialect/inference.h"

#define BYTES_PER_TOKEN 4 /* see inference_read.c */

struct reading {
    struct inference *inference;
    struct refusal *refusal;
    uint64_t tokens; /* estimated beside the text: token ids, media, what holds messages together */
    uint64_t prompts;       /* of a completion or an embedding */
    bool has_input;         /* messages, prompt or input */
    bool asks_logprobs;     /* `logprobs` is true */
    bool asks_top_logprobs; /* `top_logprobs` is above 0 */
    bool needs_tools;       /* `tool_choice` wants a call */
    uint64_t best_of;
    enum nested below;      /* of the field under way, once it holds a member that is not known */
};

struct place {
    const struct place *outer; /* NULL at the top level */
    const char *name;          /* NULL: an element of the outer place */
    size_t index;
};

#define PLACE_MEMBER(outer, name) (&(const struct place){(outer), (name), 0})
#define PLACE_ELEMENT(outer, index) (&(const struct place){(outer), NULL, (index)})

/* Refuses with BAD_FIELD at this place: "'<place>' <what is wrong>". -EINVAL. */
int reading_refuse(struct reading *reading, const struct place *place, const char *format, ...)
    printf_like(3, 4);

enum reading_need { OPTIONAL, REQUIRED };

/* Members of an object. 1 found, 0 absent or null (and OPTIONAL), -EINVAL with the refusal. `place` is the object's. */
int reading_string(struct reading *reading, const struct place *place, struct json_value object,
                   const char *name, enum reading_need need, struct span *ret_text) must_check;
int reading_flag(struct reading *reading, const struct place *place, struct json_value object,
                 const char *name, bool *ret_flag) must_check;
int reading_object(struct reading *reading, const struct place *place, struct json_value object,
                   const char *name, enum reading_need need,
                   struct json_value *ret_value) must_check;
/* Only looks: true when there and not null. */
bool reading_member(struct json_value object, const char *name, struct json_value *ret_value);

/* Holds an object that was read, and found to have `found` members that its reader knows, against what may be in it; `field` is what the whole
 * field is. The usual case is one comparison. */
static inline void reading_knows(struct reading *reading, enum nested field, enum nested nested,
                                 struct json_value object, size_t found)
{
    if (json_count(object) != found && !nested_is_known(nested, object))
        reading->below = field;
}

/* Is `word` one of the words in `list`, which single spaces separate? */
bool word_in(struct span word, const char *list);

/* Readers of the large fields. All: 0, or -EINVAL with the refusal. */
int messages_read(struct reading *reading, struct json_value messages) must_check;
/* What messages_read() counted for one that it has read: bytes of text, and BYTES_PER_TOKEN for each token beside. */
uint64_t message_bytes(struct json_value message);
/* Does a message with this role stay when older ones are left out? */
bool message_stays(struct json_value message);
int tools_read(struct reading *reading, struct json_value tools, struct span raw) must_check;
int tool_choice_read(struct reading *reading, struct json_value choice) must_check;
int response_format_read(struct reading *reading, struct json_value format) must_check;
/* `name` is "prompt" or "input"; an empty text is refused when not `may_be_empty`. */
int prompts_read(struct reading *reading, const char *name, bool may_be_empty,
                 struct json_value value) must_check;
int token_ids_read(struct reading *reading, const struct place *place,
                   struct json_value ids) must_check;
