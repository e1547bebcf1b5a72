/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/profiles_keeper.h"

#include "admin/profiles_file.h"
#include "base/alloc.h"
#include "base/log.h"
#include "identity/profile_record.h"

struct keeper_job {
    struct job job;
    struct profiles_keeper *keeper;
};

struct profiles_keeper {
    struct helper *helper;
    struct store *store;
    struct profiles *profiles;
    char *path;

    /* The control thread's. */
    struct keeper_job turn, last;
    bool runs, stopped, lost, trim;
    uint64_t written_ms, trimmed_ms;
    struct err trouble;

    /* The job's: one is under way at a time. */
    bool database_unread; /* what it holds is not known yet */
    bool database_behind; /* it lacks what changed before */
    bool file_behind;     /* it is not there, or lacks what changed before */
    bool more;            /* the turn is not over */
    uint32_t shard;
    struct err database_trouble, file_trouble;
    struct profile slice[KEEPER_SLICE];
    struct store_profile rows[KEEPER_SLICE];
    unsigned char records[KEEPER_SLICE][PROFILE_RECORD_BYTES];
};

/* ── reading ── */

struct taking {
    struct profiles_keeper *keeper;
    const struct profile *given;
    bool late; /* workers have been at work */
    uint64_t bad, refused;
};

/* At the start the later record counts. */
static bool take_later(struct profile *profile, void *arg)
{
    const struct taking *taking = arg;
    if (taking->given->refilled_ms <= profile->refilled_ms)
        return false;
    *profile = *taking->given;
    return true;
}

static bool take_merged(struct profile *profile, void *arg)
{
    const struct taking *taking = arg;
    if (profile_is_blank(profile))
        *profile = *taking->given;
    else
        profile_merge(profile, taking->given,
                      MAX(profile->refilled_ms, taking->given->refilled_ms));
    return true;
}

static int take_profile(struct taking *taking, const struct profile *given)
{
    taking->given = given;
    int result = profiles_change(taking->keeper->profiles, given->id, true, given->refilled_ms,
                                 taking->late ? take_merged : take_later, taking);
    taking->refused += result == -ENOSPC;
    return result == -ENOMEM ? result : 0;
}

/* A row that is no profile is passed over. */
static int each_row(void *arg, const struct store_profile *row)
{
    struct taking *taking = arg;
    struct profile profile;
    if (row->record_bytes == PROFILE_RECORD_BYTES &&
        profile_record_read(row->record, &profile) == 0 && profiles_place(profile.id) == row->id)
        return take_profile(taking, &profile);
    taking->bad++;
    return 0;
}

static int read_database(struct profiles_keeper *keeper, bool late)
{
    struct taking taking = {.keeper = keeper, .late = late};
    int result = store_profiles_read(keeper->store, each_row, &taking, &keeper->database_trouble);
    keeper->database_unread = result < 0;
    if (result == 0 && taking.bad > 0)
        log_line(LOG_ERROR, "%llu profiles of the database cannot be read and do not count",
                 (unsigned long long)taking.bad);
    if (taking.refused > 0)
        log_line(LOG_WARN, "limits.identities is too low for %llu trusted identities",
                 (unsigned long long)taking.refused);
    return result;
}

/* One that was forgotten must not come back from a database that did not hear of it. */
static int each_record(void *arg, const struct profile *profile)
{
    struct taking *taking = arg;
    struct profiles_keeper *keeper = taking->keeper;
    if (!profile_is_blank(profile))
        return take_profile(taking, profile);
    (void)profiles_forget(keeper->profiles, profile->id);
    (void)(store_profile_remove(keeper->store, profiles_place(profile->id), NULL) < 0);
    return 0;
}

/* What was read from there is what is there. */
static void note_as_written(struct profiles_keeper *keeper)
{
    for (uint32_t shard = 0; shard < PROFILES_SHARDS; shard++)
        while (profiles_take_changed(keeper->profiles, shard, keeper->slice) > 0)
            ;
}

