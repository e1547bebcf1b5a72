/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the admin room share: a state folder, a store with its thread, a corridor that notes what it is told, an admin on a socket, and a client.
 *
 * Two ways to turn the loop: settle() runs it here until the store thread has done all it was given; serve() runs it on a thread of its own, so that the test may
 * block on its end of the socket.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/admin_internal.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    char database[128], snapshot[128];
    struct loop *loop;
    struct helper *helper;
    struct store *store;
    struct record_hub *hub;
    struct profiles *profiles;
    struct profiles_keeper *keeper;
    struct budgets *budgets;
    struct links *links;
    struct config *config;
    struct mac_key mac;
    struct admin_spec spec;
    struct admin *admin;
    int listener, metrics_listener;
    pthread_t thread;
    bool serving;

    /* The corridor. */
    struct keyring *ring; /* the last one told */
    _Atomic int changes;
    int refuse_changes; /* that many are answered -ENOSPC */
    const char *reload_error;
    const char *waiting; /* settings that do, or NULL */
    uint64_t replaced, replaced_by; /* the last key that was */
    bool reload_waits; /* it never ends */
    struct pool *pool;
    bool has_model;
    struct admin_gate gate; /* of the pool */
};

static inline int on_keys_changed(void *owner, struct keyring *ring)
{
    struct fixture *fixture = owner;
    atomic_fetch_add(&fixture->changes, 1);
    keyring_unref(fixture->ring);
    fixture->ring = keyring_ref(ring);
    return fixture->refuse_changes-- > 0 ? -ENOSPC : 0;
}

static inline void on_reload(void *owner, void (*done)(void *arg, const char *error), void *arg)
{
    struct fixture *fixture = owner;
    if (!fixture->reload_waits)
        done(arg, fixture->reload_error);
}

static inline size_t on_pools(void *owner, struct pool **ret_pools, size_t max)
{
    struct fixture *fixture = owner;
    if (!fixture->pool || max == 0)
        return 0;
    ret_pools[0] = fixture->pool;
    return 1;
}

static inline size_t on_models(void *owner, struct admin_model *ret_models, size_t max)
{
    struct fixture *fixture = owner;
    if (!fixture->has_model || max == 0)
        return 0;
    ret_models[0] = (struct admin_model){SPAN("small"), SPAN("main")};
    return 1;
}

static inline void on_gate(void *owner, size_t pool, struct admin_gate *ret_gate)
{
    struct fixture *fixture = owner;
    assert_int_equal(pool, 0);
    *ret_gate = fixture->gate;
}

static inline void on_kept(void *owner, struct admin_kept *ret_kept)
{
    (void)owner;
    *ret_kept = (struct admin_kept){3, 2, 4711};
}

static inline size_t on_waiting(void *owner, char *ret_names, size_t size)
{
    struct fixture *fixture = owner;
    if (!fixture->waiting)
        return 0;
    snprintf(ret_names, size, "%s", fixture->waiting);
    return 1;
}

static inline struct config *on_config(void *owner)
{
    struct fixture *fixture = owner;
    return fixture->config;
}

static inline void on_key_replaced(void *owner, uint64_t from, uint64_t to)
{
    struct fixture *fixture = owner;
    fixture->replaced = from;
    fixture->replaced_by = to;
}

static const struct admin_events test_events = {on_keys_changed, on_key_replaced, on_reload, on_pools, on_models,
                                                on_gate, on_kept, on_waiting, on_config};

/* A configuration of nothing but defaults and these lines. */
static inline struct config *test_config(const char *yaml)
{
    char path[] = "/tmp/seawall-admin-config-XXXXXX";
    struct buf bundle;
    struct err err = {""};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
    close(fd);
    buf_init(&bundle, CONFIG_BUNDLE_BYTES_MAX);
    assert_int_equal(config_bundle_read(path, &(struct config_facts){.upstream_url = "http://127.0.0.1:1"}, &bundle, &err), 0);
    struct config *config = config_parse(buf_span(&bundle), &err);
    assert_non_null(config);
    config_bundle_release(&bundle);
    assert_int_equal(unlink(path), 0);
    return config;
}

