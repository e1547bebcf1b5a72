/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calibrate.h"

static int read_options(int argc, const char *const *argv, struct calibrate_options *options,
                        struct err *err)
{
    return calibrate_options_read(argc, (char *const *)argv, options, err);
}

static void options_are_read(void **state)
{
    (void)state;
    struct calibrate_options options;
    const char *argv[] = {"--seconds", "30", "http://x", "--kind", "slots", "--output", "f"};
    assert_int_equal(read_options(7, argv, &options, NULL), 0);
    assert_string_equal(options.url, "http://x");
    assert_string_equal(options.output, "f");
    assert_string_equal(options.name, "calibrated");
    assert_int_equal(options.seconds, 30);
    assert_int_equal(options.kind, PRESET_SLOTS + 1);
    assert_int_equal(read_options(1, (const char *[]){"--help"}, &options, NULL), 1);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *argv[4];
        int argc;
        const char *text;
    } cases[] = {
        {{NULL}, 0, "'simllm calibrate' needs the URL of an engine"},
        {{"http://x", "http://y"}, 2, "'http://y' is no option; see --help"},
        {{"http://x", "--slow"}, 2, "'--slow' is no option; see --help"},
        {{"http://x", "--seconds"}, 2, "--seconds needs N"},
        {{"http://x", "--seconds", "4"},
         3,
         "--seconds needs a whole number from 5 to 3600, not '4'"},
        {{"http://x", "--batch-max", "257"},
         3,
         "--batch-max needs a whole number from 1 to 256, not '257'"},
        {{"http://x", "--kind", "both"}, 3, "--kind is 'batch' or 'slots', not 'both'"},
        {{"http://x", "--name", ""}, 3, "--name needs a text"},
    };
    struct calibrate_options options;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(read_options(cases[i].argc, cases[i].argv, &options, &err), -EINVAL);
        assert_string_equal(err.text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(wrong_options_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
