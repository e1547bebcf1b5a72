/* SPDX-License-Identifier: Apache-2.0 */
/* See ledger_writer.h. */
#include "record/ledger_writer.h"

#include "base/alloc.h"
#include "base/log.h"
#include "record/lost.h"

#include <semaphore.h>

/* The machine was started again when its start moved by more than a clock is set right. */
#define BOOT_TOLERANCE_S 120

/* The mark of a life without a tally file: written like any, and never read. */
#define MARK_OF_NO_FILE TALLY_FILES_MAX

/* A tally as it was found. It stays locked until its mark has been compared. */
struct origin {
    struct tally *tally; /* NULL: not there, or another living process has it, or done with */
    struct tally_slot sum;
    bool rebooted;
};

struct ledger_job {
    struct job job;
    struct ledger_writer *writer; /* NULL: it is gone, `done` only frees */
    struct ledger *rows;          /* may be empty: then it only compares */
    struct store_mark mark;       /* with the rows */
    int result;
    struct err err;
};

struct ledger_writer {
    struct helper *helper;
    struct store *store;
    struct tally *tally; /* ours; also in `origins` unless it is in memory only */
    struct store_mark mark;
    struct ledger *pending; /* NULL: nothing */
    struct ledger_job *job; /* NULL: none under way */
    uint64_t rows_dropped;
    struct err tally_trouble, store_trouble;
    bool unsettled; /* as the control thread knows it: the marks were not compared yet */

    /* A job under way has these to itself. */
    struct origin origins[TALLY_FILES_MAX];
    struct lost lost;
    bool settled;
};

/* ── the start: tallies and marks ── */

static struct store_mark mark_of(uint32_t number, const struct tally_slot *sum)
{
    return (struct store_mark){.tally = number,
                               .requests = sum->requests,
                               .prompt_tokens = sum->prompt_tokens,
                               .completion_tokens = sum->completion_tokens};
}

static bool was_rebooted(const struct tally *tally, uint64_t booted_s)
{
    uint64_t before_s = tally_booted_s(tally);
    uint64_t moved_s = before_s > booted_s ? before_s - booted_s : booted_s - before_s;
    return before_s != 0 && moved_s > BOOT_TOLERANCE_S;
}

/* Each file is read once, and left as one from which no call is under way. */
static void take_origin(struct ledger_writer *writer, uint32_t number, struct tally *tally,
                        uint64_t booted_s)
{
    struct origin *origin = &writer->origins[number];
    origin->tally = tally;
    origin->rebooted = was_rebooted(tally, booted_s);
    tally_sum(tally, &origin->sum);
    lost_add_calls(&writer->lost, &origin->sum);
    tally_end_calls(tally);
    tally_set_booted_s(tally, booted_s);
}

/* The first that nobody has becomes ours. The others there are were left by gateways that overlapped with another. */
static int open_tallies(struct ledger_writer *writer, const char *folder, uint64_t booted_s)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/ledger.tally", folder);
    if (len < 0 || (size_t)len >= sizeof(path))
        err_set(&writer->tally_trouble, -ENAMETOOLONG, "the path of the tally is too long");
    writer->mark.tally = MARK_OF_NO_FILE;
    for (uint32_t i = 0; i < TALLY_FILES_MAX && writer->tally_trouble.text[0] == '\0'; i++) {
        struct tally *tally = NULL;
        struct err err;
        int r = tally_open(path, i, writer->tally == NULL, &tally, &err);
        if (r == -EBUSY || r == -ENOENT)
            continue;
        if (r < 0) {
            writer->tally_trouble = err;
            continue;
        }
        take_origin(writer, i, tally, booted_s);
        if (!writer->tally) {
            writer->tally = tally;
            writer->mark = mark_of(i, &writer->origins[i].sum);
        }
    }
    if (!writer->tally && writer->tally_trouble.text[0] == '\0')
        err_set(&writer->tally_trouble, -EBUSY, "all files '%s' are in use", path);
    if (!writer->tally)
        writer->tally = tally_anonymous();
    return writer->tally ? 0 : -ENOMEM;
}

