/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room `admit` as the corridor enters it: who asks, what the request costs, and its turn at the pool's turnstile. The request knows its standing from the first
 * call on; all else is the gate's.
 *
 *     class        in-profile: the caller's budget (identity/profiles.h) is positive; paid: it comes back with a ticket that is due; else unknown
 *     network      of a caller without a key: /24, /48. A key is a network of its own, wherever it is used from
 *
 * One worker thread.
 */
#pragma once

#include "gateway/request.h"

/* Who asks: its place and class, and a trusted caller's payment in advance for the request as it was read. Refuses who comes back with a ticket before its time. */
enum step_result admission_place(struct request *request, const struct inference *inference);
/* What the price depends on, while the inference is there: what is left of it on a pressed pool. */
void admission_note(struct request *request, const struct inference *inference);
/* Prices the request and asks for its turn, once; then, whenever the request is woken, tells how it stands. */
enum step_result admission_step(struct request *request);
/* A time to come back, in `refusal` and `ticket` of the request: a promised one, or a guess without a ticket. */
void admission_promise(struct request *request);
/* Refuses it with the reason of its turn, and that time. */
enum step_result admission_send_away(struct request *request);
/* What the engine has written so far: told to the gate now and then, not at each event. */
void admission_progress(struct request *request);
/* The request is over, in whatever state: what it used is settled, what it reserved and did not use goes back. */
void admission_end(struct request *request);

/* News of turns that are parked: the worker's tick and its bell. */
void admission_take_news(struct worker *worker);
void admission_tick(struct worker *worker);
