/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   HEAD ──▶ LENGTH | CHUNKED | UNTIL_CLOSE ──▶ DONE ──http_response_reset()──▶ HEAD
 *     │ ↺ 1xx      └──────── no body ────────────▲
 *     └── any error: FAILED, which every later feed repeats
 *
 * The head is copied into `held` even when it came whole: its fields are asked for after the body,
 * when the fed memory is long gone. The body is never copied.
 */
#include "http/response.h"

#include "base/alloc.h"
#include "http/chunked.h"
#include "http/framing.h"

#define INTERIM_MAX 8 /* 1xx answers before the real one */

enum response_state { HEAD, LENGTH, CHUNKED, UNTIL_CLOSE, DONE, FAILED };

struct http_response {
    enum response_state state;
    int failure;
    bool to_head;
    bool started;
    unsigned interim;
    size_t head_bytes_max;
    size_t head_len; /* 0 until whole; then held.ptr has it */
    uint64_t left;   /* of a body with a length */
    struct framing framing;
    struct chunked chunked;
    const struct http_response_events *events;
    void *owner;
    struct buf held;
    struct head head;
};

struct http_response *http_response_new(size_t head_bytes_max,
                                        const struct http_response_events *events, void *owner)
{
    struct http_response *response = mem_zalloc(sizeof(*response));
    if (!response)
        return NULL;
    response->head_bytes_max = head_bytes_max;
    response->events = events;
    response->owner = owner;
    buf_init(&response->held, head_bytes_max);
    return response;
}

void http_response_free(struct http_response *response)
{
    if (!response)
        return;
    head_clear(&response->head);
    buf_release(&response->held);
    mem_free(response);
}

static void forget_head(struct http_response *response)
{
    buf_clear(&response->held);
    head_clear(&response->head);
    response->head_len = 0;
}

void http_response_reset(struct http_response *response, bool to_head)
{
    forget_head(response);
    response->state = HEAD;
    response->to_head = to_head;
    response->started = false;
    response->interim = 0;
}

static int failed(struct http_response *response, int failure)
{
    response->state = FAILED;
    return response->failure = failure;
}

static int done(struct http_response *response)
{
    response->state = DONE;
    int result = response->events->on_done(response->owner);
    return result < 0 ? failed(response, result) : 0;
}

/* The head. */

/* "HTTP/1.1 200" and behind it nothing, or a space and anything (RFC 9112, section 4; some
 * servers leave out the space before an empty reason). */
static bool is_status_line(struct span line)
{
    if (line.len < 12 || (line.len > 12 && line.ptr[12] != ' '))
        return false;
    if (!span_starts(line, SPAN("HTTP/1.1 ")) && !span_starts(line, SPAN("HTTP/1.0 ")))
        return false;
    for (size_t i = 9; i < 12; i++) {
        if (line.ptr[i] < '0' || line.ptr[i] > '9')
            return false;
    }
    return line.ptr[9] >= '1' && line.ptr[9] <= '5'; /* RFC 9110, section 15 */
}

/* Returns what head_scan() does; the first line is judged here. */
static int scan_head(struct http_response *response, const char *bytes, size_t len)
{
    struct head_scan *scan = &response->head.scan;
    int result = head_scan(scan, bytes, MIN(len, response->head_bytes_max));
    if (result == HEAD_FIRST_LINE) {
        if (!is_status_line(span_of(bytes, scan->first_line_len)))
            return -EBADMSG;
        result = head_scan(scan, bytes, MIN(len, response->head_bytes_max));
    }
    return result == HEAD_MORE && len >= response->head_bytes_max ? -ENOSPC : result;
}

/* RFC 9112, section 6.3, rules 1 to 8 in their order. */
static int begin_body(struct http_response *response)
{
    unsigned status = response->head.status;
    const struct framing *framing = &response->framing;
    if (response->to_head || status == 204 || status == 304)
        return done(response);
    if (framing->chunked) {
        chunked_init(&response->chunked, UINT64_MAX);
        response->state = CHUNKED;
        return 0;
    }
    if (!framing->has_length) {
        response->state = UNTIL_CLOSE;
        return 0;
    }
    if (framing->length == 0)
        return done(response);
    response->left = framing->length;
    response->state = LENGTH;
    return 0;
}

