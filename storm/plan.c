/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/plan.h"

#include <math.h>

/* Of a log-normal law; what its maximum cuts off is left in, so a little too large. */
static double mean_of(const struct scenario_lengths *lengths)
{
    double mean = lengths->median * exp(lengths->sigma * lengths->sigma / 2);
    return MIN(mean, (double)lengths->max);
}

/* What 1x is for a group, in requests a second. */
static double capacity_of(const struct storm_options *options, const struct plan *plan,
                          const struct scenario_group *group)
{
    double mean = group->trace ? plan->trace.output_mean : mean_of(&group->output);
    return options->capacity_in_tokens ? options->capacity / MAX(mean * options->scale, 1.0)
                                       : options->capacity;
}

static void press_times(struct scenario *scenario, double seconds)
{
    double press = seconds / scenario->seconds;
    scenario->seconds = seconds;
    scenario->warm_s *= press;
    scenario->attack_from_s *= press;
    scenario->attack_to_s *= press;
    for (uint32_t i = 0; i < scenario->groups_count; i++) {
        scenario->groups[i].from_s *= press;
        scenario->groups[i].to_s *= press;
        scenario->groups[i].ramp_s *= press;
    }
}

int plan_settle(const struct storm_options *options, struct plan *plan, struct err *err)
{
    struct scenario *scenario = &plan->scenario;
    if (options->factor >= 0)
        scenario->factor = options->factor;
    if (options->seconds > 0)
        press_times(scenario, options->seconds);
    if (options->unloaded_tpot_ms > 0)
        scenario->unloaded_tpot_ms = options->unloaded_tpot_ms;
    scenario->any_length = scenario->any_length || options->any_length;
    for (uint32_t i = 0; i < scenario->groups_count; i++) {
        const struct scenario_group *group = &scenario->groups[i];
        double times = group->side == SIDE_ATTACKER ? scenario->factor : 1;
        if (group->trace && plan->trace.count == 0)
            return err_set(err, -EINVAL, "group '%s' replays a trace: --trace says which",
                           group->name);
        plan->rates[i] = capacity_of(options, plan, group) * group->load * times;
        if (plan->rates[i] > PLAN_RATE_MAX)
            return err_set(err, -EINVAL,
                           "group '%s' would send %.0f requests a second; at most %.0f",
                           group->name, plan->rates[i], PLAN_RATE_MAX);
    }
    return 0;
}

int plan_load(const struct storm_options *options, struct plan *ret_plan, struct err *err)
{
    int r = scenario_load(options->scenario, &ret_plan->scenario, err);
    if (r == 0 && options->keys_path)
        r = keys_load(options->keys_path, &ret_plan->known, err);
    if (r == 0 && options->fresh_path)
        r = keys_load(options->fresh_path, &ret_plan->fresh, err);
    if (r == 0 && options->trace_path)
        r = trace_load(options->trace_path, &ret_plan->trace, err);
    return r == 0 ? plan_settle(options, ret_plan, err) : r;
}

void plan_release(struct plan *plan)
{
    keys_release(&plan->known);
    keys_release(&plan->fresh);
    trace_release(&plan->trace);
}
