/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The corridor: the path of one request, top to bottom. Each step lives in the room of its name; what it finds goes into the
 * request, what it refuses is answered here, in the caller's format, with the room's reason.
 */
#include "gateway/request.h"

#include "base/clock.h"
#include "gateway/admission.h"
#include "gateway/budgeting.h"
#include "gateway/client.h"
#include "gateway/reduction.h"
#include "gateway/reply.h"
#include "gateway/response_path.h"
#include "gateway/resuming.h"
#include "gateway/worker.h"
#include "identity/redact.h"

#include <stdarg.h>

#define RETRY_AFTER_S                                                                              \
    2 /* with a 503: as long as a restart of a gateway or of the embedded model takes */

#define ASK_GROWTH_BYTES 256 /* by which the engine's body may be longer than the client's: the model's name, our members */

static enum step_result step_route(struct request *request);
static enum step_result step_identify(struct request *request);
static enum step_result step_receive(struct request *request);
static enum step_result step_understand(struct request *request);
static enum step_result step_decide(struct request *request);
static enum step_result step_admit(struct request *request);
static enum step_result step_relay(struct request *request);
static enum step_result step_record(struct request *request);

static const struct step request_path[] = {
    {"route", step_route},           /* which endpoint; pages and preflights end here   */
    {"identify", step_identify},     /* whose key: before a byte of the body is read    */
    {"receive", step_receive},       /* the whole body, within its size and deadlines   */
    {"understand", step_understand}, /* JSON to one inference; which model, its caps    */
    {"decide", step_decide},         /* its class; on a pressed pool, what to leave away */
    {"admit", step_admit},           /* its price and its turn; parks until it has one  */
    {"relay", step_relay},           /* a model's server works; parks until it is over  */
    {"record", step_record},         /* charge, log, count: every request comes here    */
};

static const struct step *const step_last = &request_path[COUNT_OF(request_path) - 1];

void request_run(struct request *request)
{
    for (;;) {
        const struct step *step = request->at;
        enum step_result result = step->fn(request);
        if (step == step_last)
            return; /* the request is gone */
        if (result == STEP_WAIT)
            return;
        request->at = result == STEP_NEXT ? step + 1 : step_last;
    }
}

void request_over(struct request *request)
{
    request->at = step_last;
    request_run(request);
}

void request_abort(struct request *request, enum reason reason)
{
    response_stop(request);
    request->client_gone = true;
    request->keep_alive = false;
    if (!request->end_sent) /* else it has all it asked for */
        request->record.reason = reason;
    request_over(request);
}

enum step_result request_refuse(struct request *request, enum reason reason, const char *format,
                                ...)
{
    if (request->refusal.reason == REASON_OK) {
        request->refusal.reason = reason;
        if (format) {
            va_list arguments;
            va_start(arguments, format);
            vsnprintf(request->refusal.message.text, sizeof(request->refusal.message.text), format,
                      arguments);
            va_end(arguments);
        }
    }
    if (reason_info(request->refusal.reason)->status == 503 && request->refusal.retry_after_s == 0)
        request->refusal.retry_after_s = RETRY_AFTER_S;
    return reply_refusal(request);
}

/* What the log needs of the head: copies, since the head's memory goes when the body comes. */
static void note_head(struct request *request, const struct http_request *head)
{
    struct record *record = &request->record;
    struct arena *arena = request->arena;
    struct span key = keyring_bearer(http_request_header(head, SPAN("authorization")));
    char room[65];

    record->method = arena_copy(arena, span_take(http_request_method_text(head), 16));
    record->path = redact_keys(arena, http_request_path(head), 128, key);
    record->user_agent = redact_keys(arena, http_request_header(head, SPAN("user-agent")), 64, key);
    struct span ticket = http_request_header(head, SPAN("seawall-ticket"));
    if (!span_is_null(ticket))
        request->brought_ticket = arena_copy(arena, span_take(ticket, TICKET_TEXT_BYTES + 1)); /* a longer one is none */
    record->client_request_id = redact_keys(
        arena, request_id_of_client(http_request_header(head, SPAN("x-request-id")), room), 64, key);
}

