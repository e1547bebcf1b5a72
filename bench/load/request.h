/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request that all callers of `load` send again and again: a chat call of a given size.
 */
#pragma once

#include "base/span.h"

struct request_terms {
    unsigned port;
    size_t body_bytes;
    bool stream;     /* with usage */
    const char *key; /* NULL: none */
    bool forge;      /* a key of Seawall's form, see request_forge() */
};

/* Head and body as one text, made once for the program's life. Ends the program when the body is too short for a chat. */
struct span request_new(const struct request_terms *terms);

/* Puts another key into the text that request_new() gave last, with `forge`: of Seawall's form, and never given out. */
void request_forge(void);
