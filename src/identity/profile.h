/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one identity may use at its normal speed: a budget that it earned by what it used before. Pure: one struct, facts and the time in,
 * answers out. profiles.h keeps many of them for all threads, profile_record.h writes one down.
 *
 * Unit: weighted tokens (wt): prompt tokens + PROFILE_OUTPUT_WEIGHT × completion tokens, as the queue prices work (admit/price.h).
 *
 *     balance     grows by `rate` each second up to `burst`; a request is in-profile while it is positive, and takes its price
 *                 from it, so that it may fall below zero once; one that is not in-profile takes nothing
 *     rate        PROFILE_RATE_FACTOR × its busiest hour, as a mean over the last seven days, left out those without use
 *     burst       what it is given in PROFILE_BURST_S, which is about a busiest hour; at least PROFILE_BURST_REQUESTS × its mean request
 *
 * The busiest hour and not the mean one, since honest callers come in waves (docs/decisions/0013). What it may use in a day is bounded by a second balance
 * of the same kind (`day_balance`: PROFILE_RATE_FACTOR × its mean day, left out the days without use), so that nobody turns one busy hour into twenty-four.
 *
 * Earning: a day (UTC) counts when a call was settled in it that was neither aborted nor made in a siege. When the PROFILE_DAYS_TO_EARN-th
 * of them is over the identity is trusted, first at the lowest of these days' rates. At the end of each day the rate then moves towards its target: up by at most
 * PROFILE_GROWTH_MAX and only after a day that counted, down with a half-life of PROFILE_HALF_LIFE_DAYS. So whoever farms trust must use the service, and
 * be seen, for weeks. Seven days without use change nothing; then the target is zero; after PROFILE_LAPSE_DAYS what was earned has lapsed.
 * An operator's grant is a rate of its own that does not decay; the larger of the two holds.
 *
 * The clock: differences of less than a minute are those between threads and change nothing. When it was set back the balances go on from there, and
 * the days when it has caught up, or from there when they would wait for longer than PROFILE_DAYS. When it leaps forward that time has passed.
 *
 * Limits: a day's sum is a float: an identity that uses more than 10^10 wt a day in requests of 1,000 is measured short.
 */
#pragma once

#include "base/macros.h"

#define PROFILE_OUTPUT_WEIGHT 2
#define PROFILE_DAYS 7             /* that the mean looks back */
#define PROFILE_DAYS_TO_EARN 3
#define PROFILE_RATE_FACTOR 2.0
#define PROFILE_BURST_REQUESTS 6.0
#define PROFILE_BURST_S 1800.0     /* of its rate */
#define PROFILE_GROWTH_MAX 1.5     /* a day */
#define PROFILE_HALF_LIFE_DAYS 14.0
#define PROFILE_LAPSE_DAYS 105     /* seven days and seven half-lives: less than a hundredth is left */
#define PROFILE_REQUEST_SMOOTHING 0.1 /* weight of a new request in the mean request */
#define PROFILE_REQUEST_WT 1000.0  /* the mean request of one that has none yet, for the burst of a grant */
#define PROFILE_CALLS_MAX 1000000.0
#define PROFILE_WT_MAX 1000000000U /* of one request; what is above counts as this */
#define PROFILE_RATE_MAX 1e9       /* wt/s */
#define PROFILE_AMOUNT_MAX 1e15    /* of any sum or balance */

#define PROFILE_DAY_MS UINT64_C(86400000)
#define PROFILE_HOUR_MS UINT64_C(3600000)

struct profile_day {
    float wt, busiest_wt;  /* settled in it, and in its busiest hour */
    uint16_t hours;        /* in which anything was; at most 24 */
    uint16_t requests;     /* stays at its maximum */
};

