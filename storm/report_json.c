/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"
#include "storm/report.h"

#include <math.h>

static const char *const phase_keys[] = {"warm", "calm", "attack", "after", "drain", "all"};
static const char *const outcome_keys[OUTCOMES] = {"completed", "refused", "left",
                                                   "failed",    "unsent",  "open"};

static void add_u64(struct json_out *out, const char *key, uint64_t value)
{
    json_out_key(out, span_str(key));
    json_out_u64(out, value);
}

/* Thousandths are enough for what is measured here; unknown (negative) is null. */
static void add_double(struct json_out *out, const char *key, double value)
{
    json_out_key(out, span_str(key));
    if (value < 0)
        json_out_null(out);
    else
        json_out_double(out, round(value * 1e4) / 1e4);
}

static void add_text(struct json_out *out, const char *key, const char *value)
{
    json_out_key(out, span_str(key));
    json_out_string(out, span_str(value));
}

static void add_quantiles(struct json_out *out, const char *key, const struct histogram *histogram)
{
    json_out_key(out, span_str(key));
    json_out_open(out, '{');
    bool known = histogram->count > 0;
    add_u64(out, "count", histogram->count);
    add_double(out, "p50", known ? histogram_quantile(histogram, 0.5) / 1000 : -1);
    add_double(out, "p90", known ? histogram_quantile(histogram, 0.9) / 1000 : -1);
    add_double(out, "p99", known ? histogram_quantile(histogram, 0.99) / 1000 : -1);
    json_out_close(out, '}');
}

static void add_statuses(struct json_out *out, const struct score_counts *counts)
{
    char name[16];
    json_out_key(out, SPAN("refused_by_status"));
    json_out_open(out, '{');
    for (unsigned status = 0; status < SCORE_STATUS_MAX; status++) {
        if (counts->refused_by_status[status] == 0)
            continue;
        (void)snprintf(name, sizeof(name), "%u", status);
        add_u64(out, name, counts->refused_by_status[status]);
    }
    json_out_close(out, '}');
}

static void add_phase(struct json_out *out, const struct report *report, uint32_t group,
                      enum score_phase phase)
{
    static struct score_counts counts;
    score_sum(report->score, group, phase, &counts);
    json_out_key(out, span_str(phase_keys[phase]));
    json_out_open(out, '{');
    add_double(out, "seconds", score_phase_seconds(report->score, phase));
    add_u64(out, "offered", counts.offered);
    for (unsigned i = 0; i < OUTCOMES; i++)
        add_u64(out, outcome_keys[i], counts.outcomes[i]);
    add_u64(out, "good", counts.good);
    add_u64(out, "shorter", counts.shorter);
    add_u64(out, "tries", counts.tries);
    add_u64(out, "admitted", counts.admitted);
    add_u64(out, "input_tokens", counts.input_tokens);
    add_u64(out, "tokens", counts.tokens);
    add_statuses(out, &counts);
    add_quantiles(out, "ttft_ms", &counts.ttft_us);
    add_quantiles(out, "tpot_ms", &counts.tpot_us);
    json_out_close(out, '}');
}

static void add_group(struct json_out *out, const struct report *report, uint32_t number)
{
    const struct scenario_group *group = &report->scenario->groups[number];
    bool judged = group->side == SIDE_LEGITIMATE;
    json_out_open(out, '{');
    add_text(out, "name", group->name);
    add_text(out, "side", judged ? "legitimate" : "attacker");
    add_u64(out, "identities", group->identities);
    add_double(out, "requests_s", report->rates[number]);
    add_double(out, "kept", judged ? score_kept(report->score, number) : -1);
    add_double(out, "settled_s", judged ? score_settled_s(report->score, number) : -1);
    json_out_key(out, SPAN("phases"));
    json_out_open(out, '{');
    for (unsigned phase = 0; phase <= PHASES; phase++)
        add_phase(out, report, number, (enum score_phase)phase);
    json_out_close(out, '}');
    json_out_close(out, '}');
}

/* A column of the series: one number a second. */
static const struct column {
    const char *key;
    size_t at;
} columns[] = {
    {"offered", offsetof(struct score_second, offered)},
    {"good", offsetof(struct score_second, good)},
    {"completed", offsetof(struct score_second, completed)},
    {"refused", offsetof(struct score_second, refused)},
    {"left", offsetof(struct score_second, left)},
    {"failed", offsetof(struct score_second, failed)},
    {"unsent", offsetof(struct score_second, unsent)},
    {"tokens", offsetof(struct score_second, tokens)},
    {"ttft_p50_ms", offsetof(struct score_second, ttft_p50_ms)},
    {"ttft_p99_ms", offsetof(struct score_second, ttft_p99_ms)},
};

