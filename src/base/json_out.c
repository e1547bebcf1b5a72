/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON. Strings are looked through eight bytes at a time for what needs an escape; what lies between is copied
 * in one piece, so plain text costs little more than a memcpy.
 */
#include "base/json_out.h"

#include "base/text.h"

#include <math.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* In each byte of the result the top bit is set when that byte of `word` is zero. Exact for the lowest such byte; a
 * higher byte may be reported in error, which is harmless when only "any" is asked. */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* True when none of the eight bytes is a control character, a quote, a backslash or beyond ASCII. */
static bool all_plain(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    uint64_t control = (word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80);
    uint64_t quote = zero_bytes(word ^ EACH_BYTE('"'));
    uint64_t backslash = zero_bytes(word ^ EACH_BYTE('\\'));
    return (control | quote | backslash | (word & EACH_BYTE(0x80))) == 0;
}

/* How many bytes at the front may be copied as they are: plain ASCII and whole UTF-8 sequences. */
static size_t plain_len(struct span text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t left = text.len - at;
        if (left >= sizeof(uint64_t) && all_plain(text.ptr + at)) {
            at += sizeof(uint64_t);
            continue;
        }
        /* What is left of a text that is long enough: its last eight bytes, some of them for the second time. */
        if (left < sizeof(uint64_t) && at + left >= sizeof(uint64_t) &&
            all_plain(text.ptr + text.len - sizeof(uint64_t)))
            return text.len;
        unsigned char byte = (unsigned char)text.ptr[at];
        if (byte < 0x20 || byte == '"' || byte == '\\')
            break;
        size_t len = byte < 0x80 ? 1 : text_utf8_len(span_skip(text, at));
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

static void escape_byte(struct buf *buf, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (byte >= 0x80) {
        buf_append(buf, SPAN("\xef\xbf\xbd"));
    } else if (byte >= 0x20 || letters[byte]) {
        char text[] = {'\\', byte >= 0x20 ? (char)byte : letters[byte]};
        buf_append(buf, span_of(text, sizeof(text)));
    } else {
        char text[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        buf_append(buf, span_of(text, sizeof(text)));
    }
}

void json_escape(struct buf *buf, struct span text)
{
    while (text.len > 0) {
        size_t plain = plain_len(text);
        buf_append(buf, span_take(text, plain));
        if (plain == text.len)
            return;
        escape_byte(buf, (unsigned char)text.ptr[plain]);
        text = span_skip(text, plain + 1);
    }
}

struct json_out json_out_start(struct buf *buf)
{
    return (struct json_out){.buf = buf};
}

static uint64_t level_bit(const struct json_out *out)
{
    return UINT64_C(1) << out->depth;
}

static bool in_object(const struct json_out *out)
{
    return (out->is_object & level_bit(out)) != 0;
}

/* Sets the comma in front of an item of an array, or of a key. */
static void next_item(struct json_out *out)
{
    if (out->has_items & level_bit(out)) {
        check(out->depth > 0); /* one value to a document */
        buf_append_byte(out->buf, ',');
    }
    out->has_items |= level_bit(out);
}

static void before_value(struct json_out *out)
{
    check(out->after_key == in_object(out)); /* a value in an object has a key */
    if (!out->after_key)
        next_item(out);
    out->after_key = false;
}

void json_out_open(struct json_out *out, char bracket)
{
    check(bracket == '{' || bracket == '[');
    before_value(out);
    check(out->depth < JSON_OUT_DEPTH_MAX);
    out->depth++;
    out->has_items &= ~level_bit(out);
    out->is_object &= ~level_bit(out);
    if (bracket == '{')
        out->is_object |= level_bit(out);
    buf_append_byte(out->buf, bracket);
}

void json_out_close(struct json_out *out, char bracket)
{
    check(out->depth > 0 && !out->after_key);
    check(bracket == (in_object(out) ? '}' : ']'));
    out->depth--;
    buf_append_byte(out->buf, bracket);
}

static void quoted(struct json_out *out, struct span text)
{
    buf_append_byte(out->buf, '"');
    json_escape(out->buf, text);
    buf_append_byte(out->buf, '"');
}

void json_out_key(struct json_out *out, struct span key)
{
    check(in_object(out) && !out->after_key);
    next_item(out);
    quoted(out, key);
    buf_append_byte(out->buf, ':');
    out->after_key = true;
}

void json_out_string(struct json_out *out, struct span text)
{
    before_value(out);
    quoted(out, text);
}

void json_out_u64(struct json_out *out, uint64_t value)
{
    before_value(out);
    buf_append_u64(out->buf, value);
}

void json_out_i64(struct json_out *out, int64_t value)
{
    before_value(out);
    buf_append_i64(out->buf, value);
}

/* The fewest of 15, 16 or 17 digits that read back as the same number. */
void json_out_double(struct json_out *out, double value)
{
    if (!isfinite(value)) {
        json_out_null(out);
        return;
    }
    before_value(out);
    char text[32];
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_append(out->buf, span_of(text, (size_t)len));
}

void json_out_bool(struct json_out *out, bool value)
{
    before_value(out);
    buf_append(out->buf, value ? SPAN("true") : SPAN("false"));
}

void json_out_null(struct json_out *out)
{
    before_value(out);
    buf_append(out->buf, SPAN("null"));
}

void json_out_raw(struct json_out *out, struct span json)
{
    before_value(out);
    buf_append(out->buf, json.len > 0 ? json : SPAN("null"));
}
