/* SPDX-License-Identifier: Apache-2.0 */
/* What the examples do not show: memory, callbacks, cost, the writers. The grammar is in
 * tests/examples/sse/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "http/sse.h"

static struct log {
    int events, comments;
    struct span data;
    int result;
} seen;

static int on_event(void *owner, struct span data, struct span event)
{
    assert_ptr_equal(owner, &seen);
    (void)event;
    seen.events++;
    seen.data = data;
    return seen.result;
}

static int on_comment(void *owner, struct span text)
{
    assert_ptr_equal(owner, &seen);
    (void)text;
    seen.comments++;
    return seen.result;
}

static const struct sse_events events = {on_event, on_comment};
static struct sse_splitter splitter;

static int begin(void **state)
{
    (void)state;
    mem_fail_never();
    seen = (struct log){0};
    sse_splitter_init(&splitter, 1048576, &events, &seen);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sse_splitter_release(&splitter);
    return 0;
}

static void a_whole_event_is_not_copied(void **state)
{
    (void)state;
    static char bytes[] = ": ping\n\ndata: abc\n\ndata: {}\r\n\r\n";
    assert_int_equal(sse_splitter_feed(&splitter, span_of(bytes, sizeof(bytes) - 1)), 0);
    assert_int_equal(seen.events, 2);
    assert_int_equal(seen.comments, 1);
    assert_ptr_equal(seen.data.ptr, bytes + 25);
    assert_int_equal(mem_fail_count(), 0);
    assert_false(sse_splitter_unfinished(&splitter));
}

/* Under AddressSanitizer this is also a test of the memory behind. */
static int on_padded_event(void *owner, struct span data, struct span event)
{
    unsigned *sum = owner;
    (void)event;
    for (size_t i = 0; i < 64; i++)
        *sum += (unsigned char)data.ptr[data.len + i] & 1;
    seen.events++;
    return splitter.data.cap - splitter.data.len >= 64 ? 0 : -EINVAL;
}

static void data_that_was_put_together_has_readable_bytes_behind_it(void **state)
{
    (void)state;
    static const struct sse_events padded = {on_padded_event, on_comment};
    static char bytes[5 + 4200 + 2];
    unsigned sum = 0;
    for (size_t len = 1; len <= 4200; len += len < 600 ? 1 : 61) {
        memset(bytes, 'x', sizeof(bytes));
        memcpy(bytes, "data:", 5);
        memcpy(bytes + 5 + len, "\n\n", 2);
        sse_splitter_init(&splitter, 8192, &padded, &sum);
        assert_int_equal(sse_splitter_feed(&splitter, span_of(bytes, 3)), 0);
        assert_int_equal(sse_splitter_feed(&splitter, span_of(bytes + 3, len + 4)), 0);
        sse_splitter_release(&splitter);
    }
    assert_true(seen.events > 600);
}

static void init_and_release_allocate_nothing(void **state)
{
    (void)state;
    struct sse_splitter other;
    sse_splitter_init(&other, 1, NULL, NULL);
    assert_int_equal(sse_splitter_feed(&other, SPAN("")), 0);
    assert_false(sse_splitter_unfinished(&other));
    sse_splitter_release(&other);
    sse_splitter_release(&other);
    sse_splitter_release(NULL);
    assert_int_equal(mem_fail_count(), 0);
}

static void callbacks_stop_the_feed(void **state)
{
    (void)state;
    seen.result = -ECANCELED;
    assert_int_equal(sse_splitter_feed(&splitter, SPAN("data: a\n\ndata: b\n\n")), -ECANCELED);
    assert_int_equal(seen.events, 1);
    sse_splitter_release(&splitter);
    sse_splitter_init(&splitter, 100, &events, &seen);
    assert_int_equal(sse_splitter_feed(&splitter, SPAN(":a\n:b\n")), -ECANCELED);
    assert_int_equal(seen.comments, 1);
}

static void an_event_in_pieces_is_joined(void **state)
{
    (void)state;
    assert_int_equal(sse_splitter_feed(&splitter, SPAN("data: on")), 0);
    assert_true(sse_splitter_unfinished(&splitter));
    assert_int_equal(sse_splitter_feed(&splitter, SPAN("e\ndata: two\n")), 0);
    assert_true(sse_splitter_unfinished(&splitter));
    assert_int_equal(sse_splitter_feed(&splitter, SPAN("\n")), 0);
    assert_int_equal(seen.events, 1);
    assert_false(sse_splitter_unfinished(&splitter));
}

static void memory_of_a_large_event_is_given_back(void **state)
{
    (void)state;
    static char large[1000000];
    memset(large, 'x', sizeof(large));
    memcpy(large, "data: ", 6);
    assert_int_equal(sse_splitter_feed(&splitter, span_of(large, sizeof(large))), 0);
    assert_in_range(splitter.held.cap, sizeof(large), 2 * sizeof(large));
    assert_int_equal(sse_splitter_feed(&splitter, SPAN("\n\n")), 0);
    assert_int_equal(seen.events, 1);
    assert_in_range(splitter.held.cap, 0, 16384);
    assert_in_range(splitter.data.cap, 0, 16384);
}

/* An LF far away is looked for once, not for each line before it: quadratic time would take
 * minutes here. */
static void many_bare_crs_cost_no_more(void **state)
{
    (void)state;
    static char crs[4000000];
    memset(crs, '\r', sizeof(crs));
    crs[sizeof(crs) - 1] = '\n';
    for (int i = 0; i < 10; i++)
        assert_int_equal(sse_splitter_feed(&splitter, span_of(crs, sizeof(crs))), 0);
    assert_int_equal(seen.events, 0);
}

static void half_a_large_event_is_refused_before_its_end(void **state)
{
    (void)state;
    sse_splitter_release(&splitter);
    sse_splitter_init(&splitter, 1000, &events, &seen);
    int result = 0;
    size_t fed = 0;
    while (result == 0 && fed < 5000) {
        result = sse_splitter_feed(&splitter, SPAN("data: 0123"));
        fed += 10;
    }
    assert_int_equal(result, -ENOSPC);
    assert_int_equal(fed, 1010);
    assert_in_range(splitter.held.cap, 0, 1000);
}

static void writers(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    sse_write_event(&out, SPAN("{}"));
    sse_write_comment(&out, SPAN("ping"));
    sse_write_event(&out, SPAN(""));
    assert_int_equal(buf_status(&out), 0);
    assert_string_equal(buf_cstr(&out), "data: {}\n\n: ping\n\ndata: \n\n");
    buf_release(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_whole_event_is_not_copied),
        TEST(data_that_was_put_together_has_readable_bytes_behind_it),
        TEST(init_and_release_allocate_nothing),
        TEST(callbacks_stop_the_feed),
        TEST(an_event_in_pieces_is_joined),
        TEST(memory_of_a_large_event_is_given_back),
        TEST(many_bare_crs_cost_no_more),
        TEST(half_a_large_event_is_refused_before_its_end),
        TEST(writers),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
