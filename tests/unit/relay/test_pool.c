/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_engine.h"

#include "relay/backend.h"

#include <pthread.h>

static const uint16_t ports[] = {1, 2, 3, 4};

static struct pool *weighted(const uint32_t *weights, size_t count)
{
    struct backend_spec backends[POOL_TEST_BACKENDS_MAX] = {0};
    struct pool_spec spec = usual_pool();
    for (size_t i = 0; i < count; i++)
        backends[i] = (struct backend_spec){.url = SPAN("http://h"), .weight = weights[i]};
    spec.backends = backends;
    spec.backends_count = count;
    struct pool *pool = pool_new(&spec, NULL);
    assert_non_null(pool);
    return pool;
}

static void knows_its_name_and_backends(void **state)
{
    (void)state;
    struct pool *pool = pool_at(usual_pool(), ports, 3);
    assert_true(span_eq(pool_name(pool), SPAN("main")));
    assert_int_equal(pool_backends(pool), 3);
    assert_true(span_eq(view_of(pool, 1).url, SPAN("http://127.0.0.1:2")));
    assert_int_equal(view_of(pool, 1).state, BACKEND_UNKNOWN);
    assert_ptr_equal(pool_ref(pool), pool);
    pool_unref(pool);
    pool_unref(pool);
    pool_unref(NULL);
}

static void refuses_what_cannot_be_a_pool(void **state)
{
    (void)state;
    struct backend_spec backend = {.url = SPAN("http://h"), .weight = 1};
    struct pool_spec spec = usual_pool();
    struct err err;
    spec.backends = &backend;
    assert_null(pool_new(&spec, &err));
    assert_non_null(strstr(err.text, "1 to 64"));
    spec.backends_count = POOL_BACKENDS_MAX + 1;
    assert_null(pool_new(&spec, &err));

    spec.backends_count = 1;
    backend.weight = 0;
    assert_null(pool_new(&spec, &err));
    assert_non_null(strstr(err.text, "weight"));
    backend.weight = 1;
    backend.url = SPAN("h");
    assert_null(pool_new(&spec, &err));
    assert_non_null(strstr(err.text, "http://"));
}

static void runs_out_of_memory_cleanly(void **state)
{
    (void)state;
    struct backend_spec backends[] = {{.url = SPAN("http://h"), .weight = 1, .api_key = SPAN("k")},
                                      {.url = SPAN("http://i"), .weight = 1, .api_key = SPAN("l")}};
    struct pool_spec spec = usual_pool();
    spec.backends = backends;
    spec.backends_count = 2;
    struct pool *pool = NULL;
    uint64_t successes = 0;
    for (; !pool; successes++) {
        struct err err = {""};
        mem_fail_after(successes);
        pool = pool_new(&spec, &err);
        mem_fail_never();
        assert_true(pool || strstr(err.text, "out of memory"));
    }
    assert_true(successes > 4);
    pool_unref(pool);
}

static void calls_follow_the_weights(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){1, 3}, 2);
    for (int i = 0; i < 40; i++)
        assert_non_null(pool_pick(pool, 0, 1));
    assert_int_equal(view_of(pool, 0).in_flight, 10);
    assert_int_equal(view_of(pool, 1).in_flight, 30);
    for (int i = 0; i < 10; i++)
        backend_report(pool_backend(pool, 0), BACKEND_GOOD, 1);
    assert_ptr_equal(pool_pick(pool, 0, 1), pool_backend(pool, 0));
    pool_unref(pool);
}

static void ties_go_by_turn(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){1, 1, 1}, 3);
    for (int i = 0; i < 30; i++) {
        struct backend *backend = pool_pick(pool, 0, 1);
        assert_non_null(backend);
        backend_report(backend, BACKEND_GOOD, 1);
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(view_of(pool, i).requests, 10);
    pool_unref(pool);
}

static void tried_ones_come_last(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){1000, 1, 1}, 3);
    assert_ptr_equal(pool_pick(pool, 0, 1), pool_backend(pool, 0));
    assert_ptr_not_equal(pool_pick(pool, 1, 1), pool_backend(pool, 0));
    assert_ptr_equal(pool_pick(pool, 1 | 2, 1), pool_backend(pool, 2));
    assert_ptr_equal(pool_pick(pool, 1 | 2 | 4, 1), pool_backend(pool, 0));
    assert_null(pool_pick_untried(pool, 1 | 2 | 4, 1));
    pool_unref(pool);
}

static void bring_down(struct pool *pool, size_t index, uint64_t now_ms)
{
    uint64_t others = ~(1ull << index);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(pool_pick_untried(pool, others, now_ms), pool_backend(pool, index));
        backend_report(pool_backend(pool, index), BACKEND_FAILED, now_ms);
    }
    assert_int_equal(view_of(pool, index).state, BACKEND_DOWN);
}

