/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One storm, from its options to its report: `seawall storm SCENARIO`.
 *
 * Capacity is what "1x" means. A legitimate group sends load × capacity requests a second, an attackers' group
 * load × factor × capacity. Capacity in tokens a second is divided by the group's mean length of answers first.
 *
 * Blocks until it is over; catches SIGINT and SIGTERM meanwhile, which end it early and leave a report of what was. One thread, one storm at a
 * time in a process.
 */
#pragma once

#include "base/err.h"

#include <stdio.h>

#define STORM_URL_OTHERWISE "http://127.0.0.1:8080"
#define STORM_CAPACITY_OTHERWISE 15

struct storm_options {
    const char *scenario; /* a name or a file */
    const char *url;
    const char *model;      /* NULL: the first that the endpoint names */
    const char *keys_path;  /* NULL: known users send none */
    const char *fresh_path; /* NULL: the same for new accounts */
    const char *trace_path;
    const char *header;      /* "Name: value", with each request; NULL: none */
    const char *output_path; /* the JSON's file; NULL: none */
    uint64_t seed;
    double factor;   /* < 0: the scenario's */
    double capacity; /* requests a second, or with the next one tokens a second */
    bool capacity_in_tokens;
    double scale;            /* of lengths */
    double seconds;          /* 0: the scenario's; else all its times are pressed into so long */
    double unloaded_tpot_ms; /* 0: the scenario's */
    bool any_length;         /* or the scenario's */
    bool plain;              /* no redrawn screen */
    bool json;               /* the JSON on standard output, and nothing else there */
};

/* 0; -errno with *err: nothing was sent, or the report could not be written. */
int storm_run(const struct storm_options *options, struct err *err) must_check;

/* Names and titles of the built-in scenarios, one a line. 0 or -EINVAL. */
int storm_list(FILE *file, struct err *err) must_check;
