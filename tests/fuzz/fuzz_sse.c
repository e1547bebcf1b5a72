/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events: the first byte says how the rest is cut, the second how long an event may be.
 * However cut, the same transcript; nothing is left behind. And what the writer writes, the
 * splitter reads.
 */
#include "fuzz.h"

#include "../unit/http/transcript.h"

static void transcript(struct span bytes, size_t event_bytes_max, struct cuts cuts,
                       struct buf *ret_text)
{
    buf_init(ret_text, 16 * bytes.len + 1024);
    sse_transcript(bytes, event_bytes_max, cuts, ret_text);
    check(buf_status(ret_text) == 0);
}

static void same_as(const struct buf *whole, struct span bytes, size_t event_bytes_max,
                    struct cuts cuts)
{
    struct buf text;
    transcript(bytes, event_bytes_max, cuts, &text);
    check(span_eq(buf_span(whole), buf_span(&text)));
    buf_release(&text);
}

static void write_and_read(struct span bytes, struct cuts cuts)
{
    if (span_find_byte(bytes, '\r') >= 0 || span_find_byte(bytes, '\n') >= 0)
        return;
    struct buf wire, wanted;
    buf_init(&wire, 2 * bytes.len + 100);
    buf_init(&wanted, 16 * bytes.len + 1024);
    sse_write_event(&wire, bytes);
    sse_write_comment(&wire, bytes);
    write_line(&wanted, "event \"", bytes, "\"");
    write_line(&wanted, "comment \"", bytes, "\"");
    same_as(&wanted, buf_span(&wire), wire.len, cuts);
    buf_release(&wire);
    buf_release(&wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192)
        return 0;
    int64_t live = mem_live_count();
    struct span bytes = span_of(data + 2, size - 2);
    size_t event_bytes_max = (size_t)data[1] + 1;
    struct cuts cuts = {data[0], (size_t)data[0] + 1, false};
    struct buf whole;
    transcript(bytes, event_bytes_max, UNCUT, &whole);
    same_as(&whole, bytes, event_bytes_max, BYTE_BY_BYTE);
    same_as(&whole, bytes, event_bytes_max, cuts);
    buf_release(&whole);
    write_and_read(bytes, cuts);
    check(mem_live_count() == live);
    return 0;
}