static void a_fallen_backend_gets_one_trial(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){1, 1}, 2);
    bring_down(pool, 0, 100);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(pool_pick(pool, 0, 1099), pool_backend(pool, 1));
    assert_ptr_equal(pool_pick(pool, 0, 1100), pool_backend(pool, 0));
    assert_int_equal(view_of(pool, 0).state, BACKEND_TRIAL);
    assert_ptr_equal(pool_pick(pool, 0, 1100), pool_backend(pool, 1));
    backend_report(pool_backend(pool, 0), BACKEND_GOOD, 1200);
    assert_int_equal(view_of(pool, 0).state, BACKEND_UP);
    assert_ptr_equal(pool_pick(pool, 0, 1200), pool_backend(pool, 0));
    pool_unref(pool);
}

static void with_all_down_there_is_none(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){1, 1}, 2);
    assert_true(pool_available(pool, 100));
    bring_down(pool, 0, 100);
    assert_true(pool_available(pool, 100));
    bring_down(pool, 1, 100);
    assert_false(pool_available(pool, 100));
    assert_null(pool_pick(pool, 0, 100));
    assert_true(pool_available(pool, 1100));
    assert_non_null(pool_pick(pool, 0, 1100));
    assert_non_null(pool_pick(pool, 0, 1100));
    assert_null(pool_pick(pool, 0, 1100));
    assert_false(pool_available(pool, 1100));
    pool_unref(pool);
}

static size_t retries_left(struct pool *pool)
{
    size_t count = 0;
    while (pool_take_retry(pool))
        count++;
    return count;
}

static void call_often(struct pool *pool, int calls, uint64_t now_ms)
{
    for (int i = 0; i < calls; i++) {
        struct backend *backend = pool_pick_first(pool, NULL, now_ms);
        assert_non_null(backend);
        backend_report(backend, BACKEND_GOOD, now_ms);
    }
}

static void who_was_chosen_takes_the_first_try_if_it_can(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){9, 1}, 2);
    struct backend *chosen = pool_backend(pool, 1), *other = pool_backend(pool, 0);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(pool_pick_first(pool, chosen, 1), chosen);
        assert_true(backend_takes_calls(chosen, 1));
    }
    assert_int_equal(view_of(pool, 1).in_flight, 3);
    for (int i = 0; i < 3; i++)
        backend_report(chosen, BACKEND_FAILED, 1);
    assert_false(backend_takes_calls(chosen, 1));
    assert_ptr_equal(pool_pick_first(pool, chosen, 1), other);
    assert_ptr_equal(pool_pick_first(pool, NULL, 1), other);
    backend_report(other, BACKEND_CANCELLED, 1);
    backend_report(other, BACKEND_CANCELLED, 1);
    pool_unref(pool);
}

static void retries_are_a_share_of_the_calls(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){1}, 1); /* 10 % */
    assert_int_equal(retries_left(pool), 10);
    call_often(pool, 9, 1);
    assert_int_equal(retries_left(pool), 0);
    call_often(pool, 1, 1);
    assert_int_equal(retries_left(pool), 1);
    call_often(pool, 1000, 1);
    assert_int_equal(retries_left(pool), 20); /* not more can be saved up */
    pool_unref(pool);
}

static void time_gives_retries_back(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){1}, 1);
    call_often(pool, 1, 5000);
    assert_int_equal(retries_left(pool), 10);
    call_often(pool, 1, 5999);
    assert_int_equal(retries_left(pool), 0);
    call_often(pool, 1, 6000);
    assert_int_equal(retries_left(pool), 1);
    call_often(pool, 1, 9000);
    assert_int_equal(retries_left(pool), 3);
    call_often(pool, 1, 1000000);
    assert_int_equal(retries_left(pool), 10);
    pool_unref(pool);
}

static void no_percent_no_retries(void **state)
{
    (void)state;
    struct pool_spec spec = usual_pool();
    spec.retry_budget_percent = 0;
    struct pool *pool = pool_at(spec, ports, 1);
    call_often(pool, 100, 100000);
    assert_false(pool_take_retry(pool));
    pool_unref(pool);
}

static void streams_are_wanted_unless_every_engine_stops(void **state)
{
    (void)state;
    struct pool_spec spec = usual_pool();
    struct pool *pool = pool_at(spec, ports, 2);
    assert_true(pool_wants_stream(pool, false));
    backend_set_engine(pool_backend(pool, 0), ENGINE_VLLM);
    assert_true(pool_wants_stream(pool, false));
    backend_set_engine(pool_backend(pool, 1), ENGINE_SGLANG);
    assert_false(pool_wants_stream(pool, false));
    assert_true(pool_wants_stream(pool, true)); /* what is metered is asked for as a stream */
    backend_set_engine(pool_backend(pool, 1), ENGINE_LLAMACPP);
    assert_true(pool_wants_stream(pool, false));
    backend_set_engine(pool_backend(pool, 1), ENGINE_OTHER);
    assert_true(pool_wants_stream(pool, false));
    pool_unref(pool);

    spec.upstream_stream = UPSTREAM_STREAM_NEVER;
    pool = pool_at(spec, ports, 1);
    assert_false(pool_wants_stream(pool, false));
    assert_false(pool_wants_stream(pool, true));
    pool_unref(pool);
    spec.upstream_stream = UPSTREAM_STREAM_ALWAYS;
    pool = pool_at(spec, ports, 1);
    backend_set_engine(pool_backend(pool, 0), ENGINE_VLLM);
    assert_true(pool_wants_stream(pool, false));
    pool_unref(pool);
}

