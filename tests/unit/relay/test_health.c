/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_engine.h"

#include "relay/backend.h"
#include "relay/health.h"

struct watcher {
    struct loop *loop;
    struct health *health;
    struct pool *pool;
    struct engine *engine;
    uint64_t changes, deaths, lists, lists_before_up;
    uint64_t deaths_at_change; /* the last one */
    enum backend_state state;
    char why[320];
};

#define LIST                                                                                       \
    "{\"object\":\"list\",\"data\":[{\"id\":\"small\",\"owned_by\":\"llamacpp\",\"meta\":{\"n_"    \
    "ctx\":512}}]}"
#define TOKEN                                                                                      \
    "data: {\"choices\": [{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n"

/* What the engine answers. */
static const char *list_status, *list_body, *token_status, *token_body;
static bool list_hangs, token_hangs;
static char token_head[1024], token_ask[1024]; /* of the last question for a token */

static void answer(struct engine *engine, struct engine_connection *connection)
{
    if (span_starts(span_str(engine->head), SPAN("GET /v1/models "))) {
        if (!list_hangs)
            engine_answer(connection, list_status, "Server: test\r\n", list_body);
        return;
    }
    (void)snprintf(token_head, sizeof(token_head), "%.1000s", engine->head);
    (void)snprintf(token_ask, sizeof(token_ask), "%.1000s", engine->body);
    if (!token_hangs)
        engine_answer(connection, token_status, "Content-Type: text/event-stream\r\n", token_body);
}

static void on_change(void *owner, struct pool *pool, const struct backend_view *backend,
                      const char *why)
{
    struct watcher *watcher = owner;
    assert_ptr_equal(pool, watcher->pool);
    watcher->changes++;
    watcher->state = backend->state;
    watcher->deaths_at_change = watcher->deaths;
    (void)snprintf(watcher->why, sizeof(watcher->why), "%s", why);
}

static void on_embedded_dead(void *owner, struct pool *pool)
{
    struct watcher *watcher = owner;
    assert_ptr_equal(pool, watcher->pool);
    watcher->deaths++;
}

static void on_models(void *owner, struct pool *pool)
{
    struct watcher *watcher = owner;
    assert_ptr_equal(pool, watcher->pool);
    assert_true(pool_models_version(pool) > 0);
    watcher->lists++;
    if (view_of(pool, 0).state != BACKEND_UP)
        watcher->lists_before_up++;
}

static const struct health_events events = {on_change, on_embedded_dead, on_models};

static int set_up(void **state)
{
    static struct watcher watcher;
    watcher = (struct watcher){.loop = loop_new()};
    watcher.engine = engine_new(watcher.loop, answer);
    watcher.health = health_new(watcher.loop, &events, &watcher);
    assert_non_null(watcher.health);
    list_status = token_status = "200 OK";
    list_body = LIST;
    token_body = TOKEN;
    list_hangs = token_hangs = false;
    token_head[0] = '\0';
    *state = &watcher;
    return 0;
}

static int tear_down(void **state)
{
    struct watcher *watcher = *state;
    health_free(watcher->health);
    pool_unref(watcher->pool);
    engine_free(watcher->engine);
    loop_free(watcher->loop);
    return 0;
}

static void watch(struct watcher *watcher, bool tokens, bool embedded)
{
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", (unsigned)watcher->engine->port);
    struct backend_spec backend = {.url = span_str(url), .weight = 1, .embedded = embedded};
    struct pool_spec spec = usual_pool();
    spec.backends = &backend;
    spec.backends_count = 1;
    spec.probe_models = true;
    spec.probe_tokens = tokens;
    spec.probe_every_ms = 100;
    spec.probe_timeout_ms = 300;
    spec.breaker_failures = 2;
    watcher->pool = pool_new(&spec, NULL);
    assert_non_null(watcher->pool);
    assert_int_equal(health_watch(watcher->health, &watcher->pool, 1), 0);
}

static struct backend *the_backend(struct watcher *watcher)
{
    return pool_backend(watcher->pool, 0);
}

static void assert_change(struct watcher *watcher, enum backend_state state)
{
    run_until_count(watcher->loop, &watcher->changes, 1);
    assert_int_equal(watcher->state, state);
    watcher->changes = 0;
}

static void a_list_makes_it_up(void **state)
{
    struct watcher *watcher = *state;
    char names[2][POOL_MODEL_NAME_MAX];
    uint64_t contexts[2];
    watch(watcher, false, false);
    assert_change(watcher, BACKEND_UP);
    assert_string_equal(watcher->why, "answers");
    assert_int_equal(pool_models(watcher->pool, names, contexts, 2), 1);
    assert_string_equal(names[0], "small");
    assert_int_equal(contexts[0], 512);
    assert_int_equal(view_of(watcher->pool, 0).engine, ENGINE_LLAMACPP);
    assert_int_equal(view_of(watcher->pool, 0).requests, 0);

    assert_int_equal(watcher->lists_before_up, 1);

    /* It goes on asking, on the same connection. */
    run_until_count(watcher->loop, &watcher->engine->requests, 4);
    assert_true(watcher->lists >= 3);
    assert_int_equal(watcher->engine->accepted, 1);
    assert_int_equal(watcher->changes, 0);
}

