/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in the order in which they came, and beside them a table of indices: open addressing, linear probing, at most half full. Nobody outside chooses
 * what is hashed (keys are drawn, models are the operator's, hours pass), so the hash need not be secret, only quick.
 */
#include "record/ledger.h"

#include "base/alloc.h"

#define ROWS_FIRST 16
#define SLOT_FREE UINT32_MAX

struct ledger {
    struct store_usage *rows;
    uint32_t *slots;
    size_t count, room; /* rows there are, and rows there is memory for; slots: twice as many */
    size_t rows_max;
};

struct ledger *ledger_new(size_t rows_max)
{
    check(rows_max > 0 && rows_max < SLOT_FREE);
    struct ledger *ledger = mem_zalloc(sizeof(*ledger));
    if (ledger)
        ledger->rows_max = rows_max;
    return ledger;
}

static void free_model(const struct store_usage *row)
{
    mem_free((char *)row->model);
}

void ledger_free(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (size_t i = 0; i < ledger->count; i++)
        free_model(&ledger->rows[i]);
    mem_free(ledger->rows);
    mem_free(ledger->slots);
    mem_free(ledger);
}

static size_t hash(uint64_t key_id, uint64_t hour_ms, struct span model)
{
    uint64_t mixed = (key_id ^ (hour_ms * UINT64_C(0x9e3779b97f4a7c15))) + model.len;
    for (size_t i = 0; i < model.len; i++)
        mixed = (mixed ^ (unsigned char)model.ptr[i]) * UINT64_C(0x100000001b3);
    return (size_t)(mixed ^ (mixed >> 32));
}

static bool is_row_of(const struct store_usage *row, uint64_t key_id, uint64_t hour_ms,
                      struct span model)
{
    return row->key_id == key_id && row->hour_ms == hour_ms && span_eq(span_str(row->model), model);
}

/* The slot of this row, or the free one where it would go. */
static uint32_t *find_slot(const struct ledger *ledger, uint64_t key_id, uint64_t hour_ms,
                           struct span model)
{
    size_t mask = ledger->room * 2 - 1;
    size_t at = hash(key_id, hour_ms, model) & mask;
    while (ledger->slots[at] != SLOT_FREE &&
           !is_row_of(&ledger->rows[ledger->slots[at]], key_id, hour_ms, model))
        at = (at + 1) & mask;
    return &ledger->slots[at];
}

static void fill_slots(struct ledger *ledger)
{
    memset(ledger->slots, 0xff, ledger->room * 2 * sizeof(uint32_t));
    for (size_t i = 0; i < ledger->count; i++) {
        const struct store_usage *row = &ledger->rows[i];
        *find_slot(ledger, row->key_id, row->hour_ms, span_str(row->model)) = (uint32_t)i;
    }
}

static int grow(struct ledger *ledger)
{
    size_t room = ledger->room ? ledger->room * 2 : ROWS_FIRST;
    struct store_usage *rows = mem_realloc(ledger->rows, room * sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    ledger->rows = rows;
    uint32_t *slots = mem_array(room * 2, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    mem_free(ledger->slots);
    ledger->slots = slots;
    ledger->room = room;
    fill_slots(ledger);
    return 0;
}

static char *copy_model(struct span model)
{
    char *copy = mem_alloc(model.len + 1);
    if (!copy)
        return NULL;
    if (model.len > 0)
        memcpy(copy, model.ptr, model.len);
    copy[model.len] = '\0';
    return copy;
}

static int add_new(struct ledger *ledger, struct span model, const struct store_usage *row)
{
    if (ledger->count == ledger->rows_max)
        return -ENOSPC;
    if (ledger->count == ledger->room && grow(ledger) < 0)
        return -ENOMEM;
    char *copy = copy_model(model);
    if (!copy)
        return -ENOMEM;
    *find_slot(ledger, row->key_id, row->hour_ms, model) = (uint32_t)ledger->count;
    ledger->rows[ledger->count] = *row;
    ledger->rows[ledger->count++].model = copy;
    return 0;
}

int ledger_add(struct ledger *ledger, struct span model, const struct store_usage *row)
{
    uint32_t slot = ledger->room ? *find_slot(ledger, row->key_id, row->hour_ms, model) : SLOT_FREE;
    if (slot == SLOT_FREE)
        return add_new(ledger, model, row);
    struct store_usage *sum = &ledger->rows[slot];
    sum->requests += row->requests;
    sum->failed += row->failed;
    sum->cut += row->cut;
    sum->prompt_tokens += row->prompt_tokens;
    sum->completion_tokens += row->completion_tokens;
    sum->disputed_tokens += row->disputed_tokens;
    return 0;
}

size_t ledger_merge(struct ledger *ledger, const struct ledger *from)
{
    size_t left_out = 0;
    for (size_t i = 0; i < from->count; i++)
        left_out += ledger_add(ledger, span_str(from->rows[i].model), &from->rows[i]) < 0;
    return left_out;
}

size_t ledger_count(const struct ledger *ledger)
{
    return ledger->count;
}

const struct store_usage *ledger_rows(const struct ledger *ledger)
{
    return ledger->rows;
}

void ledger_add_to_mark(const struct ledger *ledger, struct store_mark *mark)
{
    for (size_t i = 0; i < ledger->count; i++) {
        mark->requests += ledger->rows[i].requests;
        mark->prompt_tokens += ledger->rows[i].prompt_tokens;
        mark->completion_tokens += ledger->rows[i].completion_tokens;
    }
}
