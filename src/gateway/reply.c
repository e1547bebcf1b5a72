/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/reply.h"

#include "gateway/budgeting.h"
#include "gateway/client.h"
#include "gateway/reduction.h"
#include "gateway/worker.h"
#include "http/answer.h"
#include "site/site.h"

#define PREFLIGHT_HEADERS_MAX 1024

void reply_common_headers(struct request *request, struct buf *head)
{
    http_answer_header(head, SPAN("x-request-id"), span_of(request->id, REQUEST_ID_BYTES));
    if (request->catalog->config->class_header && request->turn_state != TURN_NONE)
        http_answer_header(head, SPAN("Seawall-Class"), fair_class_name(request->turn.place.class));
    budgeting_headers(request, head);
    /* What another origin would have got is not for this one's cache (Fetch, "CORS protocol and HTTP caches"). */
    if (request->catalog->config->cors_origins_count > 0)
        http_answer_header(head, SPAN("Vary"), SPAN("Origin"));
    if (span_is_null(request->origin))
        return;
    http_answer_header(head, SPAN("Access-Control-Allow-Origin"), request->origin);
    http_answer_header(head, SPAN("Access-Control-Expose-Headers"),
                       SPAN("x-request-id, retry-after, seawall-ticket, seawall-reduced, seawall-class, "
                            "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
                            "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
                            "x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"));
}

/* Is input of this request still to come? Then the connection cannot serve another one. A body that nobody wants but that is here already is
 * passed over, so that a refusal costs its client no connection. */
static bool input_left(struct request *request)
{
    struct http_request *reader = client_reader(request->client);
    enum http_request_state state = http_request_state(reader);
    if (state == HTTP_REQUEST_HEAD_DONE && http_request_has_body(reader))
        state = http_request_read_body(reader);
    return state != HTTP_REQUEST_HEAD_DONE && state != HTTP_REQUEST_DONE;
}

/* Ends the head and writes it with the body, as one. */
static enum step_result send_whole(struct request *request, unsigned status, struct span body)
{
    struct buf *head = &request->worker->head;
    struct record *record = &request->record;
    if (input_left(request) || request->worker->draining)
        request->keep_alive = false;
    http_answer_end(head, status == 204 ? HTTP_BODY_NONE : HTTP_BODY_LENGTH, body.len,
                    request->keep_alive);
    if (buf_status(head) < 0) {
        request->keep_alive = false;
        record->reason = REASON_INTERNAL;
        return STEP_ANSWERED;
    }
    struct span parts[2] = {buf_span(head), request->method == HTTP_HEAD ? SPAN("") : body};
    ssize_t queued = client_write(request->client, parts, 2);
    if (queued < 0) {
        request->client_gone = true;
        record->reason = REASON_CLIENT_GONE;
        return STEP_ANSWERED;
    }
    record->status = status;
    record->bytes_out = parts[1].len;
    request->head_sent = true;
    request->end_sent = true;
    return STEP_ANSWERED;
}

static struct buf *start_head(struct request *request, unsigned status)
{
    struct buf *head = &request->worker->head;
    buf_clear(head);
    http_answer_start(head, status, worker_date(request->worker));
    reply_common_headers(request, head);
    return head;
}

enum step_result reply_json(struct request *request, unsigned status, struct span body)
{
    struct buf *head = start_head(request, status);
    http_answer_header(head, SPAN("Content-Type"), SPAN("application/json"));
    reduction_header(request, head);
    return send_whole(request, status, body);
}

enum step_result reply_refusal(struct request *request)
{
    const struct reason_info *info = reason_info(request->refusal.reason);
    struct buf *body = &request->worker->out;
    buf_clear(body);
    refusal_write(body, &request->refusal, span_of(request->id, REQUEST_ID_BYTES));
    if (buf_status(body) < 0)
        buf_clear(body);

    struct buf *head = start_head(request, info->status);
    http_answer_header(head, SPAN("Content-Type"), SPAN("application/json"));
    if (info->status == 401)
        http_answer_header(head, SPAN("WWW-Authenticate"), SPAN("Bearer"));
    if (info->status == 405)
        http_answer_header(head, SPAN("Allow"), endpoint_methods(request->endpoint));
    if (info->status == 415) /* RFC 9110, section 15.5.16 */
        http_answer_header(head, SPAN("Accept-Encoding"), SPAN("identity"));
    if (request->refusal.retry_after_s > 0) {
        char text[16];
        int len = snprintf(text, sizeof(text), "%u", request->refusal.retry_after_s);
        http_answer_header(head, SPAN("Retry-After"), span_of(text, (size_t)len));
    }
    if (request->refusal.retry_after_s > 0 && !span_is_null(request->ticket))
        http_answer_header(head, SPAN("Seawall-Ticket"), request->ticket);
    return send_whole(request, info->status, buf_span(body));
}

