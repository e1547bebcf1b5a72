/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/reduction.h"

#include "gateway/worker.h"
#include "http/answer.h"

_Static_assert((int)LADDER_IN_PROFILE == (int)FAIR_IN_PROFILE &&
                   (int)LADDER_PAID == (int)FAIR_PAID && (int)LADDER_UNKNOWN == (int)FAIR_UNKNOWN &&
                   (int)LADDER_CLASSES == (int)FAIR_CLASSES,
               "both rooms know the same classes");

static const struct ladder_settings *settings_of(const struct request *request)
{
    return &request->catalog->ladder;
}

/* ---- a smaller model ---------------------------------------------------------------------------------- */

/* Without a word to the client when it does not: it gets what it asked for. */
static bool allows(const struct catalog_model *model, struct inference *inference)
{
    struct refusal unused = {.reason = REASON_OK};
    return inference_allow(inference, &model->caps, &unused) == 0;
}

/* The smaller model that takes this request as it is, for a caller whose key allows it, in a pool that serves and is not as pressed itself; or NULL. `inference` stays
 * allowed by the request's own model. */
static const struct catalog_model *find_smaller(struct request *request,
                                                struct inference *inference, uint32_t rungs)
{
    const struct catalog_model *model = request->model;
    const struct catalog_model *smaller = catalog_find(request->catalog, model->smaller);
    uint64_t now_ms = loop_now_ms(request->worker->loop);
    if (!smaller || (request->key && !key_allows_model(request->key, smaller->name)) ||
        !pool_available(smaller->pool, now_ms))
        return NULL;
    if (smaller->turnstile != model->turnstile &&
        turnstile_rungs(smaller->turnstile, now_ms) >= rungs)
        return NULL;
    bool takes = allows(smaller, inference);
    check(allows(model, inference));
    return takes ? smaller : NULL;
}

/* ---- what is decided when it has come ----------------------------------------------------------------- */

/* A rung that touches it: where that is written down, as done or as what would have been done. */
static struct ladder_steps *step(struct request *request, enum ladder_rung rung,
                                 enum ladder_mode mode)
{
    struct ladder_steps *steps = mode == LADDER_ON ? &request->reduced : &request->dry_run;
    steps->rungs |= 1u << rung;
    return steps;
}

/* Of one answer of this model: its own, or less where the caller's limits say so; 0: none. */
static uint64_t output_cap(const struct request *request, const struct catalog_model *model)
{
    uint64_t cap = model->caps.output_tokens_max;
    return cap > 0 && request->output_cap > 0 ? MIN(cap, request->output_cap) : MAX(cap, request->output_cap);
}

static void change_model(struct request *request, struct inference *inference,
                         enum ladder_mode mode, const struct catalog_model *smaller)
{
    step(request, LADDER_MODEL, mode)->model = smaller->name;
    if (mode != LADDER_ON)
        return;
    check(allows(smaller, inference));
    request->output_cap = output_cap(request, smaller);
    request->model = smaller;
    if (request->hold)
        request->hold->price = smaller->price;
    request->record.model = smaller->name;
    request->record.asked_model = request->asked->name;
}

static void think_less(struct request *request, enum ladder_mode mode, struct reduction *reduction)
{
    enum inference_thought thought = request->model->thought;
    step(request, LADDER_REASONING, mode)->reasoning =
        thought == THOUGHT_EFFORT ? SPAN("low") : SPAN("off");
    if (mode == LADDER_ON)
        reduction->thought = thought;
}

static void shorten(struct request *request, struct inference *inference, enum ladder_mode mode,
                    struct reduction *reduction)
{
    if (!inference_find_cut(inference, settings_of(request)->context_tokens, &reduction->cut))
        return;
    step(request, LADDER_CONTEXT, mode)->messages = reduction->cut.messages;
    reduction->shortens = mode == LADDER_ON;
    if (reduction->shortens)
        inference->prompt_tokens_estimate -= reduction->cut.tokens;
}

void reduction_decide(struct request *request, struct inference *inference,
                      struct reduction *ret_reduction)
{
    *ret_reduction = (struct reduction){.thought = THOUGHT_AS_ASKED};
    request->record.reduced = &request->reduced;
    request->record.dry_run = &request->dry_run;
    if (request->endpoint == ENDPOINT_EMBEDDING)
        return; /* of another model, or of less text, it would be another one */
    struct ladder_facts facts = {
        .class = (enum ladder_class)request->place.class,
        .rungs = turnstile_rungs(request->model->turnstile, loop_now_ms(request->worker->loop))};
    enum ladder_mode mode =
        ladder_mode(settings_of(request), facts.class, facts.rungs, LADDER_MODEL);
    const struct catalog_model *smaller =
        mode == LADDER_OFF ? NULL : find_smaller(request, inference, facts.rungs);
    const struct catalog_model *answers = mode == LADDER_ON && smaller ? smaller : request->model;
    facts.has_smaller = smaller;
    facts.output_tokens = inference_output_max(inference, output_cap(request, answers));
    facts.prompt_tokens =
        inference->endpoint == ENDPOINT_CHAT ? inference->prompt_tokens_estimate : 0;
    facts.can_think_less = inference_can_think_less(inference, answers->thought);

    struct ladder_plan plan;
    ladder_plan(settings_of(request), &facts, &plan);
    if (plan.modes[LADDER_MODEL] != LADDER_OFF)
        change_model(request, inference, plan.modes[LADDER_MODEL], smaller);
    if (plan.modes[LADDER_REASONING] != LADDER_OFF)
        think_less(request, plan.modes[LADDER_REASONING], ret_reduction);
    if (plan.modes[LADDER_CONTEXT] != LADDER_OFF)
        shorten(request, inference, plan.modes[LADDER_CONTEXT], ret_reduction);
    request->short_answer = plan.modes[LADDER_OUTPUT];
    request->record.rungs = facts.rungs;
}

/* ---- what is seen when its turn comes ----------------------------------------------------------------- */

uint64_t reduction_output_max_short(const struct request *request)
{
    return request->short_answer == LADDER_ON ? settings_of(request)->output_tokens : 0;
}

void reduction_note_cap(struct request *request, struct turnstile_cap cap)
{
    if (cap.shorten && request->short_answer == LADDER_DRY_RUN)
        step(request, LADDER_OUTPUT, LADDER_DRY_RUN)->output_tokens =
            settings_of(request)->output_tokens;
    bool lowered = request->short_answer == LADDER_ON && cap.output_max != request->facts.output_max;
    if (lowered && !ladder_stepped(&request->reduced, LADDER_OUTPUT))
        step(request, LADDER_OUTPUT, LADDER_ON)->output_tokens =
            MAX(cap.output_max, request->turn.output_tokens);
}

void reduction_note_cut(struct request *request)
{
    char room[LADDER_TEXT_MAX];
    struct buf text = {.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
    if (!ladder_stepped(&request->reduced, LADDER_OUTPUT))
        return;
    reduction_write(request, &text);
    answer_note_end(request->answer,
                    &(struct answer_end){.reason = SPAN("shortened"),
                                         .reduced = arena_copy(request->arena, buf_span(&text))});
}

void reduction_write(const struct request *request, struct buf *ret_text)
{
    if (request->reduced.rungs != 0)
        ladder_write(&request->reduced, ret_text);
}

void reduction_header(const struct request *request, struct buf *head)
{
    char room[LADDER_TEXT_MAX];
    struct buf text = {.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
    reduction_write(request, &text);
    if (text.len == 0)
        return;
    http_answer_header(head, SPAN("Seawall-Reduced"), buf_span(&text));
}
