/* SPDX-License-Identifier: Apache-2.0 */
/* The word: state 2 bits, failures 12, doublings 5, until_ms 45 (a thousand years). */
#include "relay/breaker.h"

#define FAILURES_BITS 12
#define DOUBLINGS_BITS 5
#define DOUBLINGS_MAX ((1u << DOUBLINGS_BITS) - 1)

_Static_assert(BREAKER_FAILURES_MAX == (1u << FAILURES_BITS) - 1, "the bits of the word");

uint64_t breaker_pack(struct breaker breaker)
{
    return (uint64_t)breaker.state | (uint64_t)breaker.failures << 2 |
           (uint64_t)breaker.doublings << (2 + FAILURES_BITS) |
           breaker.until_ms << (2 + FAILURES_BITS + DOUBLINGS_BITS);
}

struct breaker breaker_unpack(uint64_t word)
{
    return (struct breaker){
        .state = (enum backend_state)(word & 3),
        .failures = (uint32_t)(word >> 2) & BREAKER_FAILURES_MAX,
        .doublings = (uint32_t)(word >> (2 + FAILURES_BITS)) & DOUBLINGS_MAX,
        .until_ms = word >> (2 + FAILURES_BITS + DOUBLINGS_BITS),
    };
}

bool breaker_takes_calls(struct breaker breaker, uint64_t now_ms)
{
    switch (breaker.state) {
    case BACKEND_UNKNOWN:
    case BACKEND_UP:
        return true;
    case BACKEND_DOWN:
        return now_ms >= breaker.until_ms;
    case BACKEND_TRIAL:
        break;
    }
    return false;
}

static uint64_t pause_ms(const struct breaker *breaker, const struct breaker_limits *limits)
{
    return MIN((uint64_t)limits->pause_ms << breaker->doublings, (uint64_t)BREAKER_PAUSE_MAX_MS);
}

/* The pause that has just begun counts one doubling for the next. */
static void fall(struct breaker *breaker, const struct breaker_limits *limits, uint64_t now_ms)
{
    breaker->state = BACKEND_DOWN;
    breaker->until_ms = now_ms + pause_ms(breaker, limits);
    breaker->doublings = MIN(breaker->doublings + 1, DOUBLINGS_MAX);
}

static void rise(struct breaker *breaker)
{
    *breaker = (struct breaker){.state = BACKEND_UP};
}

struct breaker breaker_next(struct breaker breaker, enum breaker_event event,
                            const struct breaker_limits *limits, uint64_t now_ms)
{
    bool down = breaker.state == BACKEND_DOWN;
    bool trial = breaker.state == BACKEND_TRIAL;
    switch (event) {
    case BREAKER_GOOD:
        if (!down)
            rise(&breaker);
        break;
    case BREAKER_FAILED:
        breaker.failures = MIN(breaker.failures + 1, (uint32_t)BREAKER_FAILURES_MAX);
        if (trial || (!down && breaker.failures >= limits->failures))
            fall(&breaker, limits, now_ms);
        break;
    case BREAKER_PROBE_GOOD:
        /* Of an UP backend it says nothing about the calls that fail: their count goes on. */
        if (breaker.state != BACKEND_UP)
            rise(&breaker);
        break;
    case BREAKER_PROBE_FAILED:
        breaker.failures = MIN(breaker.failures + 1, (uint32_t)BREAKER_FAILURES_MAX);
        fall(&breaker, limits, now_ms);
        break;
    case BREAKER_TAKE:
        if (down && now_ms >= breaker.until_ms)
            breaker.state = BACKEND_TRIAL;
        break;
    case BREAKER_GIVE_BACK:
        if (trial) {
            breaker.state = BACKEND_DOWN;
            breaker.until_ms = now_ms;
        }
        break;
    case BREAKER_DOUBT:
        if (trial) {
            breaker.state = BACKEND_DOWN;
            breaker.until_ms =
                now_ms + MIN((uint64_t)limits->pause_ms, (uint64_t)BREAKER_PAUSE_MAX_MS);
        }
        break;
    }
    return breaker;
}