static struct request *request_blank(struct client *client)
{
    struct worker *worker = client_worker(client);
    struct request *request = worker_take_request(worker);
    if (!request)
        return NULL;
    request->client = client;
    request->at = request_path;
    request->catalog = catalog_ref(worker->catalog);
    request_id_new(loop_wall_ms(worker->loop) * 1000, request->id);
    request->record.request_id = span_of(request->id, REQUEST_ID_BYTES);
    request->record.peer = client_peer(client);
    request->record.began_us = loop_now_us(worker->loop);
    METRIC_ADD(recorder_counters(worker->recorder), requests_open, 1);
    return request;
}

struct request *request_begin(struct client *client)
{
    struct request *request = request_blank(client);
    if (!request)
        return NULL;
    const struct http_request *head = client_reader(client);
    request->method = http_request_method(head);
    request->keep_alive = http_request_keep_alive(head) && !request->worker->draining &&
                          request->catalog->config->keep_alive_ms > 0;
    request->http_1_0 = http_request_is_1_0(head);
    request->record.head_us = request->record.began_us;
    note_head(request, head);
    return request;
}

struct request *request_begin_refused(struct client *client, enum reason reason)
{
    struct request *request = request_blank(client);
    if (!request)
        return NULL;
    request->refusal.reason = reason;
    /* Some are refused for what a valid head asks: it is logged, and HEAD gets no body. */
    const struct http_request *head = client_reader(client);
    if (!span_is_null(http_request_method_text(head))) {
        request->method = http_request_method(head);
        note_head(request, head);
    }
    return request;
}

/* What cannot be read as HTTP: the caller and the operator are told what is wrong with it. */
static enum step_result refuse_message(struct request *request, enum reason reason)
{
    const char *fault = http_request_fault(client_reader(request->client));
    if (reason != REASON_BAD_HTTP || !fault)
        return request_refuse(request, reason, NULL);
    request->refusal.reason = REASON_OK; /* it has a better message now */
    request->record.detail = span_str(fault);
    return request_refuse(request, reason, "%s: %s", reason_info(reason)->text, fault);
}

/* Allowed by the operator's list? Then the answer may name it. */
static bool origin_allowed(const struct config *config, struct span origin)
{
    for (size_t i = 0; i < config->cors_origins_count; i++)
        if (span_eq(config->cors_origins[i], SPAN("*")) || span_eq(config->cors_origins[i], origin))
            return true;
    return false;
}

static enum step_result step_route(struct request *request)
{
    const struct http_request *head = client_reader(request->client);
    if (request->refusal.reason != REASON_OK) {
        request->keep_alive = false;
        return refuse_message(request, request->refusal.reason);
    }

    struct span origin = http_request_header(head, SPAN("origin"));
    if (!span_is_null(origin) && origin_allowed(request->catalog->config, origin))
        request->origin = arena_copy(request->arena, origin);

    request->endpoint = endpoint_of(http_request_path(head), &request->id_in_path);
    request->record.endpoint = endpoint_name(request->endpoint);
    if (request->method == HTTP_OPTIONS)
        return reply_options(request);

    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    switch (request->endpoint) {
    case ENDPOINT_NONE:
        return reply_page(request);
    case ENDPOINT_MODELS:
    case ENDPOINT_MODEL:
        if (!reads)
            return request_refuse(request, REASON_BAD_METHOD, NULL);
        break;
    case ENDPOINT_CHAT:
    case ENDPOINT_COMPLETION:
    case ENDPOINT_EMBEDDING:
        if (request->method != HTTP_POST)
            return request_refuse(request, REASON_BAD_METHOD, NULL);
        resuming_note(request, head);
        break;
    case ENDPOINT_STREAM:
        if (request->method != HTTP_GET && request->method != HTTP_DELETE)
            return request_refuse(request, REASON_BAD_METHOD, NULL);
        break;
    }
    if (!span_is_null(request->id_in_path))
        request->id_in_path = arena_copy(request->arena, request->id_in_path);
    return request->endpoint == ENDPOINT_STREAM ? resuming_route(request, head) : STEP_NEXT;
}

