/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway.h"

#include "admin/admin.h"
#include "admin/budgets_fill.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/handover.h"
#include "gateway/sandbox.h"
#include "gateway/worker.h"
#include "loop/channel.h"
#include "relay/facts.h"
#include "relay/health.h"
#include "relay/stopping.h"

#include <signal.h>
#include <unistd.h>

#define STORE_JOBS_MAX 256
#define CONTROL_MESSAGES_MAX (2 * HANDOVER_WORKERS_MAX)
#define TAKEOVER_WORDS "a new binary takes over: ask again when it serves"

struct gateway {
    struct loop *loop;
    struct channel *channel;
    struct mailbox *mailbox; /* workers that have drained */
    struct health *health;
    struct facts_watch *facts;
    struct stop_watch *stopping;
    struct admin *admin;
    struct helper *store_helper;
    struct store *store;
    struct record_hub *record_hub;
    struct budgets *budgets;
    struct kept_answers *kept_answers;
    struct profiles *profiles;
    struct profiles_keeper *profiles_keeper;
    struct links *links;
    struct catalog *catalog;
    struct config *config_at_start; /* what needs a restart is judged against it */
    uint64_t catalog_version;
    struct keyring *keyring;
    _Atomic(struct worker *) workers[HANDOVER_WORKERS_MAX];
    uint32_t workers_count, workers_drained;
    struct handover_start start;
    void *start_memory;
    struct err lost;
    bool started, draining;
    int exit_status;
    /* The one reload under way that an operator asked for through the admin API. */
    void (*reload_done)(void *arg, const char *error);
    void *reload_arg;
    bool reload_begun; /* what the supervisor sends now is the answer to it */
};

static struct gateway gateway;

static void stop(int exit_status)
{
    gateway.exit_status = exit_status;
    loop_stop(gateway.loop);
}

static void tell_supervisor(enum handover_type type, struct span payload)
{
    if (channel_send(gateway.channel, type, payload) < 0)
        log_line(LOG_ERROR, "cannot reach the supervisor");
}

/* ---- snapshots to the workers ---------------------------------------------------------------------- */

/* A worker that does not empty its mailbox is stuck; it goes on with its old snapshot and the log says so. */
static int post_keyring(struct keyring *ring)
{
    int result = 0;
    for (uint32_t i = 0; i < gateway.workers_count; i++) {
        struct worker_message message = {.kind = WORKER_KEYRING, .keyring = keyring_ref(ring)};
        int posted = worker_post(gateway.workers[i], &message);
        if (posted < 0) {
            log_line(LOG_ERROR, "worker %u does not take the new keys", i);
            keyring_unref(ring);
            result = posted;
        }
    }
    return result;
}

static void use_catalog(struct catalog *catalog)
{
    for (uint32_t i = 0; i < gateway.workers_count; i++) {
        struct worker_message message = {.kind = WORKER_CATALOG, .catalog = catalog_ref(catalog)};
        if (worker_post(gateway.workers[i], &message) < 0) {
            log_line(LOG_ERROR, "worker %u does not take the new configuration", i);
            catalog_unref(catalog);
        }
    }
    catalog_unref(gateway.catalog);
    gateway.catalog = catalog;
    gateway.catalog_version = catalog_version(catalog);
}

/* ---- health ------------------------------------------------------------------------------------------ */

static void on_backend_change(void *owner, struct pool *pool, const struct backend_view *backend,
                              const char *why)
{
    static const char *const states[] = {"unknown", "up", "down", "on trial"};
    struct span name = pool_name(pool);
    (void)owner;
    log_line(backend->state == BACKEND_UP ? LOG_INFO : LOG_WARN,
             "backend '%.*s' of pool '%.*s' is %s: %s", (int)backend->url.len, backend->url.ptr,
             (int)name.len, name.ptr, states[backend->state], why);
}

static void on_embedded_dead(void *owner, struct pool *pool)
{
    (void)owner;
    (void)pool;
    log_line(LOG_WARN, "the embedded model gives no tokens; asking for a restart");
    tell_supervisor(HANDOVER_EMBEDDED_DEAD, SPAN(""));
}

