/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario made definite by the options: its files are read, its times are pressed, its rates are requests a second.
 *
 * Plain data and what it owns; one thread.
 */
#pragma once

#include "storm/keys.h"
#include "storm/scenario.h"
#include "storm/storm.h"
#include "storm/trace.h"

#define PLAN_RATE_MAX 1000000.0 /* requests a second of one group */

struct plan {
    struct scenario scenario;
    struct keys known, fresh; /* without keys: no file was given */
    struct trace trace;       /* without rows likewise */
    double rates[SCENARIO_GROUPS_MAX];
};

/* 0, -EINVAL and others with *err. Release it in any case; begin with zeros. */
int plan_load(const struct storm_options *options, struct plan *ret_plan,
              struct err *err) must_check;
void plan_release(struct plan *plan);

/* Of an already read scenario: options applied, rates set. 0 or -EINVAL with *err. */
int plan_settle(const struct storm_options *options, struct plan *plan, struct err *err) must_check;
