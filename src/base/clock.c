/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the clocks. A kernel that has neither is not one we run on. */
#include "base/clock.h"

static struct timespec clock_read(clockid_t id)
{
    struct timespec now;
    check(clock_gettime(id, &now) == 0);
    return now;
}

uint64_t clock_mono_us(void)
{
    struct timespec now = clock_read(CLOCK_MONOTONIC);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void)
{
    struct timespec now = clock_read(CLOCK_REALTIME);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
