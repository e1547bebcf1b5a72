/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of usage (usage_rows.h), in any order, folded into days of each caller: what POST /profiles/import takes. Bounded, whatever the file holds.
 */
#pragma once

#include "base/buf.h"
#include "usage_rows.h"

#define USAGE_CALLERS_MAX 1000000U
#define USAGE_DAYS_MAX 2000000U /* of all callers together */
#define USAGE_PAST_DAYS_MAX 400U /* older rows are passed over: trust has long lapsed */
#define USAGE_FUTURE_MS 60000U   /* of a clock that is a little ahead */

struct usage_fold;

/* NULL when out of memory. */
struct usage_fold *usage_fold_new(uint64_t wall_ms) must_check;
void usage_fold_free(struct usage_fold *fold);

/* 1: it counts; 0: it does not, and *ret_why tells why, NULL when it only used no tokens (a call that failed); -ENOMEM. */
int usage_fold_add(struct usage_fold *fold, uint64_t line, const struct usage_row *row, const char **ret_why) must_check;

struct usage_caller {
    const char *who;
    uint64_t line; /* of its first row */
    uint64_t rows;
};
/* In the order in which they first came. */
size_t usage_fold_callers(const struct usage_fold *fold);
struct usage_caller usage_fold_caller(const struct usage_fold *fold, size_t at);
/* Appends {"who":…,"days":[…]}. */
void usage_fold_write(struct usage_fold *fold, size_t at, struct buf *buf);