static inline struct pool *test_pool(const char *url)
{
    const struct backend_spec backend = {.url = span_str(url), .weight = 1};
    const struct pool_spec spec = {.name = SPAN("main"),
                                   .backends = &backend,
                                   .backends_count = 1,
                                   .connect_ms = 1000,
                                   .first_byte_ms = 1000,
                                   .idle_ms = 1000,
                                   .breaker_failures = 3,
                                   .breaker_pause_ms = 1000};
    struct err err = {""};
    struct pool *pool = pool_new(&spec, &err);
    assert_non_null(pool);
    return pool;
}

/* ── folder, store, loop ── */

static inline void fixture_profiles(struct fixture *fixture)
{
    struct err trouble = {""};
    fixture->profiles = profiles_new(1000);
    assert_non_null(fixture->profiles);
    fixture->keeper =
        profiles_keeper_new(&(struct profiles_keeper_spec){.helper = fixture->helper,
                                                           .store = fixture->store,
                                                           .profiles = fixture->profiles,
                                                           .folder = fixture->folder},
                            &trouble);
    assert_non_null(fixture->keeper);
}

static inline void fixture_start(struct fixture *fixture)
{
    struct err err = {""};
    int error;
    *fixture = (struct fixture){.listener = -1, .metrics_listener = -1};
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/seawall-admin-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->database, sizeof(fixture->database), "%s/seawall.db", fixture->folder);
    snprintf(fixture->snapshot, sizeof(fixture->snapshot), "%s/keys.snapshot", fixture->folder);
    memset(&fixture->mac, 7, sizeof(fixture->mac));
    fixture->loop = loop_new();
    assert_non_null(fixture->loop);
    fixture->helper = helper_new(fixture->loop, "store", 64);
    assert_non_null(fixture->helper);
    fixture->store = store_new(fixture->database, &error, &err);
    assert_non_null(fixture->store);
    fixture_profiles(fixture);
    fixture->budgets = budgets_new();
    assert_non_null(fixture->budgets);
    fixture->links = links_new();
    assert_non_null(fixture->links);
    fixture->config = test_config("");
    fixture->spec = (struct admin_spec){.loop = fixture->loop,
                                        .listener = -1,
                                        .metrics_listener = -1,
                                        .store_helper = fixture->helper,
                                        .store = fixture->store,
                                        .profiles = fixture->profiles,
                                        .profiles_keeper = fixture->keeper,
                                        .budgets = fixture->budgets,
                                        .links = fixture->links,
                                        .key_mac = &fixture->mac,
                                        .state_folder = fixture->folder,
                                        .restarts = 2,
                                        .workers = 3,
                                        .lost = SPAN("3 calls were under way"),
                                        .events = &test_events,
                                        .owner = fixture};
}

static inline void fixture_remove_folder(struct fixture *fixture)
{
    DIR *folder = opendir(fixture->folder);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    assert_int_equal(rmdir(fixture->folder), 0);
}

