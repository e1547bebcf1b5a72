/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_engine.h"

#include "relay/backend.h"

static const uint16_t ports[] = {1};

static struct backend *take(struct pool *pool, uint64_t now_ms)
{
    struct backend *backend = pool_backend(pool, 0);
    assert_true(backend_take(backend, now_ms));
    return backend;
}

static void outcomes_are_counted(void **state)
{
    (void)state;
    struct pool *pool = pool_at(usual_pool(), ports, 1);
    backend_report(take(pool, 1), BACKEND_GOOD, 10);
    assert_int_equal(view_of(pool, 0).last_good_ms, 10);
    assert_int_equal(view_of(pool, 0).state, BACKEND_UP);
    backend_report(take(pool, 1), BACKEND_FAILED, 11);
    backend_report(take(pool, 1), BACKEND_ERROR, 11);
    backend_report(take(pool, 1), BACKEND_BUSY, 11);
    backend_report(take(pool, 1), BACKEND_CANCELLED, 11);
    struct backend_view view = view_of(pool, 0);
    assert_int_equal(view.requests, 5);
    assert_int_equal(view.failures, 2);
    assert_int_equal(view.failures_in_row, 1);
    assert_int_equal(view.in_flight, 0);
    assert_int_equal(view.last_good_ms, 10);
    pool_unref(pool);
}

/* A caller can make llama.cpp answer 500 as often as he likes. */
static void errors_and_fullness_do_not_bring_it_down(void **state)
{
    (void)state;
    struct pool *pool = pool_at(usual_pool(), ports, 1);
    for (int i = 0; i < 20; i++) {
        backend_report(take(pool, 1), BACKEND_ERROR, 1);
        backend_report(take(pool, 1), BACKEND_BUSY, 1);
        backend_report(take(pool, 1), BACKEND_CANCELLED, 1);
    }
    assert_int_equal(view_of(pool, 0).state, BACKEND_UNKNOWN);
    for (int i = 0; i < 3; i++)
        backend_report(take(pool, 1), BACKEND_FAILED, 1);
    assert_int_equal(view_of(pool, 0).state, BACKEND_DOWN);
    assert_false(backend_take(pool_backend(pool, 0), 1));
    assert_int_equal(view_of(pool, 0).in_flight, 0);
    pool_unref(pool);
}

static void an_untaken_trial_is_there_for_the_next(void **state)
{
    (void)state;
    struct pool *pool = pool_at(usual_pool(), ports, 1);
    for (int i = 0; i < 3; i++)
        backend_report(take(pool, 1), BACKEND_FAILED, 1);
    struct backend *backend = take(pool, 5000);
    assert_false(backend_take(backend, 5000));
    backend_untake(backend, 5000);
    assert_int_equal(view_of(pool, 0).requests, 3);
    assert_true(backend_take(backend, 5000));
    backend_answered(backend, 30, 5001);
    assert_int_equal(view_of(pool, 0).state, BACKEND_UP);
    assert_int_equal(view_of(pool, 0).last_good_ms, 5001);
    backend_report(backend, BACKEND_CANCELLED, 5002);
    assert_int_equal(view_of(pool, 0).state, BACKEND_UP);
    pool_unref(pool);
}

static void first_bytes_are_smoothed(void **state)
{
    (void)state;
    struct pool *pool = pool_at(usual_pool(), ports, 1);
    struct backend *backend = pool_backend(pool, 0);
    backend_answered(backend, 80, 1);
    assert_int_equal(view_of(pool, 0).first_byte_ms_mean, 80);
    backend_answered(backend, 160, 1);
    assert_int_equal(view_of(pool, 0).first_byte_ms_mean, 90);
    backend_answered(backend, UINT64_MAX, 1);
    assert_in_range(view_of(pool, 0).first_byte_ms_mean, 1, UINT32_MAX / 8);
    pool_unref(pool);
}

static void facts_are_shown(void **state)
{
    (void)state;
    struct backend_spec spec = {
        .url = SPAN("https://h/v1"), .weight = 7, .embedded = true, .api_key = SPAN("sk-1")};
    struct pool_spec pool_spec = usual_pool();
    pool_spec.backends = &spec;
    pool_spec.backends_count = 1;
    struct pool *pool = pool_new(&pool_spec, NULL);
    struct backend *backend = pool_backend(pool, 0);
    backend_saw_token(backend, 77);
    backend_set_engine(backend, ENGINE_VLLM);
    backend_retried(backend);
    struct backend_view view = view_of(pool, 0);
    assert_true(span_eq(view.url, SPAN("https://h/v1")));
    assert_int_equal(view.weight, 7);
    assert_true(view.embedded);
    assert_int_equal(view.last_token_ms, 77);
    assert_int_equal(view.engine, ENGINE_VLLM);
    assert_int_equal(view.retries, 1);
    assert_non_null(backend->tls);
    pool_unref(pool);
}

static void backends_of_a_pool_share_the_systems_certificates(void **state)
{
    (void)state;
    struct backend_spec specs[] = {{.url = SPAN("https://a"), .weight = 1},
                                   {.url = SPAN("http://b"), .weight = 1},
                                   {.url = SPAN("https://c"), .weight = 1}};
    struct pool_spec pool_spec = usual_pool();
    pool_spec.backends = specs;
    pool_spec.backends_count = 3;
    struct pool *pool = pool_new(&pool_spec, NULL);
    assert_non_null(pool);
    assert_ptr_equal(pool_backend(pool, 0)->tls, pool_backend(pool, 2)->tls);
    assert_null(pool_backend(pool, 1)->tls);
    pool_unref(pool);
}

static void assert_key_refused(struct span key, const char *because)
{
    struct backend_spec spec = {.url = SPAN("http://h"), .weight = 1, .api_key = key};
    struct pool_spec pool_spec = usual_pool();
    struct err err = {""};
    pool_spec.backends = &spec;
    pool_spec.backends_count = 1;
    assert_null(pool_new(&pool_spec, &err));
    assert_non_null(strstr(err.text, because));
    assert_null(strstr(err.text, "sk-"));
}

static void keys_that_break_a_header_are_refused(void **state)
{
    static char longest[8193];
    (void)state;
    assert_key_refused(SPAN("sk-a\r\nX: y"), "control");
    assert_key_refused(SPAN("sk- a"), "space");
    assert_key_refused(SPAN("sk-a\0b"), "control");
    memset(longest, 'k', sizeof(longest));
    assert_key_refused(span_of(longest, sizeof(longest)), "longer");

    struct backend_spec bad_ca = {
        .url = SPAN("https://h"), .weight = 1, .ca_pem = SPAN("not a certificate")};
    struct pool_spec pool_spec = usual_pool();
    struct err err = {""};
    pool_spec.backends = &bad_ca;
    pool_spec.backends_count = 1;
    assert_null(pool_new(&pool_spec, &err));
    assert_non_null(strstr(err.text, "TLS for 'h'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_are_counted),
        cmocka_unit_test(errors_and_fullness_do_not_bring_it_down),
        cmocka_unit_test(an_untaken_trial_is_there_for_the_next),
        cmocka_unit_test(first_bytes_are_smoothed),
        cmocka_unit_test(facts_are_shown),
        cmocka_unit_test(backends_of_a_pool_share_the_systems_certificates),
        cmocka_unit_test(keys_that_break_a_header_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