/* A list of header names and nothing else: what may be named back. */
static bool is_token_list(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool token = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == ',' || c == ' ';
        if (!token)
            return false;
    }
    return text.len > 0 && text.len <= PREFLIGHT_HEADERS_MAX;
}

static enum step_result answer_options(struct request *request, bool preflight)
{
    const struct http_request *head_in = client_reader(request->client);
    struct buf *head = start_head(request, 204);
    http_answer_header(head, SPAN("Allow"), endpoint_methods(request->endpoint));
    if (preflight) {
        char age[16];
        int len = snprintf(age, sizeof(age), "%u", request->catalog->config->cors_max_age_s);
        struct span asked = http_request_header(head_in, SPAN("access-control-request-headers"));
        http_answer_header(head, SPAN("Access-Control-Allow-Methods"),
                           SPAN("GET, HEAD, POST, OPTIONS"));
        http_answer_header(
            head, SPAN("Access-Control-Allow-Headers"),
            is_token_list(asked) ? asked : SPAN("authorization, content-type, x-request-id, seawall-ticket"));
        http_answer_header(head, SPAN("Access-Control-Max-Age"), span_of(age, (size_t)len));
    }
    return send_whole(request, 204, SPAN(""));
}

/* The Host of the request, if it is one that may stand in a page; else the address the operator knows. */
static struct span page_host(struct span host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
        if (!plain)
            return SPAN("localhost");
    }
    return host.len > 0 && host.len < 256 ? host : SPAN("localhost");
}

static void look_at_gates(const struct catalog *catalog, struct site_facts *facts)
{
    for (size_t i = 0; i < catalog->models_count; i++) {
        struct gate_outlook outlook = turnstile_outlook(catalog->models[i].turnstile, FAIR_UNKNOWN);
        facts->waiting += outlook.waiting;
        facts->estimate_ms = MAX(facts->estimate_ms, outlook.wait_ms);
    }
}

enum step_result reply_page(struct request *request)
{
    const struct http_request *head_in = client_reader(request->client);
    const struct catalog *catalog = request->catalog;
    struct buf *body = &request->worker->out;

    size_t count = catalog->models_count;
    struct span *names = arena_alloc(request->arena, (count + 1) * sizeof(*names));
    bool *up = arena_alloc(request->arena, (count + 1) * sizeof(*up));
    if (!names || !up)
        return request_refuse(request, REASON_INTERNAL, NULL);
    for (size_t i = 0; i < count; i++) {
        names[i] = catalog->models[i].name;
        up[i] = pool_available(catalog->models[i].pool, loop_now_ms(request->worker->loop));
    }
    struct site_facts facts = {.host = page_host(http_request_header(head_in, SPAN("host"))),
                               .models = names,
                               .models_up = up,
                               .models_count = count};
    look_at_gates(catalog, &facts);
    struct site_page page;
    buf_clear(body);
    if (!site_page(http_request_path(head_in),
                   http_request_header(head_in, SPAN("accept-language")), &facts, body, &page))
        return request_refuse(request, REASON_NO_ROUTE, NULL);
    if (request->method == HTTP_OPTIONS)
        return answer_options(request, false);
    if (request->method != HTTP_GET && request->method != HTTP_HEAD)
        return request_refuse(request, REASON_BAD_METHOD, NULL);
    if (buf_status(body) < 0)
        return request_refuse(request, REASON_INTERNAL, NULL);

    struct buf *head = start_head(request, 200);
    http_answer_header(head, SPAN("Content-Type"), page.content_type);
    if (!span_is_null(page.security_policy)) {
        http_answer_header(head, SPAN("Content-Security-Policy"), page.security_policy);
        http_answer_header(head, SPAN("Referrer-Policy"), SPAN("no-referrer"));
    }
    if (!span_is_null(page.refresh))
        http_answer_header(head, SPAN("Refresh"), page.refresh);
    http_answer_header(head, SPAN("X-Content-Type-Options"), SPAN("nosniff"));
    http_answer_header(head, SPAN("Cache-Control"),
                       page.may_cache ? SPAN("public, max-age=3600") : SPAN("no-store"));
    return send_whole(request, 200, buf_span(body));
}

/* A preflight is allowed wherever it goes, so that the script behind it may read the 404 that it gets. */
enum step_result reply_options(struct request *request)
{
    const struct http_request *head_in = client_reader(request->client);
    bool preflight =
        !span_is_null(http_request_header(head_in, SPAN("access-control-request-method")));
    if (preflight && span_is_null(request->origin))
        return request_refuse(request, REASON_ORIGIN_NOT_ALLOWED, NULL);
    bool whole_server = span_eq(http_request_path(head_in), SPAN("*"));
    if (!preflight && !whole_server && request->endpoint == ENDPOINT_NONE)
        return reply_page(request); /* it knows which pages there are */
    return answer_options(request, preflight);
}
