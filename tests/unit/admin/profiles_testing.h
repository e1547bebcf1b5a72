/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of kept and shown profiles share: profiles of the last days, by the wall clock. */
#pragma once

#include "admin_testing.h"

#include "identity/profiles.h"

/* Trusted today: `wt` in each of 8 hours on each of the last 7 days, 80 requests a day. */
static inline struct profile trusted_profile(uint64_t id, double wt)
{
    struct profile profile = {.id = id};
    uint64_t today = clock_wall_ms() / PROFILE_DAY_MS;
    for (uint64_t day = today - 7; day < today; day++) {
        struct profile_past past = {.day = (uint32_t)day, .requests = 80, .output_log = 80};
        for (size_t hour = 8; hour < 16; hour++)
            past.hours_wt[hour] = wt;
        profile_import(&profile, &past);
    }
    profile_advance(&profile, clock_wall_ms());
    assert_true(profile_in(&profile));
    return profile;
}

static inline void put_trusted(struct profiles *profiles, uint64_t id, double wt)
{
    struct profile profile = trusted_profile(id, wt);
    assert_int_equal(profiles_put(profiles, &profile, clock_wall_ms()), 0);
}

/* 0 when it is not trusted. */
static inline double rate_now(struct profiles *profiles, uint64_t id)
{
    struct profile profile = {.id = id};
    (void)profiles_get(profiles, id, clock_wall_ms(), &profile);
    return profile_rate(&profile);
}

static inline void assert_near(double value, double wanted)
{
    if (value < wanted * 0.999 - 1e-9 || value > wanted * 1.001 + 1e-9)
        fail_msg("%.9g is not %.9g", value, wanted);
}
