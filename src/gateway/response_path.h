/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back: what the engine answers, stage by stage, to the wire.
 *
 *   relay ──bytes──▶ split (http/sse) ──event──▶ translate (dialect/answer) ──text──▶ frame (http/answer) ──bytes──▶ wire (client)
 *
 * Each call of the relay ends in at most one write. When more than send_queue_bytes_max wait for a client that reads slowly, the relay stops reading
 * its engine until they are gone: a slow reader slows its own engine's stream and nobody else's.
 */
#pragma once

#include "gateway/request.h"

/* Starts the call; STEP_WAIT, or STEP_ANSWERED when it could not start. The ask's body is in request->ask behind RELAY_HEADROOM. */
enum step_result response_start(struct request *request);
/* The client has read what was queued. */
void response_drained(struct request *request);
/* Stops the engine, if one is at work. */
void response_stop(struct request *request);
/* The gate cut it for others: the engine stops, and the answer ends in good order, or is a refusal when nothing of it has left. */
void response_give_way(struct request *request);
/* A refusal when nothing has left, else an error event and the end of the stream. STEP_ANSWERED. */
enum step_result response_refuse(struct request *request, enum reason reason);
/* Its caller or the door ends it early, without a time to come back: the engine stops, and the answer, which has begun, ends in good order and says `why`. */
void response_end_early(struct request *request, struct span why, enum reason reason);
/* A piece of a stream, which begins with it if it has not begun; `last`: and ends. < 0: the client is gone, or refusal says why not. */
int response_piece(struct request *request, struct span text, bool last) must_check;
/* A comment in a stream, which begins with it if it has not begun: SSE's readers pass over it. < 0: the client is gone. */
int response_comment(struct request *request, struct span text);
/* Frees what the way back holds. */
void response_release(struct request *request);