static void on_models(void *owner, struct pool *pool)
{
    (void)owner;
    (void)pool;
    if (catalog_version(gateway.catalog) == gateway.catalog_version)
        return;
    struct catalog *next = catalog_rediscover(gateway.catalog);
    if (!next)
        return; /* out of memory: the next list tries again */
    use_catalog(next);
    log_line(LOG_INFO, "models served now: %zu", next->models_count);
}

static void on_stop_measured(void *owner, struct pool *pool, const struct backend_view *backend, const char *why)
{
    static const char text[] = "backend '%.*s' of pool '%.*s' %s: %s";
    struct span name = pool_name(pool);
    const char *what = "stops when a client hangs up";
    (void)owner;
    if (backend->stop_ms == BACKEND_STOP_UNKNOWN)
        what = "stops at some time or never when a client hangs up";
    if (backend->stop_ms == BACKEND_STOPS_NOT)
        what = "does not stop when a client hangs up, so that its calls are not cut for others";
    log_line(backend->stop_ms == BACKEND_STOPS_NOT ? LOG_WARN : LOG_INFO, text, (int)backend->url.len,
             backend->url.ptr, (int)name.len, name.ptr, what, why);
}

static const struct stop_events stop_events = {on_stop_measured};

static const struct health_events health_events = {on_backend_change, on_embedded_dead, on_models};

/* ---- reload: whole or not at all --------------------------------------------------------------------- */

static void reload_finished(const char *error)
{
    if (!gateway.reload_done || !gateway.reload_begun)
        return;
    void (*done)(void *, const char *) = TAKE(gateway.reload_done);
    done(gateway.reload_arg, error);
}

static int reload(struct span bundle, struct err *err)
{
    struct config *config = config_parse(bundle, err);
    if (!config)
        return -EINVAL;
    struct catalog *catalog = catalog_new(config, gateway.catalog, gateway.start.workers, clock_wall_ms() / 1000, err);
    config_unref(config);
    if (!catalog)
        return -EINVAL;
    int result = record_hub_reopen(gateway.record_hub, catalog->config->access_log, err);
    if (result == 0) /* last, since it cannot be taken back */
        result = health_watch(gateway.health, catalog->pools, catalog->pools_count);
    if (result == 0)
        result = facts_watch_set(gateway.facts, catalog->pools, catalog->pools_count);
    if (result == 0)
        result = stop_watch_set(gateway.stopping, catalog->pools, catalog->pools_count);
    if (result < 0) {
        catalog_unref(catalog);
        return result;
    }
    char names[256];
    if (config_needs_restart(gateway.config_at_start, catalog->config, names, sizeof(names)) > 0)
        log_line(LOG_WARN, "these settings take effect at the next restart: %s", names);
    use_catalog(catalog);
    if (gateway.admin)
        admin_config_changed(gateway.admin);
    return 0;
}

static void on_reload(struct span bundle)
{
    struct err err = {""};
    if (reload(bundle, &err) < 0) {
        log_line(LOG_ERROR, "the new configuration is refused, the old one stays: %s", err.text);
        tell_supervisor(HANDOVER_RELOAD_FAILED, span_str(err.text));
        reload_finished(err.text[0] ? err.text : "out of memory");
        return;
    }
    log_line(LOG_INFO, "new configuration in force");
    tell_supervisor(HANDOVER_RELOADED, SPAN(""));
    reload_finished(NULL);
}

/* ---- what the admin API asks for --------------------------------------------------------------------- */

static int admin_keys_changed(void *owner, struct keyring *ring)
{
    (void)owner;
    int result = post_keyring(ring);
    keyring_unref(gateway.keyring);
    gateway.keyring = keyring_ref(ring);
    return result;
}

static void admin_reload(void *owner, void (*done)(void *arg, const char *error), void *arg)
{
    (void)owner;
    if (gateway.reload_done) {
        done(arg, "another reload is under way");
        return;
    }
    gateway.reload_done = done;
    gateway.reload_arg = arg;
    gateway.reload_begun = false;
    tell_supervisor(HANDOVER_ASK_RELOAD, SPAN(""));
}

