/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"
#include "dies.h"

static void *value_of(uintptr_t number)
{
    return (void *)(number + 1);
}

static void empty_map_has_nothing(void **state)
{
    (void)state;
    struct map *map = map_new(4, 10);
    assert_null(map_get(map, "abcd"));
    assert_null(map_remove(map, "abcd"));
    assert_int_equal(map_count(map), 0);
    size_t at = 0;
    const void *key;
    void *value;
    assert_false(map_next(map, &at, &key, &value));
    map_free(map);
    map_free(NULL);
}

static void put_get_replace_remove(void **state)
{
    (void)state;
    struct map *map = map_new(4, 10);
    char key[] = "abcd";
    void *old = value_of(99);
    assert_int_equal(map_put(map, key, value_of(1), &old), 0);
    assert_null(old);
    key[0] = 'x'; /* the map has its own copy */
    assert_null(map_get(map, "xbcd"));
    assert_ptr_equal(map_get(map, "abcd"), value_of(1));
    assert_int_equal(map_put(map, "abcd", value_of(2), &old), 0);
    assert_ptr_equal(old, value_of(1));
    assert_int_equal(map_put(map, "abcd", value_of(3), NULL), 0);
    assert_int_equal(map_count(map), 1);
    assert_ptr_equal(map_remove(map, "abcd"), value_of(3));
    assert_null(map_remove(map, "abcd"));
    assert_int_equal(map_count(map), 0);
    map_free(map);
}

static void limit_holds_for_new_keys_only(void **state)
{
    (void)state;
    for (uint32_t max = 0; max < 40; max++) {
        struct map *map = map_new(4, max);
        for (uint32_t i = 0; i < max; i++)
            assert_int_equal(map_put(map, &i, value_of(i), NULL), 0);
        uint32_t one_more = max;
        void *old = value_of(99);
        assert_int_equal(map_put(map, &one_more, value_of(1), &old), -ENOSPC);
        assert_ptr_equal(old, value_of(99));
        assert_null(map_get(map, &one_more));
        if (max > 0) {
            uint32_t known = 0;
            assert_int_equal(map_put(map, &known, value_of(7), NULL), 0);
            assert_ptr_equal(map_remove(map, &known), value_of(7));
            assert_int_equal(map_put(map, &one_more, value_of(1), NULL), 0);
        }
        map_free(map);
    }
}

static void keys_of_all_lengths(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 64; len++) {
        struct map *map = map_new(len, 100);
        unsigned char key[64] = {0};
        for (unsigned char i = 0; i < 100; i++) {
            key[len - 1] = i;
            assert_int_equal(map_put(map, key, value_of(i), NULL), 0);
        }
        for (unsigned char i = 0; i < 100; i++) {
            key[len - 1] = i;
            assert_ptr_equal(map_get(map, key), value_of(i));
        }
        map_free(map);
    }
}

/* A day of random work beside a plain array that says what must be there. */
static void agrees_with_a_plain_array(void **state)
{
    (void)state;
    enum { KEYS = 500, STEPS = 200000 };
    static void *expected[KEYS];
    size_t count = 0;
    random_seed(2026);
    struct map *map = map_new(sizeof(uint32_t), KEYS);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t key = random_below(KEYS);
        void *was = expected[key];
        /* Long runs of filling and of emptying. */
        if (random_below(100) < (step / 2000 % 2 ? 80u : 20u)) {
            void *old;
            assert_int_equal(map_put(map, &key, value_of(step), &old), 0);
            assert_ptr_equal(old, was);
            expected[key] = value_of(step);
            count += was == NULL;
        } else {
            assert_ptr_equal(map_remove(map, &key), was);
            expected[key] = NULL;
            count -= was != NULL;
        }
        assert_int_equal(map_count(map), count);
        uint32_t other = random_below(KEYS);
        assert_ptr_equal(map_get(map, &other), expected[other]);
    }
    random_unseed();

    size_t at = 0, walked = 0;
    const void *key;
    void *value;
    while (map_next(map, &at, &key, &value)) {
        uint32_t number;
        memcpy(&number, key, sizeof(number));
        assert_true(number < KEYS);
        assert_ptr_equal(value, expected[number]);
        walked++;
    }
    assert_int_equal(walked, count);
    map_free(map);
}

static void no_memory_leaves_the_map_as_it_was(void **state)
{
    (void)state;
    mem_fail_after(0);
    struct map *none = map_new(4, 100);
    mem_fail_never();
    assert_null(none);

    struct map *map = map_new(4, 100);
    uint32_t key;
    for (key = 0; key < 12; key++)
        assert_int_equal(map_put(map, &key, value_of(key), NULL), 0);
    mem_fail_after(0);
    int r = map_put(map, &key, value_of(key), NULL); /* the 13th of 16 slots: must grow */
    mem_fail_never();
    assert_int_equal(r, -ENOMEM);
    assert_int_equal(map_count(map), 12);
    assert_null(map_get(map, &key));
    for (uint32_t i = 0; i < 12; i++)
        assert_ptr_equal(map_get(map, &i), value_of(i));
    assert_int_equal(map_put(map, &key, value_of(key), NULL), 0);
    map_free(map);
}

static void map_without_key(void)
{
    map_free(map_new(0, 1));
}

static void map_with_long_key(void)
{
    map_free(map_new(65, 1));
}

static void put_nothing(void)
{
    struct map *map = map_new(1, 1);
    if (map_put(map, "a", NULL, NULL) == 0)
        map_free(map);
}

static void mistakes_stop_the_process(void **state)
{
    (void)state;
    assert_dies(map_without_key, "key_len >= 1");
    assert_dies(map_with_long_key, "key_len >= 1");
    assert_dies(put_nothing, "value != ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_map_has_nothing),
        cmocka_unit_test(put_get_replace_remove),
        cmocka_unit_test(limit_holds_for_new_keys_only),
        cmocka_unit_test(keys_of_all_lengths),
        cmocka_unit_test(agrees_with_a_plain_array),
        cmocka_unit_test(no_memory_leaves_the_map_as_it_was),
        cmocka_unit_test(mistakes_stop_the_process),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
