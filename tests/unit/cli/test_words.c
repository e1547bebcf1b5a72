/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "words.h"

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seconds;
    } good[] = {{"0", 0},     {"90", 90},     {"90s", 90},         {"30m", 1800},
                {"1h", 3600}, {"7d", 604800}, {"3660d", 316224000}};
    static const char *const bad[] = {
        "", "s", "h", "-1", "1.5h", "1w", "1 h", "3661d", "18446744073709551615d", "1hh"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        uint64_t seconds = 1;
        assert_int_equal(words_seconds(good[i].text, &seconds), 0);
        assert_int_equal(seconds, good[i].seconds);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint64_t seconds;
        assert_int_equal(words_seconds(bad[i], &seconds), -EINVAL);
    }
}

static void test_an_expiry_is_a_date_or_counts_from_now(void **state)
{
    (void)state;
    char text[32];
    assert_int_equal(words_expiry("2027-01-01", 0, text), 0);
    assert_string_equal(text, "2027-01-01T00:00:00.000Z");
    assert_int_equal(words_expiry("2027-01-01T12:30:00Z", 0, text), 0);
    assert_string_equal(text, "2027-01-01T12:30:00.000Z");
    assert_int_equal(words_expiry("2d", 86400000, text), 0);
    assert_string_equal(text, "1970-01-04T00:00:00.000Z");
    assert_int_equal(words_expiry("0d", 0, text), -EINVAL);
    assert_int_equal(words_expiry("2027-13-01", 0, text), -EINVAL);
    assert_int_equal(words_expiry("soon", 0, text), -EINVAL);
}

static void test_ages(void **state)
{
    (void)state;
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {{0, "0 s"},          {59, "59 s"},           {60, "1 min"},     {3599, "59 min"},
                 {3600, "1 h 0 min"}, {86399, "23 h 59 min"}, {90000, "1 d 1 h"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[32];
        words_age(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_times_are_shortened(void **state)
{
    (void)state;
    char text[32];
    words_time("2026-11-24T10:05:01.042Z", text);
    assert_string_equal(text, "2026-11-24 10:05");
    words_time(NULL, text);
    assert_string_equal(text, "-");
    words_time("2026", text);
    assert_string_equal(text, "-");
}

static void test_listen_addresses_become_urls(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *url;
    } cases[] = {{"127.0.0.1:8080", "http://127.0.0.1:8080"},
                 {"10.0.0.1:80", "http://10.0.0.1:80"},
                 {"0.0.0.0:8080", "http://127.0.0.1:8080"},
                 {":8080", "http://127.0.0.1:8080"},
                 {"8080", "http://127.0.0.1:8080"},
                 {"[::]:8080", "http://127.0.0.1:8080"},
                 {"[::1]:8080", "http://[::1]:8080"},
                 {"unix:/run/seawall.sock", "unix:/run/seawall.sock"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char url[64];
        words_url(cases[i].listen, url, sizeof(url));
        assert_string_equal(url, cases[i].url);
    }
}

static void test_numbers_are_grouped(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {{0, "0"},
                 {999, "999"},
                 {1000, "1,000"},
                 {123456, "123,456"},
                 {UINT64_MAX, "18,446,744,073,709,551,615"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[32];
        words_number(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_text_is_cleaned(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 256);
    words_append_clean(&buf, SPAN("a\x1b[2J\n\x7f \xe6\xa8\xa1 \xff\xc2\x9b."));
    assert_string_equal(buf_cstr(&buf), "a?[2J?? \xe6\xa8\xa1 ??.");
    buf_release(&buf);
}

static void test_escapes(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 256);
    words_escape(&buf, "a/b c&d=e%f\xc3\xa4,2026-01-01T10:00:00Z~_.");
    assert_string_equal(buf_cstr(&buf), "a%2Fb%20c%26d%3De%25f%C3%A4,2026-01-01T10:00:00Z~_.");
    buf_release(&buf);
}

static void amounts_are_short(void **state)
{
    (void)state;
    static const struct {
        double amount;
        const char *text;
    } cases[] = {{0, "0"},         {0.25, "0.25"},
                 {3.444, "3.44"},  {99.94, "99.9"},
                 {100, "100"},     {1234.4, "1,234"},
                 {-12.5, "-12.5"}, {-54321, "-54,321"},
                 {0.0001, "0"},    {1e300, "1,000,000,000,000,000"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[32];
        words_amount(cases[i].amount, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_short),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_an_expiry_is_a_date_or_counts_from_now),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_times_are_shortened),
        cmocka_unit_test(test_listen_addresses_become_urls),
        cmocka_unit_test(test_numbers_are_grouped),
        cmocka_unit_test(test_text_is_cleaned),
        cmocka_unit_test(test_escapes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
