/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes on, once a second: a screen that is drawn anew on a terminal, else one line a second. One thread.
 */
#pragma once

#include "storm/score.h"

#include <stdio.h>

struct view {
    FILE *file; /* NULL: show nothing */
    bool redraws;
    const char *headline;
    const struct scenario *scenario;
    const struct score *score;
    struct view_past { /* of each group, a second ago */
        uint64_t offered, outcomes[OUTCOMES], tokens;
    } past[SCENARIO_GROUPS_MAX];
};

/* `open`: requests under way, by side. */
void view_second(struct view *view, double now_s, const uint32_t open[2], uint32_t connections);
