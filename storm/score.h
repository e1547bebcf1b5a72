/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of the requests: counters by group and phase, one record for each legitimate request, and what they add up to.
 *
 * A request is one thing that somebody wanted, however many tries it took. It belongs to the second in which it was due, and to
 * the phase; one that was due in calm and ended when the attack had begun belongs to the attack, which it felt:
 *
 *     warm [0, warm_s)   calm [warm_s, attack begins)   attack [begins, ends)   after [ends, seconds)   drain [seconds, …)
 *
 * and each ends once: offered = completed + refused + left + failed + unsent + open.
 *
 *   completed  a whole good answer came
 *   refused    the last try got a status that is no success
 *   left       hung up by itself: out of patience, or because its part says so
 *   failed     the connection broke, or the answer was not one
 *   unsent     the storm could not send it: no descriptor, or the identity had all its connections in use
 *   open       still under way at the end
 *
 * A legitimate request is *good* when it completed within the service level: first token within 2 s of when it was due, and
 * each further token, on the mean, within 1.25 of the unloaded time. An answer that was not streamed is good when it came within
 * 2 s and 1.25 of the unloaded time of its tokens. One that is shorter than was asked for is not good, unless the scenario lets answers
 * be of any length. Good ones can be counted only when the unloaded time is known: at the end.
 *
 * Time comes in as microseconds from the start. Belongs to one thread.
 */
#pragma once

#include "base/histogram.h"
#include "storm/scenario.h"

#define SCORE_TTFT_US_MAX 2000000
#define SCORE_TPOT_FACTOR 1.25
#define SCORE_SETTLED_SHARE 0.95
#define SCORE_SECONDS_MAX 90000
#define SCORE_RECORDS_MAX                                                                          \
    4000000 /* legitimate requests; the next ones are counted and not judged */
#define SCORE_STATUS_MAX 600

enum score_phase { PHASE_WARM, PHASE_CALM, PHASE_ATTACK, PHASE_AFTER, PHASE_DRAIN, PHASES };
enum score_outcome {
    OUTCOME_COMPLETED,
    OUTCOME_REFUSED,
    OUTCOME_LEFT,
    OUTCOME_FAILED,
    OUTCOME_UNSENT,
    OUTCOME_OPEN,
    OUTCOMES
};

struct score_counts {
    uint64_t offered, tries, admitted; /* admitted: a 200 came */
    uint64_t outcomes[OUTCOMES];
    uint64_t shorter;      /* completed, with fewer tokens than asked for */
    uint64_t good;         /* after score_judge() */
    uint64_t input_tokens; /* of prompts whose answer began */
    uint64_t tokens;       /* received in this phase, whenever the request was due */
    uint32_t refused_by_status[SCORE_STATUS_MAX];
    struct histogram ttft_us, tpot_us;
};

/* Of one second of one group. */
struct score_second {
    uint32_t offered, good;                            /* by when they were due */
    uint32_t completed, refused, left, failed, unsent; /* by when they were due */
    uint32_t tokens;                                   /* by when they came */
    uint32_t ttft_p50_ms,
        ttft_p99_ms; /* of completed legitimate ones, by when they were due; after score_judge() */
};

struct score_end {
    uint64_t due_us;
    enum score_outcome outcome;
    unsigned status; /* of the last answer; 0: none */
    uint32_t tries;
    bool admitted; /* a 200 came */
    bool streamed, shorter;
    uint64_t ttft_us;  /* of completed ones */
    uint64_t total_us; /* from due to the end */
    uint64_t first_to_last_us;
    uint32_t tokens;
};

struct score;

/* The scenario outlives the score. NULL when out of memory. */
struct score *score_new(const struct scenario *scenario) must_check;
void score_free(struct score *score);

void score_offered(struct score *score, uint32_t group, uint64_t due_us);
/* The first token of an answer; the prompt has been worked on. */
void score_begun(struct score *score, uint32_t group, uint64_t now_us, uint32_t input_tokens);
void score_tokens(struct score *score, uint32_t group, uint64_t now_us, uint32_t tokens);
void score_ended(struct score *score, uint32_t group, const struct score_end *end);

/* Judges all records. `unloaded_us`: time of a token, or 0: the median of the calm phase (without calm: of all phases). Call it once, at the
 * end. */
void score_judge(struct score *score, double unloaded_us);

/* The figures. Of one phase, or of all with PHASES. */
void score_sum(const struct score *score, uint32_t group, enum score_phase phase,
               struct score_counts *ret_counts);
const struct score_second *score_second_of(const struct score *score, uint32_t group,
                                           uint32_t second);
double score_unloaded_us(const struct score *score); /* 0: unknown */
double score_phase_seconds(const struct score *score, enum score_phase phase);
uint64_t score_unjudged(const struct score *score);

/* Share of good ones under attack over that share in calm; < 0 when one of them is unknown. */
double score_kept(const struct score *score, uint32_t group);
/* From the onset to the end of the last second of the attack with less than 95 % of the calm share of good ones; 0 when there was
 * none, < 0 without an attack or a calm phase. Seconds in which nothing was due are passed over. */
double score_settled_s(const struct score *score, uint32_t group);
/* During the attack, attackers' tokens over all tokens; < 0 when there were none. */
double score_attackers_share(const struct score *score);
/* During the attack, attackers' tokens beyond what legitimate users leave of `capacity_tokens_s` in calm, over that capacity; < 0
 * when it cannot be said. */
double score_beyond_spare(const struct score *score, double capacity_tokens_s);
