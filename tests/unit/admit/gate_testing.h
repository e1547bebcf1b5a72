/* SPDX-License-Identifier: Apache-2.0 */
/* A gate over two backends, of which the second takes no calls at first, and what its tests ask it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admit/gate.h"
#include "base/alloc.h"
#include "base/random.h"

#define SHORT 256 /* tokens of an answer in a siege */
#define TURNS 128
#define SLOTS 4
#define PROMPT 100
#define OUTPUT 50

static const struct gate_limits limits = {.fair = {{8, 2, 1}, 6, 2}, .wait_ms_max = 30000, .siege_wait_ms_max = 2000, .calls_max = SLOTS};
static struct gate *gate;
static struct turn turns[TURNS];
static uint64_t now = 1000000;
static int64_t live;

static inline int begin(void **state)
{
    (void)state;
    live = mem_live_count();
    gate = gate_new(&limits, 2, 2);
    if (gate)
        gate_know(gate, 1, false, NULL);
    return gate ? 0 : -1;
}

static inline int end(void **state)
{
    (void)state;
    struct gate_view view;
    for (size_t i = 0; i < TURNS; i++)
        gate_end(gate, &turns[i], 0, 0, now);
    gate_view(gate, &view);
    bool empty = view.running[0] + view.running[1] + view.running[2] + view.waiting[0] + view.waiting[1] + view.waiting[2] == 0;
    gate_free(gate);
    return empty && mem_live_count() == live ? 0 : -1;
}

static inline enum turn_state ask(size_t at, enum fair_class class)
{
    struct gate_ask ask = {.place = {class, 1000 + at, 2000 + at},
                           .worker = at % 2,
                           .prompt_tokens = PROMPT,
                           .output_expected = OUTPUT};
    return gate_ask(gate, &turns[at], &ask, now);
}

static inline void done(size_t at)
{
    gate_end(gate, &turns[at], PROMPT, OUTPUT, now);
}

/* The one turn that there is news of, for whichever worker; TURNS when there is none. */
static inline size_t news(void)
{
    for (uint32_t worker = 0; worker < 2; worker++) {
        struct turn *turn = gate_news(gate, worker);
        if (turn) {
            assert_int_equal(turn->worker, worker);
            return (size_t)(turn - turns);
        }
    }
    return TURNS;
}

static inline struct gate_view view(void)
{
    struct gate_view view;
    gate_view(gate, &view);
    return view;
}

/* Calls run and are seen to write, so that there is a capacity to hold what waits against. */
static inline void learn_capacity(size_t at)
{
    for (int i = 0; i < 20; i++) {
        gate_tick(gate, now += GATE_TICK_MS);
        gate_progress(gate, &turns[at], turns[at].output_tokens + 2, now);
    }
    assert_true(view().capacity > 0);
}

