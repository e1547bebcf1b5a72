/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to know where a caller stands, among a million that are met in no order, and among a thousand.
 *
 *   look       in-profile?                        call       price taken, then the rest given back and learned
 *   stranger   one who is not there
 */
#include "harness.h"
#include "identity/profiles.h"

#include "../../tests/unit/identity/profile_testing.h"

#define STRIDE UINT64_C(7919)

struct crowd {
    struct profiles *profiles;
    uint64_t count;
    uint64_t wall_ms;
};

static struct crowd many = {.count = 1000000}, few = {.count = 1000};

static void make_crowd(struct crowd *crowd)
{
    struct profile profile = test_trusted(1, 7, 8, 3600);
    crowd->profiles = profiles_new((uint32_t)(2 * crowd->count + 10000));
    crowd->wall_ms = test_at(7, 0);
    check(crowd->profiles);
    for (uint64_t id = 1; id <= crowd->count; id++) {
        profile.id = id;
        check(profiles_put(crowd->profiles, &profile, crowd->wall_ms) == 0);
    }
}

static uint64_t id_of(const struct crowd *crowd, uint64_t i)
{
    return 1 + i * STRIDE % crowd->count;
}

static void repeat_look(void *arg, uint64_t times)
{
    struct crowd *crowd = arg;
    for (uint64_t i = 0; i < times; i++)
        check(profiles_look(crowd->profiles, id_of(crowd, i), crowd->wall_ms++).trusted);
}

static void repeat_call(void *arg, uint64_t times)
{
    struct crowd *crowd = arg;
    for (uint64_t i = 0; i < times; i++) {
        struct profile_use use = {.prompt_tokens = 100, .completion_tokens = 50};
        use.reserved_wt =
            profiles_reserve(crowd->profiles, id_of(crowd, i), 300, 0, crowd->wall_ms).reserved_wt;
        profiles_settle(crowd->profiles, id_of(crowd, i), &use, crowd->wall_ms++);
    }
}

static void repeat_stranger(void *arg, uint64_t times)
{
    struct crowd *crowd = arg;
    for (uint64_t i = 0; i < times; i++)
        check(
            !profiles_look(crowd->profiles, crowd->count + 1 + i * STRIDE, crowd->wall_ms).trusted);
}

int main(int argc, char **argv)
{
    const struct bench benches[] = {
        {"profiles/look-1000", 0, repeat_look, &few},
        {"profiles/look-1000000", 0, repeat_look, &many},
        {"profiles/call-1000", 0, repeat_call, &few},
        {"profiles/call-1000000", 0, repeat_call, &many},
        {"profiles/stranger-1000000", 0, repeat_stranger, &many},
    };
    make_crowd(&many);
    make_crowd(&few);
    int status = bench_main(argc, argv, benches, COUNT_OF(benches));
    profiles_free(many.profiles);
    profiles_free(few.profiles);
    return status;
}
