/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person sees, and what a page asks before anybody has signed in:
 *
 *     /, /chat, /chat/…, /assets/…, …   the chat, a constant of the program (site/assets.h), where it is wanted and was built in
 *     /site.json                        what the service is called, wants and allows (site_info)
 *     /start                            what this is, whether the models are up, and a `curl` line that is ready to run; "/" too, without the chat
 *     /waiting                          how many wait and about how long; looks again by itself without a script, and goes on when nobody waits
 *
 * A page is a whole body with its headers' values, found or built without I/O. Any thread. Links that sign in: site/links.h.
 */
#pragma once

#include "base/buf.h"
#include "site/assets.h"

/* What the request says. */
struct site_ask {
    struct span path, accept_language, accept_encoding, if_none_match;
    bool chat; /* is it wanted here? */
};

/* What the service says of itself to a page. */
struct site_info {
    struct span name;
    bool key_required;
    uint64_t body_bytes_max;
    uint32_t resume_grace_s; /* 0: answers are not resumable */
};

/* What the pages without a script show. */
struct site_facts {
    struct span host; /* Host of the request, already checked; for the curl line */
    bool secure;      /* https */
    const struct span *models;
    const bool *models_up;
    size_t models_count;
    uint32_t waiting;     /* requests, for all models together */
    uint32_t estimate_ms; /* how long a stranger's would wait, at most */
};

struct site_page {
    struct span content_type;
    struct span cache_control;
    struct span
        security_policy; /* Content-Security-Policy; null for what no browser makes a document or a worker of */
    struct span refresh; /* Refresh: when to look again, and where; null: never */
    struct span coding;  /* Content-Encoding; null: none */
    struct span bytes;   /* the body, when it is a constant of the program; null: it was written */
    char tag[SITE_TAG_BYTES]; /* ETag; "": none */
    bool varies;              /* with Accept-Encoding */
    bool unchanged;           /* the asker has it: 304, and no body */
};

/* True when the path is one that needs no facts; then *ret_page is all of it. */
bool site_constant(const struct site_ask *ask, struct site_page *ret_page);

/* True when the path is "/site.json": writes its body. */
bool site_info(struct span path, const struct site_info *info, struct buf *body,
               struct site_page *ret_page);

/* True when the path is a page without a script: writes its body. */
bool site_page(const struct site_ask *ask, const struct site_facts *facts, struct buf *body,
               struct site_page *ret_page);
