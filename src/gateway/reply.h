/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door's own answers: refusals, the list of models, pages and sign-in links (reply_page), preflights. Head and body leave in one write.
 * Each sets record.status and bytes, and what follows is `record`. HEAD gets the same head and no body.
 */
#pragma once

#include "gateway/request.h"

/* The refusal in request->refusal, as OpenAI's JSON. */
enum step_result reply_refusal(struct request *request);
enum step_result reply_json(struct request *request, unsigned status, struct span body);
/* 204. */
enum step_result reply_empty(struct request *request);
enum step_result reply_page(struct request *request);
/* 204 to a CORS preflight, or to a plain OPTIONS with Allow. */
enum step_result reply_options(struct request *request);

/* The headers that every answer of the API carries: x-request-id, x-ratelimit-…, CORS; also used by the way back. */
void reply_common_headers(struct request *request, struct buf *head);
