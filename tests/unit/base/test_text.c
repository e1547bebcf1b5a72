/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/text.h"

static void unsigned_numbers(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_int_equal(text_to_u64(SPAN("0"), &value), 0);
    assert_true(value == 0);
    assert_int_equal(text_to_u64(SPAN("18446744073709551615"), &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(text_to_u64(SPAN("000000000000000000000000000000000012"), &value), 0);
    assert_true(value == 12);
    const char *refused[] = {
        "", "+1", "-1", " 1", "1 ", "0x1", "1.0", "a", "99999999999999999999a"};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(text_to_u64(span_str(refused[i]), &value), -EINVAL);
    assert_int_equal(text_to_u64(span_of("1\0", 2), &value), -EINVAL);
    assert_int_equal(text_to_u64(SPAN("18446744073709551616"), &value), -ERANGE);
    assert_int_equal(text_to_u64(SPAN("99999999999999999999"), &value), -ERANGE);
    assert_true(value == 12);
}

static void signed_numbers(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_int_equal(text_to_i64(SPAN("-9223372036854775808"), &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(text_to_i64(SPAN("9223372036854775807"), &value), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(text_to_i64(SPAN("-0"), &value), 0);
    assert_true(value == 0);
    assert_int_equal(text_to_i64(SPAN("-9223372036854775809"), &value), -ERANGE);
    assert_int_equal(text_to_i64(SPAN("9223372036854775808"), &value), -ERANGE);
    assert_int_equal(text_to_i64(SPAN("-"), &value), -EINVAL);
    assert_int_equal(text_to_i64(SPAN("--1"), &value), -EINVAL);
    assert_int_equal(text_to_i64(SPAN_NULL, &value), -EINVAL);
    assert_true(value == 0);
}

static void hexadecimal(void **state)
{
    (void)state;
    char text[9];
    unsigned char bytes[4] = {0};
    text_hex("\x00\x7f\xab\xff", 4, text);
    assert_string_equal(text, "007fabff");
    text_hex("", 0, text);
    assert_string_equal(text, "");
    assert_int_equal(text_unhex(SPAN("007fABfF"), bytes, 4), 0);
    assert_memory_equal(bytes, "\x00\x7f\xab\xff", 4);
    assert_int_equal(text_unhex(SPAN(""), bytes, 0), 0);
    const char *refused[] = {"",           "007fab",   "007fabf",  "007fabff0",
                             "007fabff00", "007fabfg", "0x7fabff", "007fab/0",
                             "007fab:0",   "007fab@0", "007fab`0"};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(text_unhex(span_str(refused[i]), bytes, 4), -EINVAL);
    assert_memory_equal(bytes, "\x00\x7f\xab\xff", 4);
}

static void base62(void **state)
{
    (void)state;
    const struct {
        uint64_t value;
        const char *text;
    } pairs[] = {
        {0, "00000000000"}, {61, "0000000000z"}, {62, "00000000010"}, {UINT64_MAX, "LygHa16AHYF"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        char text[TEXT_BASE62_U64];
        text_base62(pairs[i].value, text);
        assert_memory_equal(text, pairs[i].text, sizeof(text));
        uint64_t value = 1;
        assert_int_equal(text_unbase62(span_str(pairs[i].text), &value), 0);
        assert_true(value == pairs[i].value);
    }
    uint64_t value = 5;
    const char *refused[] = {"",
                             "0000000000",
                             "000000000000",
                             "LygHa16AHYG",
                             "zzzzzzzzzzz",
                             "0000000000-",
                             "0000000000 ",
                             "0000000000@",
                             "0000000000[",
                             "0000000000`",
                             "0000000000{"};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(text_unbase62(span_str(refused[i]), &value), -EINVAL);
    assert_true(value == 5);
}

static void utf8_borders(void **state)
{
    (void)state;
    const char *good[] = {"",
                          "plain",
                          "\x7f",
                          "\xc2\x80",
                          "\xdf\xbf",
                          "\xe0\xa0\x80",
                          "\xed\x9f\xbf",
                          "\xee\x80\x80",
                          "\xef\xbf\xbf",
                          "\xf0\x90\x80\x80",
                          "\xf4\x8f\xbf\xbf",
                          "0123456\xc3\xa4 89abcdef",
                          "\xe6\xb5\xb7\xe5\xa0\xa4"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(text_is_utf8(span_str(good[i])));
    const char *bad[] = {"\x80",
                         "\xbf",
                         "\xc0\x80",         /* overlong */
                         "\xc1\xbf",         /* overlong */
                         "\xc2",             /* cut off */
                         "\xc2\x41",         /* no continuation */
                         "\xe0\x9f\xbf",     /* overlong */
                         "\xe1\x80",         /* cut off */
                         "\xe1\x80\x41",     /* no continuation */
                         "\xed\xa0\x80",     /* surrogate */
                         "\xed\xbf\xbf",     /* surrogate */
                         "\xf0\x8f\xbf\xbf", /* overlong */
                         "\xf1\x80\x80",     /* cut off */
                         "\xf4\x90\x80\x80", /* above U+10FFFF */
                         "\xf5\x80\x80\x80",
                         "\xff",
                         "01234567\x80",
                         "0123456789abcde\xc3"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(text_is_utf8(span_str(bad[i])));
    assert_true(text_is_utf8(SPAN_NULL));
    assert_true(text_is_utf8(span_of("a\0b", 3)));
    assert_false(text_is_utf8(span_of("\xc3\xa4", 1)));
}

/* Every code point in the form that RFC 3629 gives it is one sequence; each of its starts alone is none. */
static void utf8_of_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        unsigned char bytes[4];
        size_t len;
        if (code < 0x80) {
            len = 1;
            bytes[0] = (unsigned char)code;
        } else if (code < 0x800) {
            len = 2;
            bytes[0] = (unsigned char)(0xc0 | code >> 6);
        } else if (code < 0x10000) {
            len = 3;
            bytes[0] = (unsigned char)(0xe0 | code >> 12);
        } else {
            len = 4;
            bytes[0] = (unsigned char)(0xf0 | code >> 18);
        }
        for (size_t i = 1; i < len; i++)
            bytes[i] = (unsigned char)(0x80 | (code >> 6 * (len - 1 - i) & 0x3f));
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        assert_int_equal(text_utf8_len(span_of(bytes, len)), surrogate ? 0 : len);
        assert_int_equal(text_utf8_len(span_of(bytes, len - 1)), 0);
    }
}

static void long_texts_show_their_end(void **state)
{
    (void)state;
    char room[12];
    const char *fits = "elf letters";
    assert_ptr_equal(text_tail(fits, room, sizeof(room)), fits);
    assert_string_equal(text_tail("twelve lette", room, sizeof(room)), "…ve lette");
    assert_string_equal(text_tail("0123456789abcdef", room, sizeof(room)), "…89abcdef");
    assert_string_equal(text_tail("0123456äbcdefg", room, sizeof(room)), "…äbcdefg");
    assert_string_equal(text_tail("0123456äbcdefgh", room, sizeof(room)), "…bcdefgh");
}

static void times_are_written(void **state)
{
    (void)state;
    const struct {
        uint64_t wall_ms;
        const char *iso;
        const char *http;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777000, "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782399999, "2000-02-28T23:59:59.999Z", "Mon, 28 Feb 2000 23:59:59 GMT"},
        {951782400000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4107542400000, "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT"},
        {253402300799999, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
        {UINT64_MAX, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char iso[TEXT_TIME_BYTES], http[TEXT_HTTP_DATE_BYTES];
        text_time(rows[i].wall_ms, iso);
        text_http_date(rows[i].wall_ms, http);
        assert_string_equal(iso, rows[i].iso);
        assert_string_equal(http, rows[i].http);
    }
}

static void calendar_agrees_with_the_c_library(void **state)
{
    (void)state;
    random_seed(1582);
    for (int i = 0; i < 20000; i++) {
        uint64_t wall_ms = random_u64() % 253402300800000;
        time_t seconds = (time_t)(wall_ms / 1000);
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        char expected[40], written[TEXT_HTTP_DATE_BYTES], iso[TEXT_TIME_BYTES];
        assert_true(strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
        text_http_date(wall_ms, written);
        assert_string_equal(written, expected);
        text_time(wall_ms, iso);
        uint64_t back;
        assert_int_equal(text_parse_time(span_str(iso), &back), 0);
        assert_true(back == wall_ms);
    }
    random_unseed();
}

static void times_are_read_strictly(void **state)
{
    (void)state;
    uint64_t when = 5;
    assert_int_equal(text_parse_time(SPAN("2026-12-31"), &when), 0);
    assert_true(when == 1798675200000);
    assert_int_equal(text_parse_time(SPAN("2026-12-31T10:00:00Z"), &when), 0);
    assert_true(when == 1798711200000);
    assert_int_equal(text_parse_time(SPAN("2024-02-29"), &when), 0);
    when = 5;
    const char *refused[] = {"",
                             "2026",
                             "2026-12",
                             "2026-12-3",
                             "26-12-31",
                             "2026-13-01",
                             "2026-00-01",
                             "2026-01-00",
                             "2026-04-31",
                             "2026-02-29",
                             "2100-02-29",
                             "1969-12-31",
                             "0000-01-01",
                             "2026/12/31",
                             "2026-12-31T",
                             "2026-12-31T10:00:00",
                             "2026-12-31T10:00Z",
                             "2026-12-31T24:00:00Z",
                             "2026-12-31T10:60:00Z",
                             "2026-12-31T10:00:60Z",
                             "2026-12-31 10:00:00Z",
                             "2026-12-31T10:00:00+01:00",
                             "2026-12-31T10:00:00.1Z",
                             "2026-12-31T10:00:00.Z",
                             "2026-12-31T10:00:00Zx",
                             "2026-12-31Z",
                             "-026-12-31",
                             " 2026-12-31",
                             "2026-12-31 "};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(text_parse_time(span_str(refused[i]), &when), -EINVAL);
    assert_true(when == 5);
}

static const char *money(uint64_t millionths)
{
    static char memory[TEXT_MONEY_BYTES];
    struct buf buf = {.ptr = memory, .cap = sizeof(memory) - 1, .max = sizeof(memory) - 1};
    text_write_money(&buf, millionths);
    return buf_cstr(&buf);
}

static void amounts_of_money(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_int_equal(text_to_money(SPAN("0.15"), &value), 0);
    assert_int_equal(value, 150000);
    assert_int_equal(text_to_money(SPAN("18446744073709.551615"), &value), 0);
    assert_true(value == UINT64_MAX);
    assert_string_equal(money(value), "18446744073709.551615");
    assert_int_equal(text_to_money(SPAN("18446744073709.551616"), &value), -ERANGE);
    static const char *const bad[] = {"", ".", "1.", ".1", "1.1234567", "1,5", "-1", "1.-1", "1 "};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(text_to_money(span_str(bad[i]), &value), -EINVAL);
    assert_string_equal(money(0), "0.00");
    assert_string_equal(money(1), "0.000001");
    assert_string_equal(money(2500000), "2.50");
}

static void months(void **state)
{
    (void)state;
    uint64_t from, until, wanted;
    static const char *const cases[][3] = {{"2026-11-24T12:00:00Z", "2026-11-01", "2026-12-01"},
                                           {"2026-12-31T23:59:59.999Z", "2026-12-01", "2027-01-01"},
                                           {"2028-02-01", "2028-02-01", "2028-03-01"},
                                           {"1970-01-01", "1970-01-01", "1970-02-01"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(text_parse_time(span_str(cases[i][0]), &wanted), 0);
        text_month(wanted, &from, &until);
        assert_int_equal(text_parse_time(span_str(cases[i][1]), &wanted), 0);
        assert_true(from == wanted);
        assert_int_equal(text_parse_time(span_str(cases[i][2]), &wanted), 0);
        assert_true(until == wanted);
    }
    text_month(UINT64_MAX, &from, &until);
    assert_true(from < until);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(signed_numbers),
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(base62),
        cmocka_unit_test(utf8_borders),
        cmocka_unit_test(utf8_of_every_code_point),
        cmocka_unit_test(long_texts_show_their_end),
        cmocka_unit_test(times_are_written),
        cmocka_unit_test(calendar_agrees_with_the_c_library),
        cmocka_unit_test(times_are_read_strictly),
        cmocka_unit_test(amounts_of_money),
        cmocka_unit_test(months),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