static int load(struct profiles_keeper *keeper)
{
    struct taking taking = {.keeper = keeper};
    int result = read_database(keeper, false);
    if (result == -ENOMEM)
        return result;
    if (result == 0)
        note_as_written(keeper);
    keeper->database_behind = result < 0;
    result = profiles_file_read(keeper->path, each_record, &taking, &keeper->file_trouble);
    keeper->file_behind = result <= 0;
    return result == -ENOMEM ? result : 0;
}

/* ── writing, on the helper ── */

static void fill_row(struct profiles_keeper *keeper, size_t i)
{
    const struct profile *profile = &keeper->slice[i];
    profile_record_write(profile, keeper->records[i]);
    keeper->rows[i] = (struct store_profile){.id = profiles_place(profile->id),
                                             .kept = profile_is_trusted(profile),
                                             .seen_s = profile->seen_s,
                                             .record = keeper->records[i],
                                             .record_bytes = PROFILE_RECORD_BYTES};
}

/* The next changed ones. Fewer than KEEPER_SLICE - PROFILES_PIECE only at the end of the round. */
static size_t take_slice(struct profiles_keeper *keeper)
{
    size_t count = 0;
    while (keeper->shard < PROFILES_SHARDS && count + PROFILES_PIECE <= KEEPER_SLICE) {
        size_t taken =
            profiles_take_changed(keeper->profiles, keeper->shard, keeper->slice + count);
        count += taken;
        keeper->shard += taken < PROFILES_PIECE; /* a busy one is not gone back to */
    }
    for (size_t i = 0; i < count; i++)
        fill_row(keeper, i);
    return count;
}

static void write_file(struct profiles_keeper *keeper, size_t count)
{
    int result = -ENOENT;
    keeper->file_trouble.text[0] = '\0';
    if (!keeper->file_behind)
        result = profiles_file_append(keeper->path, keeper->slice, count,
                                      profiles_count(keeper->profiles), &keeper->file_trouble);
    if (result == -ENOENT || result == -EFBIG)
        result = profiles_file_write(keeper->path, keeper->profiles, &keeper->file_trouble);
    keeper->file_behind = result < 0;
}

static void write_database(struct profiles_keeper *keeper, size_t count)
{
    if (keeper->database_behind)
        return;
    keeper->database_trouble.text[0] = '\0';
    keeper->database_behind =
        store_profiles_put(keeper->store, keeper->rows, count, &keeper->database_trouble) < 0;
}

/* Does a database that refused before answer again? Then it gets all. */
static void catch_up(struct profiles_keeper *keeper)
{
    if (!keeper->database_behind)
        return;
    int result = keeper->database_unread
                     ? read_database(keeper, true)
                     : store_profiles_put(keeper->store, NULL, 0, &keeper->database_trouble);
    if (result < 0)
        return;
    keeper->database_behind = false;
    keeper->database_trouble.text[0] = '\0';
    profiles_touch_all(keeper->profiles);
}

static void begin_turn(struct profiles_keeper *keeper)
{
    keeper->shard = 0;
    catch_up(keeper);
    if (keeper->file_behind && profiles_count(keeper->profiles) > 0)
        write_file(keeper, 0);
}

static void write_slice(struct profiles_keeper *keeper)
{
    size_t count = take_slice(keeper);
    keeper->more = keeper->shard < PROFILES_SHARDS;
    if (count == 0)
        return;
    write_file(keeper, count);
    write_database(keeper, count);
}

static void turn_work(struct job *job)
{
    struct profiles_keeper *keeper = container_of(job, struct keeper_job, job)->keeper;
    if (!keeper->more)
        begin_turn(keeper);
    write_slice(keeper);
    if (!keeper->more && keeper->trim && !keeper->database_behind)
        (void)(store_profiles_trim(keeper->store, profiles_max(keeper->profiles), NULL) < 0);
}

static void last_work(struct job *job)
{
    struct profiles_keeper *keeper = container_of(job, struct keeper_job, job)->keeper;
    begin_turn(keeper);
    do
        write_slice(keeper);
    while (keeper->more);
}

