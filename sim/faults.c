/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

static const char *const names[FAULTS] = {
    [FAULT_ERROR] = "error",
    [FAULT_SLOW_START] = "slow_start",
    [FAULT_STALL] = "stall",
    [FAULT_GARBAGE] = "garbage",
    [FAULT_HALF] = "half",
    [FAULT_USAGE_LOW] = "usage_low",
    [FAULT_USAGE_HIGH] = "usage_high",
    [FAULT_USAGE_NONE] = "usage_none",
    [FAULT_RESTART] = "restart",
};

void faults_init(struct faults *faults, uint64_t seed)
{
    *faults = (struct faults){.chance = chance_of(seed)};
}

int fault_of_name(struct span name, enum fault *ret_fault)
{
    for (size_t i = 0; i < FAULTS; i++) {
        if (span_eq(name, span_str(names[i]))) {
            *ret_fault = (enum fault)i;
            return 0;
        }
    }
    return -ENOENT;
}

const char *fault_name(enum fault fault)
{
    return names[fault];
}

int faults_arm(struct faults *faults, enum fault fault, const struct fault_arm *arm,
               struct err *err)
{
    if (!(arm->rate >= 0 && arm->rate <= 1))
        return err_set(err, -EINVAL, "the rate of a fault is 0 to 1");
    if (!(arm->seconds >= 0 && arm->seconds <= FAULT_SECONDS_MAX))
        return err_set(err, -EINVAL, "a fault lasts 0 to %.0f seconds", FAULT_SECONDS_MAX);
    if (arm->times > FAULT_TIMES_MAX)
        return err_set(err, -EINVAL, "a fault strikes at most %u times", FAULT_TIMES_MAX);
    faults->arms[fault] = *arm;
    return 0;
}

/* The number behind a colon; what is not there stays as it is. */
static bool read_number(const char **at, double *value)
{
    if (**at != ':')
        return **at == '\0';
    char *end;
    *value = strtod(*at + 1, &end);
    bool read = end != *at + 1;
    *at = end;
    return read;
}

int faults_arm_text(struct faults *faults, const char *text, struct err *err)
{
    struct fault_arm arm = {.rate = 1, .seconds = 5};
    enum fault fault;
    size_t name_len = strcspn(text, ":");
    const char *at = text + name_len;
    if (fault_of_name(span_of(text, name_len), &fault) < 0)
        return err_set(err, -EINVAL, "'%.*s' is no fault", (int)MIN(name_len, (size_t)64), text);
    if (!read_number(&at, &arm.rate) || !read_number(&at, &arm.seconds) || *at != '\0')
        return err_set(err, -EINVAL, "'%.64s' is not NAME[:RATE[:SECONDS]]", text);
    return faults_arm(faults, fault, &arm, err);
}

static bool strikes(struct faults *faults, struct fault_arm *arm)
{
    if (arm->rate <= 0 || chance_unit(&faults->chance) >= arm->rate)
        return false;
    if (arm->times == 1)
        arm->rate = 0;
    else if (arm->times > 1)
        arm->times--;
    return true;
}

struct fault_set faults_strike(struct faults *faults)
{
    struct fault_set set = {0};
    for (size_t i = 0; i < FAULTS; i++)
        set.bits |= strikes(faults, &faults->arms[i]) ? 1u << i : 0;
    return set;
}
