/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one key or account has used of its limits (base/limits.h), and whether a call still fits. Pure: facts and both clocks come in, decisions go out; one thread
 * at a time (budgets.h shares them).
 *
 *   minute      requests and tokens: a leaking bucket. What was used drains evenly, a whole limit in a minute, by the monotonic clock; so a balance grows at once
 *               and not at a full minute, the time until it suffices is known to the millisecond, and no clock that is set can fill it. In any minute at most two
 *               limits' worth passes (a full balance, and what grows meanwhile). A debt is at most one more limit, whatever an engine reports.
 *   day, month  tokens and money: used since midnight or the first (UTC), by the wall clock. A window ends early at most once in BUDGET_DAY_APART_MS (_MONTH_) of
 *               the monotonic clock; a clock that was set back keeps what was used, in the day that it shows now. So a clock that jumps gives one refill
 *               and locks nobody for longer than it takes to set it right.
 *   calls       under way or waiting
 *
 * Each call is held first and used as it goes: what is held does not drain, and comes back when it was not used. Money is counted in 10⁻¹² of a unit: a price in millionths for a
 * million tokens is that for one token. Sums stop at the largest number.
 */
#pragma once

#include "base/limits.h"

#define BUDGET_DAY_APART_MS UINT64_C(72000000)     /* 20 hours */
#define BUDGET_MONTH_APART_MS UINT64_C(2332800000) /* 27 days */
#define BUDGET_BUSY_MS                                                                             \
    1000 /* to come back in when too many calls are under way: nobody knows when one ends */

struct budget_time {
    uint64_t mono_ms, wall_ms;
};

/* Of a million tokens, in millionths. */
struct budget_price {
    uint64_t in, out;
};

/* A call before it runs. */
struct budget_want {
    uint64_t prompt_tokens; /* estimated */
    uint64_t output_tokens; /* predicted, all answers together; 0: it writes nothing */
    struct budget_price price;
};

struct budget_window {
    uint64_t from_ms, until_ms; /* wall clock */
    uint64_t rolled_ms;         /* monotonic: when the last one ended; 0: none has */
    uint64_t tokens, spend;     /* of a month only money counts */
};

struct budget {
    uint64_t requests, tokens; /* used and not drained yet, 60,000ths */
    uint64_t drained_ms;       /* monotonic: until when these are right */
    struct budget_window day, month;
    uint64_t tokens_held, spend_held;
    uint32_t calls;
};

struct budget_refusal {
    enum limit limit;
    uint64_t wait_ms; /* until the call would fit, if nothing else comes */
    bool never;       /* it is larger than the limit itself */
};

void budget_init(struct budget *budget, struct budget_time time);
/* Brings it up to now. The others want it to be. */
void budget_advance(struct budget *budget, const struct limits *limits, struct budget_time time);

/*
 * Does the call fit? 0 and *ret_output, how many of want->output_tokens can be held; or -EDQUOT and the limit that takes longest.
 * A minute's balance must hold the whole prediction (or be full), because waiting some seconds brings a whole answer; what is left of a day or a month is given out to
 * its end: the prompt and one token must fit.
 */
int budget_judge(const struct budget *budget, const struct limits *limits,
                 const struct budget_want *want, struct budget_time time, uint64_t *ret_output,
                 struct budget_refusal *ret_refusal) must_check;
/* How many more tokens of answer could be held now, and which limit says so. */
uint64_t budget_spare(const struct budget *budget, const struct limits *limits, uint64_t price_out,
                      enum limit *ret_limit);

/* A call begins, or takes more. */
void budget_begin(struct budget *budget);
void budget_hold(struct budget *budget, uint64_t tokens, uint64_t spend);
/* Held no longer. */
void budget_release(struct budget *budget, uint64_t tokens, uint64_t spend);
/* Used, or (a correction) not used after all. */
void budget_use(struct budget *budget, const struct limits *limits, uint64_t tokens,
                uint64_t spend);
void budget_unuse(struct budget *budget, uint64_t tokens, uint64_t spend);
/* The call is over; `ran`: an engine was asked, so that it counts as a request. */
void budget_end(struct budget *budget, bool ran);

/* Used at least so much of this day and month, as the ledger knows it. */
void budget_learn(struct budget *budget, uint64_t day_tokens, uint64_t day_spend,
                  uint64_t month_spend);

/* How a limit stands: what is used of it or held, in its own unit, and how long until nothing is (0: nothing is, or nobody knows). */
struct budget_standing {
    uint64_t used, reset_ms;
};
struct budget_standing budget_standing(const struct budget *budget, const struct limits *limits,
                                       enum limit limit, struct budget_time time);

/* 10⁻¹² of a unit. */
uint64_t budget_cost(uint64_t tokens, uint64_t price);
