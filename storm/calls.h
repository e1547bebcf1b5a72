/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests under way, each from the moment it is due until it has ended, through all its tries.
 *
 *              ┌────────────────── patience is over, hangs up ──────────────▶ left
 *              │                ┌─ the answer is whole ─────────────────────▶ completed
 *     start ─▶ ASKING ──────────┤                 ┌─ comes not again ───────▶ refused, failed
 *       ▲      │ slow: DRIPPING └─ no, or broken ─┤
 *       │      │ never: HOLDING ── hold_s ────────┼─────────────────────────▶ left
 *       └──────┼────────── the wait is over ── RESTING
 *              └─ no connection to be had ──────────────────────────────────▶ unsent
 *
 * Everything is counted in the score as it happens. Belongs to one thread.
 */
#pragma once

#include "storm/gaps.h"
#include "storm/offers.h"
#include "storm/prompt.h"
#include "storm/score.h"
#include "storm/wire.h"

#define CALLS_MAX 400000 /* under way, resting ones too; more are unsent */

struct calls;

struct calls_terms {
    const struct scenario *scenario;
    const struct target *target;
    const char *model;
    struct span header; /* one more, with each request; null: none */
    struct population *population;
    struct score *score;
    struct gaps *gaps;
    struct wires_limits limits;
    uint64_t seed; /* of the prompts' text */
};

/* The terms' pointers outlive it. 0, or -errno with *err. */
int calls_new(const struct calls_terms *terms, struct calls **ret_calls,
              struct err *err) must_check;
/* Counts what is still under way as open. */
void calls_free(struct calls *calls);

void calls_start(struct calls *calls, uint32_t group, const struct offer *offer, uint64_t now_us);
/* Runs what is due, then waits for the other side until `until_us` at most; `clock_us` gives the time after the wait. */
void calls_run(struct calls *calls, uint64_t now_us, uint64_t until_us,
               uint64_t (*clock_us)(void *owner), void *owner);

/* Under way. */
uint32_t calls_open(const struct calls *calls, enum scenario_side side);
const struct wires *calls_wires(const struct calls *calls);
