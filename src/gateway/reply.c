/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/reply.h"

#include "base/json_out.h"
#include "gateway/budgeting.h"
#include "gateway/client.h"
#include "gateway/reduction.h"
#include "gateway/worker.h"
#include "http/answer.h"
#include "identity/identity.h"
#include "site/site.h"

#define PREFLIGHT_HEADERS_MAX 1024

/* What another origin would have got is not for this one's cache (Fetch, "CORS protocol and HTTP caches"). */
static void vary_header(const struct request *request, struct buf *head, bool coded)
{
    bool origins = request->catalog->config->cors_origins_count > 0;
    if (origins || coded)
        http_answer_header(head, SPAN("Vary"),
                           origins && coded ? SPAN("Origin, Accept-Encoding")
                           : coded          ? SPAN("Accept-Encoding")
                                            : SPAN("Origin"));
}

/* `coded`: the body may come in other codings. */
static void common_headers(struct request *request, struct buf *head, bool coded)
{
    http_answer_header(head, SPAN("x-request-id"), span_of(request->id, REQUEST_ID_BYTES));
    if (request->catalog->config->class_header && request->turn_state != TURN_NONE)
        http_answer_header(head, SPAN("Seawall-Class"), fair_class_name(request->turn.place.class));
    budgeting_headers(request, head);
    vary_header(request, head, coded);
    if (span_is_null(request->origin))
        return;
    http_answer_header(head, SPAN("Access-Control-Allow-Origin"), request->origin);
    http_answer_header(head, SPAN("Access-Control-Expose-Headers"),
                       SPAN("x-request-id, retry-after, seawall-ticket, seawall-reduced, seawall-class, seawall-stream, "
                            "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
                            "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
                            "x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"));
}

