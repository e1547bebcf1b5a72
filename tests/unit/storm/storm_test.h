/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of storm/ share: a small scenario, read from text. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "storm/scenario.h"

#include <math.h>
#include <string.h>

#define SMALL_SCENARIO                                                                             \
    "title: small\n"                                                                               \
    "seconds: 30\n"                                                                                \
    "warm_s: 2\n"                                                                                  \
    "attack_from_s: 10\n"                                                                          \
    "attack_to_s: 20\n"                                                                            \
    "factor: 10\n"                                                                                 \
    "groups:\n"                                                                                    \
    "  - {name: known, side: legitimate, keys: known, identities: 10, load: 0.5}\n"                \
    "  - {name: bots, side: attacker, identities: 600, connections: 2}\n"

static inline void scenario_of(const char *text, struct scenario *ret_scenario)
{
    struct err err = {""};
    int r = scenario_read(span_str(text), "s", ret_scenario, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(r, 0);
}
