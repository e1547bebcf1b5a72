/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What strangers wrote, for a log, without the keys in it: people paste keys into URLs, and programs into names.
 *
 * Two kinds are known: whatever begins like a key of ours keeps its id and loses the rest, whether it is a key or not; and the key that this
 * very request presents, of any form. An imported key of another form that stands somewhere and is not presented cannot be told from other
 * text. Any thread.
 */
#pragma once

#include "base/arena.h"

#define REDACT_BYTES_MAX 128

/* A copy of at most `len_max` (up to REDACT_BYTES_MAX) bytes of `text`. `presented`: the key's text as keyring_bearer() found it, or null; one that
 * no key can have, because it is too short or too long, is passed over. Null when `text` is or when out of memory. */
struct span redact_keys(struct arena *arena, struct span text, size_t len_max,
                        struct span presented) must_check;