/* A database without a mark is a new one: what the tally has was in another, which is no crash. */
static int compare(struct ledger_writer *writer, uint32_t number, struct lost *lost,
                   struct err *err)
{
    const struct origin *origin = &writer->origins[number];
    struct store_mark found, wanted = mark_of(number, &origin->sum);
    int r = store_ledger_mark(writer->store, number, &found, err);
    if (r < 0)
        return r;
    if (r == 1 && memcmp(&found, &wanted, sizeof(found)) == 0)
        return 0;
    if (r == 1)
        lost_add(lost, &origin->sum, &found);
    lost->at_least |= origin->rebooted;
    return store_ledger_add(writer->store, NULL, 0, &wanted, err);
}

/* On the helper. When it fails half way, the next time finds the marks that were done equal to their tallies. */
static int settle(struct ledger_writer *writer, struct err *err)
{
    for (uint32_t i = 0; i < TALLY_FILES_MAX; i++) {
        struct lost lost = writer->lost;
        if (!writer->origins[i].tally)
            continue;
        int r = compare(writer, i, &lost, err);
        if (r < 0)
            return r;
        writer->lost = lost;
    }
    writer->settled = true;
    return 0;
}

/* Those that are not ours may be taken by the next gateway now. */
static void release_origins(struct ledger_writer *writer)
{
    for (size_t i = 0; i < TALLY_FILES_MAX; i++) {
        struct tally *tally = TAKE(writer->origins[i].tally);
        if (tally != writer->tally)
            tally_close(tally);
    }
}

/* ── work on the helper that somebody waits for ── */

struct waited_job {
    struct job job;
    sem_t over;
    struct ledger_writer *writer;
    int (*work)(struct ledger_writer *writer, struct err *err);
    int result;
    struct err err;
};

static void waited_work(struct job *job)
{
    struct waited_job *waited = container_of(job, struct waited_job, job);
    waited->result = waited->work(waited->writer, &waited->err);
    sem_post(&waited->over);
}

static int run_and_wait(struct ledger_writer *writer,
                        int (*work)(struct ledger_writer *writer, struct err *err), struct err *err)
{
    struct waited_job waited = {.job.work = waited_work, .writer = writer, .work = work};
    check(sem_init(&waited.over, 0, 0) == 0);
    if (helper_run(writer->helper, &waited.job) < 0) {
        sem_destroy(&waited.over);
        return err_set(err, -ENOSPC, "the store thread has too much to do");
    }
    while (sem_wait(&waited.over) < 0)
        check(errno == EINTR);
    sem_destroy(&waited.over);
    *err = waited.err;
    return waited.result;
}

/* ── rows ── */

static size_t count_of(const struct ledger *rows)
{
    return rows ? ledger_count(rows) : 0;
}

static int write_rows(struct ledger_writer *writer, const struct ledger *rows,
                      const struct store_mark *mark, struct err *err)
{
    int r = writer->settled ? 0 : settle(writer, err);
    if (r == 0 && count_of(rows) > 0)
        r = store_ledger_add(writer->store, ledger_rows(rows), ledger_count(rows), mark, err);
    return r;
}

static void job_work(struct job *job)
{
    struct ledger_job *mine = container_of(job, struct ledger_job, job);
    mine->result = write_rows(mine->writer, mine->rows, &mine->mark, &mine->err);
}

static void free_job(struct ledger_job *job)
{
    ledger_free(job->rows);
    mem_free(job);
}

/* What waits goes behind what failed, which is older. */
static void take_back(struct ledger_writer *writer, struct ledger *rows)
{
    if (rows && writer->pending) {
        writer->rows_dropped += ledger_merge(rows, writer->pending);
        ledger_free(writer->pending);
    }
    if (rows)
        writer->pending = rows;
}

static void tell_failure(struct ledger_writer *writer, const struct err *err)
{
    if (writer->store_trouble.text[0] == '\0')
        log_line(LOG_ERROR, "%s; the ledger waits in memory", err->text);
    writer->store_trouble = *err;
}

static void tell_success(struct ledger_writer *writer)
{
    if (writer->store_trouble.text[0] != '\0')
        log_line(LOG_INFO, "the ledger is written again");
    writer->store_trouble.text[0] = '\0';
}

/* Nobody is at the start any more to be told. */
static void settled_late(struct ledger_writer *writer)
{
    struct err sentence;
    writer->unsettled = false;
    release_origins(writer);
    lost_write(&writer->lost, &sentence);
    if (sentence.text[0] != '\0')
        log_line(LOG_WARN, "%s", sentence.text);
}

static void flush(struct ledger_writer *writer);

