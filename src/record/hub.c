/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control thread's side: it owns the log's thread, the writer of the ledger, the day's salt, and the counters that the workers write. Once a second it
 * tries again what failed and looks whether a new day has begun.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "record/access_log.h"
#include "record/hub_internal.h"
#include "record/ledger_writer.h"

#include <stdatomic.h>

#define TICK_MS 1000
#define BLOCKS_FOR_EACH_WORKER 16 /* 1 MB of lines wait for a slow disk; then lines are dropped */
#define PARCELS_FOR_EACH_WORKER 32

struct salt_job {
    struct job job;
    struct record_hub *hub;
    struct address_salt *salt;
};

struct record_hub {
    struct loop *loop;
    struct tick *tick;
    char *folder;
    uint32_t workers_count;
    struct hub_worker *workers;

    struct mailbox *parcels;
    struct ledger_writer *ledger;

    struct helper *log_thread;
    struct access_log *log;
    char log_place[ACCESS_LOG_PATH_BYTES]; /* as record_hub_log() tells it */
    struct err log_trouble;   /* of the last block */
    uint64_t lines_dropped;   /* by the log's thread */
    uint64_t workers_dropped; /* by the workers, as of the last tick */

    _Atomic(struct address_salt *) salt;
    struct address_salt *salt_before; /* a worker may just be looking at it; freed a day later */
    bool salt_on_its_way;

    char trouble[2 * sizeof(struct err)];
};

/* ── trouble ── */

static void note_trouble(struct record_hub *hub)
{
    const char *log = hub->log_trouble.text, *ledger = ledger_writer_trouble(hub->ledger);
    snprintf(hub->trouble, sizeof(hub->trouble), "%s%s%s", log, log[0] && ledger[0] ? "; " : "",
             ledger);
}

/* 0: all is well again. */
static void note_log_error(struct record_hub *hub, int error)
{
    bool was_well = hub->log_trouble.text[0] == '\0';
    hub->log_trouble.text[0] = '\0';
    if (error != 0)
        err_errno(&hub->log_trouble, error, "the access log cannot be written");
    if (error != 0 && was_well)
        log_line(LOG_ERROR, "%s; lines are dropped", hub->log_trouble.text);
    else if (error == 0 && !was_well)
        log_line(LOG_INFO, "the access log is written again");
}

const char *record_hub_trouble(const struct record_hub *hub)
{
    return hub->trouble;
}

/* ── the log ── */

static void block_work(struct job *job)
{
    struct log_block *block = container_of(job, struct log_block, job);
    block->dropped = access_log_write(block->hub->log, span_of(block->bytes, block->len),
                                      block->lines, &block->error);
}

static void block_done(struct job *job)
{
    struct log_block *block = container_of(job, struct log_block, job);
    struct record_hub *hub = block->hub;
    hub->lines_dropped += block->dropped;
    note_log_error(hub, block->error);
    note_trouble(hub);
    mem_free(block);
}

int hub_post_block(struct record_hub *hub, struct log_block *block)
{
    block->job = (struct job){block_work, block_done};
    block->hub = hub;
    return helper_run(hub->log_thread, &block->job);
}

bool hub_wants_lines(const struct record_hub *hub)
{
    return access_log_is_on(hub->log);
}

static void note_log_place(struct record_hub *hub, struct span name)
{
    if (span_eq(name, SPAN("-")) || span_eq(name, SPAN("off")))
        snprintf(hub->log_place, sizeof(hub->log_place), "%.*s", (int)name.len, name.ptr);
    else
        check(access_log_path(hub->folder, name, hub->log_place) == 0); /* it was opened */
}

const char *record_hub_log(const struct record_hub *hub)
{
    return hub->log_place;
}

int record_hub_reopen(struct record_hub *hub, struct span access_log, struct err *err)
{
    int r = access_log_reopen(hub->log, access_log, err);
    if (r == 0)
        note_log_place(hub, access_log);
    return r;
}

/* ── the day's salt ── */

static void salt_path(const struct record_hub *hub, char ret_path[4096])
{
    snprintf(ret_path, 4096, "%s/address.salt", hub->folder);
}

const struct address_salt *hub_salt(const struct record_hub *hub)
{
    return atomic_load_explicit(&hub->salt, memory_order_acquire);
}

