/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one event of a stream, or a whole answer, says to somebody who only counts: found by a few searches for members
 * instead of a JSON parser, since a storm must read faster than it is answered. A member's name inside a text has its quotes
 * escaped and is not found. Pure; any thread.
 */
#pragma once

#include "base/span.h"

#define EVENT_NO_USAGE UINT32_MAX

struct event_facts {
    bool text;                  /* brings a piece of an answer or of thinking */
    bool over;                  /* "[DONE]" */
    bool error;                 /* an error in the place of an answer */
    uint32_t completion_tokens; /* of `usage`, or EVENT_NO_USAGE */
};

/* Of a stream; usage is looked for in events without text only, where engines send it. */
struct event_facts event_read(struct span data);
/* An answer that was not streamed. */
struct event_facts event_read_whole(struct span body);
