/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast does each backend really stop when its client hangs up? Measured on the control thread, since engines differ and some do not stop at all.
 *
 * One backend at a time, when it takes calls, has none of ours and says that it works on none: a stream of at most STOPPING_TOKENS tokens is asked for; when
 * STOPPING_TOKENS_SEEN have come and the engine's own count (`/metrics`, or llama.cpp's `/slots`) shows the call, the connection is closed, and the count is looked
 * at each STOPPING_LOOK_MS until it is zero. That time is what backend_stop_ms() tells from then on: at most STOPPING_LOOK_MS and one look too long.
 *
 * An engine that still works after STOPPING_GIVE_UP_MS, or after three quarters of the time that the whole stream would have taken, does not stop. One whose count
 * does not say what runs, that does not chat or is so fast that the stream's end would look the same, is not known: BACKEND_STOP_UNKNOWN.
 *
 * Nobody's service is disturbed: a call of ours that comes while it is measured ends the measurement, and it begins again later. It is repeated when the backend comes
 * back after it took no calls, and each STOPPING_AGAIN_MS. It costs an engine that stops a few tokens, one that does not STOPPING_TOKENS; where tokens cost
 * money (`probe_tokens` is off) nothing is measured.
 */
#pragma once

#include "loop/loop.h"
#include "relay/pool.h"

#define STOPPING_TOKENS 256
#define STOPPING_TOKENS_SEEN 4
#define STOPPING_LOOK_MS 20
#define STOPPING_GIVE_UP_MS 5000
#define STOPPING_TIMEOUT_MS 30000  /* for the first tokens */
#define STOPPING_LATER_MS 5000     /* until the next try, when it was busy */
#define STOPPING_TRIES 5           /* that gave no answer for another reason, until it rests */
#define STOPPING_AGAIN_MS 21600000 /* six hours */

struct stop_watch;

/* `stop_ms`: as of backend_stop_ms(); `why`: what was seen. After each measurement that says something new. */
struct stop_events {
    void (*on_measured)(void *owner, struct pool *pool, const struct backend_view *backend,
                        const char *why);
};

/* `events` stays the caller's. NULL when out of memory. */
struct stop_watch *stop_watch_new(struct loop *loop, const struct stop_events *events,
                                  void *owner) must_check;
/* Accepts NULL. */
void stop_watch_free(struct stop_watch *watch);
/* These pools from now on (a reference to each), as far as they want it. 0 or -ENOMEM (then those of before). */
int stop_watch_set(struct stop_watch *watch, struct pool *const *pools, size_t count) must_check;
