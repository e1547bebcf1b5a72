/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/storm.h"

#include "base/clock.h"
#include "storm/ask.h"
#include "storm/calls.h"
#include "storm/models.h"
#include "storm/plan.h"
#include "storm/report.h"
#include "storm/view.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define ARRIVALS_A_TURN 256 /* begun before the answers are looked at again */
#define DESCRIPTORS_KEPT 64 /* for files, the terminal and what the C library opens */
#define CONNECTIONS_MAX 200000
#define CONNECTIONS_MIN 64
#define NEVER UINT64_MAX

enum { SEED_POPULATION = SCENARIO_GROUPS_MAX }; /* behind those of the groups */

/* All that a storm holds. */
struct storm {
    const struct storm_options *options;
    struct plan plan;
    struct target target;
    char model[MODELS_NAME_BYTES];
    struct population *population;
    struct score *score;
    struct gaps *gaps;
    struct calls *calls;
    struct wires_limits limits;
    struct offers offers[SCENARIO_GROUPS_MAX];
    struct offer next[SCENARIO_GROUPS_MAX]; /* due_us NEVER: none */
    uint64_t began_us, began_wall_ms;
    uint64_t digest;
    uint64_t legitimate, legitimate_tokens; /* offered, and what they were to make */
    struct histogram late_us;
    double elapsed_s, cpu_s;
    uint32_t connections_peak;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
    (void)signum;
    stopped = 1;
}

/* ── before it begins ── */

/* Raises the soft limit to the hard one; says how many connections that leaves. */
static int take_descriptors(struct wires_limits *ret_limits, uint64_t legitimate_wants,
                            struct err *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return err_errno(err, -errno, "cannot ask for the limit of descriptors");
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < DESCRIPTORS_KEPT + CONNECTIONS_MIN)
        return err_set(err, -EMFILE,
                       "a storm needs %d descriptors or more, and 'ulimit -n' is %llu",
                       DESCRIPTORS_KEPT + CONNECTIONS_MIN, (unsigned long long)limit.rlim_cur);
    uint64_t most = MIN((uint64_t)limit.rlim_cur - DESCRIPTORS_KEPT, (uint64_t)CONNECTIONS_MAX);
    ret_limits->open_max = (uint32_t)most;
    ret_limits->attackers_open_max = (uint32_t)(most - MIN(most / 4, legitimate_wants));
    return 0;
}

static uint64_t wants(const struct scenario *scenario, enum scenario_side side)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < scenario->groups_count; i++)
        if (scenario->groups[i].side == side)
            sum += (uint64_t)scenario->groups[i].identities * scenario->groups[i].connections;
    return sum;
}

static void say_what_descriptors_leave(const struct storm *storm)
{
    uint64_t attackers = wants(&storm->plan.scenario, SIDE_ATTACKER);
    if (attackers > storm->limits.attackers_open_max)
        (void)fprintf(
            stderr,
            "storm: attackers could want %llu connections and have %u ('ulimit -n' leaves "
            "%u in all); what finds none is counted as unsent\n",
            (unsigned long long)attackers, storm->limits.attackers_open_max,
            storm->limits.open_max);
}

/* Before a minute of storm, not behind it. */
static int check_output(const char *path, struct err *err)
{
    FILE *file = path ? fopen(path, "ae") : NULL;
    if (path && !file)
        return err_errno(err, -errno, "cannot write '%s'", path);
    if (file)
        (void)fclose(file);
    return 0;
}

static struct span header_of(const struct storm *storm)
{
    return storm->options->header ? span_str(storm->options->header) : SPAN_NULL;
}

static int check_header(const struct storm *storm, struct err *err)
{
    bool keys = storm->plan.known.count + storm->plan.fresh.count > 0;
    struct span header = header_of(storm);
    return span_is_null(header) ? 0 : ask_check_header(header, keys, err);
}

static int find_model(struct storm *storm, struct err *err)
{
    const struct keys *keys = &storm->plan.known;
    const char *model = storm->options->model;
    if (!model)
        return models_first(&storm->target, keys->count > 0 ? keys->list[0] : SPAN_NULL,
                            header_of(storm), storm->model, err);
    if (strlen(model) >= sizeof(storm->model) || strpbrk(model, "\"\\\n"))
        return err_set(err, -EINVAL, "--model is no model's name");
    memcpy(storm->model, model, strlen(model) + 1);
    return 0;
}

static void start_offers(struct storm *storm)
{
    const struct scenario *scenario = &storm->plan.scenario;
    for (uint32_t i = 0; i < scenario->groups_count; i++) {
        offers_init(&storm->offers[i],
                    &(struct offers_terms){.group = &scenario->groups[i],
                                           .rate = storm->plan.rates[i],
                                           .seconds = scenario->seconds,
                                           .scale = storm->options->scale,
                                           .trace = &storm->plan.trace,
                                           .seed = chance_seed(storm->options->seed, i)});
        if (!offers_next(&storm->offers[i], &storm->next[i]))
            storm->next[i].due_us = NEVER;
    }
}

