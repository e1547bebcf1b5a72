/* SPDX-License-Identifier: Apache-2.0 */
#include "gates.h"

#include "member.h"
#include "table.h"

#define TEXT_BYTES_MAX (1U << 20)

static const char *const classes[] = {"in_profile", "paid", "unknown"};

static void add_pool(struct table *table, const json_t *pool)
{
    const json_t *gate = json_object_get(pool, "gate");
    const json_t *running = json_object_get(gate, "running");
    const json_t *waiting = json_object_get(gate, "waiting");
    uint64_t runs = 0;
    for (size_t i = 0; i < COUNT_OF(classes); i++)
        runs += member_number(running, classes[i]);
    table_cell(table, "%s", member_text(pool, "name", "?"));
    table_number(table, member_number(gate, "limit"));
    table_number(table, runs);
    for (size_t i = 0; i < COUNT_OF(classes); i++)
        table_number(table, member_number(waiting, classes[i]));
    table_number(table, member_number(gate, "cut"));
    uint64_t rungs = member_number(gate, "rungs");
    const char *now = member_is_true(gate, "siege") ? "siege" : rungs > 0 ? "crowd" : "calm";
    if (rungs > 0)
        table_cell(table, "%s, rung %llu", now, (unsigned long long)rungs);
    else
        table_cell(table, "%s", now);
}

int gates_write(const json_t *pools, struct buf *text)
{
    static const char *const titles[] = {"POOL",  "#LIMIT",   "#RUNNING", "#WAITING: IN-PROFILE",
                                         "#PAID", "#UNKNOWN", "#CUT",     "NOW"};
    struct table table;
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(pools); i++)
        add_pool(&table, json_array_get(pools, i));
    int r = table_write(&table, text);
    table_release(&table);
    return r;
}

void gates_print(const json_t *pools)
{
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    if (gates_write(pools, &text) < 0)
        puts("(out of memory)");
    else
        fwrite(text.ptr, 1, text.len, stdout);
    buf_release(&text);
}
