/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links that sign in once: a token of 128 random bits that is exchanged for a key, within LINK_LIFE_MS and until the process ends.
 *
 *   links_add() ──▶ OPEN ──links_open() with its token──▶ SPENT ──▶ forgotten, when its place is needed
 *                    ├──LINK_LIFE_MS──────────────────────▶┘
 *                    └──its place is needed───────────────▶ forgotten
 *
 * At most LINKS_MAX are remembered; spent ones give way first, then the oldest. Of a token only the SHA-256 is kept. A key's text is wiped the moment its link
 * is no longer OPEN (links_expire() sees to those that nobody asks about). All tokens are compared, each in constant time, so that an answer's time tells nothing.
 *
 * Guessing is hopeless by the token's length and costs a hash and LINKS_MAX comparisons, so nobody is held off for it: a good link works however many wrong ones come
 * with it. Any thread: one lock, held for a microsecond or two.
 */
#pragma once

#include "base/span.h"

#define LINKS_MAX 16
#define LINK_LIFE_MS (15 * 60 * 1000)
#define LINK_TOKEN_BYTES 22 /* base62 */
#define LINK_KEY_BYTES_MAX 512
#define LINK_NAME_BYTES_MAX 100

struct links;

struct link_key {
    char text[LINK_KEY_BYTES_MAX + 1];
    char name[LINK_NAME_BYTES_MAX + 1];
};

enum link_verdict {
    LINK_GOOD,
    LINK_UNKNOWN, /* no such link */
    LINK_USED     /* it was opened before, or is too old */
};

struct links *links_new(void) must_check;
/* Wipes all. Accepts NULL. */
void links_free(struct links *links);

/* A link for the key of that text: 0 and its token, or -EINVAL when text or name is too long. `now_ms` is monotonic. */
int links_add(struct links *links, struct span text, struct span name, uint64_t now_ms,
              char ret_token[LINK_TOKEN_BYTES + 1]) must_check;

/* LINK_GOOD, *ret_key (the caller wipes it), and the link is spent; else *ret_key is untouched. */
enum link_verdict links_open(struct links *links, struct span token, uint64_t now_ms,
                             struct link_key *ret_key);

/* Wipes the keys of links that are too old. */
void links_expire(struct links *links, uint64_t now_ms);