/* NULL: no file was. */
static const struct keys *given(const struct keys *keys)
{
    return keys->count > 0 ? keys : NULL;
}

static int prepare(struct storm *storm, struct err *err)
{
    const struct scenario *scenario = &storm->plan.scenario;
    int r = target_read(storm->options->url, &storm->target, err);
    if (r == 0)
        r = plan_load(storm->options, &storm->plan, err);
    if (r == 0)
        r = check_header(storm, err);
    if (r == 0)
        r = take_descriptors(&storm->limits, wants(scenario, SIDE_LEGITIMATE), err);
    if (r == 0)
        r = population_new(scenario, given(&storm->plan.known), given(&storm->plan.fresh),
                           &storm->population, err);
    if (r == 0 && (!(storm->score = score_new(scenario)) || !(storm->gaps = gaps_new(scenario))))
        r = err_set(err, -ENOMEM, "out of memory");
    if (r == 0)
        r = check_output(storm->options->output_path, err);
    if (r == 0)
        r = find_model(storm, err);
    if (r < 0)
        return r;
    struct calls_terms terms = {
        .scenario = scenario,
        .target = &storm->target,
        .model = storm->model,
        .population = storm->population,
        .score = storm->score,
        .gaps = storm->gaps,
        .header = header_of(storm),
        .limits = storm->limits,
        .seed = chance_seed(storm->options->seed, SEED_POPULATION),
    };
    return calls_new(&terms, &storm->calls, err);
}

/* ── while it blows ── */

static uint64_t clock_us(void *owner)
{
    const struct storm *storm = owner;
    return clock_mono_us() - storm->began_us;
}

static uint32_t first_due(const struct storm *storm)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < storm->plan.scenario.groups_count; i++)
        if (storm->next[i].due_us < storm->next[first].due_us)
            first = i;
    return first;
}

static void note_offer(struct storm *storm, uint32_t group, const struct offer *offer,
                       uint64_t now_us)
{
    storm->digest = chance_seed(storm->digest ^ offer->due_us, offer->seed ^ group);
    storm->digest =
        chance_seed(storm->digest, (uint64_t)offer->input_tokens << 32 | offer->output_tokens);
    histogram_add(&storm->late_us, now_us - offer->due_us);
    if (storm->plan.scenario.groups[group].side == SIDE_LEGITIMATE) {
        storm->legitimate++;
        storm->legitimate_tokens += offer->output_tokens;
    }
}

/* Begins what is due. Returns when the next one is; NEVER at the end. */
static uint64_t begin_due(struct storm *storm, uint64_t now_us)
{
    for (unsigned begun = 0; begun < ARRIVALS_A_TURN; begun++) {
        uint32_t group = first_due(storm);
        struct offer offer = storm->next[group];
        if (offer.due_us > now_us)
            break;
        if (!offers_next(&storm->offers[group], &storm->next[group]))
            storm->next[group].due_us = NEVER;
        if (population_is_turned(storm->population, group, offer.identity,
                                 (double)offer.due_us / 1e6))
            continue;
        note_offer(storm, group, &offer, now_us);
        calls_start(storm->calls, group, &offer, now_us);
    }
    return storm->next[first_due(storm)].due_us;
}

static bool goes_on(const struct storm *storm, uint64_t now_us, uint64_t next_us)
{
    const struct scenario *scenario = &storm->plan.scenario;
    double now_s = (double)now_us / 1e6;
    if (stopped)
        return false;
    if (next_us != NEVER || now_s < scenario->seconds)
        return true;
    return calls_open(storm->calls, SIDE_LEGITIMATE) > 0 &&
           now_s < scenario->seconds + scenario->drain_s;
}

static void show(struct storm *storm, struct view *view, uint64_t now_us)
{
    uint32_t open[2] = {calls_open(storm->calls, SIDE_LEGITIMATE),
                        calls_open(storm->calls, SIDE_ATTACKER)};
    view_second(view, (double)now_us / 1e6, open, wires_open(calls_wires(storm->calls)));
}

static void blow(struct storm *storm, struct view *view)
{
    uint64_t end_us = (uint64_t)(storm->plan.scenario.seconds * 1e6);
    uint64_t second_us = 1000000, now_us = 0, next_us = 0;
    storm->began_us = clock_mono_us();
    storm->began_wall_ms = clock_wall_ms();
    start_offers(storm);
    while (goes_on(storm, now_us, next_us)) {
        next_us = begin_due(storm, now_us);
        uint64_t until_us = MIN(next_us, second_us);
        if (now_us < end_us)
            until_us = MIN(until_us, end_us);
        calls_run(storm->calls, now_us, until_us, clock_us, storm);
        now_us = clock_us(storm);
        if (now_us >= second_us) {
            show(storm, view, now_us);
            second_us = (now_us / 1000000 + 1) * 1000000;
        }
    }
}

