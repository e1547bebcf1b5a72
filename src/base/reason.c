/* SPDX-License-Identifier: Apache-2.0 */
/* The table of base/reason.h as data. */
#include "base/reason.h"

static const struct reason_info reasons[] = {
#define REASON(name, status, type, code, text) {#name, status, type, code, text},
    REASON_TABLE(REASON)
#undef REASON
};

const struct reason_info *reason_info(enum reason reason)
{
    return (unsigned)reason < REASON_COUNT ? &reasons[reason] : &reasons[REASON_INTERNAL];
}
