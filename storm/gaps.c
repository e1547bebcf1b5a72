/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/gaps.h"

#include "base/alloc.h"

#include <math.h>

#define WINDOW_US (GAPS_WINDOW_S * 1000000ULL)

/* Of one client, in the window that is open. */
struct client {
    uint64_t pending; /* wanted and not given yet */
    uint64_t wanted;  /* in this window: what was pending at its begin, and what was asked since */
    uint64_t given;
};

struct gaps {
    const struct scenario *scenario;
    struct client *clients;
    uint32_t
        first[SCENARIO_GROUPS_MAX + 1]; /* of each group among them; the last: how many there are */
    struct gaps_window *windows;        /* by window, then by group */
    uint32_t windows_count, open;
};

struct gaps *gaps_new(const struct scenario *scenario)
{
    struct gaps *gaps = mem_zalloc(sizeof(*gaps));
    if (!gaps)
        return NULL;
    gaps->scenario = scenario;
    for (uint32_t i = 0; i < scenario->groups_count; i++)
        gaps->first[i + 1] = gaps->first[i] + scenario->groups[i].identities;
    gaps->windows_count =
        (uint32_t)MIN(ceil(scenario->seconds / GAPS_WINDOW_S), (double)GAPS_WINDOWS_MAX);
    gaps->clients = mem_array(gaps->first[scenario->groups_count], sizeof(*gaps->clients));
    gaps->windows =
        mem_array((size_t)gaps->windows_count * scenario->groups_count, sizeof(*gaps->windows));
    if (!gaps->clients || !gaps->windows) {
        gaps_free(gaps);
        return NULL;
    }
    return gaps;
}

void gaps_free(struct gaps *gaps)
{
    if (!gaps)
        return;
    mem_free(gaps->clients);
    mem_free(gaps->windows);
    mem_free(gaps);
}

/* ── windows ── */

static uint64_t most_given(const struct gaps *gaps)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < gaps->first[gaps->scenario->groups_count]; i++)
        most = MAX(most, gaps->clients[i].given);
    return most;
}

static struct gaps_window measure(const struct gaps *gaps, uint32_t group, uint64_t most)
{
    struct gaps_window window = {.clients = 0};
    double sum = 0;
    for (uint32_t i = gaps->first[group]; i < gaps->first[group + 1]; i++) {
        const struct client *client = &gaps->clients[i];
        uint64_t fair = MIN(most, client->wanted);
        double gap = fair > client->given ? (double)(fair - client->given) : 0;
        if (client->wanted == 0)
            continue;
        window.clients++;
        window.widest = MAX(window.widest, gap);
        sum += gap;
    }
    window.mean = window.clients > 0 ? sum / window.clients : 0;
    return window;
}

static void close_window(struct gaps *gaps)
{
    uint64_t most = most_given(gaps);
    uint32_t groups = gaps->scenario->groups_count;
    for (uint32_t group = 0; group < groups; group++)
        gaps->windows[(size_t)gaps->open * groups + group] = measure(gaps, group, most);
    for (uint32_t i = 0; i < gaps->first[groups]; i++) {
        gaps->clients[i].wanted = gaps->clients[i].pending;
        gaps->clients[i].given = 0;
    }
    gaps->open++;
}

uint32_t gaps_close(struct gaps *gaps, uint64_t now_us)
{
    while (gaps->open < gaps->windows_count && now_us >= (gaps->open + 1) * WINDOW_US)
        close_window(gaps);
    return gaps->open;
}

const struct gaps_window *gaps_window_of(const struct gaps *gaps, uint32_t group, uint32_t window)
{
    check(window < gaps->open && group < gaps->scenario->groups_count);
    return &gaps->windows[(size_t)window * gaps->scenario->groups_count + group];
}

/* ── counting ── */

static struct client *client_at(struct gaps *gaps, uint32_t group, uint32_t client, uint64_t now_us)
{
    check(client < gaps->first[group + 1] - gaps->first[group]);
    (void)gaps_close(gaps, now_us);
    return &gaps->clients[gaps->first[group] + client];
}

void gaps_asked(struct gaps *gaps, uint32_t group, uint32_t client, uint64_t now_us, uint64_t work)
{
    struct client *at = client_at(gaps, group, client, now_us);
    at->pending += work;
    at->wanted += work;
}

/* An engine may give more than was asked for: that was not wanted. */
void gaps_given(struct gaps *gaps, uint32_t group, uint32_t client, uint64_t now_us, uint64_t work)
{
    struct client *at = client_at(gaps, group, client, now_us);
    at->given += work;
    at->pending -= MIN(at->pending, work);
}

void gaps_withdrawn(struct gaps *gaps, uint32_t group, uint32_t client, uint64_t now_us,
                    uint64_t work)
{
    struct client *at = client_at(gaps, group, client, now_us);
    at->pending -= MIN(at->pending, work);
}
