/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admission.h"

#include "admit/price.h"
#include "gateway/budgeting.h"
#include "dialect/inference_text.h"
#include "gateway/client.h"
#include "gateway/reduction.h"
#include "gateway/response_path.h"
#include "gateway/resuming.h"
#include "gateway/worker.h"
#include "identity/identity.h"

#include <math.h>

#define PROGRESS_TOKENS 16 /* between two words to the gate */
#define PROGRESS_MS 250
#define SAY_EVERY_MS 5000 /* to a client that waits */
#define PROGRESS_FIRST_MS 300 /* … that wants to hear of its progress: at first, and then */
#define PROGRESS_EVERY_MS 1000
#define COME_BACK_S 2     /* where no time can be promised */

_Static_assert(PROFILE_OUTPUT_WEIGHT == PRICE_OUTPUT, "budgets and turns are counted in the same weighted tokens");

/* ---- who asks, and what for -------------------------------------------------------------------------- */

/* Prompts that begin alike go to the same backend: text of the service's own whoever asks, all else only for the same caller, who would otherwise hear from the time
 * to a first token what others asked. */
static void note_prefix(struct request *request, const struct inference *inference)
{
    struct inference_text text;
    request->has_prefix = turnstile_leans(request->model->turnstile);
    if (!request->has_prefix)
        return;
    inference_text(inference, &text);
    prefix_begin(&request->prefix, request->worker->address_key);
    prefix_add(&request->prefix, request->model->upstream_model, true);
    prefix_add(&request->prefix, text.tools, true);
    prefix_add(&request->prefix, text.instructions, true);
    prefix_salt(&request->prefix, request->identity);
    prefix_add(&request->prefix, text.rest, false);
}

void admission_note(struct request *request, const struct inference *inference)
{
    bool writes = request->endpoint != ENDPOINT_EMBEDDING;
    request->facts.prompt_tokens = inference->prompt_tokens_estimate;
    request->facts.output_max = writes ? inference_output_max(inference, request->output_cap) : 0;
    request->facts.messages = inference->messages;
    request->facts.last_message_bytes = inference->last_message_bytes;
    request->facts.tools = inference->has_tools;
    request->facts.structured = inference->is_structured;
    request->facts.reasons = inference->reasons;
    note_prefix(request, inference);
}

/* The caller's network and, below it, itself. */
static void place_of(const struct request *request, struct fair_place *place)
{
    const struct worker *worker = request->worker;
    const struct sockaddr_storage *peer = client_peer(request->client);
    place->class = FAIR_UNKNOWN;
    if (request->key_id) {
        place->identity = identity_of_key(request->key_id);
        place->network = place->identity;
    } else {
        place->identity = identity_of_address(worker->address_key, peer);
        place->network = identity_network(worker->address_key, peer);
    }
}

/* For the log. */
static struct span verdict_name(enum ticket_verdict verdict, bool brought)
{
    switch (verdict) {
    case TICKET_NONE:
        return SPAN_NULL;
    case TICKET_DUE:
        return brought ? SPAN("due") : SPAN("remembered");
    case TICKET_EARLY:
        return SPAN("early");
    case TICKET_LATE:
        return SPAN("late");
    case TICKET_USED:
        return SPAN("used");
    case TICKET_FORGED:
        break;
    }
    return SPAN("forged");
}

/* Who comes back when it was told passes before fresh arrivals; who comes too early costs one look and is told to wait: false. */
static bool claim_promise(struct request *request, uint32_t *ret_wait_ms)
{
    enum ticket_verdict verdict = turnstile_claim(request->asked->turnstile, request->brought_ticket, &request->place,
                                                  loop_wall_ms(request->worker->loop), ret_wait_ms);
    request->record.ticket = verdict_name(verdict, !span_is_null(request->brought_ticket));
    if (verdict == TICKET_DUE)
        request->place.class = FAIR_PAID;
    return verdict != TICKET_EARLY;
}

/* ---- refusals ---------------------------------------------------------------------------------------- */

static enum reason reason_of(const struct request *request)
{
    if (request->turn_state == TURN_CUT)
        return REASON_GAVE_WAY;
    switch (request->turn.refusal) {
    case GATE_IDENTITY_FULL:
        return REASON_TOO_MANY_WAITING;
    case GATE_WAITED:
    case GATE_FORESEEN:
        return REASON_NO_TURN;
    case GATE_NO_BACKEND:
        return REASON_NO_BACKEND;
    case GATE_QUEUE_FULL:
    case GATE_NO_MEMORY:
    case GATE_FITS:
        break;
    }
    return REASON_OVERLOADED;
}

static uint32_t seconds_of(uint32_t ms)
{
    return MAX((ms + 999) / 1000, 1u);
}

