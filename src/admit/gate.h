/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admission gate of one pool: who goes to an engine now, who waits for a turn, who is sent away with a time to come back, and who is cut for somebody else. Pure:
 * facts and the time in, decisions out; whoever shares a gate between threads holds a lock around each call (gateway/turnstile.h).
 *
 * A turn is one request's place here. It is part of the request, and known to the gate from gate_ask() to gate_end():
 *
 *             ┌──────────────▶ RUNNING ──cut for others──▶ CUT ──┐
 *   gate_ask ─┤                  ▲   └──────────────────────────┐│
 *             ├──▶ WAITING ──its turn──┘                        ▼▼
 *             │       └──waited too long, displaced──▶ REFUSED ─▶ gate_end
 *             └───────────────────────────────────────────▲
 *
 * What changes while the request is parked is news for its worker: gate_news() hands it out.
 *
 * Rules, in the order in which they are asked:
 *
 *   room       a backend that takes calls, has fewer under way than its limit and KV left for this one (limiter.h); of those the least (under way + 1) /
 *              (limit × weight), ties by turn; or one that has read more of the beginning of this prompt and is at most GATE_LEAN of its limit more loaded. Where no backend takes calls there is nothing to wait for: who asks then goes on, and whoever makes the call finds
 *              nobody; those who wait already do so for GATE_NOBODY_MS more, since it may come back
 *   reading    beside in-profile calls prompts of lower classes, and of those who are stretched, are begun as fast as the engine reads prompts in GATE_READ_SHARE of its time, by what
 *              first tokens took (limiter.h), and GATE_READ_AHEAD_MS ahead: an engine reads them before it goes on with what it writes, and everybody's next token waits. All prompts
 *              count. A flood would bring as many as there are places. Nobody is cut for one who waits for that alone
 *   reserve    R = ⌈2√n + λs⌉ + 1 places, n = in-profile calls under way and λ their arrivals in a second (both smoothed), s = the seconds for which the slowest backend
 *              works on after a hang-up (at most GATE_HOLD_MS; that much where it does not stop), that classes below in-profile do not get. Where engines say how many
 *              calls they run at once it is taken from these, at most half of them; the learned limit is soft, so in-profile calls go R beyond it instead. For
 *              GATE_HOLD_MS after a cut its place is kept too, so that the same place is not won and lost again
 *   stopping   a call that was hung up in mid-answer keeps its place and its part of the cache for as long as its engine works on (gate_know_stopping()). In-profile
 *              requests do not wait for an engine that stops within GATE_STOP_SOON_MS: its own queue lets them in at the right moment, which a timer here would miss
 *   order      in-profile requests before all others; then the fair queue's (fair_queue.h)
 *   cut        an in-profile request that finds no room cuts the newest call of the lowest class; one cut for each that waits. Calls at an engine that does not
 *              stop are not cut: it would free nothing
 *   left       of calls that may be cut those whose clients have gone (gate_note_left) go first, whatever their class: nobody reads them now. Those of lower classes are cut for lower
 *              classes too, once one of these has waited for GATE_CUT_WAIT_MS
 *   stretched  an in-profile request is *stretched* when its identity has as many calls here, waiting ones too, as are its ordinary ones (`ordinary_calls`). It goes after all in-profile
 *              requests that are not; of the stretched, whose identity has the fewest here for its ordinary ones goes first. In a siege an identity *presses* that has more than
 *              GATE_STRETCH times its ordinary calls here, and its stretched requests are held to the strict limit: a second call of somebody else has its place
 *   equals     when no lower class has anything left to cut, an in-profile request ends an in-profile call, one at a time: the newest of the identity with the most here for its ordinary
 *              ones, as long as that is more than its own identity has. Who does not press keeps its ordinary calls, and loses others only to one that has waited for GATE_CUT_WAIT_MS; who
 *              presses keeps none for sure, and ends nobody's. So a burst costs its owner nothing while there is room or anybody lower (docs/decisions/0019)
 *   waiting    at most wait_ms_max, in a siege siege_wait_ms_max for classes below in-profile; a queue that is full loses the newest of a lower class first
 *   foresight  one that would wait longer than it may, by the work that has its turn before it and what its class was given lately, is refused when it comes, and one
 *              whose first token is expected after its deadline when its turn comes, before it costs a prompt. A prediction has to miss by GATE_FORESIGHT, for in-profile
 *              requests by GATE_FORESIGHT_IN_PROFILE, and to rest on what was seen. In a siege waits are short and most who wait before it will be gone: then only the queue tells
 *   siege      begins when what waits below in-profile is worth GATE_SIEGE_BEGINS_S of all capacity while there are in-profile callers to protect, and ends
 *              GATE_SIEGE_CALM_MS after it was last worth GATE_SIEGE_GOES_ON_S. Without in-profile callers all are alike, and waiting is all that is asked of them. While it lasts
 *              lower classes are held to the strict limit (limiter.h), at which known users keep their pace; what of them runs beyond it when it begins is cut
 *   shorten    while gate_shorten() says so (policy/ladder.h), calls that run or have their turn may write `output_max_short` tokens, all their answers (`n`) together; as
 *              many as they asked for when that is GATE_MODEST times as many at most and their network owes nothing. It counts however long a request has waited
 *   strangers  who waits in vain owes for it (fair_queue.h), so that who asks once and for little goes before who floods. In a siege ⌈√m⌉ places, m = calls below
 *              in-profile under way, are for strangers who owe nothing
 *
 * Capacity is what was served, in wt/s, while somebody waited; nobody sets it. Until that was seen for some seconds GATE_CALL_RATE_GUESS stands in for it.
 */
