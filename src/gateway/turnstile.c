/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/turnstile.h"

#include "base/alloc.h"
#include "base/random.h"
#include "policy/ladder.h"

#include <pthread.h>
#include <stdatomic.h>

_Static_assert(GATE_STOPS_NOT == BACKEND_STOPS_NOT && BACKEND_STOP_UNKNOWN == 0, "handed on as they are");

struct turnstile {
    _Atomic uint32_t references;
    struct pool *pool;
    _Atomic uint32_t rungs; /* of the ladder, for who only looks */
    _Atomic bool leans;
    pthread_mutex_t lock; /* of all below */
    uint64_t looked_ms;
    struct gate *gate;
    struct predictor predictor;
    struct promises *promises;
    struct ladder ladder;
    bool crowds;
};

struct turnstile *turnstile_new(struct pool *pool, const struct gate_limits *limits, uint32_t workers)
{
    struct turnstile *turnstile = mem_zalloc(sizeof(*turnstile));
    if (!turnstile)
        return NULL;
    struct mac_key key; /* tickets do not outlive the process */
    random_bytes(key.bytes, sizeof(key.bytes));
    turnstile->gate = gate_new(limits, pool_backends(pool), workers);
    turnstile->promises = promises_new(&key);
    if (!turnstile->gate || !turnstile->promises) {
        promises_free(turnstile->promises);
        gate_free(turnstile->gate);
        mem_free(turnstile);
        return NULL;
    }
    for (size_t i = 0; i < pool_backends(pool); i++) {
        struct backend_view view;
        backend_view(pool_backend(pool, i), &view);
        gate_set_weight(turnstile->gate, i, view.weight);
    }
    atomic_init(&turnstile->references, 1);
    atomic_init(&turnstile->leans, limits->affinity && pool_backends(pool) > 1);
    turnstile->pool = pool_ref(pool);
    (void)pthread_mutex_init(&turnstile->lock, NULL); /* a default mutex cannot fail here */
    predictor_init(&turnstile->predictor);
    return turnstile;
}

struct turnstile *turnstile_ref(struct turnstile *turnstile)
{
    atomic_fetch_add_explicit(&turnstile->references, 1, memory_order_relaxed);
    return turnstile;
}

void turnstile_unref(struct turnstile *turnstile)
{
    if (!turnstile || atomic_fetch_sub_explicit(&turnstile->references, 1, memory_order_acq_rel) != 1)
        return;
    promises_free(turnstile->promises);
    gate_free(turnstile->gate);
    (void)pthread_mutex_destroy(&turnstile->lock);
    pool_unref(turnstile->pool);
    mem_free(turnstile);
}

struct pool *turnstile_pool(const struct turnstile *turnstile)
{
    return turnstile->pool;
}

static void lock(struct turnstile *turnstile)
{
    check(pthread_mutex_lock(&turnstile->lock) == 0);
}

static void unlock(struct turnstile *turnstile)
{
    check(pthread_mutex_unlock(&turnstile->lock) == 0);
}

void turnstile_set_limits(struct turnstile *turnstile, const struct gate_limits *limits)
{
    lock(turnstile);
    gate_set_limits(turnstile->gate, limits);
    atomic_store_explicit(&turnstile->leans, limits->affinity && pool_backends(turnstile->pool) > 1, memory_order_relaxed);
    unlock(turnstile);
}

bool turnstile_leans(const struct turnstile *turnstile)
{
    return atomic_load_explicit(&turnstile->leans, memory_order_relaxed);
}

void turnstile_set_crowds(struct turnstile *turnstile, bool crowds)
{
    lock(turnstile);
    turnstile->crowds = crowds;
    unlock(turnstile);
}

/* The gate says how pressed it is, and hears whether answers are shortened. */
static void climb(struct turnstile *turnstile, uint64_t now_ms)
{
    struct gate_view view;
    gate_view(turnstile->gate, &view);
    ladder_look(&turnstile->ladder, &(struct ladder_pressure){view.waiting_s, view.siege}, turnstile->crowds, now_ms);
    gate_shorten(turnstile->gate, turnstile->ladder.rungs > LADDER_OUTPUT);
    atomic_store_explicit(&turnstile->rungs, turnstile->ladder.rungs, memory_order_relaxed);
}

/* What the backends are like, and the gate's own clock: once in GATE_TICK_MS, whoever comes first. */
static void look_around(struct turnstile *turnstile, uint64_t now_ms)
{
    if (turnstile->looked_ms && now_ms < turnstile->looked_ms + GATE_TICK_MS)
        return;
    turnstile->looked_ms = now_ms;
    for (size_t i = 0; i < pool_backends(turnstile->pool); i++) {
        struct backend *backend = pool_backend(turnstile->pool, i);
        struct engine_facts facts = backend_facts(backend);
        struct limiter_facts known = {.slots = facts.slots,
                                      .kv_tokens = facts.kv_tokens,
                                      .running = facts.running,
                                      .waiting = facts.waiting,
                                      .kv_used = facts.kv_used,
                                      .at_ms = facts.at_ms};
        gate_know(turnstile->gate, i, backend_takes_calls(backend, now_ms), &known);
        gate_know_stopping(turnstile->gate, i, backend_stop_ms(backend));
    }
    gate_tick(turnstile->gate, now_ms);
    climb(turnstile, now_ms);
}

/* ---- turns ------------------------------------------------------------------------------------------- */