static enum step_result step_identify(struct request *request)
{
    struct worker *worker = request->worker;
    const struct http_request *head = client_reader(request->client);
    enum config_keys keys = request->catalog->config->keys;
    struct span authorization = http_request_header(head, SPAN("authorization"));
    bool none = span_is_null(authorization) && http_request_header_count(head, SPAN("authorization")) == 0;
    if (keys == CONFIG_KEYS_IGNORED || (keys == CONFIG_KEYS_OPTIONAL && none))
        return STEP_NEXT;

    struct key *key = NULL;
    enum reason reason =
        keyring_check(worker->keyring, authorization,
                      loop_wall_ms(worker->loop), &key, &request->key_id);
    if (reason == REASON_NO_KEY && http_request_header_count(head, SPAN("authorization")) > 1)
        return request_refuse(request, REASON_BAD_KEY, "send one 'Authorization' header, not several");
    if (reason != REASON_OK)
        return request_refuse(request, reason, NULL);
    if (key)
        request->key = key_ref(key);
    request->record.key_id = request->key_id;
    return STEP_NEXT;
}

/* "application/json", perhaps with parameters; none at all is taken as JSON too, as curl users expect of -d '{…}'. */
static bool is_json(struct span content_type)
{
    struct span type;
    if (span_is_null(content_type) || !span_split(&content_type, ';', &type))
        return true;
    type = span_trim(type);
    return span_eq_nocase(type, SPAN("application/json")) ||
           (type.len > 5 && span_eq_nocase(span_skip(type, type.len - 5), SPAN("+json")));
}

/* Not compressed: nothing here unpacks a body, and a claim that is not true says that somebody between us and the caller understands it
 * otherwise than we do. */
static bool is_uncoded(const struct http_request *head)
{
    struct span coding = http_request_header(head, SPAN("content-encoding"));
    if (span_is_null(coding))
        return http_request_header_count(head, SPAN("content-encoding")) == 0;
    return coding.len == 0 || span_eq_nocase(coding, SPAN("identity"));
}

static enum step_result step_receive(struct request *request)
{
    struct http_request *reader = client_reader(request->client);

    if (http_request_state(reader) == HTTP_REQUEST_HEAD_DONE) {
        if (request->method == HTTP_POST &&
            !is_json(http_request_header(reader, SPAN("content-type"))))
            return request_refuse(request, REASON_BAD_MEDIA_TYPE, NULL);
        if (request->method == HTTP_POST && !is_uncoded(reader))
            return request_refuse(request, REASON_BAD_MEDIA_TYPE,
                                  "the body must not be compressed: send it without "
                                  "'Content-Encoding'");
        if (http_request_has_body(reader))
            resuming_make_room(request->worker);
        if (http_request_has_body(reader) && worker_body_memory_beyond(request->worker, 1))
            return request_refuse(request, REASON_OVERLOADED, NULL);
        bool asks = http_request_expects_continue(reader);
        if (http_request_read_body(reader) == HTTP_REQUEST_BODY) {
            struct span go_on = SPAN("HTTP/1.1 100 Continue\r\n\r\n"); /* RFC 9110, 10.1.1 */
            if (asks && client_write(request->client, &go_on, 1) < 0) {
                request->client_gone = true;
                request->record.reason = REASON_CLIENT_GONE;
                return STEP_ANSWERED;
            }
            client_expect_body(request->client);
        }
    }
    switch (http_request_state(reader)) {
    case HTTP_REQUEST_BODY:
        return STEP_WAIT;
    case HTTP_REQUEST_DONE:
        client_body_received(request->client);
        request->record.body_us = loop_now_us(request->worker->loop);
        request->record.bytes_in = http_request_body(reader).len;
        return STEP_NEXT;
    case HTTP_REQUEST_REFUSED:
    case HTTP_REQUEST_HEAD:
    case HTTP_REQUEST_HEAD_DONE:
        break;
    }
    request->keep_alive = false;
    return refuse_message(request, http_request_refusal(reader));
}

