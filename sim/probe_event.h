/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine's answer says that calibration wants: one event of a stream, or a whole answer. Reads with jansson:
 * a client that measures has time. Any thread.
 */
#pragma once

#include "base/span.h"

struct probe_event {
    bool has_text; /* content, reasoning or a call of a tool, of any choice */
    uint32_t prompt_tokens, cached_tokens, output_tokens; /* of its usage; 0 without */
};

/* 0, or -EINVAL: no JSON object, or one that tells of an error. */
int probe_event_read(struct span json, struct probe_event *ret_event) must_check;
