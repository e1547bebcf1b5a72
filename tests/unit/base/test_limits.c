/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"

static struct buf text;

static int begin(void **state)
{
    (void)state;
    buf_init(&text, LIMITS_TEXT_BYTES_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_release(&text);
    return 0;
}

static const char *written(const struct limits *limits)
{
    buf_clear(&text);
    limits_write(&text, limits);
    return buf_cstr(&text);
}

static void values_are_read_within_their_range(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_int_equal(limit_parse(LIMIT_TOKENS_DAY, SPAN("1"), &value, NULL), 0);
    assert_int_equal(value, 1);
    assert_int_equal(limit_parse(LIMIT_TOKENS_DAY, SPAN("1000000000000"), &value, NULL), 0);
    assert_int_equal(limit_parse(LIMIT_SPEND_DAY, SPAN("0.000001"), &value, NULL), 0);
    assert_int_equal(value, 1);
    assert_int_equal(limit_parse(LIMIT_SPEND_DAY, SPAN("12.5"), &value, NULL), 0);
    assert_int_equal(value, 12500000);
    assert_int_equal(limit_parse(LIMIT_SPEND_DAY, SPAN("1000000"), &value, NULL), 0);
    assert_int_equal(limit_parse(LIMIT_CALLS, SPAN("none"), &value, NULL), 0);
    assert_true(value == LIMIT_NONE);
    assert_int_equal(limit_parse(LIMIT_CALLS, SPAN("default"), &value, NULL), 0);
    assert_true(value == LIMIT_UNSET);
}

static void zero_negative_and_absurd_values_are_refused_in_words(void **state)
{
    (void)state;
    static const char *const counts[] = {
        "",    "0",  "-1",  "+1", "1.5",           "1k",
        "0x1", "1 ", "all", "No", "1000000000001", "18446744073709551616"};
    static const char *const amounts[] = {"",          "0",   "0.0",        "-1",  "1.", ".5",
                                          "1.0000001", "1,5", "1000000.01", "1e3", "$5"};
    uint64_t value = 7;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        assert_int_equal(limit_parse(LIMIT_TOKENS_DAY, span_str(counts[i]), &value, &err), -EINVAL);
    assert_string_equal(err.text, "'tokens_per_day' must be a number of 1 or more and at most "
                                  "1000000000000, or none, or default");
    for (size_t i = 0; i < COUNT_OF(amounts); i++)
        assert_int_equal(limit_parse(LIMIT_SPEND_DAY, span_str(amounts[i]), &value, &err), -EINVAL);
    assert_string_equal(err.text, "'spend_per_day' must be an amount such as 12.50, above 0 and at "
                                  "most 1000000.00, or none, or default");
    assert_int_equal(value, 7);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct limits limits = limits_unset(), again;
    assert_string_equal(written(&limits), "");
    assert_true(limits_are_unset(&limits));
    assert_int_equal(limits_read(SPAN(""), &again), 0);
    assert_memory_equal(&again, &limits, sizeof(limits));
    limits.of[LIMIT_TOKENS_MINUTE] = 1000;
    limits.of[LIMIT_SPEND_MONTH] = 50000000;
    limits.of[LIMIT_CALLS] = LIMIT_NONE;
    assert_false(limits_are_unset(&limits));
    assert_string_equal(written(&limits),
                        "tokens_per_minute=1000 concurrent_calls=none spend_per_month=50.00");
    assert_int_equal(limits_read(buf_span(&text), &again), 0);
    assert_memory_equal(&again, &limits, sizeof(limits));
    for (size_t i = 0; i < LIMITS_COUNT; i++)
        limits.of[i] = limit_info((enum limit)i)->max;
    assert_int_equal(limits_read(span_str(written(&limits)), &again), 0);
    assert_memory_equal(&again, &limits, sizeof(limits));
    static const char *const refused[] = {
        "tokens=1", "tokens_per_day",       "tokens_per_day=", "tokens_per_day=0", "=1",
        " ",        "tokens_per_day=1  x=1"};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(limits_read(span_str(refused[i]), &again), -EINVAL);
}

static void what_is_unset_comes_from_the_fallback(void **state)
{
    (void)state;
    struct limits own = limits_unset(), fallback = {{0}};
    own.of[LIMIT_CALLS] = LIMIT_NONE;
    own.of[LIMIT_TOKENS_DAY] = 5;
    fallback.of[LIMIT_CALLS] = 3;
    fallback.of[LIMIT_OUTPUT] = 9;
    struct limits both = limits_over(&own, &fallback);
    assert_int_equal(both.of[LIMIT_CALLS], 0);
    assert_int_equal(both.of[LIMIT_TOKENS_DAY], 5);
    assert_int_equal(both.of[LIMIT_OUTPUT], 9);
    assert_true(limits_any(&both));
    both = limits_over(NULL, NULL);
    assert_false(limits_any(&both));
    both = limits_over(NULL, &fallback);
    assert_memory_equal(&both, &fallback, sizeof(both));
}

static void each_is_found_by_its_word(void **state)
{
    (void)state;
    enum limit limit;
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        const struct limit_info *info = limit_info((enum limit)i);
        assert_true(limit_find(info->word, &limit));
        assert_int_equal(limit, i);
        /* The option is the word with other lines in it. */
        assert_int_equal(strlen(info->option), info->word.len + 2);
        for (size_t c = 0; c < info->word.len; c++)
            assert_int_equal(info->option[c + 2],
                             info->word.ptr[c] == '_' ? '-' : info->word.ptr[c]);
    }
    assert_false(limit_find(SPAN("tokens"), &limit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_within_their_range),
        cmocka_unit_test(zero_negative_and_absurd_values_are_refused_in_words),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_unset_comes_from_the_fallback),
        cmocka_unit_test(each_is_found_by_its_word),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