static inline int unix_listener(const struct fixture *fixture, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fixture->folder, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

/* The keys as at a start, and an admin with both listeners. */
static inline void fixture_admin(struct fixture *fixture)
{
    static const struct span listen[] = {{"127.0.0.1:8080", 14}, {"[::1]:8081", 10}};
    struct err lost = {""}, err = {""}, trouble = {""};
    fixture->listener = unix_listener(fixture, "admin.sock");
    fixture->metrics_listener = unix_listener(fixture, "metrics.sock");
    fixture->hub = record_hub_new(&(struct record_hub_spec){.loop = fixture->loop,
                                                            .store_helper = fixture->helper,
                                                            .store = fixture->store,
                                                            .folder = fixture->folder,
                                                            .access_log = SPAN("off"),
                                                            .workers = 3},
                                  &lost, &err);
    assert_non_null(fixture->hub);
    fixture->spec.record_hub = fixture->hub;
    fixture->spec.listener = fixture->listener;
    fixture->spec.metrics_listener = fixture->metrics_listener;
    fixture->spec.listen = listen;
    fixture->spec.listen_count = 2;
    struct keyring *ring = admin_load_keys(&fixture->spec, &trouble);
    assert_non_null(ring);
    fixture->admin = admin_new(&fixture->spec, &err);
    assert_non_null(fixture->admin);
    keyring_unref(ring);
    fixture->spec.keyring = NULL;
}

static inline void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static inline void serve(struct fixture *fixture)
{
    fixture->serving = true;
    assert_int_equal(pthread_create(&fixture->thread, NULL, run_loop, fixture->loop), 0);
}

static inline void unserve(struct fixture *fixture)
{
    if (!fixture->serving)
        return;
    loop_stop(fixture->loop);
    assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    fixture->serving = false;
}

static inline void fixture_stop(struct fixture *fixture)
{
    unserve(fixture);
    admin_free(fixture->admin);
    record_hub_free(fixture->hub);
    helper_free(fixture->helper);
    profiles_keeper_free(fixture->keeper);
    profiles_free(fixture->profiles);
    budgets_free(fixture->budgets);
    links_free(fixture->links);
    config_unref(fixture->config);
    store_free(fixture->store);
    loop_free(fixture->loop);
    keyring_unref(fixture->ring);
    pool_unref(fixture->pool);
    if (fixture->listener >= 0)
        close(fixture->listener);
    if (fixture->metrics_listener >= 0)
        close(fixture->metrics_listener);
    fixture_remove_folder(fixture);
}

struct settle_job {
    struct job job;
    struct loop *loop;
};

static inline void settle_work(struct job *job)
{
    (void)job;
}

static inline void settle_done(struct job *job)
{
    loop_stop(container_of(job, struct settle_job, job)->loop);
}

/* Twice, because what is done may ask for more. */
static inline void settle(struct fixture *fixture)
{
    for (int i = 0; i < 2; i++) {
        struct settle_job last = {{settle_work, settle_done}, fixture->loop};
        assert_int_equal(helper_run(fixture->helper, &last.job), 0);
        loop_run(fixture->loop);
    }
}

/* ── keys ── */

static inline struct key *test_key(uint64_t id, const char *name)
{
    unsigned char digest[SHA256_BYTES];
    memset(digest, (int)id, sizeof(digest));
    struct key *key =
        key_new(&(struct key_spec){.id = id, .digest = digest, .name = span_str(name), .hint = SPAN("abcd"), .created_ms = 1000 * id});
    assert_non_null(key);
    return key;
}

static inline void store_key(struct store *store, uint64_t id, const char *name)
{
    unsigned char digest[SHA256_BYTES];
    struct err err = {""};
    memset(digest, (int)id, sizeof(digest));
    const struct store_key row = {.id = id,
                                  .digest = digest,
                                  .name = name,
                                  .hint = "abcd",
                                  .models = "",
                                  .created_ms = 1000 * id};
    assert_int_equal(store_keys_add(store, &row, 1, &err), 0);
}

static inline struct keyring *test_ring(const struct fixture *fixture, struct key *const *keys,
                                        size_t count)
{
    struct keyring *ring = keyring_new(&fixture->mac, keys, count, NULL, false);
    assert_non_null(ring);
    return ring;
}

/* ── a client ── */

static inline int dial(const struct fixture *fixture, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval wait = {.tv_sec = 10};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fixture->folder, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
    return fd;
}

static inline void say(int fd, const char *text)
{
    size_t len = strlen(text), sent = 0;
    while (sent < len) {
        ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
        assert_true(n > 0);
        sent += (size_t)n;
    }
}

struct reply {
    unsigned status;
    char head[2048];
    char *body; /* terminated */
    size_t len;
    json_t *json; /* NULL: the body is none */
};

static inline void reply_release(struct reply *reply)
{
    json_decref(reply->json);
    mem_free(reply->body);
    *reply = (struct reply){0};
}

/* One answer with a Content-Length; `no_body` for HEAD. Byte by byte up to the head's end, so that a pipeline's next answer stays. */
static inline void hear(int fd, struct reply *reply, bool no_body)
{
    size_t at = 0;
    *reply = (struct reply){0};
    while (at < 4 || memcmp(reply->head + at - 4, "\r\n\r\n", 4) != 0) {
        assert_true(at < sizeof(reply->head) - 1);
        assert_int_equal(recv(fd, reply->head + at, 1, 0), 1);
        at++;
    }
    assert_int_equal(sscanf(reply->head, "HTTP/1.1 %u", &reply->status), 1);
    const char *length = strstr(reply->head, "Content-Length: ");
    assert_non_null(length);
    reply->len = no_body ? 0 : strtoul(length + 16, NULL, 10);
    reply->body = mem_zalloc(reply->len + 1);
    assert_non_null(reply->body);
    for (size_t got = 0; got < reply->len;) {
        ssize_t n = recv(fd, reply->body + got, reply->len - got, 0);
        assert_true(n > 0);
        got += (size_t)n;
    }
    reply->json = json_loadb(reply->body, reply->len, 0, NULL);
}

static inline void ask_on(int fd, const char *method, const char *target, const char *body,
                          struct reply *reply)
{
    char head[512];
    snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: seawall\r\nContent-Length: %zu\r\n\r\n",
             method, target, strlen(body));
    say(fd, head);
    say(fd, body);
    hear(fd, reply, strcmp(method, "HEAD") == 0);
}

