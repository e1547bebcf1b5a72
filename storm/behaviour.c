/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/behaviour.h"

#include <math.h>

#define SDK_FIRST_S 0.5
#define SDK_LONGEST_S 8.0
#define SDK_JITTER 0.25
#define SDK_ADVICE_MS_MAX 60000
#define ADVICE_BYTES_MAX 15

static bool sdk_comes_again(const struct behaviour_answer *answer)
{
    if (answer->should_retry != BEHAVIOUR_NO_ADVICE)
        return answer->should_retry == 1;
    return answer->status == 0 || answer->status == 408 || answer->status == 409 ||
           answer->status == 429 || answer->status >= 500;
}

static double sdk_wait_s(const struct behaviour_answer *answer, uint32_t tries,
                         struct chance *chance)
{
    if (answer->retry_after_ms > 0 && answer->retry_after_ms <= SDK_ADVICE_MS_MAX)
        return (double)answer->retry_after_ms / 1000;
    double wait = MIN(SDK_FIRST_S * pow(2, tries - 1.0), SDK_LONGEST_S);
    return wait * (1 - SDK_JITTER * chance_unit(chance));
}

bool behaviour_retries(const struct scenario_group *group, const struct behaviour_answer *answer,
                       uint32_t tries, struct chance *chance, uint64_t *ret_wait_us)
{
    if (group->retry == RETRY_NEVER || tries > group->retries)
        return false;
    if (group->retry == RETRY_SDK && !sdk_comes_again(answer))
        return false;
    double wait_s =
        group->retry == RETRY_SDK ? sdk_wait_s(answer, tries, chance) : group->retry_wait_ms / 1000;
    *ret_wait_us = (uint64_t)(wait_s * 1e6);
    return true;
}

uint64_t behaviour_patience_us(const struct scenario_group *group, uint32_t tries)
{
    double patience = group->patience_s * pow(group->patience_growth, tries - 1.0);
    double longest = MAX(group->patience_s, group->patience_max_s);
    return (uint64_t)(MIN(patience, longest) * 1e6);
}

int64_t behaviour_read_seconds(struct span value)
{
    char text[ADVICE_BYTES_MAX + 1], *end;
    if (value.len == 0 || value.len > ADVICE_BYTES_MAX || value.ptr[0] < '0' || value.ptr[0] > '9')
        return BEHAVIOUR_NO_ADVICE;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    double seconds = strtod(text, &end);
    if (end != text + value.len || !(seconds >= 0 && seconds < 1e9))
        return BEHAVIOUR_NO_ADVICE;
    return (int64_t)(seconds * 1000);
}
