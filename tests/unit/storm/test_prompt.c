/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/prompt.h"

static struct prompt_text text;

static int begin(void **state)
{
    (void)state;
    return prompt_text_init(&text, 1);
}

static int end(void **state)
{
    (void)state;
    prompt_text_release(&text);
    return 0;
}

static void write(uint64_t seed, size_t bytes, struct buf *buf)
{
    buf_init(buf, PROMPT_BYTES_MAX);
    prompt_write(&text, seed, bytes, buf);
    assert_int_equal(buf_status(buf), 0);
    assert_int_equal(buf->len, bytes);
}

static void it_is_as_long_as_asked_and_needs_no_escapes(void **state)
{
    (void)state;
    const size_t lengths[] = {0, 1, 10, 11, 12, 4000, (1U << 20) + 5, 3U << 20};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct buf buf;
        write(7, lengths[i], &buf);
        for (size_t at = 0; at < buf.len; at++)
            assert_true((buf.ptr[at] >= 'A' && buf.ptr[at] <= 'z') || buf.ptr[at] == ' ' ||
                        (buf.ptr[at] >= '0' && buf.ptr[at] <= '9'));
        buf_release(&buf);
    }
}

static void a_seed_repeats_it_and_another_begins_otherwise(void **state)
{
    (void)state;
    struct buf first, again, other;
    write(7, 400, &first);
    write(7, 400, &again);
    write(8, 400, &other);
    assert_memory_equal(first.ptr, again.ptr, 400);
    assert_memory_not_equal(first.ptr, other.ptr, 12);
    buf_release(&first);
    buf_release(&again);
    buf_release(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_long_as_asked_and_needs_no_escapes),
        cmocka_unit_test(a_seed_repeats_it_and_another_begins_otherwise),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
