/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/gate_backend.h"

#include <math.h>

void gate_backend_init(struct gate_backend *backend)
{
    backend->available = true;
    backend->weight = 1;
    limiter_init(&backend->limiter);
}

uint32_t gate_backend_cap(const struct gate_backend *backend)
{
    uint32_t cap = limiter_cap(&backend->limiter);
    return backend->calls_max ? MIN(cap, backend->calls_max) : cap;
}

uint32_t gate_backend_limit(const struct gate_backend *backend)
{
    return MIN(limiter_limit(&backend->limiter), gate_backend_cap(backend));
}

uint32_t gate_backend_strict_limit(const struct gate_backend *backend)
{
    return MIN(limiter_strict_limit(&backend->limiter), gate_backend_cap(backend));
}

/* ---- stopping ---------------------------------------------------------------------------------------- */

static bool is_waited_for(const struct gate_backend *backend, enum fair_class class)
{
    return class != FAIR_IN_PROFILE || backend->stop_ms > GATE_STOP_SOON_MS;
}

uint32_t gate_backend_busy(const struct gate_backend *backend, enum fair_class class)
{
    return backend->under_way + (is_waited_for(backend, class) ? backend->leaving.count : 0);
}

bool gate_backend_stops_late(const struct gate_backend *backend)
{
    return backend->stop_ms > GATE_STOP_SOON_MS && backend->stop_ms != GATE_STOPS_NOT;
}

/* Its engine was hung up: how long does it work on? */
static uint64_t stops_in_ms(const struct gate_backend *backend, const struct turn *turn)
{
    if (backend->stop_ms != GATE_STOPS_NOT)
        return backend->stop_ms;
    uint64_t left = turn->output_expected > turn->output_tokens
                        ? turn->output_expected - turn->output_tokens
                        : 0;
    return MIN(limiter_output_us(&backend->limiter, left) / 1000, (uint64_t)GATE_STOPPING_MS_MAX);
}

/* ---- room -------------------------------------------------------------------------------------------- */

/* What it has written or is expected to, with its prompt, in the engine's cache. */
static uint64_t kv_of(const struct turn *turn)
{
    return turn->prompt_tokens + MAX(turn->output_tokens, turn->output_expected);
}

bool gate_backend_fits(const struct gate_backend *backend, const struct turn *turn)
{
    enum fair_class class = turn->place.class;
    uint64_t kv_max = limiter_kv_max(&backend->limiter), kv = kv_of(turn);
    uint64_t taken =
        backend->kv_reserved + (is_waited_for(backend, class) ? backend->leaving.kv : 0);
    /* One that is larger than all of it may go alone: the engine decides what it can do. */
    bool kv_left = taken == 0 || (kv <= kv_max && taken <= kv_max - kv);
    return backend->available && gate_backend_busy(backend, class) < gate_backend_cap(backend) &&
           kv_left;
}

/* How long the engine's time would stand still for this prompt. */
static double read_ms(const struct gate_backend *backend, const struct turn *turn)
{
    const struct limiter *limiter = &backend->limiter;
    double ms = (double)(limiter_ttft_us(limiter, turn->prompt_tokens) - limiter_ttft_us(limiter, 0)) / 1000;
    return fmin(ms, GATE_READ_MS_MAX);
}

static bool reads_enough(const struct gate_backend *backend, uint64_t now_ms)
{
    return backend->in_profile > 0 && backend->reads_until_ms > (double)(now_ms + GATE_READ_AHEAD_MS);
}

bool gate_backend_has_room(const struct gate_backend *backend, const struct turn *turn, bool low,
                           uint64_t now_ms)
{
    bool paced = low || turn->entry.stretched;
    bool holds = (low && limiter_holds_low(&backend->limiter, now_ms)) || (paced && reads_enough(backend, now_ms));
    return gate_backend_fits(backend, turn) && !holds;
}

static bool is_below_limit(const struct gate_backend *backend)
{
    return gate_backend_busy(backend, FAIR_UNKNOWN) < gate_backend_limit(backend);
}