/* All of it is what the store keeps; a zeroed one with an id is an identity that nobody knows. Times are wall clock. 152 bytes: ten million must fit. */
struct profile {
    uint64_t id;
    uint32_t hour;         /* hours since 1970 that was counted last */
    float hour_wt;         /* settled in it */
    uint16_t today;        /* days since 1970 (UTC) that days[0] counts; 0: never used. The last one is in 2149 */
    uint16_t days_earned;  /* since it was last unknown; stays at its maximum */
    struct profile_day days[PROFILE_DAYS]; /* today first */
    float rate;            /* earned, wt/s; 0: none yet */
    float day_wt;          /* earned, wt a day */
    float granted_rate;    /* by the operator, wt/s; 0: none */
    float request_wt;      /* mean of a settled request; 0: none yet */
    float output_log;      /* mean of ln(1 + completion tokens) of its calls; the predictor's (admit/predictor.h) */
    uint32_t seen_s;       /* last reservation or settled call, seconds since 1970; 0: never */
    double balance, day_balance; /* of a trusted one; else 0 */
    uint64_t refilled_ms;  /* to when the balances are filled */
};

/* Brings days, rate and balances to `wall_ms`. To be called before any of the looks below. */
void profile_advance(struct profile *profile, uint64_t wall_ms);

/* Is it an identity of which nothing is known? */
bool profile_is_blank(const struct profile *profile);
/* Is it trusted at all, by use or by grant? */
bool profile_is_trusted(const struct profile *profile);
/* … and has it balance left? */
bool profile_in(const struct profile *profile);
double profile_rate(const struct profile *profile);  /* wt/s; 0: not trusted */
double profile_burst(const struct profile *profile); /* wt */
double profile_day(const struct profile *profile);   /* wt it may use in a day, the cap of day_balance */
/* Calls at once that are its own way, when one takes `call_s`: with m as its rate makes them (Little's law) 2 + ⌈4 m + 4 √m⌉. 0 s, not known: any number. */
uint32_t profile_calls(const struct profile *profile, double call_s);
/* … and its ordinary ones: 1 + m; 0: not known, any number. What it has under way beyond these gives way to other in-profile callers that have less (admit/gate.h). */
double profile_ordinary_calls(const struct profile *profile, double call_s);
/* Seconds until it is in-profile; 0: it is; infinite when it is not trusted. */
double profile_wait_s(const struct profile *profile);

/* Weighted tokens; at most PROFILE_WT_MAX. */
uint64_t profile_wt(uint64_t prompt_tokens, uint64_t completion_tokens);

/* Takes the price of a request out of both balances and tells what it took: `wt` (at most PROFILE_WT_MAX), or 0 when it is not in-profile. */
uint64_t profile_reserve(struct profile *profile, uint64_t wt, uint64_t wall_ms);

struct profile_use {
    uint64_t reserved_wt;  /* what profile_reserve() took; 0: nothing */
    uint64_t prompt_tokens, completion_tokens;
    bool aborted;          /* by the client or by us: it is paid, and earns nothing */
    bool siege;            /* it earns nothing in a siege */
};
/* Does such a call teach anything? */
bool profile_use_earns(const struct profile_use *use);
/* The call is over: gives back what was reserved and not used, takes what was used beyond it, and learns. */
void profile_settle(struct profile *profile, const struct profile_use *use, uint64_t wall_ms);

/* A day of usage from elsewhere. */
struct profile_past {
    uint32_t day;          /* since 1970 */
    uint64_t requests;     /* not 0 */
    double hours_wt[24];   /* of each hour, from 00:00 (UTC) on; some of them are not 0 */
    double output_log;     /* sum over its requests of ln(1 + completion tokens) */
};
/* As if it had been settled then, in peace. In order of days, each once, into a profile that began zeroed. */
void profile_import(struct profile *profile, const struct profile_past *past);
/* Adds what `other` learned elsewhere about the same identity: of each day and each sum the larger one, so that a second time changes nothing. */
void profile_merge(struct profile *profile, const struct profile *other, uint64_t wall_ms);
/* Fills the balances. `rate` in wt/s, at most PROFILE_RATE_MAX; 0 takes the grant back. */
void profile_grant(struct profile *profile, double rate, uint64_t wall_ms);
