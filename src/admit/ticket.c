/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/ticket.h"

#include "base/text.h"

#include <math.h>

#define PART_BYTES (TEXT_BASE62_U64 + 1)

/* From a ticket's issue until it is late, no more are given out than the window holds. */
_Static_assert((TICKET_PROMISED_MS_MAX + TICKET_LATE_MS) / TICKET_SPACING_MS_MIN * TICKET_CLASSES <=
                   TICKETS_OUT_MAX,
               "a ticket that is out falls out of the window");

void ticket_plan_init(struct ticket_plan *plan, const struct mac_key *key)
{
    memset(plan, 0, sizeof(*plan));
    plan->key = *key;
}

static uint64_t *used_word(struct ticket_plan *plan, uint64_t serial)
{
    return &plan->used[serial % TICKETS_OUT_MAX / 64];
}

static uint64_t used_bit(uint64_t serial)
{
    return UINT64_C(1) << serial % 64;
}

uint32_t ticket_work_ms(uint64_t price, double rate)
{
    double work_ms = ceil((double)price * 1000 / rate);
    if (!(rate > 0) || !(work_ms <= TICKET_AHEAD_MS_MAX))
        return UINT32_MAX;
    return MAX((uint32_t)work_ms, (uint32_t)TICKET_SPACING_MS_MIN);
}

/* A plan that reaches further than it ever does is from before the clock was set back. */
static uint64_t next_due_ms(const struct ticket_plan *plan, unsigned class, uint64_t wall_ms)
{
    check(class < TICKET_CLASSES);
    uint64_t free_ms = plan->next_free_ms[class], soonest_ms = wall_ms + TICKET_SOONEST_MS;
    return free_ms > wall_ms + TICKET_PROMISED_MS_MAX ? soonest_ms : MAX(free_ms, soonest_ms);
}

uint32_t ticket_rest_ms(const struct ticket_plan *plan, unsigned class, uint64_t wall_ms)
{
    uint64_t due_ms = next_due_ms(plan, class, wall_ms), last_ms = wall_ms + TICKET_AHEAD_MS_MAX;
    return due_ms < last_ms ? (uint32_t)(last_ms - due_ms) : 0;
}

bool ticket_issue(struct ticket_plan *plan, unsigned class, uint64_t price, double rate,
                  uint64_t wall_ms, struct ticket *ret_ticket)
{
    uint32_t work_ms = ticket_work_ms(price, rate);
    uint64_t due_ms = next_due_ms(plan, class, wall_ms);
    if (work_ms == UINT32_MAX || due_ms > wall_ms + TICKET_AHEAD_MS_MAX)
        return false;
    plan->next_free_ms[class] = due_ms + work_ms;

    uint64_t serial = plan->serial++;
    *used_word(plan, serial) &= ~used_bit(serial);
    *ret_ticket = (struct ticket){serial, due_ms, (uint32_t)(due_ms - wall_ms), work_ms};
    return true;
}

static uint64_t mac_of(const struct ticket_plan *plan, uint64_t serial, uint64_t due_ms,
                       unsigned class, uint64_t identity)
{
    const uint64_t words[] = {serial, due_ms, class, identity};
    return mac_64(&plan->key, span_of(words, sizeof(words)));
}

void ticket_write(const struct ticket_plan *plan, const struct ticket *ticket, unsigned class,
                  uint64_t identity, char ret_text[TICKET_TEXT_BYTES + 1])
{
    text_base62(ticket->serial, ret_text);
    text_base62(ticket->due_ms, ret_text + PART_BYTES);
    text_base62(mac_of(plan, ticket->serial, ticket->due_ms, class, identity),
                ret_text + 2 * PART_BYTES);
    ret_text[PART_BYTES - 1] = ret_text[2 * PART_BYTES - 1] = '.';
    ret_text[TICKET_TEXT_BYTES] = '\0';
}

static bool parse(struct span text, uint64_t ret_parts[3])
{
    if (text.len != TICKET_TEXT_BYTES || text.ptr[PART_BYTES - 1] != '.' ||
        text.ptr[2 * PART_BYTES - 1] != '.')
        return false;
    for (size_t i = 0; i < 3; i++)
        if (text_unbase62(span_of(text.ptr + i * PART_BYTES, TEXT_BASE62_U64), &ret_parts[i]) < 0)
            return false;
    return true;
}

enum ticket_verdict ticket_check(struct ticket_plan *plan, struct span text, unsigned class,
                                 uint64_t identity, uint64_t wall_ms, uint32_t *ret_wait_ms)
{
    uint64_t parts[3];
    if (!parse(text, parts) || parts[2] != mac_of(plan, parts[0], parts[1], class, identity))
        return TICKET_FORGED;
    uint64_t serial = parts[0], due_ms = parts[1];
    if (serial >= plan->serial || plan->serial - serial > TICKETS_OUT_MAX)
        return TICKET_LATE;
    if (*used_word(plan, serial) & used_bit(serial))
        return TICKET_USED;
    if (wall_ms + TICKET_EARLY_MS < due_ms && due_ms <= wall_ms + TICKET_PROMISED_MS_MAX) {
        *ret_wait_ms = (uint32_t)(due_ms - wall_ms);
        return TICKET_EARLY;
    }
    if (wall_ms > due_ms + TICKET_LATE_MS)
        return TICKET_LATE;
    ticket_use(plan, serial);
    return TICKET_DUE;
}

void ticket_use(struct ticket_plan *plan, uint64_t serial)
{
    if (plan->serial - serial <= TICKETS_OUT_MAX)
        *used_word(plan, serial) |= used_bit(serial);
}