bool gate_backend_is_better(const struct gate_backend *backend, const struct gate_backend *best)
{
    bool below = is_below_limit(backend);
    if (below != is_below_limit(best))
        return below;
    uint64_t load = gate_backend_busy(backend, FAIR_UNKNOWN) + UINT64_C(1);
    uint64_t best_load = gate_backend_busy(best, FAIR_UNKNOWN) + UINT64_C(1);
    uint64_t share = (uint64_t)gate_backend_limit(backend) * backend->weight;
    uint64_t best_share = (uint64_t)gate_backend_limit(best) * best->weight;
    return load * best_share < best_load * share;
}

static double load_of(const struct gate_backend *backend)
{
    return (gate_backend_busy(backend, FAIR_UNKNOWN) + 1.0) / gate_backend_limit(backend) /
           backend->weight;
}

static bool is_close(const struct gate_backend *backend, const struct gate_backend *least)
{
    return is_below_limit(backend) &&
           load_of(backend) <= load_of(least) + GATE_LEAN / backend->weight;
}

struct gate_backend *gate_backend_lean(struct gate_backend *backends, size_t count,
                                       struct gate_backend *least, const struct turn *turn,
                                       bool low, uint64_t now_ms)
{
    struct gate_backend *best = least;
    uint32_t most = prefix_match(&least->prefixes, turn->prefix);
    for (size_t i = 0; i < count && most < turn->prefix->count; i++) {
        struct gate_backend *backend = &backends[i];
        uint32_t match = prefix_match(&backend->prefixes, turn->prefix);
        if (match > most && gate_backend_has_room(backend, turn, low, now_ms) &&
            is_close(backend, least)) {
            most = match;
            best = backend;
        }
    }
    return best;
}

/* ---- a call's way ------------------------------------------------------------------------------------ */

void gate_backend_take(struct gate_backend *backend, struct turn *turn)
{
    turn->kv = kv_of(turn);
    backend->kv_reserved += turn->kv;
    backend->under_way++;
    backend->under_way_most = MAX(backend->under_way_most, backend->under_way);
    backend->in_profile += turn->place.class == FAIR_IN_PROFILE;
    backend->reads_until_ms = fmax(backend->reads_until_ms, (double)turn->started_ms) + read_ms(backend, turn) / GATE_READ_SHARE;
    if (!turn->prefix)
        return;
    backend->blocks += turn->prefix->count;
    backend->known_blocks += prefix_match(&backend->prefixes, turn->prefix);
    prefix_remember(&backend->prefixes, turn->prefix);
}

bool gate_backend_take_more(struct gate_backend *backend, struct turn *turn)
{
    uint64_t kv = kv_of(turn);
    if (kv <= turn->kv)
        return false;
    backend->kv_reserved += kv - turn->kv;
    turn->kv = kv;
    return true;
}

void gate_backend_give_back(struct gate_backend *backend, const struct turn *turn, uint64_t now_ms)
{
    backend->kv_reserved -= turn->kv;
    backend->under_way--;
    backend->in_profile -= turn->place.class == FAIR_IN_PROFILE;
    if (turn->stopped)
        leaving_add(&backend->leaving, turn->kv, now_ms + stops_in_ms(backend, turn));
}

void gate_backend_look(const struct gate_backend *backend, struct gate_backend_view *ret_view)
{
    uint64_t kv_max = limiter_kv_max(&backend->limiter);
    *ret_view = (struct gate_backend_view){.available = backend->available,
                                           .limit = gate_backend_limit(backend),
                                           .under_way = backend->under_way,
                                           .stopping = backend->leaving.count,
                                           .kv_reserved = backend->kv_reserved,
                                           .kv_max = kv_max == UINT64_MAX ? 0 : kv_max,
                                           .blocks = backend->blocks,
                                           .known_blocks = backend->known_blocks,
                                           .tpot_ms = backend->limiter.tpot.p50 / 1000,
                                           .tpot_low_ms = backend->limiter.tpot.low / 1000,
                                           .residual_ms = backend->limiter.residual.p50 / 1000};
}