int profiles_keeper_forget(struct profiles_keeper *keeper, uint64_t id, uint64_t wall_ms,
                           struct err *err)
{
    const struct profile blank = {.id = id, .refilled_ms = wall_ms};
    bool known = profiles_forget(keeper->profiles, id);
    int written = 0;
    if (!keeper->file_behind)
        written = profiles_file_append(keeper->path, &blank, 1, UINT32_MAX, err);
    if (written < 0)
        keeper->file_behind = true; /* written whole, it does not have it any more */
    int removed = store_profile_remove(keeper->store, profiles_place(id), err);
    return removed < 0 ? removed : known;
}

/* ── the control thread ── */

/* Trouble is logged when it comes and when it goes, not each time. */
static void tell(struct profiles_keeper *keeper)
{
    bool before = keeper->trouble.text[0] != '\0';
    const struct err *now =
        keeper->database_trouble.text[0] ? &keeper->database_trouble : &keeper->file_trouble;
    if (now->text[0] && !before)
        log_line(LOG_ERROR, "profiles of callers: %s", now->text);
    if (!now->text[0] && before)
        log_line(LOG_INFO, "profiles of callers: well again");
    keeper->trouble.text[0] = '\0';
    if (now->text[0])
        (void)err_set(&keeper->trouble, -EIO, "profiles of callers: %s", now->text);
}

static void start_job(struct profiles_keeper *keeper)
{
    keeper->runs = helper_run(keeper->helper, &keeper->turn.job) == 0;
}

static void turn_done(struct job *job)
{
    struct profiles_keeper *keeper = container_of(job, struct keeper_job, job)->keeper;
    keeper->runs = false;
    if (keeper->stopped)
        return; /* the last job may be at work on what tell() reads */
    tell(keeper);
    if (keeper->more)
        start_job(keeper);
    else
        keeper->trim = false;
}

void profiles_keeper_tick(struct profiles_keeper *keeper, uint64_t now_ms)
{
    uint32_t wait_ms = keeper->trouble.text[0] ? KEEPER_RETRY_MS : KEEPER_WRITE_MS;
    if (keeper->runs || keeper->stopped || now_ms < keeper->written_ms + wait_ms)
        return;
    keeper->written_ms = now_ms;
    if (now_ms >= keeper->trimmed_ms + KEEPER_TRIM_MS) {
        keeper->trimmed_ms = now_ms;
        keeper->trim = true;
    }
    keeper->database_behind |= keeper->lost;
    keeper->lost = false;
    start_job(keeper);
}

void profiles_keeper_database_lost(struct profiles_keeper *keeper)
{
    keeper->lost = true;
    keeper->written_ms = 0;
}

void profiles_keeper_stop(struct profiles_keeper *keeper)
{
    if (!keeper || keeper->stopped)
        return;
    keeper->stopped = true;
    if (helper_run(keeper->helper, &keeper->last.job) < 0)
        log_line(LOG_ERROR, "profiles of callers: what changed in the last seconds is lost");
}

const char *profiles_keeper_trouble(const struct profiles_keeper *keeper)
{
    return keeper->trouble.text;
}

/* ── life ── */

static char *path_in(const char *folder)
{
    size_t size = strlen(folder) + sizeof("/profiles.snapshot");
    char *path = mem_alloc(size);
    if (path)
        snprintf(path, size, "%s/profiles.snapshot", folder);
    return path;
}

struct profiles_keeper *profiles_keeper_new(const struct profiles_keeper_spec *spec,
                                            struct err *ret_trouble)
{
    struct profiles_keeper *keeper = mem_zalloc(sizeof(*keeper));
    if (!keeper)
        return NULL;
    keeper->helper = spec->helper;
    keeper->store = spec->store;
    keeper->profiles = spec->profiles;
    keeper->turn = (struct keeper_job){{turn_work, turn_done}, keeper};
    keeper->last = (struct keeper_job){{last_work, NULL}, keeper};
    keeper->path = path_in(spec->folder);
    if (!keeper->path || load(keeper) < 0) {
        profiles_keeper_free(keeper);
        return NULL;
    }
    tell(keeper);
    *ret_trouble = keeper->trouble;
    return keeper;
}

void profiles_keeper_free(struct profiles_keeper *keeper)
{
    if (!keeper)
        return;
    mem_free(keeper->path);
    mem_free(keeper);
}