/* On the log's thread. A salt that cannot be written serves this life only. */
static void salt_work(struct job *job)
{
    struct salt_job *mine = container_of(job, struct salt_job, job);
    char path[4096];
    salt_path(mine->hub, path);
    if (address_salt_load(path, mine->salt->day, mine->salt) < 0)
        log_line(LOG_WARN,
                 "cannot write '%s': a restart today changes the hashes of addresses in the log",
                 path);
}

static void free_salt(struct address_salt *salt)
{
    mem_free_secret(salt, sizeof(*salt));
}

static void salt_done(struct job *job)
{
    struct salt_job *mine = container_of(job, struct salt_job, job);
    struct record_hub *hub = mine->hub;
    free_salt(hub->salt_before);
    hub->salt_before = atomic_load_explicit(&hub->salt, memory_order_relaxed);
    atomic_store_explicit(&hub->salt, mine->salt, memory_order_release);
    hub->salt_on_its_way = false;
    mem_free(mine);
}

/* Without memory or a place in the queue the next second tries again. */
static void change_salt(struct record_hub *hub, uint64_t day)
{
    struct salt_job *job = mem_zalloc(sizeof(*job));
    struct address_salt *salt = mem_zalloc(sizeof(*salt));
    if (job && salt) {
        salt->day = day;
        *job = (struct salt_job){{salt_work, salt_done}, hub, salt};
        if (helper_run(hub->log_thread, &job->job) == 0) {
            hub->salt_on_its_way = true;
            return;
        }
    }
    mem_free(job);
    mem_free(salt);
}

static int first_salt(struct record_hub *hub)
{
    struct address_salt *salt = mem_zalloc(sizeof(*salt));
    if (!salt)
        return -ENOMEM;
    struct salt_job now = {.hub = hub, .salt = salt};
    salt->day = loop_wall_ms(hub->loop) / ADDRESS_DAY_MS;
    salt_work(&now.job);
    atomic_init(&hub->salt, salt);
    return 0;
}

/* ── the ledger ── */

static void on_parcel(void *arg, void *message)
{
    struct record_hub *hub = arg;
    struct row_parcel *parcel = message;
    ledger_writer_add(hub->ledger, parcel->rows);
    mem_free(parcel);
}

static void on_late_parcel(void *message)
{
    struct row_parcel *parcel = message;
    on_parcel(parcel->hub, parcel);
}

int hub_post_rows(struct record_hub *hub, struct ledger *rows)
{
    struct row_parcel *parcel = mem_alloc(sizeof(*parcel));
    if (!parcel)
        return -ENOMEM;
    *parcel = (struct row_parcel){hub, rows};
    int r = mailbox_post(hub->parcels, parcel);
    if (r < 0)
        mem_free(parcel);
    return r;
}

uint64_t record_hub_unflushed(const struct record_hub *hub)
{
    return ledger_writer_waiting(hub->ledger);
}

struct tally_slot *hub_tally_slot(struct record_hub *hub, uint32_t index)
{
    return tally_slot(ledger_writer_tally(hub->ledger), index);
}

/* ── counters ── */

struct hub_worker *hub_worker(struct record_hub *hub, uint32_t index)
{
    check(index < hub->workers_count);
    return &hub->workers[index];
}

void record_hub_counters(struct record_hub *hub, struct metrics_counters *ret_sum)
{
    *ret_sum = (struct metrics_counters){0};
    for (uint32_t i = 0; i < hub->workers_count; i++)
        metrics_add(ret_sum, &hub->workers[i].counters);
}

static struct metrics_hub own_metrics(const struct record_hub *hub)
{
    struct metrics_hub own = {.access_lines_dropped = hub->lines_dropped,
                              .ledger_rows_waiting = ledger_writer_waiting(hub->ledger),
                              .ledger_rows_dropped = ledger_writer_dropped(hub->ledger),
                              .trouble = hub->trouble[0] != '\0'};
    for (uint32_t i = 0; i < hub->workers_count; i++) {
        own.access_lines_dropped +=
            __atomic_load_n(&hub->workers[i].lines_dropped, __ATOMIC_RELAXED);
        own.ledger_rows_dropped += __atomic_load_n(&hub->workers[i].rows_dropped, __ATOMIC_RELAXED);
    }
    return own;
}

