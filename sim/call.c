/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include "base/alloc.h"

#define GARBAGE SPAN("\001\xfe\xff{\"choices\": [}\n\n")
#define JSON_TYPE SPAN("application/json")

/* ── the end ── */

void call_free(struct call *call)
{
    for (uint32_t i = 0; i < call->say.choices_count; i++) {
        if (call->choices[i].engine)
            engine_abort(call->server->engine, call->choices[i].engine);
    }
    deadline_clear(&call->slow_start);
    list_remove(&call->link);
    ask_release(&call->ask);
    mem_free(call);
}

/* The connection is free for what comes next. */
static struct connection *let_go(struct call *call)
{
    struct connection *connection = TAKE(call->connection);
    if (connection)
        connection->call = NULL;
    return connection;
}

static bool goes_on(const struct call *call)
{
    uint32_t stops = call->server->options->preset.habits.stops;
    return stops == PRESET_STOPS_NONE || (stops == PRESET_STOPS_STREAMED && !call->say.stream);
}

void call_hung_up(struct call *call)
{
    struct server *server = call->server;
    call->connection = NULL;
    if (goes_on(call) && call->choices[0].last_us > 0)
        return;
    server->meters.aborted++;
    call_free(call);
    server_wake(server);
}

/* ── tokens ── */

static bool strikes_now(const struct call_choice *choice, enum fault fault)
{
    return fault_in(choice->call->say.faults, fault) && choice->said.index == 0 &&
           choice->said.made == MIN((uint32_t)FAULT_TOKEN, choice->said.tokens);
}

static void count_token(struct call_choice *choice, const struct engine_event *event)
{
    struct call *call = choice->call;
    struct meters *meters = &call->server->meters;
    double gap = (double)(event->at_us - choice->last_us) / 1e6;
    meters_time(meters, event->number == 1 ? METERS_FIRST_TOKEN : METERS_BETWEEN_TOKENS, gap);
    choice->last_us = event->at_us;
    choice->said.made = event->number;
    if (strikes_now(choice, FAULT_STALL))
        engine_stall(call->server->engine,
                     event->at_us + (uint64_t)(call->fault_seconds[FAULT_STALL] * 1e6));
    if (!event->last)
        return;
    choice->engine = NULL;
    call->open--;
    meters->finished[choice->said.finish]++;
    meters_time(meters, METERS_WHOLE_CALL, (double)(event->at_us - call->arrived_us) / 1e6);
}

/* The choices as the writer wants them, one behind the other. */
static const struct say_choice *said_of(const struct call *call,
                                        struct say_choice ret_said[ASK_CHOICES_MAX])
{
    for (uint32_t i = 0; i < call->say.choices_count; i++)
        ret_said[i] = call->choices[i].said;
    return ret_said;
}

/* One write for each event; behind it the connection, and with it the call, may be gone. */
static void tell_stream(struct call_choice *choice, bool over)
{
    struct call *call = choice->call;
    struct buf *bytes = &call->server->scratch;
    struct say_choice said[ASK_CHOICES_MAX];
    buf_clear(bytes);
    if (choice->told < choice->said.made)
        say_event(&call->say, &choice->said, choice->told, bytes);
    choice->told = choice->said.made;
    if (strikes_now(choice, FAULT_HALF) || buf_status(bytes) < 0) {
        struct connection *connection = let_go(call);
        call_free(call);
        connection_stream_break(connection, span_take(buf_span(bytes), bytes->len / 2));
        return;
    }
    if (strikes_now(choice, FAULT_GARBAGE))
        buf_append(bytes, GARBAGE);
    if (!over) {
        connection_stream(call->connection, buf_span(bytes));
        return;
    }
    say_end(&call->say, said_of(call, said), bytes);
    struct connection *connection = let_go(call);
    call_free(call);
    connection_stream_end(connection, buf_span(bytes));
}

static void tell_whole(struct call *call)
{
    struct buf *body = &call->server->scratch;
    struct say_choice said[ASK_CHOICES_MAX];
    struct fault_set faults = call->say.faults;
    buf_clear(body);
    say_whole(&call->say, said_of(call, said), body);
    struct connection *connection = let_go(call);
    call_free(call);
    if (buf_status(body) < 0)
        connection_fail(connection, 500, "the answer is too long");
    else if (fault_in(faults, FAULT_HALF))
        connection_answer_break(connection, JSON_TYPE, buf_span(body));
    else if (fault_in(faults, FAULT_GARBAGE))
        connection_answer(connection, 200, JSON_TYPE, GARBAGE);
    else
        connection_answer(connection, 200, JSON_TYPE, buf_span(body));
}

void call_token(const struct engine_event *event)
{
    struct call_choice *choice = event->owner;
    struct call *call = choice->call;
    count_token(choice, event);
    bool over = call->open == 0;
    uint32_t waiting = choice->said.made - choice->told;
    if (!call->connection && over)
        call_free(call);
    else if (!call->connection)
        return;
    else if (!call->say.stream && over)
        tell_whole(call);
    else if (call->say.stream && (event->last || strikes_now(choice, FAULT_HALF) ||
                                  waiting >= call->server->options->preset.answer.event_tokens))
        tell_stream(choice, over);
}

/* ── the start ── */

static void fail(struct call *call, unsigned status, const char *message)
{
    struct connection *connection = let_go(call);
    call_free(call);
    connection_fail(connection, status, message);
}

