/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include "config_testing.h"

struct example {
    const char *text;
    int rc;
    uint64_t value;
};

static void check_examples(int (*parse)(struct span, uint64_t *), const struct example *examples,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 4711;
        int rc = parse(span_str(examples[i].text), &value);
        if (rc != examples[i].rc || (rc == 0 && value != examples[i].value))
            fail_msg("'%s' gave %d, %llu", examples[i].text, rc, (unsigned long long)value);
    }
}

static void sizes(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"0", 0, 0},
        {"1", 0, 1},
        {"4096", 0, 4096},
        {"64KiB", 0, 65536},
        {"8MiB", 0, 8388608},
        {"1GiB", 0, 1073741824},
        {"17179869183GiB", 0, 17179869183ull << 30},
        {"17179869184GiB", -ERANGE, 0},
        {"18446744073709551616", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"MiB", -EINVAL, 0},
        {"8MB", -EINVAL, 0},
        {"8 MiB", -EINVAL, 0},
        {"8mib", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {"1.5MiB", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"1_000", -EINVAL, 0},
    };
    check_examples(value_size, examples, COUNT_OF(examples));
}

static void rates(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"0", 0, 0},        {"1KiB/s", 0, 1024}, {"100/s", 0, 100},      {"1KiB", -EINVAL, 0},
        {"/s", -EINVAL, 0}, {"", -EINVAL, 0},    {"1KiB/m", -EINVAL, 0}, {"1KiB/s ", -EINVAL, 0},
    };
    check_examples(value_rate, examples, COUNT_OF(examples));
}

static void durations(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"0", 0, 0},
        {"500ms", 0, 500},
        {"10s", 0, 10000},
        {"2m", 0, 120000},
        {"1h", 0, 3600000},
        {"0s", 0, 0},
        {"10", -EINVAL, 0},
        {"00", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"1d", -EINVAL, 0},
        {"1m30s", -EINVAL, 0},
        {"1.5s", -EINVAL, 0},
        {"-1s", -EINVAL, 0},
        {"10S", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"5124095576030h", 0, 18446744073708000000ull},
        {"5124095576031h", -ERANGE, 0},
    };
    check_examples(value_duration, examples, COUNT_OF(examples));
}

static void percentages(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"0%", 0, 0},      {"10%", 0, 10},       {"10", -EINVAL, 0},
        {"%", -EINVAL, 0}, {"1.5%", -EINVAL, 0}, {"", -EINVAL, 0},
    };
    check_examples(value_percent, examples, COUNT_OF(examples));
}

static void booleans(void **state)
{
    (void)state;
    bool value = false;
    assert_int_equal(value_bool(SPAN("true"), &value), 0);
    assert_true(value);
    assert_int_equal(value_bool(SPAN("false"), &value), 0);
    assert_false(value);
    static const char *const others[] = {"", "yes", "no", "on", "off", "True", "1", "true "};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_int_equal(value_bool(span_str(others[i]), &value), -EINVAL);
}

static void written_as_they_are_read(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *size, *duration;
    } examples[] = {
        {0, "0", "0"},
        {1, "1", "1ms"},
        {1000, "1000", "1s"},
        {1024, "1KiB", "1024ms"},
        {60000, "60000", "1m"},
        {90000, "90000", "90s"},
        {3600000, "3600000", "1h"},
        {1048576, "1MiB", "1048576ms"},
        {1073741824, "1GiB", "1073741824ms"},
        {1073741825, "1073741825", "1073741825ms"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct buf buf;
        uint64_t again;
        buf_init(&buf, 64);
        value_write_size(&buf, examples[i].value);
        assert_string_equal(buf_cstr(&buf), examples[i].size);
        assert_int_equal(value_size(buf_span(&buf), &again), 0);
        assert_int_equal(again, examples[i].value);
        buf_clear(&buf);
        value_write_duration(&buf, examples[i].value);
        assert_string_equal(buf_cstr(&buf), examples[i].duration);
        assert_int_equal(value_duration(buf_span(&buf), &again), 0);
        assert_int_equal(again, examples[i].value);
        buf_release(&buf);
    }
}

static void quotes_are_printable_and_short(void **state)
{
    (void)state;
    char text[VALUE_QUOTE_BYTES];
    value_quote(SPAN("ten"), text);
    assert_string_equal(text, "ten");
    value_quote(SPAN("a\nb\x1b[31m\x7f\xff"), text);
    assert_string_equal(text, "a?b?[31m??");
    value_quote(SPAN_NULL, text);
    assert_string_equal(text, "");

    char longer[3 * VALUE_QUOTE_BYTES];
    memset(longer, 'x', sizeof(longer));
    /* What fits exactly stands whole; one byte more is cut. */
    value_quote(span_of(longer, VALUE_QUOTE_BYTES - 1), text);
    assert_int_equal(strlen(text), VALUE_QUOTE_BYTES - 1);
    assert_null(strstr(text, "…"));
    value_quote(span_of(longer, VALUE_QUOTE_BYTES), text);
    assert_non_null(strstr(text, "x…"));
    assert_true(strlen(text) < VALUE_QUOTE_BYTES);
    /* Never in the middle of a character, wherever the cut falls. */
    for (size_t lead = 0; lead < 4; lead++) {
        size_t len = lead;
        while (len + 3 <= sizeof(longer)) {
            memcpy(longer + len, "€", 3);
            len += 3;
        }
        value_quote(span_of(longer, len), text);
        size_t end = strlen(text);
        assert_true(end < VALUE_QUOTE_BYTES);
        assert_string_equal(text + end - 3, "…");
        assert_memory_equal(text + end - 6, "€", 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(rates),
        cmocka_unit_test(durations),
        cmocka_unit_test(percentages),
        cmocka_unit_test(booleans),
        cmocka_unit_test(written_as_they_are_read),
        cmocka_unit_test(quotes_are_printable_and_short),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
