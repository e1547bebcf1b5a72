/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "site/accept.h"

#define ALL ((1u << SITE_IDENTITY) | (1u << SITE_GZIP) | (1u << SITE_BROTLI))

static void a_quality_is_read_in_thousandths(void **state)
{
    static const struct {
        const char *text;
        unsigned quality;
    } cases[] = {
        {"", 1000},      {" ", 1000},     {"q=1", 1000}, {"q=1.000", 1000}, {"q=0", 0}, {"q=0.5", 500}, {" q=0.05 ", 50},
        {"q=0.001", 1},  {"q=0.0001", 0}, {"q=", 0},     {"q=x", 0},        {"q", 0},   {"r=1", 0},     {"q=0.x", 0},
        {"q=0.12x", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(accept_quality(span_str(cases[i].text)), cases[i].quality);
}

static void the_coding_that_is_wanted_most_is_taken(void **state)
{
    static const struct {
        const char *list;
        enum site_coding coding;
    } cases[] = {
        {"", SITE_IDENTITY},
        {"gzip, deflate, br, zstd", SITE_BROTLI},
        {"gzip", SITE_GZIP},
        {"x-gzip", SITE_GZIP},
        {"GZIP , Br", SITE_BROTLI},
        {"br;q=0.5, gzip", SITE_GZIP},
        {"br;q=0.5, gzip;q=0.4", SITE_BROTLI},
        {"identity, br;q=0.9", SITE_IDENTITY},
        {"identity;q=0.5, br;q=0.5", SITE_BROTLI},
        {"*", SITE_BROTLI},
        {"br;q=0, *", SITE_GZIP},
        {"identity;q=0, *;q=0", SITE_IDENTITY},
        {"gzip;q=0.001", SITE_GZIP},
        {"gzip;q=0", SITE_IDENTITY},
        {"deflate, zstd", SITE_IDENTITY},
        {";;,,=, ,br", SITE_BROTLI},
        {"brx, xbr", SITE_IDENTITY},
    };
    (void)state;
    assert_int_equal(accept_coding(SPAN_NULL, ALL), SITE_IDENTITY);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(accept_coding(span_str(cases[i].list), ALL), cases[i].coding);
}

static void only_what_is_offered_is_taken(void **state)
{
    (void)state;
    assert_int_equal(accept_coding(SPAN("br, gzip"), 1u << SITE_IDENTITY), SITE_IDENTITY);
    assert_int_equal(accept_coding(SPAN("br, gzip;q=0.1"), 1u << SITE_IDENTITY | 1u << SITE_GZIP), SITE_GZIP);
}

static void a_long_list_is_read_to_its_maximum(void **state)
{
    char list[2 * (ACCEPT_ENTRIES_MAX - 1) + 8] = "";
    (void)state;
    for (size_t i = 0; i < 2 * (ACCEPT_ENTRIES_MAX - 1); i += 2)
        snprintf(list + i, sizeof(list) - i, "a,");
    char *last = list + strlen(list);
    snprintf(last, 8, "br");
    assert_int_equal(accept_coding(span_str(list), ALL), SITE_BROTLI);
    snprintf(last, 8, "a,br");
    assert_int_equal(accept_coding(span_str(list), ALL), SITE_IDENTITY);
}

static void a_tag_is_found_in_its_list(void **state)
{
    static const struct {
        const char *list;
        bool found;
    } cases[] = {
        {"", false},   {"*", true},          {" * ", true},          {"\"abc\"", true},          {"W/\"abc\"", true},  {"\"abc", false},
        {"abc", false}, {"\"abcd\"", false}, {"\"x\", \"abc\"", true}, {"\"x\",W/\"abc\",*", true}, {"w/\"abc\"", false}, {"W/W/\"abc\"", false},
    };
    (void)state;
    assert_false(accept_has(SPAN_NULL, SPAN("\"abc\"")));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(accept_has(span_str(cases[i].list), SPAN("\"abc\"")), cases[i].found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quality_is_read_in_thousandths),
        cmocka_unit_test(the_coding_that_is_wanted_most_is_taken),
        cmocka_unit_test(only_what_is_offered_is_taken),
        cmocka_unit_test(a_long_list_is_read_to_its_maximum),
        cmocka_unit_test(a_tag_is_found_in_its_list),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
