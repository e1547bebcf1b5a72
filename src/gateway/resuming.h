/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resumable answers in the corridor (docs/resuming.md): a request that goes on when its client has gone, and the requests of those who come back for it.
 *
 *   writer     POST …, `Seawall-Resumable: yes`: from its head on what it says is kept (kept_answers.h), and each event has an id. When its client goes it is *left*: it
 *              has no client and goes on, until it is over, somebody stops it, or nobody has returned within the grace. Then it ends like one whose client has gone
 *   reader     GET /v1/streams/{id}: parked like any streamed answer, and fed from what is kept. When its client goes it just ends
 *   stop       DELETE /v1/streams/{id}
 *
 * A writer has had its head sent: who has no id could not return. In a drain nobody can return either, so there nothing is left any more.
 *
 * One worker thread; what other workers do comes as news, which are read with the turns' (worker_ring) and at each tick of a worker that has either.
 */
#pragma once

#include "gateway/kept_answers.h"
#include "gateway/request.h"

/* What the head asks for: resumable, told of its progress. */
void resuming_note(struct request *request, const struct http_request *head);

/* ---- writer ---- */

/* Does it ask for it, and may its caller at all? */
bool resuming_wanted(const struct request *request);
/* While the head of a stream is written: a place for the answer, and its name in the head. Where there is none the answer is one like any other. */
void resuming_header(struct request *request, struct buf *head);
/* What is about to leave: with its ids, in *text. Only where request->resuming. < 0: more was left than is kept, and the answer must end (the refusal says so). */
int resuming_keep(struct request *request, struct span *text, bool last) must_check;
/* Its client goes: true when the request goes on without it. */
bool resuming_leave(struct request *request, enum reason reason);
/* … would it? */
bool resuming_may_leave(const struct request *request, enum reason reason);

/* ---- reader ---- */

/* GET and DELETE /v1/streams/{id}: while the head is there. */
enum step_result resuming_route(struct request *request, const struct http_request *head);
/* The step itself: follows and parks, stops, or refuses. */
enum step_result resuming_step(struct request *request);
/* Its client has taken what was queued. */
void resuming_drained(struct request *request);

/* ---- both ---- */

/* The request is over. */
void resuming_over(struct request *request);
void resuming_take_news(struct worker *worker);
/* Ends what was left for too long: in a drain, at once. */
void resuming_tick(struct worker *worker);
/* Bodies have no memory left: what was left and still waits with its own ends, longest ago first, until they have. */
void resuming_make_room(struct worker *worker);
/* The drain's time is over. */
void resuming_end_all(struct worker *worker);
