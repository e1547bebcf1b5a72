/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario's file. A refusal says why; what is accepted can be made a plan: its groups have somebody, somewhere, some time.
 */
#include "fuzz.h"

#include "storm/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct scenario scenario;
    struct err err = {""};
    if (scenario_read(span_of(data, size), "f", &scenario, &err) < 0) {
        check(span_starts(span_str(err.text), SPAN("f:")));
        return 0;
    }
    check(scenario.groups_count >= 1 && scenario.groups_count <= SCENARIO_GROUPS_MAX);
    for (uint32_t i = 0; i < scenario.groups_count; i++) {
        const struct scenario_group *group = &scenario.groups[i];
        check(group->identities >= 1 && group->identities <= SCENARIO_IDENTITIES_MAX);
        check(group->networks <= SCENARIO_NETWORKS_MAX);
        check(group->identities <= group->networks * SCENARIO_HOSTS_MAX);
        check(group->from_s >= 0 && group->from_s < group->to_s);
        check(group->turned_from <= i && group->name[0]);
    }
    return 0;
}
