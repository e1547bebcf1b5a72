/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/score.h"

#include "base/alloc.h"

#include <math.h>

/* One legitimate request that completed, or did not (ttft 0). */
struct record {
    uint32_t due_ms;
    uint32_t ttft_ms;
    float
        per_token_us; /* between tokens; of whole answers what is beyond 2 s, for each token; 0: no second token */
    uint8_t group, phase;
    bool completed, good_length;
};

struct score {
    const struct scenario *scenario;
    struct score_counts (*counts)[PHASES]; /* by group */
    struct score_second *seconds;          /* by group, then by second */
    uint32_t seconds_count;
    struct record *records;
    size_t records_count, records_cap;
    uint64_t unjudged;
    double unloaded_us;
};

struct score *score_new(const struct scenario *scenario)
{
    struct score *score = mem_zalloc(sizeof(*score));
    if (!score)
        return NULL;
    double last_s = MIN(ceil(scenario->seconds + scenario->drain_s) + 1, (double)SCORE_SECONDS_MAX);
    score->scenario = scenario;
    score->seconds_count = (uint32_t)last_s;
    score->counts = mem_array(scenario->groups_count, sizeof(*score->counts));
    score->seconds =
        mem_array((size_t)scenario->groups_count * score->seconds_count, sizeof(*score->seconds));
    if (!score->counts || !score->seconds) {
        score_free(score);
        return NULL;
    }
    return score;
}

void score_free(struct score *score)
{
    if (!score)
        return;
    mem_free(score->counts);
    mem_free(score->seconds);
    mem_free(score->records);
    mem_free(score);
}

/* ── counting ── */

static enum score_phase phase_at(const struct scenario *scenario, uint64_t us)
{
    double s = (double)us / 1e6;
    if (s >= scenario->seconds)
        return PHASE_DRAIN;
    if (s < scenario->warm_s)
        return PHASE_WARM;
    if (!scenario_has_attack(scenario) || s < scenario->attack_from_s)
        return PHASE_CALM;
    return s < scenario->attack_to_s ? PHASE_ATTACK : PHASE_AFTER;
}

/* Where a request belongs, and moves when it is not there yet. */
static enum score_phase settle_phase(struct score *score, uint32_t group,
                                     const struct score_end *end)
{
    enum score_phase phase = phase_at(score->scenario, end->due_us);
    double ended_s = (double)(end->due_us + end->total_us) / 1e6;
    if (phase != PHASE_CALM || !scenario_has_attack(score->scenario) ||
        ended_s < score->scenario->attack_from_s)
        return phase;
    score->counts[group][PHASE_CALM].offered--;
    score->counts[group][PHASE_ATTACK].offered++;
    return PHASE_ATTACK;
}

static struct score_counts *counts_at(struct score *score, uint32_t group, uint64_t us)
{
    return &score->counts[group][phase_at(score->scenario, us)];
}

static struct score_second *second_at(struct score *score, uint32_t group, uint64_t us)
{
    uint64_t second = MIN(us / 1000000, (uint64_t)score->seconds_count - 1);
    return &score->seconds[(size_t)group * score->seconds_count + second];
}

void score_offered(struct score *score, uint32_t group, uint64_t due_us)
{
    counts_at(score, group, due_us)->offered++;
    second_at(score, group, due_us)->offered++;
}

void score_begun(struct score *score, uint32_t group, uint64_t now_us, uint32_t input_tokens)
{
    counts_at(score, group, now_us)->input_tokens += input_tokens;
}

void score_tokens(struct score *score, uint32_t group, uint64_t now_us, uint32_t tokens)
{
    counts_at(score, group, now_us)->tokens += tokens;
    second_at(score, group, now_us)->tokens += tokens;
}

static uint32_t *counter_of(struct score_second *second, enum score_outcome outcome)
{
    switch (outcome) {
    case OUTCOME_COMPLETED:
        return &second->completed;
    case OUTCOME_REFUSED:
        return &second->refused;
    case OUTCOME_LEFT:
        return &second->left;
    case OUTCOME_FAILED:
        return &second->failed;
    case OUTCOME_UNSENT:
        return &second->unsent;
    case OUTCOME_OPEN:
    case OUTCOMES:
        break;
    }
    return NULL;
}

/* Room for one more, or false: then it stays unjudged. */
static bool make_room(struct score *score)
{
    if (score->records_count < score->records_cap)
        return true;
    size_t cap = score->records_cap ? 2 * score->records_cap : 4096;
    if (cap > SCORE_RECORDS_MAX)
        return false;
    struct record *records = mem_realloc(score->records, cap * sizeof(*records));
    if (!records)
        return false;
    score->records = records;
    score->records_cap = cap;
    return true;
}