static size_t admin_pools(void *owner, struct pool **ret_pools, size_t max)
{
    (void)owner;
    size_t count = MIN(gateway.catalog->pools_count, max);
    for (size_t i = 0; i < count; i++)
        ret_pools[i] = gateway.catalog->pools[i];
    return count;
}

static size_t admin_models(void *owner, struct admin_model *ret_models, size_t max)
{
    (void)owner;
    size_t count = MIN(gateway.catalog->models_count, max);
    for (size_t i = 0; i < count; i++)
        ret_models[i] = (struct admin_model){gateway.catalog->models[i].name,
                                             pool_name(gateway.catalog->models[i].pool)};
    return count;
}

static void admin_gate(void *owner, size_t pool, struct admin_gate *ret_gate)
{
    (void)owner;
    struct turnstile *turnstile = gateway.catalog->turnstiles[pool];
    uint64_t now_ms = loop_now_ms(gateway.loop);
    turnstile_view(turnstile, now_ms, &ret_gate->all);
    ret_gate->rungs = turnstile_rungs(turnstile, now_ms);
    for (size_t i = 0; i < pool_backends(gateway.catalog->pools[pool]); i++)
        turnstile_backend_view(turnstile, i, &ret_gate->backends[i]);
}

static void admin_kept(void *owner, struct admin_kept *ret_kept)
{
    struct kept_answers_view view;
    (void)owner;
    kept_answers_view(gateway.kept_answers, &view);
    *ret_kept = (struct admin_kept){view.answers, view.left, view.bytes};
}

static void admin_key_replaced(void *owner, uint64_t from, uint64_t to)
{
    (void)owner;
    kept_hand_on(gateway.kept_answers, from, to);
}

static size_t admin_waiting(void *owner, char *ret_names, size_t size)
{
    (void)owner;
    return config_needs_restart(gateway.config_at_start, gateway.catalog->config, ret_names, size);
}

static struct config *admin_config(void *owner)
{
    (void)owner;
    return gateway.catalog->config;
}

static const struct admin_events admin_events = {admin_keys_changed, admin_key_replaced, admin_reload, admin_pools, admin_models,
                                                 admin_gate,         admin_kept,         admin_waiting, admin_config};

/* ---- drain --------------------------------------------------------------------------------------------- */

/* On a worker's thread. */
static void on_worker_drained(struct worker *worker)
{
    if (mailbox_post(gateway.mailbox, worker) < 0)
        log_line(LOG_ERROR, "worker %u cannot tell that it has drained", worker->index);
}

static void on_drained_message(void *arg, void *message)
{
    (void)arg;
    (void)message;
    if (++gateway.workers_drained == gateway.workers_count)
        stop(EXIT_SUCCESS);
}

static void drain(void)
{
    if (gateway.draining)
        return;
    gateway.draining = true;
    if (gateway.workers_count == 0) {
        stop(EXIT_SUCCESS);
        return;
    }
    log_line(LOG_INFO, "draining: nothing new is taken, what runs may end within %u s",
             gateway.catalog->config->drain_ms / 1000);
    struct worker_message message = {.kind = WORKER_DRAIN,
                                     .drain_ms = gateway.catalog->config->drain_ms};
    for (uint32_t i = 0; i < gateway.workers_count; i++)
        if (worker_post(gateway.workers[i], &message) < 0)
            gateway.workers_drained++; /* stuck: not waited for */
}

static void on_signal(int signum, void *arg)
{
    (void)signum;
    (void)arg;
    drain();
}

/* ---- another gateway comes -------------------------------------------------------------------------------- */

static void retire_work(struct job *job)
{
    (void)job;
}

static void retired(struct job *job)
{
    (void)job;
    tell_supervisor(HANDOVER_RETIRED, SPAN(""));
}

/* What an operator changes from now on must be heard by the next gateway, which reads the keys when it starts. What was changed before is in the
 * database when a job behind it has had its turn. Who asks meanwhile waits in the socket's backlog. */
