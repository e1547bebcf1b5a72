/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refusal in the caller's format: OpenAI's error object. Written once, by the room that refuses; sent by the corridor.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/reason.h"

struct refusal {
    enum reason reason;
    char param[96];      /* "messages[3].role"; "" when no field is meant */
    struct err message;  /* "" means the reason's own text */
    uint32_t retry_after_s; /* 0: no Retry-After header */
};

/* Fills *refusal and returns -EINVAL, so that a reader can write `return refuse(…)`. `param` may be NULL. */
int refuse(struct refusal *refusal, enum reason reason, const char *param, const char *format, ...) printf_like(4, 5);

/* {"error":{"message":…,"type":…,"param":…|null,"code":…|null},"request_id":…}, one line. */
void refusal_write(struct buf *buf, const struct refusal *refusal, struct span request_id);

/* The same as the last event of a stream, whose head is gone: behind `request_id` what is a header elsewhere, where there is a time to come back:
 * "seawall":{"retry_after_ms":7000,"ticket":"…"}. `ticket`, of A-Z a-z 0-9 . _, may be null. */
void refusal_write_event(struct buf *buf, const struct refusal *refusal, struct span request_id, struct span ticket);
