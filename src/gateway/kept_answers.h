/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streamed answers that their callers may return to: for each a log of its events, written by the worker that has the call, read by whichever worker the caller came
 * back to.
 *
 *                         kept_open                                             kept_end
 *   (a resumable request) ─────────▶ WITH ITS CLIENT ──kept_leave──▶ LEFT ─┬──────────────▶ ENDED ──grace──▶ forgotten
 *                                         │  ▲                        ▲    └─grace─▶ forgotten; its writer stops the engine
 *                                         │  └ (never again)          │ kept_unfollow
 *                                         └──────kept_follow──▶ FOLLOWED ◀──kept_follow── LEFT
 *
 * One client reads an answer at a time: its first one, or else the last follower; who came before is displaced and told so. The log holds what was written, byte by byte,
 * comments too; each event has an `id:` line, numbered from 1 on. What is not kept any more (the oldest go first, while a client takes them) is said, never passed over.
 *
 * The table is shared by all workers under one lock, which is held for a look-up or for the copy of at most KEPT_READ_BYTES and what one read of an engine brought
 * (64 KiB: about 10 µs); once in a while for moving what is kept of one answer. Answers that are not resumable never come near it. What changes behind a worker's back is news for it: the
 * calls return the workers to be told, one bit each (turnstile.h), and kept_news() hands it out.
 */
#pragma once

#include "base/buf.h"
#include "gateway/turnstile.h"

#define KEPT_ID_BYTES 16
#define KEPT_ID_TEXT (2 * KEPT_ID_BYTES)
#define KEPT_READ_BYTES 65536
#define KEPT_END_BYTES 8192 /* beyond its maximum, for the events that end an answer */
#define KEPT_WORKERS_MAX GATE_WORKERS_MAX
#define KEPT_ANSWERS_MAX 65536

struct kept_answers;
struct kept_answer;

/* Somebody whom the table tells news: a writer or a reader. The table's, under its lock, from kept_open() or kept_follow() on. */
struct kept_side {
    struct list link; /* in the news of its worker, while `what` is not 0 */
    void *subject;    /* what kept_news() calls it by; NULL: nobody is there */
    uint32_t worker;
    unsigned what; /* it was not told yet */
    bool writes;
};

/* Whoever returned. Part of its request. */
struct kept_reader {
    struct kept_side side;
    struct kept_answers *kept;
    struct kept_answer *answer; /* NULL: it was displaced */
    uint64_t read_to;           /* its position */
};

struct kept_limits {
    uint32_t grace_ms; /* without a client, and behind the end */
    uint32_t answers_max, caller_answers_max;
    uint64_t bytes_max, answer_bytes_max;
    uint64_t
        ahead_bytes_max; /* what a follower that reads slowly may be behind before the engine waits for it */
};

/* NULL when out of memory. */
struct kept_answers *kept_answers_new(void) must_check;
/* No answer has a writer or a follower any more. Accepts NULL. */
void kept_answers_free(struct kept_answers *kept);
struct kept_answers_view {
    size_t answers, left; /* left: under way, without a client */
    uint64_t bytes;
};
void kept_answers_view(struct kept_answers *kept, struct kept_answers_view *ret_view);
/* Is there any, known or not? A look without the lock: while there is none nobody has news. */
bool kept_answers_any(const struct kept_answers *kept);

/* ---- who writes: one worker ---- */

struct kept_spec {
    uint64_t caller; /* the id of its key; not 0 */
    uint32_t worker;
    void *writer; /* what kept_news() and kept_overdue() call it by */
    struct kept_limits limits;
};
/* A place for an answer whose client is there, and its name. NULL: no place, for this caller or at all. An ended answer, the caller's own first, gives way. */
struct kept_answer *kept_open(struct kept_answers *kept, const struct kept_spec *spec,
                              char ret_id[KEPT_ID_TEXT + 1]) must_check;