static void retire(void)
{
    static struct job last = {retire_work, retired};
    gateway.reload_begun = true;
    reload_finished(TAKEOVER_WORDS);
    admin_free(TAKE(gateway.admin));
    profiles_keeper_stop(gateway.profiles_keeper); /* what calls that still run earn is not kept */
    if (helper_run(gateway.store_helper, &last) < 0)
        retired(&last);
}

/* ---- boot ------------------------------------------------------------------------------------------------ */

static int path_in_state(const char *name, char *ret_path, size_t size)
{
    int len = snprintf(ret_path, size, "%.*s/%s", (int)gateway.start.state_folder.len,
                       gateway.start.state_folder.ptr, name);
    return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

/* Opens what outlives the process. Trouble with the database is told and lived with. */
static int open_state(struct admin_spec *admin, struct err *err)
{
    char path[4096];
    int error = 0;
    struct err trouble = {""};

    if (path_in_state("seawall.db", path, sizeof(path)) < 0)
        return err_set(err, -ENAMETOOLONG, "the path of the state folder is too long");
    gateway.store = store_new(path, &error, &trouble);
    if (!gateway.store)
        return err_set(err, -ENOMEM, "out of memory");
    if (error < 0)
        log_line(LOG_ERROR, "%s; keys are checked from memory and the ledger waits", trouble.text);
    gateway.store_helper = helper_new(gateway.loop, "store", STORE_JOBS_MAX);
    if (!gateway.store_helper)
        return err_set(err, -ENOMEM, "cannot start the store thread");
    gateway.record_hub =
        record_hub_new(&(struct record_hub_spec){.loop = gateway.loop,
                                                 .store_helper = gateway.store_helper,
                                                 .store = gateway.store,
                                                 .folder = admin->state_folder,
                                                 .access_log = gateway.catalog->config->access_log,
                                                 .workers = gateway.start.workers},
                       &gateway.lost, err);
    if (!gateway.record_hub)
        return -EIO;
    if (gateway.lost.text[0])
        log_line(LOG_WARN, "%s", gateway.lost.text);

    admin->store = gateway.store;
    admin->store_helper = gateway.store_helper;
    admin->record_hub = gateway.record_hub;
    admin->lost = span_str(gateway.lost.text);
    trouble.text[0] = '\0';
    gateway.keyring = admin_load_keys(admin, &trouble);
    if (!gateway.keyring)
        return err_set(err, -ENOMEM, "cannot load the keys: out of memory");
    if (trouble.text[0])
        log_line(LOG_ERROR, "%s", trouble.text);
    return 0;
}

/* What callers earned. Trouble with the database or the file beside it is told and lived with. */
static int open_profiles(struct admin_spec *admin, struct err *err)
{
    struct err trouble = {""};
    gateway.profiles = profiles_new(gateway.catalog->config->identities_max);
    if (gateway.profiles)
        gateway.profiles_keeper =
            profiles_keeper_new(&(struct profiles_keeper_spec){.helper = gateway.store_helper,
                                                               .store = gateway.store,
                                                               .profiles = gateway.profiles,
                                                               .folder = admin->state_folder},
                                &trouble);
    if (!gateway.profiles_keeper)
        return err_set(err, -ENOMEM, "cannot load the profiles of callers: out of memory");
    admin->profiles = gateway.profiles;
    admin->profiles_keeper = gateway.profiles_keeper;
    return 0;
}

/* What keys and accounts have used of their limits. Trouble with the ledger is told; it is read again in a minute. */
static int open_budgets(struct admin_spec *admin, struct err *err)
{
    struct err trouble = {""};
    struct budget_time now = {loop_now_ms(gateway.loop), loop_wall_ms(gateway.loop)};
    gateway.budgets = budgets_new();
    if (!gateway.budgets)
        return err_set(err, -ENOMEM, "cannot keep the limits of keys: out of memory");
    if (budgets_fill(gateway.budgets, gateway.store, gateway.keyring, gateway.catalog->config, now,
                     &trouble) < 0)
        log_line(LOG_ERROR, "what keys have used of their limits cannot be read: %s", trouble.text);
    admin->budgets = gateway.budgets;
    return 0;
}

/* Links that sign in: those of the process before, if there was one, are gone. */
static int open_links(struct admin_spec *admin, struct err *err)
{
    gateway.links = links_new();
    if (!gateway.links)
        return err_set(err, -ENOMEM, "cannot keep sign-in links: out of memory");
    admin->links = gateway.links;
    return 0;
}

static int start_workers(struct err *err)
{
    const struct handover_start *start = &gateway.start;
    int listeners[WORKER_LISTENERS_MAX];

    gateway.kept_answers = kept_answers_new();
    if (!gateway.kept_answers)
        return err_set(err, -ENOMEM, "out of memory");
    for (uint32_t w = 0; w < start->workers; w++) {
        for (uint32_t a = 0; a < start->addresses; a++)
            listeners[a] = HANDOVER_FIRST_LISTENER + (int)(w * start->addresses + a);
        gateway.workers[w] = worker_start(&(struct worker_spec){.index = w,
                                                                .workers = start->workers,
                                                                .listeners = listeners,
                                                                .listeners_count = start->addresses,
                                                                .catalog = gateway.catalog,
                                                                .keyring = gateway.keyring,
                                                                .profiles = gateway.profiles,
                                                                .budgets = gateway.budgets,
                                                                .kept_answers = gateway.kept_answers,
                                                                .address_key = &start->key_mac,
                                                                .peers = gateway.workers,
                                                                .record_hub = gateway.record_hub,
                                                                .links = gateway.links,
                                                                .on_drained = on_worker_drained},
                                          err);
        if (!gateway.workers[w])
            return -ENOMEM;
        gateway.workers_count++;
    }
    return 0;
}

static int start_services(struct admin_spec *admin, struct err *err)
{
    gateway.health = health_new(gateway.loop, &health_events, NULL);
    if (!gateway.health ||
        health_watch(gateway.health, gateway.catalog->pools, gateway.catalog->pools_count) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    gateway.facts = facts_watch_new(gateway.loop);
    if (!gateway.facts ||
        facts_watch_set(gateway.facts, gateway.catalog->pools, gateway.catalog->pools_count) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    gateway.stopping = stop_watch_new(gateway.loop, &stop_events, NULL);
    if (!gateway.stopping ||
        stop_watch_set(gateway.stopping, gateway.catalog->pools, gateway.catalog->pools_count) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    gateway.admin = admin_new(admin, err);
    return gateway.admin ? 0 : -EIO;
}

static int boot(struct err *err)
{
    char layers[64];
    char folder[4096];
    const struct handover_start *start = &gateway.start;

    if (start->workers == 0 || start->workers > HANDOVER_WORKERS_MAX ||
        start->addresses > WORKER_LISTENERS_MAX || start->state_folder.len >= sizeof(folder))
        return err_set(err, -EINVAL, "the supervisor's message is out of range");
    memcpy(folder, start->state_folder.ptr, start->state_folder.len);
    folder[start->state_folder.len] = '\0';

    int result = sandbox_enter(&(struct sandbox_spec){start->uid, start->gid, folder}, layers, err);
    if (result < 0)
        return result;
    struct config *config = config_parse(start->bundle, err);
    if (!config)
        return -EINVAL;
    gateway.catalog = catalog_new(config, NULL, start->workers, clock_wall_ms() / 1000, err);
    gateway.config_at_start = config;
    if (!gateway.catalog)
        return -EINVAL;
    gateway.catalog_version = catalog_version(gateway.catalog);

    struct admin_spec admin = {.loop = gateway.loop,
                               .listener = HANDOVER_ADMIN,
                               .metrics_listener = start->metrics ? HANDOVER_METRICS : -1,
                               .key_mac = &start->key_mac,
                               .state_folder = folder,
                               .restarts = start->restarts,
                               .workers = start->workers,
                               .listen = gateway.catalog->config->listen,
                               .listen_count = gateway.catalog->config->listen_count,
                               .events = &admin_events};
    result = open_state(&admin, err);
    if (result == 0)
        result = open_profiles(&admin, err);
    if (result == 0)
        result = open_budgets(&admin, err);
    if (result == 0)
        result = open_links(&admin, err);
    if (result == 0)
        result = start_workers(err);
    if (result == 0)
        result = start_services(&admin, err);
    if (result == 0)
        log_line(LOG_INFO, "serving with %u workers (%s)", gateway.workers_count, layers);
    return result;
}

static void on_start(struct span payload)
{
    struct err err = {""};
    int result = handover_start_read(payload, &gateway.start, &gateway.start_memory, &err);
    if (result == 0)
        result = boot(&err);
    if (result < 0) {
        log_line(LOG_ERROR, "cannot start: %s", err.text);
        stop(EXIT_FAILURE);
        return;
    }
    gateway.started = true;
    tell_supervisor(HANDOVER_READY, SPAN(""));
}

static void on_message(void *owner, uint32_t type, struct span payload)
{
    (void)owner;
    if (type == HANDOVER_START && !gateway.started)
        on_start(payload);
    else if (type == HANDOVER_RELOAD && gateway.started)
        on_reload(payload);
    else if (type == HANDOVER_RELOAD_FAILED)
        reload_finished(payload.ptr); /* the supervisor could not read it */
    else if (type == HANDOVER_RELOAD_BEGINS)
        gateway.reload_begun = true;
    else if (type == HANDOVER_DRAIN)
        drain();
    else if (type == HANDOVER_RETIRE && gateway.admin)
        retire();
}

static void on_channel_closed(void *owner)
{
    (void)owner;
    log_line(LOG_WARN, "the supervisor is gone");
    admin_free(TAKE(
        gateway
            .admin)); /* another gateway may serve the same socket now, and what it changes is not heard of here */
    profiles_keeper_stop(gateway.profiles_keeper);
    drain();
}

static void shut_down(void)
{
    struct worker_message stop_message = {.kind = WORKER_STOP};

    admin_free(gateway.admin);
    stop_watch_free(gateway.stopping);
    facts_watch_free(gateway.facts);
    health_free(gateway.health);
    for (uint32_t i = 0; i < gateway.workers_count; i++)
        while (worker_post(gateway.workers[i], &stop_message) < 0)
            usleep(1000);
    for (uint32_t i = 0; i < gateway.workers_count; i++)
        worker_join(gateway.workers[i]);
    for (uint32_t i = 0; i < gateway.workers_count; i++)
        worker_free(gateway.workers[i]);
    profiles_keeper_stop(gateway.profiles_keeper);
    record_hub_free(gateway.record_hub);
    helper_free(gateway.store_helper);
    profiles_keeper_free(gateway.profiles_keeper);
    profiles_free(gateway.profiles);
    budgets_free(gateway.budgets);
    kept_answers_free(gateway.kept_answers);
    store_free(gateway.store);
    links_free(gateway.links);
    keyring_unref(gateway.keyring);
    catalog_unref(gateway.catalog);
    config_unref(gateway.config_at_start);
    channel_free(gateway.channel);
    mailbox_free(gateway.mailbox, NULL);
    loop_free(gateway.loop);
    mem_free(gateway.start_memory);
}

int gateway_main(void)
{
    log_setup("gateway", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    gateway.exit_status = EXIT_FAILURE;
    gateway.loop = loop_new();
    if (!gateway.loop)
        return EXIT_FAILURE;
    gateway.mailbox = mailbox_new(gateway.loop, CONTROL_MESSAGES_MAX, on_drained_message, NULL);
    gateway.channel =
        channel_new(gateway.loop, HANDOVER_CHANNEL, on_message, on_channel_closed, NULL);
    if (!gateway.mailbox || !gateway.channel ||
        loop_on_signal(gateway.loop, SIGTERM, on_signal, NULL) < 0 ||
        loop_on_signal(gateway.loop, SIGINT, on_signal, NULL) < 0) {
        log_line(LOG_ERROR, "cannot start: out of memory, or not started by a supervisor");
        return EXIT_FAILURE;
    }
    loop_run(gateway.loop);
    shut_down();
    return gateway.exit_status;
}
