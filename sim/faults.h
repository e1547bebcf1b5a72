/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong, and how often. A fault that is armed strikes each call with its rate, at most so many times.
 * Chance comes from the seed. Belongs to one server.
 *
 *   error       the answer is 500
 *   slow_start  nothing happens with the call for some seconds
 *   stall       from the call's third token on, the whole engine makes nothing for some seconds
 *   garbage     behind the third token come bytes that are no event; a whole answer is no JSON
 *   half        half of the third token's event, then the connection closes; of a whole answer, half the body
 *   usage_low, usage_high, usage_none   usage counts half, twice, or is left out
 *   restart     the call finds an engine that has just died: all connections and all state are gone, and for some
 *               seconds nobody is let in
 */
#pragma once

#include "base/chance.h"
#include "base/err.h"
#include "base/span.h"

enum fault {
    FAULT_ERROR,
    FAULT_SLOW_START,
    FAULT_STALL,
    FAULT_GARBAGE,
    FAULT_HALF,
    FAULT_USAGE_LOW,
    FAULT_USAGE_HIGH,
    FAULT_USAGE_NONE,
    FAULT_RESTART,
    FAULTS
};

#define FAULT_TOKEN 3 /* those in the middle of an answer strike here */
#define FAULT_SECONDS_MAX 3600.0
#define FAULT_TIMES_MAX 1000000000u

struct fault_arm {
    double rate;    /* 0: not armed; to 1: every call */
    double seconds; /* of the engine's time, for the three that last */
    uint32_t times; /* strikes left; 0: no limit */
};

struct faults {
    struct fault_arm arms[FAULTS];
    struct chance chance;
};

/* What strikes one call: one bit for each fault. */
struct fault_set {
    uint32_t bits;
};

void faults_init(struct faults *faults, uint64_t seed);
/* 0 or -ENOENT. */
int fault_of_name(struct span name, enum fault *ret_fault) must_check;
const char *fault_name(enum fault fault);
/* "NAME[:RATE[:SECONDS]]" of a command line; every call and 5 seconds unless told. 0 or -EINVAL. */
int faults_arm_text(struct faults *faults, const char *text, struct err *err) must_check;
/* 0, or -EINVAL when a number is out of its range. */
int faults_arm(struct faults *faults, enum fault fault, const struct fault_arm *arm,
               struct err *err) must_check;
/* What strikes the next call. */
struct fault_set faults_strike(struct faults *faults);

static inline bool fault_in(struct fault_set set, enum fault fault)
{
    return (set.bits >> fault & 1) != 0;
}
