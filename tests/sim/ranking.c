/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well does the predictor put requests in order, and how many answers stay below what it says?
 *
 *     sim_ranking FILE…   traces, CSV with a header or JSON lines, with input_tokens, output_tokens and, if they have one, client_id or session
 *     sim_ranking         a stream of its own, as TAP: is it as good as it should be?
 *
 * Each request is predicted before its answer is known, and learned after LATE more have been predicted. Judged are all but the first 1000: pairs of requests that
 * came within 500 of each other, and all answers.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit/predictor.h"
#include "base/alloc.h"
#include "base/random.h"

#define ROWS_MAX 300000
#define IDENTITIES_MAX 16384
#define LATE 64
#define UNJUDGED 1000
#define NEAR 500
#define PAIRS 200000
#define SMOOTHING 0.1f /* of an identity's mean, as in identity/profile.h */

struct row {
    uint64_t input, output, predicted;
    uint32_t identity; /* 0: unknown */
};

static struct row rows[ROWS_MAX];
static size_t rows_count;
static float identity_logs[IDENTITIES_MAX];

static struct predictor_facts facts_of(const struct row *row)
{
    return (struct predictor_facts){.prompt_tokens = row->input,
                                    .identity_output_log = identity_logs[row->identity]};
}

struct score {
    double order, within;
};

static void learn(struct predictor *predictor, const struct row *row,
                  const struct predictor_facts *facts)
{
    predictor_learn(predictor, facts, row->output);
    if (row->identity == 0)
        return;
    float *mean = &identity_logs[row->identity], log = (float)log1p((double)row->output);
    *mean = *mean > 0 ? *mean + SMOOTHING * (log - *mean) : log;
}

static struct score judge(void)
{
    struct score score = {0};
    struct predictor predictor;
    struct predictor_facts facts[LATE];
    size_t within = 0;
    predictor_init(&predictor);
    memset(identity_logs, 0, sizeof(identity_logs));
    for (size_t i = 0; i < rows_count; i++) {
        if (i >= LATE)
            learn(&predictor, &rows[i - LATE], &facts[i % LATE]);
        facts[i % LATE] = facts_of(&rows[i]);
        rows[i].predicted = predictor_output(&predictor, &facts[i % LATE]);
        within += i >= UNJUDGED && rows[i].output <= rows[i].predicted;
    }
    double right = 0;
    size_t pairs = 0;
    while (pairs < PAIRS) {
        const struct row *a =
            &rows[UNJUDGED + random_below((uint32_t)(rows_count - UNJUDGED - NEAR))];
        const struct row *b = a + 1 + random_below(NEAR - 1);
        if (a->output == b->output)
            continue;
        pairs++;
        if (a->predicted == b->predicted)
            right += 0.5;
        else
            right += (a->predicted < b->predicted) == (a->output < b->output);
    }
    score.order = right / PAIRS;
    score.within = (double)within / (double)(rows_count - UNJUDGED);
    return score;
}

/* ---- traces -------------------------------------------------------------------------------- */

static const char *const columns[] = {"input_tokens", "output_tokens", "client_id", "session"};

static bool add_row(const double values[COUNT_OF(columns)], const bool found[COUNT_OF(columns)])
{
    if (!found[0] || !found[1] || rows_count == ROWS_MAX)
        return false;
    double identity = found[2] ? values[2] : found[3] ? values[3] : -1;
    rows[rows_count++] = (struct row){
        .input = (uint64_t)values[0],
        .output = (uint64_t)values[1],
        .identity = identity >= 0 && identity < IDENTITIES_MAX - 1 ? (uint32_t)identity + 1 : 0};
    return true;
}

static void read_json_line(const char *line)
{
    double values[COUNT_OF(columns)];
    bool found[COUNT_OF(columns)] = {false};
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        char name[32];
        snprintf(name, sizeof(name), "\"%s\":", columns[i]);
        const char *at = strstr(line, name);
        found[i] = at != NULL;
        values[i] = at ? strtod(at + strlen(name), NULL) : 0;
    }
    add_row(values, found);
}

/* Which of `columns` is each field of the header: its index, or -1. */
static void read_header(const char *line, int ret_map[16])
{
    for (size_t field = 0; field < 16; field++) {
        size_t len = strcspn(line, ",\r\n");
        ret_map[field] = -1;
        for (size_t i = 0; i < COUNT_OF(columns); i++)
            if (len == strlen(columns[i]) && strncmp(line, columns[i], len) == 0)
                ret_map[field] = (int)i;
        line += len + (line[len] == ',');
    }
}

static void read_csv_line(const char *line, const int map[16])
{
    double values[COUNT_OF(columns)];
    bool found[COUNT_OF(columns)] = {false};
    for (size_t field = 0; field < 16; field++) {
        size_t len = strcspn(line, ",\r\n");
        if (map[field] >= 0 && len > 0) {
            values[map[field]] = strtod(line, NULL);
            found[map[field]] = true;
        }
        line += len + (line[len] == ',');
    }
    add_row(values, found);
}

static int read_trace(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return -errno;
    char *line = NULL;
    size_t size = 0;
    int map[16];
    bool first = true;
    rows_count = 0;
    while (getline(&line, &size, file) > 0) {
        if (line[0] == '{')
            read_json_line(line);
        else if (first)
            read_header(line, map);
        else
            read_csv_line(line, map);
        first = false;
    }
    mem_free(line);
    fclose(file);
    return rows_count > UNJUDGED + NEAR ? 0 : -ENODATA;
}

static int judge_traces(char **paths, int count)
{
    printf("%-44s %8s %10s %10s\n", "trace", "requests", "in order", "below q80");
    for (int i = 0; i < count; i++) {
        int r = read_trace(paths[i]);
        if (r < 0) {
            fprintf(stderr, "sim_ranking: '%s': %s\n", paths[i], strerror(-r));
            return 1;
        }
        struct score score = judge();
        const char *name = strrchr(paths[i], '/');
        printf("%-44s %8zu %10.3f %10.3f\n", name ? name + 1 : paths[i], rows_count, score.order,
               score.within);
    }
    return 0;
}

/* ---- its own stream ------------------------------------------------------------------------ */

static double uniform(void)
{
    return ((double)random_below(1U << 30) + 0.5) / (1U << 30);
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * 3.14159265358979 * uniform());
}

/* 40 clients, each with its own length of answers; the rest depends on the prompt a little. */
static void make_rows(void)
{
    for (rows_count = 0; rows_count < 40000; rows_count++) {
        uint32_t client = random_below(40);
        double prompt = 6 + 1.5 * normal();
        double output = 4 + client / 12.0 + 0.2 * (prompt - 6) + 0.7 * normal();
        rows[rows_count] = (struct row){(uint64_t)exp(prompt), (uint64_t)exp(output), 0,
                                        client % 4 == 0 ? 0 : client + 1};
    }
}

static int judge_own(void)
{
    make_rows();
    struct score score = judge();
    bool order = score.order > 0.68, within = score.within > 0.78 && score.within < 0.82;
    printf("1..2\n%sok 1 - pairs in order: %.3f\n", order ? "" : "not ", score.order);
    printf("%sok 2 - answers below what was predicted: %.3f\n", within ? "" : "not ", score.within);
    return !(order && within);
}

int main(int argc, char **argv)
{
    random_seed(41);
    return argc > 1 ? judge_traces(argv + 1, argc - 1) : judge_own();
}