uint64_t turnstile_predict(struct turnstile *turnstile, const struct predictor_facts *facts)
{
    lock(turnstile);
    uint64_t output = predictor_output(&turnstile->predictor, facts);
    unlock(turnstile);
    return output;
}

enum turn_state turnstile_ask(struct turnstile *turnstile, struct turn *turn, struct gate_ask *ask, const struct predictor_facts *facts,
                              uint64_t now_ms, turnstile_bells *ret_bells)
{
    lock(turnstile);
    look_around(turnstile, now_ms);
    ask->output_expected = facts ? predictor_output(&turnstile->predictor, facts) : 0;
    enum turn_state state = gate_ask(turnstile->gate, turn, ask, now_ms);
    *ret_bells = gate_workers_with_news(turnstile->gate);
    unlock(turnstile);
    return state;
}

struct turnstile_cap turnstile_cap(struct turnstile *turnstile, const struct turn *turn)
{
    lock(turnstile);
    struct turnstile_cap cap = {turn->output_max, turn->shorten};
    unlock(turnstile);
    return cap;
}

struct turnstile_cap turnstile_progress(struct turnstile *turnstile, struct turn *turn, uint64_t output_tokens, uint64_t now_ms)
{
    lock(turnstile);
    gate_progress(turnstile->gate, turn, output_tokens, now_ms);
    struct turnstile_cap cap = {turn->output_max, turn->shorten};
    unlock(turnstile);
    return cap;
}

void turnstile_note_left(struct turnstile *turnstile, struct turn *turn, bool left)
{
    lock(turnstile);
    gate_note_left(turnstile->gate, turn, left);
    unlock(turnstile);
}

turnstile_bells turnstile_end(struct turnstile *turnstile, struct turn *turn, const struct turnstile_use *use,
                              const struct predictor_facts *facts, uint64_t now_ms)
{
    lock(turnstile);
    turn->stopped = use->stopped;
    gate_end(turnstile->gate, turn, use->prompt_tokens, use->output_tokens, now_ms);
    if (use->whole && facts)
        predictor_learn(&turnstile->predictor, facts, use->output_tokens);
    turnstile_bells bells = gate_workers_with_news(turnstile->gate);
    unlock(turnstile);
    return bells;
}

turnstile_bells turnstile_tick(struct turnstile *turnstile, uint64_t now_ms)
{
    lock(turnstile);
    look_around(turnstile, now_ms);
    turnstile_bells bells = gate_workers_with_news(turnstile->gate);
    unlock(turnstile);
    return bells;
}

struct turn *turnstile_news(struct turnstile *turnstile, uint32_t worker, enum turn_state *ret_state)
{
    lock(turnstile);
    struct turn *turn = gate_news(turnstile->gate, worker);
    *ret_state = turn ? turn->state : TURN_NONE;
    unlock(turnstile);
    return turn;
}

/* ---- promises ---------------------------------------------------------------------------------------- */

bool turnstile_promise(struct turnstile *turnstile, const struct fair_place *place, uint64_t price, uint64_t wall_ms, uint32_t *ret_wait_ms,
                       char ret_ticket[TICKET_TEXT_BYTES + 1])
{
    struct ticket ticket;
    lock(turnstile);
    bool made = promises_make(turnstile->promises, place, price, gate_rate(turnstile->gate, place->class), wall_ms, &ticket);
    if (made)
        promises_write(turnstile->promises, &ticket, place, ret_ticket);
    unlock(turnstile);
    *ret_wait_ms = made ? ticket.wait_ms : 0;
    return made;
}

enum ticket_verdict turnstile_claim(struct turnstile *turnstile, struct span ticket, const struct fair_place *place, uint64_t wall_ms,
                                    uint32_t *ret_wait_ms)
{
    lock(turnstile);
    bool room = gate_has_room(turnstile->gate, place->class);
    enum ticket_verdict verdict = promises_claim(turnstile->promises, place, ticket, room, wall_ms, ret_wait_ms);
    unlock(turnstile);
    return verdict;
}

/* ---- views ------------------------------------------------------------------------------------------- */

double turnstile_call_s(struct turnstile *turnstile, uint64_t prompt_tokens, double output_tokens)
{
    lock(turnstile);
    double seconds = gate_call_s(turnstile->gate, prompt_tokens, output_tokens);
    unlock(turnstile);
    return seconds;
}

struct gate_outlook turnstile_outlook(struct turnstile *turnstile, enum fair_class class)
{
    lock(turnstile);
    struct gate_outlook outlook = gate_outlook(turnstile->gate, class);
    unlock(turnstile);
    return outlook;
}

/* Nobody may have looked since the last turn ended: what stood then need not stand now. */
uint32_t turnstile_rungs(struct turnstile *turnstile, uint64_t now_ms)
{
    if (atomic_load_explicit(&turnstile->rungs, memory_order_relaxed) == 0)
        return 0;
    lock(turnstile);
    look_around(turnstile, now_ms);
    uint32_t rungs = turnstile->ladder.rungs;
    unlock(turnstile);
    return rungs;
}

void turnstile_view(struct turnstile *turnstile, uint64_t now_ms, struct gate_view *ret_view)
{
    lock(turnstile);
    look_around(turnstile, now_ms); /* workers with news hear of it at their own tick */
    gate_view(turnstile->gate, ret_view);
    unlock(turnstile);
}

void turnstile_backend_view(struct turnstile *turnstile, size_t backend, struct gate_backend_view *ret_view)
{
    lock(turnstile);
    gate_backend_view(turnstile->gate, backend, ret_view);
    unlock(turnstile);
}