static enum step_result answer_models(struct request *request)
{
    const struct catalog *catalog = request->catalog;
    struct buf *out = &request->worker->out;
    struct model_listing *list =
        arena_alloc(request->arena, (catalog->models_count + 1) * sizeof(*list));
    if (!list)
        return request_refuse(request, REASON_INTERNAL, NULL);

    struct span wanted = SPAN_NULL;
    if (request->endpoint == ENDPOINT_MODEL) {
        buf_clear(out);
        if (percent_decode(out, request->id_in_path) < 0)
            return request_refuse(request, REASON_NO_MODEL, NULL);
        wanted = arena_copy(request->arena, buf_span(out));
    }
    size_t count = 0;
    for (size_t i = 0; i < catalog->models_count; i++) {
        const struct catalog_model *model = &catalog->models[i];
        if (request->key && !key_allows_model(request->key, model->name))
            continue;
        if (!span_is_null(wanted) && !span_eq(wanted, model->name))
            continue;
        list[count++] =
            (struct model_listing){model->name, catalog->created_s, model->caps.context_tokens_max};
    }
    if (request->endpoint == ENDPOINT_MODEL && count == 0)
        return request_refuse(request, REASON_NO_MODEL, NULL);
    buf_clear(out);
    if (request->endpoint == ENDPOINT_MODEL)
        model_write(out, &list[0]);
    else
        models_write(out, list, count);
    return buf_status(out) < 0 ? request_refuse(request, REASON_INTERNAL, NULL)
                               : reply_json(request, 200, buf_span(out));
}

/* Finds the model and holds the request against the key's scope and limits and the model's caps. */
static enum step_result step_choose_model(struct request *request, struct inference *inference)
{
    const struct catalog *catalog = request->catalog;
    const struct catalog_model *model = catalog_find(catalog, inference->model);
    if (!model && catalog->discovers && catalog->models_count == 0)
        return request_refuse(request, REASON_NO_BACKEND, "no model's server has answered yet");
    if (!model) {
        snprintf(request->refusal.param, sizeof(request->refusal.param), "model");
        return request_refuse(request, REASON_NO_MODEL, "the model '%.*s' does not exist",
                              (int)MIN(inference->model.len, (size_t)80), inference->model.ptr);
    }
    request->model = request->asked = model;
    request->record.model = model->name;
    if (request->key && !key_allows_model(request->key, model->name))
        return request_refuse(request, REASON_MODEL_NOT_ALLOWED, NULL);
    if (inference_allow(inference, &model->caps, &request->refusal) < 0)
        return request_refuse(request, REASON_INTERNAL, NULL);
    request->output_cap = model->caps.output_tokens_max;
    return budgeting_find(request, inference);
}

void request_count_ask(struct request *request)
{
    worker_count_body_memory(request->worker, request->ask_counted, request->ask.cap);
    request->ask_counted = request->ask.cap;
}