void record_hub_metrics(struct record_hub *hub, struct buf *buf)
{
    struct metrics_counters sum;
    record_hub_counters(hub, &sum);
    struct metrics_hub own = own_metrics(hub);
    metrics_write(buf, &sum, &own);
}

/* ── life ── */

/* Workers drop lines when the log's thread does not keep up. */
static void look_at_workers(struct record_hub *hub)
{
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < hub->workers_count; i++)
        dropped += __atomic_load_n(&hub->workers[i].lines_dropped, __ATOMIC_RELAXED);
    if (dropped > hub->workers_dropped)
        note_log_error(hub, -ENOBUFS);
    hub->workers_dropped = dropped;
}

static void on_tick(void *arg)
{
    struct record_hub *hub = arg;
    uint64_t day = loop_wall_ms(hub->loop) / ADDRESS_DAY_MS;
    ledger_writer_retry(hub->ledger);
    if (hub_salt(hub)->day != day && !hub->salt_on_its_way)
        change_salt(hub, day);
    look_at_workers(hub);
    note_trouble(hub);
}

/* When this machine was started, in seconds since 1970. */
static uint64_t booted_s(void)
{
    struct timespec up;
    check(clock_gettime(CLOCK_BOOTTIME, &up) == 0);
    return clock_wall_ms() / 1000 - (uint64_t)up.tv_sec;
}

/* What needs memory, the disk or threads. */
static int open_all(struct record_hub *hub, const struct record_hub_spec *spec,
                    struct err *ret_lost, struct err *err)
{
    hub->workers = mem_array(spec->workers, sizeof(*hub->workers));
    hub->folder = mem_strdup(spec->folder);
    hub->parcels =
        mailbox_new(spec->loop, (size_t)spec->workers * PARCELS_FOR_EACH_WORKER, on_parcel, hub);
    hub->log_thread =
        helper_new(spec->loop, "access-log", (size_t)spec->workers * BLOCKS_FOR_EACH_WORKER + 1);
    hub->tick = tick_new(spec->loop, TICK_MS, on_tick, hub);
    if (!hub->workers || !hub->folder || !hub->parcels || !hub->log_thread || !hub->tick ||
        first_salt(hub) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    hub->log = access_log_new(spec->folder, spec->access_log, err);
    if (!hub->log)
        return -EIO;
    note_log_place(hub, spec->access_log);
    hub->ledger =
        ledger_writer_new(spec->store_helper, spec->store, spec->folder, booted_s(), ret_lost);
    if (!hub->ledger)
        return err_set(err, -ENOMEM, "out of memory");
    note_trouble(hub);
    return 0;
}

struct record_hub *record_hub_new(const struct record_hub_spec *spec, struct err *ret_lost,
                                  struct err *err)
{
    check(spec->workers > 0 && spec->workers <= TALLY_WORKERS_MAX);
    ret_lost->text[0] = '\0';
    struct record_hub *hub = mem_zalloc(sizeof(*hub));
    if (!hub) {
        err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    hub->loop = spec->loop;
    hub->workers_count = spec->workers;
    if (open_all(hub, spec, ret_lost, err) < 0) {
        record_hub_free(hub);
        return NULL;
    }
    return hub;
}

/* What workers could not hand over at their end. */
static void take_what_is_left(struct record_hub *hub)
{
    for (uint32_t i = 0; hub->workers && i < hub->workers_count; i++) {
        struct log_block *block = TAKE(hub->workers[i].block_left);
        struct ledger *rows = TAKE(hub->workers[i].rows_left);
        if (rows)
            ledger_writer_add(hub->ledger, rows);
        if (block) {
            block->hub = hub;
            block_work(&block->job);
            block_done(&block->job);
        }
    }
}

void record_hub_free(struct record_hub *hub)
{
    if (!hub)
        return;
    tick_free(hub->tick);
    mailbox_free(hub->parcels, on_late_parcel);
    helper_free(hub->log_thread); /* writes what is queued */
    take_what_is_left(hub);
    ledger_writer_free(hub->ledger);
    access_log_free(hub->log);
    free_salt(atomic_load(&hub->salt));
    free_salt(hub->salt_before);
    mem_free(hub->workers);
    mem_free(hub->folder);
    mem_free(hub);
}