static double processor_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run(struct storm *storm)
{
    const struct storm_options *options = storm->options;
    const struct sigaction catch = {.sa_handler = on_signal};
    struct sigaction interrupt, terminate;
    char headline[TARGET_TEXT_BYTES + 128];
    struct view view = {.file = options->json ? NULL : stdout,
                        .redraws = !options->plain && isatty(STDOUT_FILENO),
                        .headline = headline,
                        .scenario = &storm->plan.scenario,
                        .score = storm->score};
    (void)snprintf(headline, sizeof(headline), "storm '%s' at http://%s, seed %llu",
                   options->scenario, storm->target.host, (unsigned long long)options->seed);
    if (view.file && !view.redraws)
        (void)fprintf(view.file, "%s\n", headline);
    stopped = 0;
    (void)sigaction(SIGINT, &catch, &interrupt);
    (void)sigaction(SIGTERM, &catch, &terminate);
    (void)prctl(PR_SET_TIMERSLACK, 1ul);
    double before_s = processor_s();
    blow(storm, &view);
    storm->cpu_s = processor_s() - before_s;
    storm->elapsed_s = (double)clock_us(storm) / 1e6;
    (void)sigaction(SIGINT, &interrupt, NULL);
    (void)sigaction(SIGTERM, &terminate, NULL);
}

/* ── afterwards ── */

static int write_file(const char *path, struct span text, struct err *err)
{
    FILE *file = fopen(path, "we");
    bool good = file && fwrite(text.ptr, 1, text.len, file) == text.len;
    int failure = errno;
    if (file && fclose(file) != 0)
        good = false;
    return good ? 0 : err_errno(err, failure ? -failure : -EIO, "cannot write '%s'", path);
}

static int tell(struct storm *storm, struct err *err)
{
    const struct storm_options *options = storm->options;
    double mean = (double)storm->legitimate_tokens / (double)MAX(storm->legitimate, (uint64_t)1);
    struct report report = {.options = options,
                            .scenario = &storm->plan.scenario,
                            .score = storm->score,
                            .gaps = storm->gaps,
                            .gaps_windows = gaps_close(storm->gaps, clock_us(storm)),
                            .began_wall_ms = storm->began_wall_ms,
                            .name = options->scenario,
                            .model = storm->model,
                            .capacity_tokens_s =
                                options->capacity * (options->capacity_in_tokens ? 1 : mean),
                            .elapsed_s = storm->elapsed_s,
                            .cpu_s = storm->cpu_s,
                            .late_us = &storm->late_us,
                            .connections_max = storm->limits.open_max,
                            .connections_peak = storm->connections_peak,
                            .digest = storm->digest};
    struct buf text;
    memcpy(report.rates, storm->plan.rates, sizeof(report.rates));
    buf_init(&text, REPORT_BYTES_MAX);
    report_write_json(&report, &text);
    int r = buf_status(&text) < 0 ? err_set(err, -ENOMEM, "out of memory for the report") : 0;
    if (r == 0 && options->output_path)
        r = write_file(options->output_path, buf_span(&text), err);
    if (options->json)
        (void)fwrite(text.ptr, 1, buf_status(&text) == 0 ? text.len : 0, stdout);
    else
        report_print(&report, stdout);
    buf_release(&text);
    return r;
}

int storm_run(const struct storm_options *options, struct err *err)
{
    static struct storm storm;
    memset(&storm, 0, sizeof(storm));
    storm.options = options;
    int r = prepare(&storm, err);
    if (r == 0) {
        say_what_descriptors_leave(&storm);
        run(&storm);
        storm.connections_peak = wires_open_peak(calls_wires(storm.calls));
    }
    calls_free(storm.calls); /* counts what is open */
    if (r == 0) {
        score_judge(storm.score, storm.plan.scenario.unloaded_tpot_ms * 1000);
        r = tell(&storm, err);
    }
    score_free(storm.score);
    gaps_free(storm.gaps);
    population_free(storm.population);
    plan_release(&storm.plan);
    return r;
}

int storm_list(FILE *file, struct err *err)
{
    static struct scenario scenario;
    int r = 0;
    for (size_t i = 0; r == 0 && scenario_name_at(i); i++) {
        r = scenario_load(scenario_name_at(i), &scenario, err);
        if (r == 0)
            (void)fprintf(file, "%-24s %s\n", scenario_name_at(i), scenario.title);
    }
    return r;
}