static double per_token_us(const struct score_end *end)
{
    if (end->tokens < 2)
        return 0;
    if (end->streamed)
        return (double)end->first_to_last_us / (end->tokens - 1);
    return end->total_us > SCORE_TTFT_US_MAX
               ? (double)(end->total_us - SCORE_TTFT_US_MAX) / (end->tokens - 1)
               : 0;
}

static void add_record(struct score *score, uint32_t group, enum score_phase phase,
                       const struct score_end *end)
{
    if (!make_room(score)) {
        score->unjudged++;
        return;
    }
    score->records[score->records_count++] = (struct record){
        .due_ms = (uint32_t)(end->due_us / 1000),
        .ttft_ms = end->streamed ? (uint32_t)(end->ttft_us / 1000) : 0,
        .per_token_us = (float)per_token_us(end),
        .group = (uint8_t)group,
        .phase = (uint8_t)phase,
        .completed = end->outcome == OUTCOME_COMPLETED,
        .good_length = score->scenario->any_length || !end->shorter,
    };
}

void score_ended(struct score *score, uint32_t group, const struct score_end *end)
{
    enum score_phase phase = settle_phase(score, group, end);
    struct score_counts *counts = &score->counts[group][phase];
    uint32_t *of_second = counter_of(second_at(score, group, end->due_us), end->outcome);
    counts->outcomes[end->outcome]++;
    counts->tries += end->tries;
    counts->admitted += end->admitted;
    if (of_second)
        ++*of_second;
    if (end->outcome == OUTCOME_REFUSED)
        counts->refused_by_status[MIN(end->status, SCORE_STATUS_MAX - 1u)]++;
    if (end->outcome == OUTCOME_COMPLETED) {
        counts->shorter += end->shorter;
        histogram_add(&counts->ttft_us, end->ttft_us);
        if (end->streamed && end->tokens > 1)
            histogram_add(&counts->tpot_us, (uint64_t)per_token_us(end));
    }
    if (score->scenario->groups[group].side == SIDE_LEGITIMATE)
        add_record(score, group, phase, end);
}

/* ── judging ── */

/* Of legitimate groups; of one phase, or of all with PHASES. */
static double median_us(const struct score *score, enum score_phase phase)
{
    struct histogram sum = {.count = 0};
    for (uint32_t group = 0; group < score->scenario->groups_count; group++) {
        if (score->scenario->groups[group].side == SIDE_ATTACKER)
            continue;
        for (unsigned i = 0; i < PHASES; i++)
            if (phase == PHASES || phase == i)
                histogram_merge(&sum, &score->counts[group][i].tpot_us);
    }
    return histogram_quantile(&sum, 0.5);
}

static bool is_good(const struct record *record, double unloaded_us)
{
    return record->completed && record->good_length &&
           record->ttft_ms <= SCORE_TTFT_US_MAX / 1000 &&
           record->per_token_us <= SCORE_TPOT_FACTOR * unloaded_us;
}

/* By group, then by second, then by time to the first token. */
static int compare(const void *left, const void *right)
{
    const struct record *a = left, *b = right;
    uint32_t a_second = a->due_ms / 1000, b_second = b->due_ms / 1000;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a_second != b_second)
        return a_second < b_second ? -1 : 1;
    return (a->ttft_ms > b->ttft_ms) - (a->ttft_ms < b->ttft_ms);
}

/* Quantiles of one second's records, sorted; those that did not complete are not among them. */
static void judge_second(struct score *score, struct record *records, size_t count)
{
    struct score_second *second =
        second_at(score, records[0].group, (uint64_t)records[0].due_ms * 1000);
    size_t completed = 0;
    for (size_t i = 0; i < count; i++)
        if (records[i].completed)
            records[completed++] = records[i];
    if (completed == 0)
        return;
    second->ttft_p50_ms = records[completed / 2].ttft_ms;
    second->ttft_p99_ms = records[(completed * 99) / 100].ttft_ms;
}

void score_judge(struct score *score, double unloaded_us)
{
    score->unloaded_us = unloaded_us > 0 ? unloaded_us : median_us(score, PHASE_CALM);
    if (score->unloaded_us <= 0)
        score->unloaded_us = median_us(score, PHASES);
    if (score->records_count == 0)
        return;
    for (size_t i = 0; i < score->records_count; i++) {
        const struct record *record = &score->records[i];
        uint64_t due_us = (uint64_t)record->due_ms * 1000;
        bool good = is_good(record, score->unloaded_us);
        score->counts[record->group][record->phase].good += good;
        second_at(score, record->group, due_us)->good += good;
    }
    qsort(score->records, score->records_count, sizeof(*score->records), compare);
    for (size_t from = 0, to = 0; from < score->records_count; from = to) {
        const struct record *first = &score->records[from];
        while (to < score->records_count && score->records[to].group == first->group &&
               score->records[to].due_ms / 1000 == first->due_ms / 1000)
            to++;
        judge_second(score, score->records + from, to - from);
    }
}

