/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "torture.h"

#include "base/arena.h"
#include "base/json_out.h"
#include "base/map.h"

static int buf_scenario(void *given)
{
    (void)given;
    struct buf buf;
    buf_init(&buf, 100000);
    for (int i = 0; i < 2000; i++) {
        size_t len = buf.len;
        buf_append(&buf, SPAN("0123456789"));
        assert_int_equal(buf.len, buf_status(&buf) == 0 ? len + 10 : len);
    }
    buf_printf(&buf, "%30000s", "x");
    buf_consume(&buf, buf.len / 2);
    int r = buf_status(&buf);
    buf_shrink(&buf, 100);
    assert_int_equal(buf_status(&buf), 0);
    buf_release(&buf);
    return r;
}

static void buf_says_so_and_adds_nothing_more(void **state)
{
    (void)state;
    torture(buf_scenario, NULL);
}

static int json_scenario(void *given)
{
    (void)given;
    struct buf buf;
    buf_init(&buf, 100000);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    for (int i = 0; i < 100; i++) {
        json_out_key(&out, SPAN("key \"quoted\""));
        json_out_string(&out, SPAN("text\n"));
    }
    json_out_close(&out, '}');
    int r = buf_status(&buf);
    if (r == 0)
        assert_true(span_ends(buf_span(&buf), SPAN("\"text\\n\"}")));
    buf_release(&buf);
    return r;
}

static void json_keeps_its_nesting(void **state)
{
    (void)state;
    torture(json_scenario, NULL);
}

static void count_down(void *thing)
{
    --*(int *)thing;
}

/* Takes a thing and hangs its return on the arena, or gives it back at once: the way all rooms do it. */
static int hold(struct arena *arena, int *held)
{
    ++*held;
    int r = arena_defer(arena, count_down, held);
    if (r < 0)
        count_down(held);
    return r;
}

static int arena_steps(struct arena *arena, int *held)
{
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        int r = hold(arena, held);
        if (r < 0)
            return r;
        unsigned char *bytes = arena_zalloc(arena, size);
        if (!bytes)
            return -ENOMEM;
        memset(bytes, 0xff, size);
        if (span_is_null(arena_copy(arena, span_of(bytes, size))))
            return -ENOMEM;
    }
    return 0;
}

static int arena_scenario(void *given)
{
    int *held = given;
    struct arena *arena = arena_new(1000000);
    if (!arena)
        return -ENOMEM;
    int r = arena_steps(arena, held);
    arena_clear(arena);
    assert_int_equal(*held, 0);
    if (r == 0)
        r = arena_steps(arena, held);
    arena_free(arena);
    assert_int_equal(*held, 0);
    return r;
}

static void arena_gives_everything_back(void **state)
{
    (void)state;
    int held = 0;
    torture(arena_scenario, &held);
}

static int map_scenario(void *given)
{
    char *values = given;
    struct map *map = map_new(sizeof(uint32_t), 1000);
    if (!map)
        return -ENOMEM;
    int r = 0;
    uint32_t key;
    for (key = 0; key < 1000; key++) {
        r = map_put(map, &key, &values[key], NULL);
        if (r < 0)
            break;
    }
    assert_int_equal(map_count(map), key);
    for (uint32_t i = 0; i < key; i++)
        assert_ptr_equal(map_get(map, &i), &values[i]);
    assert_null(map_get(map, &key));
    map_free(map);
    return r;
}

static void map_is_as_it_was(void **state)
{
    (void)state;
    char values[1000];
    torture(map_scenario, values);
}

/* The helper must find what it is there to find. */
static int leaky_scenario(void *given)
{
    void **kept = given;
    *kept = mem_alloc(1);
    if (!*kept)
        return -ENOMEM;
    void *other = mem_alloc(1);
    if (!other)
        return -ENOMEM;
    mem_free(other);
    mem_free(TAKE(*kept));
    return 0;
}

static void leak_is_visible(void **state)
{
    (void)state;
    void *kept = NULL;
    int64_t live = mem_live_count();
    mem_fail_after(1);
    assert_int_equal(leaky_scenario(&kept), -ENOMEM);
    mem_fail_never();
    assert_int_equal(mem_live_count(), live + 1);
    mem_free(kept);
}

static int strdup_scenario(void *given)
{
    char *copy = mem_strdup(given);
    if (!copy)
        return -ENOMEM;
    assert_string_equal(copy, given);
    mem_free(copy);
    return 0;
}

static void runs_until_nothing_fails(void **state)
{
    (void)state;
    char text[] = "text";
    assert_int_equal(torture(strdup_scenario, text), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_says_so_and_adds_nothing_more),
        cmocka_unit_test(json_keeps_its_nesting),
        cmocka_unit_test(arena_gives_everything_back),
        cmocka_unit_test(map_is_as_it_was),
        cmocka_unit_test(leak_is_visible),
        cmocka_unit_test(runs_until_nothing_fails),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