static void a_token_is_asked_for_and_counts(void **state)
{
    struct watcher *watcher = *state;
    watch(watcher, true, false);
    assert_change(watcher, BACKEND_UP);
    assert_string_equal(
        token_ask, "{\"model\":\"small\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                   "\"max_tokens\":1,\"stream\":true}");
    assert_true(span_starts(span_str(token_head), SPAN("POST /v1/chat/completions ")));
    assert_true(view_of(watcher->pool, 0).last_token_ms > 0);
}

static void see_token(void *arg)
{
    struct watcher *watcher = arg;
    backend_saw_token(the_backend(watcher), loop_now_ms(watcher->loop));
}

static void tokens_of_real_calls_save_the_question(void **state)
{
    struct watcher *watcher = *state;
    token_status = "500 Internal Server Error"; /* would be a failure */
    watch(watcher, true, false);
    see_token(watcher);
    struct tick *tick = tick_new(watcher->loop, 5, see_token, watcher);
    assert_change(watcher, BACKEND_UP);
    run_until_count(watcher->loop, &watcher->engine->requests, 4);
    assert_string_equal(token_head, "");
    assert_int_equal(watcher->changes, 0);
    tick_free(tick);
}

static void assert_down(struct watcher *watcher, const char *why)
{
    assert_change(watcher, BACKEND_DOWN);
    if (!strstr(watcher->why, why))
        fail_msg("'%s' does not say '%s'", watcher->why, why);
}

static void a_server_that_gives_no_token_is_down(void **state)
{
    struct watcher *watcher = *state;
    token_body = "data: {\"choices\":[]}\n\ndata: [DONE]\n\n";
    watch(watcher, true, false);
    assert_down(watcher, "without a token");
    token_body = TOKEN;
    assert_change(watcher, BACKEND_UP);
    token_status = "503 Service Unavailable";
    assert_down(watcher, "answers 503 to a request for one token");
    token_status = "401 Unauthorized";
    run_until_count(watcher->loop, &watcher->engine->requests, watcher->engine->requests + 4);
    assert_int_equal(view_of(watcher->pool, 0).state, BACKEND_DOWN);
}

static void half_an_event_is_no_token(void **state)
{
    struct watcher *watcher = *state;
    token_body = "data: {\"choices\":[{\"index\":0}]}\n";
    watch(watcher, true, false);
    assert_down(watcher, "without a token");
}

static void bad_lists_are_failures(void **state)
{
    struct watcher *watcher = *state;
    list_body = "<html>";
    watch(watcher, false, false);
    assert_down(watcher, "the list of models");
    list_body = LIST;
    assert_change(watcher, BACKEND_UP);
    list_status = "503 Service Unavailable";
    assert_down(watcher, "answers 503 to GET /v1/models");
    list_status = "200 OK";
    assert_change(watcher, BACKEND_UP);
    list_hangs = true;
    assert_down(watcher, "no list of models within 300 ms");
}

static void a_list_that_is_too_long_is_a_failure(void **state)
{
    struct watcher *watcher = *state;
    char *body = malloc((1 << 20) + 16);
    assert_non_null(body);
    memset(body, ' ', (1 << 20) + 15);
    body[(1 << 20) + 15] = '\0';
    list_body = body;
    watch(watcher, false, false);
    assert_down(watcher, "answers too much");
    free(body);
}

static void nobody_there_is_a_failure(void **state)
{
    struct watcher *watcher = *state;
    uint16_t port;
    int fd = refuse_somewhere(&port);
    struct pool_spec spec = usual_pool();
    spec.probe_models = true;
    watcher->pool = pool_at(spec, &port, 1);
    assert_int_equal(health_watch(watcher->health, &watcher->pool, 1), 0);
    assert_down(watcher, "cannot connect");
    close(fd);
}

static void fullness_says_nothing(void **state)
{
    struct watcher *watcher = *state;
    list_status = "429 Too Many Requests";
    watch(watcher, true, false);
    run_until_count(watcher->loop, &watcher->engine->requests, 3);
    list_status = "200 OK";
    token_status = "429 Too Many Requests";
    run_until_count(watcher->loop, &watcher->engine->requests, 8);
    assert_int_equal(watcher->changes, 0);
    assert_int_equal(view_of(watcher->pool, 0).state, BACKEND_UNKNOWN);
}

static void a_server_without_a_list_or_a_chat_is_good(void **state)
{
    struct watcher *watcher = *state;
    list_status = "404 Not Found";
    watch(watcher, true, false);
    assert_change(watcher, BACKEND_UP);
    assert_string_equal(token_head, "");

    list_status = "200 OK";
    token_status = "501 Not Implemented";
    uint64_t requests = watcher->engine->requests;
    run_until_count(watcher->loop, &watcher->engine->requests, requests + 4);
    assert_string_not_equal(token_head, "");
    token_head[0] = '\0';
    run_until_count(watcher->loop, &watcher->engine->requests, requests + 8);
    assert_string_equal(token_head, ""); /* it is not asked to chat again */
    assert_int_equal(watcher->changes, 0);

    list_body = "{\"data\":[{\"id\":\"other\"}]}";
    token_status = "500 Internal Server Error";
    assert_down(watcher, "answers 500");
}