/* On the control thread. */
static void job_done(struct job *job)
{
    struct ledger_job *mine = container_of(job, struct ledger_job, job);
    struct ledger_writer *writer = mine->writer;
    if (!writer) {
        free_job(mine);
        return;
    }
    writer->job = NULL;
    if (writer->settled && writer->unsettled)
        settled_late(writer);
    if (mine->result == 0) {
        writer->mark = mine->mark;
        tell_success(writer);
    } else {
        take_back(writer, TAKE(mine->rows));
        tell_failure(writer, &mine->err);
    }
    bool again = mine->result == 0;
    free_job(mine);
    if (again)
        flush(writer);
}

/* Without memory or a place in the helper's queue the rows wait for the next second. */
static void flush(struct ledger_writer *writer)
{
    if (writer->job || (count_of(writer->pending) == 0 && writer->settled))
        return;
    struct ledger_job *job = mem_zalloc(sizeof(*job));
    if (!job)
        return;
    job->job = (struct job){job_work, job_done};
    job->writer = writer;
    job->mark = writer->mark;
    if (writer->pending)
        ledger_add_to_mark(writer->pending, &job->mark);
    job->rows = writer->pending;
    if (helper_run(writer->helper, &job->job) < 0) {
        mem_free(job);
        return;
    }
    writer->pending = NULL;
    writer->job = job;
}

void ledger_writer_add(struct ledger_writer *writer, struct ledger *rows)
{
    if (!writer->pending)
        writer->pending = ledger_new(LEDGER_WAITING_ROWS_MAX);
    writer->rows_dropped +=
        writer->pending ? ledger_merge(writer->pending, rows) : ledger_count(rows);
    ledger_free(rows);
    if (writer->store_trouble.text[0] == '\0')
        flush(writer);
}

void ledger_writer_retry(struct ledger_writer *writer)
{
    flush(writer);
}

/* ── life ── */

struct ledger_writer *ledger_writer_new(struct helper *helper, struct store *store,
                                        const char *folder, uint64_t booted_s, struct err *ret_lost)
{
    struct ledger_writer *writer = mem_zalloc(sizeof(*writer));
    if (!writer)
        return NULL;
    writer->helper = helper;
    writer->store = store;
    ret_lost->text[0] = '\0';
    if (open_tallies(writer, folder, booted_s) < 0) {
        mem_free(writer);
        return NULL;
    }
    if (writer->tally_trouble.text[0] != '\0')
        log_line(LOG_ERROR, "%s; what a crash takes cannot be told", writer->tally_trouble.text);
    struct err err = {""};
    if (run_and_wait(writer, settle, &err) < 0) {
        tell_failure(writer, &err);
        writer->unsettled = true;
        return writer;
    }
    release_origins(writer);
    lost_write(&writer->lost, ret_lost);
    return writer;
}

/* On the helper, behind the job that may have been under way: so that one is over, and the control thread waits. */
static int write_last(struct ledger_writer *writer, struct err *err)
{
    struct ledger_job *job = writer->job;
    if (job && job->result == 0)
        writer->mark = job->mark;
    else if (job)
        take_back(writer, TAKE(job->rows));
    struct store_mark mark = writer->mark;
    if (writer->pending)
        ledger_add_to_mark(writer->pending, &mark);
    return write_rows(writer, writer->pending, &mark, err);
}

void ledger_writer_free(struct ledger_writer *writer)
{
    if (!writer)
        return;
    struct err err = {""};
    if (run_and_wait(writer, write_last, &err) < 0)
        log_line(LOG_ERROR, "%zu rows of the ledger are lost: %s", count_of(writer->pending),
                 err.text);
    if (writer->job)
        writer->job->writer = NULL;
    release_origins(writer);
    tally_close(writer->tally);
    ledger_free(writer->pending);
    mem_free(writer);
}

struct tally *ledger_writer_tally(struct ledger_writer *writer)
{
    return writer->tally;
}

uint64_t ledger_writer_waiting(const struct ledger_writer *writer)
{
    return count_of(writer->pending) + (writer->job ? count_of(writer->job->rows) : 0);
}

uint64_t ledger_writer_dropped(const struct ledger_writer *writer)
{
    return writer->rows_dropped;
}

const char *ledger_writer_trouble(const struct ledger_writer *writer)
{
    return writer->store_trouble.text[0] != '\0' ? writer->store_trouble.text
                                                 : writer->tally_trouble.text;
}