#pragma once

#include "admit/fair_queue.h"
#include "admit/leaving.h"
#include "admit/limiter.h"
#include "admit/prefix.h"
#include "base/err.h"

#define GATE_BACKENDS_MAX 64
#define GATE_WORKERS_MAX 256
#define GATE_HOLD_MS 2000
#define GATE_NOBODY_MS 2000
#define GATE_LEAN 0.25
#define GATE_CUT_WAIT_MS 1000
#define GATE_READ_SHARE 0.5
#define GATE_READ_AHEAD_MS 250
#define GATE_READ_MS_MAX 2000.0 /* however long one prompt is: others of its class go on */
#define GATE_FORESIGHT 1.5
#define GATE_FORESIGHT_IN_PROFILE 4.0
#define GATE_STOP_SOON_MS 500
#define GATE_LOOKS 512 /* in-profile calls, for one that gives way to another in-profile */
#define GATE_STOPPING_MS_MAX 60000 /* however long a call's end is predicted to take */
#define GATE_STOPS_NOT UINT32_MAX
#define GATE_STRETCH 2.0F /* times its ordinary calls */
#define GATE_MODEST 2 /* times the short answer: a stranger who asks for no more gets it */
#define GATE_SIEGE_BEGINS_S 10.0
#define GATE_SIEGE_GOES_ON_S 2.0
#define GATE_PROTECTED_MS 600000 /* an in-profile call was under way so lately */
#define GATE_SIEGE_CALM_MS 30000 /* without pressure, until a siege is over */
#define GATE_TICK_MS 100
#define GATE_CALL_RATE_GUESS 50.0 /* wt/s of each call that may be under way */

struct gate;

enum turn_state { TURN_NONE, TURN_WAITING, TURN_RUNNING, TURN_CUT, TURN_REFUSED };

enum gate_refusal {
    GATE_FITS,
    GATE_IDENTITY_FULL, /* it has as many waiting as it may */
    GATE_QUEUE_FULL,    /* also: displaced by a higher class */
    GATE_WAITED,        /* its time to wait was over */
    GATE_FORESEEN,      /* its turn, or its first token, would come too late */
    GATE_NO_BACKEND,    /* no backend took calls any more, for GATE_NOBODY_MS */
    GATE_NO_MEMORY
};

/* All members but `stopped` belong to the gate between gate_ask() and gate_end(); others read them under its lock, or after news of it. */
struct turn {
    struct fair_entry entry;
    struct list link;            /* waiting or running of its class, oldest first */
    struct list news;            /* of its worker */
    struct fair_place place;
    const struct prefix *prefix; /* of its prompt; NULL: not known. Lives until gate_end() */
    enum turn_state state;
    enum gate_refusal refusal;
    uint32_t worker;
    uint32_t backend;            /* index in the pool, once it runs */
    uint32_t ahead;              /* waiting of its class and higher ones when it came */
    uint64_t prompt_tokens, output_expected, output_max; /* output_max: what it may write, lowered while answers are shortened; 0: no cap */
    uint64_t output_max_short;   /* what it is lowered to; 0: never */
    uint64_t output_tokens;      /* seen so far */
    uint64_t kv;                 /* reserved */
    uint64_t asked_ms, started_ms, first_ms; /* monotonic; first: its first token */
    uint64_t tokens_ms;          /* of the last progress */
    bool siege;                  /* it was admitted in one */
    bool stopped;                /* set before gate_end(): its connection to the engine was closed in mid-answer */
    bool shorten;                /* it had its turn, or ran, while answers are shortened, its own or not; but for a modest one */
    bool owes;                   /* its network did when it had its turn */
    bool left;                   /* its client has gone and may return */
};

struct gate_limits {
    struct fair_limits fair;
    uint32_t wait_ms_max;
    uint32_t siege_wait_ms_max;  /* of classes below in-profile, in a siege */
    uint32_t first_token_ms_max; /* from when it asks; 0: it may come at any time */
    uint32_t calls_max;          /* of each backend, by the operator; 0: learned alone */
    bool affinity;               /* whoever asks hands over prefixes; for them, not for the gate */
    bool one_class;              /* every request is of one class and none is cut: plain fair queueing */
};

