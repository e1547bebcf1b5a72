/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budgets (budget.h) of all keys and accounts that have limits, shared by all workers: BUDGETS_SHARDS tables, each under its own lock.
 *
 * A call reserves against all budgets that apply to it, its key's and its account's, in one step: the locks of both are held together (the lower shard's first), all
 * of them take it or none does. As its answer comes it is used chunk by chunk, and what goes beyond the reservation is taken from the balances while there is any.
 * A lock is held for one decision: some hundred nanoseconds.
 *
 * A budget enters with its first call or with what the ledger knows of it, and stays: there are no more of them than keys and accounts. That is the only allocation.
 *
 * Any thread, each function.
 */
#pragma once

#include "admit/budget.h"

#define BUDGETS_SHARDS 64
#define BUDGETS_MAX 8000000  /* keys and accounts */
#define BUDGETS_CLAIMS_MAX 2 /* of one call: its key, its account */
#define BUDGETS_STEP 16      /* tokens that a call takes at once beyond its reservation */

struct budgets;

struct budgets *budgets_new(void) must_check;
void budgets_free(struct budgets *budgets);

/* A budget that a call is held against. */
struct budget_claim {
    uint64_t id; /* of the key or the account; never 0 */
    bool account;
    struct limits limits;  /* nothing unset */
    struct budget *budget; /* of budgets.c */
};

/* How the nearest limit stood after the call was judged, and after it was settled, for its caller. */
enum { BUDGETS_RATE_REQUESTS, BUDGETS_RATE_TOKENS, BUDGETS_RATES };
struct budget_rate {
    uint64_t limit; /* 0: there is none */
    uint64_t remaining, reset_ms;
};

/* What one call holds. All zero but for claims, count and price before budgets_reserve(); then the budgets' own until budgets_settle(). */
struct budget_hold {
    struct budget_claim claims[BUDGETS_CLAIMS_MAX];
    size_t count;
    struct budget_price price;

    bool held;
    uint64_t prompt_held; /* tokens */
    uint64_t output_held; /* that the answer may have before more must be taken; it only grows */
    uint64_t prompt_used; /* entered as used so far */
    uint64_t output_used;
    struct budget_rate rates[BUDGETS_RATES]; /* of a minute; of a day where no minute is limited */
};

struct budget_verdict {
    struct budget_refusal refusal;
    const struct budget_claim *claim; /* that refused */
};

/* Holds the prompt and as much of the answer as there is (budget_judge()) against every claim: 0; or nothing, and -EDQUOT with *ret_verdict, or -ENOMEM. */
int budgets_reserve(struct budgets *budgets, struct budget_hold *hold, uint64_t prompt_tokens,
                    uint64_t output_tokens, struct budget_time time,
                    struct budget_verdict *ret_verdict) must_check;

/* The answer has so many tokens by now. False: it is beyond what is held and there is nothing left of the limit that *ret_verdict names; it must be cut. */
bool budgets_progress(struct budgets *budgets, struct budget_hold *hold, uint64_t output_tokens,
                      struct budget_time time, struct budget_verdict *ret_verdict) must_check;

/* The call is over, and this is what it cost; what was held and not used goes back. `ran`: it counts as a request. Nothing when nothing is held. */
void budgets_settle(struct budgets *budgets, struct budget_hold *hold, bool ran,
                    uint64_t prompt_tokens, uint64_t output_tokens, struct budget_time time);

/* What the ledger knows of this day and month: what is used is at least that. 0 or -ENOMEM. */
int budgets_learn(struct budgets *budgets, uint64_t id, uint64_t day_tokens, uint64_t day_spend,
                  uint64_t month_spend, struct budget_time time) must_check;
/* What `from` has used counts for `to` too: a key that takes its place. 0 or -ENOMEM. */
int budgets_hand_on(struct budgets *budgets, uint64_t from, uint64_t to,
                    struct budget_time time) must_check;

/* How each limit stands. One that was never used stands at 0. */
void budgets_look(struct budgets *budgets, uint64_t id, const struct limits *limits,
                  struct budget_time time, struct budget_standing ret_standings[LIMITS_COUNT]);