/* One request on a connection of its own. */
static inline void ask(const struct fixture *fixture, const char *method, const char *target,
                       const char *body, struct reply *reply)
{
    int fd = dial(fixture, "admin.sock");
    ask_on(fd, method, target, body, reply);
    close(fd);
}

static inline const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "(none)";
}

static inline json_int_t number_at(const json_t *object, const char *name)
{
    assert_true(json_is_integer(json_object_get(object, name)));
    return json_integer_value(json_object_get(object, name));
}

static inline const char *message_of(const struct reply *reply)
{
    return text_at(json_object_get(reply->json, "error"), "message");
}

/* A refusal with this status whose message holds `words`. */
#define assert_refused(fixture, method, target, body, want_status, words)                          \
    do {                                                                                           \
        struct reply refusal_;                                                                     \
        ask(fixture, method, target, body, &refusal_);                                             \
        assert_int_equal(refusal_.status, want_status);                                            \
        assert_non_null(strstr(message_of(&refusal_), words));                                     \
        reply_release(&refusal_);                                                                  \
    } while (0)

/* A key made through the API: its id and its text. */
static inline void make_key(const struct fixture *fixture, const char *body, char ret_id[16],
                            char ret_text[KEY_TEXT_BYTES + 1])
{
    struct reply reply;
    ask(fixture, "POST", "/keys", body, &reply);
    assert_int_equal(reply.status, 200);
    snprintf(ret_id, 16, "%s", text_at(reply.json, "id"));
    snprintf(ret_text, KEY_TEXT_BYTES + 1, "%s", text_at(reply.json, "key"));
    reply_release(&reply);
}

/* How the ring in force judges a key's text. */
static inline enum reason judge(const struct fixture *fixture, const char *text)
{
    char header[600];
    struct key *key;
    uint64_t id;
    snprintf(header, sizeof(header), "Bearer %.580s", text);
    return keyring_check(fixture->ring, span_str(header), clock_wall_ms(), &key, &id);
}
