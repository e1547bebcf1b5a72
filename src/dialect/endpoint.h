/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which URL means what: one table of the API's paths, with and without the /v1 prefix (DeepSeek's clients leave it out).
 */
#pragma once

#include "base/buf.h"

enum endpoint {
    ENDPOINT_NONE,
    ENDPOINT_CHAT,        /* POST /v1/chat/completions */
    ENDPOINT_COMPLETION,  /* POST /v1/completions */
    ENDPOINT_EMBEDDING,   /* POST /v1/embeddings */
    ENDPOINT_MODELS,      /* GET  /v1/models */
    ENDPOINT_MODEL,       /* GET  /v1/models/{id}; the id may hold slashes and %-escapes */
    ENDPOINT_STREAM       /* GET, DELETE /v1/streams/{id}: an answer that was left */
};

/* `ret_id` gets the raw id of ENDPOINT_MODEL and ENDPOINT_STREAM, else null. One trailing slash is ignored. */
enum endpoint endpoint_of(struct span path, struct span *ret_id);
/* The path that an engine knows it by: "/v1/chat/completions"; for the three POST endpoints. */
struct span endpoint_engine_path(enum endpoint endpoint);
/* "GET, HEAD, OPTIONS", "POST, OPTIONS" or "GET, DELETE, OPTIONS": for Allow. */
struct span endpoint_methods(enum endpoint endpoint);
/* "chat", "completion", "embedding", "models", "model", "stream", "none": for logs and metrics. */
struct span endpoint_name(enum endpoint endpoint);

/* Undoes %-escapes into `buf`: 0, or -EINVAL for a broken escape, a NUL or invalid UTF-8. */
int percent_decode(struct buf *buf, struct span text) must_check;

struct model_listing {
    struct span name;
    uint64_t created_s;
    uint64_t context_tokens; /* 0: unknown */
};
/* {"object":"list","data":[…]} and one model's object. */
void models_write(struct buf *buf, const struct model_listing *models, size_t count);
void model_write(struct buf *buf, const struct model_listing *model);
