/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults at run time, for tests: GET /sim/fault lists what is armed, POST /sim/fault arms one:
 *
 *   {"fault": "stall", "rate": 0.1, "times": 3, "seconds": 20}
 *
 * `rate` 1, `times` 1 (0: no limit) and `seconds` 5 unless told. Rate 0 disarms; the fault "none" disarms all. stall and
 * restart without a rate happen at once instead of with a call.
 */
#pragma once

#include "connection.h"

void control_list_faults(struct connection *connection);
void control_arm_fault(struct connection *connection);