void reply_common_headers(struct request *request, struct buf *head)
{
    common_headers(request, head, false);
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

/* A body that is scratch is copied as far as the wire does not take it at once; one that is a constant of the program never is. */
enum body_kind { BODY_SCRATCH, BODY_CONSTANT };

/* Ends the head and writes it with the body, as one. */
static enum step_result send_kind(struct request *request, unsigned status, struct span body, enum body_kind kind)
{
    struct buf *head = &request->worker->head;
    struct record *record = &request->record;
    if (input_left(request) || request->worker->draining)
        request->keep_alive = false;
    http_answer_end(head, status == 204 || status == 304 ? HTTP_BODY_NONE : HTTP_BODY_LENGTH, body.len,
                    request->keep_alive);
    if (buf_status(head) < 0) {
        request->keep_alive = false;
        record->reason = REASON_INTERNAL;
        return STEP_ANSWERED;
    }
    struct span parts[2] = {buf_span(head), request->method == HTTP_HEAD ? SPAN("") : body};
    ssize_t queued = kind == BODY_CONSTANT ? client_write_constant(request->client, parts[0], parts[1])
                                           : client_write(request->client, parts, 2);
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

static enum step_result send_whole(struct request *request, unsigned status, struct span body)
{
    return send_kind(request, status, body, BODY_SCRATCH);
}

static struct buf *start_coded_head(struct request *request, unsigned status, bool coded)
{
    struct buf *head = &request->worker->head;
    buf_clear(head);
    http_answer_start(head, status, worker_date(request->worker));
    common_headers(request, head, coded);
    return head;
}

static struct buf *start_head(struct request *request, unsigned status)
{
    return start_coded_head(request, status, false);
}

static bool is_link_path(const struct request *request)
{
    return request->endpoint == ENDPOINT_NONE && request->catalog->config->chat &&
           span_eq(http_request_path(client_reader(request->client)), SPAN("/sign-in/link"));
}

static struct span allowed_methods(const struct request *request)
{
    return is_link_path(request) ? SPAN("POST, OPTIONS") : endpoint_methods(request->endpoint);
}

enum step_result reply_json(struct request *request, unsigned status, struct span body)
{
    request_settle(request);
    struct buf *head = start_head(request, status);
    http_answer_header(head, SPAN("Content-Type"), SPAN("application/json"));
    reduction_header(request, head);
    return send_whole(request, status, body);
}

enum step_result reply_empty(struct request *request)
{
    (void)start_head(request, 204);
    return send_whole(request, 204, SPAN(""));
}

enum step_result reply_refusal(struct request *request)
{
    const struct reason_info *info = reason_info(request->refusal.reason);
    struct buf *body = &request->worker->out;
    request_settle(request);
    buf_clear(body);
    refusal_write(body, &request->refusal, span_of(request->id, REQUEST_ID_BYTES));
    if (buf_status(body) < 0)
        buf_clear(body);

    struct buf *head = start_head(request, info->status);
    http_answer_header(head, SPAN("Content-Type"), SPAN("application/json"));
    if (info->status == 401)
        http_answer_header(head, SPAN("WWW-Authenticate"), SPAN("Bearer"));
    if (info->status == 405)
        http_answer_header(head, SPAN("Allow"), allowed_methods(request));
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
    http_answer_header(head, SPAN("Allow"), allowed_methods(request));
    if (preflight) {
        char age[16];
        int len = snprintf(age, sizeof(age), "%u", request->catalog->config->cors_max_age_s);
        struct span asked = http_request_header(head_in, SPAN("access-control-request-headers"));
        http_answer_header(head, SPAN("Access-Control-Allow-Methods"),
                           SPAN("GET, HEAD, POST, DELETE, OPTIONS"));
        http_answer_header(
            head, SPAN("Access-Control-Allow-Headers"),
            is_token_list(asked) ? asked : SPAN("authorization, content-type, x-request-id, last-event-id, seawall-ticket, "
                                               "seawall-resumable, seawall-progress"));
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

/* What the pages without a script show. 0 or -ENOMEM. */
static int gather_facts(struct request *request, struct site_facts *ret_facts)
{
    const struct catalog *catalog = request->catalog;
    size_t count = catalog->models_count;
    struct span *names = arena_alloc(request->arena, (count + 1) * sizeof(*names));
    bool *up = arena_alloc(request->arena, (count + 1) * sizeof(*up));
    if (!names || !up)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        names[i] = catalog->models[i].name;
        up[i] = pool_available(catalog->models[i].pool, loop_now_ms(request->worker->loop));
    }
    struct span host = http_request_header(client_reader(request->client), SPAN("host"));
    *ret_facts = (struct site_facts){
        .host = page_host(host), .models = names, .models_up = up, .models_count = count};
    look_at_gates(catalog, ret_facts);
    return 0;
}

static struct site_info info_of(const struct config *config)
{
    return (struct site_info){.name = config->name,
                              .key_required = config->keys == CONFIG_KEYS_REQUIRED,
                              .body_bytes_max = config->body_bytes_max,
                              .resume_grace_s = (config->resume_grace_ms + 999) / 1000};
}

/* 1: there is such a page, and its body lies in `out` or is a constant; 0: there is none; -ENOMEM. */
static int find_page(struct request *request, struct buf *out, struct site_page *ret_page)
{
    const struct http_request *head_in = client_reader(request->client);
    const struct config *config = request->catalog->config;
    struct site_ask ask = {
        .path = http_request_path(head_in),
        .accept_language = http_request_header(head_in, SPAN("accept-language")),
        .accept_encoding = http_request_header(head_in, SPAN("accept-encoding")),
        .if_none_match = http_request_header(head_in, SPAN("if-none-match")),
        .chat = config->chat};
    struct site_info info = info_of(config);
    struct site_facts facts;

    buf_clear(out);
    if (site_constant(&ask, ret_page) || site_info(ask.path, &info, out, ret_page))
        return 1;
    if (gather_facts(request, &facts) < 0)
        return -ENOMEM;
    return site_page(&ask, &facts, out, ret_page);
}

/* What a document may do beside loading things: nothing that a chat needs, and no hold on other windows. */
static void document_headers(struct buf *head, struct span policy)
{
    http_answer_header(head, SPAN("Content-Security-Policy"), policy);
    http_answer_header(head, SPAN("Referrer-Policy"), SPAN("no-referrer"));
    http_answer_header(head, SPAN("Cross-Origin-Opener-Policy"), SPAN("same-origin"));
    http_answer_header(head, SPAN("Permissions-Policy"),
                       SPAN("camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), "
                            "payment=(), usb=()"));
}

static enum step_result send_page(struct request *request, const struct site_page *page, struct span body)
{
    struct buf *head = start_coded_head(request, page->unchanged ? 304 : 200, page->varies);
    http_answer_header(head, SPAN("Content-Type"), page->content_type);
    if (!span_is_null(page->security_policy))
        document_headers(head, page->security_policy);
    if (!span_is_null(page->refresh))
        http_answer_header(head, SPAN("Refresh"), page->refresh);
    http_answer_header(head, SPAN("X-Content-Type-Options"), SPAN("nosniff"));
    http_answer_header(head, SPAN("Cross-Origin-Resource-Policy"), SPAN("same-origin"));
    http_answer_header(head, SPAN("Cache-Control"), page->cache_control);
    if (page->tag[0] != '\0')
        http_answer_header(head, SPAN("ETag"), span_str(page->tag));
    if (page->unchanged)
        return send_whole(request, 304, SPAN(""));
    if (!span_is_null(page->coding))
        http_answer_header(head, SPAN("Content-Encoding"), page->coding);
    return send_kind(request, 200, body, span_is_null(page->bytes) ? BODY_SCRATCH : BODY_CONSTANT);
}

/* The token of "Link …", as of any other scheme (RFC 9110, section 11.4); empty when there is none. */
static struct span link_token(struct span authorization)
{
    struct span scheme;
    if (!span_split(&authorization, ' ', &scheme) || !span_eq_nocase(scheme, SPAN("link")))
        return SPAN("");
    return span_trim(authorization);
}

/* A link that signs in becomes its key. No copy of it stays here but what the wire has not taken yet. */
static enum step_result reply_link(struct request *request)
{
    struct worker *worker = request->worker;
    struct span authorization =
        http_request_header(client_reader(request->client), SPAN("authorization"));
    struct link_key key;
    if (request->method != HTTP_POST)
        return request_refuse(request, REASON_BAD_METHOD, NULL);
    enum link_verdict verdict =
        links_open(worker->links, link_token(authorization), loop_now_ms(worker->loop), &key);
    if (verdict != LINK_GOOD)
        return request_refuse(request, verdict == LINK_USED ? REASON_LINK_USED : REASON_LINK_UNKNOWN, NULL);

    buf_clear(&worker->out);
    struct json_out out = json_out_start(&worker->out);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("key"));
    json_out_string(&out, span_str(key.text));
    json_out_key(&out, SPAN("name"));
    json_out_string(&out, span_str(key.name));
    json_out_close(&out, '}');
    explicit_bzero(&key, sizeof(key));
    if (buf_status(&worker->out) < 0)
        return request_refuse(request, REASON_INTERNAL, NULL);

    struct buf *head = start_head(request, 200);
    http_answer_header(head, SPAN("Content-Type"), SPAN("application/json"));
    http_answer_header(head, SPAN("Cache-Control"), SPAN("no-store"));
    enum step_result result = send_whole(request, 200, buf_span(&worker->out));
    explicit_bzero(worker->out.ptr, worker->out.len);
    return result;
}

enum step_result reply_page(struct request *request)
{
    if (is_link_path(request))
        return request->method == HTTP_OPTIONS ? answer_options(request, false) : reply_link(request);
    struct buf *out = &request->worker->out;
    struct site_page page;
    int found = find_page(request, out, &page);
    if (found < 0)
        return request_refuse(request, REASON_INTERNAL, NULL);
    if (found == 0)
        return request_refuse(request, REASON_NO_ROUTE, NULL);
    if (request->method == HTTP_OPTIONS)
        return answer_options(request, false);
    if (request->method != HTTP_GET && request->method != HTTP_HEAD)
        return request_refuse(request, REASON_BAD_METHOD, NULL);
    if (buf_status(out) < 0)
        return request_refuse(request, REASON_INTERNAL, NULL);
    return send_page(request, &page, span_is_null(page.bytes) ? buf_span(out) : page.bytes);
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
