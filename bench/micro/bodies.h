/* SPDX-License-Identifier: Apache-2.0 */
/* Chat requests of exact sizes as clients send them: a system prompt and turns of up to 1.3 KB with escapes and other scripts in them. */
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
