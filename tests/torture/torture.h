/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Torture: a scenario runs again and again, and each time one allocation further on fails, until it gets through without
 * asking for the one that would fail. Twice over: all allocations from there on fail, then that one alone.
 *
 * A scenario makes what it needs, uses it, frees all of it, and returns 0, or -ENOMEM when memory was short; also
 * when it was told so by a NULL. Each run must end in one of the two, leave no allocation behind and change nothing
 * outside; a run in which nothing failed must end in 0. What the code under test promises after a failure (a map is as
 * it was, a buffer says so) the scenario checks itself, with check() or cmocka's asserts.
 *
 * One thread. Use it under the sanitizers too: they see what is read after it was freed.
 */
#pragma once

#include "base/alloc.h"

#define TORTURE_RUNS_MAX 100000

/* Returns how many allocations the scenario makes when all goes well. */
static inline uint64_t torture_mode(int (*scenario)(void *given), void *given,
                                    void (*arm)(uint64_t successes))
{
    for (uint64_t successes = 0; successes < TORTURE_RUNS_MAX; successes++) {
        int64_t live = mem_live_count();
        arm(successes);
        int r = scenario(given);
        uint64_t asked = mem_fail_count();
        mem_fail_never();
        if (mem_live_count() != live)
            fail_msg("%lld allocations left behind when number %llu failed",
                     (long long)(mem_live_count() - live), (unsigned long long)successes);
        if (r != 0 && r != -ENOMEM)
            fail_msg("%d returned when allocation %llu failed", r, (unsigned long long)successes);
        if (asked <= successes) {
            assert_int_equal(r, 0);
            return asked;
        }
    }
    fail_msg("more than %d allocations", TORTURE_RUNS_MAX);
    return 0;
}

/* The same of a scenario that must allocate at all, in both modes. */
static inline uint64_t torture(int (*scenario)(void *given), void *given)
{
    uint64_t asked = torture_mode(scenario, given, mem_fail_after);
    assert_int_equal(torture_mode(scenario, given, mem_fail_once), asked);
    assert_true(asked > 0);
    return asked;
}
