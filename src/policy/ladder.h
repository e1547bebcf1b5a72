/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The degradation ladder: before a request waits in vain or is refused, it is served smaller.
 *
 *   rung        what becomes of a request on it                            decided
 *   output      its answer ends after so many tokens                       when its turn comes
 *   reasoning   the engine is told to think less                           when it has come
 *   context     the oldest turns of a long conversation are left out       when it has come
 *   model       a smaller model of the same service answers                when it has come
 *
 * Behind the last rung come waiting and refusing, as they are (admit/gate.h).
 *
 * How many rungs stand is one number for each pool, kept by ladder_look(): rung k (from 0) begins when what waits is worth LADDER_BEGINS_S × 2^k seconds of all
 * capacity, goes on while it is worth a fifth of that, and ends LADDER_CALM_MS after it last was. The first rung begins and ends with a siege instead, whose marks are
 * the same; where there is no siege there is nobody to be protected, and no rung stands unless the operator says so (`crowds`).
 *
 * What a request gets of it is ladder_plan(): a rung touches it when it stands, the operator lets it, its class goes so far down, and there is something to leave away.
 * Nothing is ever raised above what was asked for. A rung on `dry-run` plans all the same and whoever asked only tells of it. A rung that is off is stepped over:
 * those below it stand at their own marks.
 *
 * Pure: facts and the time in, decisions out. Any thread; a struct ladder belongs to whoever holds its lock.
 */
#pragma once

#include "base/buf.h"

#define LADDER_BEGINS_S 10.0 /* of all capacity: as GATE_SIEGE_BEGINS_S */
#define LADDER_CALM_MS 30000
#define LADDER_TEXT_MAX                                                                            \
    640 /* of ladder_write(): a model's name, each byte escaped, and 128 bytes */

/* LADDER_RUNG(name, word), in their order */
#define LADDER_TABLE(LADDER_RUNG)                                                                  \
    LADDER_RUNG(OUTPUT, "output")                                                                  \
    LADDER_RUNG(REASONING, "reasoning")                                                            \
    LADDER_RUNG(CONTEXT, "context")                                                                \
    LADDER_RUNG(MODEL, "model")

enum ladder_rung {
#define LADDER_RUNG(name, word) LADDER_##name,
    LADDER_TABLE(LADDER_RUNG)
#undef LADDER_RUNG
        LADDER_RUNGS
};

enum ladder_mode { LADDER_OFF, LADDER_DRY_RUN, LADDER_ON };

/* In the order of admit/fair_queue.h. */
enum ladder_class { LADDER_IN_PROFILE, LADDER_PAID, LADDER_UNKNOWN, LADDER_CLASSES };

struct ladder_settings {
    enum ladder_mode modes[LADDER_RUNGS];
    uint32_t rungs_max[LADDER_CLASSES]; /* how far down each class may be taken; 0: never touched */
    uint64_t output_tokens; /* of the rung `output`: all answers of a call together; > 0 */
    uint64_t
        context_tokens; /* of the rung `context`: longer prompts are shortened to it, as estimated; > 0 */
    bool crowds;        /* rungs stand without a siege too */
};

/* ---- how many rungs stand ---------------------------------------------------------------------------- */

struct ladder {
    uint32_t rungs;                    /* that stand now: 0 … LADDER_RUNGS */
    uint64_t pressed_ms[LADDER_RUNGS]; /* when each that stands was last worth going on */
};

struct ladder_pressure {
    double waiting_s; /* what waits, in seconds of all capacity */
    bool siege;
};

/* From time to time (each GATE_TICK_MS). All zeroes is a ladder on which nothing stands; `now_ms` is monotonic. */
void ladder_look(struct ladder *ladder, const struct ladder_pressure *pressure, bool crowds,
                 uint64_t now_ms);

/* ---- what one request gets ---------------------------------------------------------------------------- */

struct ladder_facts {
    enum ladder_class class;
    uint32_t rungs;         /* that stand at its pool */
    uint64_t output_tokens; /* that all its answers together may have; 0: no cap */
    uint64_t prompt_tokens; /* estimated; 0 where no turn can be left out */
    bool can_think_less; /* the model can be told to, and the request does not ask for it already */
    bool has_smaller;    /* a smaller model takes this request as it is */
};

struct ladder_plan {
    enum ladder_mode modes[LADDER_RUNGS]; /* OFF: this rung does not touch it */
};

/* What a rung may do to a class when so many stand. */
enum ladder_mode ladder_mode(const struct ladder_settings *settings, enum ladder_class class,
                             uint32_t rungs, enum ladder_rung rung);
/* The rung `output` is planned whether it stands or not: that is seen when the turn comes. */
void ladder_plan(const struct ladder_settings *settings, const struct ladder_facts *facts,
                 struct ladder_plan *ret_plan);

/* ---- what was done ------------------------------------------------------------------------------------ */

/* … to one request, or would have been in a dry-run. */
struct ladder_steps {
    uint32_t rungs; /* a bit for each that touched it */
    uint64_t output_tokens;
    uint32_t messages;     /* left out */
    struct span reasoning; /* a token: how much is left of it */
    struct span model;     /* that answers in place of the one asked for */
};

static inline bool ladder_stepped(const struct ladder_steps *steps, enum ladder_rung rung)
{
    return steps->rungs & 1u << rung;
}

/* The name of a rung, as in the configuration, the header and metrics. */
struct span ladder_rung_name(enum ladder_rung rung);
/* Appends a dictionary of RFC 8941: `output=256, reasoning=low, context=-12, model="small"`; nothing when no rung touched it. `context` is by how many messages the
 * conversation is shorter; a model's name that is not printable ASCII is left away (`model`). */
void ladder_write(const struct ladder_steps *steps, struct buf *buf);