static void submit(struct call *call)
{
    struct server *server = call->server;
    const uint64_t *hashes;
    uint32_t count = prompt_hashes(&call->ask.prompt, &hashes);
    int r = 0;
    for (uint32_t i = 0; i < call->say.choices_count && r == 0; i++) {
        struct call_choice *choice = &call->choices[i];
        const struct engine_ask ask = {.owner = choice,
                                       .prompt_tokens = call->say.prompt_tokens,
                                       .output_tokens = choice->said.tokens,
                                       .hashes = hashes,
                                       .hashes_count = count};
        choice->last_us = call->arrived_us;
        r = engine_submit(server->engine, &ask, server_now_us(server), &choice->engine);
    }
    if (r == -EAGAIN)
        fail(call, 503, "as many calls wait as may; try again later");
    else if (r < 0)
        fail(call, 500, "out of memory");
    else
        ask_release(&call->ask);
    server_wake(server);
}

static void on_slow_start(struct deadline *deadline)
{
    submit(container_of(deadline, struct call, slow_start));
}

/* vLLM refuses a call that could become longer than the context; llama.cpp lets it run into the end. */
static int fits(const struct server *server, const struct ask *ask, struct err *err)
{
    uint32_t context = engine_context(server->engine), prompt = prompt_tokens(&ask->prompt);
    bool strict = server->options->preset.scheduler.kind == PRESET_BATCH;
    uint64_t asked = (uint64_t)prompt + (ask->max_tokens == ASK_NO_LIMIT ? 1 : ask->max_tokens);
    if (prompt >= context || (strict && asked > context))
        return err_set(
            err, -EINVAL,
            "this model's context has %u tokens; %llu were asked for (%u of them in the prompt)",
            context, (unsigned long long)asked, prompt);
    return 0;
}

/* 0 and *ret_ask; else the HTTP status to answer with, and *err. */
static unsigned read_ask(struct server *server, struct connection *connection, enum ask_kind kind,
                         struct ask *ret_ask, struct err *err)
{
    const struct preset *preset = &server->options->preset;
    int r =
        ask_read(server->parser, kind, http_request_body(connection->reader), preset, ret_ask, err);
    if (r < 0)
        return r == -ENOMEM ? 500 : 400;
    unsigned status = 0;
    if (!ret_ask->knows_model && preset->scheduler.kind == PRESET_BATCH) {
        err_set(err, -ENOENT, "this model does not exist");
        status = 404;
    } else if (ret_ask->stream && http_request_is_1_0(connection->reader)) {
        err_set(err, -EINVAL, "a stream needs HTTP/1.1");
        status = 400;
    } else if (fits(server, ret_ask, err) < 0) {
        status = 400;
    }
    if (status != 0)
        ask_release(ret_ask);
    return status;
}

/* Owns the ask from now on; NULL when out of memory: then the ask stays the caller's. */
static struct call *call_new(struct connection *connection, const struct ask *ask)
{
    struct server *server = connection->server;
    struct call *call = mem_zalloc(sizeof(*call) + ask->choices * sizeof(call->choices[0]));
    if (!call)
        return NULL;
    uint64_t number = ++server->calls_number;
    uint64_t seed = ask->has_seed ? ask->seed : chance_seed(server->options->seed, number + 1);
    call->server = server;
    call->connection = connection;
    call->ask = *ask;
    call->arrived_us = MAX(server_now_us(server), (uint64_t)1);
    call->open = ask->choices;
    say_init(&call->say, ask, &server->options->preset,
             chance_seed(server->options->seed, number + 1), loop_wall_ms(server->loop) / 1000);
    for (uint32_t i = 0; i < ask->choices; i++) {
        call->choices[i].call = call;
        say_plan(&call->say, ask, engine_context(server->engine) - call->say.prompt_tokens, i,
                 chance_seed(seed, i), &call->choices[i].said);
    }
    deadline_init(&call->slow_start, on_slow_start);
    list_push_back(&server->calls, &call->link);
    connection->call = call;
    return call;
}

static void let_faults_strike(struct call *call)
{
    struct faults *faults = &call->server->options->faults;
    for (size_t i = 0; i < FAULTS; i++)
        call->fault_seconds[i] = faults->arms[i].seconds;
    call->say.faults = faults_strike(faults);
}

void call_start(struct connection *connection, enum ask_kind kind)
{
    struct server *server = connection->server;
    struct ask ask;
    struct err err = {""};
    unsigned status = read_ask(server, connection, kind, &ask, &err);
    if (status != 0) {
        connection_fail(connection, status, err.text);
        return;
    }
    http_request_forget_body(connection->reader);
    struct call *call = call_new(connection, &ask);
    if (!call) {
        ask_release(&ask);
        connection_fail(connection, 500, "out of memory");
        return;
    }
    let_faults_strike(call);
    if (fault_in(call->say.faults, FAULT_RESTART))
        server_restart(server, call->fault_seconds[FAULT_RESTART]);
    else if (fault_in(call->say.faults, FAULT_ERROR))
        fail(call, 500, "something went wrong in the engine");
    else if (fault_in(call->say.faults, FAULT_SLOW_START))
        deadline_set(server->loop, &call->slow_start,
                     loop_now_ms(server->loop) +
                         server_real_ms(server, call->fault_seconds[FAULT_SLOW_START]));
    else
        submit(call);
}
