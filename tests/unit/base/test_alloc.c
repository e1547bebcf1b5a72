/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"

static void sizes_of_zero_give_memory(void **state)
{
    (void)state;
    void *cleanup_with(mem_freep) nothing = mem_alloc(0);
    void *cleanup_with(mem_freep) zeroed = mem_zalloc(0);
    void *cleanup_with(mem_freep) array = mem_array(0, 8);
    assert_non_null(nothing);
    assert_non_null(zeroed);
    assert_non_null(array);
    assert_ptr_not_equal(nothing, zeroed);
    void *same = mem_realloc(TAKE(nothing), 0);
    assert_non_null(same);
    mem_free(same);
}

static void arrays_are_zeroed_and_refuse_overflow(void **state)
{
    (void)state;
    uint64_t *cleanup_with(mem_freep) array = mem_array(100, sizeof(*array));
    assert_non_null(array);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(array[i], 0);
    assert_null(mem_array(SIZE_MAX / 8 + 2, 8));
}

static void strdup_is_a_copy(void **state)
{
    (void)state;
    char text[] = "text";
    char *cleanup_with(mem_freep) copy = mem_strdup(text);
    text[0] = 'n';
    assert_string_equal(copy, "text");
}

static void every_way_to_allocate_can_fail(void **state)
{
    (void)state;
    char *ptr = mem_strdup("kept");
    mem_fail_after(0);
    void *results[] = {mem_alloc(1), mem_zalloc(1), mem_realloc(ptr, 100), mem_array(1, 1),
                       mem_strdup("a")};
    mem_fail_never();
    for (size_t i = 0; i < COUNT_OF(results); i++)
        assert_null(results[i]);
    assert_string_equal(ptr, "kept");
    mem_free(ptr);
}

static void countdown_counts_and_stays_at_failure(void **state)
{
    (void)state;
    mem_fail_after(2);
    void *first = mem_alloc(1);
    void *second = mem_alloc(1);
    void *third = mem_alloc(1);
    void *fourth = mem_alloc(1);
    uint64_t asked = mem_fail_count();
    mem_fail_never();
    assert_non_null(first);
    assert_non_null(second);
    assert_null(third);
    assert_null(fourth);
    assert_int_equal(asked, 4);
    assert_int_equal(mem_fail_count(), 0);
    void *fifth = mem_alloc(1);
    assert_non_null(fifth);
    assert_int_equal(mem_fail_count(), 1);
    mem_free(first);
    mem_free(second);
    mem_free(fifth);
}

static void countdown_can_fail_one_alone(void **state)
{
    (void)state;
    mem_fail_once(1);
    void *first = mem_alloc(1);
    void *second = mem_alloc(1);
    void *third = mem_alloc(1);
    mem_fail_never();
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    mem_free(first);
    mem_free(third);
}

static void live_count_follows_every_allocation(void **state)
{
    (void)state;
    int64_t before = mem_live_count();
    void *ptrs[] = {mem_alloc(1), mem_zalloc(1), mem_array(1, 1), mem_strdup("a"),
                    mem_realloc(NULL, 1)};
    assert_int_equal(mem_live_count(), before + 5);
    ptrs[0] = mem_realloc(ptrs[0], 1000);
    assert_int_equal(mem_live_count(), before + 5);
    mem_fail_after(0);
    assert_null(mem_alloc(1));
    assert_null(mem_realloc(NULL, 1));
    mem_fail_never();
    assert_int_equal(mem_live_count(), before + 5);
    for (size_t i = 1; i < COUNT_OF(ptrs); i++)
        mem_free(ptrs[i]);
    mem_free(NULL);
    mem_free_secret(ptrs[0], 1000);
    assert_int_equal(mem_live_count(), before);
}

static void freeing_nothing_is_allowed(void **state)
{
    (void)state;
    uint64_t before = mem_fail_count();
    mem_free(NULL);
    mem_free_secret(NULL, 10);
    void *none = NULL;
    mem_freep(&none);
    assert_int_equal(mem_fail_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_zero_give_memory),
        cmocka_unit_test(arrays_are_zeroed_and_refuse_overflow),
        cmocka_unit_test(strdup_is_a_copy),
        cmocka_unit_test(every_way_to_allocate_can_fail),
        cmocka_unit_test(countdown_counts_and_stays_at_failure),
        cmocka_unit_test(countdown_can_fail_one_alone),
        cmocka_unit_test(live_count_follows_every_allocation),
        cmocka_unit_test(freeing_nothing_is_allowed),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
