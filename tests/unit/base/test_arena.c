/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"

static char trail[32]; /* what the deferred actions wrote, in their order */

static char one[] = "1", two[] = "2", three[] = "3"; /* things to defer */

static void write_trail(void *thing)
{
    size_t len = strlen(trail);
    trail[len] = *(const char *)thing;
    trail[len + 1] = '\0';
}

static int arena_setup(void **state)
{
    trail[0] = '\0';
    *state = arena_new(1000000);
    return *state ? 0 : -1;
}

static int arena_teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void objects_are_aligned_and_apart(void **state)
{
    struct arena *arena = *state;
    unsigned char *objects[200];
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
        objects[i] = arena_alloc(arena, i * 3);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 16, 0);
        memset(objects[i], (int)i, i * 3);
    }
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
        for (size_t at = 0; at < i * 3; at++)
            assert_int_equal(objects[i][at], i);
    }
}

static void zalloc_zeroes_used_memory_again(void **state)
{
    struct arena *arena = *state;
    for (int round = 0; round < 2; round++) {
        unsigned char *bytes = arena_zalloc(arena, 500);
        assert_non_null(bytes);
        for (size_t i = 0; i < 500; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, 500);
        arena_clear(arena);
    }
}

static void size_is_bounded_and_counted(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100);
    assert_null(arena_alloc(arena, 113));
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, PTRDIFF_MAX));
    assert_int_equal(arena_size(arena), 0);
    assert_non_null(arena_alloc(arena, 1));
    assert_int_equal(arena_size(arena), 16);
    assert_non_null(arena_alloc(arena, 80));
    assert_int_equal(arena_size(arena), 96);
    assert_null(arena_alloc(arena, 1));
    arena_clear(arena);
    assert_int_equal(arena_size(arena), 0);
    assert_non_null(arena_alloc(arena, 96));
    arena_free(arena);
}

static void copies_are_terminated(void **state)
{
    struct arena *arena = *state;
    struct span copy = arena_copy(arena, span_of("abcd", 3));
    assert_int_equal(copy.len, 3);
    assert_string_equal(copy.ptr, "abc");
    struct span empty = arena_copy(arena, SPAN_NULL);
    assert_false(span_is_null(empty));
    assert_string_equal(empty.ptr, "");
    assert_true(span_is_null(arena_copy(arena, span_of("", SIZE_MAX))));
    assert_true(span_is_null(arena_copy(arena, span_of("", SIZE_MAX - 1))));
}

static void actions_run_in_reverse_order_once(void **state)
{
    struct arena *arena = *state;
    assert_int_equal(arena_defer(arena, write_trail, one), 0);
    assert_int_equal(arena_defer(arena, write_trail, two), 0);
    assert_int_equal(arena_defer(arena, write_trail, three), 0);
    assert_string_equal(trail, "");
    arena_clear(arena);
    assert_string_equal(trail, "321");
    arena_clear(arena);
    assert_string_equal(trail, "321");
}

static void free_runs_actions_too(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1000);
    assert_int_equal(arena_defer(arena, write_trail, one), 0);
    arena_free(arena);
    assert_string_equal(trail, "1");
    arena_free(NULL);
    arena_clear(NULL);
}

static void undefer_takes_one_action_off(void **state)
{
    struct arena *arena = *state;
    assert_int_equal(arena_defer(arena, write_trail, one), 0);
    assert_int_equal(arena_defer(arena, write_trail, two), 0);
    assert_int_equal(arena_defer(arena, write_trail, two), 0);
    assert_int_equal(arena_defer(arena, write_trail, three), 0);
    assert_true(arena_undefer(arena, write_trail, two));
    assert_false(arena_undefer(arena, mem_free, three));
    assert_true(arena_undefer(arena, write_trail, three));
    assert_false(arena_undefer(arena, write_trail, three));
    arena_clear(arena);
    assert_string_equal(trail, "21");
}

static void deferring_all_day_does_not_grow(void **state)
{
    struct arena *arena = *state;
    static char thing[] = "t";
    assert_int_equal(arena_defer(arena, write_trail, thing), 0);
    assert_true(arena_undefer(arena, write_trail, thing));
    assert_int_equal(arena_defer(arena, write_trail, thing), 0);
    assert_int_equal(arena_defer(arena, write_trail, one), 0);
    size_t size = arena_size(arena);
    for (int i = 0; i < 1000; i++) {
        assert_true(arena_undefer(arena, write_trail, thing));
        assert_true(arena_undefer(arena, write_trail, one));
        assert_int_equal(arena_defer(arena, write_trail, thing), 0);
        assert_int_equal(arena_defer(arena, write_trail, one), 0);
    }
    assert_int_equal(arena_size(arena), size);
}

static void entries_of_before_a_clear_are_gone(void **state)
{
    struct arena *arena = *state;
    assert_int_equal(arena_defer(arena, write_trail, one), 0);
    assert_true(arena_undefer(arena, write_trail, one));
    arena_clear(arena);
    unsigned char *bytes = arena_zalloc(arena, 100);
    assert_non_null(bytes);
    assert_int_equal(arena_defer(arena, write_trail, two), 0);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(bytes[i], 0);
    arena_clear(arena);
    assert_string_equal(trail, "2");
}

static struct arena *inner_arena;

static void defer_another(void *thing)
{
    char *text = arena_alloc(inner_arena, 2);
    assert_non_null(text);
    memcpy(text, "i", 2);
    assert_int_equal(arena_defer(inner_arena, write_trail, text), 0);
    write_trail(thing);
}

static void action_may_use_the_arena(void **state)
{
    inner_arena = *state;
    static char last[] = "l", first[] = "f";
    assert_int_equal(arena_defer(inner_arena, write_trail, last), 0);
    assert_int_equal(arena_defer(inner_arena, defer_another, first), 0);
    arena_clear(inner_arena);
    assert_string_equal(trail, "fil");
}

static void full_arena_refuses_to_defer(void **state)
{
    (void)state;
    struct arena *arena = arena_new(16);
    assert_int_equal(arena_defer(arena, write_trail, one), -ENOMEM);
    arena_free(arena);
    assert_string_equal(trail, "");
}

#ifndef SEAWALL_SANITIZED /* there every object is its own malloc */
static void cleared_arena_keeps_one_block(void **state)
{
    struct arena *arena = *state;
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(arena, 400));
    arena_clear(arena);
    mem_fail_never();
    assert_non_null(arena_alloc(arena, 400));
    assert_non_null(arena_alloc(arena, 400));
    assert_int_equal(mem_fail_count(), 0);
    for (int i = 0; i < 10; i++)
        assert_non_null(arena_alloc(arena, 400));
    assert_true(mem_fail_count() > 0);
}
#endif

int main(void)
{
#define IN_ARENA(test) cmocka_unit_test_setup_teardown(test, arena_setup, arena_teardown)
    const struct CMUnitTest tests[] = {
        IN_ARENA(objects_are_aligned_and_apart),      IN_ARENA(zalloc_zeroes_used_memory_again),
        IN_ARENA(size_is_bounded_and_counted),        IN_ARENA(copies_are_terminated),
        IN_ARENA(actions_run_in_reverse_order_once),  IN_ARENA(free_runs_actions_too),
        IN_ARENA(undefer_takes_one_action_off),       IN_ARENA(deferring_all_day_does_not_grow),
        IN_ARENA(entries_of_before_a_clear_are_gone), IN_ARENA(action_may_use_the_arena),
        IN_ARENA(full_arena_refuses_to_defer),
#ifndef SEAWALL_SANITIZED
        IN_ARENA(cleared_arena_keeps_one_block),
#endif
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
