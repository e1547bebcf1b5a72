/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of one backend that were hung up and on which its engine works on for a while, each with its part of the cache. Pure; by value. */
#pragma once

#include "base/macros.h"

#define LEAVING_MAX 256 /* more count as gone: a bound on memory and time, not on calls */

struct leaving {
    uint32_t count;
    uint64_t kv;      /* of all */
    uint64_t next_ms; /* when the first of them has gone */
    struct {
        uint64_t until_ms, kv;
    } calls[LEAVING_MAX];
};

void leaving_add(struct leaving *leaving, uint64_t kv, uint64_t until_ms);
/* Those whose time is over are gone. O(1) while there are none. */
void leaving_forget(struct leaving *leaving, uint64_t now_ms);
