/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room `policy` as the corridor enters it: how much of a request is served while its pool is pressed (policy/ladder.h), and how that is carried out.
 *
 * What changes the engine's body is decided once, before it is written: the smaller model, the word to think less, the turns that are left out. How long the answer may be is
 * seen when the turn comes: the gate shortens it then (docs/decisions/0007), and the door ends it. On a calm pool all of it is one look at an atomic and a few branches.
 *
 * One worker thread.
 */
#pragma once

#include "gateway/request.h"

struct reduction {
    enum inference_thought thought;
    struct inference_cut cut;
    bool shortens; /* `cut` says by what */
};

/* The request's class is known and its model allows it. May put a smaller model in its place (then `inference` is allowed by that one's caps), and lowers the inference's
 * estimate by what will be left out. */
void reduction_decide(struct request *request, struct inference *inference,
                      struct reduction *ret_reduction);
/* What its answers together may have, should they be shortened when its turn comes; 0: they are not. */
uint64_t reduction_output_max_short(const struct request *request);
/* It has its turn, and again while it runs and when it is over: what its answers may have from now on. One that is longer already ends where it is. */
void reduction_note_cap(struct request *request, struct turnstile_cap cap);
/* Its answer has come to its maximum. Where that is the ladder's, the end says so, and what was left away: the head may have gone before. */
void reduction_note_cut(struct request *request);
/* What was left away, as the header Seawall-Reduced has it; empty: nothing. */
void reduction_write(const struct request *request, struct buf *ret_text);
/* `Seawall-Reduced`, on an answer of which something was left away. */
void reduction_header(const struct request *request, struct buf *head);
