/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one identity may use at its normal speed: a budget that it earned by what it used before. Pure: one struct, facts and the time in,
 * answers out. profiles.h keeps many of them for all threads.
 *
 * Unit: weighted tokens (wt): prompt tokens + PROFILE_OUTPUT_WEIGHT × completion tokens, as the queue prices work (admit/price.h).
 *
 *     balance     grows by `rate` each second up to `burst`; a request is in-profile while it is positive, and takes its price
 *                 from it, so that it may fall below zero once
 *     rate        PROFILE_RATE_FACTOR × what it used in each hour in which it used anything, over the last seven days
 *     burst       PROFILE_BURST_REQUESTS × its mean request
 *
 * Hours without use are left out of the mean: people work by day, and a mean over whole days would call their mornings a
 * flood. What it may use in a day is bounded by a second balance of the same kind (`day_balance`), so that nobody turns three busy hours into
 * twenty-four.
 *
 * Earning: a day counts when a call was settled in it that was neither aborted nor made in a siege. With PROFILE_DAYS_TO_EARN
 * of them the identity is trusted, first at the lowest of these days' rates. Each day the rate then moves towards its target: up by at most
 * PROFILE_GROWTH_MAX, down with a half-life of PROFILE_HALF_LIFE_DAYS. So whoever farms trust must use the service, and be seen, for weeks.
 * An operator's grant is a rate of its own that does not decay; the larger of the two holds.
 */
#pragma once

#include "base/macros.h"

#define PROFILE_OUTPUT_WEIGHT 2
#define PROFILE_DAYS 7             /* that the mean looks back */
#define PROFILE_DAYS_TO_EARN 3
#define PROFILE_RATE_FACTOR 2.0
#define PROFILE_BURST_REQUESTS 6.0
#define PROFILE_GROWTH_MAX 1.5     /* a day */
#define PROFILE_HALF_LIFE_DAYS 14.0
#define PROFILE_REQUEST_SMOOTHING 0.1 /* weight of a new request in the mean request */

struct profile_day {
    float wt;              /* settled in it */
    uint16_t hours;        /* in which anything was */
    uint16_t requests;     /* stays at its maximum */
};

/* All of it is what the store keeps; a zeroed one with an id is an identity that nobody knows. Times are wall clock. */
struct profile {
    uint64_t id;
    uint32_t today;        /* days since 1970 (UTC) that days[0] counts; 0: never used */
    uint32_t hour;         /* hours since 1970 that was counted last */
    struct profile_day days[PROFILE_DAYS]; /* today first */
    uint32_t days_earned;  /* in all its life; stays at its maximum */
    float rate;            /* earned, wt/s; 0: none yet */
    float day_wt;          /* earned, wt a day */
    float granted_rate;    /* by the operator, wt/s; 0: none */
    float request_wt;      /* mean of a settled request; 0: none yet */
    float output_log;      /* mean of ln(1 + completion tokens) of its calls; the predictor's (admit/predictor.h) */
    float balance, day_balance;
    uint64_t refilled_ms;  /* to when the balances are filled */
    uint64_t seen_ms;      /* last reservation */
};

/* Brings days, rate and balances to `wall_ms`. A clock that went back changes nothing until it has caught up. */
void profile_advance(struct profile *profile, uint64_t wall_ms);

/* Is it trusted at all, by use or by grant? */
bool profile_is_trusted(const struct profile *profile);
/* … and has it balance left? After profile_advance(). */
bool profile_in(const struct profile *profile);
float profile_rate(const struct profile *profile);
float profile_burst(const struct profile *profile);

/* Takes the price of a request out of both balances. Only of a trusted one. */
void profile_reserve(struct profile *profile, uint64_t wt);

struct profile_use {
    uint64_t reserved_wt;  /* what profile_reserve() took; 0: nothing */
    uint64_t prompt_tokens, completion_tokens;
    bool aborted;          /* by the client or by us: it is paid, and earns nothing */
    bool siege;            /* it earns nothing in a siege */
};
/* The call is over: gives back what was reserved and not used, and learns. */
void profile_settle(struct profile *profile, const struct profile_use *use, uint64_t wall_ms);

/* Usage from elsewhere, in order of time: as if it had been settled then, in peace. */
void profile_import(struct profile *profile, uint64_t wall_ms, uint64_t prompt_tokens, uint64_t completion_tokens);
/* `rate` 0 takes the grant back. */
void profile_grant(struct profile *profile, float rate, uint64_t wall_ms);