enum kept_state {
    KEPT_GOES_ON,
    KEPT_AHEAD, /* its follower is far behind: news come when it has caught up */
    KEPT_FULL /* nothing was written: nobody takes it, or not fast enough, and there is no room; the answer is to be ended */
};
/* Whole events and comments, as http/sse.h writes them: `ret_text` gets them with their ids. `last`: the end of the answer, which finds room whatever had to go. */
enum kept_state kept_write(struct kept_answer *answer, struct span text, bool last,
                           struct buf *ret_text, turnstile_bells *ret_bells) must_check;
/* Its first client has gone. True: it is followed already. */
bool kept_leave(struct kept_answer *answer, uint64_t now_ms);
/* Nothing more is written, and the writer knows it no more. `whole`: its end was written too; else it is forgotten. */
turnstile_bells kept_end(struct kept_answer *answer, bool whole, uint64_t now_ms);
/* One of this worker's answers that has been left for its grace (`at_once`: however long): it is forgotten, and its writer is to end it. NULL: none. */
void *kept_overdue(struct kept_answers *kept, uint32_t worker, bool at_once, uint64_t now_ms);
/* The holder of key `from` has key `to` in its place: what is kept of it now may be returned to with either one. It counts as that of `from`; of several replacements
 * in a row the last key holds, beside the one that asked. Looks at all that are kept. */
void kept_hand_on(struct kept_answers *kept, uint64_t from, uint64_t to);
/* Forgets those that ended a grace ago. */
void kept_expire(struct kept_answers *kept, uint64_t now_ms);

/* ---- who returns: any worker ---- */

enum kept_verdict {
    KEPT_FOUND,
    KEPT_UNKNOWN, /* never was, is over, or is somebody else's */
    KEPT_PASSED,  /* events behind `after` are not kept any more */
    KEPT_TO_COME  /* `after` is no event's number yet */
};
struct kept_visit {
    struct span id; /* as it came */
    uint64_t caller;
    uint64_t after; /* the last event that was seen; 0: none */
    uint32_t worker;
    void *subject; /* what kept_news() calls the reader by */
};
/* KEPT_FOUND: `reader` is set up, has news, and follows until kept_unfollow(). */
enum kept_verdict kept_follow(struct kept_answers *kept, const struct kept_visit *visit,
                              struct kept_reader *reader, turnstile_bells *ret_bells) must_check;

enum kept_reading {
    KEPT_SOME, /* ask again */
    KEPT_NONE, /* for now: news will come, also of a displacement */
    KEPT_OVER, /* that was all */
    KEPT_LOST  /* what comes next is not kept any more, or was never written */
};
/* Appends at most KEPT_READ_BYTES to `out`. */
enum kept_reading kept_read(struct kept_reader *reader, struct buf *out,
                            turnstile_bells *ret_bells) must_check;
/* Does another one follow by now? */
bool kept_displaced(struct kept_reader *reader);
/* Its client has gone, or has all. Once, after kept_follow(). */
turnstile_bells kept_unfollow(struct kept_reader *reader, uint64_t now_ms);

/* Its caller wants no more of it: it is forgotten, and its writer is told to end it. KEPT_FOUND or KEPT_UNKNOWN. */
enum kept_verdict kept_stop(struct kept_answers *kept, struct span id, uint64_t caller,
                            turnstile_bells *ret_bells) must_check;

/* ---- news ---- */

#define KEPT_TO_READ 1u /* for a reader: look again */
#define KEPT_FOLLOWED                                                                              \
    2u               /* for a writer: somebody has returned since; its first client is displaced */
#define KEPT_LEFT 4u /* … a follower has gone since */
#define KEPT_CAUGHT_UP 8u /* … the engine need not wait any more */
#define KEPT_STOPPED 16u  /* … kept_stop() */

struct kept_news {
    void *subject;   /* the writer or the reader */
    unsigned what;   /* of the above */
    bool has_client; /* of a writer: somebody takes its answer now */
};
/* The next one for this worker; false: none. */
bool kept_news(struct kept_answers *kept, uint32_t worker, struct kept_news *ret_news);
