/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/admin_internal.h"

#include "admin/caller.h"
#include "admin/keys_change.h"
#include "admin/keys_load.h"
#include "admin/upkeep.h"
#include "base/alloc.h"
#include "base/json_out.h"

#define LISTEN_BYTES_MAX 16384

static void on_api_accept(void *arg, struct sock *sock)
{
    caller_accept(arg, CALLER_API, sock);
}

static void on_metrics_accept(void *arg, struct sock *sock)
{
    caller_accept(arg, CALLER_METRICS, sock);
}

static char *snapshot_path(const char *folder)
{
    size_t size = strlen(folder) + sizeof("/keys.snapshot");
    char *path = mem_alloc(size);
    if (path)
        snprintf(path, size, "%s/keys.snapshot", folder);
    return path;
}

struct keyring *admin_load_keys(struct admin_spec *spec, struct err *ret_trouble)
{
    struct keys_loaded loaded;
    char *path = snapshot_path(spec->state_folder);
    int result =
        path ? keys_load(spec->store, path, spec->key_mac, NULL, &loaded, ret_trouble) : -ENOMEM;
    mem_free(path);
    if (result < 0)
        return NULL;
    spec->keyring = loaded.ring;
    spec->trust_unlisted = loaded.trust_unlisted;
    spec->keys_incomplete = loaded.incomplete;
    spec->keys_trouble = *ret_trouble;
    return loaded.ring;
}

static void copy_spec(struct admin *admin, const struct admin_spec *spec)
{
    admin->loop = spec->loop;
    admin->helper = spec->store_helper;
    admin->store = spec->store;
    admin->record_hub = spec->record_hub;
    admin->profiles = spec->profiles;
    admin->profiles_keeper = spec->profiles_keeper;
    admin->budgets = spec->budgets;
    admin->links = spec->links;
    admin->key_mac = *spec->key_mac;
    admin->restarts = spec->restarts;
    admin->workers = spec->workers;
    (void)err_set(&admin->lost, 0, "%.*s", (int)MIN(spec->lost.len, sizeof(admin->lost.text)),
                  spec->lost.ptr ? spec->lost.ptr : "");
    admin->started_ms = loop_now_ms(spec->loop);
    admin->events = spec->events;
    admin->owner = spec->owner;
    admin->ring = keyring_ref(spec->keyring);
    admin->trust_unlisted = spec->trust_unlisted;
    admin->keys_incomplete = spec->keys_incomplete;
    admin->keys_trouble = spec->keys_trouble;

    struct json_out out = json_out_start(&admin->listen);
    json_out_open(&out, '[');
    for (size_t i = 0; i < spec->listen_count; i++)
        json_out_string(&out, spec->listen[i]);
    json_out_close(&out, ']');
}

static int start(struct admin *admin, const struct admin_spec *spec)
{
    admin->snapshot_path = snapshot_path(spec->state_folder);
    if (!admin->snapshot_path || buf_status(&admin->listen) < 0 || upkeep_start(admin) < 0)
        return -ENOMEM;
    if (spec->listener >= 0)
        admin->listener = sock_listener_new(spec->loop, spec->listener, on_api_accept, NULL, admin);
    if (spec->metrics_listener >= 0)
        admin->metrics_listener =
            sock_listener_new(spec->loop, spec->metrics_listener, on_metrics_accept, NULL, admin);
    if ((spec->listener >= 0 && !admin->listener) ||
        (spec->metrics_listener >= 0 && !admin->metrics_listener))
        return -ENOMEM;
    return 0;
}

struct admin *admin_new(const struct admin_spec *spec, struct err *err)
{
    struct admin *admin = mem_zalloc(sizeof(*admin));
    if (!admin) {
        (void)err_set(err, -ENOMEM, "cannot start the admin API: out of memory");
        return NULL;
    }
    list_init(&admin->callers);
    list_init(&admin->works);
    list_init(&admin->changes);
    buf_init(&admin->listen, LISTEN_BYTES_MAX);
    copy_spec(admin, spec);
    if (start(admin, spec) < 0) {
        (void)err_set(err, -ENOMEM, "cannot start the admin API: out of memory");
        admin_free(admin);
        return NULL;
    }
    return admin;
}

void admin_config_changed(struct admin *admin)
{
    upkeep_limits_changed(admin);
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    sock_listener_free(admin->listener);
    sock_listener_free(admin->metrics_listener);
    caller_close_all(admin);
    keys_change_drop_all(admin);
    if (admin->reloading)
        caller_answer_error(TAKE(admin->reloading), 503, "shutting down");
    if (admin->tick)
        upkeep_stop(admin);
    work_orphan_all(admin);
    keyring_unref(admin->ring);
    keyring_unref(admin->retired);
    buf_release(&admin->listen);
    mem_free(admin->snapshot_path);
    mem_free_secret(admin, sizeof(*admin));
}
