/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits as JSON: {"tokens_per_minute":1000,"spend_per_day":"5.00","concurrent_calls":"none"}. Counts are numbers, money is a text, "none" is no limit. Any thread.
 */
#pragma once

#include "admit/budgets.h"
#include "base/json_out.h"

#include <jansson.h>

/* The object: those that are set. */
void limits_write_json(struct json_out *out, const struct limits *limits);
/* Changes those of *limits that `object` names; null and "default" unset one. 0, or -EINVAL with *err. */
int limits_read_json(const json_t *object, struct limits *limits, struct err *err) must_check;

/*
 * What an id has used of the limits that hold for it, into an array that is open: {"limit":"tokens_per_day","value":1000,"from":"key","used":12,"reset_s":3600} for
 * each; "from" is `own` where `set` has it, else "configuration". Those that are of one call have no "used".
 */
void limits_write_use(struct json_out *out, struct budgets *budgets, uint64_t id,
                      const struct limits *limits, const struct limits *set, struct span own,
                      struct budget_time time);
