/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "options.h"

static struct options options;
static struct err err;

/* Words, ended by NULL; argv is not const for historical reasons only. */
static int read_words(const char *first, ...)
{
    char *argv[64];
    int argc = 0;
    va_list more;
    va_start(more, first);
    for (const char *word = first; word; word = va_arg(more, const char *))
        argv[argc++] = (char *)(uintptr_t)word;
    va_end(more);
    return options_read(argc, argv, &options, &err);
}

#define READ(...) read_words(__VA_ARGS__, NULL)

static void nothing_said_is_the_cpu_engine_on_any_port(void **state)
{
    (void)state;
    assert_int_equal(options_read(0, NULL, &options, &err), 0);
    assert_string_equal(options.preset.name, "vllm-cpu");
    assert_int_equal(options.port, 0);
    assert_true(options.speed == 1);
    assert_null(options.api_key);
    assert_false(options.control);
}

static void everything_said_arrives_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(READ("--model", "m", "--no-abort", "always", "--port", "8000", "--speed",
                          "2.5", "--preset", "llamacpp-cpu", "--seed", "9", "--api-key", "k",
                          "--control", "--fault", "error:0.5", "--fault", "stall",
                          "--connections-max", "7", "--body-bytes-max", "99", "--host", "::1"),
                     0);
    assert_string_equal(options.preset.name, "llamacpp-cpu");
    assert_string_equal(options.preset.model.name, "m");
    assert_int_equal(options.preset.habits.stops, PRESET_STOPS_NONE);
    assert_int_equal(options.port, 8000);
    assert_true(options.speed == 2.5);
    assert_int_equal(options.seed, 9);
    assert_string_equal(options.api_key, "k");
    assert_true(options.control);
    assert_true(options.faults.arms[FAULT_ERROR].rate == 0.5);
    assert_true(options.faults.arms[FAULT_STALL].rate == 1);
    assert_int_equal(options.connections_max, 7);
    assert_int_equal(options.body_bytes_max, 99);
    assert_string_equal(options.host, "::1");
}

static void help_wins(void **state)
{
    (void)state;
    assert_int_equal(READ("--nonsense", "--help"), 1);
}

static void what_is_wrong_is_one_line(void **state)
{
    (void)state;
#define REFUSED(message, ...)                                                                      \
    do {                                                                                           \
        assert_true(READ(__VA_ARGS__) < 0);                                                        \
        assert_string_equal(err.text, message);                                                    \
    } while (0)
    REFUSED("'--nonsense' is no option; see --help", "--nonsense");
    REFUSED("--port needs N", "--port");
    REFUSED("--port needs a whole number from 0 to 65535, not '65536'", "--port", "65536");
    REFUSED("--speed needs a number from 0.001 to 100000, not 'fast'", "--speed", "fast");
    REFUSED("--speed needs a number from 0.001 to 100000, not '0'", "--speed", "0");
    REFUSED("--no-abort is 'always' or 'unstreamed', not 'maybe'", "--no-abort", "maybe");
    REFUSED("--fault: 'x' is no fault", "--fault", "x");
    REFUSED("--api-key needs a key", "--api-key", "");
    REFUSED("--model needs a name of 1 to 511 bytes", "--model", "");
    REFUSED("no preset 'x'; 'simllm presets' lists them", "--preset", "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_the_cpu_engine_on_any_port),
        cmocka_unit_test(everything_said_arrives_in_any_order),
        cmocka_unit_test(help_wins),
        cmocka_unit_test(what_is_wrong_is_one_line),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
