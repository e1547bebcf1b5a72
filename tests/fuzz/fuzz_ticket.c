/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ticket as a client sends it: the input is the text. It is worth nothing unless it is the one that was given out, and whatever is tried before, that one
 * is due once. The same with the input laid over the real one, so that its form is right.
 */
#include "fuzz.h"

#include "admit/ticket.h"

#define NOW UINT64_C(1795476901042)
#define IDENTITY 5

static struct ticket_plan plan;

static enum ticket_verdict look(struct span text)
{
    uint32_t wait_ms;
    return ticket_check(&plan, text, 1, IDENTITY, NOW + TICKET_SOONEST_MS, &wait_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct ticket ticket;
    char real[TICKET_TEXT_BYTES + 1], laid[TICKET_TEXT_BYTES];
    ticket_plan_init(&plan, &(struct mac_key){{3, 2, 1}});
    check(ticket_issue(&plan, 1, 100, 1000, NOW, &ticket));
    ticket_write(&plan, &ticket, 1, IDENTITY, real);
    memcpy(laid, real, sizeof(laid));
    for (size_t i = 0; i < size && i < sizeof(laid); i++)
        laid[i] = data[i] == '?' ? real[i] : (char)data[i];

    struct span right = span_of(real, TICKET_TEXT_BYTES), over = span_of(laid, sizeof(laid));
    check(span_eq(text, right) || look(text) == TICKET_FORGED);
    check(span_eq(over, right) || look(over) == TICKET_FORGED);
    check(look(right) == TICKET_DUE);
    check(look(right) == TICKET_USED);
    return 0;
}
