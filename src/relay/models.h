/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the room: what an engine says at GET /v1/models.
 *
 * Comes in: the answer's body. Goes out: names with the context that one call may use, and which
 * engine it is. Names that are empty, longer than POOL_MODEL_NAME_MAX - 1 or not printable are
 * passed over, and so is what stands behind the first POOL_MODELS_MAX. (pool_models() and
 * backend_set_models() live in models.c too.)
 */
#pragma once

#include "dialect/json_dom.h"
#include "relay/backend.h"

/* `body` is followed by JSON_PADDING readable bytes; `server` is the answer's Server header or
 * null. 0; -EBADMSG with *err when this is no list of models. */
int models_parse(struct json_parser *parser, struct span body, struct span server,
                 struct model_list *ret_list, enum engine_kind *ret_engine,
                 struct err *err) must_check;