/* ── figures ── */

static void add_counts(struct score_counts *sum, const struct score_counts *part)
{
    sum->offered += part->offered;
    sum->tries += part->tries;
    sum->admitted += part->admitted;
    for (unsigned i = 0; i < OUTCOMES; i++)
        sum->outcomes[i] += part->outcomes[i];
    sum->shorter += part->shorter;
    sum->good += part->good;
    sum->input_tokens += part->input_tokens;
    sum->tokens += part->tokens;
    for (unsigned i = 0; i < SCORE_STATUS_MAX; i++)
        sum->refused_by_status[i] += part->refused_by_status[i];
    histogram_merge(&sum->ttft_us, &part->ttft_us);
    histogram_merge(&sum->tpot_us, &part->tpot_us);
}

void score_sum(const struct score *score, uint32_t group, enum score_phase phase,
               struct score_counts *ret_counts)
{
    memset(ret_counts, 0, sizeof(*ret_counts));
    for (unsigned i = 0; i < PHASES; i++)
        if (phase == PHASES || phase == i)
            add_counts(ret_counts, &score->counts[group][i]);
}

const struct score_second *score_second_of(const struct score *score, uint32_t group,
                                           uint32_t second)
{
    check(second < score->seconds_count);
    return &score->seconds[(size_t)group * score->seconds_count + second];
}

double score_unloaded_us(const struct score *score)
{
    return score->unloaded_us;
}

uint64_t score_unjudged(const struct score *score)
{
    return score->unjudged;
}

double score_phase_seconds(const struct score *score, enum score_phase phase)
{
    const struct scenario *scenario = score->scenario;
    bool attack = scenario_has_attack(scenario);
    double calm_to = attack ? scenario->attack_from_s : scenario->seconds;
    switch (phase) {
    case PHASE_WARM:
        return MIN(scenario->warm_s, scenario->seconds);
    case PHASE_CALM:
        return MAX(calm_to - scenario->warm_s, 0.0);
    case PHASE_ATTACK:
        return attack ? scenario->attack_to_s - scenario->attack_from_s : 0;
    case PHASE_AFTER:
        return attack ? scenario->seconds - scenario->attack_to_s : 0;
    case PHASE_DRAIN:
        return 0;
    case PHASES:
        break;
    }
    return scenario->seconds;
}

static double good_share(const struct score *score, uint32_t group, enum score_phase phase)
{
    const struct score_counts *counts = &score->counts[group][phase];
    return counts->offered > 0 ? (double)counts->good / (double)counts->offered : -1;
}

double score_kept(const struct score *score, uint32_t group)
{
    double calm = good_share(score, group, PHASE_CALM);
    double attack = good_share(score, group, PHASE_ATTACK);
    return calm > 0 && attack >= 0 ? attack / calm : -1;
}

double score_settled_s(const struct score *score, uint32_t group)
{
    double calm = good_share(score, group, PHASE_CALM), last = 0;
    if (!scenario_has_attack(score->scenario) || calm <= 0)
        return -1;
    uint32_t from = (uint32_t)score->scenario->attack_from_s;
    for (uint32_t second = from; second < ceil(score->scenario->attack_to_s); second++) {
        const struct score_second *at = score_second_of(score, group, second);
        if (at->good < SCORE_SETTLED_SHARE * calm * at->offered)
            last = second + 1 - score->scenario->attack_from_s;
    }
    return last;
}

static uint64_t tokens_of(const struct score *score, enum scenario_side side,
                          enum score_phase phase)
{
    uint64_t sum = 0;
    for (uint32_t group = 0; group < score->scenario->groups_count; group++)
        if (score->scenario->groups[group].side == side)
            sum += score->counts[group][phase].tokens;
    return sum;
}

double score_attackers_share(const struct score *score)
{
    uint64_t attackers = tokens_of(score, SIDE_ATTACKER, PHASE_ATTACK);
    uint64_t all = attackers + tokens_of(score, SIDE_LEGITIMATE, PHASE_ATTACK);
    return all > 0 ? (double)attackers / (double)all : -1;
}

double score_beyond_spare(const struct score *score, double capacity_tokens_s)
{
    double calm_s = score_phase_seconds(score, PHASE_CALM);
    double attack_s = score_phase_seconds(score, PHASE_ATTACK);
    if (capacity_tokens_s <= 0 || calm_s <= 0 || attack_s <= 0)
        return -1;
    double legitimate = (double)tokens_of(score, SIDE_LEGITIMATE, PHASE_CALM) / calm_s;
    double spare = MAX(capacity_tokens_s - legitimate, 0.0);
    double won = (double)tokens_of(score, SIDE_ATTACKER, PHASE_ATTACK) / attack_s;
    return MAX(won - spare, 0.0) / capacity_tokens_s;
}
