/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static void draws_differ(void **state)
{
    (void)state;
    uint64_t seen[1000]; /* more than one pool */
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        seen[i] = random_u64();
        for (size_t before = 0; before < i; before++)
            assert_true(seen[before] != seen[i]);
    }
}

static void every_byte_is_written(void **state)
{
    (void)state;
    const size_t lengths[] = {0, 1, 7, 255, 256, 257, 5000};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        unsigned char bytes[5001], ever[5001] = {0};
        for (int round = 0; round < 12; round++) {
            memset(bytes, 0, sizeof(bytes));
            random_bytes(bytes, lengths[i]);
            for (size_t at = 0; at < sizeof(bytes); at++)
                ever[at] |= bytes[at];
        }
        /* A byte that stays zero in twelve draws: one in 2^96. */
        for (size_t at = 0; at < lengths[i]; at++)
            assert_int_not_equal(ever[at], 0);
        assert_int_equal(ever[lengths[i]], 0);
    }
}

static void below_is_bounded_and_even(void **state)
{
    (void)state;
    random_seed(1);
    unsigned counts[6] = {0};
    for (int i = 0; i < 60000; i++) {
        uint32_t value = random_below(6);
        assert_true(value < 6);
        counts[value]++;
    }
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_int_equal(random_below(1), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(random_below(UINT32_MAX) < UINT32_MAX);
    random_unseed();
}

/* Without throwing draws away, every third result would come twice as often as the others. */
static void below_is_even_for_large_limits(void **state)
{
    (void)state;
    random_seed(2);
    unsigned thirds = 0;
    for (int i = 0; i < 30000; i++)
        thirds += random_below(UINT32_C(3) << 30) % 3 == 0;
    random_unseed();
    assert_in_range(thirds, 9500, 10500);
}

static void seed_repeats_itself(void **state)
{
    (void)state;
    unsigned char first[100], second[100];
    random_seed(42);
    random_bytes(first, sizeof(first));
    random_seed(42);
    random_bytes(second, sizeof(second));
    assert_memory_equal(first, second, sizeof(first));
    random_seed(43);
    random_bytes(second, sizeof(second));
    assert_memory_not_equal(first, second, sizeof(first));
    random_unseed();

    random_seed(0); /* the first draw of SplitMix64 from zero, from its paper's code */
    assert_true(random_u64() == UINT64_C(0xe220a8397b1dcdaf));
    random_unseed();
    assert_true(random_u64() != UINT64_C(0x6e789e6aa1b965f4));
}

static void *draw_in_thread(void *ret_value)
{
    random_bytes(ret_value, sizeof(uint64_t));
    return NULL;
}

static void seed_belongs_to_one_thread(void **state)
{
    (void)state;
    uint64_t values[2];
    for (size_t i = 0; i < 2; i++) {
        random_seed(7);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, draw_in_thread, &values[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        random_unseed();
    }
    assert_true(values[0] != values[1]);
}

static void child_does_not_draw_its_parents_bytes(void **state)
{
    (void)state;
    (void)random_u64(); /* the pool is filled now */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint64_t drawn = random_u64();
        _exit(write(ends[1], &drawn, sizeof(drawn)) == sizeof(drawn) ? 0 : 1);
    }
    uint64_t of_child;
    assert_int_equal(read(ends[0], &of_child, sizeof(of_child)), sizeof(of_child));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(of_child != random_u64());
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_differ),
        cmocka_unit_test(every_byte_is_written),
        cmocka_unit_test(below_is_bounded_and_even),
        cmocka_unit_test(below_is_even_for_large_limits),
        cmocka_unit_test(seed_repeats_itself),
        cmocka_unit_test(seed_belongs_to_one_thread),
        cmocka_unit_test(child_does_not_draw_its_parents_bytes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
