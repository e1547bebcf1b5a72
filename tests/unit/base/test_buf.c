/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "dies.h"

static void starts_empty_and_owns_nothing(void **state)
{
    (void)state;
    mem_fail_never();
    struct buf buf;
    buf_init(&buf, 10);
    assert_int_equal(mem_fail_count(), 0);
    assert_int_equal(buf_span(&buf).len, 0);
    assert_string_equal(buf_cstr(&buf), "");
    buf_append(&buf, SPAN_NULL);
    buf_consume(&buf, 0);
    assert_int_equal(buf_status(&buf), 0);
    assert_int_equal(mem_fail_count(), 0);
    buf_release(&buf);
    buf_release(NULL);
    buf_clear(NULL);
}

static void appends_in_order(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_append(&buf, SPAN("a"));
    buf_append_byte(&buf, ' ');
    buf_append_u64(&buf, 0);
    buf_append_byte(&buf, ' ');
    buf_append_u64(&buf, UINT64_MAX);
    buf_append_byte(&buf, ' ');
    buf_append_i64(&buf, INT64_MIN);
    buf_append_byte(&buf, ' ');
    buf_append_i64(&buf, INT64_MAX);
    buf_printf(&buf, " %s%d", "x", 5);
    assert_string_equal(buf_cstr(&buf),
                        "a 0 18446744073709551615 -9223372036854775808 9223372036854775807 x5");
    assert_int_equal(buf_status(&buf), 0);
    buf_release(&buf);
}

static void grows_to_the_maximum_exactly(void **state)
{
    (void)state;
    for (size_t max = 1; max < 300; max += 7) {
        struct buf buf;
        buf_init(&buf, max);
        for (size_t i = 0; i < max; i++)
            buf_append_byte(&buf, (char)('a' + i % 26));
        assert_int_equal(buf_status(&buf), 0);
        assert_int_equal(buf.len, max);
        assert_true(buf.cap <= max);
        assert_int_equal(strlen(buf_cstr(&buf)), max);
        for (size_t i = 0; i < max; i++)
            assert_int_equal(buf.ptr[i], 'a' + i % 26);
        buf_append_byte(&buf, 'z');
        assert_int_equal(buf_status(&buf), -ENOSPC);
        assert_int_equal(buf.len, max);
        buf_release(&buf);
    }
}

static void full_buffer_adds_nothing_more(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    buf_append(&buf, SPAN("abc"));
    buf_append(&buf, SPAN("de"));
    assert_int_equal(buf_status(&buf), -ENOSPC);
    buf_append(&buf, SPAN("f")); /* would fit, but something is missing before it */
    buf_append_byte(&buf, 'g');
    buf_printf(&buf, "h");
    assert_int_equal(buf.len, 3);
    assert_string_equal(buf_cstr(&buf), "");
    assert_int_equal(buf_reserve(&buf, 0), -ENOSPC);
    buf_clear(&buf);
    assert_int_equal(buf_status(&buf), 0);
    buf_append(&buf, SPAN("abcd"));
    assert_string_equal(buf_cstr(&buf), "abcd");
    buf_release(&buf);
}

static void reserve_refuses_what_cannot_be(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    buf_append(&buf, SPAN("a"));
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), -ENOSPC);
    buf_clear(&buf);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), -ENOMEM);
    buf_release(&buf);
    assert_int_equal(buf_status(&buf), 0);
}

static void reserved_room_is_kept(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5000);
    assert_int_equal(buf_reserve(&buf, 3000), 0);
    const char *ptr = buf.ptr;
    for (int i = 0; i < 3000; i++)
        buf_append_byte(&buf, 'x');
    assert_ptr_equal(buf.ptr, ptr);
    buf_release(&buf);
}

static void printf_fits_in_any_room(void **state)
{
    (void)state;
    for (size_t before = 0; before < 140; before++) {
        struct buf buf;
        buf_init(&buf, 1000);
        for (size_t i = 0; i < before; i++)
            buf_append_byte(&buf, '.');
        buf_printf(&buf, "%s", "0123456789");
        buf_printf(&buf, "%s", "");
        assert_int_equal(buf.len, before + 10);
        assert_string_equal(buf_cstr(&buf) + before, "0123456789");
        buf_release(&buf);
    }
    struct buf small;
    buf_init(&small, 9);
    buf_printf(&small, "%s", "0123456789");
    assert_int_equal(buf_status(&small), -ENOSPC);
    assert_int_equal(small.len, 0);
    buf_release(&small);
}

static void consume_moves_the_rest(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_append(&buf, SPAN("0123456789"));
    buf_consume(&buf, 3);
    assert_string_equal(buf_cstr(&buf), "3456789");
    buf_consume(&buf, 7);
    assert_int_equal(buf.len, 0);
    buf_release(&buf);
}

static void shrink_keeps_only_what_was_asked(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100000);
    buf_shrink(&buf, 10);
    assert_int_equal(buf_reserve(&buf, 50000), 0);
    buf_shrink(&buf, 1000);
    assert_true(buf.cap > 0 && buf.cap <= 1000);
    buf_append(&buf, SPAN("still good"));
    assert_string_equal(buf_cstr(&buf), "still good");
    buf_shrink(&buf, 100000);
    assert_true(buf.cap <= 1000);
    assert_int_equal(buf.len, 0);
    buf_shrink(&buf, 0);
    assert_null(buf.ptr);
    assert_int_equal(buf.cap, 0);
    buf_append(&buf, SPAN("good again"));
    assert_string_equal(buf_cstr(&buf), "good again");
    buf_release(&buf);
}

static void shrink_without_memory_gives_all_back(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100000);
    assert_int_equal(buf_reserve(&buf, 50000), 0);
    mem_fail_after(0);
    buf_shrink(&buf, 1000);
    mem_fail_never();
    assert_null(buf.ptr);
    assert_int_equal(buf_status(&buf), 0);
}

static void no_memory_marks_the_buffer(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_append(&buf, SPAN("kept"));
    mem_fail_after(0);
    buf_printf(&buf, "%200s", "");
    mem_fail_never();
    assert_int_equal(buf_status(&buf), -ENOMEM);
    assert_int_equal(buf.len, 4);
    buf_release(&buf);
}

static void consume_too_much(void)
{
    struct buf buf;
    buf_init(&buf, 10);
    buf_append(&buf, SPAN("ab"));
    buf_consume(&buf, 3);
}

static void init_without_maximum(void)
{
    struct buf buf;
    buf_init(&buf, 0);
}

static void mistakes_stop_the_process(void **state)
{
    (void)state;
    assert_dies(consume_too_much, "n <= buf->len");
    assert_dies(init_without_maximum, "max > 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty_and_owns_nothing),
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(grows_to_the_maximum_exactly),
        cmocka_unit_test(full_buffer_adds_nothing_more),
        cmocka_unit_test(reserve_refuses_what_cannot_be),
        cmocka_unit_test(reserved_room_is_kept),
        cmocka_unit_test(printf_fits_in_any_room),
        cmocka_unit_test(consume_moves_the_rest),
        cmocka_unit_test(shrink_keeps_only_what_was_asked),
        cmocka_unit_test(shrink_without_memory_gives_all_back),
        cmocka_unit_test(no_memory_marks_the_buffer),
        cmocka_unit_test(mistakes_stop_the_process),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
