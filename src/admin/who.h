/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators and logs call a caller, and the identity it stands for: a key's id ("key_…"), its name, its text or the SHA-256 of its text; an address;
 * "addr_…", which is how an address is shown when only its identity is known.
 *
 * A name that two keys have stands for neither; those that are disabled or expired do not count. Looks at every key once, however many are asked for: store thread.
 */
#pragma once

#include "base/err.h"
#include "base/mac.h"
#include "base/span.h"
#include "identity/keyring.h"

enum who_result { WHO_NONE, WHO_FOUND, WHO_AMBIGUOUS };

struct who {
    struct span text;
    enum who_result result;
    uint64_t id;           /* identity; of WHO_FOUND */
    const struct key *key; /* NULL: an address. The ring's */
    /* Inside. */
    bool by_form, by_digest;
    const struct who *same; /* asks for the same digest */
};

/* Fills all but `text`. 0 or -ENOMEM. */
int who_find(struct who *whos, size_t count, const struct keyring *ring, const struct mac_key *mac, uint64_t wall_ms) must_check;
/* "there is no key or address '…'" and the like, without showing what may be a key's text. */
void who_tell(const struct who *who, struct err *err);

/* How an identity is shown: the id of its key, or "addr_…". Room for 20. */
void who_format(const struct keyring *ring, uint64_t id, char ret_text[20]);
