/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/report.h"

#define LATE_US_MAX 50000.0 /* above this at p99 the storm itself was too slow to be believed */

static const char *const phase_names[PHASES] = {"warm", "calm", "attack", "after", "drain"};

static void print_milliseconds(FILE *file, int width, const struct histogram *histogram,
                               double share)
{
    if (histogram->count == 0)
        (void)fprintf(file, " %*s", width, "-");
    else
        (void)fprintf(file, " %*.0f", width, histogram_quantile(histogram, share) / 1000);
}

static void print_row(const struct report *report, uint32_t group, enum score_phase phase,
                      FILE *file)
{
    static struct score_counts counts;
    double seconds = score_phase_seconds(report->score, phase);
    bool judged = report->scenario->groups[group].side == SIDE_LEGITIMATE;
    score_sum(report->score, group, phase, &counts);
    if (counts.offered == 0 && counts.tokens == 0)
        return;
    (void)fprintf(file, "%-23s %-6s %9llu %9llu", report->scenario->groups[group].name,
                  phase_names[phase], (unsigned long long)counts.offered,
                  (unsigned long long)counts.outcomes[OUTCOME_COMPLETED]);
    if (judged && counts.offered > 0)
        (void)fprintf(file, " %6.1f %%", 100.0 * (double)counts.good / (double)counts.offered);
    else
        (void)fprintf(file, " %8s", "-");
    for (unsigned i = OUTCOME_REFUSED; i < OUTCOMES; i++)
        (void)fprintf(file, " %8llu", (unsigned long long)counts.outcomes[i]);
    print_milliseconds(file, 7, &counts.ttft_us, 0.5);
    print_milliseconds(file, 7, &counts.ttft_us, 0.99);
    print_milliseconds(file, 6, &counts.tpot_us, 0.5);
    (void)fprintf(file, " %9.0f\n", seconds > 0 ? (double)counts.tokens / seconds : 0);
}

static void print_statuses(const struct report *report, uint32_t group, FILE *file)
{
    static struct score_counts counts;
    const char *comma = "";
    score_sum(report->score, group, PHASES, &counts);
    if (counts.outcomes[OUTCOME_REFUSED] == 0)
        return;
    (void)fprintf(file, "  %s refused with ", report->scenario->groups[group].name);
    for (unsigned status = 0; status < SCORE_STATUS_MAX; status++) {
        if (counts.refused_by_status[status] == 0)
            continue;
        (void)fprintf(file, "%s%u: %u", comma, status, counts.refused_by_status[status]);
        comma = ", ";
    }
    (void)fputc('\n', file);
}

static void print_kept(const struct report *report, uint32_t group, FILE *file)
{
    double kept = score_kept(report->score, group);
    double settled_s = score_settled_s(report->score, group);
    if (report->scenario->groups[group].side == SIDE_ATTACKER || kept < 0)
        return;
    (void)fprintf(file, "  %s kept %.3f of their goodput", report->scenario->groups[group].name,
                  kept);
    if (settled_s > 0)
        (void)fprintf(file, "; the last second below 95 %% ended %.0f s after the onset",
                      settled_s);
    else if (settled_s == 0)
        (void)fprintf(file, "; no second was below 95 %%");
    (void)fputc('\n', file);
}

static void print_storm_itself(const struct report *report, FILE *file)
{
    double late_us = histogram_quantile(report->late_us, 0.99);
    (void)fprintf(file,
                  "  storm: %.1f s, %.1f s of processor time, requests late by %.1f ms (p50) "
                  "and %.1f ms (p99), at most %u of %u connections open\n",
                  report->elapsed_s, report->cpu_s, histogram_quantile(report->late_us, 0.5) / 1000,
                  late_us / 1000, report->connections_peak, report->connections_max);
    if (late_us > LATE_US_MAX)
        (void)fprintf(file,
                      "  The storm itself was late: times above are too long by that much.\n");
    if (score_unjudged(report->score) > 0)
        (void)fprintf(file, "  %llu requests were not judged: more than %d.\n",
                      (unsigned long long)score_unjudged(report->score), SCORE_RECORDS_MAX);
}

/* What attackers got; tokens that came and were not read are not known. */
static void print_won(const struct report *report, double share, FILE *file)
{
    double beyond = score_beyond_spare(report->score, report->capacity_tokens_s);
    (void)fprintf(file, "  attackers got %.1f %% of the tokens during the attack", 100 * share);
    if (beyond >= 0)
        (void)fprintf(file, ", and %.1f %% of capacity beyond what was spare", 100 * beyond);
    (void)fputc('\n', file);
}

void report_print(const struct report *report, FILE *file)
{
    double share = score_attackers_share(report->score);
    (void)fprintf(file, "\n%-23s %-6s %9s %9s %8s %8s %8s %8s %8s %8s %7s %7s %6s %9s\n", "GROUP",
                  "PHASE", "OFFERED", "COMPLETED", "GOOD", "REFUSED", "LEFT", "FAILED", "UNSENT",
                  "OPEN", "TTFT50", "TTFT99", "TPOT50", "TOKENS/S");
    for (uint32_t group = 0; group < report->scenario->groups_count; group++)
        for (unsigned phase = PHASE_CALM; phase < PHASE_DRAIN; phase++)
            print_row(report, group, (enum score_phase)phase, file);
    if (score_unloaded_us(report->score) > 0)
        (void)fprintf(file, "\n  unloaded: %.1f ms a token (times in the table are in ms)\n",
                      score_unloaded_us(report->score) / 1000);
    else
        (void)fprintf(file, "\n  no answer was streamed to its end: nothing can be good\n");
    for (uint32_t group = 0; group < report->scenario->groups_count; group++) {
        print_kept(report, group, file);
        print_statuses(report, group, file);
    }
    if (share >= 0)
        print_won(report, share, file);
    print_storm_itself(report, file);
    (void)fprintf(file, "  --seed %llu repeats what was offered (digest %016llx)\n",
                  (unsigned long long)report->options->seed, (unsigned long long)report->digest);
}
