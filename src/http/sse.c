/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are found with memchr, so an event that came whole costs about as much as looking at it
 * once. What is cut off at the end of a feed is kept: the line in `held`, the data lines before it
 * in `data`.
 */
#include "http/sse.h"

#define KEEP_BYTES 16384 /* of memory, from one event to the next */
#define PADDING_BYTES 64 /* readable behind the data: simdjson looks that far */

enum {
    STREAM_STARTED = 1, /* the first line is past, and a BOM with it */
    SKIP_LF = 2,        /* the last feed ended with CR: an LF now belongs to it */
    HAS_DATA = 4,
    DATA_IN_PLACE = 8, /* it is `first`, not in `data` */
};

void sse_splitter_init(struct sse_splitter *splitter, size_t event_bytes_max,
                       const struct sse_events *events, void *owner)
{
    *splitter =
        (struct sse_splitter){.event_bytes_max = event_bytes_max, .events = events, .owner = owner};
    buf_init(&splitter->held, event_bytes_max);
    buf_init(&splitter->data, event_bytes_max + PADDING_BYTES);
    buf_init(&splitter->type, event_bytes_max);
}

void sse_splitter_release(struct sse_splitter *splitter)
{
    if (!splitter)
        return;
    buf_release(&splitter->held);
    buf_release(&splitter->data);
    buf_release(&splitter->type);
}

/* Data of an event under way that lies in fed bytes moves to `data`. */
static int save_data(struct sse_splitter *splitter)
{
    if (!(splitter->flags & DATA_IN_PLACE))
        return 0;
    splitter->flags &= ~(unsigned)DATA_IN_PLACE;
    buf_append(&splitter->data, splitter->first);
    return buf_status(&splitter->data);
}

static int add_data(struct sse_splitter *splitter, struct span value, bool in_place)
{
    if (!(splitter->flags & HAS_DATA) && in_place) {
        splitter->flags |= HAS_DATA | DATA_IN_PLACE;
        splitter->first = value;
        return 0;
    }
    int result = save_data(splitter);
    if (result < 0)
        return result;
    if (splitter->flags & HAS_DATA)
        buf_append_byte(&splitter->data, '\n');
    splitter->flags |= HAS_DATA;
    buf_append(&splitter->data, value);
    return buf_status(&splitter->data);
}

/* A blank line: the event is whole. Without data it is none. */
static int end_event(struct sse_splitter *splitter)
{
    int result = 0;
    if ((splitter->flags & HAS_DATA) && !(splitter->flags & DATA_IN_PLACE)) {
        result = buf_reserve(&splitter->data, PADDING_BYTES);
        if (result < 0)
            return result;
    }
    if (splitter->flags & HAS_DATA) {
        struct span data =
            splitter->flags & DATA_IN_PLACE ? splitter->first : buf_span(&splitter->data);
        struct span type = splitter->type.len > 0 ? buf_span(&splitter->type) : SPAN_NULL;
        result =
            splitter->events->on_event(splitter->owner, span_is_null(data) ? SPAN("") : data, type);
    }
    splitter->flags &= ~(unsigned)(HAS_DATA | DATA_IN_PLACE);
    splitter->event_bytes = 0;
    buf_shrink(&splitter->data, KEEP_BYTES);
    buf_clear(&splitter->type);
    return result;
}

static struct span skip_space(struct span text)
{
    return span_starts(text, SPAN(" ")) ? span_skip(text, 1) : text;
}

static int take_field(struct sse_splitter *splitter, struct span line, bool in_place)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    struct span name = colon ? span_of(line.ptr, (size_t)(colon - line.ptr)) : line;
    struct span value = colon ? skip_space(span_skip(line, name.len + 1)) : SPAN("");

    splitter->event_bytes += line.len;
    if (span_eq(name, SPAN("data")))
        return add_data(splitter, value, in_place);
    if (span_eq(name, SPAN("event"))) {
        buf_clear(&splitter->type);
        buf_append(&splitter->type, value);
        return buf_status(&splitter->type);
    }
    return 0;
}

/* May a line of `len` bytes that begins with `first` be part of this event? A comment is part of
 * none. */
static bool fits(const struct sse_splitter *splitter, char first, size_t len)
{
    return len <= splitter->event_bytes_max - (first == ':' ? 0 : splitter->event_bytes);
}

static int take_line(struct sse_splitter *splitter, struct span line, bool in_place)
{
    if (line.len > 0 && !fits(splitter, line.ptr[0], line.len))
        return -ENOSPC;
    if (!(splitter->flags & STREAM_STARTED)) {
        splitter->flags |= STREAM_STARTED;
        if (span_starts(line, SPAN("\xef\xbb\xbf")))
            line = span_skip(line, 3);
    }
    if (line.len == 0)
        return end_event(splitter);
    if (line.ptr[0] == ':')
        return splitter->events->on_comment(splitter->owner, skip_space(span_skip(line, 1)));
    return take_field(splitter, line, in_place);
}

/* Part of a line, behind what is held of it. */
static int hold(struct sse_splitter *splitter, struct span part)
{
    if (part.len == 0)
        return 0;
    char first = splitter->held.len > 0 ? splitter->held.ptr[0] : part.ptr[0];
    if (!fits(splitter, first, splitter->held.len + part.len))
        return -ENOSPC;
    buf_append(&splitter->held, part);
    return buf_status(&splitter->held);
}

static int end_line(struct sse_splitter *splitter, struct span line)
{
    if (splitter->held.len == 0)
        return take_line(splitter, line, true);
    int result = hold(splitter, line);
    if (result == 0)
        result = take_line(splitter, buf_span(&splitter->held), false);
    buf_shrink(&splitter->held, KEEP_BYTES);
    return result;
}

/* The first `end` at or behind `at`; bytes.len when there is none. */
static size_t find_from(struct span bytes, size_t at, char end)
{
    ptrdiff_t found = span_find_byte(span_skip(bytes, at), end);
    return found < 0 ? bytes.len : at + (size_t)found;
}

int sse_splitter_feed(struct sse_splitter *splitter, struct span bytes)
{
    if (bytes.len == 0)
        return 0;
    size_t at = (splitter->flags & SKIP_LF) && bytes.ptr[0] == '\n';
    splitter->flags &= ~(unsigned)SKIP_LF;

    /* Each is looked for again only behind itself, so that a stream of one kind alone costs no more than another. */
    size_t lf = find_from(bytes, at, '\n'), cr = find_from(bytes, at, '\r'), end;
    while ((end = MIN(lf, cr)) < bytes.len) {
        int result = end_line(splitter, span_of(bytes.ptr + at, end - at));
        if (result < 0)
            return result;
        at = end + 1;
        if (end == cr && at == bytes.len)
            splitter->flags |= SKIP_LF;
        else if (end == cr && at == lf)
            at++;
        if (lf < at)
            lf = find_from(bytes, at, '\n');
        if (cr < at)
            cr = find_from(bytes, at, '\r');
    }
    int result = hold(splitter, span_skip(bytes, at));
    return result < 0 ? result : save_data(splitter);
}

bool sse_splitter_unfinished(const struct sse_splitter *splitter)
{
    return (splitter->flags & HAS_DATA) || (splitter->held.len > 0 && splitter->held.ptr[0] != ':');
}

void sse_write_event(struct buf *buf, struct span data)
{
    buf_append(buf, SPAN("data: "));
    buf_append(buf, data);
    buf_append(buf, SPAN("\n\n"));
}

void sse_write_comment(struct buf *buf, struct span text)
{
    buf_append(buf, SPAN(": "));
    buf_append(buf, text);
    buf_append(buf, SPAN("\n\n"));
}