/* Writes the engine's body and opens the way back. */
static int prepare_ask(struct request *request, const struct inference *inference, const struct reduction *reduction)
{
    bool as_stream =
        inference->stream || (request->endpoint != ENDPOINT_EMBEDDING &&
                              pool_wants_stream(request->model->pool, request->hold != NULL));
    request->form = inference->stream ? FORM_STREAM : as_stream ? FORM_GATHER : FORM_WHOLE;
    request->record.stream = inference->stream;
    request->record.streamed_upstream = as_stream;

    struct buf *ask = &request->ask;
    size_t body_len = http_request_body(client_reader(request->client)).len;
    if (buf_reserve(ask, RELAY_HEADROOM + body_len + ASK_GROWTH_BYTES) < 0) /* once, as a rule */
        return buf_status(ask);
    ask->len = RELAY_HEADROOM;
    inference_write(inference,
                    &(struct inference_target){.model = request->model->upstream_model,
                                               .stream = as_stream,
                                               .ask_usage = true,
                                               .thought = reduction->thought,
                                               .cut = reduction->shortens ? &reduction->cut : NULL,
                                               .output_tokens_max = inference->output_tokens_max
                                                                        ? 0
                                                                        : request->output_cap},
                    ask);
    request_count_ask(request);
    if (buf_status(ask) < 0)
        return buf_status(ask);

    uint64_t output_max =
        inference->output_tokens_max ? inference->output_tokens_max : request->output_cap;
    request->answer = answer_new(&(struct answer_terms){
        .endpoint = request->endpoint,
        .model = request->model->name,
        .include_usage = inference->include_usage,
        .choices = inference->choices,
        .prompts = inference->prompts,
        .prompt_tokens_estimate = inference->prompt_tokens_estimate,
        .output_tokens_max = output_max,
        .answer_bytes_max = request->catalog->config->answer_bytes_max,
    });
    return request->answer ? 0 : -ENOMEM;
}

static enum step_result step_understand(struct request *request)
{
    struct worker *worker = request->worker;
    struct inference *inference = &worker->inference;

    if (request->endpoint == ENDPOINT_MODELS || request->endpoint == ENDPOINT_MODEL)
        return answer_models(request);
    if (request->endpoint == ENDPOINT_STREAM)
        return resuming_step(request);

    struct span body = http_request_body(client_reader(request->client));
    if (inference_read(worker->parser, request->endpoint, body, inference, &request->refusal) < 0)
        return request_refuse(request, REASON_INTERNAL, NULL);
    return step_choose_model(request, inference);
}

/* Right behind `understand`: the inference lies in the parser's document, and is gone when the body is written. */
static enum step_result step_decide(struct request *request)
{
    struct inference *inference = &request->worker->inference;
    struct reduction reduction;
    enum step_result result = admission_place(request, inference);
    if (result != STEP_NEXT)
        return result;
    reduction_decide(request, inference, &reduction);
    if (prepare_ask(request, inference, &reduction) < 0)
        return request_refuse(request, REASON_OVERLOADED, NULL);
    admission_note(request, inference);
    http_request_forget_body(client_reader(request->client)); /* what goes on is our own copy */
    return STEP_NEXT;
}

static enum step_result step_admit(struct request *request)
{
    return admission_step(request);
}

static enum step_result step_relay(struct request *request)
{
    return response_start(request);
}

void request_settle(struct request *request)
{
    struct record *record = &request->record;
    if (request->answer && record->charged) {
        struct settlement settlement = meter_settle(answer_meter(request->answer));
        record->prompt_tokens = settlement.prompt_tokens;
        record->completion_tokens = settlement.completion_tokens;
        record->completion_difference = settlement.completion_difference;
        record->disputed = settlement.disputed;
    }
    budgeting_end(request);
}

static enum step_result step_record(struct request *request)
{
    struct worker *worker = request->worker;
    struct client *client = request->client;
    bool keep = request->keep_alive && !request->client_gone;

    request_settle(request);
    if (request->record.reason == REASON_OK)
        request->record.reason = request->refusal.reason;
    admission_end(request);
    request->record.ended_us = clock_mono_us();
    request->record.wall_ms = loop_wall_ms(worker->loop);
    recorder_request(worker->recorder, &request->record);
    METRIC_SUB(recorder_counters(worker->recorder), requests_open, 1);

    resuming_over(request);
    response_release(request);
    key_unref(TAKE(request->key));
    catalog_unref(TAKE(request->catalog));
    worker_give_request(worker, request);
    if (client)
        client_request_over(client, keep);
    else
        worker_look_drained(worker);
    return STEP_ANSWERED;
}
