/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one group is about to ask: when, by whom, how long, and with which seed for the text. From a law of arrivals and
 * log-normal lengths, or from a trace.
 *
 * A trace is replayed from its begin, over and over. When less is wanted than it has, rows are left out by chance, which
 * keeps its bursts; when more is wanted, its time is pressed together. A client of the trace is one identity; rows without
 * one are anybody's.
 *
 * Pure: the same terms give the same offers, whatever becomes of them. Belongs to its owner.
 */
#pragma once

#include "storm/arrivals.h"
#include "storm/trace.h"

struct offer {
    uint64_t due_us;
    uint64_t seed;     /* of its text and of its retries */
    uint32_t identity; /* within the group */
    uint32_t input_tokens, output_tokens;
    bool streamed;
};

struct offers_terms {
    const struct scenario_group *group;
    double rate;               /* requests a second */
    double seconds;            /* no arrivals from here on */
    double scale;              /* of lengths */
    const struct trace *trace; /* used when the group wants it; outlives the offers */
    uint64_t seed;
};

struct offers {
    struct offers_terms terms;
    struct arrivals arrivals;
    struct chance picks, lengths;
    uint64_t count;
    uint64_t row; /* of the trace, all rounds counted */
};

void offers_init(struct offers *offers, const struct offers_terms *terms);
/* False at the end, and ever after. */
bool offers_next(struct offers *offers, struct offer *ret_offer) must_check;