/* One number for each window: of those who wanted something, the mean gap and the widest. */
static void add_gaps(struct json_out *out, const struct report *report, uint32_t group)
{
    json_out_key(out, SPAN("gap_mean"));
    json_out_open(out, '[');
    for (uint32_t i = 0; i < report->gaps_windows; i++)
        json_out_double(out, round(gaps_window_of(report->gaps, group, i)->mean));
    json_out_close(out, ']');
    json_out_key(out, SPAN("gap_widest"));
    json_out_open(out, '[');
    for (uint32_t i = 0; i < report->gaps_windows; i++)
        json_out_double(out, gaps_window_of(report->gaps, group, i)->widest);
    json_out_close(out, ']');
}

static void add_series(struct json_out *out, const struct report *report, uint32_t group)
{
    uint32_t seconds = (uint32_t)ceil(MIN(report->elapsed_s, report->scenario->seconds));
    json_out_key(out, span_str(report->scenario->groups[group].name));
    json_out_open(out, '{');
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        json_out_key(out, span_str(columns[i].key));
        json_out_open(out, '[');
        for (uint32_t second = 0; second < seconds; second++) {
            const char *row = (const char *)score_second_of(report->score, group, second);
            json_out_u64(out, *(const uint32_t *)(const void *)(row + columns[i].at));
        }
        json_out_close(out, ']');
    }
    add_gaps(out, report, group);
    json_out_close(out, '}');
}

static void add_terms(struct json_out *out, const struct report *report)
{
    const struct storm_options *options = report->options;
    const struct scenario *scenario = report->scenario;
    add_u64(out, "format", 1);
    add_text(out, "scenario", report->name);
    add_text(out, "title", scenario->title);
    add_text(out, "url", options->url);
    add_text(out, "model", report->model);
    add_u64(out, "seed", options->seed);
    add_double(out, "seconds", scenario->seconds);
    add_double(out, "factor", scenario->factor);
    add_double(out, "capacity", options->capacity);
    add_text(out, "capacity_unit", options->capacity_in_tokens ? "tokens/s" : "requests/s");
    add_double(out, "capacity_tokens_s", report->capacity_tokens_s);
    add_double(out, "scale", options->scale);
    add_double(out, "attack_from_s", scenario->attack_from_s);
    add_double(out, "attack_to_s", scenario->attack_to_s);
    add_double(out, "unloaded_tpot_ms", score_unloaded_us(report->score) / 1000);
    add_u64(out, "gap_window_s", GAPS_WINDOW_S);
    add_double(out, "slo_ttft_ms", SCORE_TTFT_US_MAX / 1000.0);
    add_double(out, "slo_tpot_factor", SCORE_TPOT_FACTOR);
}

static void add_generator(struct json_out *out, const struct report *report)
{
    char digest[17];
    (void)snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)report->digest);
    json_out_key(out, SPAN("storm"));
    json_out_open(out, '{');
    add_text(out, "offered_digest", digest);
    add_double(out, "began_unix_s", (double)report->began_wall_ms / 1000);
    add_double(out, "elapsed_s", report->elapsed_s);
    add_double(out, "cpu_s", report->cpu_s);
    add_quantiles(out, "late_ms", report->late_us);
    add_u64(out, "connections_max", report->connections_max);
    add_u64(out, "connections_peak", report->connections_peak);
    add_u64(out, "unjudged", score_unjudged(report->score));
    json_out_close(out, '}');
}

void report_write_json(const struct report *report, struct buf *buf)
{
    struct json_out out = json_out_start(buf);
    json_out_open(&out, '{');
    add_terms(&out, report);
    add_generator(&out, report);
    add_double(&out, "attackers_token_share", score_attackers_share(report->score));
    add_double(&out, "beyond_spare", score_beyond_spare(report->score, report->capacity_tokens_s));
    json_out_key(&out, SPAN("groups"));
    json_out_open(&out, '[');
    for (uint32_t group = 0; group < report->scenario->groups_count; group++)
        add_group(&out, report, group);
    json_out_close(&out, ']');
    json_out_key(&out, SPAN("series"));
    json_out_open(&out, '{');
    for (uint32_t group = 0; group < report->scenario->groups_count; group++)
        add_series(&out, report, group);
    json_out_close(&out, '}');
    json_out_close(&out, '}');
    buf_append_byte(buf, '\n');
}
