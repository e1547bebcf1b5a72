/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much one backend may have under way: a limit of calls that follows what the calls themselves show, and a share of its KV cache. Pure; by value.
 *
 * Response time says nothing here, since an answer's length rules it. Two signals do:
 *
 *     residual  e = TTFT − (a + b × prompt tokens): the time that a prompt waited in the engine. a and b are learned from first tokens
 *               that came while little was under way; until then e is the whole TTFT.
 *     TPOT      time for each output token of a call, beside that of an engine with little to do.
 *
 *     each LIMITER_TICK_MS:  g = clamp(min(tolerance × TPOT₀ / TPOT₅₀, (e₀ + RESIDUAL_SLACK) / e₅₀), 0.5, 1)
 *                            L = 0.8 L + 0.2 (g L + [√L when g = 1]), within [LIMITER_MIN, cap]; not raised while less than LIMITER_USED × L
 *                            is under way, and not lowered below LIMITER_LEAST × what is: more would say nothing until calls have ended
 *
 * Slow start: until TPOT₅₀ has once been a LIMITER_START_SHARE of the way to what is tolerated, or e₅₀ all of it, L rises by L / 2 in place of √L, which is tenfold in five
 * seconds; else an engine for a thousand calls would stand half empty for a minute after a start.
 *
 * Two limits are learned from the same signals. With the tolerance LIMITER_TPOT_TOLERANCE an engine is used as it can be: in peace a place that is not given away is a newcomer
 * who waits. With LIMITER_TPOT_STRICT known users keep their pace: whoever else fills the engine in a siege is held to that *strict* limit, which is known before the siege begins.
 *
 * It rests where TPOT is at its tolerance; gradient2 adds √L always and so rests as far beyond it as 1/(1 − 1/√L), which at 16 calls is a third. A signal without a
 * new sample never lowers L, but keeps it from rising while what it showed last is bad, for LIMITER_QUIET_TICKS.
 *
 * TPOT₀ is what the medians of ticks show *at the least load*, and remembers that load. It falls within a second to anything lower. It rises only by what is seen at
 * that load again (within half a minute) or with next to nothing under way (within seconds): an engine that became slower shows itself when L has come down, and a
 * siege of hours cannot teach that slow is normal. When the pace is off, it also rises to what a line through (under way, TPOT) of the last seconds shows for no
 * load at all, as soon as enough calls have ended to draw one that fits: then fewer calls do not help, and people need not wait until next to nothing is left.
 * Medians are compared with medians, so a stream's unevenness is no slowness. e₀ only falls: an engine that reads prompts more slowly shows in a and b. Traffic is
 * never held back to measure. (Netflix' gradient2 forgets by time alone; docs/decisions/.)
 *
 * The cap is 1.1 × the number of calls that the engine says it runs at once; where it says nothing there is none. The limit does not fall below that number either, up
 * to LIMITER_SLOTS_KEPT: on a processor two calls may be half as fast as one, and people would wait for places that stand empty.
 *
 * KV: what calls have reserved (prompt + what they wrote or are expected to write) may be LIMITER_KV_SHARE of the cache, so that the engine never preempts. Where
 * an engine does not tell its cache's size there is no such limit, nor where it has slots, each with a part of the cache of its own.
 */
#pragma once

#include "base/macros.h"

#define LIMITER_TICK_MS 200
#define LIMITER_MIN 2
#define LIMITER_SLOTS_KEPT 16      /* of an engine with slots: its operator chose them, and they are used however slow they make each other */
#define LIMITER_START 32           /* calls at once, of an engine that says nothing */
#define LIMITER_START_SHARE 0.25
#define LIMITER_MAX 16384
#define LIMITER_KV_SHARE 0.9
#define LIMITER_TPOT_TOLERANCE 1.5
#define LIMITER_TPOT_STRICT 1.35
#define LIMITER_RESIDUAL_SLACK_US 250000.0
#define LIMITER_SAMPLES 64         /* of each signal, between two ticks */
#define LIMITER_FACTS_OLD_MS 1000  /* facts that are older say nothing */
#define LIMITER_WAITING_MAX 2      /* in the engine's own queue: more, and it is fed nothing of low class */
#define LIMITER_TPOT_MIN_US 20     /* shorter: events that came in one read, not an engine's pace */
#define LIMITER_LITTLE 4           /* calls under way that no engine notices */
#define LIMITER_USED 0.75
#define LIMITER_LEAST 0.7
#define LIMITER_QUIET_TICKS 50     /* without a sample: then what was seen last counts no more */

/* What an engine says of itself; 0: nothing. Nonsense (a share that is none, a million calls) counts as nothing. */
struct limiter_facts {
    uint32_t slots;          /* calls that it runs at once */
    uint64_t kv_tokens;      /* size of its cache */
    uint32_t running, waiting;
    float kv_used;           /* 0 … 1 */
    uint64_t at_ms;          /* monotonic; 0: never */
};

struct limiter_signal {
    float samples[LIMITER_SAMPLES]; /* since the last look at them; a ring when there are more */
    uint32_t count;
    uint32_t quiet_ticks; /* since then */
    float p50;            /* of the last look; 0: nothing is known */
    float low;            /* TPOT₀, or e₀ */
    uint32_t low_load;    /* what was under way then; 0: never seen. Of TPOT₀ */
};

/* y = a + b × x, by least squares that forget. Sums. */
struct limiter_line {
    double n, x, y, xx, xy, yy;
};

struct limiter {
    struct limiter_facts facts;
    struct limiter_signal residual, tpot; /* µs */
    double limit, strict;     /* strict ≤ limit */
    struct limiter_line ttft; /* µs, by prompt tokens, while little was under way */
    struct limiter_line pace; /* median TPOT in µs, by calls under way, of the last seconds */
    bool slow;                /* the pace was off, and is not good yet */
    bool starts;              /* slow start: no load was felt yet */
    uint64_t ticked_ms;
};

void limiter_init(struct limiter *limiter);
void limiter_know(struct limiter *limiter, const struct limiter_facts *facts);
/* The first token of a call came; `under_way`: calls of this backend at that time. */
void limiter_first_token(struct limiter *limiter, uint64_t prompt_tokens, uint64_t ttft_us, uint32_t under_way);
/* `tokens` more came in `us` of one call. */
void limiter_tokens(struct limiter *limiter, uint32_t tokens, uint64_t us);
/* `under_way`: the most since the last tick. Does nothing when the last one is less than LIMITER_TICK_MS ago; a clock that went back starts anew. True when
 * a limit changed. */
bool limiter_tick(struct limiter *limiter, uint32_t under_way, uint64_t now_ms);

/* What the engine itself runs at once: the limit never passes it. LIMITER_MAX where it does not say. */
uint32_t limiter_cap(const struct limiter *limiter);
/* Calls; at least 1. */
uint32_t limiter_limit(const struct limiter *limiter);
uint32_t limiter_strict_limit(const struct limiter *limiter); /* at most limiter_limit() */
/* KV tokens that may be reserved; UINT64_MAX: no limit. */
uint64_t limiter_kv_max(const struct limiter *limiter);
/* Should nothing of low class be sent now? Facts that are old do not count. */
bool limiter_holds_low(const struct limiter *limiter, uint64_t now_ms);
/* How long the first token of such a prompt takes, µs, once it has its turn and finds no queue in the engine; 0 when nothing is known yet. */
uint64_t limiter_ttft_us(const struct limiter *limiter, uint64_t prompt_tokens);
/* How long so many tokens of one call take at the pace of the last ticks, µs; 0 when nothing is known. */
uint64_t limiter_output_us(const struct limiter *limiter, uint64_t tokens);