static void a_slow_token_of_a_busy_server_is_excused_for_a_while(void **state)
{
    struct watcher *watcher = *state;
    watch(watcher, true, false);
    assert_change(watcher, BACKEND_UP);
    assert_non_null(pool_pick(watcher->pool, 0, loop_now_ms(watcher->loop)));
    token_hangs = true;
    uint64_t hung_up = watcher->engine->hung_up;
    run_until_count(watcher->loop, &watcher->engine->hung_up, hung_up + 1);
    run_some_turns(watcher->loop);
    assert_int_equal(watcher->changes, 0);
    assert_down(watcher, "no token within 300 ms");
    backend_report(the_backend(watcher), BACKEND_CANCELLED, loop_now_ms(watcher->loop));
}

static void an_embedded_model_that_died_is_told(void **state)
{
    struct watcher *watcher = *state;
    watch(watcher, true, true);
    assert_change(watcher, BACKEND_UP);
    token_body = "";
    assert_change(watcher, BACKEND_DOWN);
    assert_int_equal(watcher->deaths_at_change, 0);
    run_until_count(watcher->loop, &watcher->deaths, 1);

    token_body = TOKEN;
    watcher->changes = 0;
    assert_change(watcher, BACKEND_UP);
    token_body = "";
    run_until_count(watcher->loop, &watcher->deaths, 2);
}

static void an_embedded_model_that_loads_is_not_dead(void **state)
{
    struct watcher *watcher = *state;
    token_status = "503 Service Unavailable";
    watch(watcher, true, true);
    uint64_t requests = watcher->engine->requests;
    run_until_count(watcher->loop, &watcher->engine->requests, requests + 16);
    assert_int_equal(watcher->deaths, 0);
    assert_int_equal(view_of(watcher->pool, 0).state, BACKEND_DOWN);
}

static void another_backend_that_died_is_not(void **state)
{
    struct watcher *watcher = *state;
    watch(watcher, true, false);
    assert_change(watcher, BACKEND_UP);
    token_body = "";
    uint64_t requests = watcher->engine->requests;
    run_until_count(watcher->loop, &watcher->engine->requests, requests + 10);
    assert_int_equal(watcher->deaths, 0);
}

static void changes_by_calls_are_told_too(void **state)
{
    struct watcher *watcher = *state;
    struct pool_spec spec = usual_pool(); /* no active check */
    watcher->pool = pool_at(spec, &watcher->engine->port, 1);
    assert_int_equal(health_watch(watcher->health, &watcher->pool, 1), 0);
    for (int i = 0; i < 3; i++) {
        assert_non_null(pool_pick(watcher->pool, 0, loop_now_ms(watcher->loop)));
        backend_report(the_backend(watcher), BACKEND_FAILED, loop_now_ms(watcher->loop));
    }
    assert_down(watcher, "calls to it failed");
    assert_int_equal(watcher->engine->requests, 0);
}

static void a_new_watch_ends_the_old(void **state)
{
    struct watcher *watcher = *state;
    list_hangs = true;
    watch(watcher, false, false);
    run_until_count(watcher->loop, &watcher->engine->requests, 1);
    mem_fail_after(0);
    assert_int_equal(health_watch(watcher->health, NULL, 0), -ENOMEM);
    mem_fail_never();
    assert_int_equal(health_watch(watcher->health, NULL, 0), 0);
    run_until_count(watcher->loop, &watcher->engine->hung_up, 1);
    assert_int_equal(watcher->changes, 0);
}

static void runs_out_of_memory_cleanly(void **state)
{
    struct watcher *watcher = *state;
    struct health *health = NULL;
    uint64_t successes = 0;
    for (; !health; successes++) {
        mem_fail_after(successes);
        health = health_new(watcher->loop, &events, watcher);
        mem_fail_never();
    }
    assert_true(successes > 3);
    health_free(health);
    health_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_list_makes_it_up),
        CASE(a_token_is_asked_for_and_counts),
        CASE(tokens_of_real_calls_save_the_question),
        CASE(a_server_that_gives_no_token_is_down),
        CASE(half_an_event_is_no_token),
        CASE(bad_lists_are_failures),
        CASE(a_list_that_is_too_long_is_a_failure),
        CASE(nobody_there_is_a_failure),
        CASE(fullness_says_nothing),
        CASE(a_server_without_a_list_or_a_chat_is_good),
        CASE(a_slow_token_of_a_busy_server_is_excused_for_a_while),
        CASE(an_embedded_model_that_died_is_told),
        CASE(an_embedded_model_that_loads_is_not_dead),
        CASE(another_backend_that_died_is_not),
        CASE(changes_by_calls_are_told_too),
        CASE(a_new_watch_ends_the_old),
        CASE(runs_out_of_memory_cleanly),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