static int end_head(struct http_response *response)
{
    int result = head_parse(&response->head, HEAD_OF_RESPONSE, response->held.ptr);
    if (result < 0)
        return failed(response, result == -ENOTSUP ? -EBADMSG : result);
    response->head_len = response->held.len;
    unsigned status = response->head.status;
    const char *fault;

    /* Nobody asked for another protocol (RFC 9110, section 15.2.2). */
    if (framing_read(&response->head, response->held.ptr, &response->framing, &fault) < 0 ||
        status == 101)
        return failed(response, -EBADMSG);
    if (status < 200) {
        /* Neither has a body (RFC 9110, section 15.2; RFC 9112, section 6.1). */
        if (response->framing.chunked || response->framing.length > 0 ||
            ++response->interim > INTERIM_MAX)
            return failed(response, -EBADMSG);
        forget_head(response);
        return 0;
    }
    if (status == 204 && response->framing.chunked)
        return failed(response, -EBADMSG);

    result = response->events->on_head(response->owner, response);
    return result < 0 ? failed(response, result) : begin_body(response);
}

/* Returns how many bytes belong to the head. */
static ssize_t take_head(struct http_response *response, const char *bytes, size_t len)
{
    size_t before = response->held.len;
    int result;
    if (before == 0) {
        result = scan_head(response, bytes, len);
    } else {
        len = MIN(len, response->head_bytes_max - before);
        buf_append(&response->held, span_of(bytes, len));
        if (buf_status(&response->held) < 0)
            return failed(response, -ENOMEM);
        result = scan_head(response, response->held.ptr, response->held.len);
    }
    if (result < 0)
        return failed(response, result);

    size_t taken = result == HEAD_WHOLE ? response->head.scan.at - before : len;
    if (before == 0)
        buf_append(&response->held, span_of(bytes, taken));
    else
        response->held.len = before + taken;
    if (buf_status(&response->held) < 0)
        return failed(response, -ENOMEM);
    if (result == HEAD_WHOLE) {
        result = end_head(response);
        if (result < 0)
            return result;
    }
    return (ssize_t)taken;
}

/* The body. */

static int hand_on(struct http_response *response, char *bytes, size_t len)
{
    int result = response->events->on_body(response->owner, bytes, len);
    return result < 0 ? failed(response, result) : 0;
}

static ssize_t take_chunks(struct http_response *response, char *bytes, size_t len)
{
    struct span data;
    ssize_t taken = chunked_feed(&response->chunked, bytes, len, &data);
    if (taken < 0)
        return failed(response, -EBADMSG);
    if (data.len > 0) {
        int result = hand_on(response, bytes + (data.ptr - bytes), data.len);
        if (result < 0)
            return result;
    }
    if (chunked_done(&response->chunked)) {
        int result = done(response);
        if (result < 0)
            return result;
    }
    return taken;
}

static ssize_t take_length(struct http_response *response, char *bytes, size_t len)
{
    size_t taken = response->left < len ? (size_t)response->left : len;
    int result = hand_on(response, bytes, taken);
    response->left -= taken;
    if (result == 0 && response->left == 0)
        result = done(response);
    return result < 0 ? result : (ssize_t)taken;
}

int http_response_feed(struct http_response *response, char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t taken;
        response->started = true;
        switch (response->state) {
        case HEAD:
            taken = take_head(response, bytes, len);
            break;
        case LENGTH:
            taken = take_length(response, bytes, len);
            break;
        case CHUNKED:
            taken = take_chunks(response, bytes, len);
            break;
        case UNTIL_CLOSE:
            return hand_on(response, bytes, len);
        case DONE:
            /* An answer to nothing: whatever it is, the next request must not get it. */
            return failed(response, -EXFULL);
        case FAILED:
        default:
            return response->failure;
        }
        if (taken < 0)
            return (int)taken;
        bytes += taken;
        len -= (size_t)taken;
    }
    return response->state == FAILED ? response->failure : 0;
}

int http_response_end(struct http_response *response)
{
    switch (response->state) {
    case UNTIL_CLOSE:
        return done(response);
    case DONE:
        return 0;
    case FAILED:
        return response->failure;
    case HEAD:
        if (!response->started)
            return 0;
        break;
    case LENGTH:
    case CHUNKED:
        break;
    }
    return failed(response, -EBADMSG); /* RFC 9112, section 8 */
}

/* Answers. */

unsigned http_response_status(const struct http_response *response)
{
    return response->head_len > 0 ? response->head.status : 0;
}

struct span http_response_header(const struct http_response *response, struct span name)
{
    struct span value = SPAN_NULL;
    if (response->head_len == 0 ||
        head_find(&response->head, response->held.ptr, name, &value) != 1)
        return SPAN_NULL;
    return value;
}

bool http_response_keep_alive(const struct http_response *response)
{
    /* An answer that ends with its connection never gets to DONE before it has ended (RFC 9112,
     * section 9.3). */
    return response->state == DONE && !response->head.is_1_0 && !response->framing.close &&
           (response->framing.has_length || response->framing.chunked || response->to_head ||
            response->head.status == 204 || response->head.status == 304);
}

bool http_response_started(const struct http_response *response)
{
    return response->started;
}