void admission_promise(struct request *request)
{
    struct turn *turn = &request->turn;
    char text[TICKET_TEXT_BYTES + 1];
    uint32_t wait_ms;
    struct fair_place place = turn->place;
    if (place.class == FAIR_PAID)
        place.class = FAIR_UNKNOWN;
    request->refusal.retry_after_s = COME_BACK_S;
    bool can_promise = request->turn_state == TURN_CUT || turn->refusal != GATE_NO_BACKEND;
    if (can_promise &&
        turnstile_promise(request->asked->turnstile, &place, price_of(turn->prompt_tokens, turn->output_expected),
                          loop_wall_ms(request->worker->loop), &wait_ms, text)) {
        request->refusal.retry_after_s = seconds_of(wait_ms);
        request->ticket = arena_copy(request->arena, span_str(text));
    }
}

enum step_result admission_send_away(struct request *request)
{
    admission_promise(request);
    return response_refuse(request, reason_of(request));
}

/* ---- its class ---------------------------------------------------------------------------------------- */

static void note_budget(struct record *record, const struct standing *standing)
{
    record->balance = (double)standing->balance;
    record->rate = (double)standing->rate;
}

/* The standing of its caller; a trusted one pays in advance, by its own mean: what the answer costs is known at the end, and settled then. */
static struct standing reserve_budget(struct request *request, uint64_t prompt_tokens)
{
    struct worker *worker = request->worker;
    uint64_t wall_ms = loop_wall_ms(worker->loop);
    struct standing standing = profiles_look(worker->profiles, request->identity, wall_ms);
    request->facts.identity_output_log = standing.output_log;
    note_budget(&request->record, &standing);
    if (!standing.in_profile)
        return standing;
    uint64_t price = price_of(prompt_tokens, 0) + (uint64_t)standing.request_wt + 1;
    double call_s = turnstile_call_s(request->asked->turnstile, prompt_tokens, expm1((double)standing.output_log));
    standing = profiles_reserve(worker->profiles, request->identity, price, call_s, wall_ms);
    request->reserved_wt = standing.reserved_wt;
    request->ordinary_calls = standing.ordinary_calls;
    note_budget(&request->record, &standing);
    return standing;
}

enum step_result admission_place(struct request *request, const struct inference *inference)
{
    uint32_t wait_ms = 0;
    place_of(request, &request->place);
    request->identity = request->place.identity;
    if (reserve_budget(request, inference->prompt_tokens_estimate).in_profile) {
        request->place.class = FAIR_IN_PROFILE;
    } else if (!claim_promise(request, &wait_ms)) {
        request->refusal.retry_after_s = seconds_of(wait_ms);
        request->ticket = request->brought_ticket; /* it still is good, later */
        return request_refuse(request, REASON_TOO_EARLY, NULL);
    }
    return STEP_NEXT;
}

/* ---- the step ---------------------------------------------------------------------------------------- */

static enum step_result ask(struct request *request)
{
    struct worker *worker = request->worker;
    struct turnstile *turnstile = request->model->turnstile;
    enum step_result within = budgeting_begin(request);
    if (within != STEP_NEXT)
        return within;
    if (!worker_turn_begins(worker, turnstile))
        return request_refuse(request, REASON_OVERLOADED, NULL);
    struct gate_ask ask = {.place = request->place,
                           .worker = worker->index,
                           .prompt_tokens = request->facts.prompt_tokens,
                           .output_max = request->facts.output_max,
                           .output_max_short = reduction_output_max_short(request),
                           .prefix = request->has_prefix ? &request->prefix : NULL,
                           .ordinary_calls = request->ordinary_calls};
    request->record.asked_us = loop_now_us(worker->loop);
    turnstile_bells bells;
    bool writes = request->endpoint != ENDPOINT_EMBEDDING;
    request->turn_state = turnstile_ask(turnstile, &request->turn, &ask, writes ? &request->facts : NULL,
                                        loop_now_ms(worker->loop), &bells);
    worker_ring(worker, bells);
    return STEP_NEXT;
}

