/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small engine to test admission with: calls wait for a slot, their prompts are read one after another, then all that write share the pace, and the more there are
 * the slower each is: TPOT = tpot_us × (1 + n / half_speed). Time goes in steps of the caller. Not simllm: no KV cache, no preemption, no batches of prompts.
 */
#pragma once

#include "base/macros.h"
#include "base/random.h"

#ifndef ENGINE_CALLS
#define ENGINE_CALLS 512
#endif

struct engine_call {
    void *owner; /* NULL: free */
    uint64_t prompt, output, written;
    uint64_t number, begun_us, token_us; /* token_us: when the last one came */
    double progress;                     /* of the next token */
    double prompt_left_us;
    bool has_slot;
};

struct engine_events {
    void (*on_first)(void *owner, uint64_t ttft_us);
    void (*on_token)(void *owner, uint64_t us);
    void (*on_done)(void *owner);
};

struct engine {
    double tpot_us, half_speed, prompt_token_us;
    uint32_t slots;
    uint32_t noise_percent; /* of each token's time */
    const struct engine_events *events;
    uint64_t now_us, number;
    uint32_t under_way, in_slots;
    struct engine_call calls[ENGINE_CALLS];
};

static inline bool engine_begin(struct engine *engine, void *owner, uint64_t prompt,
                                uint64_t output)
{
    for (size_t i = 0; i < ENGINE_CALLS; i++) {
        struct engine_call *call = &engine->calls[i];
        if (call->owner)
            continue;
        *call = (struct engine_call){.owner = owner,
                                     .prompt = prompt,
                                     .output = output,
                                     .number = engine->number++,
                                     .begun_us = engine->now_us,
                                     .prompt_left_us = engine->prompt_token_us * (double)prompt};
        engine->under_way++;
        return true;
    }
    return false;
}

static inline void engine_free_call(struct engine *engine, struct engine_call *call)
{
    engine->under_way--;
    engine->in_slots -= call->has_slot;
    call->owner = NULL;
}

/* It ends when it has written so many; from on_first or on_token, no fewer than are written then. */
static inline void engine_set_output(struct engine *engine, const void *owner, uint64_t output)
{
    for (size_t i = 0; i < ENGINE_CALLS; i++)
        if (engine->calls[i].owner == owner)
            engine->calls[i].output = output;
}

static inline void engine_cut(struct engine *engine, const void *owner)
{
    for (size_t i = 0; i < ENGINE_CALLS; i++)
        if (engine->calls[i].owner == owner)
            engine_free_call(engine, &engine->calls[i]);
}

/* The oldest without a slot, or the oldest whose prompt is not read; NULL: none. */
static inline struct engine_call *engine_oldest(struct engine *engine, bool has_slot)
{
    struct engine_call *oldest = NULL;
    for (size_t i = 0; i < ENGINE_CALLS; i++) {
        struct engine_call *call = &engine->calls[i];
        if (call->owner && call->has_slot == has_slot && (!has_slot || call->prompt_left_us > 0) &&
            (!oldest || call->number < oldest->number))
            oldest = call;
    }
    return oldest;
}

static inline void engine_read_prompts(struct engine *engine, double us)
{
    struct engine_call *call;
    while (engine->in_slots < engine->slots && (call = engine_oldest(engine, false))) {
        call->has_slot = true;
        engine->in_slots++;
    }
    while (us > 0 && (call = engine_oldest(engine, true))) {
        double part = us < call->prompt_left_us ? us : call->prompt_left_us;
        call->prompt_left_us -= part;
        us -= part;
    }
}

static inline void engine_write(struct engine *engine, struct engine_call *call, double us,
                                double tpot_us)
{
    double noise = 1;
    if (engine->noise_percent > 0)
        noise +=
            ((double)random_below(2 * engine->noise_percent + 1) - engine->noise_percent) / 100;
    call->progress += us / (tpot_us * noise);
    while (call->progress >= 1) {
        call->progress -= 1;
        uint64_t since = call->written == 0 ? call->begun_us : call->token_us;
        void (*tell)(void *, uint64_t) =
            call->written == 0 ? engine->events->on_first : engine->events->on_token;
        call->token_us = MAX(engine->now_us - (uint64_t)(call->progress * tpot_us), since);
        tell(call->owner, call->token_us - since);
        if (++call->written < call->output)
            continue;
        void *owner = call->owner;
        engine_free_call(engine, call);
        engine->events->on_done(owner);
        return;
    }
}

static inline void engine_step(struct engine *engine, uint64_t us)
{
    engine->now_us += us;
    engine_read_prompts(engine, (double)us);
    uint32_t writing = 0;
    for (size_t i = 0; i < ENGINE_CALLS; i++)
        writing += engine->calls[i].owner && engine->calls[i].has_slot &&
                   engine->calls[i].prompt_left_us <= 0;
    double tpot_us = engine->tpot_us * (1 + writing / engine->half_speed);
    for (size_t i = 0; i < ENGINE_CALLS; i++) {
        struct engine_call *call = &engine->calls[i];
        if (call->owner && call->has_slot && call->prompt_left_us <= 0)
            engine_write(engine, call, (double)us, tpot_us);
    }
}
