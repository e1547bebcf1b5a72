/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages a person sees: what this is, whether the model is up, and a `curl` line that is ready to run; and one to wait on, which says how many wait and about
 * how long, looks again by itself without a script, and goes on to the first when nobody waits.
 *
 * A page is a whole body with its headers' values, built without I/O. Any thread.
 */
#pragma once

#include "base/buf.h"

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
    struct span security_policy; /* Content-Security-Policy; null for what is no document */
    struct span refresh;         /* Refresh: when to look again, and where; null: never */
    bool may_cache;
};

/* True when `path` is a page ("/", "/waiting", "/favicon.svg", "/robots.txt", "/seawall.css"): writes its body. */
bool site_page(struct span path, struct span accept_language, const struct site_facts *facts,
               struct buf *body, struct site_page *ret_page);
