/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One switch, a byte at a time; only data is taken in runs.
 *
 *   SIZE ─▶ DIGITS ─(;)▶ EXTENSION_… ─▶ SIZE_LF ──(size > 0)──▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
 *                                        └─────(size 0)──▶ TRAILER ─▶ NAME ─▶ VALUE ─▶ VALUE_LF ─▶ TRAILER
 *                                                             └─(CR)▶ END_LF ─▶ DONE
 *
 * Own code and not llhttp's: llhttp 8.1 has no maximum for extensions and trailers, lets folded and
 * nameless trailers pass, and would need a pass of ours before it for each.
 * tests/fuzz/fuzz_http_request.c holds the two against each other.
 */
#include "http/chunked.h"

#include "http/head.h"

enum {
    SIZE,
    DIGITS,
    EXTENSION_BEGINS, /* behind ';' */
    EXTENSION_NAME,
    EXTENSION_EQUALS, /* behind '=' */
    EXTENSION_TOKEN,
    EXTENSION_QUOTED,
    EXTENSION_UNQUOTED, /* behind the second quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
    DONE
};

void chunked_init(struct chunked *chunked, uint64_t body_bytes_max)
{
    *chunked = (struct chunked){.state = SIZE, .body_bytes_left = body_bytes_max};
}

bool chunked_done(const struct chunked *chunked)
{
    return chunked->state == DONE;
}

/* 16 when it is none. */
static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a' + 10) : 16;
}

/* Text that a line may hold: field-vchar, space and tab (RFC 9110, section 5.5). */
static bool is_line_byte(char byte)
{
    unsigned char c = (unsigned char)byte;
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* chunk-size = 1*HEXDIG, at once followed by its extensions or its end (RFC 9112, section 7.1). */
static int take_size_byte(struct chunked *chunked, char byte)
{
    unsigned value = hex_value(byte);
    if (value < 16) {
        if (chunked->left >> 60)
            return -EBADMSG; /* more than 64 bits */
        chunked->left = chunked->left << 4 | value;
        chunked->state = DIGITS;
        return 0;
    }
    if (chunked->state == SIZE)
        return -EBADMSG;
    if (byte != '\r' && byte != ';')
        return -EBADMSG;
    chunked->state = byte == ';' ? EXTENSION_BEGINS : SIZE_LF;
    return 0;
}

/*
 * Extensions mean nothing to us, but a reader that takes part of one for a line's end sees another
 * body (RFC 9112, section 7.1.1): *( ";" token [ "=" ( token / quoted-string ) ] ), without the
 * "bad white space" and the escapes that nobody needs.
 */
static int take_extension_byte(struct chunked *chunked, char byte)
{
    if (++chunked->extension_bytes > CHUNKED_EXTENSION_BYTES_MAX)
        return -EBADMSG;
    bool is_token = head_is_token_byte(byte);
    switch (chunked->state) {
    case EXTENSION_QUOTED:
        if (byte == '"')
            chunked->state = EXTENSION_UNQUOTED;
        return byte != '\\' && is_line_byte(byte) ? 0 : -EBADMSG;
    case EXTENSION_BEGINS:
        chunked->state = EXTENSION_NAME;
        return is_token ? 0 : -EBADMSG;
    case EXTENSION_EQUALS:
        chunked->state = is_token ? EXTENSION_TOKEN : EXTENSION_QUOTED;
        return is_token || byte == '"' ? 0 : -EBADMSG;
    default:
        break;
    }
    if (is_token && chunked->state != EXTENSION_UNQUOTED)
        return 0;
    if (byte == '=' && chunked->state == EXTENSION_NAME)
        chunked->state = EXTENSION_EQUALS;
    else if (byte == ';' || byte == '\r')
        chunked->state = byte == ';' ? EXTENSION_BEGINS : SIZE_LF;
    else
        return -EBADMSG;
    return 0;
}

static int end_size_line(struct chunked *chunked)
{
    chunked->line_bytes = 0;
    if (chunked->left > chunked->body_bytes_left)
        return -EFBIG;
    chunked->body_bytes_left -= chunked->left;
    chunked->state = chunked->left > 0 ? DATA : TRAILER;
    return 0;
}

/* Fields that say where a body ends have no place behind it (RFC 9110, section 6.5.1). */
static bool is_framing_name(const struct chunked *chunked)
{
    struct span name = span_of(chunked->name, chunked->name_len);
    return chunked->name_len <= sizeof(chunked->name) &&
           (span_eq_nocase(name, SPAN("content-length")) ||
            span_eq_nocase(name, SPAN("transfer-encoding")));
}

static int take_name_byte(struct chunked *chunked, char byte)
{
    if (byte == ':' && chunked->state == NAME) {
        chunked->state = VALUE;
        return is_framing_name(chunked) ? -EBADMSG : 0;
    }
    if (!head_is_token_byte(byte))
        return -EBADMSG;
    if (chunked->state == TRAILER)
        chunked->name_len = 0;
    if (chunked->name_len < sizeof(chunked->name))
        chunked->name[chunked->name_len] = byte;
    chunked->name_len++;
    chunked->state = NAME;
    return 0;
}

/* Trailer fields have the form of header fields (RFC 9112, sections 5 and 7.1.2); no line is
 * folded. */
static int take_trailer_byte(struct chunked *chunked, char byte)
{
    if (++chunked->trailer_bytes > CHUNKED_TRAILER_BYTES_MAX)
        return -ENOSPC;
    if (chunked->state == VALUE) {
        if (byte == '\r')
            chunked->state = VALUE_LF;
        return byte == '\r' || is_line_byte(byte) ? 0 : -EBADMSG;
    }
    if (chunked->state == TRAILER && byte == '\r') {
        chunked->state = END_LF;
        return 0;
    }
    return take_name_byte(chunked, byte);
}

static int expect_byte(struct chunked *chunked, char byte, char wanted, unsigned state)
{
    if (byte != wanted)
        return -EBADMSG;
    chunked->state = state;
    return 0;
}

static int take_byte(struct chunked *chunked, char byte)
{
    if (chunked->state < SIZE_LF) {
        if (++chunked->line_bytes > CHUNKED_LINE_BYTES_MAX)
            return -EBADMSG;
        return chunked->state <= DIGITS ? take_size_byte(chunked, byte)
                                        : take_extension_byte(chunked, byte);
    }
    switch (chunked->state) {
    case SIZE_LF:
        return byte == '\n' ? end_size_line(chunked) : -EBADMSG;
    case DATA_CR:
        return expect_byte(chunked, byte, '\r', DATA_LF);
    case DATA_LF:
        return expect_byte(chunked, byte, '\n', SIZE);
    case VALUE_LF:
        return expect_byte(chunked, byte, '\n', TRAILER);
    case END_LF:
        return expect_byte(chunked, byte, '\n', DONE);
    default:
        return take_trailer_byte(chunked, byte);
    }
}

ssize_t chunked_feed(struct chunked *chunked, const char *bytes, size_t len, struct span *ret_data)
{
    size_t at = 0;
    *ret_data = span_of(bytes, 0);
    while (at < len && chunked->state != DONE) {
        if (chunked->state == DATA) {
            size_t run = len - at < chunked->left ? len - at : (size_t)chunked->left;
            *ret_data = span_of(bytes + at, run);
            chunked->left -= run;
            if (chunked->left == 0)
                chunked->state = DATA_CR;
            return (ssize_t)(at + run);
        }
        int result = take_byte(chunked, bytes[at++]);
        if (result < 0)
            return result;
    }
    return (ssize_t)at;
}
