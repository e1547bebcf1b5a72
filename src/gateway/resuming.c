/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/resuming.h"

#include "base/text.h"
#include "gateway/client.h"
#include "gateway/reply.h"
#include "gateway/response_path.h"
#include "gateway/worker.h"
#include "http/answer.h"

#define STREAM_HEADER SPAN("Seawall-Stream")
#define AFTER_DIGITS_MAX 19 /* of an event's number */

/* In the arena of its request, a writer or a reader. */
struct resuming {
    struct request *request;
    struct list link;           /* a writer's in worker->left while it has no client */
    struct kept_answer *answer; /* a writer's */
    bool writes, reads, after_is_wrong;
    bool followed; /* as its worker was told last */
    uint64_t after;
    char id[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct sockaddr_storage peer; /* of the client that has gone */
};

static struct resuming *resuming_new(struct request *request)
{
    struct resuming *resuming = arena_zalloc(request->arena, sizeof(*resuming));
    if (!resuming)
        return NULL;
    resuming->request = request;
    list_init(&resuming->link);
    return resuming;
}

static bool says_yes(const struct http_request *head, struct span name)
{
    return span_eq_nocase(http_request_header(head, name), SPAN("yes"));
}

void resuming_note(struct request *request, const struct http_request *head)
{
    request->wants_return = says_yes(head, SPAN("seawall-resumable"));
    request->wants_progress = says_yes(head, SPAN("seawall-progress"));
}

/* ---- writer -------------------------------------------------------------------------------------------- */

static struct kept_limits limits_of(const struct config *config)
{
    return (struct kept_limits){
        .grace_ms = config->resume_grace_ms,
        .answers_max = config->resume_answers_max,
        .caller_answers_max = config->resume_caller_answers_max,
        .bytes_max = config->resume_bytes_max,
        .answer_bytes_max = config->resume_answer_bytes_max,
        .ahead_bytes_max = MIN(config->send_queue_bytes_max, config->resume_answer_bytes_max / 4)};
}

bool resuming_wanted(const struct request *request)
{
    return request->wants_return && request->key_id &&
           request->catalog->config->resume_grace_ms > 0;
}

void resuming_header(struct request *request, struct buf *head)
{
    struct worker *worker = request->worker;
    if (request->resuming) /* a reader's */
        http_answer_header(head, STREAM_HEADER, span_of(request->resuming->id, KEPT_ID_TEXT));
    if (request->resuming || !resuming_wanted(request) || worker->draining)
        return;
    struct resuming *resuming = resuming_new(request);
    if (!resuming)
        return;
    struct kept_spec spec = {request->key_id, worker->index, request,
                             limits_of(request->catalog->config)};
    resuming->answer = kept_open(worker->kept_answers, &spec, resuming->id);
    if (!resuming->answer)
        return;
    resuming->writes = true;
    request->resuming = resuming;
    worker_tick_soon(worker);
    http_answer_header(head, STREAM_HEADER, span_of(resuming->id, KEPT_ID_TEXT));
}

/* The engine waits for a reader on another connection as it does for a client of its own. */
static void wait_for_reader(struct request *request)
{
    if (!request->call || request->paused)
        return;
    request->paused = true;
    relay_pause(request->call);
}

int resuming_keep(struct request *request, struct span *text, bool last)
{
    struct resuming *resuming = request->resuming;
    struct buf *numbered = &request->worker->numbered;
    turnstile_bells bells;
    if (!resuming->writes || (text->len == 0 && !last))
        return 0;
    buf_clear(numbered);
    enum kept_state state = kept_write(resuming->answer, *text, last, numbered, &bells);
    worker_ring(request->worker, bells);
    if (state == KEPT_FULL) {
        if (request->refusal.reason == REASON_OK)
            request->refusal.reason = REASON_NOT_KEPT;
        return -ENOSPC;
    }
    if (state == KEPT_AHEAD)
        wait_for_reader(request);
    *text = buf_span(numbered);
    return 0;
}

bool resuming_may_leave(const struct request *request, enum reason reason)
{
    bool gone = reason == REASON_CLIENT_GONE || reason == REASON_CLIENT_STALLED;
    return request->resuming && request->resuming->writes && !request->end_sent && gone &&
           (!request->worker->draining || request->resuming->followed);
}

/* The gate hears whether anybody would miss it. */
static void tell_gate(struct request *request, bool has_client)
{
    if (request->turn_state != TURN_NONE)
        turnstile_note_left(request->model->turnstile, &request->turn, !has_client);
}

bool resuming_leave(struct request *request, enum reason reason)
{
    struct resuming *resuming = request->resuming;
    struct worker *worker = request->worker;
    if (!resuming_may_leave(request, reason))
        return false;
    resuming->peer = *client_peer(request->client);
    request->record.peer = &resuming->peer;
    request->record.left++;
    request->client = NULL;
    request->keep_alive = false;
    list_push_back(&worker->left, &resuming->link);
    tell_gate(request, kept_leave(resuming->answer, loop_now_ms(worker->loop)));
    response_drained(request);
    return true;
}

static void take_writer_news(struct request *request, const struct kept_news *news)
{
    if (news->what & KEPT_STOPPED) {
        response_end_early(request, SPAN("stopped"), REASON_STOPPED);
        return;
    }
    request->resuming->followed = news->has_client;
    if (news->what & KEPT_FOLLOWED)
        request->record.returned++;
    if (news->what & KEPT_LEFT)
        request->record.left++;
    /* Its first client may have been gone for long, unseen. */
    if ((news->what & KEPT_FOLLOWED) && request->client)
        client_close(request->client, REASON_CLIENT_GONE);
    else
        tell_gate(request, news->has_client);
    if (news->what & KEPT_CAUGHT_UP)
        response_drained(request);
}

/* ---- reader -------------------------------------------------------------------------------------------- */

/* Digits alone: the numbers of events are small, and nothing else ever was an id of ours. */
static int read_after(const struct http_request *head, uint64_t *ret_after)
{
    struct span text = http_request_header(head, SPAN("last-event-id"));
    *ret_after = 0;
    if (span_is_null(text))
        return http_request_header_count(head, SPAN("last-event-id")) == 0 ? 0 : -EINVAL;
    return text.len > AFTER_DIGITS_MAX ? -EINVAL : text_to_u64(text, ret_after);
}

enum step_result resuming_route(struct request *request, const struct http_request *head)
{
    struct resuming *resuming = resuming_new(request);
    if (!resuming)
        return request_refuse(request, REASON_INTERNAL, NULL);
    resuming->after_is_wrong = read_after(head, &resuming->after) < 0;
    request->resuming = resuming;
    return STEP_NEXT;
}

static enum step_result refuse_after(struct request *request)
{
    snprintf(request->refusal.param, sizeof(request->refusal.param), "Last-Event-ID");
    return request_refuse(request, REASON_BAD_FIELD,
                          "'Last-Event-ID' is the number of an event of this answer, or left out");
}

/* Its client gets no more of it; the next one has taken over. */
static void end_displaced(struct request *request)
{
    request->record.detail = SPAN("displaced by another connection");
    client_close(request->client, REASON_CLIENT_GONE);
}

/* Hands on what there is, as fast as its client takes it. */
static void read_on(struct request *request)
{
    struct worker *worker = request->worker;
    enum kept_reading reading = KEPT_NONE;
    turnstile_bells bells;
    if (kept_displaced(&request->resuming->reader)) { /* also while its client takes nothing */
        end_displaced(request);
        return;
    }
    while (client_queued(request->client) <= request->catalog->config->send_queue_bytes_max) {
        buf_clear(&worker->numbered);
        reading = kept_read(&request->resuming->reader, &worker->numbered, &bells);
        worker_ring(worker, bells);
        if (reading != KEPT_SOME)
            break;
        if (response_piece(request, buf_span(&worker->numbered), false) < 0) {
            request_abort(request, REASON_CLIENT_GONE);
            return;
        }
    }
    if (reading == KEPT_LOST) {
        (void)response_refuse(request, REASON_NOT_KEPT);
        request_over(request);
    } else if (reading == KEPT_OVER) {
        if (response_piece(request, SPAN(""), true) < 0)
            request->client_gone = true;
        request_over(request);
    }
}

static enum step_result follow(struct request *request)
{
    struct worker *worker = request->worker;
    struct resuming *resuming = request->resuming;
    turnstile_bells bells;
    struct kept_visit visit = {request->id_in_path, request->key_id, resuming->after, worker->index,
                               request};
    if (resuming->after_is_wrong)
        return refuse_after(request);
    enum kept_verdict verdict =
        kept_follow(worker->kept_answers, &visit, &resuming->reader, &bells);
    worker_ring(worker, bells);
    switch (verdict) {
    case KEPT_UNKNOWN:
        return request_refuse(request, REASON_NO_STREAM, NULL);
    case KEPT_PASSED:
        return request_refuse(request, REASON_NOT_KEPT, NULL);
    case KEPT_TO_COME:
        return refuse_after(request);
    case KEPT_FOUND:
        break;
    }
    resuming->reads = true;
    memcpy(resuming->id, request->id_in_path.ptr, KEPT_ID_TEXT); /* as long as it must be: found */
    request->form = FORM_STREAM;
    request->record.stream = true;
    worker_tick_soon(worker);
    if (response_piece(request, SPAN(""), false) < 0) {
        request->record.reason = REASON_CLIENT_GONE;
        return STEP_ANSWERED;
    }
    soon_call(worker->loop, &worker->news_soon);
    return STEP_WAIT;
}

static enum step_result stop(struct request *request)
{
    turnstile_bells bells;
    enum kept_verdict verdict =
        kept_stop(request->worker->kept_answers, request->id_in_path, request->key_id, &bells);
    worker_ring(request->worker, bells);
    return verdict == KEPT_FOUND ? reply_empty(request)
                                 : request_refuse(request, REASON_NO_STREAM, NULL);
}

enum step_result resuming_step(struct request *request)
{
    if (!request->key_id) /* then there are none */
        return request_refuse(request, REASON_NO_STREAM, NULL);
    return request->method == HTTP_DELETE ? stop(request) : follow(request);
}

void resuming_drained(struct request *request)
{
    if (request->resuming && request->resuming->reads)
        read_on(request);
}

/* ---- both ---------------------------------------------------------------------------------------------- */

void resuming_over(struct request *request)
{
    struct resuming *resuming = TAKE(request->resuming);
    struct worker *worker = request->worker;
    if (!resuming)
        return;
    list_remove(&resuming->link);
    if (resuming->writes)
        worker_ring(worker,
                    kept_end(resuming->answer, request->end_sent, loop_now_ms(worker->loop)));
    if (resuming->reads)
        worker_ring(worker, kept_unfollow(&resuming->reader, loop_now_ms(worker->loop)));
}

void resuming_take_news(struct worker *worker)
{
    struct kept_news news;
    while (kept_news(worker->kept_answers, worker->index, &news)) {
        struct request *request = news.subject;
        if (request->resuming->writes)
            take_writer_news(request, &news);
        else
            read_on(request);
    }
}

void resuming_tick(struct worker *worker)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    struct request *request;
    if (!kept_answers_any(worker->kept_answers))
        return;
    resuming_take_news(worker);
    while ((request = kept_overdue(worker->kept_answers, worker->index, worker->draining, now_ms)))
        request_abort(request, REASON_CLIENT_GONE);
    kept_expire(worker->kept_answers, now_ms);
}

void resuming_make_room(struct worker *worker)
{
    list_each(at, &worker->left)
    {
        struct request *request = list_entry(at, struct resuming, link)->request;
        if (!worker_body_memory_beyond(worker, 1))
            return;
        if (request->ask_counted > 0 && !request->resuming->followed)
            request_abort(request, REASON_CLIENT_GONE);
    }
}

void resuming_end_all(struct worker *worker)
{
    while (!list_empty(&worker->left))
        request_abort(list_entry(list_first(&worker->left), struct resuming, link)->request,
                      REASON_SHUTTING_DOWN);
}
