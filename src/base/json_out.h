/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON writer into a buf: objects, arrays, strings with escapes, numbers, raw spans that are JSON already. It sets the
 * commas; the caller keeps the nesting right (checked: a wrong nesting is our mistake). Failures are the buffer's.
 *
 *     struct json_out out = json_out_start(&buf);
 *     json_out_open(&out, '{');
 *     json_out_key(&out, SPAN("id"));   json_out_string(&out, id);
 *     json_out_close(&out, '}');
 */
#pragma once

#include "base/buf.h"

C_LINKAGE_BEGIN

#define JSON_OUT_DEPTH_MAX 32

struct json_out {
    struct buf *buf;
    uint32_t depth;
    uint64_t has_items; /* one bit a level */
    uint64_t is_object;
    bool after_key;
};

struct json_out json_out_start(struct buf *buf);
void json_out_open(struct json_out *out, char bracket);  /* '{' or '[' */
void json_out_close(struct json_out *out, char bracket); /* '}' or ']' */
void json_out_key(struct json_out *out, struct span key);
/* Control characters, quote and backslash are escaped; invalid UTF-8 becomes U+FFFD. */
void json_out_string(struct json_out *out, struct span text);
void json_out_u64(struct json_out *out, uint64_t value);
void json_out_i64(struct json_out *out, int64_t value);
/* NaN and infinities become null. */
void json_out_double(struct json_out *out, double value);
void json_out_bool(struct json_out *out, bool value);
void json_out_null(struct json_out *out);
/* `json` must be one whole JSON value; an empty span is written as null. */
void json_out_raw(struct json_out *out, struct span json);

/* Only the escaped inside of a string, without quotes. */
void json_escape(struct buf *buf, struct span text);

C_LINKAGE_END
