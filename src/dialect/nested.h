/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members below the top level: what may stand in a message, a tool, a choice of one or the form of the answer.
 *
 * Here nothing is refused for its name, since clients send back whole messages as they got them, and what they got differs from service to
 * service: a member that is not known is left out, unless the operator's table names it. Schemas and the parameters of tools are the caller's
 * own words and pass whole. The readers check that all is known, which is nearly always so, and then the text goes on as it was written; only
 * a field that holds something unknown is written anew, member by member, each from its own text. Pure functions.
 */
#pragma once

#include "base/buf.h"
#include "dialect/json_dom.h"

enum nested {
    NESTED_ANY, /* whatever is in it */
    NESTED_MESSAGE,
    NESTED_PART, /* of a content: `type`, and what the type names */
    NESTED_MEDIA,
    NESTED_CALL,
    NESTED_CALLED,
    NESTED_TOOL,
    NESTED_FUNCTION,
    NESTED_CHOICE,
    NESTED_CHOSEN,
    NESTED_FORMAT,
    NESTED_SCHEMA,
    NESTED_THINKING
};

/* Is every member of this value, or of each of its elements, known, all the way down? */
bool nested_is_known(enum nested nested, struct json_value value);

/* Appends `raw`, the text of `value`, without the members that are neither known nor among `listed`. Never longer than `raw`. */
void nested_write(enum nested nested, struct json_value value, struct span raw,
                  const struct span *listed, size_t listed_count, struct buf *buf);
