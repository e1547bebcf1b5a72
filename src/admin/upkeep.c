/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/upkeep.h"

#include "admin/admin_internal.h"
#include "admin/budgets_fill.h"
#include "admin/keys_change.h"
#include "admin/keys_load.h"
#include "admin/keys_snapshot.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"

#include <stdatomic.h>

/* A ring, and what is to be done with it over there. */
struct upkeep_work {
    struct work work;
    struct store *store;
    struct keyring *ring;
    struct keyring *retired;
    char *path;
    struct mac_key mac;
    uint64_t since_ms, until_ms; /* wall clock */
    struct budgets *budgets;
    struct config *config;
    struct budget_time time;
    struct keys_loaded loaded;
    bool lost;
    int result;
    struct err err;
};

static void upkeep_work_free(struct upkeep_work *work)
{
    keyring_unref(work->ring);
    keyring_unref(work->retired);
    keyring_unref(work->loaded.ring);
    config_unref(work->config);
    mem_free(work->path);
    mem_free_secret(work, sizeof(*work));
}

static struct upkeep_work *upkeep_work_new(struct admin *admin,
                                           void (*on_helper)(struct work *work),
                                           void (*on_done)(struct work *work))
{
    struct upkeep_work *work = mem_zalloc(sizeof(*work));
    if (!work)
        return NULL;
    work->path = mem_strdup(admin->snapshot_path);
    if (!work->path) {
        mem_free(work);
        return NULL;
    }
    work->work.on_helper = on_helper;
    work->work.on_done = on_done;
    work->store = admin->store;
    work->ring = keyring_ref(admin->ring);
    return work;
}

/* True when it is on its way. */
static bool send_work(struct admin *admin, struct upkeep_work *work)
{
    if (work && work_start(&work->work, admin, NULL) == 0)
        return true;
    if (work)
        upkeep_work_free(work);
    return false;
}

/* Trouble is logged when it comes and when it goes, not each time. */
static void tell(struct err *trouble, const struct upkeep_work *work, const char *what)
{
    bool before = trouble->text[0] != '\0';
    if (work->result < 0) {
        if (!before)
            log_line(LOG_ERROR, "%s: %s", what, work->err.text);
        (void)err_set(trouble, work->result, "%s: %s", what, work->err.text);
        return;
    }
    if (before)
        log_line(LOG_INFO, "%s: well again", what);
    trouble->text[0] = '\0';
}

/* ── the snapshot ── */

static void start_snapshot(struct admin *admin);

static void snapshot_on_helper(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    work->result = keys_snapshot_write(work->path, work->ring, &work->err);
}

static void snapshot_done(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    struct admin *admin = arg->admin;
    if (admin) {
        admin->snapshot_runs = false;
        tell(&admin->snapshot_trouble, work, "snapshot of the keys");
        if (work->result == 0 && admin->snapshot_wanted)
            start_snapshot(admin);
        else if (work->result < 0)
            admin->snapshot_wanted = true; /* the tick tries again */
    }
    upkeep_work_free(work);
}

/* Changes that come while one is written share the next one. */
static void start_snapshot(struct admin *admin)
{
    admin->snapshot_wanted = true;
    if (admin->snapshot_runs)
        return;
    admin->snapshot_runs =
        send_work(admin, upkeep_work_new(admin, snapshot_on_helper, snapshot_done));
    admin->snapshot_wanted = !admin->snapshot_runs;
}

void upkeep_keys_changed(struct admin *admin)
{
    start_snapshot(admin);
}

/* ── last used times ── */

static int write_used(struct upkeep_work *work)
{
    size_t count = keyring_count(work->ring), used = 0;
    uint64_t *ids = mem_array(count + 1, sizeof(*ids));
    uint64_t *times = mem_array(count + 1, sizeof(*times));
    int result = ids && times ? 0 : err_set(&work->err, -ENOMEM, "out of memory");
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct key *key = keyring_at(work->ring, i);
        uint64_t last_ms = atomic_load_explicit(&key->last_used_ms, memory_order_relaxed);
        if (last_ms < work->since_ms)
            continue;
        ids[used] = key->id;
        times[used++] = last_ms;
    }
    if (result == 0 && used > 0)
        result = store_keys_used(work->store, ids, times, used, &work->err);
    mem_free(ids);
    mem_free(times);
    return result;
}

static void used_on_helper(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    keyring_unref(TAKE(work->retired));
    work->result = keys_restore_if_missing(work->store, work->ring, &work->err);
    if (work->result == 0)
        work->result = write_used(work);
}

static void used_done(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    struct admin *admin = arg->admin;
    if (admin) {
        admin->used_runs = false;
        tell(&admin->used_trouble, work, "last use of the keys");
        if (work->result == 0)
            admin->used_since_ms = work->until_ms;
    }
    upkeep_work_free(work);
}

/* By the time that a ring has been out of force for a minute nobody else holds it. */
static void start_used(struct admin *admin)
{
    if (admin->used_runs)
        return;
    struct upkeep_work *work = upkeep_work_new(admin, used_on_helper, used_done);
    if (work) {
        work->since_ms = admin->used_since_ms;
        work->until_ms = loop_wall_ms(admin->loop);
        work->retired = TAKE(admin->retired);
    }
    admin->used_runs = send_work(admin, work);
}

/* ── budgets ── */

static void fill_on_helper(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    work->result =
        budgets_fill(work->budgets, work->store, work->ring, work->config, work->time, &work->err);
}

