/* SPDX-License-Identifier: Apache-2.0 */
/* What tests and benchmarks of profiles share: days of use. */
#pragma once

#include "identity/profile.h"

#define TEST_DAY0 UINT64_C(20000) /* 2024-10-04 */

static inline uint64_t test_at(uint64_t day, uint64_t hour)
{
    return (TEST_DAY0 + day) * PROFILE_DAY_MS + hour * PROFILE_HOUR_MS;
}

/* A call of `wt`, all of it prompt. */
static inline struct profile_use test_use(uint64_t wt)
{
    return (struct profile_use){.prompt_tokens = wt};
}

/* From 09:00 on, `hours` hours with one call of `wt` each. */
static inline void test_work_day(struct profile *profile, uint64_t day, uint64_t hours, uint64_t wt)
{
    for (uint64_t hour = 0; hour < hours; hour++) {
        struct profile_use use = test_use(wt);
        profile_settle(profile, &use, test_at(day, 9 + hour));
    }
}

/* Trusted on the morning of day `days`. */
static inline struct profile test_trusted(uint64_t id, uint64_t days, uint64_t hours, uint64_t wt)
{
    struct profile profile = {.id = id};
    for (uint64_t day = 0; day < days; day++)
        test_work_day(&profile, day, hours, wt);
    profile_advance(&profile, test_at(days, 0));
    return profile;
}
