/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back. Stages in order: relay events (bytes of the engine) → splitter (events) → answer (the client's text) → frame → wire.
 *
 * Rule of this file: inside a relay callback nothing is freed and no request ends; a stage that cannot go on returns < 0, the relay
 * stops and calls on_failed, and only on_done and on_failed end the request.
 */
#include "gateway/response_path.h"

#include "base/text.h"
#include "gateway/admission.h"
#include "gateway/budgeting.h"
#include "gateway/client.h"
#include "gateway/reduction.h"
#include "gateway/reply.h"
#include "gateway/resuming.h"
#include "gateway/worker.h"
#include "http/answer.h"

#include <stdarg.h>

#define ENGINE_ERROR_BYTES_MAX 65536 /* of an engine's error body; the rest says nothing more */
#define ENGINE_RETRY_S_MAX 60        /* of an engine's Retry-After: by then another may be free */

static int on_head(void *owner, unsigned status, const struct http_response *head);
static int on_body(void *owner, char *bytes, size_t len);
static void on_done(void *owner);
static void on_failed(void *owner, enum relay_failure failure, const struct err *detail);
static int on_event(void *owner, struct span data, struct span event);
static int on_comment(void *owner, struct span text);

static const struct relay_events relay_events = {on_head, on_body, on_done, on_failed};
static const struct sse_events splitter_events = {on_event, on_comment};

enum step_result response_start(struct request *request)
{
    struct worker *worker = request->worker;
    const struct config *config = request->catalog->config;
    struct relay_ask ask = {.method = SPAN("POST"),
                            .path = endpoint_engine_path(request->endpoint),
                            .body = request->ask.ptr + RELAY_HEADROOM,
                            .body_len = request->ask.len - RELAY_HEADROOM,
                            .stream = request->form != FORM_WHOLE,
                            .first = pool_backend(request->model->pool, request->turn.backend),
                            .request_id = span_of(request->id, REQUEST_ID_BYTES)};

    sse_splitter_init(&request->splitter, config->event_bytes_max, &splitter_events, request);
    buf_init(&request->whole, config->answer_bytes_max);
    request->call =
        relay_call_new(worker->relay, request->model->pool, &ask, &relay_events, request);
    if (!request->call)
        return response_refuse(request, REASON_OVERLOADED);
    recorder_call_begins(worker->recorder);
    request->record.called = true;
    request->record.charged = true;
    return STEP_WAIT;
}

/* Notes what the call knows for the log, before it is freed. */
static void note_call(struct request *request)
{
    struct relay_facts facts = relay_call_facts(request->call);
    struct record *record = &request->record;
    if (!span_is_null(facts.backend))
        record->backend = arena_copy(request->arena, facts.backend);
    record->tries = facts.tries;
    record->picked_us = facts.picked_us;
    record->connected_us = facts.connected_us;
    record->first_byte_us = facts.first_byte_us;
    record->reused_upstream = facts.reused_connection;
}

/* The engine was hung up in mid-answer, if it had heard of the call at all. */
static void count_cancelled(struct request *request)
{
    request->engine_stopped = request->record.connected_us > 0;
    METRIC_ADD(recorder_counters(request->worker->recorder), upstream_cancelled, 1);
}

void response_stop(struct request *request)
{
    if (!request->call)
        return;
    note_call(request);
    relay_cancel(TAKE(request->call));
    count_cancelled(request);
}

void response_release(struct request *request)
{
    check(!request->call);
    if (request->streaming)
        METRIC_SUB(recorder_counters(request->worker->recorder), streams_open, 1);
    answer_free(TAKE(request->answer));
    sse_splitter_release(&request->splitter);
    buf_release(&request->whole);
    buf_release(&request->ask);
    request_count_ask(request);
}

/* The engine works no more for this request. */
static void end_call(struct request *request)
{
    note_call(request);
    relay_call_free(TAKE(request->call));
}

/* ---- wire: the last stage -------------------------------------------------------------------- */

static int write_to_client(struct request *request, const struct span *parts, size_t count)
{
    if (!request->client)
        return 0; /* it is kept for who returns */
    ssize_t queued = client_write(request->client, parts, count);
    if (queued < 0 && resuming_may_leave(request, REASON_CLIENT_GONE)) {
        client_close(request->client, REASON_CLIENT_GONE);
        return 0;
    }
    if (queued < 0) {
        request->client_gone = true;
        return -EPIPE;
    }
    if ((uint64_t)queued > request->catalog->config->send_queue_bytes_max && request->call &&
        !request->paused) {
        request->paused = true;
        relay_pause(request->call);
    }
    return 0;
}

void response_drained(struct request *request)
{
    if (request->paused && request->call) {
        request->paused = false;
        relay_resume(request->call);
    }
    resuming_drained(request);
}

/* ---- frame: chunks for HTTP/1.1, plain bytes until close for 1.0 ------------------------------- */

static void stream_head(struct request *request)
{
    struct buf *head = &request->worker->head;
    buf_clear(head);
    http_answer_start(head, 200, worker_date(request->worker));
    reply_common_headers(request, head);
    http_answer_header(head, SPAN("Content-Type"), SPAN("text/event-stream; charset=utf-8"));
    reduction_header(request, head);
    resuming_header(request, head);
    http_answer_header(head, SPAN("Cache-Control"), SPAN("no-store"));
    http_answer_header(head, SPAN("X-Accel-Buffering"),
                       SPAN("no")); /* proxies in front of us: do not hold events back */
    if (request->http_1_0 || request->worker->draining)
        request->keep_alive = false;
    http_answer_end(head, request->http_1_0 ? HTTP_BODY_NONE : HTTP_BODY_CHUNKED, 0,
                    request->keep_alive);
    request->record.status = 200;
    request->streaming = true;
    METRIC_ADD(recorder_counters(request->worker->recorder), streams_open, 1);
}

/* Sends `text` as the next piece of the stream, in front of it the head if it is the first, behind it the end if it is the last. One write. */
int response_piece(struct request *request, struct span text, bool last)
{
    struct span parts[5];
    size_t count = 0;
    char chunk[20];

    if (last)
        request_settle(request);
    if (!request->head_sent) {
        stream_head(request);
        if (buf_status(&request->worker->head) < 0)
            return buf_status(&request->worker->head);
        parts[count++] = buf_span(&request->worker->head);
    }
    int result = request->resuming ? resuming_keep(request, &text, last) : 0;
    if (result < 0)
        return result;
    if (request->http_1_0) {
        parts[count++] = text;
    } else {
        if (text.len > 0) {
            parts[count++] = span_of(chunk, http_chunk_head(text.len, chunk));
            parts[count++] = text;
            parts[count++] = HTTP_CHUNK_END;
        }
        if (last)
            parts[count++] = HTTP_LAST_CHUNK;
    }
    request->head_sent = true;
    request->end_sent = last;
    request->record.bytes_out += text.len;
    return count > 0 ? write_to_client(request, parts, count) : 0;
}

/* ---- translate: events and comments ----------------------------------------------------------- */

/* What was wrong, for the operator's log. An engine's own words may quote the prompt: behind "engine's status N" they go only where the
 * operator wants them. */
static void note_words(struct request *request, struct span words)
{
    ptrdiff_t colon = span_find_byte(words, ':');
    if (!request->catalog->config->log_engine_words &&
        span_starts(words, SPAN("engine's status")) && colon > 0)
        words = span_take(words, (size_t)colon);
    if (words.len > 0)
        request->record.detail = arena_copy(request->arena, words);
}

static void note_detail(struct request *request)
{
    note_words(request, span_str(answer_detail(request->answer)->text));
}

static void note_fault(struct request *request, const char *format, ...) printf_like(2, 3);

/* The same for what this room found out itself. */
static void note_fault(struct request *request, const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    request->record.detail = arena_copy(request->arena, span_str(text));
}

static int stop_refused(struct request *request)
{
    request->stop = STOP_REFUSED;
    if (request->refusal.reason == REASON_OK)
        request->refusal.reason = REASON_BAD_ANSWER;
    note_detail(request);
    return -ECANCELED;
}

static int on_event(void *owner, struct span data, struct span event)
{
    struct request *request = owner;
    struct worker *worker = request->worker;
    enum answer_state state;
    int result;
    (void)event; /* engines of this dialect name no types */

    if (request->answer_done)
        return 0; /* behind [DONE] nothing counts */
    if (request->form == FORM_GATHER)
        result = answer_gather(request->answer, worker->parser, data, &state, &request->refusal);
    else
        result = answer_event(request->answer, worker->parser, data, &worker->out, &state,
                              &request->refusal);
    if (result < 0)
        return stop_refused(request);
    if (state == ANSWER_CUT || (state == ANSWER_OPEN && !budgeting_progress(request))) {
        if (state == ANSWER_CUT)
            reduction_note_cut(request);
        request->stop = STOP_CUT;
        return -ECANCELED;
    }
    if (state == ANSWER_DONE) {
        request->answer_done = true;
        relay_expect_end(request->call);
    }
    return 0;
}

/* Keep-alive comments of engines and proxies reach the client, so that its own timeouts rest. */
static int on_comment(void *owner, struct span text)
{
    struct request *request = owner;
    if (request->form == FORM_STREAM && !request->answer_done)
        sse_write_comment(&request->worker->out, text);
    return 0;
}

static void note_tokens(struct request *request, uint64_t before)
{
    struct worker *worker = request->worker;
    if (answer_meter(request->answer)->events_counted == before)
        return;
    uint64_t now_us = loop_now_us(worker->loop);
    if (request->record.first_token_us == 0)
        request->record.first_token_us = now_us;
    request->record.last_token_us = now_us;
    backend_saw_token(relay_call_backend(request->call), loop_now_ms(worker->loop));
}

/* One piece of a stream of events: everything it completes leaves in one write. */
static int take_events(struct request *request, char *bytes, size_t len)
{
    struct buf *out = &request->worker->out;
    uint64_t before = answer_meter(request->answer)->events_counted;

    buf_clear(out);
    int result = sse_splitter_feed(&request->splitter, span_of(bytes, len));
    if (result < 0 && request->stop == STOP_NONE) {
        note_fault(request, "an event of the engine's stream is larger than limits.event_bytes");
        return stop_refused(request);
    }
    note_tokens(request, before);
    admission_progress(request);
    if (request->form == FORM_GATHER)
        return result;
    if (request->stop == STOP_CUT)
        answer_finish(request->answer, true, out);
    if (buf_status(out) < 0)
        return stop_refused(request);
    bool last = request->stop == STOP_CUT || request->answer_done;
    if ((out->len > 0 || last) && !request->end_sent &&
        response_piece(request, buf_span(out), last) < 0) {
        request->stop = request->refusal.reason == REASON_NOT_KEPT ? STOP_REFUSED : STOP_CLIENT;
        return -EPIPE;
    }
    return result;
}

/* ---- relay: the first stage -------------------------------------------------------------------- */

static bool is_type(struct span content_type, struct span wanted)
{
    struct span type;
    return !span_is_null(content_type) && span_split(&content_type, ';', &type) &&
           span_eq_nocase(span_trim(type), wanted);
}

/* How long an engine that is full wants to be left alone: seconds; a date (RFC 9110, section 10.2.3) says nothing to us. */
static unsigned retry_after_of(const struct http_response *head)
{
    uint64_t seconds;
    struct span text = http_response_header(head, SPAN("retry-after"));
    if (span_is_null(text) || text_to_u64(text, &seconds) < 0)
        return 0;
    return (unsigned)MIN(seconds, (uint64_t)ENGINE_RETRY_S_MAX);
}

static int on_head(void *owner, unsigned status, const struct http_response *head)
{
    struct request *request = owner;
    struct span type = http_response_header(head, SPAN("content-type"));

    buf_release(&request->ask);
    request_count_ask(request);
    request->engine_status = status;
    if (status >= 400) {
        request->engine_retry_after_s = retry_after_of(head);
        return 0;
    }
    if (status != 200) {
        note_fault(request, "engine's status %u is neither an answer nor an error", status);
        return stop_refused(request);
    }
    if (request->form != FORM_WHOLE && !is_type(type, SPAN("text/event-stream"))) {
        /* An engine that was asked for a stream and answers whole: good enough for a client that wanted it whole. */
        if (request->form != FORM_GATHER || !is_type(type, SPAN("application/json"))) {
            note_fault(request, "the engine's content-type '%.*s' is no stream of events",
                       (int)MIN(type.len, (size_t)64), type.len > 0 ? type.ptr : "");
            return stop_refused(request);
        }
        request->form = FORM_WHOLE;
    }
    return 0;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    struct request *request = owner;

    if (request->engine_status >= 400) {
        buf_append(&request->whole,
                   span_of(bytes, MIN(len, ENGINE_ERROR_BYTES_MAX - request->whole.len)));
        if (request->whole.len < ENGINE_ERROR_BYTES_MAX)
            return 0;
        request->stop = STOP_REFUSED;
        return -ECANCELED;
    }
    if (request->form != FORM_WHOLE)
        return take_events(request, bytes, len);
    if (buf_reserve(&request->whole, len + JSON_PADDING) == 0) /* mostly all of it, and then once */
        buf_append(&request->whole, span_of(bytes, len));
    if (buf_status(&request->whole) < 0) {
        request->refusal.reason = REASON_ANSWER_TOO_LARGE;
        return stop_refused(request);
    }
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------------ */

enum step_result response_refuse(struct request *request, enum reason reason)
{
    struct buf *out = &request->worker->out;
    if (request->refusal.reason == REASON_OK)
        request->refusal.reason = reason;
    if (!request->head_sent) {
        request->record.charged = false;
        return request_refuse(request, reason, NULL);
    }
    if (!request->end_sent) {
        buf_clear(out);
        if (request->answer)
            answer_fail(request->answer, &request->refusal, span_of(request->id, REQUEST_ID_BYTES), request->ticket, out);
        else
            refusal_write_event(out, &request->refusal, span_of(request->id, REQUEST_ID_BYTES), request->ticket);
        request->keep_alive = false;
        if (response_piece(request, buf_span(out), true) < 0)
            request->client_gone = true;
    }
    return STEP_ANSWERED;
}

static void fail(struct request *request, enum reason reason)
{
    (void)response_refuse(request, reason);
    request_over(request);
}

int response_comment(struct request *request, struct span text)
{
    struct buf *out = &request->worker->out;
    buf_clear(out);
    sse_write_comment(out, text);
    return buf_status(out) < 0 ? buf_status(out) : response_piece(request, buf_span(out), false);
}

static void fail_with_engine_error(struct request *request)
{
    struct err detail = {""};
    /* JSON_PADDING readable bytes must follow what is parsed. */
    if (buf_reserve(&request->whole, JSON_PADDING) < 0) {
        fail(request, REASON_ENGINE_ERROR);
        return;
    }
    answer_engine_error(request->worker->parser, request->engine_status, buf_span(&request->whole),
                        &request->refusal, &detail);
    note_words(request, span_str(detail.text));
    if (reason_info(request->refusal.reason)->status == 503)
        request->refusal.retry_after_s = request->engine_retry_after_s;
    fail(request, REASON_ENGINE_ERROR);
}

/* The whole answer, gathered or passed on. */
static void send_gathered(struct request *request, bool cut)
{
    struct worker *worker = request->worker;
    int result;

    buf_clear(&worker->out);
    if (request->form == FORM_GATHER) {
        result = answer_gathered(request->answer, cut, &worker->out, &request->refusal);
    } else {
        result = buf_reserve(&request->whole, JSON_PADDING);
        if (result == 0)
            result = answer_whole(request->answer, worker->parser, buf_span(&request->whole),
                                  &worker->out, &request->refusal);
    }
    if (result < 0 || buf_status(&worker->out) < 0) {
        note_detail(request);
        fail(request, REASON_BAD_ANSWER);
        return;
    }
    if (cut && request->record.reason == REASON_OK)
        request->record.reason = REASON_CUT;
    (void)reply_json(request, 200, buf_span(&worker->out));
    request_over(request);
}

/* The last piece of a stream whose engine said nothing of its end. */
static void finish_stream(struct request *request)
{
    struct buf *out = &request->worker->out;
    buf_clear(out);
    answer_finish(request->answer, false, out);
    if (buf_status(out) < 0 || response_piece(request, buf_span(out), true) < 0) {
        request->client_gone = true;
        request->record.reason = REASON_CLIENT_GONE;
    }
    request_over(request);
}

/* What has come ends in good order, before the engine would have ended it. */
static void end_early(struct request *request, enum reason reason)
{
    struct buf *out = &request->worker->out;
    buf_clear(out);
    answer_finish(request->answer, true, out);
    if (buf_status(out) < 0 || response_piece(request, buf_span(out), true) < 0)
        request->client_gone = true;
    request->record.reason = request->client_gone ? REASON_CLIENT_GONE : reason;
    request_over(request);
}

void response_end_early(struct request *request, struct span why, enum reason reason)
{
    response_stop(request);
    if (request->end_sent) {
        request_over(request);
        return;
    }
    answer_note_end(request->answer, &(struct answer_end){.reason = why});
    end_early(request, reason);
}

/* The head is gone, so the last event says when to come back. */
static void note_give_way(struct request *request)
{
    admission_promise(request);
    answer_note_end(request->answer, &(struct answer_end){.reason = SPAN("gave_way"),
                                                          .retry_after_s = request->refusal.retry_after_s,
                                                          .ticket = request->ticket});
}

/* What has come leaves in good order; a caller that has nothing yet is told in a refusal when to come back. */
void response_give_way(struct request *request)
{
    response_stop(request);
    if (request->end_sent) {
        request_over(request);
    } else if (request->head_sent && request->record.first_token_us > 0) {
        note_give_way(request);
        end_early(request, REASON_GAVE_WAY);
    } else if (request->form == FORM_GATHER && answer_meter(request->answer)->events_counted > 0) {
        note_give_way(request);
        request->record.reason = REASON_GAVE_WAY;
        send_gathered(request, true);
    } else {
        request->record.charged = false;
        (void)admission_send_away(request);
        request_over(request);
    }
}

static void on_done(void *owner)
{
    struct request *request = owner;
    end_call(request);
    if (request->engine_status >= 400) {
        fail_with_engine_error(request);
    } else if (request->form != FORM_STREAM) {
        send_gathered(request, false);
    } else if (request->end_sent) {
        request_over(request);
    } else if (answer_is_whole(request->answer)) {
        finish_stream(request); /* without [DONE], as some engines do */
    } else {
        note_fault(request, "the engine's stream ended in the middle of the answer");
        fail(request, REASON_BAD_ANSWER); /* half an answer, said as such */
    }
}

/* Nobody there is another thing than somebody who says nothing. */
static enum reason reason_of(enum relay_failure failure, bool connected)
{
    switch (failure) {
    case RELAY_NO_BACKEND:
        return REASON_NO_BACKEND;
    case RELAY_CONNECT_FAILED:
        return connected ? REASON_BAD_ANSWER : REASON_NO_BACKEND;
    case RELAY_BAD_ANSWER:
    case RELAY_REFUSED:
        return REASON_BAD_ANSWER;
    case RELAY_FIRST_BYTE_TIMEOUT:
        return REASON_FIRST_BYTE_TIMEOUT;
    case RELAY_IDLE_TIMEOUT:
        return REASON_IDLE_TIMEOUT;
    }
    return REASON_INTERNAL;
}

static void on_failed(void *owner, enum relay_failure failure, const struct err *detail)
{
    struct request *request = owner;
    enum answer_stop stop = request->stop;

    if (detail && detail->text[0] && span_is_null(request->record.detail))
        request->record.detail = arena_copy(request->arena, span_str(detail->text));
    end_call(request);
    if (stop == STOP_CLIENT || stop == STOP_CUT || request->refusal.reason == REASON_NOT_KEPT)
        count_cancelled(request);
    if (request->end_sent && stop != STOP_CUT) {
        request_over(request); /* the answer was whole; how the engine hung up does not matter */
    } else if (stop == STOP_CLIENT || request->client_gone) {
        request->client_gone = true;
        request->record.reason = REASON_CLIENT_GONE;
        request_over(request);
    } else if (request->engine_status >= 400) {
        fail_with_engine_error(
            request); /* its body was endless, or ended early: the status says enough */
    } else if (request->form == FORM_GATHER && (stop == STOP_CUT || request->answer_done)) {
        send_gathered(request, stop == STOP_CUT);
    } else if (stop == STOP_CUT) {
        request->record.reason = REASON_CUT;
        request_over(request);
    } else {
        fail(request, reason_of(failure, request->record.connected_us > 0));
    }
}
