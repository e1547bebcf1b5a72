/* SPDX-License-Identifier: Apache-2.0 */
#include "http/answer.h"

#include "http/head.h"

#define CRLF SPAN("\r\n")

/* Text that may stand on a line of a head. A CR or LF would end the line early and begin one
 * that somebody else wrote (RFC 9110, section 5.5). */
static void append_text(struct buf *buf, struct span text)
{
    if (head_find_control(text.ptr, 0, text.len) < text.len)
        buf->failed = -EINVAL;
    buf_append(buf, text);
}

/* A word of the first line: it holds no space either. */
static void append_word(struct buf *buf, struct span word)
{
    if (word.len == 0 || memchr(word.ptr, ' ', word.len))
        buf->failed = -EINVAL;
    append_text(buf, word);
}

static void append_field(struct buf *buf, struct span name, struct span value)
{
    if (!head_is_token(name))
        buf->failed = -EINVAL;
    buf_append(buf, name);
    buf_append(buf, SPAN(": "));
    append_text(buf, value);
    buf_append(buf, CRLF);
}

void http_answer_start(struct buf *buf, unsigned status, struct span date)
{
    check(status >= 100 && status <= 999); /* three digits: RFC 9112, section 4 */
    buf_append(buf, SPAN("HTTP/1.1 "));
    buf_append_u64(buf, status);
    buf_append(buf, SPAN(" "));
    buf_append(buf, http_status_text(status));
    buf_append(buf, CRLF);
    append_field(buf, SPAN("Date"), date);
}

void http_answer_header(struct buf *buf, struct span name, struct span value)
{
    append_field(buf, name, value);
}

void http_answer_end(struct buf *buf, enum http_body_kind kind, uint64_t length, bool keep_alive)
{
    switch (kind) {
    case HTTP_BODY_NONE:
        break;
    case HTTP_BODY_LENGTH:
        buf_append(buf, SPAN("Content-Length: "));
        buf_append_u64(buf, length);
        buf_append(buf, CRLF);
        break;
    case HTTP_BODY_CHUNKED:
        buf_append(buf, SPAN("Transfer-Encoding: chunked\r\n"));
        break;
    }
    if (!keep_alive)
        buf_append(buf, SPAN("Connection: close\r\n"));
    buf_append(buf, CRLF);
}

size_t http_chunk_head(uint64_t len, char ret_head[20])
{
    static const char digits[] = "0123456789abcdef";
    size_t count = 1;
    while (count < 16 && len >> (4 * count))
        count++;
    for (size_t i = count; i-- > 0; len >>= 4)
        ret_head[i] = digits[len & 15];
    ret_head[count] = '\r';
    ret_head[count + 1] = '\n';
    return count + 2;
}

void http_chunk(struct buf *buf, struct span bytes)
{
    if (bytes.len == 0) /* it would be the last chunk */
        return;
    char head[20];
    size_t head_len = http_chunk_head(bytes.len, head);
    if (buf_reserve(buf, head_len + bytes.len + HTTP_CHUNK_END.len) < 0)
        return;
    buf_append(buf, span_of(head, head_len));
    buf_append(buf, bytes);
    buf_append(buf, HTTP_CHUNK_END);
}

void http_ask_start(struct buf *buf, struct span method, struct span target, struct span host)
{
    append_word(buf, method);
    buf_append(buf, SPAN(" "));
    append_word(buf, target);
    buf_append(buf, SPAN(" HTTP/1.1\r\n"));
    append_field(buf, SPAN("Host"), host);
}

void http_ask_header(struct buf *buf, struct span name, struct span value)
{
    append_field(buf, name, value);
}

void http_ask_end(struct buf *buf, uint64_t content_length, bool has_body)
{
    if (has_body) {
        buf_append(buf, SPAN("Content-Length: "));
        buf_append_u64(buf, content_length);
        buf_append(buf, CRLF);
    }
    buf_append(buf, CRLF);
}

struct span http_status_text(unsigned status)
{
    static const struct {
        unsigned status;
        struct span text;
    } texts[] = {
#define STATUS(status, text)                                                                       \
    {                                                                                              \
        status,                                                                                    \
        {                                                                                          \
            text, sizeof(text) - 1                                                                 \
        }                                                                                          \
    }
        STATUS(200, "OK"),
        STATUS(100, "Continue"),
        STATUS(101, "Switching Protocols"),
        STATUS(201, "Created"),
        STATUS(202, "Accepted"),
        STATUS(204, "No Content"),
        STATUS(206, "Partial Content"),
        STATUS(301, "Moved Permanently"),
        STATUS(302, "Found"),
        STATUS(303, "See Other"),
        STATUS(304, "Not Modified"),
        STATUS(307, "Temporary Redirect"),
        STATUS(308, "Permanent Redirect"),
        STATUS(400, "Bad Request"),
        STATUS(401, "Unauthorized"),
        STATUS(402, "Payment Required"),
        STATUS(403, "Forbidden"),
        STATUS(404, "Not Found"),
        STATUS(405, "Method Not Allowed"),
        STATUS(406, "Not Acceptable"),
        STATUS(408, "Request Timeout"),
        STATUS(409, "Conflict"),
        STATUS(410, "Gone"),
        STATUS(411, "Length Required"),
        STATUS(412, "Precondition Failed"),
        STATUS(413, "Content Too Large"),
        STATUS(414, "URI Too Long"),
        STATUS(415, "Unsupported Media Type"),
        STATUS(416, "Range Not Satisfiable"),
        STATUS(417, "Expectation Failed"),
        STATUS(421, "Misdirected Request"),
        STATUS(422, "Unprocessable Content"),
        STATUS(425, "Too Early"),
        STATUS(426, "Upgrade Required"),
        STATUS(429, "Too Many Requests"),
        STATUS(431, "Request Header Fields Too Large"),
        STATUS(500, "Internal Server Error"),
        STATUS(501, "Not Implemented"),
        STATUS(502, "Bad Gateway"),
        STATUS(503, "Service Unavailable"),
        STATUS(504, "Gateway Timeout"),
        STATUS(505, "HTTP Version Not Supported"),
#undef STATUS
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return SPAN("");
}
