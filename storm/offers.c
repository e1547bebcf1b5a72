/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/offers.h"

#include <math.h>

enum { SEED_ARRIVALS, SEED_PICKS, SEED_LENGTHS, SEED_TEXTS };

void offers_init(struct offers *offers, const struct offers_terms *terms)
{
    const struct scenario_group *group = terms->group;
    *offers = (struct offers){.terms = *terms,
                              .picks = chance_of(chance_seed(terms->seed, SEED_PICKS)),
                              .lengths = chance_of(chance_seed(terms->seed, SEED_LENGTHS))};
    arrivals_init(&offers->arrivals,
                  &(struct arrivals_terms){.rate = terms->rate,
                                           .law = group->law,
                                           .cv = group->cv,
                                           .from_s = group->from_s,
                                           .to_s = MIN(group->to_s, terms->seconds),
                                           .ramp_s = group->ramp_s,
                                           .seed = chance_seed(terms->seed, SEED_ARRIVALS)});
}

static uint32_t scaled(const struct offers *offers, double tokens, uint32_t max)
{
    double length = round(MIN(tokens, (double)max) * offers->terms.scale);
    return length > 1 ? (uint32_t)length : 1;
}

static uint32_t pick(struct offers *offers)
{
    const struct scenario_group *group = offers->terms.group;
    if (group->pick == PICK_NEXT)
        return (uint32_t)(offers->count % group->identities);
    return (uint32_t)(chance_unit(&offers->picks) * group->identities);
}

static bool next_of_law(struct offers *offers, struct offer *ret_offer)
{
    const struct scenario_group *group = offers->terms.group;
    if (!arrivals_next(&offers->arrivals, &ret_offer->due_us))
        return false;
    uint32_t input = chance_lognormal(&offers->lengths, group->input.median, group->input.sigma,
                                      group->input.max);
    uint32_t output = chance_lognormal(&offers->lengths, group->output.median, group->output.sigma,
                                       group->output.max);
    ret_offer->identity = pick(offers);
    ret_offer->input_tokens = scaled(offers, input, group->input.max);
    ret_offer->output_tokens = scaled(offers, output, group->output.max);
    return true;
}

/* Of the rows that come at a time with so much of the ramp behind it. */
static double share_taken(const struct offers *offers, double since_s)
{
    const struct trace *trace = offers->terms.trace;
    double has = (double)trace->count / trace->span_s;
    double ramp = offers->terms.group->ramp_s;
    return MIN(offers->terms.rate / has, 1.0) * (since_s < ramp ? since_s / ramp : 1.0);
}

static bool next_of_trace(struct offers *offers, struct offer *ret_offer)
{
    const struct scenario_group *group = offers->terms.group;
    const struct trace *trace = offers->terms.trace;
    double press = MAX(offers->terms.rate * trace->span_s / (double)trace->count, 1.0);
    double to_s = MIN(group->to_s, offers->terms.seconds);
    while (offers->terms.rate > 0) {
        const struct trace_row *row = &trace->rows[offers->row % trace->count];
        double rounds = (double)(offers->row / trace->count);
        double since_s =
            (rounds * trace->span_s + row->arrival_s - trace->rows[0].arrival_s) / press;
        if (group->from_s + since_s >= to_s)
            return false;
        offers->row++;
        if (chance_unit(&offers->picks) >= share_taken(offers, since_s))
            continue;
        ret_offer->due_us = (uint64_t)((group->from_s + since_s) * 1e6);
        ret_offer->identity =
            row->client == TRACE_NOBODY ? pick(offers) : row->client % group->identities;
        ret_offer->input_tokens = scaled(offers, row->input_tokens, group->input.max);
        ret_offer->output_tokens = scaled(offers, row->output_tokens, group->output.max);
        return true;
    }
    return false;
}

bool offers_next(struct offers *offers, struct offer *ret_offer)
{
    const struct scenario_group *group = offers->terms.group;
    if (!(group->trace ? next_of_trace(offers, ret_offer) : next_of_law(offers, ret_offer)))
        return false;
    ret_offer->streamed = chance_unit(&offers->lengths) < group->streamed;
    ret_offer->seed = chance_seed(chance_seed(offers->terms.seed, SEED_TEXTS), offers->count++);
    return true;
}
