/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be asked of the admin API, as one table; and what each handler is given.
 */
#pragma once

#include "admin/caller.h"
#include "admin/query.h"

/* Spans live until the handler returns. */
struct ask {
    struct caller *caller;
    struct admin *admin;
    struct span id;    /* the path's segment that stands for "*"; null when it has none */
    struct span query; /* null when there is none */
    struct span body;
};

/* Answers the request that `caller` has read, now or later. */
void routes_run(struct caller *caller);

/* route_status.c */
void route_status(const struct ask *ask);
void route_top(const struct ask *ask);
void route_reload(const struct ask *ask);
void route_metrics(const struct ask *ask);
/* route_keys.c */
void route_keys_list(const struct ask *ask);
void route_keys_show(const struct ask *ask);
void route_keys_create(const struct ask *ask);
void route_keys_import(const struct ask *ask);
void route_keys_disable(const struct ask *ask);
void route_keys_enable(const struct ask *ask);
void route_keys_rotate(const struct ask *ask);
void route_keys_limits(const struct ask *ask);
/* route_links.c */
void route_links_create(const struct ask *ask);
/* route_accounts.c */
void route_accounts_list(const struct ask *ask);
void route_accounts_show(const struct ask *ask);
void route_accounts_limits(const struct ask *ask);
/* route_profiles.c */
void route_profiles_list(const struct ask *ask);
void route_profiles_show(const struct ask *ask);
void route_profiles_grant(const struct ask *ask);
void route_profiles_forget(const struct ask *ask);
void route_profiles_import(const struct ask *ask);
/* route_usage.c */
void route_usage(const struct ask *ask);
/* route_explain.c */
void route_explain(const struct ask *ask);
