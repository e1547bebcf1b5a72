/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The circuit breaker of one backend: its state as one 64-bit word, so that all workers change it
 * without a lock.
 *
 *   UNKNOWN, UP ──failures in a row, or a failed probe──▶ DOWN
 *   UNKNOWN     ──good──▶ UP
 *   DOWN        ──take, when the pause is over──▶ TRIAL
 *   TRIAL       ──good──▶ UP, ──failed, given back, doubt──▶ DOWN
 *   any         ──good probe──▶ UP
 *
 * Pauses start at pause_ms and double with each fall up to BREAKER_PAUSE_MAX_MS; a good call of an
 * UP backend ends the doubling. A good word from a call that began before the fall is not believed
 * while DOWN. A call that began before the trial may end the trial: nobody tells them apart, and
 * either way the next word decides.
 *
 * breaker_next() is the one function that makes transitions; it is pure.
 */
#pragma once

#include "relay/pool.h"

#define BREAKER_PAUSE_MAX_MS 30000
#define BREAKER_FAILURES_MAX 4095 /* what the word has room for */

enum breaker_event {
    BREAKER_GOOD,
    BREAKER_FAILED,
    BREAKER_PROBE_GOOD,
    BREAKER_PROBE_FAILED,
    BREAKER_TAKE,      /* a call wants the trial */
    BREAKER_GIVE_BACK, /* the trial's call ended without saying anything */
    BREAKER_DOUBT      /* the trial's call found it alive but not serving: wait one pause more */
};

struct breaker {
    enum backend_state state;
    uint32_t failures;  /* in a row, saturating */
    uint32_t doublings; /* of the pause */
    uint64_t until_ms;  /* DOWN: no trial before */
};

struct breaker_limits {
    uint32_t failures;
    uint32_t pause_ms;
};

uint64_t breaker_pack(struct breaker breaker);
struct breaker breaker_unpack(uint64_t word);
struct breaker breaker_next(struct breaker breaker, enum breaker_event event,
                            const struct breaker_limits *limits, uint64_t now_ms);
/* May a call be sent to it now? For DOWN: would BREAKER_TAKE make it TRIAL? */
bool breaker_takes_calls(struct breaker breaker, uint64_t now_ms);