static void a_reload_forgets_nothing_about_a_backend(void **state)
{
    static struct model_list models = {.count = 1, .entries = {{.name = "m", .context_tokens = 9}}};
    char names[1][POOL_MODEL_NAME_MAX];
    uint64_t context;
    (void)state;
    struct pool *former = pool_at(usual_pool(), ports, 3);
    bring_down(former, 1, 100);
    assert_int_equal(backend_set_models(pool_backend(former, 1), &models), 0);
    backend_set_engine(pool_backend(former, 1), ENGINE_VLLM);
    bring_down(former, 2, 100);
    assert_ptr_equal(pool_pick_untried(former, ~4ull, 5000), pool_backend(former, 2));
    assert_int_equal(view_of(former, 2).state, BACKEND_TRIAL);

    /* The order is another, and one is new. */
    const uint16_t others[] = {3, 2, 4};
    struct pool *pool = pool_at(usual_pool(), others, 3);
    pool_inherit(pool, former);
    assert_int_equal(view_of(pool, 0).state, BACKEND_DOWN);
    assert_int_equal(view_of(pool, 0).in_flight, 0);
    assert_int_equal(view_of(pool, 1).state, BACKEND_DOWN);
    assert_int_equal(view_of(pool, 1).engine, ENGINE_VLLM);
    assert_int_equal(view_of(pool, 1).failures, 3);
    assert_int_equal(view_of(pool, 1).requests, 3);
    assert_int_equal(view_of(pool, 2).state, BACKEND_UNKNOWN);
    assert_int_equal(pool_models(pool, names, &context, 1), 1);
    assert_string_equal(names[0], "m");
    assert_int_equal(context, 9);

    /* The pause goes on; the trial that is under way elsewhere leaves room for one here. */
    assert_null(pool_pick_untried(pool, ~2ull, 1099));
    assert_ptr_equal(pool_pick_untried(pool, ~1ull, 1), pool_backend(pool, 0));
    pool_unref(pool);
    backend_report(pool_backend(former, 2), BACKEND_GOOD, 5001);
    pool_unref(former);
}

#define THREADS 4
#define ROUNDS 20000

static void *pick_and_report(void *arg)
{
    struct pool *pool = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct backend *backend = pool_pick(pool, 0, 1);
        if (!backend)
            continue;
        backend_answered(backend, 5, 1);
        backend_report(backend, i % 50 ? BACKEND_GOOD : BACKEND_CANCELLED, 1);
    }
    return NULL;
}

static void threads_lose_no_call(void **state)
{
    (void)state;
    struct pool *pool = weighted((uint32_t[]){1, 2}, 2);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pick_and_report, pool), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(view_of(pool, 0).in_flight, 0);
    assert_int_equal(view_of(pool, 1).in_flight, 0);
    assert_int_equal(view_of(pool, 0).requests + view_of(pool, 1).requests, THREADS * ROUNDS);
    /* The heavier one; threads that never overlap leave the other without a call. */
    assert_int_equal(view_of(pool, 1).first_byte_ms_mean, 5);
    pool_unref(pool);
}

struct trial_race {
    struct pool *pool;
    pthread_barrier_t barrier;
    _Atomic uint32_t taken;
};

static void *take_trial(void *arg)
{
    struct trial_race *race = arg;
    (void)pthread_barrier_wait(&race->barrier);
    if (pool_pick(race->pool, 0, 1000000))
        atomic_fetch_add(&race->taken, 1);
    return NULL;
}

static void only_one_thread_gets_the_trial(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct trial_race race = {.pool = weighted((uint32_t[]){1}, 1)};
        bring_down(race.pool, 0, 1);
        pthread_t threads[THREADS];
        assert_int_equal(pthread_barrier_init(&race.barrier, NULL, THREADS), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, take_trial, &race), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(race.taken, 1);
        (void)pthread_barrier_destroy(&race.barrier);
        pool_unref(race.pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_name_and_backends),
        cmocka_unit_test(refuses_what_cannot_be_a_pool),
        cmocka_unit_test(runs_out_of_memory_cleanly),
        cmocka_unit_test(calls_follow_the_weights),
        cmocka_unit_test(ties_go_by_turn),
        cmocka_unit_test(tried_ones_come_last),
        cmocka_unit_test(a_fallen_backend_gets_one_trial),
        cmocka_unit_test(with_all_down_there_is_none),
        cmocka_unit_test(who_was_chosen_takes_the_first_try_if_it_can),
        cmocka_unit_test(retries_are_a_share_of_the_calls),
        cmocka_unit_test(time_gives_retries_back),
        cmocka_unit_test(no_percent_no_retries),
        cmocka_unit_test(streams_are_wanted_unless_every_engine_stops),
        cmocka_unit_test(a_reload_forgets_nothing_about_a_backend),
        cmocka_unit_test(threads_lose_no_call),
        cmocka_unit_test(only_one_thread_gets_the_trial),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
