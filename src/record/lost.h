/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash took, told in one sentence. */
#pragma once

#include "record/tally.h"
#include "store/store.h"

struct lost {
    uint64_t calls;            /* under way */
    uint64_t requests, tokens; /* over, and not in the ledger */
    bool at_least;             /* the tally itself may have lost something */
};

/* What `tally` has and the mark does not. A mark beyond the tally says that the tally is older than what was written. */
void lost_add(struct lost *lost, const struct tally_slot *tally, const struct store_mark *mark);
void lost_add_calls(struct lost *lost, const struct tally_slot *tally);
bool lost_nothing(const struct lost *lost);
/* "" when nothing was lost. */
void lost_write(const struct lost *lost, struct err *ret_sentence);
