/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/view.h"

static const char *phase_name(const struct scenario *scenario, double now_s)
{
    if (now_s >= scenario->seconds)
        return "waiting for the last answers";
    if (!scenario_has_attack(scenario))
        return "calm";
    if (now_s < scenario->attack_from_s)
        return "calm, before the attack";
    return now_s < scenario->attack_to_s ? "UNDER ATTACK" : "after the attack";
}

/* What came in this second. */
static struct view_past since_then(struct view *view, uint32_t group)
{
    static struct score_counts counts;
    struct view_past *past = &view->past[group], news = {0};
    score_sum(view->score, group, PHASES, &counts);
    news.offered = counts.offered - past->offered;
    news.tokens = counts.tokens - past->tokens;
    past->offered = counts.offered;
    past->tokens = counts.tokens;
    for (unsigned i = 0; i < OUTCOMES; i++) {
        news.outcomes[i] = counts.outcomes[i] - past->outcomes[i];
        past->outcomes[i] = counts.outcomes[i];
    }
    return news;
}

static void draw_group(const struct view *view, uint32_t group, const struct view_past *news)
{
    (void)fprintf(view->file, "%-23s %9llu", view->scenario->groups[group].name,
                  (unsigned long long)news->offered);
    for (unsigned i = 0; i < OUTCOME_OPEN; i++)
        (void)fprintf(view->file, " %9llu", (unsigned long long)news->outcomes[i]);
    (void)fprintf(view->file, " %9llu\n", (unsigned long long)news->tokens);
}

static void draw(struct view *view, double now_s, const uint32_t open[2], uint32_t connections)
{
    (void)fprintf(view->file, "\033[H\033[J%s\n\n%3.0f of %.0f s   %s\n", view->headline, now_s,
                  view->scenario->seconds, phase_name(view->scenario, now_s));
    (void)fprintf(view->file,
                  "under way: %u of legitimate users, %u of attackers; %u connections\n\n",
                  open[SIDE_LEGITIMATE], open[SIDE_ATTACKER], connections);
    (void)fprintf(view->file, "%-23s %9s %9s %9s %9s %9s %9s %9s\n", "THIS SECOND", "OFFERED",
                  "COMPLETED", "REFUSED", "LEFT", "FAILED", "UNSENT", "TOKENS");
    for (uint32_t group = 0; group < view->scenario->groups_count; group++) {
        struct view_past news = since_then(view, group);
        draw_group(view, group, &news);
    }
}

static void print_line(struct view *view, double now_s, const uint32_t open[2])
{
    (void)fprintf(view->file, "%3.0f s  %u + %u under way", now_s, open[SIDE_LEGITIMATE],
                  open[SIDE_ATTACKER]);
    for (uint32_t group = 0; group < view->scenario->groups_count; group++) {
        struct view_past news = since_then(view, group);
        (void)fprintf(view->file, "  %s %llu: %llu completed, %llu refused, %llu tokens",
                      view->scenario->groups[group].name, (unsigned long long)news.offered,
                      (unsigned long long)news.outcomes[OUTCOME_COMPLETED],
                      (unsigned long long)news.outcomes[OUTCOME_REFUSED],
                      (unsigned long long)news.tokens);
    }
    (void)fputc('\n', view->file);
}

void view_second(struct view *view, double now_s, const uint32_t open[2], uint32_t connections)
{
    if (!view->file)
        return;
    if (view->redraws)
        draw(view, now_s, open, connections);
    else
        print_line(view, now_s, open);
    (void)fflush(view->file);
}
