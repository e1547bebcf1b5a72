/* SPDX-License-Identifier: Apache-2.0 */
#include "routes.h"

#include "base/json_out.h"
#include "call.h"
#include "control.h"

static void serve_chat(struct connection *connection)
{
    call_start(connection, ASK_CHAT);
}

static void serve_completion(struct connection *connection)
{
    call_start(connection, ASK_COMPLETION);
}

static void serve_embeddings(struct connection *connection)
{
    call_start(connection, ASK_EMBEDDINGS);
}

static void serve_health(struct connection *connection)
{
    connection_answer(connection, 200, SPAN("text/plain"), SPAN(""));
}

static void serve_metrics(struct connection *connection)
{
    struct server *server = connection->server;
    struct engine_stats stats;
    engine_stats(server->engine, &stats);
    buf_clear(&server->scratch);
    meters_write(&server->meters, &stats, &server->options->preset, &server->scratch);
    connection_answer(connection, 200, SPAN("text/plain; version=0.0.4; charset=utf-8"),
                      buf_span(&server->scratch));
}

static void serve_models(struct connection *connection)
{
    struct server *server = connection->server;
    buf_clear(&server->scratch);
    struct json_out out = json_out_start(&server->scratch);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("object"));
    json_out_string(&out, SPAN("list"));
    json_out_key(&out, SPAN("data"));
    json_out_open(&out, '[');
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("id"));
    json_out_string(&out, span_str(server->options->preset.model.name));
    json_out_key(&out, SPAN("object"));
    json_out_string(&out, SPAN("model"));
    json_out_key(&out, SPAN("created"));
    json_out_u64(&out, loop_wall_ms(server->loop) / 1000);
    json_out_key(&out, SPAN("owned_by"));
    json_out_string(&out, SERVER_NAME);
    json_out_key(&out, SPAN("max_model_len"));
    json_out_u64(&out, engine_context(server->engine));
    json_out_close(&out, '}');
    json_out_close(&out, ']');
    json_out_close(&out, '}');
    connection_answer(connection, 200, SPAN("application/json"), buf_span(&server->scratch));
}

static const struct route {
    enum http_method method;
    struct span path;
    void (*serve)(struct connection *connection);
    bool is_open;    /* asks for no key */
    bool is_control; /* is there with --control only */
} routes[] = {
    {HTTP_POST, SPAN("/v1/chat/completions"), serve_chat, false, false},
    {HTTP_POST, SPAN("/v1/completions"), serve_completion, false, false},
    {HTTP_POST, SPAN("/v1/embeddings"), serve_embeddings, false, false},
    {HTTP_GET, SPAN("/v1/models"), serve_models, false, false},
    {HTTP_GET, SPAN("/health"), serve_health, true, false},
    {HTTP_GET, SPAN("/metrics"), serve_metrics, true, false},
    {HTTP_GET, SPAN("/sim/fault"), control_list_faults, false, true},
    {HTTP_POST, SPAN("/sim/fault"), control_arm_fault, false, true},
};

static bool is_allowed(const struct connection *connection)
{
    const char *key = connection->server->options->api_key;
    struct span given = http_request_header(connection->reader, SPAN("authorization"));
    struct span scheme = SPAN("Bearer ");
    return !key || (span_starts(given, scheme) &&
                    span_eq_constant_time(span_skip(given, scheme.len), span_str(key)));
}

void routes_serve(struct connection *connection)
{
    struct span path = http_request_path(connection->reader);
    bool path_known = false;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        const struct route *route = &routes[i];
        if (!span_eq(route->path, path) ||
            (route->is_control && !connection->server->options->control))
            continue;
        path_known = true;
        if (route->method != http_request_method(connection->reader))
            continue;
        if (!route->is_open && !is_allowed(connection))
            connection_fail(connection, 401, "this key is not known");
        else
            route->serve(connection);
        return;
    }
    if (path_known)
        connection_fail(connection, 405, "this path has other methods");
    else
        connection_fail(connection, 404, "there is nothing here");
}
