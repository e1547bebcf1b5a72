/* SPDX-License-Identifier: Apache-2.0 */
/* Chat requests as clients send them: of exact sizes, a system prompt and turns of up to 1.3 KB with escapes and other scripts in them; and an agent's. */
#pragma once

#include "dialect/json_dom.h"

#define BODY_BYTES_MIN 160
#define BODY_BYTES_MAX (128U << 10)

struct body {
    size_t len;
    char text[BODY_BYTES_MAX + JSON_PADDING];
};

/* `len` from BODY_BYTES_MIN to BODY_BYTES_MAX. The same length is the same text. */
void body_make(struct body *ret_body, size_t len);

/* An agent under way: eight tools, and twelve rounds of a call and its answer; some 10 KB. */
void body_make_agent(struct body *ret_body);