static void fill_done(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    struct admin *admin = arg->admin;
    if (admin) {
        admin->fill_runs = false;
        tell(&admin->fill_trouble, work, "what keys have used");
        if (work->result < 0)
            admin->fill_due_ms = loop_now_ms(admin->loop) + UPKEEP_RETRY_MS;
    }
    upkeep_work_free(work);
}

static void start_fill(struct admin *admin)
{
    struct upkeep_work *work = upkeep_work_new(admin, fill_on_helper, fill_done);
    if (work) {
        work->budgets = admin->budgets;
        work->config = config_ref(admin->events->config(admin->owner));
        work->time = (struct budget_time){loop_now_ms(admin->loop), loop_wall_ms(admin->loop)};
    }
    admin->fill_runs = send_work(admin, work);
    uint64_t first_ms = admin->started_ms + UPKEEP_USED_MS;
    if (admin->fill_runs)
        admin->fill_due_ms = loop_now_ms(admin->loop) < first_ms ? first_ms : 0;
}

void upkeep_limits_changed(struct admin *admin)
{
    admin->fill_due_ms = MAX(loop_now_ms(admin->loop), UINT64_C(1));
}

/* ── a database that could not be read at the start ── */

static void load_on_helper(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    work->result =
        keys_load(work->store, work->path, &work->mac, work->ring, &work->loaded, &work->err);
}

static void load_done(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    struct admin *admin = arg->admin;
    if (admin) {
        admin->change_runs = false;
        if (work->result == 0 && !work->loaded.incomplete) {
            admin->keys_incomplete = false;
            admin->trust_unlisted = work->loaded.trust_unlisted;
            admin->keys_trouble = work->err;
            log_line(LOG_INFO, "the keys are read from the database: %zu",
                     keyring_count(work->loaded.ring));
            keys_publish(admin, TAKE(work->loaded.ring));
        }
        keys_change_next(admin);
    }
    upkeep_work_free(work);
}

/* It stands in the row of changes: no other change runs beside it. */
static void start_load(struct admin *admin)
{
    if (admin->change_runs)
        return;
    struct upkeep_work *work = upkeep_work_new(admin, load_on_helper, load_done);
    if (work)
        work->mac = admin->key_mac;
    admin->change_runs = send_work(admin, work);
}

/* ── a database that is another one than before ── */

static void look_on_helper(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    work->lost = store_was_lost(work->store);
    if (work->lost)
        work->result = keys_restore_if_missing(work->store, work->ring, &work->err);
}

/* It stays among the troubles until the next start, as does one that was found at a start: nobody can mend it. */
static void look_done(struct work *arg)
{
    struct upkeep_work *work = container_of(arg, struct upkeep_work, work);
    struct admin *admin = arg->admin;
    if (admin) {
        admin->look_runs = false;
        if (work->lost) {
            char now[TEXT_TIME_BYTES];
            profiles_keeper_database_lost(admin->profiles_keeper);
            text_time(loop_wall_ms(admin->loop), now);
            (void)err_set(
                &admin->keys_trouble, -EIO,
                "the database file was lost at %s; keys and profiles are kept, the usage that was "
                "in it is not%s%s",
                now, work->result < 0 ? ": " : "", work->err.text);
            log_line(LOG_ERROR, "%s", admin->keys_trouble.text);
        }
    }
    upkeep_work_free(work);
}

static void start_look(struct admin *admin)
{
    if (!admin->look_runs)
        admin->look_runs = send_work(admin, upkeep_work_new(admin, look_on_helper, look_done));
}

/* ── the clock ── */

void upkeep_tick(struct admin *admin, uint64_t now_ms)
{
    start_look(admin);
    links_expire(admin->links, now_ms);
    profiles_keeper_tick(admin->profiles_keeper, now_ms);
    if (admin->publish_again)
        admin->publish_again = admin->events->keys_changed(admin->owner, admin->ring) < 0;
    if (now_ms >= admin->retry_ms + UPKEEP_RETRY_MS) {
        admin->retry_ms = now_ms;
        if (admin->snapshot_wanted)
            start_snapshot(admin);
        if (admin->keys_incomplete)
            start_load(admin);
    }
    if (admin->fill_due_ms != 0 && now_ms >= admin->fill_due_ms && !admin->fill_runs)
        start_fill(admin);
    if (now_ms >= admin->used_ms + UPKEEP_USED_MS) {
        admin->used_ms = now_ms;
        start_used(admin);
    }
}

static void on_tick(void *arg)
{
    struct admin *admin = arg;
    upkeep_tick(admin, loop_now_ms(admin->loop));
}

int upkeep_start(struct admin *admin)
{
    admin->retry_ms = admin->used_ms = loop_now_ms(admin->loop);
    admin->used_since_ms = loop_wall_ms(admin->loop);
    admin->fill_due_ms = admin->started_ms +
                         UPKEEP_USED_MS; /* by then a former gateway has written what it served */
    admin->tick = tick_new(admin->loop, UPKEEP_TICK_MS, on_tick, admin);
    if (!admin->tick)
        return -ENOMEM;
    if (!admin->keys_incomplete && keyring_count(admin->ring) > 0)
        start_snapshot(admin);
    return 0;
}

void upkeep_stop(struct admin *admin)
{
    tick_free(TAKE(admin->tick));
    admin->used_runs = false;
    start_used(admin);
    if (admin->snapshot_wanted) {
        admin->snapshot_runs = false;
        start_snapshot(admin);
    }
}
