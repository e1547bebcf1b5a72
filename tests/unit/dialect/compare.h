/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares whole answers with jansson. In a file of its own because jansson and dialect/json_dom.h share names.
 */
#pragma once

#include <stdbool.h>

/* What the engine's own whole answer leaves out of its `usage`: it counts one choice and one prompt. 1 and 1: nothing. */
struct missing {
    unsigned choices, prompts;
};

/* True when `ours` is what the engine's answer `theirs` becomes at the door. Both must have what differs from answer to answer: id, time, ids
 * of calls. Else prints both. */
bool answer_is_engines(const char *ours, const char *theirs, struct missing missing);
/* True when both answers of ours are the same but for id and time. */
bool answers_equal(const char *one, const char *two);
/* True when the two texts are JSON of the same meaning. */
bool json_texts_equal(const char *one, const char *two);
