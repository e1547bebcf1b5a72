/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "http/chunked.h"

/* Reads until `bytes` are used up, the body is done or something is wrong: the result of the
 * last feed. */
static ssize_t read_all(struct chunked *chunked, struct span bytes, size_t step, struct buf *body)
{
    ssize_t taken = 0;
    while (bytes.len > 0 && !chunked_done(chunked)) {
        struct span data;
        struct span piece = span_take(bytes, step);
        taken = chunked_feed(chunked, piece.ptr, piece.len, &data);
        if (taken < 0)
            return taken;
        assert_in_range(taken, 1, piece.len);
        assert_true(data.ptr >= piece.ptr && data.ptr + data.len <= piece.ptr + piece.len);
        buf_append(body, data);
        bytes = span_skip(bytes, (size_t)taken);
    }
    return taken;
}

static ssize_t read_fresh(struct span bytes, uint64_t body_bytes_max)
{
    struct chunked chunked;
    struct buf body;
    buf_init(&body, 65536);
    chunked_init(&chunked, body_bytes_max);
    ssize_t result = read_all(&chunked, bytes, SIZE_MAX, &body);
    buf_release(&body);
    return result;
}

static void data_comes_in_runs(void **state)
{
    (void)state;
    struct span bytes = SPAN("3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\nbehind");
    for (size_t step = 1; step <= bytes.len; step++) {
        struct chunked chunked;
        struct buf body;
        buf_init(&body, 100);
        chunked_init(&chunked, 19);
        assert_true(read_all(&chunked, bytes, step, &body) > 0);
        assert_true(chunked_done(&chunked));
        assert_true(span_eq(buf_span(&body), SPAN("abc0123456789abcdef")));
        buf_release(&body);
    }
}

static void nothing_is_consumed_behind_the_end(void **state)
{
    (void)state;
    struct chunked chunked;
    struct span data;
    chunked_init(&chunked, 0);
    assert_int_equal(chunked_feed(&chunked, "0\r\n\r\nGET", 8, &data), 5);
    assert_true(chunked_done(&chunked));
    assert_int_equal(chunked_feed(&chunked, "GET", 3, &data), 0);
    assert_int_equal(data.len, 0);
}

static void a_chunk_is_measured_when_it_is_announced(void **state)
{
    (void)state;
    assert_true(read_fresh(SPAN("3\r\nabc\r\n1\r\n"), 4) > 0);
    assert_int_equal(read_fresh(SPAN("3\r\nabc\r\n2\r\n"), 4), -EFBIG);
    assert_true(read_fresh(SPAN("ffffffffffffffff\r\n"), UINT64_MAX) > 0);
    assert_int_equal(read_fresh(SPAN("1\r\na\r\nffffffffffffffff\r\n"), UINT64_MAX), -EFBIG);
    assert_int_equal(read_fresh(SPAN("10000000000000000\r\n"), UINT64_MAX), -EBADMSG);
}

/* `count` bytes of `byte` between the two. */
static ssize_t read_long(const char *before, char byte, size_t count, const char *behind)
{
    struct buf text;
    buf_init(&text, 65536);
    buf_append(&text, span_str(before));
    for (size_t i = 0; i < count; i++)
        buf_append_byte(&text, byte);
    buf_append(&text, span_str(behind));
    ssize_t result = read_fresh(buf_span(&text), 100);
    assert_int_equal(buf_status(&text), 0);
    buf_release(&text);
    return result;
}

static void a_size_line_has_a_maximum(void **state)
{
    (void)state;
    /* The CR counts. */
    assert_true(read_long("1;", 'a', CHUNKED_LINE_BYTES_MAX - 3, "\r\n") > 0);
    assert_int_equal(read_long("1;", 'a', CHUNKED_LINE_BYTES_MAX - 2, "\r\n"), -EBADMSG);
    assert_true(read_long("", '0', CHUNKED_LINE_BYTES_MAX - 1, "\r\n") > 0);
    assert_int_equal(read_long("", '0', CHUNKED_LINE_BYTES_MAX, "\r\n"), -EBADMSG);
}

static void trailers_have_a_maximum(void **state)
{
    (void)state;
    /* "A:" … CR, then the CR of the end; the LFs are not counted. */
    assert_true(read_long("0\r\nA:", 'a', CHUNKED_TRAILER_BYTES_MAX - 4, "\r\n\r\n") > 0);
    assert_int_equal(read_long("0\r\nA:", 'a', CHUNKED_TRAILER_BYTES_MAX - 3, "\r\n\r\n"), -ENOSPC);
}

static void all_extensions_have_a_maximum(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 65536);
    const size_t extension = 200;
    for (size_t used = 0; used <= CHUNKED_EXTENSION_BYTES_MAX; used += extension) {
        assert_true(read_fresh(buf_span(&text), 1000) >= 0);
        buf_append(&text, SPAN("1;"));
        for (size_t i = 1; i < extension; i++)
            buf_append_byte(&text, 'a');
        buf_append(&text, SPAN("\r\nx\r\n"));
    }
    assert_int_equal(buf_status(&text), 0);
    assert_int_equal(read_fresh(buf_span(&text), 1000), -EBADMSG);
    buf_release(&text);
}

/* Every byte at every place of the framing: only what the grammar names goes on. */
static void no_other_byte_passes(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *allowed;
    } places[] = {
        {"", "0123456789abcdefABCDEF"},
        {"1", "0123456789abcdefABCDEF;\r"},
        {"1\r", "\n"},
        {"1\r\nx", "\r"},
        {"1\r\nx\r", "\n"},
        {"0\r\n\r", "\n"},
        {"0\r\nA:b\r", "\n"},
        {"1;a=\"b\"", ";\r"},
    };
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        for (int c = 1; c < 256; c++) {
            char text[32];
            int len = snprintf(text, sizeof(text), "%s%c", places[i].before, c);
            ssize_t result = read_fresh(span_of(text, (size_t)len), 1000);
            if (strchr(places[i].allowed, c))
                assert_true(result > 0);
            else
                assert_int_equal(result, -EBADMSG);
        }
    }
}

static void trailers_and_extensions_take_text(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char trailer[] = "0\r\nA: ?b\r\n\r\n", quoted[] = "1;a=\"?\"\r\n";
        bool text = (c >= 0x20 && c != 0x7f) || c == '\t';
        trailer[6] = (char)c;
        assert_int_equal(read_fresh(span_of(trailer, sizeof(trailer) - 1), 10) > 0, text);
        quoted[5] = (char)c;
        assert_int_equal(read_fresh(span_of(quoted, sizeof(quoted) - 1), 10) > 0,
                         text && c != '"' && c != '\\');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_comes_in_runs),
        cmocka_unit_test(nothing_is_consumed_behind_the_end),
        cmocka_unit_test(a_chunk_is_measured_when_it_is_announced),
        cmocka_unit_test(a_size_line_has_a_maximum),
        cmocka_unit_test(trailers_have_a_maximum),
        cmocka_unit_test(all_extensions_have_a_maximum),
        cmocka_unit_test(no_other_byte_passes),
        cmocka_unit_test(trailers_and_extensions_take_text),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
