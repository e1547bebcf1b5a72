/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/routes.h"

#include "admin/admin_internal.h"

struct route {
    enum caller_kind kind;
    enum http_method method;
    const char *path; /* "*" stands for one segment */
    void (*run)(const struct ask *ask);
};

static const struct route routes[] = {
    {CALLER_API, HTTP_GET, "/status", route_status},
    {CALLER_API, HTTP_GET, "/top", route_top},
    {CALLER_API, HTTP_POST, "/reload", route_reload},
    {CALLER_API, HTTP_GET, "/keys", route_keys_list},
    {CALLER_API, HTTP_POST, "/keys", route_keys_create},
    {CALLER_API, HTTP_POST, "/keys/import", route_keys_import},
    {CALLER_API, HTTP_GET, "/keys/*", route_keys_show},
    {CALLER_API, HTTP_POST, "/keys/*/disable", route_keys_disable},
    {CALLER_API, HTTP_POST, "/keys/*/enable", route_keys_enable},
    {CALLER_API, HTTP_POST, "/keys/*/rotate", route_keys_rotate},
    {CALLER_API, HTTP_POST, "/keys/*/limits", route_keys_limits},
    {CALLER_API, HTTP_POST, "/links", route_links_create},
    {CALLER_API, HTTP_GET, "/accounts", route_accounts_list},
    {CALLER_API, HTTP_GET, "/accounts/*", route_accounts_show},
    {CALLER_API, HTTP_POST, "/accounts/*/limits", route_accounts_limits},
    {CALLER_API, HTTP_GET, "/profiles", route_profiles_list},
    {CALLER_API, HTTP_GET, "/profiles/show", route_profiles_show},
    {CALLER_API, HTTP_POST, "/profiles/grant", route_profiles_grant},
    {CALLER_API, HTTP_POST, "/profiles/forget", route_profiles_forget},
    {CALLER_API, HTTP_POST, "/profiles/import", route_profiles_import},
    {CALLER_API, HTTP_GET, "/usage", route_usage},
    {CALLER_API, HTTP_GET, "/requests/*", route_explain},
    {CALLER_METRICS, HTTP_GET, "/metrics", route_metrics},
};

static bool matches(const char *pattern, struct span path, struct span *ret_id)
{
    struct span want = span_str(pattern), wanted, given;
    struct span id = SPAN_NULL;
    for (;;) {
        bool more_wanted = span_split(&want, '/', &wanted);
        bool more_given = span_split(&path, '/', &given);
        if (!more_wanted || !more_given) {
            if (more_wanted != more_given)
                return false;
            *ret_id = id;
            return true;
        }
        if (span_eq(wanted, SPAN("*")) && given.len > 0)
            id = given;
        else if (!span_eq(wanted, given))
            return false;
    }
}

/* A literal path stands before the pattern that would take it too, so the first match counts. */
static const struct route *find(enum caller_kind kind, enum http_method method, struct span path,
                                struct ask *ask, const struct route **ret_other)
{
    if (method == HTTP_HEAD)
        method = HTTP_GET;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        const struct route *route = &routes[i];
        if (route->kind != kind || !matches(route->path, path, &ask->id))
            continue;
        if (route->method == method)
            return route;
        if (!*ret_other)
            *ret_other = route;
    }
    return NULL;
}

void routes_run(struct caller *caller)
{
    struct http_request *request = caller_request(caller);
    struct ask ask = {.caller = caller,
                      .admin = caller_admin(caller),
                      .query = http_request_query(request),
                      .body = http_request_body(request)};
    const struct route *other = NULL;
    const struct route *route = find(caller_kind(caller), http_request_method(request),
                                     http_request_path(request), &ask, &other);
    if (route) {
        route->run(&ask);
    } else if (other) {
        bool both = span_eq(span_str(other->path), SPAN("/keys"));
        caller_answer_method(caller, both                        ? SPAN("GET, HEAD, POST")
                                     : other->method == HTTP_GET ? SPAN("GET, HEAD")
                                                                 : SPAN("POST"));
    } else {
        struct span path = http_request_path(request);
        caller_answer_error(caller, 404, "there is no '%.*s' here", (int)MIN(path.len, (size_t)200),
                            path.ptr);
    }
}
