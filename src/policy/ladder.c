/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ladder.h"

#define GOES_ON 0.2 /* of the mark at which a rung begins */

/* ---- how many rungs stand ---------------------------------------------------------------------------- */

static bool stands(struct ladder *ladder, uint32_t rung, const struct ladder_pressure *pressure,
                   uint64_t now_ms)
{
    bool stood = rung < ladder->rungs;
    double mark = LADDER_BEGINS_S * (double)(1u << rung) * (stood ? GOES_ON : 1);
    if (pressure->waiting_s >= mark || (rung == 0 && pressure->siege)) {
        ladder->pressed_ms[rung] = now_ms;
        return true;
    }
    return stood && now_ms < ladder->pressed_ms[rung] + LADDER_CALM_MS;
}

/* Without `crowds` a siege's end takes all of it down at once: it has its own time to be sure. */
void ladder_look(struct ladder *ladder, const struct ladder_pressure *pressure, bool crowds,
                 uint64_t now_ms)
{
    uint32_t rungs = 0;
    if (pressure->siege || crowds)
        while (rungs < LADDER_RUNGS && stands(ladder, rungs, pressure, now_ms))
            rungs++;
    ladder->rungs = rungs;
}

/* ---- what one request gets ---------------------------------------------------------------------------- */

enum ladder_mode ladder_mode(const struct ladder_settings *settings, enum ladder_class class,
                             uint32_t rungs, enum ladder_rung rung)
{
    bool reaches = (uint32_t)rung < rungs && (uint32_t)rung < settings->rungs_max[class];
    return reaches ? settings->modes[rung] : LADDER_OFF;
}

void ladder_plan(const struct ladder_settings *settings, const struct ladder_facts *facts,
                 struct ladder_plan *ret_plan)
{
    const bool leaves[LADDER_RUNGS] = {
        [LADDER_OUTPUT] =
            facts->output_tokens == 0 || facts->output_tokens > settings->output_tokens,
        [LADDER_REASONING] = facts->can_think_less,
        [LADDER_CONTEXT] = facts->prompt_tokens > settings->context_tokens,
        [LADDER_MODEL] = facts->has_smaller,
    };
    for (int rung = 0; rung < LADDER_RUNGS; rung++) {
        uint32_t rungs = rung == LADDER_OUTPUT ? LADDER_RUNGS : facts->rungs;
        ret_plan->modes[rung] =
            leaves[rung] ? ladder_mode(settings, facts->class, rungs, (enum ladder_rung)rung)
                         : LADDER_OFF;
    }
}

/* ---- what was done ------------------------------------------------------------------------------------ */

struct span ladder_rung_name(enum ladder_rung rung)
{
    static const struct span names[] = {
#define LADDER_RUNG(name, word) [LADDER_##name] = SPAN(word),
        LADDER_TABLE(LADDER_RUNG)
#undef LADDER_RUNG
    };
    return names[rung];
}

/* RFC 8941, section 3.3.3: printable ASCII, quotes and backslashes escaped. A key without a value is true (section 3.2). */
static void write_name(struct span name, struct buf *buf)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x20 || name.ptr[i] > 0x7e)
            return;
    buf_append(buf, SPAN("=\""));
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            buf_append_byte(buf, '\\');
        buf_append_byte(buf, name.ptr[i]);
    }
    buf_append_byte(buf, '"');
}

static void write_value(const struct ladder_steps *steps, enum ladder_rung rung, struct buf *buf)
{
    switch (rung) {
    case LADDER_OUTPUT:
        buf_append_byte(buf, '=');
        buf_append_u64(buf, steps->output_tokens);
        break;
    case LADDER_REASONING:
        buf_append_byte(buf, '=');
        buf_append(buf, steps->reasoning);
        break;
    case LADDER_CONTEXT:
        buf_append(buf, SPAN("=-"));
        buf_append_u64(buf, steps->messages);
        break;
    case LADDER_MODEL:
        write_name(steps->model, buf);
        break;
    case LADDER_RUNGS:
        break;
    }
}

void ladder_write(const struct ladder_steps *steps, struct buf *buf)
{
    const char *before = "";
    for (int rung = 0; rung < LADDER_RUNGS; rung++) {
        if (!ladder_stepped(steps, (enum ladder_rung)rung))
            continue;
        buf_append(buf, span_str(before));
        buf_append(buf, ladder_rung_name((enum ladder_rung)rung));
        write_value(steps, (enum ladder_rung)rung, buf);
        before = ", ";
    }
}