/* What was left away of it since its head went out: the header can tell no more. */
static int say_reduced(struct request *request)
{
    char room[LADDER_TEXT_MAX + sizeof("reduced ")];
    struct buf text = {.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
    if (!request->head_sent || !ladder_stepped(&request->reduced, LADDER_OUTPUT))
        return 0;
    buf_append(&text, SPAN("reduced "));
    reduction_write(request, &text);
    return response_comment(request, buf_span(&text));
}

/* Who wants to hear of it hears that the first token is being computed; and who may return has its head, since it needs its name for that. */
static enum step_result say_admitted(struct request *request)
{
    if (request->form != FORM_STREAM || !(request->wants_progress || resuming_wanted(request)))
        return STEP_NEXT;
    if (say_reduced(request) == 0 && response_comment(request, SPAN("admitted")) == 0)
        return STEP_NEXT;
    request->client_gone = true;
    request->record.reason = REASON_CLIENT_GONE;
    return STEP_ANSWERED;
}

static void keep_to(struct request *request, struct turnstile_cap cap)
{
    answer_set_output_max(request->answer, cap.output_max);
    reduction_note_cap(request, cap);
}

enum step_result admission_step(struct request *request)
{
    if (request->turn_state == TURN_NONE) {
        enum step_result result = ask(request);
        if (result != STEP_NEXT)
            return result;
    }
    request->record.turn_us = loop_now_us(request->worker->loop);
    switch (request->turn_state) {
    case TURN_WAITING:
        request->record.turn_us = 0;
        request->said_ms = loop_now_ms(request->worker->loop);
        list_push_back(&request->worker->waiting, &request->waiting_link);
        return STEP_WAIT;
    case TURN_RUNNING:
        list_remove(&request->waiting_link);
        keep_to(request, turnstile_cap(request->model->turnstile, &request->turn));
        return say_admitted(request);
    case TURN_REFUSED:
    case TURN_CUT: /* before it could begin */
    case TURN_NONE:
        break;
    }
    return admission_send_away(request);
}

void admission_progress(struct request *request)
{
    struct turn *turn = &request->turn;
    uint64_t tokens = answer_meter(request->answer)->events_counted;
    uint64_t now_ms = loop_now_ms(request->worker->loop);
    bool first = turn->first_ms == 0 && tokens > 0;
    if (!first && tokens < turn->output_tokens + PROGRESS_TOKENS && now_ms < turn->tokens_ms + PROGRESS_MS)
        return;
    keep_to(request, turnstile_progress(request->model->turnstile, turn, tokens, now_ms));
}

/* For the log: the turn is the request's own again. */
static void note_turn(struct record *record, const struct turn *turn)
{
    record->class = fair_class_name(turn->place.class);
    record->price = price_of(turn->prompt_tokens, turn->output_expected);
    record->price_prompt = turn->prompt_tokens;
    record->price_answer = turn->output_expected;
    record->siege = turn->siege;
    record->stretched = turn->entry.stretched;
    record->ahead = turn->ahead;
}

void admission_end(struct request *request)
{
    struct worker *worker = request->worker;
    struct record *record = &request->record;
    list_remove(&request->waiting_link);
    if (request->turn_state != TURN_NONE) {
        if (request->client)
            client_note_class(request->client, request->place.class == FAIR_IN_PROFILE);
        struct turnstile *turnstile = request->model->turnstile;
        struct turnstile_use use = {.prompt_tokens = record->prompt_tokens,
                                    .output_tokens = record->completion_tokens,
                                    .whole = record->charged && record->reason == REASON_OK,
                                    .stopped = request->engine_stopped};
        turnstile_bells bells =
            turnstile_end(turnstile, &request->turn, &use, &request->facts, loop_now_ms(worker->loop));
        worker_turn_ends(worker, turnstile);
        worker_ring(worker, bells);
        note_turn(record, &request->turn);
        reduction_note_cap(request, (struct turnstile_cap){request->turn.output_max, request->turn.shorten}); /* also what began while it ran */
    }
    if (request->identity) {
        struct profile_use use = {.reserved_wt = request->reserved_wt,
                                  .prompt_tokens = record->charged ? record->prompt_tokens : 0,
                                  .completion_tokens = record->charged ? record->completion_tokens : 0,
                                  .aborted = record->reason != REASON_OK,
                                  .siege = request->turn.siege};
        profiles_settle(worker->profiles, request->identity, &use, loop_wall_ms(worker->loop));
    }
}

/* ---- news -------------------------------------------------------------------------------------------- */

static void take_news_of(struct worker *worker, struct turnstile *turnstile)
{
    struct turn *turn;
    enum turn_state state;
    while ((turn = turnstile_news(turnstile, worker->index, &state))) {
        struct request *request = container_of(turn, struct request, turn);
        request->turn_state = state;
        if (request->call && state == TURN_CUT)
            response_give_way(request);
        else
            request_run(request);
    }
}

void admission_take_news(struct worker *worker)
{
    for (size_t i = 0; i < worker->turnstiles_count; i++)
        take_news_of(worker, worker->turnstiles[i].turnstile);
}

/* A comment: official clients pass over it, others may show it. */
static int say_outlook(struct request *request)
{
    char text[80];
    struct gate_outlook outlook = turnstile_outlook(request->model->turnstile, request->turn.place.class);
    int len = snprintf(text, sizeof(text), "keep-alive waiting=%u estimate_ms=%u", outlook.waiting, outlook.wait_ms);
    return response_comment(request, span_of(text, (size_t)len));
}

static uint64_t say_every_ms(const struct request *request)
{
    if (!request->wants_progress)
        return SAY_EVERY_MS;
    return request->head_sent ? PROGRESS_EVERY_MS : PROGRESS_FIRST_MS;
}

/* A client that asked for a stream hears that it waits, so that neither it nor a proxy between us takes the silence for an end. */
static void say_waiting(struct worker *worker)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    list_each(at, &worker->waiting) {
        struct request *request = list_entry(at, struct request, waiting_link);
        if (request->form != FORM_STREAM || now_ms < request->said_ms + say_every_ms(request))
            continue;
        request->said_ms = now_ms;
        if (say_outlook(request) < 0)
            request_abort(request, REASON_CLIENT_GONE);
    }
}

void admission_tick(struct worker *worker)
{
    for (size_t i = 0; i < worker->turnstiles_count; i++)
        worker_ring(worker, turnstile_tick(worker->turnstiles[i].turnstile, loop_now_ms(worker->loop)));
    admission_take_news(worker);
    say_waiting(worker);
    worker_forget_idle_turnstiles(worker);
}
