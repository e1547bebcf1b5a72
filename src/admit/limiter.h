/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much one backend may have under way: a limit of calls that follows what the calls themselves show, and a share of its KV cache. Pure; by value.
 *
 * Response time says nothing here, since an answer's length rules it. Two signals do:
 *
 *     residual  e = TTFT − (a + b × prompt tokens): the time that a prompt waited in the engine. a and b are learned from first tokens
 *               that came while little was under way.
 *     TPOT      time for each output token of a call, beside that of an engine with little to do.
 *
 *     each LIMITER_TICK_MS:  g = clamp(min(TPOT_TOLERANCE × TPOT₀ / TPOT₅₀, (e₀ + RESIDUAL_SLACK) / e₅₀), 0.5, 1)
 *                            L = 0.8 L + 0.2 (g L + √L), within [LIMITER_MIN, cap]; not raised while less than L/2 is under way
 *
 * TPOT₀ and e₀ follow the lowest tenth of what was seen, forget over ten minutes, and fall at once when something lower is seen: traffic is never held back to
 * measure them (Netflix' gradient2 limits the other way round; see docs/decisions/). The cap is the engine's own number of slots where it tells (llama.cpp: slots;
 * vLLM: 1.1 × max_num_seqs), else none.
 *
 * KV: what calls have reserved (prompt + what they wrote or are expected to write) may be LIMITER_KV_SHARE of the cache, so that the engine never preempts. Where
 * an engine does not tell its cache's size there is no such limit.
 */
#pragma once

#include "base/macros.h"

#define LIMITER_TICK_MS 200
#define LIMITER_MIN 2
#define LIMITER_START 8            /* calls at once, of an engine that says nothing */
#define LIMITER_MAX 4096
#define LIMITER_KV_SHARE 0.9
#define LIMITER_TPOT_TOLERANCE 1.2
#define LIMITER_RESIDUAL_SLACK_US 250000.0
#define LIMITER_SAMPLES 64         /* of each signal, between two ticks */
#define LIMITER_FACTS_OLD_MS 1000  /* facts that are older say nothing */
#define LIMITER_WAITING_MAX 2      /* in the engine's own queue: more, and it is fed nothing of low class */

/* What an engine says of itself; 0: nothing. */
struct limiter_facts {
    uint32_t slots;          /* calls that it runs at once */
    uint64_t kv_tokens;      /* size of its cache */
    uint32_t running, waiting;
    float kv_used;           /* 0 … 1 */
    uint64_t at_ms;          /* monotonic; 0: never */
};

struct limiter_signal {
    float samples[LIMITER_SAMPLES]; /* since the last tick; a ring when there are more */
    uint32_t count;
    float p50;               /* of the last tick that had any */
    float low;               /* TPOT₀, or e₀ */
};

struct limiter {
    struct limiter_facts facts;
    struct limiter_signal residual, tpot; /* µs */
    double limit;
    /* TTFT of a prompt while little was under way: a + b × tokens, by least squares that forget. µs. */
    double ttft_n, ttft_x, ttft_y, ttft_xx, ttft_xy;
    uint64_t ticked_ms;
};

void limiter_init(struct limiter *limiter);
void limiter_know(struct limiter *limiter, const struct limiter_facts *facts);
/* The first token of a call came; `under_way`: calls of this backend at that time. */
void limiter_first_token(struct limiter *limiter, uint64_t prompt_tokens, uint64_t ttft_us, uint32_t under_way);
/* `tokens` more came in `us` of one call. */
void limiter_tokens(struct limiter *limiter, uint32_t tokens, uint64_t us);
/* `under_way`: the most since the last tick. True when the limit changed. */
bool limiter_tick(struct limiter *limiter, uint32_t under_way, uint64_t now_ms);

uint32_t limiter_limit(const struct limiter *limiter);
/* KV tokens that may be reserved; UINT64_MAX: no limit. */
uint64_t limiter_kv_max(const struct limiter *limiter);
/* Should nothing of low class be sent now? Facts that are old do not count. */
bool limiter_holds_low(const struct limiter *limiter, uint64_t now_ms);
/* How long the first token of such a prompt takes, µs, once it has its turn; 0 when nothing is known yet. */
uint64_t limiter_ttft_us(const struct limiter *limiter, uint64_t prompt_tokens);
