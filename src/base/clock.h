/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks. Rooms do not call these: time reaches them as a number. The loop reads them once an iteration.
 */
#pragma once

#include "base/macros.h"

C_LINKAGE_BEGIN

uint64_t clock_mono_us(void); /* CLOCK_MONOTONIC, microseconds */
uint64_t clock_wall_ms(void); /* CLOCK_REALTIME, milliseconds since 1970 */

C_LINKAGE_END
