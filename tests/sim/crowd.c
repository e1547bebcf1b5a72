/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten million callers that nobody knows, each of whom is served once in peace and so teaches something, or asks at a full gate in a siege; beside them a thousand
 * that are trusted. Memory stays where it was after the first of them, the oldest strangers go first, and no trusted one goes.
 *
 *     sim_crowd [CALLERS]     TAP
 */
#include <stdio.h>
#include <stdlib.h>

#include "admit/gate.h"
#include "base/alloc.h"
#include "identity/profiles.h"

#define CALLERS UINT64_C(10000000)
#define TRUSTED 1000
#define IDENTITIES_MAX 100000
#define KEPT (IDENTITIES_MAX / 2) /* of the last strangers, at least: shards fill unevenly */
#define WAITING_MAX 4096
#define WALL_MS UINT64_C(1795476901042)

static bool is_in_profile(struct profiles *profiles, uint64_t id)
{
    return profiles_look(profiles, id, WALL_MS).in_profile;
}

static uint64_t trusted_id(uint64_t i)
{
    return UINT64_C(1) << 63 | i;
}

static bool grant(struct profile *profile, void *arg)
{
    (void)arg;
    profile_grant(profile, 10, WALL_MS);
    return true;
}

/* Asks, is refused or waits, and hangs up when some thousands more came. */
static void ask(struct gate *gate, struct turn *turn, uint64_t id, uint64_t now_ms)
{
    const struct gate_ask ask = {
        .place = {FAIR_UNKNOWN, id / 3, id}, .prompt_tokens = 20, .output_expected = 100};
    gate_end(gate, turn, 0, 0, now_ms);
    if (gate_ask(gate, turn, &ask, now_ms) != TURN_REFUSED)
        return;
    gate_end(gate, turn, 0, 0, now_ms);
}

struct crowd {
    struct profiles *profiles;
    struct gate *gate;
    struct turn turns[2 * WAITING_MAX];
    size_t nodes_max;
    int64_t live_max;
};

static void come_by(struct crowd *crowd, uint64_t callers)
{
    const struct profile_use use = {.prompt_tokens = 20, .completion_tokens = 50};
    for (uint64_t id = 1; id <= callers; id++) {
        uint64_t now_ms = id / 10; /* ten thousand a second */
        profiles_settle(crowd->profiles, id, &use, WALL_MS + now_ms);
        ask(crowd->gate, &crowd->turns[id % COUNT_OF(crowd->turns)], id, now_ms);
        if (id % 1000 != 0)
            continue;
        struct gate_view view;
        gate_tick(crowd->gate, now_ms);
        gate_view(crowd->gate, &view);
        crowd->nodes_max = MAX(crowd->nodes_max, view.nodes);
        crowd->live_max = MAX(crowd->live_max, mem_live_count());
    }
    for (size_t i = 0; i < COUNT_OF(crowd->turns); i++)
        gate_end(crowd->gate, &crowd->turns[i], 0, 0, callers / 10);
}

static bool judge(const struct crowd *crowd, uint64_t callers)
{
    unsigned trusted = 0, kept = 0;
    for (uint64_t i = 0; i < TRUSTED; i++)
        trusted += is_in_profile(crowd->profiles, trusted_id(i));
    struct profile profile;
    for (uint64_t id = callers; id > callers - KEPT; id--)
        kept += profiles_get(crowd->profiles, id, WALL_MS + callers / 10, &profile);
    bool oldest_first = kept == KEPT && !profiles_get(crowd->profiles, 1, WALL_MS, &profile);
    bool bounded = profiles_count(crowd->profiles) <= profiles_max(crowd->profiles) &&
                   crowd->nodes_max <= 4 * (size_t)WAITING_MAX;
    printf("# %llu remembered of at most %u, %zu nodes of the queue at most, %lld pieces of memory "
           "at most\n",
           (unsigned long long)profiles_count(crowd->profiles), profiles_max(crowd->profiles),
           crowd->nodes_max, (long long)crowd->live_max);
    printf("%sok 1 - memory is bounded\n", bounded ? "" : "not ");
    printf("%sok 2 - everybody trusted still is\n", trusted == TRUSTED ? "" : "not ");
    printf("%sok 3 - the last strangers are remembered, the first are not\n",
           oldest_first ? "" : "not ");
    return bounded && trusted == TRUSTED && oldest_first;
}

int main(int argc, char **argv)
{
    uint64_t callers = argc > 1 ? strtoull(argv[1], NULL, 10) : CALLERS;
    const struct gate_limits limits = {
        .fair = {{8, 2, 1}, WAITING_MAX, 4}, .wait_ms_max = 30000, .siege_wait_ms_max = 2000};
    static struct crowd crowd;
    printf("1..3\n");
    crowd.profiles = profiles_new(IDENTITIES_MAX);
    crowd.gate = gate_new(&limits, 1, 1);
    check(callers >= KEPT && crowd.profiles && crowd.gate);
    for (uint64_t i = 0; i < TRUSTED; i++)
        check(profiles_change(crowd.profiles, trusted_id(i), true, WALL_MS, grant, NULL) == 0);
    come_by(&crowd, callers);
    bool good = judge(&crowd, callers);
    gate_free(crowd.gate);
    profiles_free(crowd.profiles);
    return !good;
}
