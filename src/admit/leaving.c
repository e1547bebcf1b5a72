/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/leaving.h"

void leaving_add(struct leaving *leaving, uint64_t kv, uint64_t until_ms)
{
    if (leaving->count == LEAVING_MAX)
        return;
    leaving->next_ms = leaving->count > 0 ? MIN(leaving->next_ms, until_ms) : until_ms;
    leaving->calls[leaving->count].until_ms = until_ms;
    leaving->calls[leaving->count++].kv = kv;
    leaving->kv += kv;
}

void leaving_forget(struct leaving *leaving, uint64_t now_ms)
{
    if (leaving->count == 0 || now_ms < leaving->next_ms)
        return;
    uint32_t left = 0;
    leaving->next_ms = UINT64_MAX;
    for (uint32_t i = 0; i < leaving->count; i++) {
        if (leaving->calls[i].until_ms <= now_ms) {
            leaving->kv -= leaving->calls[i].kv;
            continue;
        }
        leaving->next_ms = MIN(leaving->next_ms, leaving->calls[i].until_ms);
        leaving->calls[left++] = leaving->calls[i];
    }
    leaving->count = left;
}
