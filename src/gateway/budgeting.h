/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of the caller's key and account (admit/budgets.h) as the corridor meets them: found when the model is known, held before the turn is asked for, used as
 * the answer comes, settled when the request is over. A request whose key has none has no `hold`, and each of these is a branch.
 *
 * One worker thread.
 */
#pragma once

#include "gateway/request.h"

/* Which limits apply. Refuses what no waiting helps (a prompt or a wished answer above them), and lowers request->output_cap. */
enum step_result budgeting_find(struct request *request, const struct inference *inference);
/* Holds the call's predicted tokens, or refuses it with the time until they will be there. */
enum step_result budgeting_begin(struct request *request);
/* What the answer has by now is used. False: a balance is at its end, the answer knows why, and must be cut. */
bool budgeting_progress(struct request *request) must_check;
/* With what the record says: what was not used goes back. */
void budgeting_end(struct request *request);
/* x-ratelimit-…, as OpenAI has them. */
void budgeting_headers(const struct request *request, struct buf *head);
