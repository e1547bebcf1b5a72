/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's side: a few stores into counters and tally, a row in a small table, a line at the end of a block. Twice a second the table goes to the hub, and once a
 * second, or when it is full, the block to the log's thread. What is handed over is not touched any more; the next one is made when it is needed.
 */
#include "base/alloc.h"
#include "record/hub_internal.h"

#define FLUSH_MS 500
#define FLUSHES_OF_LINES 2 /* lines go with each second flush of rows */
#define ROWS_MAX 4096
#define HOUR_MS UINT64_C(3600000)

struct recorder {
    struct record_hub *hub;
    struct hub_worker *worker;
    struct tally_slot *slot;
    struct tick *tick;
    unsigned flushes;
    struct ledger *rows;     /* NULL: none since the last flush */
    struct log_block *block; /* NULL: no line since the last flush */
    struct access_writer writer;
};

/* ── handing over ── */

/* False: the hub has not kept up, and they stay here. */
static bool flush_rows(struct recorder *recorder)
{
    if (!recorder->rows)
        return true;
    if (hub_post_rows(recorder->hub, recorder->rows) < 0)
        return false;
    recorder->rows = NULL;
    return true;
}

static bool flush_lines(struct recorder *recorder)
{
    if (!recorder->block)
        return true;
    if (hub_post_block(recorder->hub, recorder->block) < 0)
        return false;
    recorder->block = NULL;
    return true;
}

static void on_tick(void *arg)
{
    struct recorder *recorder = arg;
    (void)flush_rows(recorder);
    if (++recorder->flushes % FLUSHES_OF_LINES == 0)
        (void)flush_lines(recorder);
}

struct recorder *recorder_new(struct record_hub *hub, struct loop *loop, uint32_t index)
{
    struct recorder *recorder = mem_zalloc(sizeof(*recorder));
    if (!recorder)
        return NULL;
    recorder->hub = hub;
    recorder->worker = hub_worker(hub, index);
    recorder->slot = hub_tally_slot(hub, index);
    recorder->tick = tick_new(loop, FLUSH_MS, on_tick, recorder);
    if (!recorder->tick) {
        mem_free(recorder);
        return NULL;
    }
    return recorder;
}

void recorder_free(struct recorder *recorder)
{
    if (!recorder)
        return;
    tick_free(recorder->tick);
    if (!flush_rows(recorder))
        recorder->worker->rows_left = recorder->rows;
    if (!flush_lines(recorder))
        recorder->worker->block_left = recorder->block;
    mem_free(recorder);
}

struct metrics_counters *recorder_counters(struct recorder *recorder)
{
    return &recorder->worker->counters;
}

/* ── one request ── */

void recorder_call_begins(struct recorder *recorder)
{
    TALLY_ADD(recorder->slot, calls_begun, 1);
    METRIC_ADD(&recorder->worker->counters, upstream_calls, 1);
}

static uint64_t us_between(uint64_t from_us, uint64_t to_us)
{
    return to_us > from_us ? to_us - from_us : 0;
}

static void count_steps(uint64_t counters[LADDER_RUNGS], const struct ladder_steps *steps)
{
    for (int rung = 0; steps && steps->rungs && rung < LADDER_RUNGS; rung++)
        if (ladder_stepped(steps, (enum ladder_rung)rung))
            __atomic_store_n(&counters[rung], counters[rung] + 1, __ATOMIC_RELAXED);
}

static void count(struct metrics_counters *counters, const struct record *record)
{
    METRIC_ADD(counters, ended[record->reason], 1);
    METRIC_ADD(counters, bytes_in, record->bytes_in);
    METRIC_ADD(counters, bytes_out, record->bytes_out);
    if (!record->called)
        return;
    count_steps(counters->reduced, record->reduced);
    count_steps(counters->dry_run, record->dry_run);
    if (record->charged) {
        METRIC_ADD(counters, prompt_tokens, record->prompt_tokens);
        METRIC_ADD(counters, completion_tokens, record->completion_tokens);
        METRIC_ADD(counters, disputed_calls, record->disputed);
    }
    if (record->first_token_us != 0)
        METRIC_OBSERVE(counters, first_token_ms,
                       us_between(record->began_us, record->first_token_us));
    METRIC_OBSERVE(counters, duration_ms, us_between(record->began_us, record->ended_us));
}

/* Ended early, by the client, its caller, a cap or for another call: what came is charged. */
static bool was_cut(const struct record *record)
{
    enum reason reason = record->reason;
    return reason == REASON_CUT || reason == REASON_CLIENT_GONE || reason == REASON_CLIENT_STALLED ||
           reason == REASON_STOPPED || ((reason == REASON_GAVE_WAY || reason == REASON_NOT_KEPT) && record->charged);
}

static struct store_usage usage_of(const struct record *record)
{
    bool cut = was_cut(record);
    int64_t difference = record->completion_difference;
    struct store_usage usage = {.key_id = record->key_id,
                                .hour_ms = record->wall_ms - record->wall_ms % HOUR_MS,
                                .requests = 1,
                                .failed = !cut && record->reason != REASON_OK,
                                .cut = cut};
    if (record->charged) {
        usage.prompt_tokens = record->prompt_tokens;
        usage.completion_tokens = record->completion_tokens;
        if (record->disputed)
            usage.disputed_tokens = difference < 0 ? -(uint64_t)difference : (uint64_t)difference;
    }
    return usage;
}

static int add_row(struct recorder *recorder, struct span model, const struct store_usage *usage)
{
    if (!recorder->rows)
        recorder->rows = ledger_new(ROWS_MAX);
    return recorder->rows ? ledger_add(recorder->rows, model, usage) : -ENOMEM;
}

/* The tally first: what is in it and never gets into the ledger is told by the next start. */
static void charge(struct recorder *recorder, const struct record *record)
{
    struct store_usage usage = usage_of(record);
    TALLY_ADD(recorder->slot, requests, usage.requests);
    TALLY_ADD(recorder->slot, prompt_tokens, usage.prompt_tokens);
    TALLY_ADD(recorder->slot, completion_tokens, usage.completion_tokens);
    TALLY_ADD(recorder->slot, calls_ended, 1);
    int r = add_row(recorder, record->model, &usage);
    if (r == -ENOSPC && flush_rows(recorder))
        r = add_row(recorder, record->model, &usage);
    if (r < 0)
        METRIC_ADD(recorder->worker, rows_dropped, 1);
}

/* A block with room for a line; NULL when there is none to be had. */
static struct log_block *block_for_line(struct recorder *recorder)
{
    if (recorder->block && recorder->block->len >= LOG_BLOCK_BYTES && !flush_lines(recorder))
        return NULL;
    if (!recorder->block) {
        recorder->block = mem_alloc(sizeof(*recorder->block));
        if (recorder->block)
            recorder->block->len = recorder->block->lines = 0;
    }
    return recorder->block;
}

static void write_line(struct recorder *recorder, const struct record *record)
{
    struct log_block *block = block_for_line(recorder);
    if (!block) {
        METRIC_ADD(recorder->worker, lines_dropped, 1);
        return;
    }
    recorder->writer.peer = address_hash(hub_salt(recorder->hub), record->peer);
    block->len += access_line_write(&recorder->writer, record, block->bytes + block->len);
    block->lines++;
}

void recorder_request(struct recorder *recorder, const struct record *record)
{
    check(record->reason < REASON_COUNT);
    count(&recorder->worker->counters, record);
    if (record->called)
        charge(recorder, record);
    if (hub_wants_lines(recorder->hub))
        write_line(recorder, record);
}
