/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "command.h"

static const struct command_option make_options[] = {
    {"--models", "A,B", "which"}, {"--loud", NULL, "say it"}, {NULL, NULL, NULL}};

static enum exit_status run(const struct invocation *call)
{
    (void)call;
    return EXIT_OK;
}

static const struct command commands[] = {
    {"status", "", "how it is", NULL, run},
    {"key make", "NAME", "make one", make_options, run},
    {"key list", "", "all", NULL, run},
};

static int read_words(const char *const *words, struct invocation *call, struct err *err)
{
    char *argv[12] = {(char *)"seawall"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    *call = (struct invocation){.command = NULL};
    *err = (struct err){""};
    return command_read(argc, argv, commands, COUNT_OF(commands), call, err);
}

#define READ(call, err, ...) read_words((const char *const[]){__VA_ARGS__, NULL}, call, err)

static void test_commands_of_one_and_two_words(void **state)
{
    (void)state;
    struct invocation call;
    struct err err;
    assert_int_equal(READ(&call, &err, "status"), 0);
    assert_ptr_equal(call.command, &commands[0]);
    assert_false(call.json || call.help || call.data);
    assert_int_equal(READ(&call, &err, "key", "list"), 0);
    assert_ptr_equal(call.command, &commands[2]);
    assert_int_equal(READ(&call, &err, "key", "make", "ann"), 0);
    assert_ptr_equal(call.command, &commands[1]);
    assert_int_equal(call.arguments_count, 1);
    assert_string_equal(call.arguments[0], "ann");
    assert_null(command_value(&call, "--models"));
    assert_null(command_value(&call, "--loud"));
}

static void test_options_stand_anywhere(void **state)
{
    (void)state;
    struct invocation call;
    struct err err;
    assert_int_equal(READ(&call, &err, "--data", "/d", "key", "--models", "a,b", "make", "--loud",
                          "ann", "--json"),
                     0);
    assert_ptr_equal(call.command, &commands[1]);
    assert_string_equal(call.data, "/d");
    assert_string_equal(call.arguments[0], "ann");
    assert_string_equal(command_value(&call, "--models"), "a,b");
    assert_string_equal(command_value(&call, "--loud"), "");
    assert_true(call.json);
    assert_int_equal(READ(&call, &err, "key", "make", "ann", "--models=a=b", "--data=key"), 0);
    assert_string_equal(command_value(&call, "--models"), "a=b");
    assert_string_equal(call.data, "key");
    assert_int_equal(READ(&call, &err, "key", "make", "-"), 0);
    assert_string_equal(call.arguments[0], "-");
}

static void test_help_asks_for_nothing_else(void **state)
{
    (void)state;
    struct invocation call;
    struct err err;
    assert_int_equal(READ(&call, &err, "--help"), 0);
    assert_true(call.help && !call.command);
    assert_int_equal(READ(&call, &err, "key", "make", "-h"), 0);
    assert_true(call.help && call.command == &commands[1]);
    assert_int_equal(READ(&call, &err, "key", "--help"), 0);
    assert_true(call.help && !call.command);
}

static void test_wrong_usage_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *words[6], *error;
    } cases[] = {
        {{"bogus"}, "unknown command 'bogus' (try --help)"},
        {{"ke", "make"}, "unknown command 'ke' (try --help)"},
        {{"key"}, "'key' needs another word (try --help)"},
        {{"key", "burn"}, "unknown command 'key burn' (try --help)"},
        {{"key", "make"}, "usage: seawall key make NAME"},
        {{"key", "make", "a", "b"}, "unexpected argument 'b'"},
        {{"status", "now"}, "unexpected argument 'now'"},
        {{"status", "--loud"}, "unknown option '--loud' (try --help)"},
        {{"--loud"}, "unknown option '--loud' (try --help)"},
        {{"status", "-x"}, "unknown option '-x' (try --help)"},
        {{"key", "make", "a", "--models"}, "'--models' needs a value"},
        {{"key", "make", "a", "--models="}, "'--models' needs a value"},
        {{"key", "make", "a", "--loud=yes"}, "'--loud' takes no value"},
        {{"status", "--data"}, "'--data' needs a value"},
        {{"status", "--json=yes"}, "'--json' takes no value"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct invocation call;
        struct err err;
        assert_int_equal(read_words(cases[i].words, &call, &err), -EINVAL);
        assert_string_equal(err.text, cases[i].error);
    }
}

static void test_many_words_are_too_many(void **state)
{
    (void)state;
    struct invocation call;
    struct err err;
    assert_int_equal(READ(&call, &err, "key", "make", "a", "b", "c", "d", "e", "f", "g"), -EINVAL);
    assert_string_equal(err.text, "unexpected argument 'b'");
    assert_int_equal(read_words((const char *const[]){NULL}, &call, &err), 0);
    assert_null(call.command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_of_one_and_two_words),
        cmocka_unit_test(test_options_stand_anywhere),
        cmocka_unit_test(test_help_asks_for_nothing_else),
        cmocka_unit_test(test_wrong_usage_says_what_is_wrong),
        cmocka_unit_test(test_many_words_are_too_many),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
