/* SPDX-License-Identifier: Apache-2.0 */
/* seawall status: one look, or looks until all is up. */
#include "base/clock.h"
#include "client.h"
#include "gates.h"
#include "member.h"
#include "table.h"
#include "words.h"

#include <unistd.h>

#define LOOK_EVERY_US 200000
#define REASON_BYTES sizeof(((struct err *)NULL)->text)

const struct command_option options_status[] = {
    {"--wait", "SECONDS", "wait that long for the service and its models"},
    {NULL, NULL, NULL},
};

/* ── is it up? ── */

/* A model that the service itself has started and that has not answered yet is no trouble. */
static const char *state_of(const json_t *backend)
{
    const char *state = member_text(backend, "state", "unknown");
    bool loading = json_is_true(json_object_get(backend, "embedded")) && strcmp(state, "up") != 0 &&
                   json_is_null(json_object_get(backend, "last_good_s"));
    return loading ? "loading" : state;
}

/* Why a backend of the pool is not up yet, for whoever waits. */
static const char *state_in_pool(const json_t *status, const char *pool_name)
{
    const json_t *pools = json_object_get(status, "pools");
    for (size_t i = 0; i < json_array_size(pools); i++) {
        const json_t *pool = json_array_get(pools, i);
        if (strcmp(member_text(pool, "name", ""), pool_name) == 0)
            return state_of(json_array_get(json_object_get(pool, "backends"), 0));
    }
    return "unknown";
}

static const char *model_state(const json_t *status, const json_t *model)
{
    if (json_is_true(json_object_get(model, "up")))
        return "up";
    const char *server = state_in_pool(status, member_text(model, "pool", "?"));
    return strcmp(server, "loading") == 0 ? server : "down";
}

/* EXIT_OK when every model is up; else *ret_reason says what is missing. */
static enum exit_status judge(const json_t *status, char ret_reason[REASON_BYTES])
{
    const json_t *models = json_object_get(status, "models");
    if (json_array_size(models) == 0) {
        const json_t *pool = json_array_get(json_object_get(status, "pools"), 0);
        const char *name = member_text(pool, "name", "");
        snprintf(ret_reason, REASON_BYTES, "no model is known yet%s%s%s%s%s",
                 name[0] ? ": the server of pool '" : "", name, name[0] ? "' is " : "",
                 name[0] ? state_in_pool(status, name) : "", "");
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *model = json_array_get(models, i);
        const char *state = model_state(status, model);
        if (strcmp(state, "up") == 0)
            continue;
        if (strcmp(state, "loading") == 0)
            snprintf(ret_reason, REASON_BYTES, "model '%s' is loading",
                     member_text(model, "name", "?"));
        else
            snprintf(ret_reason, REASON_BYTES,
                     "model '%s' is not up: the server of pool '%s' is %s",
                     member_text(model, "name", "?"), member_text(model, "pool", "?"),
                     state_in_pool(status, member_text(model, "pool", "?")));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

/* One look. A service that cannot be reached is EXIT_UNREACHABLE with its reason and no document. */
static enum exit_status look(const struct invocation *call, json_t **ret_status,
                             char ret_reason[REASON_BYTES])
{
    struct err err = {""};
    enum exit_status result = client_ask(call, "GET", "/status", SPAN(""), ret_status, &err);
    if (result == EXIT_OK)
        return judge(*ret_status, ret_reason);
    snprintf(ret_reason, REASON_BYTES, "%s", err.text);
    return result;
}

/* ── waiting ── */

/* On a terminal one line that is written over; else a line for each change. */
static void show_progress(const char *reason, char shown[REASON_BYTES], uint64_t waited_s)
{
    bool terminal = isatty(STDERR_FILENO) != 0;
    if (terminal)
        fprintf(stderr, "\r\033[KWaiting (%llu s): %s", (unsigned long long)waited_s, reason);
    else if (strcmp(reason, shown) != 0)
        fprintf(stderr, "Waiting: %s\n", reason);
    snprintf(shown, REASON_BYTES, "%s", reason);
}

static enum exit_status wait_until_up(const struct invocation *call, uint64_t seconds,
                                      json_t **ret_status, char ret_reason[REASON_BYTES])
{
    char shown[REASON_BYTES] = "";
    uint64_t began_us = clock_mono_us();
    for (;;) {
        enum exit_status result = look(call, ret_status, ret_reason);
        uint64_t waited_s = (clock_mono_us() - began_us) / 1000000;
        if (result == EXIT_OK || waited_s >= seconds) {
            if (shown[0] && isatty(STDERR_FILENO))
                fputs("\r\033[K", stderr);
            return result;
        }
        json_decref(*ret_status);
        *ret_status = NULL;
        show_progress(ret_reason, shown, waited_s);
        usleep(LOOK_EVERY_US);
    }
}

/* ── for people ── */

static void print_models(const json_t *status)
{
    static const char *const titles[] = {"MODEL", "POOL", "STATE"};
    const json_t *models = json_object_get(status, "models");
    struct table table;
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *model = json_array_get(models, i);
        table_cell(&table, "%s", member_text(model, "name", "?"));
        table_cell(&table, "%s", member_text(model, "pool", "?"));
        table_cell(&table, "%s", model_state(status, model));
    }
    table_print(&table);
    table_release(&table);
}

/* How fast it stops when a client hangs up. */
static void add_stop(struct table *table, const json_t *backend)
{
    const json_t *stop_ms = json_object_get(backend, "stop_ms");
    if (!json_is_integer(stop_ms))
        table_cell(table, "?");
    else if (json_integer_value(stop_ms) < 0)
        table_cell(table, "never");
    else
        table_cell(table, "%lld ms", (long long)json_integer_value(stop_ms));
}

static void add_backend(struct table *table, const json_t *pool, const json_t *backend)
{
    table_cell(table, "%s", member_text(pool, "name", "?"));
    table_cell(table, "%s",
               json_is_true(json_object_get(backend, "embedded"))
                   ? "embedded"
                   : member_text(backend, "url", "?"));
    table_cell(table, "%s", state_of(backend));
    table_cell(table, "%s", member_text(backend, "engine", "?"));
    table_number(table, member_number(backend, "in_flight"));
    table_number(table, member_number(backend, "limit"));
    table_number(table, member_number(backend, "requests"));
    table_number(table, member_number(backend, "failures"));
    add_stop(table, backend);
}

static void print_pools(const json_t *pools)
{
    static const char *const titles[] = {"POOL", "BACKEND", "STATE",  "ENGINE",
                                         "#NOW", "#LIMIT",  "#CALLS", "#FAILED", "#STOPS"};
    struct table table;
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t p = 0; p < json_array_size(pools); p++) {
        const json_t *pool = json_array_get(pools, p);
        const json_t *backends = json_object_get(pool, "backends");
        for (size_t b = 0; b < json_array_size(backends); b++)
            add_backend(&table, pool, json_array_get(backends, b));
    }
    table_print(&table);
    table_release(&table);
}

