/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a storm found: a table for people and one JSON document with the time series. After score_judge(). One thread.
 */
#pragma once

#include "base/buf.h"
#include "storm/gaps.h"
#include "storm/score.h"
#include "storm/storm.h"

#include <stdio.h>

#define REPORT_BYTES_MAX (256U << 20)

struct report {
    const struct storm_options *options;
    const struct scenario *scenario;
    const struct score *score;
    const struct gaps *gaps;
    uint32_t gaps_windows; /* that are over */
    uint64_t began_wall_ms;
    const char *name; /* of the scenario */
    const char *model;
    double rates[SCENARIO_GROUPS_MAX]; /* requests a second that each group was to send */
    double capacity_tokens_s;          /* 0: unknown */
    double elapsed_s, cpu_s;
    const struct histogram *late_us; /* how long after they were due requests were begun */
    uint32_t connections_max, connections_peak;
    uint64_t digest; /* of all that was offered: the same for the same seed and terms */
};

void report_print(const struct report *report, FILE *file);
/* Failures are the buffer's. */
void report_write_json(const struct report *report, struct buf *buf);
