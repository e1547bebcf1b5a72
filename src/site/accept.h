/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a browser says it takes, and what it has already (RFC 9110, sections 8.8.3, 12.4.2 and 12.5.3). Pure; any thread. Lists are looked at as far as
 * ACCEPT_ENTRIES_MAX; what cannot be read counts as not said.
 */
#pragma once

#include "base/span.h"

#define ACCEPT_ENTRIES_MAX 32

/* Ways in which the same bytes may be sent, from the longest to the shortest. */
enum site_coding { SITE_IDENTITY, SITE_GZIP, SITE_BROTLI, SITE_CODINGS };

/* "gzip", "br"; null for SITE_IDENTITY, which is never named. */
struct span accept_coding_name(enum site_coding coding);

/* The quality of ";q=0.8" (without its ';') in thousandths; 1000 when there is none, 0 for what cannot be read. */
unsigned accept_quality(struct span parameters);

/* Of the codings that `offered` has as bits (1 << coding; identity is always one) the one that Accept-Encoding wants most; among equals the shortest. A list
 * that allows none of them gets identity, as if it had not been sent: better than no page. */
enum site_coding accept_coding(struct span accept_encoding, unsigned offered);

/* True when If-None-Match names `tag` (with its quotes), strongly or weakly, or is "*". */
bool accept_has(struct span if_none_match, struct span tag);
