/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of engines: the first byte says how the rest is cut, the second what the request was and
 * whether the connection ends. However cut, the same transcript; body pieces lie in the fed memory
 * (the transcript checks it); nothing is left behind.
 */
#include "fuzz.h"

#include "../unit/http/transcript.h"

static void transcript(struct response_case given, struct cuts cuts, struct buf *ret_text)
{
    buf_init(ret_text, 16 * given.bytes.len + 1024);
    response_transcript(given, cuts, ret_text);
    check(buf_status(ret_text) == 0);
}

static void same_as(const struct buf *whole, struct response_case given, struct cuts cuts)
{
    struct buf text;
    transcript(given, cuts, &text);
    check(span_eq(buf_span(whole), buf_span(&text)));
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192)
        return 0;
    int64_t live = mem_live_count();
    struct response_case given = {.bytes = span_of(data + 2, size - 2),
                                  .head_bytes_max = 512,
                                  .to_head = data[1] & 1,
                                  .ends = data[1] & 2};
    struct buf whole;
    transcript(given, UNCUT, &whole);
    same_as(&whole, given, BYTE_BY_BYTE);
    same_as(&whole, given, (struct cuts){data[0], (size_t)data[0] + 1, false});
    buf_release(&whole);
    check(mem_live_count() == live);
    return 0;
}