static void print_urls(const json_t *listen)
{
    char url[512];
    for (size_t i = 0; i < json_array_size(listen); i++) {
        const char *address = json_string_value(json_array_get(listen, i));
        words_url(address ? address : "", url, sizeof(url));
        printf("%s%s", i > 0 ? ", " : "Page and API: ", url);
    }
    if (json_array_size(listen) > 0)
        puts("/");
}

static void print_status(const json_t *status)
{
    const json_t *trouble = json_object_get(status, "trouble");
    const char *lost = member_text(status, "lost", "");
    uint64_t restarts = member_number(status, "restarts");
    char age[32];
    words_age(member_number(status, "uptime_s"), age);
    printf("Seawall %s, up for %s, %llu workers, %llu keys", member_text(status, "version", "?"),
           age, (unsigned long long)member_number(status, "workers"),
           (unsigned long long)member_number(status, "keys"));
    if (restarts > 0)
        printf(", %llu restarts", (unsigned long long)restarts);
    puts("");
    print_urls(json_object_get(status, "listen"));
    puts("");
    print_models(status);
    puts("");
    gates_print(json_object_get(status, "pools"));
    puts("");
    print_pools(json_object_get(status, "pools"));
    if (lost[0])
        printf("\nAt the last start: %s\n", lost);
    for (size_t i = 0; i < json_array_size(trouble); i++)
        printf("\nTrouble: %s\n", json_string_value(json_array_get(trouble, i)));
}

enum exit_status cmd_status(const struct invocation *call)
{
    const char *wait = command_value(call, "--wait");
    char reason[REASON_BYTES] = "";
    uint64_t seconds = 0;
    json_t *status = NULL;
    if (wait && words_seconds(wait, &seconds) < 0) {
        (void)command_fail("--wait expects a number of seconds");
        return EXIT_USAGE;
    }
    enum exit_status result = wait_until_up(call, seconds, &status, reason);
    if (status && call->json) {
        enum exit_status printed = client_print(status);
        result = printed == EXIT_OK ? result : printed;
    } else if (status && json_object_get(status, "version")) {
        print_status(status);
    }
    if (result != EXIT_OK)
        (void)command_fail("%s", reason);
    json_decref(status);
    return result;
}