/* NULL when out of memory. All backends take calls until gate_know() says otherwise, and weigh the same until gate_set_weight() does. */
struct gate *gate_new(const struct gate_limits *limits, size_t backends, uint32_t workers) must_check;
/* No turn may be known to it. */
void gate_free(struct gate *gate);
/* The weights stay. */
void gate_set_limits(struct gate *gate, const struct gate_limits *limits);
/* The operator's: a backend of weight 2 gets twice the calls of one with 1, while both are below their limits. 1 and more. */
void gate_set_weight(struct gate *gate, size_t backend, uint32_t weight);

struct gate_ask {
    struct fair_place place;
    uint32_t worker;
    uint64_t prompt_tokens, output_expected, output_max, output_max_short;
    const struct prefix *prefix; /* NULL: none */
    float ordinary_calls;        /* at once, of its identity, where it is in-profile: 1 and more; 0: any number */
};
/* Sets `turn` up. TURN_RUNNING: it goes now. TURN_WAITING: news will come. TURN_REFUSED: `refusal` says why; gate_end() is due all the same. */
enum turn_state gate_ask(struct gate *gate, struct turn *turn, const struct gate_ask *ask, uint64_t now_ms);

/* `output_tokens` have come of it so far. The first call with more than 0 is its first token. */
void gate_progress(struct gate *gate, struct turn *turn, uint64_t output_tokens, uint64_t now_ms);

/* Its client has gone and may return; or (false) it has returned. From gate_ask() to gate_end(). */
void gate_note_left(struct gate *gate, struct turn *turn, bool left);

/* It is over, or its caller has gone; from any state, also none. What it used is charged; for a call that never ran that is nothing. */
void gate_end(struct gate *gate, struct turn *turn, uint64_t prompt_tokens, uint64_t output_tokens, uint64_t now_ms);

/* From now on, and whoever runs. Not at first. */
void gate_shorten(struct gate *gate, bool shortens);

/* At least each GATE_TICK_MS, from any thread: limits are learned, those that waited too long are sent away. */
void gate_tick(struct gate *gate, uint64_t now_ms);
/* What is known of a backend: does it take calls, and what does its engine say? `facts` may be NULL. */
void gate_know(struct gate *gate, size_t backend, bool available, const struct limiter_facts *facts);
/* How long its engine works on after a hang-up; 0: not known, and taken as at once; GATE_STOPS_NOT: to the call's end. */
void gate_know_stopping(struct gate *gate, size_t backend, uint32_t stop_ms);

/* The next turn of this worker whose state changed behind its back, or NULL. */
struct turn *gate_news(struct gate *gate, uint32_t worker);
/* Workers with news, a bit each (of the first 64; others look each tick), since the last call of this function. */
uint64_t gate_workers_with_news(struct gate *gate);

/* How long a call of so many tokens takes from its turn to its end, at the slowest backend that takes calls; GATE_CALL_S_GUESS before anything is known. */
#define GATE_CALL_S_GUESS 30.0
double gate_call_s(const struct gate *gate, uint64_t prompt_tokens, double output_tokens);
/* wt/s that a class may count on now: for promises. */
double gate_rate(const struct gate *gate, enum fair_class class);
/* Nobody waits, there is no siege, and one more call of the class is below its limit: who comes now is in nobody's way. */
bool gate_has_room(const struct gate *gate, enum fair_class class);

/* For people who wait in a class: how many do, in theirs and higher ones, and how long a new one would take by what is waited for and the rate; GATE_OUTLOOK_MS_MAX at
 * most. A guess: work comes and goes, and small requests go before large ones. */
#define GATE_OUTLOOK_MS_MAX 3600000
struct gate_outlook {
    uint32_t waiting, wait_ms;
};
struct gate_outlook gate_outlook(const struct gate *gate, enum fair_class class);

struct gate_backend_view {
    bool available;
    uint32_t limit, under_way, stopping; /* stopping: hung up, not under way any more, and not free yet */
    uint64_t kv_reserved, kv_max; /* kv_max 0: not known */
    uint64_t blocks, known_blocks; /* of prompts that went there; of these, such as went there before */
    float tpot_ms, tpot_low_ms, residual_ms;
};
struct gate_view {
    uint32_t waiting[FAIR_CLASSES], running[FAIR_CLASSES];
    uint32_t limit, reserve, holds; /* holds: of the reserve, kept after cuts */
    uint64_t cuts, displaced, waited_out, foreseen;
    uint64_t stretched_cuts;     /* of the cuts, those of in-profile calls */
    double capacity;             /* wt/s; 0: not learned yet */
    double waiting_s;            /* what waits, in seconds of capacity; 0 while that is not known */
    size_t nodes;                /* identities and networks that the queue remembers */
    bool siege;
};
void gate_view(const struct gate *gate, struct gate_view *ret_view);
void gate_backend_view(const struct gate *gate, size_t backend, struct gate_backend_view *ret_view);
