/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a message: a strict scan of its bytes, then llhttp over the whole of it. For
 * request.c and response.c only.
 *
 * The scan finds the blank line and refuses, at the first wrong byte, a CR or LF alone, control
 * characters and folded lines (of which llhttp 8.1 lets the folded ones pass). llhttp then sees the
 * head in one piece, so that its spans come whole, and both must find the same end. Fields are kept
 * as offsets from the head's first byte: the head may move in memory.
 */
#pragma once

#include "base/span.h"

#define HEAD_FIELDS_MAX 100
#define HEAD_FIELDS_FEW 24 /* what a client sends, as a rule; more take memory of their own */

/* A run of bytes, counted from the first of the head. */
struct head_piece {
    uint32_t at, len;
};

struct head_field {
    struct head_piece name;
    struct head_piece value; /* without the white space around it */
};

struct head_scan {
    size_t at;             /* all before it has been looked at */
    size_t line_at;        /* where the line under way begins */
    size_t first_line_len; /* without its end; 0: not here yet */
};

enum head_type { HEAD_OF_REQUEST, HEAD_OF_RESPONSE };

struct head {
    struct head_scan scan;
    size_t count;
    uint64_t names; /* one bit for each, which some share: what has none is not there */
    /* As llhttp understood them; request.c and response.c compare them with what they read
     * themselves. */
    uint64_t content_length;
    bool has_content_length;
    bool chunked;
    bool is_1_0;
    unsigned status; /* of a response */
    struct head_field few[HEAD_FIELDS_FEW];
    struct head_field *many; /* HEAD_FIELDS_MAX of them, in place of `few`; mostly NULL */
};

static inline struct head_field *head_field(struct head *head, size_t index)
{
    return (head->many ? head->many : head->few) + index;
}

static inline const struct head_field *head_field_at(const struct head *head, size_t index)
{
    return (head->many ? head->many : head->few) + index;
}

enum head_result { HEAD_MORE, HEAD_FIRST_LINE, HEAD_WHOLE };

/*
 * Goes on through `bytes`, whose first is the head's first and of which there may be more than last
 * time. Returns HEAD_FIRST_LINE once, when the first line is whole, so that it is judged before
 * anything behind it; HEAD_WHOLE with scan->at behind the blank line; HEAD_MORE; or -EBADMSG. A
 * scan begins as zeros.
 */
int head_scan(struct head_scan *scan, const char *bytes, size_t len) must_check;

/* After HEAD_WHOLE: fills the rest of `head`. 0, -EBADMSG, -ENOSPC (too many fields), -ENOMEM or
 * -ENOTSUP (a method nobody knows). */
int head_parse(struct head *head, enum head_type type, const char *bytes) must_check;

/* Forgets the message and gives back what it took beside the struct: also before the struct goes. */
void head_clear(struct head *head);

static inline struct span head_text(const char *bytes, struct head_piece piece)
{
    return span_of(bytes + piece.at, piece.len);
}

/* Position of the first control character (but for the tab) at or behind `at`; `len` when there is
 * none. */
size_t head_find_control(const char *bytes, size_t at, size_t len);

/* How many fields have that name (without case); *ret_value is the last one's value. */
size_t head_find(const struct head *head, const char *bytes, struct span name,
                 struct span *ret_value);

/* RFC 9110, section 5.6.2. */
bool head_is_token_byte(char byte);
bool head_is_token(struct span text);
