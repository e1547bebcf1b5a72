/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events (WHATWG HTML, section 9.2): a splitter for what engines send and a writer for
 * what clients get.
 *
 * The splitter takes bytes in any pieces and calls out for each event with its joined data lines,
 * and for each comment line. Field names other than data, event and id are passed over. An event
 * whose data is whole inside one piece is not copied. CR, LF and CRLF end lines; a BOM at the start
 * is skipped. Belongs to one stream.
 */
#pragma once

#include "base/buf.h"

struct sse_events {
    /* `data` lives during the call; may be overwritten; 64 readable bytes follow it if they follow
     * what is fed; `event` is the event's type or null. < 0 stops the feed with that result. */
    int (*on_event)(void *owner, struct span data, struct span event);
    /* Without the colon; one leading space removed. */
    int (*on_comment)(void *owner, struct span text);
};

struct sse_splitter {
    struct buf held;   /* the line under way, when it came in pieces */
    struct buf data;   /* the event's data, when it came in pieces or in several lines */
    struct buf type;   /* the event's type */
    struct span first; /* the event's only data line so far, while it lies in the fed bytes */
    size_t event_bytes;
    size_t event_bytes_max;
    unsigned flags; /* of sse.c */
    const struct sse_events *events;
    void *owner;
};

/* `event_bytes_max`, above 0: an event whose lines are longer together, or a longer comment,
 * fails with -ENOSPC. Allocates nothing yet. */
void sse_splitter_init(struct sse_splitter *splitter, size_t event_bytes_max,
                       const struct sse_events *events, void *owner);
void sse_splitter_release(struct sse_splitter *splitter);
/* 0 when all was taken; -ENOSPC, -ENOMEM, or what a callback returned: then the stream is over,
 * feed it no more. */
int sse_splitter_feed(struct sse_splitter *splitter, struct span bytes) must_check;
/* True when the stream ended inside an event (data came and no blank line): half an event is
 * never handed on. */
bool sse_splitter_unfinished(const struct sse_splitter *splitter);

/* "data: …\n\n"; `data` has no line ends. */
void sse_write_event(struct buf *buf, struct span data);
/* ": …\n\n" */
void sse_write_comment(struct buf *buf, struct span text);
