/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: the first two bytes say how the rest is cut. Uncut, cut, byte by byte and parked at
 * each stop give the same transcript; nothing is left behind in memory; unread is never more than
 * given (the transcript checks it). And what we accept as one chunked message, llhttp accepts too,
 * with the same body: we may be stricter, never otherwise.
 */
#include "fuzz.h"

#include "../unit/http/transcript.h"

#include "llhttp_beside.h"

#define LIMITS ((struct http_request_limits){.head_bytes_max = 2048, .body_bytes_max = 1024})

static void transcript(struct span bytes, struct cuts cuts, struct buf *ret_text)
{
    buf_init(ret_text, 16 * bytes.len + 1024);
    request_transcript(bytes, LIMITS, cuts, ret_text);
    check(buf_status(ret_text) == 0);
}

static void same_as(const struct buf *whole, struct span bytes, struct cuts cuts)
{
    struct buf text;
    transcript(bytes, cuts, &text);
    check(span_eq(buf_span(whole), buf_span(&text)));
    buf_release(&text);
}

/* The first message as we read it, against llhttp's reading of the same bytes. */
static void compare_with_llhttp(struct span bytes)
{
    struct http_request *request = http_request_new(&LIMITS);
    check(request != NULL);
    char *copy = fuzz_copy(bytes, 64);
    if (http_request_feed(request, copy, bytes.len) == HTTP_REQUEST_HEAD_DONE &&
        http_request_read_body(request) == HTTP_REQUEST_DONE)
        check_beside_llhttp(bytes, bytes.len - http_request_unread(request),
                            http_request_body(request));
    http_request_free(request);
    mem_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192)
        return 0;
    int64_t live = mem_live_count();
    struct span bytes = span_of(data + 2, size - 2);
    struct buf whole;
    transcript(bytes, UNCUT, &whole);
    same_as(&whole, bytes, BYTE_BY_BYTE);
    same_as(&whole, bytes, (struct cuts){data[0], (size_t)data[1] + 1, false});
    same_as(&whole, bytes, (struct cuts){data[1] * 8, (size_t)data[0] + 1, true});
    buf_release(&whole);
    compare_with_llhttp(bytes);
    check(mem_live_count() == live);
    return 0;
}
